//! The commands: each turns its arguments into a value that [`crate::render`] shows and `--json` prints as it is.

pub mod about;
pub mod agreement;
pub mod all;
pub mod alliance;
pub mod archive;
pub mod backup;
pub mod belief;
pub mod close;
pub mod comment;
pub mod commitment;
pub mod completions;
pub mod config;
pub mod conflict;
pub mod demo;
pub mod device;
pub mod doctor;
pub mod export;
pub mod feedback;
pub mod goal;
pub mod guide;
pub mod history;
pub mod import;
pub mod init;
pub mod insight;
pub mod invite;
pub mod item;
pub mod join;
pub mod leave;
pub mod member;
pub mod note;
pub mod peer;
pub mod prep;
pub mod question;
pub mod recovery;
pub mod reflect;
pub mod relay;
pub mod remind;
pub mod review;
pub mod search;
pub mod security;
pub mod session;
pub mod status;
pub mod sync;
pub mod today;
pub mod undo;
pub mod verify;
pub mod win;

use std::path::PathBuf;

use alliance_core::{
    app::{AppError, Looks, Profile},
    store::StoreError,
};
use alliance_replica::id::SpaceId;
use clap::Subcommand;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    args::Options,
    config::{Home, ProfileName, Settings},
    editor::Drafts,
    env::{Env, Outside},
    error::{CliError, Exit},
    net::peer::Reach,
    ui::Ui,
};

/// What can be asked for.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// What is going on in your alliance; also what a bare `alliance` shows
    Today,
    /// Start: make your profile and your first alliance
    Init(init::Init),
    /// Every alliance at a glance: next session, offers, last session
    All,
    /// Start another alliance
    New(alliance::New),
    /// What the alliance is called, what it is for, and when you look back at it
    About(about::About),
    /// Choose the alliance that commands mean
    Use(alliance::Use),
    /// Make the one word that lets the other person in
    Invite(invite::Invite),
    /// Take up an invitation
    Join(join::Join),
    /// Goals: what you are working towards
    Goal(goal::Goal),
    /// Notes: shared, or private to you
    Note(note::Note),
    /// Commitments: what one offers, and only its owner accepts, dates and ends
    Commitment(commitment::Commitment),
    /// Say that a commitment of yours is kept
    Done(commitment::Close),
    /// Sessions: planned, written at by both, finished
    Session(session::Session),
    /// A brief before a session: what is planned, what is open, what you keep for yourself
    Prep(prep::Prep),
    /// Look back at the week, ten minutes, question by question
    Review(review::Review),
    /// Reflections: what you write for yourself
    Reflect(reflect::Reflect),
    /// Questions to sit with, offered and never set
    Question(question::Question),
    /// Insights: they come back after one, three and twelve months
    Insight(insight::Insight),
    /// Beliefs that hold you back, and other ways to see it
    Belief(belief::Belief),
    /// Wins: what went well, and cheers for it
    Win(win::Win),
    /// A few words about anything
    Comment(comment::Comment),
    /// How you work together; in force once both have acknowledged it
    Agreement(agreement::Agreement),
    /// Feedback in both directions: keep, more of, less of, noticed
    Feedback(feedback::Feedback),
    /// Put something where lists leave it out; without an id, what is there
    Archive(archive::Archive),
    /// Take something out of the archive
    Unarchive(archive::Unarchive),
    /// Find words in everything you can see
    Search(search::Search),
    /// What was written by whom, by day
    History(history::History),
    /// Take back what you did last, if it still stands
    Undo,
    /// Do again what you took back
    Redo,
    /// Where you both changed the same thing, and which value is kept
    Conflict(conflict::Conflict),
    /// Who belongs to the alliance, and the words that prove it
    Member(member::Member),
    /// Your computers: what each has, and how to cut off one that you lost
    Device(device::Device),
    /// Part well: a last look back, and a letter to each other
    ///
    /// Asks where you leave your goals and commitments here, what you take with you, and for a letter to the other person,
    /// which only you can change. All of it can be left out, and it goes on where you were. Nothing ends by it: when you
    /// both have said what you wanted to say, `alliance leave` ends the alliance, and you both keep all of it.
    Close(close::Close),
    /// Leave the alliance: both of you keep what you have
    Leave(leave::Leave),
    /// What waits here and what has arrived
    Status,
    /// Exchange with the other person, through the relay or directly
    Sync(sync::Sync),
    /// The 24 words that bring everything back
    Recovery(recovery::Recovery),
    /// Everything as Markdown and JSON in a folder, to be read without this program
    Export(export::Export),
    /// Bring back what was exported, into a new alliance and among what is private
    ///
    /// Each alliance of the export becomes a new one, in which nobody is but you until you invite somebody. What you wrote
    /// comes back as it was. What the other person wrote comes back as a quotation that names them, because nobody can
    /// write in their name; so does what you both agreed on. Private items that are here word for word stay as they are.
    /// Nothing that is here is changed, and if anything in the folder cannot be read, nothing is imported.
    Import(import::Import),
    /// One file with everything, that your words or your computers open
    Backup(backup::Backup),
    /// The relay through which you exchange
    Relay(relay::Relay),
    /// How other computers come to this one without a relay
    Peer(peer::Peer),
    /// Look whether the relay really holds what it said it has
    Verify,
    /// Look whether all is well here, and say what to do if not
    ///
    /// Looks at the profile, its folder, the disk, the clock, the relay, the keys and the log. Ends with 0 if all is well,
    /// with 1 if there is something to do, and with 7 if only the relay was not reached.
    Doctor,
    /// What happened to keys and membership
    Security,
    /// Reminders that you set for yourself, on this computer alone
    Remind(remind::Remind),
    /// Settings: editor, colour, profile, direct
    Config(config::Config),
    /// Write a script that completes commands and ids in your shell
    Completions(completions::Completions),
    /// Write manual pages
    Man(completions::Man),
    /// Ids that may come next; for the scripts
    #[command(hide = true)]
    CompleteIds(completions::CompleteIds),
    /// See two people work together for half a year, in a temporary folder
    ///
    /// Plays docs/walkthrough.md: it starts a relay on this computer, makes a coach and a client with profiles of their own in
    /// a temporary folder, types what stands there and prints what comes of it. Your own profiles are not touched, and the
    /// folder is gone afterwards.
    Demo(demo::Demo),
}

/// What a command has to say.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub enum Answer {
    /// A profile began.
    Started(init::Started),
    /// An alliance was joined.
    Joined(join::Joined),
    /// An alliance began or was chosen.
    Alliance(alliance::Chosen),
    /// An invitation was made.
    Invited(invite::Invited),
    /// Invitations that were taken back.
    Withdrawn(invite::Withdrawn),
    /// An item was changed, or already was as wanted.
    Done(item::Done),
    /// Items of a kind.
    Items(item::List),
    /// One item as a whole.
    Item(item::Item),
    /// Items in which words were found.
    Found(search::Hits),
    /// The alliance itself.
    About(about::Shown),
    /// A brief before a session.
    Brief(Box<prep::Brief>),
    /// Everything was exported.
    Exported(export::Exported),
    /// What was exported came back.
    Imported(Vec<import::Brought>),
    /// How reminders are set.
    Reminding(remind::Settings),
    /// What one wanted to be reminded of.
    Reminders(Vec<remind::Reminder>),
    /// How a closing stands.
    Closing(close::Closing),
    /// How a review stands.
    Reviewed(review::Reviewed),
    /// Every alliance.
    Glances(Vec<all::Glance>),
    /// The agreement.
    Agreement(agreement::Shown),
    /// What differs from what is in force.
    Differs(Vec<agreement::Differs>),
    /// What was in force.
    Forces(Vec<agreement::Force>),
    /// The settings.
    Settings(Vec<config::Row>),
    /// A text for another program, as it is.
    Text(String),
    /// Ids that may come next.
    Ids(Vec<completions::Id>),
    /// What was written.
    History(history::Lines),
    /// What is going on.
    Today(today::Today),
    /// Fields with several values.
    Choices(conflict::List),
    /// The people of an alliance.
    Members(Vec<member::Row>),
    /// A person's computers.
    Computers(Vec<device::Row>),
    /// A computer was cut off.
    Cut(device::Cut),
    /// What computers wrote after they were cut off.
    Late(Vec<device::late::Late>),
    /// Some of it was taken in.
    TookIn(device::late::TookIn),
    /// This computer goes on under fresh keys.
    Renewed(device::Renewed),
    /// An alliance was left.
    Left(leave::Left),
    /// This is another computer of a person now.
    Arrived(device::Arrived),
    /// How every space stands.
    Status(Vec<status::Status>),
    /// Whether recovery words are one's own.
    WordsChecked(recovery::Checked),
    /// New recovery words.
    WordsReplaced(recovery::Replaced),
    /// What recovery words brought back.
    Returned(recovery::Returned),
    /// A backup was made.
    BackedUp(backup::Made),
    /// What a backup holds.
    BackupLooked(backup::Looked),
    /// What a backup brought into a profile.
    Merged(backup::Merged),
    /// What a backup brought back where there was nothing.
    RestoredFrom(backup::RestoredFrom),
    /// Whether everything would come back.
    Drilled(backup::Tried),
    /// What came and went.
    Synced(sync::Synced),
    /// What the relays hold.
    Verified(Vec<verify::Found>),
    /// How everything is.
    Checked(Vec<doctor::Finding>),
    /// How another computer reaches this one.
    Ticket(peer::Ticket),
    /// What a relay was to forget.
    Gone(Vec<relay::Gone>),
    /// The relays in use.
    Relays(Vec<relay::Known>),
    /// The security log.
    Security(Vec<security::Line>),
    /// The demo was played.
    Played(Vec<demo::Step>),
    /// All was said while it ran.
    Said,
}

impl Answer {
    /// True if recovery words were said before it: it ends what [`Ui::begin`] has begun.
    pub fn is_second(&self) -> bool {
        matches!(self, Self::Started(_) | Self::WordsReplaced(_) | Self::Joined(join::Joined { is_new: true, .. }))
    }

    /// How the program ends after this answer.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Synced(synced) if synced.rows.iter().any(|row| row.why().is_some()) => Exit::Failed,
            Self::Verified(rows) if !rows.iter().all(|row| row.whole) => Exit::Failed,
            Self::WordsChecked(checked) if !checked.is_yours() => Exit::Failed,
            Self::Drilled(tried) if !tried.written => Exit::Failed,
            Self::Checked(findings) => doctor::exit(findings),
            Self::Gone(rows) if rows.iter().any(|row| row.failed) => Exit::Failed,
            _ => Exit::Ok,
        }
    }
}

/// Runs a command; today without one.
pub fn run(command: Option<Command>, context: &Context<'_>) -> Result<Answer, CliError> {
    match command.unwrap_or(Command::Today) {
        Command::Today => today::run(context),
        Command::Init(init) => init.run(context),
        Command::New(new) => new.run(context),
        Command::Use(chosen) => chosen.run(context),
        Command::Invite(invite) => invite.run(context),
        Command::Join(join) => join.run(context),
        Command::Goal(goal) => goal.run(context),
        Command::Note(note) => note.run(context),
        Command::Commitment(commitment) => commitment.run(context),
        Command::Done(done) => done.run(context, "kept", "Kept").map(Answer::Done),
        Command::Session(session) => session.run(context),
        Command::All => all::run(context),
        Command::Prep(prep) => prep.run(context),
        Command::Review(review) => review.run(context),
        Command::Reflect(reflect) => reflect.run(context),
        Command::Question(question) => question.run(context),
        Command::Insight(insight) => insight.run(context),
        Command::Belief(belief) => belief.run(context),
        Command::Win(win) => win.run(context),
        Command::Comment(comment) => comment.run(context),
        Command::Agreement(agreement) => agreement.run(context),
        Command::Archive(archive) => archive.run(context),
        Command::Unarchive(unarchive) => unarchive.run(context),
        Command::Feedback(feedback) => feedback.run(context),
        Command::Search(search) => search.run(context),
        Command::History(history) => history.run(context),
        Command::Undo => undo::undo(context),
        Command::Redo => undo::redo(context),
        Command::Conflict(conflict) => conflict.run(context),
        Command::Member(member) => member.run(context),
        Command::Device(device) => device.run(context),
        Command::Close(close) => close.run(context),
        Command::Leave(leave) => leave.run(context),
        Command::Status => status::run(context),
        Command::Sync(sync) => sync.run(context),
        Command::Recovery(recovery) => recovery.run(context),
        Command::Backup(backup) => backup.run(context),
        Command::Relay(relay) => relay.run(context),
        Command::Peer(peer) => peer.run(context),
        Command::Verify => verify::run(context),
        Command::Doctor => doctor::run(context),
        Command::Security => security::run(context),
        Command::About(about) => about.run(context),
        Command::Export(export) => export.run(context),
        Command::Import(import) => import.run(context),
        Command::Remind(remind) => remind.run(context),
        Command::Config(config) => config.run(context),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        Command::CompleteIds(ids) => ids.run(context),
        Command::Demo(demo) => demo.run(context),
    }
}

/// What every command may use.
pub struct Context<'a> {
    /// Variables, clock and zone.
    pub env: &'a Env,
    /// Where to talk while something runs.
    pub ui: &'a Ui,
    /// What the person wrote in an editor and is not in its place yet.
    pub drafts: Drafts,
    options: &'a Options,
}

impl<'a> Context<'a> {
    /// The context of a program started with `options`.
    pub fn new(env: &'a Env, ui: &'a Ui, options: &'a Options) -> Self {
        Self { env, ui, drafts: Drafts::default(), options }
    }

    /// Clock and randomness for a call that changes something.
    pub fn outside(&self) -> Outside<'a> {
        Outside::new(self.env)
    }

    /// Who reads what a command has to say.
    pub fn looks(&self) -> Looks {
        if self.options.json { Looks::Program } else { Looks::Person }
    }

    /// True if nothing may be sent or fetched.
    pub fn is_offline(&self) -> bool {
        self.options.offline
    }

    /// What a command runs on that exchanges something; refused where nothing may be sent or fetched.
    pub fn online(&self) -> Result<Runtime, CliError> {
        if self.is_offline() { Err(CliError::Offline) } else { sync::runtime() }
    }

    /// The folder of profiles.
    pub fn folder(&self) -> Result<Home, CliError> {
        Ok(Home::new(self.env.home()?))
    }

    /// How far an endpoint of this computer goes, as it was set.
    pub fn reach(&self) -> Result<Reach, CliError> {
        Ok(Settings::read(&self.folder()?)?.reach())
    }

    /// The folder of profiles, and the profile that is meant.
    pub fn home(&self) -> Result<(Home, ProfileName), CliError> {
        let home = self.folder()?;
        let named = match (&self.options.profile, self.env.profile()?) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(name)) => {
                Some(name.parse().map_err(|want| CliError::Variable { name: "ALLIANCE_PROFILE", want })?)
            }
            (None, None) => Settings::read(&home)?.profile.and_then(|name| name.parse().ok()),
        };
        let name = home.choose(named)?;
        Ok((home, name))
    }

    /// The file of the profile that is meant.
    pub fn file(&self) -> Result<PathBuf, CliError> {
        let (home, name) = self.home()?;
        Ok(home.file(&name))
    }

    /// The profile that is meant.
    pub fn profile(&self) -> Result<Profile, CliError> {
        let mut profile = self.any_profile()?;
        if profile.is_restoring()? { Err(CliError::Restoring { name: self.home()?.1 }) } else { Ok(profile) }
    }

    /// The profile that is meant, also while it is being brought back.
    pub fn any_profile(&self) -> Result<Profile, CliError> {
        let (home, name) = self.home()?;
        match Profile::open(&home.file(&name)) {
            Err(AppError::Store(StoreError::Missing)) => match home.unreadable(&name) {
                Some(error) => Err(error),
                None => Err(CliError::NoProfile { name, others: home.names()? }),
            },
            opened => Ok(opened?),
        }
    }

    /// Asks before something that cannot be undone is done; `what` names it where nobody can be asked.
    pub fn confirm(&self, about: &str, question: &str, what: &str) -> Result<(), CliError> {
        match self.ui.ask(about, question) {
            Some(true) => Ok(()),
            Some(false) => Err(CliError::Declined),
            None => Err(CliError::Unconfirmed { what: what.to_owned() }),
        }
    }

    /// What was said with `--alliance`.
    pub fn named_alliance(&self) -> Option<&str> {
        self.options.alliance.as_deref()
    }

    /// The alliance that is meant: the one named with `--alliance`, else the one chosen with `use`.
    pub fn space(&self, profile: &mut Profile) -> Result<SpaceId, CliError> {
        match &self.options.alliance {
            Some(name) => alliance::find(profile, name),
            None => profile.current()?.map_or_else(|| Err(alliance::unchosen(profile)?), Ok),
        }
    }
}
