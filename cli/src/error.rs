//! What a person is told when something fails: what, why, and the command that helps.
//!
//! Every error of every layer ends here, and the match is exhaustive: whoever adds one has to say what a person can do.

mod advice;
mod message;
mod peer;
mod report;

use std::{io, path::PathBuf, process::ExitCode};

use alliance_core::{
    app::{AppError, NotInvited, Person, SessionError},
    keys::{recovery::BadWords, route},
};

use self::message::{one, within};
pub use self::report::{Meant, Report};
use crate::{
    command::import::ImportError,
    config::ProfileName,
    net::{
        peer::PeerError,
        relay::{NetError, TalkError},
    },
};

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
    /// An export that is to come back.
    #[error(transparent)]
    Import(#[from] ImportError),
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
    /// A profile is there and cannot be opened.
    #[error("the profile in {} cannot be read", path.display())]
    ProfileFile {
        /// Its file.
        path: PathBuf,
        /// What the system says, or what is wrong with the file.
        #[source]
        source: io::Error,
    },
    /// Something else lies where a profile should go.
    #[error("there is no room for a profile in {}", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The manual pages.
    #[error("the pages cannot be written to {}", path.display())]
    Pages {
        /// Their folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The settings.
    #[error("the settings in {} cannot be read", path.display())]
    Settings {
        /// Their file.
        path: PathBuf,
        /// What is wrong with it.
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
    /// A backup file.
    #[error("the backup {} cannot be used", path.display())]
    BackupFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A relay was not reached while somebody is brought back by a backup.
    #[error(transparent)]
    BackupUnfinished(Box<Self>),
    /// No relay took what lets this computer in.
    #[error("everything is here, but no relay knows of this computer yet")]
    BackupUnsent,
    /// There is no profile yet.
    #[error("there is no profile “{name}” yet")]
    NoProfile {
        /// Its name.
        name: ProfileName,
        /// The names of those that there are.
        others: Vec<ProfileName>,
    },
    /// The profile is not whole yet: its person is being brought back.
    #[error("the profile “{name}” is being brought back and is not whole yet")]
    Restoring {
        /// Its name.
        name: ProfileName,
    },
    /// What was typed are no recovery words.
    #[error("these are no recovery words")]
    Words(#[source] BadWords),
    /// Recovery words are wanted, and nothing came in.
    #[error("your 24 recovery words are needed, and nothing came in")]
    NoWords,
    /// A relay refused a space that is being brought back.
    #[error("the relay refused {}: {why}", if title.is_empty() { "your own space" } else { title })]
    NotBack {
        /// What the space is called.
        title: String,
        /// Why.
        why: &'static str,
    },
    /// A relay was not reached while somebody is brought back.
    #[error(transparent)]
    Unfinished(Box<Self>),
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
    /// An invitation for another computer, and something said about the person.
    #[error("this invitation is for another computer of the same person: who that is, and their words, are known")]
    SamePerson,
    /// An invitation that this person made for another computer of theirs does not let it in.
    #[error("the invitation does not let this computer in")]
    OwnInvitation(#[source] NotInvited),
    /// No question of a review is called so.
    #[error("the review asks nothing called “{id}”")]
    NoQuestion {
        /// What was said.
        id: String,
    },
    /// No computer is called so.
    #[error("you have no computer “{text}”")]
    NoComputer {
        /// What was said.
        text: String,
    },
    /// Several computers are called so.
    #[error("several of your computers are “{text}”")]
    SeveralComputers {
        /// What was said.
        text: String,
    },
    /// The computer at which one sits is not cut off.
    #[error("that is this computer")]
    ThisComputer,
    /// It is out already.
    #[error("{name} was cut off already")]
    CutAlready {
        /// How it is called.
        name: String,
    },
    /// This computer is not in the space any more, and what it makes there would let nobody in.
    #[error("what is made here would let nobody in: {happened}")]
    NotIn {
        /// What happened to it.
        happened: String,
    },
    /// Something that cannot be undone, and nobody to ask.
    #[error("{what} cannot be undone, and was not confirmed")]
    Unconfirmed {
        /// What.
        what: String,
    },
    /// Nobody else is in the alliance.
    #[error("nobody is there to compare words with yet")]
    NobodyThere,
    /// It was not said who joins.
    #[error("there is no profile here yet, and it is not said who joins")]
    NoPerson,
    /// It was half said who joins.
    #[error("there is no profile here yet, and it is not said {lacks}")]
    HalfPerson {
        /// What is missing.
        lacks: &'static str,
    },
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
    /// The person does not want other computers to be cut off by bringing everything back.
    #[error("nothing was cut off, and not everything is brought back yet")]
    NotCut,
    /// Other computers would be cut off by bringing everything back, and nobody can be asked.
    #[error("this would cut off {}, and was not confirmed", crate::render::listed(computers))]
    WouldCut {
        /// How they are called.
        computers: Vec<String>,
    },
    /// Several alliances are called so.
    #[error("“{name}” could mean several alliances")]
    ManyAlliances {
        /// What was said.
        name: String,
        /// Ids and titles.
        candidates: Vec<(String, String)>,
    },
    /// Nobody chose one of several alliances on this computer.
    #[error("you have {} alliances, and none is chosen on this computer", candidates.len())]
    NoneChosen {
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
    /// A ticket that cannot be used.
    #[error("the ticket cannot be used: {0}")]
    Ticket(#[source] route::Error),
    /// Another computer could not be reached.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// An exchange with another computer ended early.
    #[error("the exchange with the other computer ended early")]
    PeerTalk(#[source] Box<TalkError>),
    /// Two computers that have no alliance and no person in common.
    #[error("you share nothing with the computer of this ticket")]
    Strangers,
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
        /// The command that takes it from standard input.
        command: String,
    },
    /// A command that changes nothing before the network has answered got no answer.
    #[error(transparent)]
    Untouched(Box<Self>),
    /// A command that cannot do without the network, where it was not to be used.
    #[error("nothing is sent or fetched with --offline")]
    Offline,
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
    /// What was done last lies elsewhere than in the alliance that was named.
    #[error("what you {} last is {}: “{title}”", if *undo { "did" } else { "took back" }, within(alliance.as_deref()))]
    DoneElsewhere {
        /// True if it was to be taken back, false if it was to be done again.
        undo: bool,
        /// What it was done to.
        title: String,
        /// What the alliance is called in which that is; none if it is private.
        alliance: Option<String>,
    },
    /// What was named is in another alliance.
    #[error("“{title}” is in “{alliance}”")]
    Elsewhere {
        /// Its short id.
        short: String,
        /// Its title.
        title: String,
        /// Its kind.
        kind: String,
        /// What that alliance is called.
        alliance: String,
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

#[cfg(test)]
mod tests;
