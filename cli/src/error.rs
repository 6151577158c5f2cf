//! What a person is told when something fails: what, why, and the command that helps.
//!
//! Every error of every layer ends here, and the match is exhaustive: whoever adds one has to say what a person can do.

mod advice;
mod message;

use std::{io, path::PathBuf, process::ExitCode};

use alliance_core::app::{AppError, Candidate, Person, SessionError};
use serde::Serialize;

use self::{
    advice::{BEGIN, app, is_of_the_other, list, net, one_of, session, some_of, untouched},
    message::{message, one, quoted},
};
use crate::{config::ProfileName, net::relay::NetError};

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// It does not know what was meant.
    Usage = 2,
    /// The person ended it.
    Cancelled = 3,
    /// What was meant is not there.
    NotFound = 5,
    /// Only the other person may do that.
    NotYours = 6,
    /// Relay or peer was not reached; all is saved here.
    NotReached = 7,
    /// There is a mistake in the program.
    Bug = 255,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Everything that makes a command fail.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The façade.
    #[error(transparent)]
    App(#[from] AppError),
    /// An exchange with a relay.
    #[error(transparent)]
    Session(SessionError),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A variable that cannot be understood.
    #[error("{name} must be {want}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it should be.
        want: &'static str,
    },
    /// Nobody knows where data are kept.
    #[error("there is no home folder")]
    NoHome,
    /// A folder or file of a profile.
    #[error("{} cannot be used", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file for recovery words.
    #[error("the recovery words cannot be written to {}", path.display())]
    RecoveryFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is no profile yet.
    #[error("there is no profile “{name}” yet")]
    NoProfile {
        /// Its name.
        name: ProfileName,
        /// The names of those that there are.
        others: Vec<ProfileName>,
    },
    /// There are several profiles, and none is meant.
    #[error("there are several profiles here")]
    ManyProfiles {
        /// Their names.
        names: Vec<ProfileName>,
    },
    /// There is a profile of this name.
    #[error("there is a profile “{name}” here already")]
    ProfileExists {
        /// Its name.
        name: ProfileName,
    },
    /// The profile belongs to another person than the one who joins.
    #[error("the profile “{profile}” belongs to {} ({})", person.name, person.role)]
    OtherPerson {
        /// Its name.
        profile: ProfileName,
        /// Whose it is.
        person: Person,
    },
    /// It was not said who joins.
    #[error("there is no profile here yet, and it is not said who joins")]
    NoPerson,
    /// No alliance is called so.
    #[error("there is no alliance “{name}” here")]
    UnknownAlliance {
        /// What was said.
        name: String,
        /// What there is.
        titles: Vec<String>,
    },
    /// An alliance of this title is there already.
    #[error("there is an alliance “{title}” here already")]
    AllianceExists {
        /// Its title.
        title: String,
    },
    /// Nobody could be asked whether the other person may see something.
    #[error("nobody said that “{title}” may be shared")]
    NotConfirmed {
        /// What was to be shared.
        title: String,
        /// For whom.
        people: String,
    },
    /// The person was asked, and said no.
    #[error("nothing was shared")]
    Declined,
    /// Several alliances are called so.
    #[error("“{name}” could mean several alliances")]
    ManyAlliances {
        /// What was said.
        name: String,
        /// Ids and titles.
        candidates: Vec<(String, String)>,
    },
    /// A relay's address that cannot be used.
    #[error("the relay {url} cannot be used: {why}")]
    RelayUrl {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// A file with an authority's certificate.
    #[error("{} is no certificate to trust", path.display())]
    RootFile {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// A token that no relay gives. It is not said which.
    #[error("a token is one word of at most 512 letters, digits and signs")]
    Token,
    /// A token for a relay that would hear it in the clear.
    #[error("a token for {url} would be said in the clear")]
    TokenInClear {
        /// The relay.
        url: String,
    },
    /// An invitation that leads to no relay.
    #[error("the invitation names no relay")]
    NoRelayInInvitation,
    /// A day that cannot be understood.
    #[error("“{text}” is not one day")]
    NotADay {
        /// What was said.
        text: String,
    },
    /// There are no words, and no terminal on which an editor could open.
    #[error("there are no words")]
    NoText,
    /// The editor cannot be started, or broke down.
    #[error("the editor `{editor}` {why}")]
    Editor {
        /// Its command.
        editor: String,
        /// What is wrong with it.
        why: &'static str,
        /// True if the settings name it.
        set: bool,
    },
    /// The person left the editor with the word that nothing should be changed.
    #[error("the editor `{editor}` ended with the word that nothing should be changed")]
    EditorCancelled {
        /// Its command.
        editor: String,
    },
    /// What somebody wrote could not be put in its place; it is in a file.
    #[error("{error}")]
    Draft {
        /// Why.
        error: Box<Self>,
        /// Where it is.
        path: PathBuf,
        /// The option that takes it.
        option: &'static str,
    },
    /// A command that changes nothing before the network has answered got no answer.
    #[error(transparent)]
    Untouched(Box<Self>),
    /// A day of which nobody can say anything yet.
    #[error("{day} is still to come")]
    ToCome {
        /// The day.
        day: String,
    },
    /// What was named is there, and of another kind.
    #[error("“{title}” is {}, not {}", one(is), one(wanted))]
    OtherKind {
        /// Its short id.
        short: String,
        /// Its title.
        title: String,
        /// Its kind.
        is: String,
        /// The kind that was asked for.
        wanted: String,
    },
    /// No milestone of a goal is what was said.
    #[error("“{title}” has no milestone “{text}”")]
    NoMilestone {
        /// The goal's short id.
        short: String,
        /// Its title.
        title: String,
        /// What was to be done.
        verb: &'static str,
        /// What was said.
        text: String,
        /// The milestones that it has.
        there: Vec<String>,
    },
    /// There is nothing that was taken back.
    #[error("there is nothing to do again")]
    NothingToRedo,
    /// A private note of which there is a copy already.
    #[error("it is shared already, as “{title}”")]
    CopiedAlready {
        /// The short id of the copy.
        short: String,
        /// What the copy is called.
        title: String,
    },
    /// A setting that does not exist, or cannot be so.
    #[error("{name} cannot be set so")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What can be.
        want: &'static str,
    },
    /// The person ended it.
    #[error("ended before it was done")]
    Cancelled,
    /// Stdin.
    #[error("what comes in cannot be read")]
    Input(#[source] io::Error),
    /// Stdout.
    #[error("the answer cannot be printed")]
    Output(#[source] io::Error),
    /// The system gives no network to work with.
    #[error("the network cannot be used")]
    Runtime(#[source] io::Error),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] crate::command::demo::DemoError),
    /// A panic.
    #[error("there is a mistake in this program")]
    Bug,
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::App(error) => Self::App(error),
            error => Self::Session(error),
        }
    }
}

/// What a person is told, and what the program returns.
#[derive(PartialEq, Eq, Debug)]
pub struct Report {
    /// Name for programs; never changes.
    pub code: &'static str,
    /// What failed and why.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
    /// How the program ends.
    pub exit: Exit,
}

/// Something that could be meant.
#[derive(Serialize, PartialEq, Eq, Debug)]
pub struct Meant {
    /// What to say for it.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Of an item, whether only its owner can see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
}

impl CliError {
    /// What could be meant, where it is not clear.
    pub fn candidates(&self) -> Vec<Meant> {
        match self {
            Self::App(AppError::Ambiguous { candidates, .. }) => {
                let meant =
                    |Candidate { short, title, private }: Candidate| Meant { id: short, title, private: Some(private) };
                candidates.iter().cloned().map(meant).collect()
            }
            Self::ManyProfiles { names } => {
                let meant = |name: &ProfileName| Meant { id: name.to_string(), title: name.to_string(), private: None };
                names.iter().map(meant).collect()
            }
            Self::ManyAlliances { candidates, .. } => {
                candidates.iter().cloned().map(|(id, title)| Meant { id, title, private: None }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// True if the commands of the hint are for the other person to run, who knows nothing of the profiles here.
    pub fn helps_there(&self) -> bool {
        match self {
            Self::App(error) => is_of_the_other(error),
            Self::NoRelayInInvitation => true,
            Self::Untouched(error) => error.helps_there(),
            _ => false,
        }
    }

    /// What a person is told.
    pub fn report(&self) -> Report {
        let (code, exit, hint) = match self {
            Self::App(error) => app(error),
            Self::Session(error) => session(error),
            Self::Net(error) => net(error),
            Self::Variable { .. } => ("variable", Exit::Usage, None),
            Self::NoHome => ("no_home", Exit::Failed, Some("set ALLIANCE_HOME to a folder for profiles".to_owned())),
            Self::Folder { .. } => {
                ("folder", Exit::Failed, Some("ALLIANCE_HOME names another folder for profiles".to_owned()))
            }
            Self::RecoveryFile { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ("recovery_file", Exit::Failed, Some("it is never overwritten: name a new file".to_owned()))
            }
            Self::RecoveryFile { .. } => {
                ("recovery_file", Exit::Failed, Some("name a new file that can be written".to_owned()))
            }
            Self::NoProfile { others, .. } if others.is_empty() => {
                ("no_profile", Exit::NotFound, Some(BEGIN.to_owned()))
            }
            Self::NoProfile { others, .. } => {
                ("no_profile", Exit::NotFound, Some(format!("there is: {}; --profile says which", list(others))))
            }
            Self::ManyProfiles { names } => {
                ("ambiguous", Exit::Usage, Some(format!("say which with --profile: {}", list(names))))
            }
            Self::ProfileExists { .. } => (
                "profile_exists",
                Exit::Failed,
                Some(
                    "`alliance new <title>` starts another alliance in it; --profile <name> makes another profile"
                        .to_owned(),
                ),
            ),
            Self::OtherPerson { .. } => (
                "other_person",
                Exit::Usage,
                Some(
                    "leave --name and --role away to join as this person, or name another profile with --profile"
                        .to_owned(),
                ),
            ),
            Self::NoPerson => {
                ("usage", Exit::Usage, Some("`alliance join <invite> --name <you> --role <what you are>`".to_owned()))
            }
            Self::UnknownAlliance { titles, .. } => ("not_found", Exit::NotFound, some_of(titles)),
            Self::AllianceExists { title } => (
                "alliance_exists",
                Exit::Usage,
                Some(format!("say another title; `alliance use {title:?}` chooses the one that is there")),
            ),
            Self::NotConfirmed { people, .. } => {
                ("not_confirmed", Exit::Usage, Some(format!("--yes makes a copy for {people}")))
            }
            Self::Declined => ("declined", Exit::Cancelled, Some("it stays private".to_owned())),
            Self::ManyAlliances { candidates, .. } => ("ambiguous", Exit::Usage, Some(one_of(candidates))),
            Self::RelayUrl { .. } => {
                ("relay_url", Exit::Failed, Some("`alliance relay set <url>` names another one".to_owned()))
            }
            Self::RootFile { .. } => {
                ("root", Exit::Failed, Some("it is a file in PEM, from whoever runs the relay".to_owned()))
            }
            Self::Token => ("token", Exit::Usage, Some("copy it whole, as the relay's operator gave it".to_owned())),
            Self::TokenInClear { .. } => {
                ("token", Exit::Usage, Some("use the relay's https:// address; nothing was kept".to_owned()))
            }
            Self::NoRelayInInvitation => (
                "no_relay",
                Exit::Failed,
                Some("ask the other person to run `alliance relay set <url>` and `alliance invite` again".to_owned()),
            ),
            Self::NotADay { .. } => {
                ("not_a_day", Exit::Usage, Some("say it as fri, tomorrow, in 3 weeks, 27 Nov or 2026-11-27".to_owned()))
            }
            Self::NoText => (
                "no_text",
                Exit::Usage,
                Some("-m <text> says it, -m - reads it from stdin; on a terminal your editor opens".to_owned()),
            ),
            Self::Editor { set, .. } => {
                // What is set goes before what the environment says.
                let names = if *set { "" } else { "EDITOR or " };
                let names = format!("{names}`alliance config set editor <command>` names another one");
                ("editor", Exit::Failed, Some(names))
            }
            Self::EditorCancelled { .. } => ("cancelled", Exit::Cancelled, Some("nothing was changed".to_owned())),
            Self::Draft { error, path, option } => {
                let Report { code, exit, hint, .. } = error.report();
                let kept = format!("what you wrote is kept: `{option} - < {}` takes it", quoted(path));
                (code, exit, Some(hint.map_or(kept.clone(), |hint| format!("{kept}; {hint}"))))
            }
            Self::Untouched(error) => untouched(error),
            Self::ToCome { .. } => {
                ("not_a_day", Exit::Usage, Some("say how far it has come by now, or on a day before".to_owned()))
            }
            Self::OtherKind { short, is, .. } => {
                ("not_found", Exit::NotFound, Some(format!("`alliance {is} show {short}` shows it")))
            }
            Self::NoMilestone { short, there, .. } if there.is_empty() => {
                ("not_found", Exit::NotFound, Some(format!("`alliance goal milestone add {short} <words>` adds one")))
            }
            Self::NoMilestone { short, verb, there, .. } => {
                let lines = (1..).zip(there).map(|(number, words)| format!("\n  {number}  {words}"));
                let takes = format!("`alliance goal milestone {verb} {short} <n>` takes one of these numbers:");
                ("not_found", Exit::NotFound, Some(lines.fold(takes, |all, line| all + &line)))
            }
            Self::NothingToRedo => (
                "nothing_to_redo",
                Exit::NotFound,
                Some("only what `alliance undo` took back is done again".to_owned()),
            ),
            Self::CopiedAlready { short, .. } => (
                "shared_already",
                Exit::Usage,
                Some(format!("`alliance note show {short}` shows that copy; --again makes another one")),
            ),
            Self::Setting { want, .. } => ("setting", Exit::Usage, Some((*want).to_owned())),
            Self::Cancelled => {
                ("cancelled", Exit::Cancelled, Some("all is saved here; `alliance sync` goes on".to_owned()))
            }
            Self::Input(_) => ("input", Exit::Failed, Some("texts are UTF-8 and at most 512 KiB long".to_owned())),
            Self::Output(_) => (
                "output",
                Exit::Failed,
                Some(
                    "see where the output goes; recovery words can be put into a file with --recovery-file".to_owned(),
                ),
            ),
            Self::Runtime(_) => ("network", Exit::Failed, None),
            Self::Demo(error) => error.advice(),
            Self::Bug => ("bug", Exit::Bug, Some("all that was saved is safe; please report what you did".to_owned())),
        };
        Report { code, message: message(self), hint, exit }
    }
}

#[cfg(test)]
mod tests;
