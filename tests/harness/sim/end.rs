//! When nothing goes wrong any more: everybody has the same, every word is there, and the relay can read none.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    app::{AppError, Calendar, ItemRef, Profile},
    domain,
    store::StoreError,
    view::Grain,
};
use alliance_replica::{
    id::{DeviceId, ItemId, SpaceId},
    log::{Log, control::Record, entry::Header, heads::Chain},
};
use alliance_sync_server::store::Stored;

use super::{BOUND, Sim, Violation, node, record::Word};

/// A space as one computer has it.
#[derive(PartialEq, Eq, Debug)]
struct Copy {
    heads: BTreeMap<ItemId, BTreeMap<String, Vec<String>>>,
    /// What a person sees of each item, whoever they are.
    shown: BTreeMap<ItemId, String>,
}

impl Sim {
    pub(crate) fn end(&mut self) -> Result<(), Violation> {
        self.heal()?;
        if let Some(why) = self.unrest()? {
            return Err(Violation(format!("I3: not everybody has everything after {} minutes: {why}", BOUND / 60_000)));
        }
        self.relay_has_what_it_acknowledged()?;
        for space in self.spaces.clone() {
            self.stranded_are_told(space)?;
            self.all_have_the_same(space)?;
            self.relay_reads_nothing(space)?;
        }
        self.nothing_forged_is_seen()?;
        for name in self.devices.keys().cloned().collect::<Vec<_>>() {
            self.nothing_overtakes_its_past(&name)?;
            self.nothing_is_gone(&name)?;
        }
        for space in self.spaces.clone() {
            self.keys_are_for_the_living(space)?;
            self.epochs_are_for_changes(space)?;
            self.what_ended_is_out(space)?;
            self.content_is_for_the_living(space)?;
            self.forks_are_told(space)?;
        }
        self.taken_back_is_taken_back()?;
        self.the_lost_are_out_everywhere()?;
        self.rows_are_what_documents_say()?;
        self.nothing_is_out_of_sight()?;
        self.no_word_is_lost()
    }

    /// Who has something to say to the relay, or it to them, or who do not have the same; nothing once all is quiet.
    pub(crate) fn unrest(&mut self) -> Result<Option<String>, Violation> {
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            if self.outlaws.iter().any(|(person, _)| *person == self.devices[&name].person) {
                continue;
            }
            let asked = self.call(&name, |profile, session, _| match session {
                Some(session) => session.is_settled(profile).unwrap_or(false),
                None => profile.relays().is_ok_and(|relays| relays.is_empty()),
            });
            if !matches!(asked, Ok(Some(true))) {
                return Ok(Some(format!("{name} is not settled")));
            }
        }
        let differ = self.spaces.clone().into_iter().find_map(|space| {
            let names = self.together(space);
            let heads = names.iter().map(|name| self.call(name, |profile, _, _| profile.heads(space).ok()));
            let heads: Vec<_> = heads.map(|heads| heads.ok().flatten().flatten()).collect();
            let differ = heads.windows(2).position(|two| two[0].is_none() || two[0] != two[1])?;
            Some(format!("{} and {} differ in {space}", names[differ], names[differ + 1]))
        });
        if differ.is_some() { Ok(differ) } else { self.own_unrest() }
    }

    /// The computers that are in a space, by what the relay has of it: who was cut off does not hear of it.
    pub(crate) fn members(&self, space: SpaceId) -> Vec<String> {
        let fold = self.membership(space).fold();
        let is_in = |name: &&String| {
            let device = self.device_of(name, space);
            device.is_some_and(|device| fold.device(&device).is_some_and(|state| state.live))
        };
        self.devices.keys().filter(|name| !self.is_outlaw(name, space)).filter(is_in).cloned().collect()
    }

    /// Those of them whose words reach each other. A copy that was made before its profile knew any relay meets nobody.
    fn together(&mut self, space: SpaceId) -> Vec<String> {
        let stranded = self.stranded(space);
        let mut together = self.members(space);
        together.retain(|name| !stranded.contains(name) && !self.is_alone(name));
        together
    }

    /// True if a computer is a copy that knows no relay.
    fn is_alone(&mut self, name: &str) -> bool {
        let device = &self.devices[name];
        if !device.forks && device.back.is_none() {
            return false;
        }
        let relays = self.call(name, |profile, _, _| profile.relays());
        matches!(relays, Ok(Some(Ok(relays))) if relays.is_empty())
    }

    /// I3: whose words wait for what nobody has was told that something was withheld. Nobody promises them since.
    fn stranded_are_told(&mut self, space: SpaceId) -> Result<(), Violation> {
        for name in self.stranded(space) {
            let told = self.call(&name, |profile, _, _| profile.security())?;
            let mut told = told.and_then(Result::ok).into_iter().flatten();
            if !told.any(|line| line.kind == "relay-withholds") {
                return Err(Violation(format!("I3: nobody told {name} that its words wait in {space}")));
            }
            let back = self.devices[&name].back.unwrap_or(0);
            self.record.forgive(&name, back, |word| word.item.space != space);
        }
        Ok(())
    }

    pub(crate) fn is_outlaw(&self, name: &str, space: SpaceId) -> bool {
        self.outlaws.contains(&(self.devices[name].person.clone(), space))
    }

    /// What the relay has of a space's membership, folded.
    pub(crate) fn membership(&self, space: SpaceId) -> Log {
        let mut log = Log::new(space);
        let is_control =
            |stored: &Stored| Header::decode(&stored.entry.header).is_ok_and(|header| header.chain == Chain::Control);
        for stored in self.node.stored(&space).into_iter().filter(is_control) {
            log.receive(&stored.device, Chain::Control, vec![stored.entry]);
        }
        log
    }

    /// I3: whoever comes or goes may make everybody mint an epoch, and nothing else does: computers that mint at the same
    /// time come to an end of it.
    fn epochs_are_for_changes(&mut self, space: SpaceId) -> Result<(), Violation> {
        let log = self.membership(space);
        let count = |is: fn(&Record) -> bool| log.dag().entries().filter(|(.., control)| is(&control.record)).count();
        let epochs = count(|record| matches!(record, Record::Epoch(_)));
        let changes = count(|record| !matches!(record, Record::Epoch(_) | Record::Grant(_)));
        let most = changes * self.members(space).len().max(2);
        if epochs > most {
            return Err(Violation(format!(
                "I3: {epochs} epochs in {space} for {changes} changes of who belongs to it"
            )));
        }
        Ok(())
    }

    /// I4: an epoch is for nobody who was dead in its past, and no more than two people are together.
    fn keys_are_for_the_living(&mut self, space: SpaceId) -> Result<(), Violation> {
        let names = self.members(space);
        let people: BTreeSet<_> = names.iter().map(|name| &self.devices[name].person).collect();
        if people.len() > 2 {
            return Err(Violation(format!("I4: {people:?} are together")));
        }
        let log = self.membership(space);
        for (id, _, control) in log.dag().entries() {
            let Record::Epoch(epoch) = &control.record else { continue };
            let Some(view) = log.dag().view(&id) else { continue };
            let is_dead = |device: &DeviceId| view.device(device).is_none_or(|device| !device.live);
            if let Some(wrap) = epoch.wraps.iter().find(|wrap| is_dead(&wrap.device)) {
                return Err(Violation(format!("I4: an epoch of {space} is for {}, which is dead", wrap.device)));
            }
        }
        Ok(())
    }

    /// I4: nobody comes by an invitation that was taken back before, unless Ben's computer forgot that he did.
    fn taken_back_is_taken_back(&self) -> Result<(), Violation> {
        let ben = &self.devices["Ben"];
        if ben.forks || ben.back.is_some() {
            return Ok(());
        }
        let came = |space: &&SpaceId| self.membership(**space).fold().other_member().is_some();
        match self.withdrawn.iter().find(came) {
            Some(space) => {
                Err(Violation(format!("I4: somebody came into {space} by an invitation that was taken back")))
            }
            None => Ok(()),
        }
    }

    /// I2: whoever has both sides of a fork of control was told so.
    fn forks_are_told(&mut self, space: SpaceId) -> Result<(), Violation> {
        if self.membership(space).fold().forks().is_empty() {
            return Ok(());
        }
        for name in self.members(space) {
            let told = self.call(&name, |profile, _, _| profile.security())?;
            let Some(Ok(told)) = told else { continue };
            if !told.iter().any(|line| line.kind == "device-wrote-two-histories") {
                return Err(Violation(format!("I2: nobody told {name} of a fork in {space}")));
            }
        }
        Ok(())
    }

    /// I3: documents and what people see of them are the same on every computer of a space.
    fn all_have_the_same(&mut self, space: SpaceId) -> Result<(), Violation> {
        let mut first: Option<(String, Copy)> = None;
        for name in self.together(space) {
            let copy = self.call(&name, |profile, _, _| copy(profile, space))?;
            let copy = copy.ok_or_else(|| Violation(format!("{name} is not there")))?;
            let copy = copy.map_err(|error| Violation(format!("I10: {name} cannot look: {error:?}")))?;
            match &first {
                None => first = Some((name, copy)),
                Some((_, before)) if *before == copy => {}
                Some((other, before)) => {
                    let differs = difference(before, &copy);
                    return Err(Violation(format!("I3: {other} and {name} differ: {differs}")));
                }
            }
        }
        Ok(())
    }

    /// I5: no word of anybody is in what the relay has.
    fn relay_reads_nothing(&mut self, space: SpaceId) -> Result<(), Violation> {
        let stored = self.node.stored(&space);
        let ids = node::content(&space, &stored);
        for entry in self.node.bodies(&space, &ids) {
            if crate::search::holds(&entry.body, b"canary") {
                return Err(Violation("I5: the relay can read what was written".to_owned()));
            }
        }
        Ok(())
    }

    /// A list says what the documents say.
    fn rows_are_what_documents_say(&mut self) -> Result<(), Violation> {
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            let wrong = self.call(&name, |profile, _, _| {
                for alliance in profile.alliances()? {
                    for row in rows(profile, alliance.space)? {
                        let item = profile.item(&row.item)?;
                        let same = row.title == item.summary.title
                            && row.fields == item.summary.fields
                            && row.status == item.summary.status
                            && row.progress == item.summary.progress
                            && row.choices == item.choices.len();
                        if !same {
                            return Ok(Some(format!("{row:?}\n  and {item:?}")));
                        }
                    }
                }
                Ok::<_, AppError>(None)
            })?;
            match wrong {
                None | Some(Ok(None)) => {}
                Some(Ok(Some(wrong))) => {
                    return Err(Violation(format!("I3: {name}'s list is not what it lists: {wrong}")));
                }
                Some(Err(error)) => return self.app_failed(&name, &error),
            }
        }
        Ok(())
    }

    /// I8: what is archived says nothing that whoever archived it did not know.
    fn nothing_is_out_of_sight(&mut self) -> Result<(), Violation> {
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            let all = self.call(&name, |profile, _, _| {
                let mut all = Vec::new();
                for info in profile.alliances()? {
                    for it in profile.archived(info.space)? {
                        all.push((it.item, format!("{:?}", profile.item(&it.item)?)));
                    }
                }
                Ok::<_, AppError>(all)
            })?;
            for (item, now) in all.and_then(Result::ok).into_iter().flatten() {
                if let Some(word) = self.record.hidden(&item, &now) {
                    return Err(Violation(format!("I8: {name} has archived {} with {word} in it", item.item)));
                }
            }
        }
        Ok(())
    }

    /// I8: every word is in a value, among several, or in the history, for everybody who may see it.
    fn no_word_is_lost(&mut self) -> Result<(), Violation> {
        let alliances = self.spaces.clone();
        let members = |space: &SpaceId| self.members(*space).into_iter().map(|name| (name, *space)).collect::<Vec<_>>();
        let is_in: BTreeSet<_> = alliances.iter().flat_map(members).collect();
        let sees =
            |name: &str, space: SpaceId| !alliances.contains(&space) || is_in.contains(&(name.to_owned(), space));
        let unsure = self.seen.lied || self.seen.forgot.is_some();
        let kept_until = |word: &Word| match self.safe.get(&(word.on.clone(), word.item.space)) {
            Some(until) if !unsure => *until,
            _ => 0,
        };
        let counts = |word: &&Word| word.promised && (sees(&word.on, word.item.space) || word.at < kept_until(word));
        let promised: Vec<_> = self.record.words().iter().filter(counts).cloned().collect();
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            let spaces: BTreeSet<_> = promised.iter().map(|word| word.item.space).collect();
            for space in spaces.into_iter().filter(|space| sees(&name, *space)) {
                let relays = self.call(&name, |profile, _, _| profile.relays())?.and_then(Result::ok);
                // A personal space that a copy has no relay for is there alone where it was written.
                let kept = relays.is_some_and(|relays| relays.iter().any(|relay| relay.keeps(&space)));
                let here = |word: &&Word| word.item.space == space && (kept || word.on == name);
                let of_space: Vec<_> = promised.iter().filter(here).collect();
                let words: Vec<_> = of_space.iter().map(|word| (word.text.clone(), word.item)).collect();
                let lost = self.call(&name, |profile, _, _| lost(profile, &words))?;
                match lost {
                    None => {}
                    Some(Err(error)) => return self.app_failed(&name, &error),
                    Some(Ok(lost)) if lost.is_empty() => {}
                    Some(Ok(lost)) => {
                        let of = of_space.iter().find(|word| word.text == lost[0]).expect("one of them");
                        let lost = lost.len();
                        return Err(Violation(format!("I8: {name} has lost {lost} words, of them {of:?}")));
                    }
                }
            }
        }
        Ok(())
    }
}

/// All items that a person sees in an alliance, private ones among them.
pub(crate) fn rows(profile: &mut Profile, space: SpaceId) -> Result<Vec<alliance_core::app::Summary>, AppError> {
    let mut all = Vec::new();
    for kind in domain::KINDS.iter().filter(|kind| ***kind != domain::alliance::KIND) {
        all.extend(profile.list(space, kind.name, true)?);
    }
    all.extend(profile.archived(space)?);
    Ok(all)
}

fn copy(profile: &mut Profile, space: SpaceId) -> Result<Copy, AppError> {
    let mut shown = BTreeMap::new();
    for row in rows(profile, space)?.into_iter().filter(|row| row.item.space == space) {
        let mut values: Vec<_> = profile.item(&row.item)?.choices.iter().map(values).collect();
        values.sort();
        let text = format!(
            "{} {:?} {:?} {:?} {:?} {values:?}",
            row.title,
            row.status,
            row.fields,
            row.texts,
            row.archived.map(|it| it.stands)
        );
        shown.insert(row.item.item, text);
    }
    Ok(Copy { heads: profile.heads(space)?, shown })
}

fn values(choice: &alliance_core::app::Choice) -> String {
    let mut values: Vec<_> = choice.values.iter().map(|value| value.value.clone()).collect();
    values.sort();
    format!("{} {values:?}", choice.field)
}

fn difference(one: &Copy, other: &Copy) -> String {
    let items: BTreeSet<_> = one.heads.keys().chain(other.heads.keys()).collect();
    let differ = items.into_iter().filter(|item| one.heads.get(item) != other.heads.get(item));
    let mut said: Vec<_> = differ
        .map(|item| format!("heads of {item}: {:?} and {:?}", one.heads.get(item), other.heads.get(item)))
        .collect();
    let shown = one.shown.iter().filter(|(item, text)| other.shown.get(item) != Some(text));
    said.extend(shown.map(|(item, text)| format!("{item}: {text}\n  and {:?}", other.shown.get(item))));
    said.truncate(2);
    said.join("\n  ")
}

/// Those of the words that are nowhere.
fn lost(profile: &mut Profile, words: &[(String, ItemRef)]) -> Result<Vec<String>, AppError> {
    let mut lost = Vec::new();
    let items: BTreeSet<_> = words.iter().map(|(_, item)| *item).collect();
    for item in items {
        let mut wanted: Vec<_> = words.iter().filter(|(_, of)| *of == item).map(|(word, _)| word.clone()).collect();
        let value = profile.item(&item).map(|item| format!("{item:?}"));
        let value = match value {
            Err(AppError::Store(StoreError::Damaged { .. }) | AppError::UnknownSpace) => String::new(),
            value => value?,
        };
        wanted.retain(|word| !value.contains(word));
        if !wanted.is_empty() && !value.is_empty() {
            let calendar = Calendar { grain: Grain::Change, day: &|time| time, today: i64::MAX, most: 10_000 };
            let history = format!("{:?}", profile.history(item.space, Some(item), &calendar)?);
            wanted.retain(|word| !history.contains(word));
        }
        lost.extend(wanted);
    }
    Ok(lost)
}
