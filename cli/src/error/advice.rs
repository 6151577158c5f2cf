//! What helps, for every error of the layers below: a name for programs, how the program ends, and a command.

use alliance_core::{
    app::{
        AppError, BackupError, Candidate, Choice, ChoiceValue, NotInvited, NotRestored, SHORTEST_PART, SessionError,
    },
    document::{EditError, UndoError},
    domain::{RuleError, alliance},
    keys::{backup, invitation},
    store::StoreError,
};

use super::{CliError, Exit, Report};
use crate::{
    config::ProfileName,
    net::{relay::NetError, tls::Untrusted},
    render::in_alliance,
    when,
};

/// Name for programs, how the program ends, what helps.
pub(super) type Advice = (&'static str, Exit, Option<String>);

/// How to begin.
pub(super) const BEGIN: &str = "`alliance init --name <you> --role <what you are> --alliance <title>` starts one, `alliance join <invite> --name <you> --role <what you are>` takes up an invitation; if your computers are lost, `alliance recovery restore --relay <url>` or `alliance backup restore <file>` brings everything back";

/// What helps against damage.
pub(super) const RESTORE: &str = "do not delete it: copy the folder away first, then restore a backup of it";

/// For errors of the façade.
pub(super) fn app(error: &AppError) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match error {
        AppError::Store(error) => store(error),
        AppError::Rule(error) => rule(error),
        AppError::Edit(error) => edit(error),
        AppError::Invitation(error) => (invitation_code(error), Exit::Failed, Some(invitation_hint(error).to_owned())),
        AppError::NotInvited(why) => not_invited(*why),
        AppError::NotRestored(why) => not_restored(*why),
        AppError::Backup(error) => backup(error),
        AppError::Seal(_) | AppError::Pack(_) | AppError::Epoch(_) => {
            failed("keys", "nothing was lost: `alliance sync` tries again, `alliance security` shows what happened")
        }
        AppError::Memory(_) => failed("memory", "the six words need 64 MB of memory for a moment; close something"),
        AppError::NotFound { kind, text, like } => {
            let short = text.chars().count() < SHORTEST_PART;
            let why = if short { "a part of a title is looked for from three letters on; " } else { "" };
            ("not_found", Exit::NotFound, Some(format!("{why}{}", like_or_shows(kind, like))))
        }
        AppError::NotNamed { kind } => ("invalid", Exit::Usage, Some(shows(kind))),
        AppError::Ambiguous { candidates, .. } => ("ambiguous", Exit::Usage, Some(one_of_items(candidates))),
        AppError::NotShareable { .. } => {
            ("invalid", Exit::Usage, Some("`alliance note share <id>` shares a note".to_owned()))
        }
        AppError::TooManyRecords => {
            failed("records", "found a new alliance with `alliance new`; this one stays readable")
        }
        AppError::SharedAlready { .. } => {
            ("shared_already", Exit::Usage, Some("`alliance note list` shows which notes are private".to_owned()))
        }
        AppError::RelayAddress { .. } => {
            ("relay_url", Exit::Usage, Some("it looks like https://relay.example".to_owned()))
        }
        AppError::RelayInUse { .. } => {
            failed("relay_in_use", "`alliance relay set <url>` moves to another one; then this one can be given up")
        }
        AppError::NoSuchRelay { .. } => {
            ("not_found", Exit::NotFound, Some("`alliance relay` shows those that there are".to_owned()))
        }
        AppError::NoSuchValue { short, kind, choices, .. } => {
            ("not_found", Exit::NotFound, Some(there_is(short, kind, choices)))
        }
        AppError::NothingToUndo => {
            ("nothing_to_undo", Exit::NotFound, Some("`alliance history` shows what was written".to_owned()))
        }
        AppError::NotUndone { undo, short, kind, why, .. } => {
            let helps = match why {
                UndoError::Made => "nothing that was made is deleted; change it instead".to_owned(),
                UndoError::Shared => format!("`alliance history {short}` shows who did what"),
                UndoError::Choice { field } => other_value(short, kind, field),
                _ => format!("`alliance history {short}` shows what it was, to write it again"),
            };
            let next = if *undo {
                "the next `alliance undo` takes back what you did before it"
            } else {
                "the next `alliance redo` goes on after it"
            };
            failed("not_undone", &format!("{helps}; {next}"))
        }
        AppError::NoAlliance => (
            "no_alliance",
            Exit::NotFound,
            Some("`alliance new <title>` starts one, `alliance join <invite>` takes up an invitation".to_owned()),
        ),
        AppError::UnknownSpace => ("not_found", Exit::NotFound, Some("`alliance use` shows your alliances".to_owned())),
        AppError::NoRelay => failed(
            "no_relay",
            "`alliance relay set <url>` names one, `alliance peer ticket` goes without; until then all is saved here",
        ),
        AppError::NotFounder => {
            failed("not_founder", "run `alliance invite` where `alliance init` or `alliance new` was run")
        }
        AppError::NotYourDevice => failed("not_your_device", "`alliance member list` shows who is in the alliance"),
        AppError::NameTaken { .. } => (
            "name_taken",
            Exit::Usage,
            Some("say another name; `alliance device list` shows those that there are".to_owned()),
        ),
        AppError::NotHereYet => failed("not_here_yet", "`alliance sync` here once your other computer has synced"),
        AppError::Ended => failed(
            "ended",
            "all that is here stays and can be read; if you did not leave, `alliance status` says whether this computer was cut off, or copied, and what helps",
        ),
        AppError::CutOff => failed(
            "cut_off",
            "everything that was written on it is still here: `alliance backup create FILE` here, and `alliance backup restore FILE` on a computer of yours that is in, bring over what was not sent; if it is with you again, take it in as a new one: `alliance invite --device` there, or `alliance recovery restore`, each with another --profile here",
        ),
        AppError::Full => failed("full", "an alliance is for two; `alliance new <title>` starts another one"),
    }
}

/// What there is to choose in an item by now.
fn there_is(short: &str, kind: &str, choices: &[Choice]) -> String {
    if choices.is_empty() {
        let show = if kind == alliance::KIND.name { "about".to_owned() } else { format!("{kind} show {short}") };
        return format!("nothing is left to choose: `alliance {show}` shows how it is");
    }
    let mut lines = String::new();
    for Choice { field, values, .. } in choices {
        for ChoiceValue { number, value, .. } in values {
            lines.push_str(&format!("\n  {number}  {field}  {}", when::said(field, value)));
        }
    }
    format!("`alliance conflict keep {short} <n>` takes one of these numbers:{lines}")
}

/// How a field gets another value than the one that was chosen.
fn other_value(short: &str, kind: &str, field: &str) -> String {
    let history = format!("`alliance history {short}` shows what there was");
    match kind {
        "goal" | "note" => format!("`alliance {kind} edit {short} --{field} <{field}>` sets another; {history}"),
        kind if kind == alliance::KIND.name => format!("`alliance about --{field} <{field}>` sets another"),
        _ => history,
    }
}

fn rule(error: &RuleError) -> Advice {
    let usage = |hint: &str| ("invalid", Exit::Usage, Some(hint.to_owned()));
    match error {
        RuleError::Empty { .. } => usage("say it in a few words"),
        RuleError::TooLong { field: "name" | "role", .. } => usage("say it in fewer words"),
        RuleError::TooLong { .. } => usage("put the rest into a text: `alliance note add <title> -m <text>`"),
        RuleError::TooLarge { .. } => usage("split it in two"),
        RuleError::NotALine { .. } => usage("leave them away: it is plain words on one line"),
        RuleError::NotAllowed { .. } => usage("--help shows what can be said"),
        RuleError::NotYours { .. } => {
            ("not_yours", Exit::NotYours, Some("ask the other person to do it: only they can".to_owned()))
        }
        RuleError::ForTheOther => {
            ("not_yours", Exit::NotYours, Some("it is for the other person to answer".to_owned()))
        }
        RuleError::NoRequest => {
            usage("`alliance feedback list` shows what was asked; without --for it answers nothing")
        }
        RuleError::NotADay { .. } => usage("say it as 2026-11-27"),
        RuleError::NoneSuch { .. } => {
            ("not_found", Exit::NotFound, Some("`alliance goal show <id>` shows them with their numbers".to_owned()))
        }
        RuleError::NobodyElse => usage("`alliance invite` lets the other person in"),
        RuleError::StandsSo { .. } => usage("`alliance history <id>` shows how it came to that"),
        RuleError::OnlyShown => usage("install the newest `alliance`"),
    }
}

fn edit(error: &EditError) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match error {
        EditError::TooLong { .. } => {
            ("too_long", Exit::Usage, Some("nothing was changed; split the text in two".to_owned()))
        }
        EditError::TooMuch { .. } => {
            ("too_long", Exit::Usage, Some("nothing was changed; do it in two steps, or make it shorter".to_owned()))
        }
        EditError::Full => failed("full", "nothing was changed; go on in a new one"),
        EditError::UnknownVersion | EditError::NoPlace { .. } => {
            failed("changed_meanwhile", "nothing was changed; look at it again, then repeat the edit")
        }
        EditError::NoField(_) | EditError::NotWritable(_) => {
            failed("newer_item", "nothing was changed; a newer `alliance` wrote it: install that version")
        }
        EditError::Automerge(_) => failed("document", "nothing was changed; please report what you did"),
    }
}

fn store(error: &StoreError) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match error {
        StoreError::Missing => ("no_profile", Exit::NotFound, Some(BEGIN.to_owned())),
        StoreError::Exists => failed("profile_exists", "--profile <name> makes another profile"),
        StoreError::Newer { .. } => {
            failed("newer_profile", "a newer `alliance` wrote it: install that version or a later one")
        }
        StoreError::Busy(_) => failed("busy", "nothing was changed; try again when the other program is done"),
        StoreError::Disk(_) => {
            failed("disk", "nothing was changed; see whether the disk is full or may not be written")
        }
        StoreError::Damaged { .. } => failed("damaged", RESTORE),
        StoreError::Sqlite(_) => failed("store", "nothing was changed; see whether its folder can be read and written"),
    }
}

fn backup(error: &BackupError) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match error {
        BackupError::File(backup::Error::Foreign) => {
            failed("not_a_backup", "nothing was changed; see whether its name is right")
        }
        BackupError::File(backup::Error::Newer(_)) => {
            failed("backup_newer", "nothing was changed; install the newest `alliance`")
        }
        BackupError::File(backup::Error::NotYours) => {
            failed("backup_other", "nothing was changed; --words opens it with the 24 words of whoever it belongs to")
        }
        BackupError::OtherPerson => {
            failed("backup_other", "nothing was changed; --profile <name> brings that person back beside this one")
        }
        BackupError::File(backup::Error::Damaged(_)) => {
            failed("backup_damaged", "nothing was changed; take another copy of it, or an earlier backup")
        }
        BackupError::File(backup::Error::Io(_)) => {
            failed("backup_file", "nothing was changed; see whether it can be read")
        }
        BackupError::Write(_) => failed("backup_file", "nothing was changed; see whether there is room for it"),
    }
}

fn not_restored(why: NotRestored) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match why {
        NotRestored::Unknown => (
            "words_unknown",
            Exit::NotFound,
            Some(
                "see whether each word and their order are right, and whether your alliance was kept at this relay; nothing was written here"
                    .to_owned(),
            ),
        ),
        NotRestored::OtherWords => (
            "words_other",
            Exit::Failed,
            Some("nothing was changed; --profile <name> brings the person of these words back beside it".to_owned()),
        ),
        NotRestored::Ended => failed("words_ended", "take other words of yours: `alliance recovery check` tells which work"),
        NotRestored::OtherRelay => failed(
            "other_relay",
            "ask whoever runs the relay; nothing was sent to it that is not sealed",
        ),
        NotRestored::TooMuch => failed("relay_limit", "ask whoever runs the relay; nothing was written here"),
        NotRestored::Unsent => {
            failed("not_restored", "`alliance recovery restore --relay <url>` with the same words goes on where it was")
        }
        NotRestored::Nameless => (
            "usage",
            Exit::Usage,
            Some("say it with --name <you> --role <what you are>, in the same command with the same words".to_owned()),
        ),
    }
}

fn invitation_code(error: &invitation::Error) -> &'static str {
    match error {
        invitation::Error::Foreign => "not_an_invitation",
        invitation::Error::Mistyped => "invitation_mistyped",
        invitation::Error::Newer(_) => "invitation_newer",
        invitation::Error::Malformed(_) => "invitation_malformed",
        invitation::Error::Url => "relay_url",
    }
}

fn invitation_hint(error: &invitation::Error) -> &'static str {
    match error {
        invitation::Error::Foreign => "an invitation begins with alliance: and comes from `alliance invite`",
        invitation::Error::Mistyped => "copy it whole, from alliance: to the end, and put it in quotation marks",
        invitation::Error::Newer(_) => "install the newest `alliance`, or ask for an invitation from an older one",
        invitation::Error::Malformed(_) => "ask the other person for a new one: `alliance invite`",
        invitation::Error::Url => "`alliance relay set <url>` names a relay as https://relay.example",
    }
}

fn not_invited(why: NotInvited) -> Advice {
    let failed = |code, hint: &str| (code, Exit::Failed, Some(hint.to_owned()));
    match why {
        NotInvited::Unknown => failed(
            "invitation_unknown",
            "ask the other person to run `alliance sync`, then try again; if it was used already, ask for a new one",
        ),
        NotInvited::Used => failed(
            "invitation_used",
            "if that was not you, tell the other person; they make a new one with `alliance invite`",
        ),
        NotInvited::Expired => failed("invitation_expired", "ask the other person for a new one: `alliance invite`"),
        NotInvited::Withdrawn => {
            failed("invitation_withdrawn", "ask the other person for a new one: `alliance invite`")
        }
        NotInvited::Member => {
            failed("member_already", "`alliance use` shows your alliances; to try it alone, use another --profile")
        }
        NotInvited::OtherRelay => {
            failed("other_relay", "do not go on: ask the other person whether the relay was set up anew")
        }
    }
}

/// The same, of an invitation for another computer of the same person.
pub(super) fn own_invitation(why: NotInvited) -> Advice {
    let (code, exit, hint) = not_invited(why);
    let new = "make a new one on your other computer: `alliance invite --device`";
    let hint = match why {
        NotInvited::Unknown => Some(format!("run `alliance sync` on your other computer, then try again; or {new}")),
        NotInvited::Used => Some(format!(
            "{new}; if you did not use it yourself, `alliance device list` there shows who did, and `alliance device cut` shuts that computer out"
        )),
        NotInvited::Expired | NotInvited::Withdrawn => Some(new.to_owned()),
        NotInvited::OtherRelay => Some("do not go on, unless you know that the relay was set up anew".to_owned()),
        NotInvited::Member => hint,
    };
    (code, exit, hint)
}

/// For errors of an exchange.
pub(super) fn session(error: &SessionError) -> Advice {
    match error {
        SessionError::Broken(_) => (
            "relay_broken",
            Exit::NotReached,
            Some("all is saved here; is it an alliance-relay of a fitting version?".to_owned()),
        ),
        SessionError::OtherRelay { .. } => (
            "other_relay",
            Exit::Failed,
            Some(
                "nothing was sent to it; if the relay was set up anew on purpose, `alliance relay set <url>` accepts it"
                    .to_owned(),
            ),
        ),
        SessionError::Closed(_) => ("relay_closed", Exit::NotReached, Some(LATER.to_owned())),
        SessionError::App(error) => app(error),
    }
}

/// For what fails before a command has changed anything.
pub(super) fn untouched(error: &CliError) -> Advice {
    let Report { code, exit, .. } = error.report();
    let hint = match error {
        CliError::Net(NetError::NotARelay { .. } | NetError::Scheme { .. }) => {
            "nothing was changed here; see whether the address is right"
        }
        CliError::Net(NetError::Untrusted { why: Untrusted::Issuer, .. }) => {
            "nothing was changed here; if the relay has an authority of its own, --root <file> names its certificate"
        }
        CliError::Net(NetError::Untrusted { why: Untrusted::Early, .. }) => {
            "nothing was changed here; see whether this computer's clock is right"
        }
        CliError::Net(NetError::Untrusted { .. }) => "nothing was changed here; tell whoever runs the relay",
        CliError::Net(NetError::Unreachable { .. }) => {
            "nothing was changed here; run the same command again when there is a network, or see whether the relay's address is right"
        }
        CliError::Net(_) => "nothing was changed here; run the same command again when there is a network",
        CliError::Session(SessionError::Closed(_) | SessionError::Broken(_)) | CliError::Cancelled => {
            "nothing was changed here; run the same command again"
        }
        error => return (code, exit, error.report().hint),
    };
    (code, exit, Some(hint.to_owned()))
}

/// True if what helps is said to the other person.
pub(super) fn is_of_the_other(error: &AppError) -> bool {
    match error {
        AppError::Invitation(_) | AppError::NotFounder => true,
        AppError::NotInvited(why) => !matches!(why, NotInvited::Member),
        _ => false,
    }
}

const LATER: &str = "all is saved here; `alliance sync` tries again";

/// For errors of the network.
pub(super) fn net(error: &NetError) -> Advice {
    let code = match error {
        NetError::Unreachable { .. } => "relay_unreachable",
        NetError::Untrusted { .. } => "relay_untrusted",
        NetError::NotARelay { .. } | NetError::Scheme { .. } => "not_a_relay",
        NetError::Broke(_) | NetError::Closed | NetError::TooLong => "relay_gone",
        NetError::Silent | NetError::Slept => "relay_silent",
    };
    let hint = match error {
        NetError::NotARelay { .. } | NetError::Scheme { .. } => {
            "all is saved here; `alliance relay show` shows the address, `alliance relay set <url>` changes it"
        }
        NetError::Untrusted { why: Untrusted::Issuer, .. } => {
            "nothing was sent; if the relay has an authority of its own, `alliance relay set <url> --root <file>`"
        }
        NetError::Untrusted { why: Untrusted::Early, .. } => {
            "nothing was sent; see whether this computer's clock is right"
        }
        NetError::Untrusted { .. } => {
            "nothing was sent; tell whoever runs the relay, or see whether the address is right"
        }
        NetError::Unreachable { .. } => {
            "all is saved here; `alliance sync` tries again; if the relay stays away, `alliance relay set <url>` moves to \
             another one"
        }
        _ => LATER,
    };
    (code, Exit::NotReached, Some(hint.to_owned()))
}

fn like_or_shows(kind: &str, like: &[Candidate]) -> String {
    if like.is_empty() {
        return shows(kind);
    }
    format!("{}; did you mean:{}", shows(kind), lines_of(like))
}

fn shows(kind: &str) -> String {
    match kind {
        "item" => "`alliance today` shows what is there".to_owned(),
        kind => format!("`alliance {} list` shows what is there", crate::render::spoken::command(kind)),
    }
}

/// How something is looked at that is in another alliance.
pub(super) fn elsewhere(short: &str, kind: &str, title: &str) -> String {
    let show = if kind == alliance::KIND.name { "about".to_owned() } else { format!("{kind} show {short}") };
    format!("`{}` shows it; with --alliance every command means that one", in_alliance(Some(title), &show))
}

/// Lists the items that could be meant, and who can see each.
fn one_of_items(candidates: &[Candidate]) -> String {
    format!("say which one:{}", lines_of(candidates))
}

fn lines_of(candidates: &[Candidate]) -> String {
    let seen = |candidate: &Candidate| if candidate.private { "private" } else { "shared" };
    candidates.iter().map(|it| format!("\n  {}  {}  {}", it.short, it.title, seen(it))).collect()
}

/// Lists what could be meant.
pub(super) fn one_of(candidates: &[(String, String)]) -> String {
    let lines = candidates.iter().map(|(short, title)| format!("\n  {short}  {title}"));
    format!("say which one:{}", lines.collect::<String>())
}

/// Lists what there is.
pub(super) fn some_of(titles: &[String]) -> Option<String> {
    match titles {
        [] => Some("`alliance new <title>` starts one".to_owned()),
        titles => Some(format!("there is: {}", titles.join(", "))),
    }
}

/// Names, one after the other.
pub(super) fn list(names: &[ProfileName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
