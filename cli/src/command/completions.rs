//! `alliance completions` and `alliance man`: what a shell and a reader of manuals want to know of the commands.
//!
//! The scripts complete ids, too: they ask this program, which knows from its own definition where an id belongs.

use std::{fs, io, path::PathBuf};

use alliance_core::app::AllianceInfo;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde::Serialize;

use super::{Answer, Context, alliance};
use crate::{
    args::{self, Options},
    config::ProfileName,
    error::CliError,
};

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// Folder for the pages, which is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Arguments of `complete-ids`.
#[derive(Args, Debug)]
pub struct CompleteIds {
    /// What was typed so far, without the word that is being typed
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    typed: Vec<String>,
}

/// An id that may come next.
#[derive(Serialize, PartialEq, Eq, Debug)]
pub struct Id {
    /// What a person types for it.
    pub id: String,
    /// The item's title.
    pub title: String,
}

const BASH: &str = r#"
_alliance_ids() {
    _alliance "$@"
    local ids
    ids=$("${COMP_WORDS[0]}" complete-ids -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null | cut -f1)
    if [ -n "$ids" ]; then
        COMPREPLY=($(compgen -W "$ids" -- "${COMP_WORDS[COMP_CWORD]}"))
    fi
}
complete -F _alliance_ids -o bashdefault -o default alliance
"#;

const ZSH: &str = r#"
_alliance_ids() {
    local -a typed ids
    typed=(${(z)LBUFFER})
    [[ $LBUFFER == *' ' ]] || typed=(${typed[1,-2]})
    ids=(${(f)"$(${typed[1]} complete-ids -- ${(Q)typed[2,-1]} 2>/dev/null)"})
    ids=(${ids/$'\t'/:})
    _describe 'name' ids
}
"#;

const FISH: &str = r#"
complete -c alliance -k -f -a '(alliance complete-ids -- (commandline -opc)[2..-1] 2>/dev/null)'
"#;

impl Completions {
    /// Writes the script.
    pub fn run(self) -> Result<Answer, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut args::Args::command(), "alliance", &mut script);
        let script = String::from_utf8(script).map_err(|error| CliError::Output(io::Error::other(error)))?;
        Ok(Answer::Text(match self.shell {
            Shell::Bash => script + BASH,
            Shell::Fish => script + FISH,
            Shell::Zsh => {
                let named = ["':id -- ", "'::name -- Title of the alliance", "'--profile=", "'--alliance=["];
                let ids = |line: &str| match named.iter().any(|named| line.trim_start().starts_with(named)) {
                    true => line.replace(":_default'", ":_alliance_ids'"),
                    false => line.to_owned(),
                };
                let script: String = script.lines().map(|line| ids(line) + "\n").collect();
                script.replacen('\n', &format!("\n{ZSH}"), 1)
            }
            _ => script,
        }))
    }
}

impl Man {
    /// Writes a page for every command.
    pub fn run(self) -> Result<Answer, CliError> {
        let failed = |source| CliError::Pages { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(args::Args::command(), &self.folder).map_err(failed)?;
        Ok(Answer::Text(format!("{}\n", self.folder.join("alliance.1").display())))
    }
}

impl CompleteIds {
    /// The ids that may come next; none where no id belongs, or where there is no profile.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let Some(place) = place(&self.typed) else { return Ok(Answer::Ids(Vec::new())) };
        if place.belongs == Belongs::Profile {
            let names = context.folder()?.names()?.into_iter().map(|name| name.to_string());
            return Ok(Answer::Ids(names.map(|id| Id { id, title: String::new() }).collect()));
        }
        let options = Options { json: false, profile: place.profile, alliance: place.alliance, offline: true };
        let context = Context::new(context.env, context.ui, &options);
        let mut profile = context.profile()?;
        let found = match place.belongs {
            Belongs::Alliance => alliances(&profile.alliances()?),
            Belongs::Choice => {
                let space = context.space(&mut profile)?;
                let mut all: Vec<_> = profile.conflicts(space)?.into_iter().map(|it| (it.short, it.title)).collect();
                all.dedup();
                all
            }
            Belongs::Item | Belongs::Profile => {
                let space = context.space(&mut profile)?;
                profile.complete(space, place.kind, "")?
            }
        };
        Ok(Answer::Ids(found.into_iter().map(|(id, title)| Id { id, title }).collect()))
    }
}

/// Beginnings of their ids, which a shell takes as they are, and titles.
fn alliances(all: &[AllianceInfo]) -> Vec<(String, String)> {
    all.iter().map(|info| (alliance::short(&info.space, all), info.title.clone())).collect()
}

/// What may be named in a place on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Belongs {
    /// An item.
    Item,
    /// An item with something to choose.
    Choice,
    /// An alliance.
    Alliance,
    /// A profile.
    Profile,
}

/// A place on the command line where something is named.
#[derive(PartialEq, Eq, Debug)]
struct Place {
    belongs: Belongs,
    kind: Option<&'static str>,
    profile: Option<ProfileName>,
    alliance: Option<String>,
}

/// Follows what was typed through the definition of the commands.
fn place(typed: &[String]) -> Option<Place> {
    let mut root = args::Args::command();
    root.build();
    let (mut at, mut noun, mut positionals) = (&root, None, 0);
    let (mut profile, mut alliance) = (None, None);
    let mut belongs = None;
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let option = at.get_arguments().filter(|option| option.get_action().takes_values()).find(|option| {
            let long = option.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long));
            long || option.get_short().is_some_and(|short| *name == format!("-{short}"))
        });
        if let Some(option) = option {
            let value = value.map(str::to_owned).or_else(|| words.next().cloned());
            match option.get_id().as_str() {
                // What comes next is the value of this option.
                "profile" if value.is_none() => belongs = Some(Some(Belongs::Profile)),
                "alliance" if value.is_none() && noun != Some("init") => belongs = Some(Some(Belongs::Alliance)),
                id if value.is_none() => belongs = Some((id == "asked_for").then_some(Belongs::Item)),
                "profile" => profile = value.and_then(|name| name.parse().ok()),
                "alliance" => alliance = value,
                _ => {}
            }
        } else if let Some(verb) = at.find_subcommand(word).filter(|_| positionals == 0) {
            noun = noun.or(Some(verb.get_name()));
            at = verb;
        } else if !word.starts_with('-') {
            positionals += 1;
        }
    }
    let next = || {
        let next = at.get_positionals().nth(positionals)?;
        match (at.get_name(), next.get_id().as_str()) {
            ("keep", "id") if noun == Some("conflict") => Some(Belongs::Choice),
            ("use", "name") => Some(Belongs::Alliance),
            (_, "id") => Some(Belongs::Item),
            _ => None,
        }
    };
    let noun = match (noun, at.get_name()) {
        // It may be about anything.
        (Some("comment"), "add") => None,
        (Some("done"), _) => Some("commitment"),
        (Some("reflect"), _) => Some("reflection"),
        (Some("prep"), _) => Some("session"),
        (noun, _) => noun,
    };
    let kind = alliance_core::domain::KINDS.iter().map(|kind| kind.name).find(|kind| noun == Some(kind));
    Some(Place { belongs: belongs.unwrap_or_else(next)?, kind, profile, alliance })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Option<Place> {
        place(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn kind(line: &str) -> Option<&'static str> {
        at(line).unwrap_or_else(|| panic!("an id belongs after {line}")).kind
    }

    #[test]
    fn ids_are_completed_where_they_belong() {
        assert_eq!(
            (kind("goal show"), kind("note edit"), kind("goal milestone tick")),
            (Some("goal"), Some("note"), Some("goal"))
        );
        assert_eq!((kind("history"), kind("conflict keep"), kind("comment add")), (None, None, None));
        assert_eq!((kind("done"), kind("commitment keep")), (Some("commitment"), Some("commitment")));
        assert_eq!((kind("reflect show"), kind("prep")), (Some("reflection"), Some("session")));
        assert_eq!(kind("feedback give keep --for"), Some("feedback"));
        assert_eq!(kind("goal edit --title Run"), Some("goal"));
        for none in ["", "goal", "goal show g3k", "note add", "sync", "goal rate g3k", "goal edit --title", "today"] {
            assert!(at(none).is_none(), "{none}");
        }
    }

    #[test]
    fn profiles_alliances_and_choices_are_completed_too() {
        let belongs = |line: &str| at(line).unwrap_or_else(|| panic!("nothing belongs after {line}")).belongs;
        assert_eq!((belongs("--profile"), belongs("goal --profile")), (Belongs::Profile, Belongs::Profile));
        assert_eq!((belongs("use"), belongs("goal list --alliance")), (Belongs::Alliance, Belongs::Alliance));
        assert_eq!((belongs("conflict keep"), belongs("goal edit")), (Belongs::Choice, Belongs::Item));
        assert!(at("init --alliance").is_none(), "its title is new");
    }

    #[test]
    fn the_profile_and_the_alliance_that_were_typed_are_meant() {
        let place = at("--profile ben goal --alliance=Two show").expect("an id belongs there");
        assert_eq!(place.profile.map(|name| name.to_string()).as_deref(), Some("ben"));
        assert_eq!(place.alliance.as_deref(), Some("Two"));
    }

    #[test]
    fn every_script_is_written_and_those_of_three_shells_ask_for_ids() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let Ok(Answer::Text(script)) = (Completions { shell }).run() else { panic!("no script for {shell}") };
            assert!(script.contains("milestone"), "{shell}");
            let asks = matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish);
            assert_eq!(script.contains("complete-ids --"), asks, "{shell}");
            assert_eq!(script.matches(":_alliance_ids'").count() > 10, shell == Shell::Zsh, "{shell}");
        }
    }
}
