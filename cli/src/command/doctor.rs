//! `alliance doctor`: looks at profile, folder, disk, clock, relay, keys and log, and says what to do.
//!
//! Whatever is broken, the rest is looked at as well. Without a network only the relay is said not to be reached.

mod direct;
mod relay;
mod room;

use std::time::Duration;

use alliance_core::app::{AppError, Checkup, Profile, RelayInfo, SpaceCheckup, SpaceStatus};
use alliance_replica::id::SpaceId;
use serde::Serialize;

use super::{
    Answer, Context,
    device::out::Out,
    sync::{self, Why},
};
use crate::{
    error::{CliError, Exit},
    render::{self, count},
};

/// What is said of what needs the network where nothing may be sent or fetched.
const NOT_ASKED: &str = "not asked: nothing is sent or fetched with --offline";

/// How something is.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Something to do soon.
    Warn,
    /// Something to do now.
    Fail,
}

/// What was looked at, and how it is.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// `profile`, `folder`, `disk`, `clock`, `relay`, `direct`, `membership`, `keys`, `log` or `sent`.
    pub id: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The name of an error, where one was met.
    pub code: Option<&'static str>,
}

impl Finding {
    fn ok(id: &'static str, message: impl Into<String>) -> Self {
        Self { id, state: State::Ok, message: message.into(), help: None, code: None }
    }

    fn warn(id: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self { state: State::Warn, help: Some(help.to_owned()), ..Self::ok(id, message) }
    }

    fn fail(id: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self { state: State::Fail, ..Self::warn(id, message, help) }
    }

    fn error(id: &'static str, error: &CliError) -> Self {
        let report = error.report();
        let state = if report.exit == Exit::NotReached { State::Warn } else { State::Fail };
        Self { id, state, message: report.message, help: report.hint, code: Some(report.code) }
    }

    /// True if it is only that a relay was not reached.
    fn is_away(&self) -> bool {
        self.id == "relay" && self.state == State::Warn
    }
}

/// How the program ends: well, with something to do, or with nothing to do but to wait for the relay.
pub fn exit(findings: &[Finding]) -> Exit {
    let is_open = |it: &&Finding| it.state != State::Ok;
    match findings.iter().find(is_open) {
        None => Exit::Ok,
        Some(_) if findings.iter().filter(is_open).all(Finding::is_away) => Exit::NotReached,
        Some(_) => Exit::Failed,
    }
}

/// Looks at everything.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let file = context.file()?;
    let mut findings = Vec::new();
    let (checkup, relays, stands) = match context.profile() {
        Err(error @ (CliError::NoProfile { .. } | CliError::ManyProfiles { .. })) => return Err(error),
        Err(error) => {
            findings.push(Finding::error("profile", &error));
            (None, None, Vec::new())
        }
        Ok(mut profile) => match look(&mut profile) {
            Err(error) => {
                findings.push(Finding::error("profile", &error.into()));
                (None, profile.relays().ok(), Vec::new())
            }
            Ok(checkup) => {
                let stands = profile.status().unwrap_or_default();
                (Some(checkup), profile.relays().ok(), stands)
            }
        },
    };
    findings.extend(checkup.as_ref().map(profile_of));
    findings.push(room::folder(&file));
    findings.push(room::disk(&file, checkup.as_ref().and_then(|it| it.unwritten.as_ref())));
    // Of a profile that cannot be read nobody knows which relays it names.
    let met = relays.as_ref().map(|relays| relay::meet(context, relays)).transpose()?.unwrap_or_default();
    findings.push(clock(context.env.now(), met.date, checkup.as_ref().and_then(|it| it.newest)));
    findings.extend(met.findings);
    if checkup.is_some() {
        findings.push(direct::look(context, context.profile()?)?);
    }
    if let Some(checkup) = &checkup {
        let outs = outs(&mut context.profile()?, &stands, context)?;
        findings.extend(member(&outs));
        findings.extend(keys(&checkup.spaces));
        findings.extend(log(&checkup.spaces));
        // What is written where this computer is not let in waits for nothing.
        let goes =
            stands.into_iter().filter(|space| outs.iter().all(|out| out.space != space.space)).collect::<Vec<_>>();
        findings.extend(sent(&goes, relays.as_deref().unwrap_or_default()));
    }
    for help in findings.iter_mut().filter_map(|it| it.help.as_mut()) {
        *help = context.ui.named(help);
    }
    Ok(Answer::Checked(findings))
}

fn look(profile: &mut Profile) -> Result<Checkup, AppError> {
    profile.person()?;
    profile.checkup()
}

/// What helps against damage.
const RESTORE: &str =
    "do not delete it: copy the folder away first, then restore a backup of it; `alliance sync` brings the rest";

fn profile_of(checkup: &Checkup) -> Finding {
    match checkup.damage.first() {
        None => Finding::ok("profile", "its file is whole"),
        Some(line) => Finding::fail("profile", format!("its file is damaged: {line}"), RESTORE),
    }
}

/// How far a clock may be off before one should know, and before things go wrong.
const OFF: Duration = Duration::from_secs(120);
const FAR_OFF: Duration = Duration::from_secs(3_600);
const SET: &str = "set this computer's clock, best by itself over the network: invitations run out by it, and https:// \
    needs it";

/// Compares the clock with the relay's and with what happened here already. All in unix seconds.
fn clock(now: i64, relay: Option<i64>, newest: Option<i64>) -> Finding {
    let off = relay.map(|relay| (now.saturating_sub(relay), Duration::from_secs(now.abs_diff(relay))));
    let before = newest.filter(|newest| now.saturating_add(OFF.as_secs().cast_signed()) < *newest);
    match (off, before) {
        (Some((ahead, off)), _) if off > OFF => {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let said = format!("this computer's clock is {} {way} the relay's", about(off));
            if off > FAR_OFF { Finding::fail("clock", said, SET) } else { Finding::warn("clock", said, SET) }
        }
        (None, Some(_)) => {
            Finding::warn("clock", "by this computer's clock things happened here that are yet to come", SET)
        }
        (Some(_), _) => Finding::ok("clock", "it agrees with the relay's"),
        (None, None) => Finding::ok("clock", "there is nothing to compare it with"),
    }
}

/// A time, roughly.
fn about(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..7_200 => count(seconds / 60, "minute", "minutes"),
        seconds @ 7_200..172_800 => count(seconds / 3_600, "hour", "hours"),
        seconds => count(seconds / 86_400, "day", "days"),
    }
}

fn title(personal: bool, title: &str) -> String {
    match (personal, title) {
        (true, _) => "your own space".to_owned(),
        (false, "") => "an alliance".to_owned(),
        (false, title) => format!("“{title}”"),
    }
}

/// A space that this computer is not in.
struct NotIn {
    space: SpaceId,
    title: String,
    out: Out,
    /// How much was written here that goes nowhere now.
    kept: u64,
}

/// Spaces that this computer has and is not in, as far as it heard.
fn outs(profile: &mut Profile, spaces: &[SpaceStatus], context: &Context<'_>) -> Result<Vec<NotIn>, CliError> {
    let mut outs = Vec::new();
    for space in spaces {
        let out = Out::of(profile, space.space, context)?;
        let (title, kept) = (title(space.personal, &space.title), space.waiting + space.unsent);
        outs.extend(out.map(|out| NotIn { space: space.space, title, out, kept }));
    }
    Ok(outs)
}

/// What is said of it: once for each reason.
fn member(outs: &[NotIn]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut all: Vec<_> = outs.iter().collect();
    all.sort_by_key(|it| it.out.why);
    for same in all.chunk_by(|one, other| one.out.why == other.out.why) {
        let titles: Vec<_> = same.iter().map(|it| it.title.clone()).collect();
        let why = render::device::happened(&same[0].out);
        let mut said = format!("this computer is not in {}. {}", render::listed(&titles), why.trim_end_matches('.'));
        let kept = same.iter().map(|it| it.kept).sum();
        if kept > 0 {
            said.push_str(&format!(
                ". {} here and goes nowhere",
                count(kept, "thing written is", "things written are")
            ));
        }
        findings.push(Finding::warn("membership", said, &render::device::helps(same[0].out.why).join(" ")));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("membership", "nothing says that this computer is not let in"));
    }
    findings
}

fn keys(spaces: &[SpaceCheckup]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for space in spaces.iter().filter(|space| space.damaged.is_none()) {
        let title = title(space.personal, &space.title);
        if !space.own_key {
            let said = format!("this computer's key for {title} is not the one that belongs there");
            findings.push(Finding::fail("keys", said, RESTORE));
        }
        if !space.recovery {
            let said = format!("the recovery words cannot bring back {title}");
            findings.push(Finding::warn("keys", said, "keep a copy of the profile's folder in a safe place"));
        }
        if space.lacks_keys {
            let said = format!("a key to read {title} has not come yet");
            findings.push(Finding::warn(
                "keys",
                said,
                "`alliance sync`; if it stays, the other person has to sync, too",
            ));
        }
    }
    if findings.is_empty() && spaces.iter().any(|space| space.damaged.is_none()) {
        findings.push(Finding::ok("keys", "all keys are here, and what the recovery words need"));
    }
    findings
}

fn log(spaces: &[SpaceCheckup]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for space in spaces {
        let title = title(space.personal, &space.title);
        if space.damaged.is_some() {
            findings.push(Finding::fail("log", format!("what is kept of {title} is damaged"), RESTORE));
        }
        if space.refused > 0 {
            let said = match space.refused {
                1 => format!("1 entry of {title} was refused"),
                refused => format!("{refused} entries of {title} were refused"),
            };
            findings.push(Finding::warn("log", said, "`alliance security` shows when; a newer `alliance` may take it"));
        }
        if space.waiting > 0 {
            let said = format!("{} of {title} cannot be read yet", count(space.waiting, "entry", "entries"));
            let help = "`alliance sync`; if it stays, `alliance security` shows whether the relay withholds something";
            findings.push(Finding::warn("log", said, help));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("log", "everything that arrived is as it was signed, and read"));
    }
    findings
}

/// What a relay refused or could not be sealed when it was last asked, and has not been taken since.
fn sent(spaces: &[SpaceStatus], relays: &[RelayInfo]) -> Vec<Finding> {
    let refused = |space: &SpaceStatus| {
        let why = sync::standing(space, relays)?;
        let title = title(space.personal, &space.title);
        let said = match why {
            Why::Refused(why) => format!("the relay did not take all of {title}: {why}"),
            Why::Unsealed(why) => format!("what waits in {title} could not be sealed on this computer: {why}"),
        };
        Some(Finding::warn("sent", said, "it is safe here; `alliance sync` tries again"))
    };
    let refused: Vec<_> = spaces.iter().filter_map(refused).collect();
    if !refused.is_empty() {
        return refused;
    }
    let said = match spaces.iter().map(|space| space.waiting + space.unsent).sum() {
        0 => "nothing that was written here waits".to_owned(),
        waiting => format!("{} here for the next sync", count(waiting, "waits", "wait")),
    };
    vec![Finding::ok("sent", said)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Layout, tests::seen};

    fn well(title: &str) -> SpaceCheckup {
        SpaceCheckup {
            space: alliance_replica::id::SpaceId::new([1; 16]),
            title: title.to_owned(),
            personal: title.is_empty(),
            damaged: None,
            own_key: true,
            recovery: true,
            lacks_keys: false,
            refused: 0,
            waiting: 0,
        }
    }

    #[test]
    fn a_clock_is_compared_with_the_relays_and_with_what_happened() {
        let state = |now, relay, newest| clock(now, relay, newest).state;
        assert_eq!(state(1_000, Some(1_100), Some(1_000)), State::Ok);
        assert_eq!(state(1_000, Some(1_200), None), State::Warn);
        assert_eq!(state(10_000, Some(1_000), None), State::Fail);
        assert_eq!(state(1_000, None, Some(5_000)), State::Warn);
        assert_eq!(state(1_000, None, None), State::Ok);
        assert_eq!(state(i64::MIN, Some(i64::MAX), None), State::Fail);
        // Whoever set a wrong clock right is not told so for ever.
        assert_eq!(state(1_000, Some(1_000), Some(5_000)), State::Ok);
    }

    #[test]
    fn everything_that_is_not_well_says_what_to_do_and_is_no_success() {
        let bad =
            SpaceCheckup { own_key: false, recovery: false, lacks_keys: true, refused: 1, waiting: 2, ..well("B") };
        let lost = SpaceCheckup { damaged: Some(3), ..well("") };
        let mut findings = vec![
            profile_of(&Checkup {
                damage: vec!["page 7 is never used".to_owned()],
                unwritten: None,
                newest: None,
                spaces: Vec::new(),
            }),
            clock(0, Some(200_000), None),
        ];
        findings.extend(keys(&[bad.clone(), lost.clone()]));
        findings.extend(log(&[bad, lost]));
        assert!(findings.iter().all(|it| it.state != State::Ok && it.help.is_some()), "{findings:?}");
        assert_eq!(exit(&findings), Exit::Failed);
        insta::assert_snapshot!("doctor_ill", seen(&Answer::Checked(findings.clone()), Layout::Terminal));
        insta::assert_snapshot!("doctor_json", serde_json::to_string_pretty(&findings[..2]).expect("serialises"));
        assert_eq!(Answer::Checked(findings).exit(), Exit::Failed);
    }

    #[test]
    fn a_relay_that_is_away_is_told_by_the_exit_code_if_all_else_is_well() {
        let spaces = [well("Ben & Anna"), well("")];
        let away = Finding::warn("relay", "no relay answers at http://127.0.0.1:1", "all is saved here");
        let mut findings = keys(&spaces);
        findings.extend(log(&spaces));
        assert_eq!(exit(&findings), Exit::Ok);
        findings.push(away);
        assert_eq!(exit(&findings), Exit::NotReached);
        insta::assert_snapshot!("doctor_away", seen(&Answer::Checked(findings.clone()), Layout::Terminal));
        insta::assert_snapshot!("doctor_plain", seen(&Answer::Checked(findings.clone()), Layout::Plain));
        findings.push(clock(0, Some(200), None));
        assert_eq!(exit(&findings), Exit::Failed);
    }
}
