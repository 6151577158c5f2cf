//! `alliance security`: what happened to keys and membership, oldest first.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    app::{AllianceInfo, KeyIn, KeyOf, Profile},
    store::SecurityEvent,
};
use serde::Serialize;

use super::{Answer, Context};
use crate::{env::Moment, error::CliError, render};

/// A line of the security log.
#[derive(Serialize, Debug)]
pub struct Line {
    /// Its number.
    pub id: usize,
    /// When, on this computer's clock.
    pub at: Moment,
    /// The space, in hexadecimal.
    pub space: String,
    /// What the space is called, if it is an alliance of this profile.
    pub title: Option<String>,
    /// What happened.
    pub kind: String,
    /// Ids that say to whom or what.
    pub about: serde_json::Value,
    /// What the ids mean to a person.
    #[serde(skip)]
    pub of: Of,
}

/// What a line is about, as far as that is known.
#[derive(PartialEq, Eq, Default, Debug)]
pub enum Of {
    /// Nothing that has a name.
    #[default]
    Nothing,
    /// Oneself.
    You,
    /// The other person, by name.
    Them(String),
    /// An invitation.
    Invitation,
    /// Recovery words: this person's, or the other one's by name.
    Words(Option<String>),
    /// A computer of this person, as it is called here.
    Computer(String),
    /// A computer of the other person, by their name.
    TheirComputer(String),
}

/// What was known of the security log.
pub struct Heard {
    lines: usize,
    spaces: BTreeSet<String>,
}

/// Lists the security log.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    Ok(Answer::Security(lines(&mut context.profile()?, context)?))
}

/// What is in the log by now.
pub fn heard(profile: &mut Profile) -> Result<Heard, CliError> {
    let events = profile.security()?;
    Ok(Heard { lines: events.len(), spaces: events.into_iter().map(|it| it.space).collect() })
}

/// Says what came into the log since then, in the spaces that were known already: whoever is new somewhere is told
/// nothing of what was before.
pub fn tell(since: Heard, profile: &mut Profile, context: &Context<'_>) -> Result<Heard, CliError> {
    let now = heard(profile)?;
    if now.lines > since.lines {
        let mut news = lines(profile, context)?.split_off(since.lines);
        news.retain(|line| since.spaces.contains(&line.space));
        render::security::news(&news).iter().for_each(|line| context.ui.talk(line));
    }
    Ok(now)
}

/// The lines of the log, with whom each is about as this person calls them.
fn lines(profile: &mut Profile, context: &Context<'_>) -> Result<Vec<Line>, CliError> {
    let alliances = profile.alliances()?;
    let events = profile.security()?;
    let joined: BTreeSet<_> = events.iter().filter(|it| it.kind == "joined").map(|it| it.space.clone()).collect();
    let known = Known::new(profile, &alliances)?;
    let lines = events.into_iter().enumerate().map(|(n, event)| {
        let SecurityEvent { at, space, kind, about } = event;
        let alliance = alliances.iter().find(|it| it.space.to_string() == space);
        let computer = || known.computer(&of(&space, &about["device"])?);
        let person = || {
            let is_ones_own = [&about["device"], &about["by"]].into_iter().filter_map(|it| of(&space, it));
            let is_ones_own = is_ones_own.filter_map(|it| known.is_ones_own.get(&it)).next();
            match (is_ones_own, alliance) {
                (Some(true), _) | (_, None) => Some(Of::You),
                (Some(false), Some(alliance)) => alliance.other.clone().map(Of::Them),
                _ => None,
            }
        };
        let of = match (&*kind, alliance.and_then(|it| it.other.clone())) {
            ("invitation-confirmed", _) if about["for"] == "device" => computer(),
            ("invitation-confirmed", _) if joined.contains(&space) => Some(Of::You),
            ("invitation-confirmed", Some(other)) => Some(Of::Them(other)),
            ("device-cut", _) => {
                // Whoever ends a key says why as they like: what it was is known, or nobody here ever saw it.
                let is_said = matches!(about["reason"].as_str(), Some("withdrawn" | "expired"));
                let known = of(&space, &about["device"]).and_then(|name| known.ended(&name));
                known.or(is_said.then_some(Of::Invitation))
            }
            ("came-back-by-words" | "renewed-by-words" | "words-added" | "member-left", _) => person(),
            (
                "device-added" | "device-wrote-two-histories" | "work-taken-over" | "wrote-after-cut" | "late-taken",
                _,
            ) => computer(),
            _ => None,
        };
        let title = alliance.map(|it| it.title.clone());
        Ok(Line { id: n + 1, at: context.env.moment(at)?, title, space, kind, about, of: of.unwrap_or_default() })
    });
    lines.collect()
}

/// A device of a space, both in hexadecimal.
type Name = (String, String);

fn of(space: &str, device: &serde_json::Value) -> Option<Name> {
    Some((space.to_owned(), device.as_str()?.to_owned()))
}

/// The devices that are known here.
struct Known {
    /// How each of this person's is called.
    computers: BTreeMap<Name, String>,
    /// Whose each other one is.
    theirs: BTreeMap<Name, String>,
    /// Whether it is this person's.
    is_ones_own: BTreeMap<Name, bool>,
    /// Whose recovery words; none if they are this person's.
    words: BTreeMap<Name, Option<String>>,
    /// Invitations.
    invitations: BTreeSet<Name>,
}

impl Known {
    /// What it was that ended.
    fn ended(&self, name: &Name) -> Option<Of> {
        let words = || self.words.get(name).cloned().map(Of::Words);
        let invitation = || self.invitations.contains(name).then_some(Of::Invitation);
        words().or_else(invitation).or_else(|| self.computer(name))
    }

    fn computer(&self, name: &Name) -> Option<Of> {
        let theirs = || self.theirs.get(name).cloned().map(Of::TheirComputer);
        self.computers.get(name).cloned().map(Of::Computer).or_else(theirs)
    }

    fn new(profile: &mut Profile, alliances: &[AllianceInfo]) -> Result<Self, CliError> {
        let (mut computers, mut is_ones_own) = (BTreeMap::new(), BTreeMap::new());
        let (mut theirs, mut words, mut invitations) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for KeyIn { space, device, mine, of } in profile.keys()? {
            let other = alliances.iter().find(|it| it.space == space).and_then(|it| it.other.clone());
            let whose = other.unwrap_or_else(|| "the other person".to_owned());
            let name = (space.to_string(), device.to_string());
            match of {
                // Also under a key that it had before.
                KeyOf::Computer => {
                    is_ones_own.insert(name.clone(), mine);
                    match mine {
                        true => _ = computers.insert(name, "a computer of yours".to_owned()),
                        false => _ = theirs.insert(name, whose),
                    }
                }
                KeyOf::Words => _ = words.insert(name, if mine { None } else { Some(whose) }),
                KeyOf::Invitation => _ = invitations.insert(name),
            }
        }
        for computer in profile.computers()? {
            let called = match (computer.this, computer.name.as_str()) {
                (true, _) => "this computer".to_owned(),
                (false, "") => "a computer of yours".to_owned(),
                (false, name) => format!("your computer “{name}”"),
            };
            for (space, device) in &computer.places {
                computers.insert((space.to_string(), device.to_string()), called.clone());
            }
        }
        Ok(Self { computers, theirs, is_ones_own, words, invitations })
    }
}
