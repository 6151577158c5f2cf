use alliance_core::{
    app::{self, BackupError, Candidate, NotInvited, NotRestored},
    document::{EditError, UndoError},
    domain::{self, RuleError},
    keys::{self, backup, invitation, route},
    store::StoreError,
};
use alliance_replica::{
    exchange::{Broken, frame::Code},
    id::MemberId,
};

use super::*;
use crate::{
    command::{demo::DemoError, import::ImportError},
    net::tls::Untrusted,
    render,
};

fn denied() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "permission denied")
}

fn pairs() -> Vec<(String, String)> {
    vec![("g3k9".to_owned(), "Run".to_owned()), ("g3kb".to_owned(), "Rest".to_owned())]
}

fn items() -> Vec<Candidate> {
    let item = |short: &str, private| Candidate { short: short.to_owned(), title: "Run".to_owned(), private };
    vec![item("g3k9", true), item("g3kb", false)]
}

fn every_store_error() -> Vec<StoreError> {
    // rusqlite is known to the store alone; what it says is only shown as a cause.
    vec![
        StoreError::Missing,
        StoreError::Exists,
        StoreError::Newer { found: 9, known: 1 },
        StoreError::Damaged { what: "an item" },
    ]
}

fn every_app_error() -> Vec<AppError> {
    let mut all: Vec<AppError> = every_store_error().into_iter().map(AppError::from).collect();
    let invitations =
        [invitation::Error::Foreign, invitation::Error::Mistyped, invitation::Error::Newer(2), invitation::Error::Url];
    all.extend(invitations.map(AppError::from));
    let not_invited = [
        NotInvited::Unknown,
        NotInvited::Used,
        NotInvited::Expired,
        NotInvited::Withdrawn,
        NotInvited::Member,
        NotInvited::OtherRelay,
    ];
    all.extend(not_invited.map(AppError::NotInvited));
    let field = "title";
    let rules = [
        RuleError::Empty { field },
        RuleError::Empty { field: "tags" },
        RuleError::TooLong { field, most: 200 },
        RuleError::TooLong { field: "name", most: 200 },
        RuleError::TooLarge { field: "body", size: 600_000, most: 524_288 },
        RuleError::NotALine { field },
        RuleError::NotAllowed { field: "status", allowed: domain::goal::STATUSES },
        RuleError::NotYours { owner: MemberId::new([1; 16]) },
        RuleError::ForTheOther,
        RuleError::NoRequest,
        RuleError::NotADay { field: "date" },
        RuleError::NoneSuch { field: "milestone", text: "km".to_owned() },
        RuleError::NobodyElse,
        RuleError::StandsSo { stands: "taken back".to_owned() },
        RuleError::OnlyShown,
    ];
    all.extend(rules.map(AppError::from));
    let edits = [
        EditError::TooLong { size: 600_000, limit: 524_288 },
        EditError::TooMuch { size: 1_200_000, limit: 966_656 },
        EditError::Full,
        EditError::UnknownVersion,
        EditError::NoField("x".to_owned()),
    ];
    all.extend(edits.map(AppError::from));
    let text = "run".to_owned();
    all.extend([
        AppError::NotShareable { kind: "goal".to_owned() },
        AppError::SharedAlready { title: "Run".to_owned() },
        AppError::TooManyRecords,
        AppError::RelayAddress { url: "x".to_owned() },
        AppError::RelayInUse { url: "http://relay.example".to_owned() },
        AppError::NoSuchRelay { url: "http://relay.example".to_owned() },
        AppError::Seal(keys::seal::Error::TooLarge(9)),
        AppError::NotFound { kind: "goal".to_owned(), text: text.clone(), like: items() },
        AppError::NotFound { kind: "item".to_owned(), text: text.clone(), like: Vec::new() },
        AppError::NotFound { kind: "note".to_owned(), text: "n".to_owned(), like: Vec::new() },
        AppError::NotNamed { kind: "note".to_owned() },
        AppError::Ambiguous { text, candidates: items() },
        no_such_value(Vec::new()),
        no_such_value(crate::command::conflict::tests::choices()),
        AppError::NothingToUndo,
        not_undone(UndoError::Made),
        not_undone(UndoError::Shared),
        not_undone(UndoError::Grows { field: "ratings".to_owned() }),
        not_undone(UndoError::Choice { field: "title".to_owned() }),
        not_redone(UndoError::Changed { field: "title".to_owned() }),
        BackupError::File(backup::Error::Foreign).into(),
        BackupError::File(backup::Error::Newer(2)).into(),
        BackupError::File(backup::Error::NotYours).into(),
        BackupError::File(backup::Error::Damaged("it ends too early")).into(),
        BackupError::File(backup::Error::Io(denied())).into(),
        BackupError::Write(denied()).into(),
        BackupError::OtherPerson.into(),
        AppError::NotRestored(NotRestored::Unknown),
        AppError::NotRestored(NotRestored::OtherWords),
        AppError::NotRestored(NotRestored::Ended),
        AppError::NotRestored(NotRestored::OtherRelay),
        AppError::NotRestored(NotRestored::TooMuch),
        AppError::NotRestored(NotRestored::Unsent),
        AppError::NotRestored(NotRestored::Nameless),
        AppError::NoAlliance,
        AppError::UnknownSpace,
        AppError::NoRelay,
        AppError::NotFounder,
        AppError::NotYourDevice,
        AppError::NotHereYet,
        AppError::Ended,
        AppError::NameTaken { name: "Laptop".to_owned() },
        AppError::CutOff,
        AppError::Full,
    ]);
    all
}

fn no_such_value(choices: Vec<app::Choice>) -> AppError {
    let (short, kind, title) = ("g3k".to_owned(), "goal".to_owned(), "Run".to_owned());
    AppError::NoSuchValue { short, kind, title, number: 7, choices }
}

fn not_undone(why: UndoError) -> AppError {
    AppError::NotUndone { undo: true, short: "g3k".to_owned(), kind: "goal".to_owned(), title: "Run".to_owned(), why }
}

fn not_redone(why: UndoError) -> AppError {
    AppError::NotUndone { undo: false, short: "g3k".to_owned(), kind: "goal".to_owned(), title: "Run".to_owned(), why }
}

fn every_network_error() -> Vec<CliError> {
    let url = || "http://127.0.0.1:1".to_owned();
    let tungstenite = || Box::new(tokio_tungstenite::tungstenite::Error::AttackAttempt);
    let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused (os error 111)");
    vec![
        NetError::Unreachable { url: url(), source: refused }.into(),
        NetError::Untrusted { url: url(), why: Untrusted::Issuer }.into(),
        NetError::Untrusted { url: url(), why: Untrusted::Name }.into(),
        NetError::Untrusted { url: url(), why: Untrusted::Expired }.into(),
        NetError::Untrusted { url: url(), why: Untrusted::Early }.into(),
        NetError::Untrusted { url: url(), why: Untrusted::Other }.into(),
        NetError::Slept.into(),
        NetError::NotARelay { url: url(), source: tungstenite() }.into(),
        NetError::Scheme { url: url(), why: "speaks TLS only", other: "https://127.0.0.1:1".to_owned() }.into(),
        NetError::Broke(tungstenite()).into(),
        NetError::Closed.into(),
        NetError::Silent.into(),
        SessionError::Broken(Broken::Frame).into(),
        SessionError::OtherRelay { url: url() }.into(),
        SessionError::Closed(Code::Limit).into(),
        SessionError::App(AppError::NoRelay).into(),
    ]
}

fn every_own_error() -> Vec<CliError> {
    let name = || "anna".parse::<ProfileName>().expect("a name");
    let path = || PathBuf::from("words.txt");
    let url = "http://relay.example";
    let exists = io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already");
    vec![
        CliError::Variable { name: "ALLIANCE_NOW", want: "unix seconds" },
        CliError::NoHome,
        CliError::Folder { path: path(), source: denied() },
        CliError::ProfileFile { path: path(), source: denied() },
        CliError::ProfileFile { path: path(), source: io::Error::new(io::ErrorKind::InvalidData, "it is empty") },
        CliError::NoRoom { path: path(), source: io::ErrorKind::DirectoryNotEmpty.into() },
        CliError::Settings { path: path(), source: denied() },
        CliError::Pages { path: path(), source: denied() },
        CliError::RecoveryFile { path: path(), source: exists },
        CliError::RecoveryFile { path: path(), source: denied() },
        CliError::BackupFile { path: path(), source: io::ErrorKind::AlreadyExists.into() },
        CliError::BackupFile { path: path(), source: denied() },
        CliError::BackupUnfinished(Box::new(CliError::NoHome)),
        CliError::BackupUnsent,
        CliError::NoProfile { name: name(), others: Vec::new() },
        CliError::Restoring { name: name() },
        CliError::Words(keys::recovery::BadWords::Unknown(3)),
        CliError::NotBack { title: "Ben & Anna".to_owned(), why: "it is full" },
        CliError::Unfinished(Box::new(CliError::NoHome)),
        CliError::NoProfile { name: name(), others: vec!["ben".parse().expect("a name")] },
        CliError::ManyProfiles { names: vec![name(), "ben".parse().expect("a name")] },
        CliError::ProfileExists { name: name() },
        CliError::OtherPerson {
            profile: name(),
            person: Person { name: "Anna".to_owned(), role: "client".to_owned() },
        },
        CliError::SamePerson,
        CliError::Offline,
        CliError::OwnInvitation(NotInvited::Unknown),
        CliError::OwnInvitation(NotInvited::Used),
        CliError::OwnInvitation(NotInvited::Expired),
        CliError::OwnInvitation(NotInvited::Withdrawn),
        CliError::OwnInvitation(NotInvited::OtherRelay),
        CliError::NoQuestion { id: "weather".to_owned() },
        CliError::NoComputer { text: "old".to_owned() },
        CliError::SeveralComputers { text: "old".to_owned() },
        CliError::ThisComputer,
        CliError::NobodyThere,
        CliError::CutAlready { name: "old".to_owned() },
        CliError::NotIn { happened: "this computer was cut off".to_owned() },
        CliError::Unconfirmed { what: "leaving “Ben & Anna”".to_owned() },
        CliError::NoPerson,
        CliError::HalfPerson { lacks: "what you are: --role" },
        CliError::UnknownAlliance { name: "x".to_owned(), titles: vec!["Ben & Anna".to_owned()] },
        CliError::UnknownAlliance { name: "x".to_owned(), titles: Vec::new() },
        CliError::AllianceExists { title: "Ben & Anna".to_owned() },
        CliError::NotConfirmed { title: "Doubts".to_owned(), people: "you and Anna, in “Ben & Anna”".to_owned() },
        CliError::Declined,
        CliError::NotCut,
        CliError::NoWords,
        CliError::WouldCut { computers: vec!["Laptop".to_owned(), "Tablet".to_owned()] },
        CliError::ManyAlliances { name: "b".to_owned(), candidates: pairs() },
        CliError::NoneChosen { candidates: pairs() },
        CliError::RelayUrl { url: "ftp://a".to_owned(), why: "a relay's address begins with https://".to_owned() },
        CliError::RootFile { path: path(), source: denied() },
        CliError::Token,
        CliError::TokenInClear { url: url.to_owned() },
        CliError::Ticket(route::Error::Foreign),
        CliError::Ticket(route::Error::Mistyped),
        CliError::Ticket(route::Error::Newer(2)),
        CliError::Ticket(route::Error::Malformed),
        PeerError::Held { what: "`alliance sync --watch`".to_owned() }.into(),
        PeerError::Lock(denied()).into(),
        PeerError::NoAddress.into(),
        PeerError::NoKey.into(),
        PeerError::Itself.into(),
        PeerError::Unreachable.into(),
        PeerError::Unbound.into(),
        CliError::PeerTalk(Box::new(NetError::Closed.into())),
        CliError::Strangers,
        CliError::NoRelayInInvitation,
        CliError::NotADay { text: "soonish".to_owned() },
        CliError::ToCome { day: "Fri 27 Nov 2026".to_owned() },
        CliError::NoText,
        CliError::Editor { editor: "ed".to_owned(), why: "cannot be started", set: false },
        CliError::Editor { editor: "ed".to_owned(), why: "cannot be started", set: true },
        CliError::EditorCancelled { editor: "ed".to_owned() },
        CliError::Draft {
            error: Box::new(AppError::NoAlliance.into()),
            path: "it's/draft-1.md".into(),
            command: "alliance goal edit g3k --why -".to_owned(),
        },
        CliError::Setting { name: "colour", want: "colour is auto, always or never" },
        CliError::NothingToRedo,
        CliError::DoneElsewhere { undo: true, title: "Plan".to_owned(), alliance: Some("Ben & Carl".to_owned()) },
        CliError::DoneElsewhere { undo: false, title: "Doubts".to_owned(), alliance: None },
        elsewhere("goal"),
        elsewhere("alliance"),
        no_milestone(&[]),
        no_milestone(&["Run 5 km", "Run 10 km"]),
        CliError::OtherKind {
            short: "n3k".to_owned(),
            title: "Doubts".to_owned(),
            is: "note".to_owned(),
            wanted: "feedback".to_owned(),
        },
        CliError::CopiedAlready { short: "n3k".to_owned(), title: "Doubts".to_owned() },
        CliError::Cancelled,
        CliError::Input(denied()),
        CliError::Output(denied()),
        CliError::Runtime(denied()),
        DemoError::NoRelay.into(),
        DemoError::Start { path: path(), source: denied() }.into(),
        DemoError::Mute.into(),
        DemoError::Folder(denied()).into(),
        DemoError::Command { command: "alliance sync".to_owned() }.into(),
        DemoError::Otherwise { what: "both see both titles" }.into(),
        ImportError::NotAnExport { path: path() }.into(),
        ImportError::Damaged { path: path(), source: denied() }.into(),
        ImportError::Impossible { path: path(), source: Box::new(RuleError::Empty { field: "title" }.into()) }.into(),
        ImportError::Newer { path: path() }.into(),
        ImportError::There { title: "Ben & Anna".to_owned(), path: path() }.into(),
        ImportError::NotOne { path: path(), count: 3 }.into(),
        CliError::Bug,
    ]
}

fn elsewhere(kind: &str) -> CliError {
    let [short, title, alliance] = ["g3k", "Run", "Ben's & Carl's"].map(str::to_owned);
    CliError::Elsewhere { short, title, kind: kind.to_owned(), alliance }
}

fn no_milestone(there: &[&str]) -> CliError {
    let [short, title, text] = ["g3k", "Run", "3"].map(str::to_owned);
    let there = there.iter().map(|&words| words.to_owned()).collect();
    CliError::NoMilestone { short, title, verb: "tick", text, there }
}

fn every_error() -> Vec<CliError> {
    let app = every_app_error().into_iter().map(CliError::from);
    let untouched = every_network_error().into_iter().chain([CliError::Cancelled]);
    let untouched = untouched.map(|error| CliError::Untouched(Box::new(error)));
    app.chain(every_network_error()).chain(untouched).chain(every_own_error()).collect()
}

#[test]
fn what_failed_before_anything_was_changed_does_not_say_that_it_is_saved() {
    for error in every_network_error().into_iter().chain([CliError::Cancelled]) {
        let told = error.report();
        let Report { code, hint, message, exit } = CliError::Untouched(Box::new(error)).report();
        assert_eq!((code, message, exit), (told.code, told.message, told.exit));
        let hint = hint.unwrap_or_default();
        // Only who has a relay set gets so far.
        assert!(code == "no_relay" || !hint.contains("saved here") && !hint.contains("sync`"), "{hint}");
    }
}

#[test]
fn hints_for_the_other_person_are_told_from_those_for_oneself() {
    for error in every_error() {
        let hint = error.report().hint.unwrap_or_default();
        let theirs = ["ask the other person", "they make", "ask for a new one", "comes from", "was run"];
        let theirs = theirs.iter().any(|words| hint.contains(words)) && hint.contains("`alliance ");
        assert!(!theirs || error.helps_there(), "{hint}");
    }
}

#[test]
fn every_error_says_what_failed_and_what_helps() {
    let told = every_error().into_iter().map(|error| {
        let Report { code, message, hint, exit } = error.report();
        let text = anstream::adapter::strip_str(&render::failure(&message, hint.as_deref())).to_string();
        format!("[{code}, exit {}]\n{text}\n", exit as u8)
    });
    insta::assert_snapshot!("errors", told.collect::<String>());
}

#[test]
fn exit_codes_are_those_that_scripts_rely_on() {
    let exit = |error: CliError| error.report().exit as u8;
    assert_eq!(exit(AppError::NoRelay.into()), 1);
    assert_eq!(exit(AppError::Ambiguous { text: String::new(), candidates: items() }.into()), 2);
    assert_eq!(exit(CliError::Cancelled), 3);
    assert_eq!(exit(AppError::NotFound { kind: "goal".to_owned(), text: String::new(), like: Vec::new() }.into()), 5);
    assert_eq!(exit(AppError::from(RuleError::NotYours { owner: MemberId::new([1; 16]) }).into()), 6);
    assert_eq!(exit(NetError::Closed.into()), 7);
    assert_eq!(exit(CliError::Bug), 255);
}

#[test]
fn every_error_code_is_documented_with_its_exit_code() {
    let page = include_str!("../../../docs/scripting.md");
    for error in every_error() {
        let Report { code, exit, .. } = error.report();
        // The address of a relay may be typed, or known from before.
        let is_row =
            |line: &&str| line.starts_with(&format!("| {} |", exit as u8)) && line.contains(&format!("`{code}`"));
        assert!(code == "relay_url" || page.lines().any(|line| is_row(&line)), "{code}, exit {}", exit as u8);
    }
}

#[test]
fn everyday_words_are_used_whatever_fails() {
    for error in every_error() {
        let Report { message, hint, .. } = error.report();
        let told = format!("{message} {}", hint.unwrap_or_default()).to_lowercase();
        for word in ["crdt", "merge", "epoch", "heads", "overdue", "assign", "automerge", "sqlite"] {
            assert!(!told.contains(word), "{word} in {told}");
        }
    }
}

#[test]
fn a_cause_is_told_once_and_last() {
    let error = CliError::Folder { path: PathBuf::from("p"), source: denied() };
    assert_eq!(error.report().message, "p cannot be used: permission denied");
    let error = CliError::from(AppError::from(rule()));
    assert_eq!(error.report().message.matches(&rule().to_string()).count(), 1);
}

fn rule() -> RuleError {
    RuleError::Empty { field: "title" }
}
