//! A person's computers: another one comes into every space of theirs, one gets a name, one is cut off everywhere.
//!
//! A computer has a key of its own in each space, so that nobody sees which spaces belong together. What ties them lies in
//! the personal space: an item a computer, which says how it is called and which device it is where, and for a computer
//! that is to come an invitation to each alliance. Whoever is in the personal space can take those up, so a cut also ends
//! every invitation of that person that is still open.

mod asking;
mod lost;
mod naming;
mod said;
mod unsaid;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use alliance_replica::{
    id::{DeviceId, ItemId, SpaceId},
    log::{
        control::{Purpose, Reason, Record, SpaceKind},
        membership::{Fold, Role},
    },
    planted::{self, Bug},
};

use super::{
    AppError, Profile, World,
    intent::{self, Target},
    parting, profile, query,
    receive::loaded,
    space::Space,
    status,
};
pub(super) use lost::{open_doors, to_cut};
pub(super) use naming::name_other;
use naming::{name_this, put};
use said::{admissions, known, named, was_in_vain};

use crate::{
    domain::{admission, computer},
    keys::Invitation,
    store::Tx,
};

type Loaded = BTreeMap<SpaceId, Space>;

/// Seconds for which a computer that is in the personal space already may be on its way into an alliance.
const ADMISSION: u64 = 30 * 24 * 60 * 60;

/// A computer of this person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Computer {
    /// How it is called; empty if nobody said.
    pub name: String,
    /// True if it is this one.
    pub this: bool,
    /// False once it was cut off everywhere.
    pub live: bool,
    /// True if it is to be cut off somewhere with the next exchange.
    pub ends: bool,
    /// Which device it is where.
    pub places: BTreeMap<SpaceId, DeviceId>,
    /// Things of which it is not known whether it has what was written here last.
    pub missing: u64,
}

/// What was done so that all computers of a person are in all their spaces.
#[derive(Default)]
pub struct Tended {
    /// The invitations of which this computer has to take up one, for each alliance where it is to come in, the latest first:
    /// nobody may have written the others into the log.
    pub ways: Vec<Vec<Invitation>>,
    /// True if something was written here, for the other computers.
    pub wrote: bool,
}

/// An item of a computer.
struct Named {
    item: Option<ItemId>,
    device: DeviceId,
    name: String,
    places: BTreeMap<SpaceId, DeviceId>,
}

/// An invitation into an alliance for one of the computers.
struct Admission {
    item: ItemId,
    space: SpaceId,
    whose: DeviceId,
    invitation: String,
    until: u64,
}

impl Computer {
    /// What stands for it in commands: the first letters of its key in the personal space, or elsewhere.
    pub fn short(&self) -> String {
        self.places.values().next().map(super::short_device).unwrap_or_default()
    }
}

impl Profile {
    /// Makes an invitation for another computer of this person: into the personal space, and with it into every alliance
    /// that goes on. It works once this profile has synced.
    pub fn invite_computer(&mut self, expires: u64, world: &mut World<'_>) -> Result<Invitation, AppError> {
        let personal = self.personal()?.space;
        let person = self.person()?;
        let relays = self.relays()?;
        let Self { store, spaces, documents, .. } = self;
        let result = store.write(|tx| {
            let relay = relays.iter().find(|relay| relay.keeps(&personal));
            let purpose = Purpose::OwnDevice;
            let invitation = profile::offer(tx, spaces, relay, (&personal, purpose, expires), world)?;
            let row = tx.space(&personal)?.ok_or(AppError::UnknownSpace)?;
            if !query::names(tx, &personal)?.contains_key(&row.member) {
                profile::introduce(tx, documents, &personal, &person, world)?;
            }
            name_this(tx, spaces, documents, world)?;
            for space in alliances(tx)? {
                let Some(relay) = relays.iter().find(|relay| relay.keeps(&space)) else { continue };
                let way = profile::offer(tx, spaces, Some(relay), (&space, purpose, expires), world)?;
                let whose = invitation.device_secret().id();
                let plan = admission::keep(&space, &whose, &way.reveal(), expires);
                let target = Target::new(&row, admission::KIND.name, None, world.rng);
                intent::write(tx, documents, &target, &plan, world)?;
            }
            Ok(invitation)
        });
        self.settle(result)
    }

    /// Sees to it that all computers of this person are in all their spaces.
    pub fn tend_computers(&mut self, world: &mut World<'_>) -> Result<Tended, AppError> {
        let Ok(personal) = self.personal() else { return Ok(Tended::default()) };
        let (personal, relays) = (personal.space, self.relays()?);
        let now = u64::try_from(world.now).unwrap_or(0);
        let alone = self.store.read::<_, AppError>(|tx| {
            let loaded = loaded(&mut self.spaces, tx, &personal)?;
            let (me, fold) = (loaded.device(), loaded.log.fold());
            // What says how it is called is of the key that it had.
            let is_old = |device: &DeviceId| loaded.heirs(device).contains(&me);
            let renews = !fold.lineage(&me).is_empty();
            let is_renamed = renews && named(tx, &personal)?.iter().any(|it| is_old(&it.device));
            let is_alone = living(&fold).count() < 2 && fold.device(&me).is_some();
            Ok(is_alone && !is_renamed && lost::cut_off(loaded).is_empty())
        })?;
        if alone {
            return Ok(Tended::default());
        }
        let Self { store, spaces, documents, .. } = self;
        let result = store.write(|tx| {
            let mut admissions = admissions(tx, &personal)?;
            admissions.sort_by_key(|it| Reverse(it.until));
            let open = |it: &&Admission| it.until >= now;
            let mine = keys_of(loaded(spaces, tx, &personal)?);
            let mut ways: BTreeMap<SpaceId, Vec<Invitation>> = BTreeMap::new();
            let mut taken = BTreeSet::new();
            for admission in admissions.iter().filter(open).filter(|it| mine.contains(&it.whose)) {
                let Ok(invitation) = Invitation::parse(&admission.invitation) else { continue };
                let terms = invitation.terms();
                let fits = terms.space == admission.space && terms.purpose == Purpose::OwnDevice;
                if tx.space(&admission.space)?.is_some() {
                    let space = loaded(spaces, tx, &admission.space)?;
                    // What is older than the one that was taken up is no better.
                    if !space.is_waiting() || keys_of(space).contains(&invitation.device_secret().id()) {
                        taken.insert(admission.space);
                    }
                }
                if fits && !taken.contains(&admission.space) {
                    ways.entry(admission.space).or_default().push(invitation);
                }
            }
            let let_in = ways.keys().copied().collect();
            let mut tended = Tended { ways: ways.into_values().collect(), wrote: false };
            if !is_in(loaded(spaces, tx, &personal)?) {
                return Ok(tended);
            }
            tended.wrote |= name_this(tx, spaces, documents, world)?;
            tended.wrote |= parting::say(tx, spaces, documents, world)?;
            tended.wrote |= asking::to_come_back(tx, spaces, documents, &let_in, world)?;
            tended.wrote |= lost::end(tx, spaces, &personal)?;
            let named = named(tx, &personal)?;
            let alliances = alliances(tx)?;
            let row = tx.space(&personal)?.ok_or(AppError::UnknownSpace)?;
            let others = {
                let space = loaded(spaces, tx, &personal)?;
                let fold = space.log.fold();
                let words = space.words();
                let others = living(&fold).filter(|it| *it != row.device && !words.contains(it));
                others.map(|device| (device, keys(space, &device))).collect::<Vec<_>>()
            };
            for (device, keys) in others {
                for space in alliances.iter().filter(|_| !planted::is(Bug::LaterAllianceForgotten)) {
                    let offered = admissions.iter().filter(|it| it.space == *space && keys.contains(&it.whose));
                    let offered: Vec<_> = offered.collect();
                    let asks: Vec<_> = offered.iter().filter(|it| it.until == admission::ASKED).collect();
                    let Some(relay) = relays.iter().find(|relay| relay.keeps(space)) else { continue };
                    let here = loaded(spaces, tx, space)?;
                    let place = named.iter().find(|it| it.device == device).and_then(|it| it.places.get(space));
                    let is_there = place.is_some_and(|place| here.log.fold().device(place).is_some());
                    let mut is_offered = false;
                    for admission in offered.iter().copied().filter(open) {
                        is_offered |= !was_in_vain(tx, here, admission)?;
                    }
                    if (is_there && asks.is_empty()) || is_offered || !is_in(here) {
                        continue;
                    }
                    // Of several the latest is tried first.
                    let latest = offered.iter().map(|it| it.until.saturating_add(1)).max().unwrap_or(0);
                    let until = latest.max(now + ADMISSION);
                    let way = profile::offer(tx, spaces, Some(relay), (space, Purpose::OwnDevice, until), world)?;
                    let plan = admission::keep(space, &device, &way.reveal(), until);
                    let mut targets = Vec::new();
                    for asks in &asks {
                        let item = super::ItemRef { space: personal, item: asks.item };
                        targets.push(Target::existing(tx, &item)?);
                    }
                    if targets.is_empty() {
                        targets.push(Target::new(&row, admission::KIND.name, None, world.rng));
                    }
                    for target in targets {
                        intent::write(tx, documents, &target, &plan, world)?;
                    }
                    tended.wrote = true;
                }
            }
            Ok(tended)
        });
        self.settle(result)
    }

    /// An invitation that one of this person's computers prepared did not let this one in, and never will: whoever of them
    /// comes next makes another one.
    pub(super) fn ask_again(&mut self, invitation: &Invitation, world: &mut World<'_>) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let of = (&personal, &invitation.terms().space);
            asking::for_another(tx, documents, of, &invitation.reveal(), world)
        });
        self.settle(result)
    }

    /// All computers of this person that are or were in one of their spaces, this one first. Which device of an alliance is
    /// which computer is known from the computer itself, and before it says so from the invitation with which it came.
    pub fn computers(&mut self) -> Result<Vec<Computer>, AppError> {
        let personal = self.personal()?.space;
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let mut all: Vec<Computer> = Vec::new();
            let (named, rows) = (known(tx, spaces, &personal)?, tx.spaces()?);
            let this: BTreeMap<_, _> = rows.iter().map(|row| (row.space, row.device)).collect();
            for (index, row) in rows.iter().enumerate() {
                let space = loaded(spaces, tx, &row.space)?;
                let (fold, words) = (space.log.fold(), space.words());
                let endings = tx.endings(&row.space)?;
                let own = fold.devices().filter(|(_, it)| it.member == row.member && it.role == Role::Ordinary);
                let mut own: Vec<_> = own.map(|(device, it)| (*device, it.live)).collect();
                if !own.iter().any(|(device, _)| *device == row.device) {
                    own.push((row.device, true)); // not let in yet
                }
                // Whose work another one took over was a computer of its own.
                let goes_on = |device: &DeviceId| own.iter().any(|(it, _)| space.heirs(device).contains(it));
                let mut old: BTreeSet<_> = own.iter().map(|(device, _)| *device).filter(goes_on).collect();
                old.extend(lost::renewed(&fold));
                own.retain(|(device, live)| {
                    !words.contains(device) && (*live || !old.contains(device) || *device == row.device)
                });
                for (device, live) in own {
                    let same = |it: &Named| it.places.get(&row.space) == Some(&device);
                    let known = named.iter().find(|it| (index == 0 && it.device == device) || same(it));
                    let name = known.map(|it| it.name.clone()).unwrap_or_default();
                    let mut places = known.map(|it| it.places.clone()).unwrap_or_default();
                    if let Some(known) = known {
                        places.insert(personal, known.device);
                    }
                    places.insert(row.space, device);
                    let is_this = this.get(&row.space) == Some(&device);
                    if is_this {
                        places.clone_from(&this);
                    }
                    let other = live && !is_this;
                    let ends = other && endings.iter().any(|it| it.device == device && it.reason.is_some());
                    let missing = if other { status::lacks(tx, space, &device)? } else { 0 };
                    match all.iter_mut().find(|it| it.places.get(&row.space) == Some(&device)) {
                        Some(seen) => {
                            seen.live |= live;
                            seen.ends |= ends;
                            seen.missing += missing;
                        }
                        None => all.push(Computer { name, this: is_this, live, ends, places, missing }),
                    }
                }
            }
            let mut all = unsaid::joined(all, &personal);
            all.sort_by_key(|it| (!it.this, !it.live));
            Ok(all)
        })
    }

    /// Gives a computer of this person a name that no other one of theirs has.
    pub fn name_computer(&mut self, computer: &Computer, name: &str, world: &mut World<'_>) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let device = computer.places.get(&personal).copied().ok_or(AppError::NotYourDevice)?;
        let same = |it: &Computer| it.name.trim().to_lowercase() == name.trim().to_lowercase();
        if self.computers()?.iter().any(|it| same(it) && it.places.get(&personal) != Some(&device)) {
            return Err(AppError::NameTaken { name: name.to_owned() });
        }
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let intent = computer::Intent { name: Some(name.to_owned()), ..Default::default() };
            let item = named(tx, &personal)?.into_iter().find(|it| it.device == device).and_then(|it| it.item);
            put(tx, documents, &personal, item, (device, intent), world)
        });
        self.settle(result)
    }

    /// Cuts off a computer of this person everywhere, with the next exchange: where it is not known which device it is, all
    /// that it may be. What it wrote and nobody has seen by then does not count any more.
    pub fn cut_computer(&mut self, computer: &Computer, reason: Reason) -> Result<(), AppError> {
        if computer.this {
            return Err(AppError::NotYourDevice);
        }
        let maybe = unsaid::maybe_its(&self.computers()?, computer);
        let Self { store, spaces, .. } = self;
        store.write(|tx| {
            let known = computer.places.iter().map(|(space, device)| (*space, *device));
            for (space, device) in &known.chain(maybe).collect::<Vec<_>>() {
                // One may know of an alliance in which this computer is not, or not any more.
                if tx.space(space)?.is_some() {
                    lost::end_place(tx, loaded(spaces, tx, space)?, device, reason)?;
                }
            }
            lost::close_doors(tx, spaces).map(|_| ())
        })
    }

    /// True if recovery words that still work end with a computer of this person once it is cut off as lost: whoever has it
    /// may have made them.
    pub fn made_words(&mut self, computer: &Computer) -> Result<bool, AppError> {
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            for (space, device) in &computer.places {
                if tx.space(space)?.is_some() {
                    let space = loaded(spaces, tx, space)?;
                    if !to_cut(space, device, Reason::Lost).is_disjoint(&space.words()) {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        })
    }

    /// Takes back the invitations that nobody has taken up, with the next exchange: those for the other person of this
    /// alliance, or without one those for computers of this person. Returns how many there were.
    pub fn take_back_invitations(&mut self, alliance: Option<SpaceId>) -> Result<usize, AppError> {
        let Self { store, spaces, .. } = self;
        store.write(|tx| match alliance {
            Some(space) => lost::uninvite(tx, spaces, &space),
            None => lost::close_doors(tx, spaces),
        })
    }

    /// Has this computer go on under fresh keys, with the next exchange: what a copy of it has opens nothing that is written
    /// then, and what the copy writes is set aside. Returns the alliances that keep their key: nobody else is in them yet,
    /// and only the key that made an alliance invites.
    pub fn renew_computer(&mut self) -> Result<Vec<SpaceId>, AppError> {
        let Self { store, spaces, .. } = self;
        store.write(|tx| {
            let mut kept = Vec::new();
            for row in tx.spaces()? {
                let loaded = loaded(spaces, tx, &row.space)?;
                if profile::is_ended(tx, &row.space)? {
                    continue;
                }
                if !is_in(loaded) {
                    return Err(AppError::Ended);
                }
                let fold = loaded.log.fold();
                let invites = fold.founder() == Some(row.device) && fold.other_member().is_none();
                if row.kind == SpaceKind::Alliance && invites {
                    kept.push(row.space);
                    continue;
                }
                tx.set_meta(&renewal_key(&row.space), row.device.as_bytes())?;
                loaded.store_row(tx)?;
            }
            Ok(kept)
        })
    }

    /// True while a fresh key that was asked for is not in every log yet.
    pub fn awaits_renewal(&mut self) -> Result<bool, AppError> {
        self.store.read(|tx| {
            for row in tx.spaces()? {
                if tx.meta(&renewal_key(&row.space))?.is_some_and(|wished| wished == row.device.as_bytes()) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// True while a cut that was decided here is not in every log yet.
    pub fn awaits_cuts(&mut self) -> Result<bool, AppError> {
        self.store.read(|tx| {
            for row in tx.spaces()? {
                if tx.endings(&row.space)?.iter().any(|it| it.reason.is_some()) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}

/// Under which it is kept that a device is to be renewed: the device, so that what replaced it is not.
pub(super) fn renewal_key(space: &SpaceId) -> String {
    format!("renew:{space}")
}

/// True if this device is in a space and may write there.
pub(super) fn is_in(space: &Space) -> bool {
    space.log.fold().device(&space.device()).is_some_and(|it| it.live && it.role == Role::Ordinary)
}

fn living(fold: &Fold) -> impl Iterator<Item = DeviceId> {
    fold.devices().filter(|(_, it)| it.live && it.role == Role::Ordinary).map(|(device, _)| *device)
}

/// The keys under which this computer may be meant in the personal space: its own and that with which it came.
fn keys_of(space: &Space) -> BTreeSet<DeviceId> {
    keys(space, &space.device())
}

fn keys(space: &Space, device: &DeviceId) -> BTreeSet<DeviceId> {
    let came = space.log.dag().entries().filter_map(|(_, author, control)| match &control.record {
        Record::Redeem(it) if it.device.device == *device => Some(author),
        _ => None,
    });
    came.chain([*device]).collect()
}

/// The alliances that go on.
fn alliances(tx: &Tx<'_>) -> Result<Vec<SpaceId>, AppError> {
    let mut all = Vec::new();
    for row in tx.spaces()?.into_iter().filter(|row| row.kind == SpaceKind::Alliance) {
        if !profile::is_over(tx, &row.space)? {
            all.push(row.space);
        }
    }
    Ok(all)
}
