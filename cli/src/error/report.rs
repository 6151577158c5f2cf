//! What a person is told of an error, and what a program reads of it.

use std::io;

use alliance_core::app::{AppError, Candidate};
use serde::Serialize;

use super::{
    CliError, Exit,
    advice::{
        BEGIN, RESTORE, app, elsewhere, is_of_the_other, list, net, one_of, own_invitation, session, some_of, untouched,
    },
    message::{message, quoted},
    peer,
};
use crate::config::ProfileName;

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
            Self::ManyAlliances { candidates, .. } | Self::NoneChosen { candidates } => {
                candidates.iter().cloned().map(|(id, title)| Meant { id, title, private: None }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// True if the commands of the hint are for the other person to run, who knows nothing of the profiles here.
    pub fn helps_there(&self) -> bool {
        match self {
            Self::App(error) => is_of_the_other(error),
            Self::NoRelayInInvitation | Self::OwnInvitation(_) | Self::Ticket(_) => true,
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
            Self::ProfileFile { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                ("damaged", Exit::Failed, Some(RESTORE.to_owned()))
            }
            Self::ProfileFile { .. } => {
                ("folder", Exit::Failed, Some("see who may read and write that file and its folder".to_owned()))
            }
            Self::NoRoom { .. } => (
                "folder",
                Exit::Failed,
                Some(
                    "look what is in it and move it away, or make a profile of another name with --profile".to_owned(),
                ),
            ),
            Self::Pages { .. } => {
                ("folder", Exit::Failed, Some("name a folder that can be written: `alliance man ./man`".to_owned()))
            }
            Self::Settings { path, .. } => {
                let mend = format!("mend that file, or take it away with `rm {}`: then nothing is set", quoted(path));
                ("folder", Exit::Failed, Some(mend))
            }
            Self::RecoveryFile { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ("recovery_file", Exit::Failed, Some("it is never overwritten: name a new file".to_owned()))
            }
            Self::RecoveryFile { .. } => {
                ("recovery_file", Exit::Failed, Some("name a new file that can be written".to_owned()))
            }
            Self::BackupFile { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ("backup_file", Exit::Failed, Some("name a new file, or --force replaces it".to_owned()))
            }
            Self::BackupFile { .. } => {
                ("backup_file", Exit::Failed, Some("nothing was changed; see whether its name is right".to_owned()))
            }
            Self::BackupUnfinished(error) => {
                let Report { code, exit, .. } = error.report();
                let hint = "what came is kept: the same command with the same words goes on; with --without <url> it gives up that relay, which is gone for good, with --offline it asks none";
                (code, exit, Some(hint.to_owned()))
            }
            Self::BackupUnsent => (
                "not_restored",
                Exit::Failed,
                Some("the same command with the same words goes on; with --offline everything is usable at once, and the next `alliance sync` tells a relay".to_owned()),
            ),
            Self::NoProfile { others, .. } if others.is_empty() => {
                ("no_profile", Exit::NotFound, Some(BEGIN.to_owned()))
            }
            Self::NoProfile { others, .. } => {
                ("no_profile", Exit::NotFound, Some(format!("there is: {}; --profile says which", list(others))))
            }
            Self::Restoring { .. } => (
                "not_restored",
                Exit::Failed,
                Some("`alliance recovery restore --relay <url>`, or `alliance backup restore <file>`, with the same words goes on where it was; where no relay answers, `alliance backup restore <file> --offline` does without".to_owned()),
            ),
            Self::Words(_) => (
                "words",
                Exit::Usage,
                Some("nothing was changed; type the 24 words from your paper, in their order".to_owned()),
            ),
            Self::NoWords => (
                "words",
                Exit::Usage,
                Some("nothing was changed; on a terminal they are asked for, else standard input has to have them, as from a file: `< words.txt`".to_owned()),
            ),
            Self::NotBack { .. } => (
                "not_restored",
                Exit::Failed,
                Some("ask whoever runs the relay; then the same command with the same words goes on, and with --without <url> it does so without that relay".to_owned()),
            ),
            Self::Unfinished(error) => {
                let Report { code, exit, .. } = error.report();
                let hint = "what came is kept: the same command with the same words goes on; --without <url> gives up a relay that is gone for good";
                (code, exit, Some(hint.to_owned()))
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
            Self::SamePerson => {
                ("other_person", Exit::Usage, Some("leave --name, --role and --recovery-file away".to_owned()))
            }
            Self::OwnInvitation(why) => own_invitation(*why),
            Self::NoQuestion { .. } => {
                ("not_found", Exit::NotFound, Some("say the same without --answers, with --json, to see what is asked".to_owned()))
            }
            Self::NoComputer { .. } => {
                ("not_found", Exit::NotFound, Some("`alliance device list` shows their ids and names".to_owned()))
            }
            Self::SeveralComputers { .. } => {
                ("ambiguous", Exit::Usage, Some("say its id: `alliance device list` shows it".to_owned()))
            }
            Self::NobodyThere => {
                ("alone", Exit::Failed, Some("`alliance invite` makes the word that lets them in".to_owned()))
            }
            Self::ThisComputer => (
                "this_computer",
                Exit::Usage,
                Some("a computer is cut off from another one, or with the recovery words".to_owned()),
            ),
            Self::CutAlready { .. } => {
                ("cut_already", Exit::Failed, Some("`alliance device list` shows which are left".to_owned()))
            }
            Self::NotIn { .. } => ("not_in", Exit::Failed, Some("`alliance status` says what helps".to_owned())),
            Self::OtherPerson { .. } => (
                "other_person",
                Exit::Usage,
                Some(
                    "leave --name and --role away to join as this person, or name another profile with --profile"
                        .to_owned(),
                ),
            ),
            Self::NoPerson | Self::HalfPerson { .. } => {
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
            Self::Unconfirmed { .. } => {
                ("not_confirmed", Exit::Usage, Some("say --yes where nobody can be asked".to_owned()))
            }
            Self::NotCut => (
                "declined",
                Exit::Cancelled,
                Some("the same command with --keep-others, and with the same words, goes on and leaves them in".to_owned()),
            ),
            Self::WouldCut { .. } => (
                "not_confirmed",
                Exit::Usage,
                Some("nothing was cut off yet: the same command with the same words goes on, with --yes if they are lost, with --keep-others if you still have them".to_owned()),
            ),
            Self::Declined => ("declined", Exit::Cancelled, Some("nothing was changed".to_owned())),
            Self::ManyAlliances { candidates, .. } => ("ambiguous", Exit::Usage, Some(one_of(candidates))),
            Self::NoneChosen { candidates } => {
                let which = one_of(candidates);
                let helps = format!("`alliance use <title>` chooses one, --alliance names one for this time; {which}");
                ("ambiguous", Exit::Usage, Some(helps))
            }
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
            Self::Ticket(error) => peer::ticket(error),
            Self::Peer(error) => peer::reached(error),
            Self::PeerTalk(_) => ("peer_gone", Exit::NotReached, Some(peer::AGAIN.to_owned())),
            Self::Strangers => (
                "peer_stranger",
                Exit::Failed,
                Some("nothing was said; see whether it is the ticket of the right person".to_owned()),
            ),
            Self::NoRelayInInvitation => (
                "no_relay",
                Exit::Failed,
                Some("ask the other person to run `alliance relay set <url>` and `alliance invite` again".to_owned()),
            ),
            Self::NotADay { .. } => {
                ("not_a_day", Exit::Usage, Some("say it as fri, tomorrow, in 3 weeks, 27 Nov or 2026-11-27; with a time, as fri 16:00".to_owned()))
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
            Self::Draft { error, path, command } => {
                let Report { code, exit, hint, .. } = error.report();
                let kept = format!("what you wrote is kept: `{command} < {}` takes it", quoted(path));
                (code, exit, Some(hint.map_or(kept.clone(), |hint| format!("{kept}; {hint}"))))
            }
            Self::Untouched(error) => untouched(error),
            Self::Offline => {
                ("offline", Exit::Usage, Some("this command needs the network: say it without --offline".to_owned()))
            }
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
            Self::DoneElsewhere { undo: true, .. } => {
                ("nothing_to_undo", Exit::NotFound, Some("`alliance undo` takes it back".to_owned()))
            }
            Self::DoneElsewhere { .. } => {
                ("nothing_to_redo", Exit::NotFound, Some("`alliance redo` does it again".to_owned()))
            }
            Self::Elsewhere { short, kind, alliance, .. } => {
                ("not_found", Exit::NotFound, Some(elsewhere(short, kind, alliance)))
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
            Self::Import(error) => error.advice(),
            Self::Bug => ("bug", Exit::Bug, Some("all that was saved is safe; please report what you did".to_owned())),
        };
        Report { code, message: message(self), hint, exit }
    }
}
