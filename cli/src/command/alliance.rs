//! `alliance new` and `alliance use`: several alliances in one profile.

use alliance_core::app::{AllianceInfo, AllianceState, AppError, Profile};
use alliance_replica::id::SpaceId;
use clap::Args;
use serde::Serialize;

use super::{Answer, Context, status};
use crate::{args::Title, error::CliError, net::url::RelayUrl};

/// Arguments of `new`.
#[derive(Args, Debug)]
pub struct New {
    /// What it is called.
    #[command(flatten)]
    pub title: Title,
    /// Relay to exchange through [default: the one you use already]
    #[arg(long, value_name = "URL")]
    pub relay: Option<RelayUrl>,
}

/// Arguments of `use`.
#[derive(Args, Debug)]
pub struct Use {
    /// Title of the alliance, its beginning, or the beginning of its id; without one, lists all
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// An alliance that began or was chosen, or all of them.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub enum Chosen {
    /// It began, and commands mean it from now on.
    Began(Row),
    /// Commands mean it from now on.
    Now(Row),
    /// All of them.
    All(Vec<Row>),
}

/// An alliance.
#[derive(Serialize, Debug)]
pub struct Row {
    /// Its space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// How far it has come.
    pub state: State,
    /// True if commands mean this one.
    pub current: bool,
    /// Who lets this computer in, while it is not.
    #[serde(skip)]
    pub host: Option<String>,
}

/// How far an alliance has come, in JSON a word.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The other person has not come yet.
    Alone,
    /// An invitation was taken up and waits for the inviter's next sync.
    AwaitsConfirmation,
    /// Both are there.
    Together,
    /// The other person left.
    TheyLeft,
    /// One left, or this computer was shut out.
    Ended,
}

impl From<AllianceState> for State {
    fn from(state: AllianceState) -> Self {
        match state {
            AllianceState::Alone => Self::Alone,
            AllianceState::AwaitsConfirmation => Self::AwaitsConfirmation,
            AllianceState::Together => Self::Together,
            AllianceState::TheyLeft => Self::TheyLeft,
            AllianceState::Ended => Self::Ended,
        }
    }
}

impl From<AllianceInfo> for Row {
    fn from(info: AllianceInfo) -> Self {
        let AllianceInfo { space, title, other, state, current, by_own, .. } = info;
        let host = status::host(by_own, other.clone());
        Self { id: space.to_string(), title, other, state: state.into(), current, host }
    }
}

impl New {
    /// Begins an alliance.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let title = self.title.join();
        let same = |info: &AllianceInfo| info.title.to_lowercase() == title.trim().to_lowercase();
        if let Some(info) = profile.alliances()?.into_iter().find(same) {
            return Err(CliError::AllianceExists { title: info.title });
        }
        let relay = self.relay.as_ref().map(RelayUrl::as_str);
        let space = profile.new_alliance(&title, relay, &mut context.outside().world())?;
        Ok(Answer::Alliance(Chosen::Began(row(&mut profile, space)?)))
    }
}

impl Use {
    /// Chooses the alliance that commands mean.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let Some(name) = self.name else {
            return Ok(Answer::Alliance(Chosen::All(profile.alliances()?.into_iter().map(Row::from).collect())));
        };
        let space = find(&mut profile, &name)?;
        profile.use_alliance(space)?;
        Ok(Answer::Alliance(Chosen::Now(row(&mut profile, space)?)))
    }
}

/// Digits of an id at the least.
const SHORTEST: usize = 4;
/// Digits of an id that is offered, if they tell it from all others.
const OFFERED: usize = 8;

/// As much of an id as tells an alliance from all others.
pub fn short(space: &SpaceId, all: &[AllianceInfo]) -> String {
    let id = space.to_string();
    let others = |start: &str| all.iter().any(|it| it.space != *space && it.space.to_string().starts_with(start));
    let most = (OFFERED..id.len()).find(|most| !others(&id[..*most])).unwrap_or(id.len());
    id[..most].to_owned()
}

/// Why no alliance is meant: there is none, or nobody chose one of several on this computer.
pub fn unchosen(profile: &mut Profile) -> Result<CliError, CliError> {
    let all = profile.alliances()?;
    if all.is_empty() {
        return Ok(AppError::NoAlliance.into());
    }
    Ok(CliError::NoneChosen { candidates: all.iter().map(|it| (short(&it.space, &all), it.title.clone())).collect() })
}

/// The alliance that a person named: by its title, its id, or the beginning of either.
pub fn find(profile: &mut Profile, name: &str) -> Result<SpaceId, CliError> {
    pick(profile.alliances()?, name).map(|info| info.space)
}

fn row(profile: &mut Profile, space: SpaceId) -> Result<Row, CliError> {
    let found = profile.alliances()?.into_iter().find(|info| info.space == space);
    Ok(found.ok_or_else(|| CliError::UnknownAlliance { name: space.to_string(), titles: Vec::new() })?.into())
}

fn pick(all: Vec<AllianceInfo>, name: &str) -> Result<AllianceInfo, CliError> {
    let wanted = name.to_lowercase();
    let ways: [&dyn Fn(&AllianceInfo) -> bool; 5] = [
        &|it| it.space.to_string() == wanted,
        &|it| it.title == name,
        &|it| it.title.to_lowercase() == wanted,
        &|it| wanted.len() >= SHORTEST && it.space.to_string().starts_with(&wanted),
        &|it| !wanted.is_empty() && it.title.to_lowercase().starts_with(&wanted),
    ];
    for fits in ways {
        let fitting: Vec<_> = all.iter().filter(|info| fits(info)).collect();
        match fitting[..] {
            [] => {}
            [one] => return Ok(one.clone()),
            _ => {
                let candidates = fitting.iter().map(|it| (short(&it.space, &all), it.title.clone())).collect();
                return Err(CliError::ManyAlliances { name: name.to_owned(), candidates });
            }
        }
    }
    Err(CliError::UnknownAlliance { name: name.to_owned(), titles: all.into_iter().map(|it| it.title).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(n: u8, title: &str) -> AllianceInfo {
        let space = SpaceId::new([n; 16]);
        AllianceInfo {
            space,
            title: title.to_owned(),
            other: None,
            state: AllianceState::Alone,
            current: false,
            by_own: false,
        }
    }

    #[test]
    fn an_alliance_is_named_by_title_beginning_or_id() {
        let all = || vec![info(1, "Ben & Anna"), info(2, "Ben & Carl"), info(3, "ben"), info(4, "Ben & Carl")];
        let found = |name: &str| pick(all(), name).map(|it| it.space.as_bytes()[0]);
        assert_eq!(found("Ben & Anna").expect("found"), 1);
        assert_eq!(found("BEN").expect("found"), 3, "the whole title comes before its beginning");
        assert_eq!(found("ben & a").expect("found"), 1);
        assert_eq!(found(&"04".repeat(16)).expect("found"), 4);
        assert_eq!(found("0404").expect("found"), 4);
        assert!(found("040").is_err() && found("").is_err(), "too little to be meant");
        assert!(
            matches!(found("Ben & Carl"), Err(CliError::ManyAlliances { candidates, .. }) if candidates.len() == 2)
        );
        assert!(matches!(found("Dora"), Err(CliError::UnknownAlliance { titles, .. }) if titles.len() == 4));
    }
}
