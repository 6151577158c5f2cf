//! What a watcher says, and does not say again: a network that comes and goes is no news each time.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alliance_core::app::Passage;
use alliance_replica::id::{ItemId, SpaceId};

use super::Why;
use crate::{render::sync::how, ui::Ui};

/// How long a connection holds before it is said that it is there again.
const HOLDS: Duration = Duration::from_secs(3);
/// How long after that somebody who was here may take to be here again.
const RETURN: Duration = Duration::from_secs(20);

/// What was said last, by all connections of one watcher. Kept nowhere.
#[derive(Default)]
pub(super) struct Notices(RefCell<Said>);

#[derive(Default)]
struct Said {
    /// Relays, and whether they were said to be connected.
    connected: BTreeMap<String, bool>,
    /// Why spaces were not exchanged.
    hindered: BTreeMap<SpaceId, Why>,
    /// Who was said to be here.
    names: BTreeMap<SpaceId, String>,
    /// Through which relays they are.
    here: BTreeMap<SpaceId, BTreeSet<String>>,
    /// Texts of which it was said that both write in them.
    shared: BTreeSet<(ItemId, String)>,
    /// Connections with other computers on which both have all.
    settled: BTreeSet<String>,
    /// By which way somebody was said to be reached, or this person's other computers.
    reached: BTreeMap<Option<SpaceId>, Passage>,
}

impl Notices {
    /// A connection stands.
    pub(super) fn connected(&self, ui: &Ui, url: &str) {
        // After an interruption it has to hold first.
        if !self.0.borrow().connected.contains_key(url) {
            self.say_connected(ui, url);
        }
    }

    /// A connection has stood for so long.
    pub(super) fn stays_connected(&self, ui: &Ui, url: &str, since: Duration) {
        if since >= HOLDS && self.0.borrow().connected.get(url) == Some(&false) {
            self.say_connected(ui, url);
        }
        if since >= RETURN {
            for (space, name) in self.away() {
                self.0.borrow_mut().names.remove(&space);
                ui.talk(&format!("{name} is not here any more."));
            }
        }
    }

    /// Something came or went through it: it is there again, however short it has stood.
    pub(super) fn carries(&self, ui: &Ui, url: &str) {
        if self.0.borrow().connected.get(url) == Some(&false) {
            self.say_connected(ui, url);
        }
    }

    /// A connection ended, or did not come about.
    pub(super) fn disconnected(&self, ui: &Ui, url: &str, why: &str) {
        let mut said = self.0.borrow_mut();
        said.here.values_mut().for_each(|relays| _ = relays.remove(url));
        if said.connected.insert(url.to_owned(), false) != Some(false) {
            ui.talk(&format!("Not connected: {why}. All is saved here; trying again."));
        }
    }

    /// Both ends of a connection have all, or not.
    pub(super) fn settle(&self, name: &str, is_settled: bool) {
        let settled = &mut self.0.borrow_mut().settled;
        if is_settled != settled.contains(name) {
            _ = if is_settled { settled.insert(name.to_owned()) } else { settled.remove(name) };
        }
    }

    /// True if both ends of a connection have all.
    pub(super) fn is_settled(&self, name: &str) -> bool {
        self.0.borrow().settled.contains(name)
    }

    /// A connection of which nobody was told ended.
    pub(super) fn gone(&self, name: &str) {
        self.settle(name, false);
        self.0.borrow_mut().here.values_mut().for_each(|names| _ = names.remove(name));
    }

    /// True if a space was not hindered by this before.
    pub(super) fn is_news(&self, space: SpaceId, why: Why) -> bool {
        self.0.borrow_mut().hindered.insert(space, why) != Some(why)
    }

    /// True if it was not said before that both write in this text: they see it while they do.
    pub(super) fn is_first(&self, item: ItemId, field: &str) -> bool {
        self.0.borrow_mut().shared.insert((item, field.to_owned()))
    }

    /// Somebody is here, by that name, or went.
    pub(super) fn here(&self, ui: &Ui, space: SpaceId, url: &str, name: Option<String>) {
        let mut said = self.0.borrow_mut();
        let relays = said.here.entry(space).or_default();
        match name {
            Some(name) => {
                relays.insert(url.to_owned());
                if said.names.insert(space, name.clone()).is_none() {
                    ui.talk(&format!("{name} is here now."));
                }
            }
            None => {
                relays.remove(url);
                if relays.is_empty()
                    && let Some(name) = said.names.remove(&space)
                {
                    ui.talk(&format!("{name} is not here any more."));
                }
            }
        }
    }

    /// By which way one of this person's other computers is reached, or the other person's; of these it is said only while
    /// they were said to be here. Returns whether it was said by now.
    pub(super) fn reached(&self, ui: &Ui, (space, is_own): (SpaceId, bool), passage: Passage) -> bool {
        let mut said = self.0.borrow_mut();
        let name = said.names.get(&space).map(|name| format!("{name}'s computer"));
        let who = if is_own { Some("Your other computer".to_owned()) } else { name };
        let Some(who) = who else { return false };
        if said.reached.insert((!is_own).then_some(space), passage) != Some(passage) {
            ui.talk(&format!("{who} is reached {}.", how(passage)));
        }
        true
    }

    fn say_connected(&self, ui: &Ui, url: &str) {
        self.0.borrow_mut().connected.insert(url.to_owned(), true);
        ui.talk(&format!("Connected to {url}. Ctrl-C ends."));
    }

    /// Those who were said to be here and are heard through no relay.
    fn away(&self) -> Vec<(SpaceId, String)> {
        let said = self.0.borrow();
        let heard = |space: &SpaceId| said.here.get(space).is_some_and(|relays| !relays.is_empty());
        said.names.iter().filter(|(space, _)| !heard(space)).map(|(space, name)| (*space, name.clone())).collect()
    }
}
