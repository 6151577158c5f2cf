//! An exchange with one relay or one other computer, as [`converse`](crate::net::talk::converse) pumps it.

mod road;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alliance_core::{
    app::{
        AllianceInfo, AllianceState, Arrivals, ItemRef, Met, Profile, RelayInfo, Session, SessionError, SessionEvent,
        Tally,
    },
    keys::Route,
};
use alliance_replica::{
    exchange::frame::Code,
    id::{ItemId, SpaceId},
};

use road::Seen;

use super::{Both, By, Came, Synced, Traffic, Why, notices::Notices, refusal::refused_by_computer, why};
use crate::{
    command::{Answer, Context, device::out::Out, item::Named, status::Held},
    error::CliError,
    net::{peer::Port, stay::Stay, talk::Talk, url::RelayUrl},
    render::status::PRIVATE,
    ui::Progress,
};

/// How long another computer may take until it has shown that it belongs here.
const PATIENCE: Duration = Duration::from_secs(12);
/// Letters of a title that are shown while something comes.
const LONGEST: usize = 40;

/// How an exchange goes on.
pub(super) enum Mode<'a> {
    /// Until all was exchanged, showing how far it is.
    Once(&'a Progress),
    /// For as long as the person likes, saying what comes and goes.
    Watch(&'a Notices),
}

/// Whom an exchange is with.
#[derive(Clone, Copy)]
pub(super) enum With<'a> {
    /// A relay.
    Relay(&'a RelayInfo),
    /// Another computer, by this name of the connection.
    Computer(&'a str),
}

impl<'a> With<'a> {
    /// What the connection is called among all others.
    fn name(self) -> &'a str {
        match self {
            Self::Relay(relay) => &relay.url,
            Self::Computer(name) => name,
        }
    }

    /// By which way it goes, as far as nothing else is known.
    fn way(self) -> By {
        match self {
            Self::Relay(_) => By::Relay,
            Self::Computer(_) => By::Direct,
        }
    }

    /// The relay, if it is one.
    fn relay(self) -> Option<&'a RelayInfo> {
        match self {
            Self::Relay(relay) => Some(relay),
            Self::Computer(_) => None,
        }
    }
}

/// An exchange, as `converse` pumps it.
pub(super) struct Exchange<'a> {
    context: &'a Context<'a>,
    stay: Stay<'a>,
    with: With<'a>,
    mode: Mode<'a>,
    hindered: BTreeMap<SpaceId, Why>,
    said: BTreeMap<SpaceId, Tally>,
    news: BTreeMap<SpaceId, News>,
    states: BTreeMap<SpaceId, AllianceState>,
    damaged: bool,
    /// By which others come here, once this program has it, and the relay that may help them.
    helped: Option<(&'a OnceCell<Port>, RelayUrl)>,
    /// The relay was told of it.
    asked: bool,
    seen: Seen,
}

/// What changed in a space since it was said last.
#[derive(Default)]
struct News {
    items: BTreeSet<ItemId>,
    met: BTreeSet<Met>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        profile: &'a mut Profile,
        relay: &'a RelayInfo,
        mode: Mode<'a>,
    ) -> Self {
        let mut outside = context.outside();
        let session = Session::new(relay, &mut outside.world());
        Self::with(context, profile, session, (With::Relay(relay), mode))
    }

    /// Goes on with a session that began.
    pub(super) fn with(
        context: &'a Context<'a>,
        profile: &'a mut Profile,
        session: Session,
        (with, mode): (With<'a>, Mode<'a>),
    ) -> Self {
        // A profile that cannot be read says so as soon as something arrives.
        let states = profile.alliances().unwrap_or_default().into_iter().map(|it| (it.space, it.state)).collect();
        let stay = Stay::with(profile, session, context.outside());
        Self {
            stay,
            states,
            context,
            with,
            mode,
            hindered: BTreeMap::new(),
            said: BTreeMap::new(),
            news: BTreeMap::new(),
            damaged: false,
            helped: None,
            asked: false,
            seen: Seen::default(),
        }
    }

    /// Says to others by which endpoint they come to this computer, once this program has it, and lets the relay help them.
    pub(super) fn meet_by(&mut self, port: &'a OnceCell<Port>, relay: RelayUrl) {
        self.helped = Some((port, relay));
        self.ask_help();
    }

    fn ask_help(&mut self) {
        if let (false, Some(port)) = (self.asked, self.helped.as_ref().and_then(|(port, _)| port.get())) {
            self.asked = true;
            self.stay.session.set_dialled(true);
            self.stay.session.set_endpoint(port.endpoint());
        }
    }

    /// Keeps where the other computer was reached.
    pub(super) fn keep_route(&mut self, route: &Route) -> Result<(), CliError> {
        Ok(self.stay.session.keep_route(self.stay.profile, route)?)
    }

    /// True if the two computers have no space in common, or none into which either lets the other.
    pub(super) fn is_between_strangers(&self) -> bool {
        self.stay.session.shares_nothing()
    }

    /// What came and went so far, a row a space of the relay.
    pub(super) fn report(&mut self) -> Result<Vec<Traffic>, CliError> {
        self.show()?;
        if self.damaged {
            // It says what.
            self.stay.profile.status()?;
        }
        let spaces = self.with.relay().map(|relay| relay.spaces.clone()).unwrap_or_default();
        let spaces = spaces.into_iter().chain(self.stay.session.shared());
        let mut tallies: BTreeMap<_, _> = spaces.map(|space| (space, Tally::default())).collect();
        tallies.extend(self.stay.session.tallies());
        self.rows(&tallies)
    }

    fn rows(&mut self, tallies: &BTreeMap<SpaceId, Tally>) -> Result<Vec<Traffic>, CliError> {
        let mut rows = Vec::new();
        let alliances = self.stay.profile.alliances()?;
        let of = |space: &SpaceId| alliances.iter().find(|it| it.space == *space);
        let spaces: BTreeSet<_> = tallies.keys().chain(self.hindered.keys()).copied().collect();
        let shared = alliances.iter().map(|it| it.space).filter(|space| spaces.contains(space));
        let personal = spaces.iter().filter(|space| of(space).is_none()).copied();
        for space in shared.chain(personal) {
            let (mut why, alliance) = (self.hindered.get(&space).copied(), of(&space));
            let tally = tallies.get(&space).copied().unwrap_or_default();
            let News { items, met } = self.news.remove(&space).unwrap_or_default();
            let both = self.both(space, met)?;
            let profile = &mut *self.stay.profile;
            let items = profile.some(space, items)?.into_iter().map(Named::from).collect();
            let out = match why {
                Some(_) => Out::of(profile, space, self.context)?,
                None => None,
            };
            // Another computer of this person said that they left, just after the relay let nobody in.
            if why.is_some()
                && self.with.relay().is_some()
                && out.is_none()
                && alliance.is_some_and(|it| it.state == AllianceState::Ended)
            {
                profile.set_hindrance(&space, None)?;
                why = None;
            }
            let (choices, held) = match alliance {
                Some(alliance) => (profile.conflicts(space)?.len(), Held::of(profile, alliance)?),
                None => (0, None),
            };
            rows.push(Traffic {
                held,
                came: alliance.and_then(|it| came(self.states.insert(space, it.state)?, it)),
                items,
                both,
                other: alliance.and_then(|it| it.other.clone()),
                id: space.to_string(),
                title: alliance.map(|it| it.title.clone()).unwrap_or_default(),
                current: alliance.is_some_and(|it| it.current),
                personal: alliance.is_none(),
                relay: self.with.relay().map(|relay| relay.url.clone()),
                route: self.passage().map_or_else(|| self.with.way(), By::from),
                received: tally.received,
                sent: tally.sent,
                changed: tally.changed,
                choices,
                refused: why.and_then(Why::refused),
                unsealed: why.and_then(Why::unsealed),
                out,
            });
        }
        Ok(rows)
    }

    /// Where both wrote, as it is now: what somebody has chosen meanwhile is settled.
    fn both(&mut self, space: SpaceId, met: BTreeSet<Met>) -> Result<Vec<Both>, CliError> {
        let mut both = Vec::new();
        for Met { item, field, is_choice } in met {
            if matches!(&self.mode, Mode::Watch(notices) if !is_choice && !notices.is_first(item, &field)) {
                continue;
            }
            let item = self.stay.profile.item(&ItemRef { space, item })?;
            if !is_choice || item.choices.iter().any(|choice| choice.field == field) {
                both.push(Both { item: item.summary.into(), field, choice: is_choice });
            }
        }
        Ok(both)
    }

    /// Says that the other person moved an alliance to another relay; this program goes there by itself.
    fn moved(&mut self, space: SpaceId) {
        let title = self.title(space).unwrap_or_default();
        self.context.ui.talk(&format!("“{title}” is exchanged through another relay from now on."));
    }

    /// Says that the relay is not what it was: of an older copy, or a disk that failed.
    fn lost(&mut self, space: SpaceId) {
        let title = self.title(space).unwrap_or_else(|| PRIVATE.to_owned());
        let told = format!("The relay had lost some of “{title}”, and gets it again: `alliance security` shows when.");
        self.context.ui.talk(&told);
    }

    /// What an alliance is called.
    fn title(&mut self, space: SpaceId) -> Option<String> {
        let alliances = self.stay.profile.alliances().unwrap_or_default();
        alliances.into_iter().find(|it| it.space == space).map(|it| it.title)
    }

    /// True if the relay has taken the space before.
    fn is_held(&mut self, space: SpaceId) -> bool {
        let all = self.stay.profile.status().unwrap_or_default();
        all.iter().any(|it| it.space == space && it.kept)
    }

    /// Says who is here, calmly: an interruption of the network is no departure.
    fn here(&mut self, space: SpaceId, here: bool) {
        let Mode::Watch(notices) = &self.mode else { return };
        let alliances = self.stay.profile.alliances().unwrap_or_default();
        let name = alliances.into_iter().find(|it| it.space == space).and_then(|it| it.other);
        notices.here(self.context.ui, space, self.with.name(), here.then_some(name).flatten());
    }

    /// Says what is new since it was said last.
    fn show(&mut self) -> Result<(), SessionError> {
        let mut new = false;
        while let Some(event) = self.stay.session.poll_event() {
            match event {
                SessionEvent::Connected { .. } => {}
                SessionEvent::Helped => {
                    if let Some((Some(port), relay)) = self.helped.as_ref().map(|(port, relay)| (port.get(), relay)) {
                        port.on_helped(relay);
                    }
                }
                SessionEvent::Progress => new = true,
                SessionEvent::Changed { space, items, met } => {
                    new = true;
                    let news = self.news.entry(space).or_default();
                    news.items.extend(items);
                    news.met.extend(met);
                }
                SessionEvent::Moved { space } => self.moved(space),
                SessionEvent::Here { space, here } => self.here(space, here),
                SessionEvent::Hindered { space, why: hindrance } => {
                    new = true;
                    let Some(relay) = self.with.relay() else {
                        self.hindered.insert(space, refused_by_computer(hindrance));
                        continue;
                    };
                    // A relay that was left may do as it likes.
                    if !relay.left.contains(&space) {
                        self.stay.profile.set_hindrance(&space, Some(hindrance))?;
                        let is_held = self.is_held(space);
                        self.hindered.insert(space, why(hindrance, relay, is_held));
                    }
                }
                SessionEvent::Lost { space } => self.lost(space),
                SessionEvent::Damaged { space } => {
                    new = true;
                    self.damaged = true;
                    self.hindered.insert(space, Why::Refused("something of it is damaged on this computer"));
                }
            }
        }
        if !new {
            return Ok(());
        }
        let tallies = self.stay.session.tallies().clone();
        match &self.mode {
            Mode::Once(progress) => {
                let alliances = self.stay.profile.alliances().unwrap_or_default();
                let title = |space: &SpaceId| alliances.iter().find(|it| it.space == *space).map(|it| it.title.clone());
                let arrivals = self.stay.session.arrivals(self.stay.profile)?;
                let arrivals =
                    arrivals.iter().filter(|(space, _)| tallies.get(*space).is_some_and(|it| it.received > 0));
                let arrivals: Vec<_> = arrivals.map(|(space, arrivals)| (title(space), *arrivals)).collect();
                progress.say(&so_far(&tallies, &arrivals));
            }
            Mode::Watch(notices) => {
                let notices = *notices;
                self.hindered.retain(|space, why| notices.is_news(*space, *why));
                let since = since(&self.said, &tallies);
                self.said = tallies;
                let told = self.rows(&since).and_then(|rows| {
                    self.hindered.clear();
                    let rows: Vec<_> = rows.into_iter().filter(|row| !row.personal || row.why().is_some()).collect();
                    if rows.is_empty() {
                        return Ok(());
                    }
                    if let Some(relay) = self.with.relay() {
                        notices.carries(self.context.ui, &relay.url);
                    }
                    self.context.ui.answer(&Answer::Synced(Synced { rows, over: false }))
                });
                // Whoever reads the output may be gone; the exchange goes on.
                let _ = told;
            }
        }
        Ok(())
    }
}

/// Who was let in while an alliance went from one state to the other.
fn came(before: AllianceState, now: &AllianceInfo) -> Option<Came> {
    match (before, now.state) {
        (AllianceState::AwaitsConfirmation, AllianceState::Alone | AllianceState::Together) if now.by_own => {
            Some(Came::Computer)
        }
        (AllianceState::AwaitsConfirmation, AllianceState::Together) => Some(Came::You),
        (AllianceState::Alone, AllianceState::Together) => Some(Came::Them),
        _ => None,
    }
}

/// How far it is: a line a space of which something came.
fn so_far(tallies: &BTreeMap<SpaceId, Tally>, arrivals: &[(Option<String>, Arrivals)]) -> String {
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>();
    let mut text = format!("{} received, {} sent", sum(|it| it.received), sum(|it| it.sent));
    for (title, Arrivals { here, named }) in arrivals {
        let title = match title.as_deref() {
            None => PRIVATE.to_owned(),
            Some("") => "an alliance".to_owned(),
            Some(title) => {
                format!("“{}”", title.chars().filter(|it| !it.is_control()).take(LONGEST).collect::<String>())
            }
        };
        text.push_str(&format!("\n  {title}: {here} of {named} are here"));
    }
    text
}

/// What came and went between two tallies, where anything did.
fn since(before: &BTreeMap<SpaceId, Tally>, now: &BTreeMap<SpaceId, Tally>) -> BTreeMap<SpaceId, Tally> {
    let of = |(space, now): (&SpaceId, &Tally)| {
        let before = before.get(space).copied().unwrap_or_default();
        let received = now.received.saturating_sub(before.received);
        let sent = now.sent.saturating_sub(before.sent);
        let changed = now.changed.saturating_sub(before.changed);
        let tally = Tally { received, sent, changed };
        (tally != Tally::default()).then_some((*space, tally))
    };
    now.iter().filter_map(of).collect()
}

impl Talk for Exchange<'_> {
    fn pace(&self) -> Duration {
        match self.mode {
            Mode::Once(_) => Duration::from_secs(1),
            Mode::Watch(_) => self.stay.pace(),
        }
    }

    fn roused(&self) -> impl Future<Output = ()> {
        self.stay.roused()
    }

    fn lasts(&self) -> bool {
        matches!(self.mode, Mode::Watch(_)) && self.stay.session.has_spaces()
    }

    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        self.stay.transmit()
    }

    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        self.stay.handle(frame)
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        self.stay.flush()
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        let over = self.stay.session.is_settled(self.stay.profile)?;
        if over {
            self.stay.note_settled()?;
        }
        Ok(over)
    }

    fn tick(&mut self) -> Result<(), SessionError> {
        if matches!(self.with, With::Computer(_)) && !self.stay.session.has_company() && self.stay.elapsed() > PATIENCE
        {
            return Err(SessionError::Closed(Code::Slow));
        }
        self.ask_help();
        if self.lasts() { self.stay.tick() } else { Ok(()) }
    }

    fn tidy(&mut self) -> Result<(), SessionError> {
        self.show()?;
        self.note_passage()?;
        if let Mode::Watch(notices) = &self.mode {
            notices.stays_connected(self.context.ui, self.with.name(), self.stay.elapsed());
        }
        if !self.lasts() {
            return Ok(());
        }
        self.stay.tidy()?;
        if let (Mode::Watch(notices), With::Computer(name)) = (&self.mode, self.with) {
            notices.settle(name, self.stay.is_settled() && self.stay.session.has_company());
        }
        Ok(())
    }

    fn part(&mut self) -> Result<(), SessionError> {
        self.stay.part()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_has_come_is_said_for_each_alliance() {
        let tally = Tally { received: 300, sent: 2, changed: 0 };
        let tallies = BTreeMap::from([(SpaceId::new([1; 16]), tally)]);
        let arrivals = |here| Arrivals { here, named: 5000 };
        let rows =
            [(Some("Ben & Anna".to_owned()), arrivals(300)), (Some(String::new()), arrivals(1)), (None, arrivals(7))];
        let said = "300 received, 2 sent\n  “Ben & Anna”: 300 of 5000 are here\n  an alliance: 1 of 5000 are here\n  only yours: 7 of 5000 are here";
        assert_eq!(so_far(&tallies, &rows), said);
        assert_eq!(so_far(&tallies, &[]), "300 received, 2 sent");
    }

    #[test]
    fn only_what_is_new_is_said() {
        let tally = |received, sent| Tally { received, sent, changed: 0 };
        let space = |n| SpaceId::new([n; 16]);
        let before = BTreeMap::from([(space(1), tally(3, 1)), (space(2), tally(1, 1))]);
        let now = BTreeMap::from([(space(1), tally(3, 1)), (space(2), tally(4, 1)), (space(3), tally(0, 2))]);
        assert_eq!(since(&before, &now), BTreeMap::from([(space(2), tally(3, 0)), (space(3), tally(0, 2))]));
    }
}
