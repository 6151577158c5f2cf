//! A person on this computer: their personal space, their alliances, where those are kept.

use std::{collections::BTreeMap, path::Path};

use alliance_replica::{
    id::{MemberId, SpaceId},
    log::{
        chain::State,
        control::{Control, Genesis, Keys, Purpose, Record, SpaceKind},
        entry::{Entry, Place as EntryPlace},
        heads::{After, Chain},
    },
};
use serde_json::json;

use super::{
    AppError, Profile, World, apply,
    documents::Documents,
    intent::{self, Target},
    parting, query,
    receive::loaded,
    relays::{RelayInfo, copy_relays, relay_address, use_relay},
    routes,
    space::Space,
    words,
};
use crate::{
    domain::{self, alliance},
    keys::{
        DeviceSecret, Invitation, Words,
        invitation::{Relay, Terms},
        recovery,
    },
    store::{Invited, SpaceRow, Store, StoreError, Tx},
};

/// Which alliance commands mean.
pub(super) const CURRENT: &str = "current";
/// What the program that last opened the profile believed.
const JUDGED: &str = "judged";
const NAME: &str = "name";
const ROLE: &str = "role";

/// Under which the state of an alliance is kept, for whoever reads without the log.
pub(super) fn state_key(space: &SpaceId) -> String {
    format!("state:{space}")
}

/// Under which it is kept that another computer of the same person brought this one into a space.
pub(super) fn by_own_key(space: &SpaceId) -> String {
    format!("by-own:{space}")
}

/// How a person is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Their name, as they want to be called.
    pub name: String,
    /// What they are to the other one; any word.
    pub role: String,
}

/// How far an alliance has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllianceState {
    /// The other person has not come yet.
    Alone,
    /// One has used the invitation; the inviter's computer has not confirmed it yet.
    AwaitsConfirmation,
    /// Both are there.
    Together,
    /// The other person has left; the copy stays.
    TheyLeft,
    /// One has left, or this computer was cut off; the copy stays.
    Ended,
}

/// An alliance of this profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllianceInfo {
    /// Its space.
    pub space: SpaceId,
    /// What it is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// How far it has come.
    pub state: AllianceState,
    /// True if commands mean this one.
    pub current: bool,
    /// True if another computer of this person brought this one in.
    pub by_own: bool,
}

/// The personal space and the keys that recovery words give.
pub(super) struct Personal {
    pub(super) space: SpaceId,
    /// That of the words that the person has now.
    pub(super) recovery: Keys,
    /// Those of all words that work.
    pub(super) words: Vec<Keys>,
}

impl Profile {
    /// Makes a profile: a personal space, whose recovery words are returned and kept nowhere.
    pub fn create(file: &Path, person: &Person, world: &mut World<'_>) -> Result<(Self, Words), AppError> {
        introduction(person).plan(MemberId::new([0; 16]))?;
        let words = Words::generate(world.rng);
        let mut store = Store::create(file)?;
        store.write::<_, AppError>(|tx| {
            set_person(tx, person)?;
            tx.set_meta(JUDGED, &apply::JUDGEMENT.to_be_bytes())?;
            found(tx, SpaceKind::Personal, &words.device_secret(), world)?;
            Ok(())
        })?;
        Ok((Self::of(store), words))
    }

    /// Makes a profile that has no space yet: for another computer of somebody who has one.
    pub fn blank(file: &Path) -> Result<Self, AppError> {
        let mut store = Store::create(file)?;
        store.write::<_, AppError>(|tx| Ok(tx.set_meta(JUDGED, &apply::JUDGEMENT.to_be_bytes())?))?;
        Ok(Self::of(store))
    }

    /// Opens a profile.
    pub fn open(file: &Path) -> Result<Self, AppError> {
        let mut store = Store::open(file)?;
        let judged = store.read(|tx| tx.meta(JUDGED))?;
        if judged.as_deref() != Some(&apply::JUDGEMENT.to_be_bytes()) {
            store.write::<_, AppError>(|tx| {
                tx.forgive_entries()?;
                Ok(tx.set_meta(JUDGED, &apply::JUDGEMENT.to_be_bytes())?)
            })?;
        }
        Ok(Self::of(store))
    }

    /// A profile of which nothing is loaded.
    pub(super) fn of(store: Store) -> Self {
        let (spaces, documents, lent) = (BTreeMap::new(), Documents::default(), BTreeMap::new());
        Self { store, spaces, documents, lent, helpers: None }
    }

    /// Forgets what is in memory; the file is the truth.
    pub(super) fn unload(&mut self) {
        self.spaces.clear();
        self.documents.clear();
    }

    /// Changes whenever another process, or this one, wrote to the profile.
    pub fn version(&mut self) -> Result<i64, AppError> {
        Ok(self.store.data_version()?)
    }

    /// How many of the last changes would be lost if the computer lost power now: none that anybody was told of.
    pub fn volatile(&self) -> u32 {
        self.store.volatile()
    }

    /// Lets the profile grow no more, as on a full disk, or as it likes again; until it is closed. For tests.
    pub fn set_full(&self, full: bool) -> Result<(), AppError> {
        Ok(self.store.set_full(full)?)
    }

    /// Whose profile it is.
    pub fn person(&mut self) -> Result<Person, AppError> {
        self.store.read(|tx| {
            let text = |key| match tx.meta(key)?.map(String::from_utf8) {
                Some(Ok(text)) => Ok(text),
                _ => Err(StoreError::Damaged { what: "the person's name" }),
            };
            match tx.meta(NAME)? {
                Some(_) => Ok(Person { name: text(NAME)?, role: text(ROLE)? }),
                // Another computer of theirs said it.
                None => person_of_personal(tx),
            }
        })
    }

    /// Makes an alliance; it becomes the one that commands mean.
    pub fn new_alliance(
        &mut self,
        title: &str,
        relay: Option<&str>,
        world: &mut World<'_>,
    ) -> Result<SpaceId, AppError> {
        let person = self.person()?;
        let relay = relay.map(relay_address).transpose()?;
        let personal = self.personal()?;
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let space = begin(tx, documents, (&personal, &person), title, relay.as_deref(), world)?;
            tx.set_meta(CURRENT, space.as_bytes())?;
            Ok(space)
        });
        self.settle(result)
    }

    /// Makes an alliance the one that commands mean.
    pub fn use_alliance(&mut self, space: SpaceId) -> Result<(), AppError> {
        self.store.write(|tx| {
            tx.space(&space)?.filter(|row| row.kind == SpaceKind::Alliance).ok_or(AppError::UnknownSpace)?;
            Ok(tx.set_meta(CURRENT, space.as_bytes())?)
        })
    }

    /// The alliance that commands mean: the one chosen last on this computer, else the only one, or the only one that goes
    /// on. None is guessed where there are several.
    pub fn current(&mut self) -> Result<Option<SpaceId>, AppError> {
        self.store.read(current)
    }

    /// Makes an invitation for the other person. It works once this profile has synced.
    pub fn invite(&mut self, space: SpaceId, expires: u64, world: &mut World<'_>) -> Result<Invitation, AppError> {
        self.offer(space, Purpose::Member, expires, world)
    }

    /// Makes an invitation, to be written into the log with the next exchange.
    pub(super) fn offer(
        &mut self,
        space: SpaceId,
        purpose: Purpose,
        expires: u64,
        world: &mut World<'_>,
    ) -> Result<Invitation, AppError> {
        let relays = self.relays()?;
        let relay = relays.iter().find(|relay| relay.keeps(&space));
        let Self { store, spaces, .. } = self;
        store.write(|tx| offer(tx, spaces, relay, (&space, purpose, expires), world))
    }

    /// The key of the invitation that brought this device in, while the relay does not have the redemption; at another
    /// laptop, while nobody has let this device in.
    pub(super) fn unsent_redemption(
        &mut self,
        space: &SpaceId,
        at_relay: bool,
    ) -> Result<Option<DeviceSecret>, AppError> {
        let used = self.store.read::<_, AppError>(|tx| Ok(tx.invitations(space)?.into_iter().find(|it| !it.mine)))?;
        let Some(used) = used else { return Ok(None) };
        let loaded = self.space(space)?;
        let is_sent = if at_relay { loaded.redemption_is_relayed() } else { !loaded.is_waiting() };
        Ok((!is_sent).then(|| DeviceSecret::from_bytes(&used.secret)))
    }

    /// A space, loaded and as the file has it.
    pub(super) fn space(&mut self, space: &SpaceId) -> Result<&mut Space, AppError> {
        let Self { store, spaces, .. } = self;
        store.read(|tx| loaded(spaces, tx, space).map(|_| ()))?;
        spaces.get_mut(space).ok_or(AppError::UnknownSpace)
    }

    /// The key of this computer in a space whose invitation it took up, and that has not let it in.
    pub(super) fn waiting_for(&mut self, space: &SpaceId) -> Result<Option<DeviceSecret>, AppError> {
        if self.store.read::<_, AppError>(|tx| Ok(tx.space(space)?.is_none()))? {
            return Ok(None);
        }
        let space = self.space(space)?;
        Ok(space.is_waiting().then(|| DeviceSecret::from_bytes(&space.secret.to_bytes())))
    }

    /// The personal space and the key of the words that the person has now.
    pub(super) fn personal(&mut self) -> Result<Personal, AppError> {
        let damaged = || StoreError::Damaged { what: "the personal space" };
        let personal = |row: &SpaceRow| row.kind == SpaceKind::Personal;
        let row = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?.into_iter().find(personal)))?;
        let space = row.ok_or_else(damaged)?.space;
        let queued = self.store.read(|tx| words::queued(tx, &space))?.map(|add| add.device);
        let mut words = self.space(&space)?.living_words();
        words.extend(queued);
        let recovery = *words.last().ok_or_else(damaged)?;
        Ok(Personal { space, recovery, words })
    }

    /// Keeps what a failed change left in memory from being taken for true.
    pub(super) fn settle<T>(&mut self, result: Result<T, AppError>) -> Result<T, AppError> {
        if result.is_err() {
            self.unload();
        }
        result
    }
}

/// Makes an invitation to a space, with a purpose and its last second, to be written into the log with the next exchange.
pub(super) fn offer(
    tx: &Tx<'_>,
    spaces: &mut BTreeMap<SpaceId, Space>,
    relay: Option<&RelayInfo>,
    (space, purpose, expires): (&SpaceId, Purpose, u64),
    world: &mut World<'_>,
) -> Result<Invitation, AppError> {
    let loaded = loaded(spaces, tx, space)?;
    let fold = loaded.log.fold();
    if purpose == Purpose::Member && fold.other_member().is_some() {
        return Err(AppError::Full);
    }
    if purpose == Purpose::Member && fold.founder() != Some(loaded.device()) {
        return Err(AppError::NotFounder);
    }
    check_open(tx, space)?;
    let relay = relay.map(|relay| Relay { url: relay.url.clone(), key: relay.key });
    // With a relay nobody has to be there when it is taken up.
    let route = if relay.is_none() { Some(routes::own(tx)?.ok_or(AppError::NoRelay)?) } else { None };
    let terms = Terms { space: *space, purpose, expires, relay, route };
    let invitation = Invitation::generate(terms, world.rng)?;
    let secret = invitation.device_secret();
    tx.insert_invitation(
        space,
        &Invited { device: secret.id(), mine: true, purpose, expires, secret: secret.to_bytes(), written: false },
    )?;
    tx.note_security(world.now, space, "invitation-offered", &json!({ "key": secret.id().to_string() }))?;
    Ok(invitation)
}

/// Keeps how the person is called.
pub(super) fn set_person(tx: &Tx<'_>, person: &Person) -> Result<(), AppError> {
    tx.set_meta(NAME, person.name.as_bytes())?;
    Ok(tx.set_meta(ROLE, person.role.as_bytes())?)
}

/// The alliance that commands mean.
pub(super) fn current(tx: &Tx<'_>) -> Result<Option<SpaceId>, AppError> {
    let chosen = tx.meta(CURRENT)?.and_then(|bytes| SpaceId::from_slice(&bytes));
    let rows = tx.spaces()?;
    let all: Vec<_> = rows.iter().filter(|row| row.kind == SpaceKind::Alliance).map(|row| row.space).collect();
    if let Some(chosen) = all.iter().find(|space| Some(**space) == chosen) {
        return Ok(Some(*chosen));
    }
    let mut open = Vec::new();
    for space in &all {
        if !is_over(tx, space)? {
            open.push(*space);
        }
    }
    Ok(match (&all[..], &open[..]) {
        ([only], _) | (_, [only]) => Some(*only),
        _ => None,
    })
}

/// Founds a space: draws this device's keys, writes the genesis.
/// Begins an alliance of a person, at a relay or where their own space is.
pub(super) fn begin(
    tx: &Tx<'_>,
    documents: &mut Documents,
    (personal, person): (&Personal, &Person),
    title: &str,
    relay: Option<&str>,
    world: &mut World<'_>,
) -> Result<SpaceId, AppError> {
    let lost = DeviceSecret::generate(world.rng);
    let space = found(tx, SpaceKind::Alliance, &lost, world)?;
    keep_recovery(tx, documents, (&personal.space, &personal.words), (&space, &lost), world)?;
    let target = Target::alliance(tx, &space)?;
    let named = alliance::Intent { title: Some(title.to_owned()), ..introduction(person) };
    intent::write(tx, documents, &target, &named.plan(target.member)?, world)?;
    match relay {
        Some(url) => use_relay(tx, documents, &space, url, world)?,
        None => copy_relays(tx, documents, &personal.space, &space, world)?,
    }
    if let Some(url) = relay
        && !tx.relays()?.iter().any(|row| row.space == personal.space)
    {
        use_relay(tx, documents, &personal.space, url, world)?;
    }
    Ok(space)
}

fn found(tx: &Tx<'_>, kind: SpaceKind, recovery: &DeviceSecret, world: &mut World<'_>) -> Result<SpaceId, AppError> {
    let device = DeviceSecret::generate(world.rng);
    let genesis = Genesis::agreed(kind, device.keys(), recovery.keys(), recovery.signing());
    let body = Control { after: After::default(), record: Record::Genesis(genesis) }.encode();
    let space = SpaceId::of(&body);
    let place = EntryPlace { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
    let entry = Entry::sign(&space, device.signing(), &place, body);
    tx.insert_space(&SpaceRow {
        space,
        kind,
        member: MemberId::of(&device.id()),
        device: device.id(),
        secret: device.to_bytes(),
        last: None,
        last_control: Some(entry.id),
        received: 0,
        generation: 0,
    })?;
    tx.put_device(&space, &device.id(), &MemberId::of(&device.id()))?;
    tx.set_last(&space, None, Some(&entry.id), 0)?;
    tx.insert_entry(&space, &entry, State::Stored)?;
    tx.note_security(world.now, &space, "space-made", &json!({ "device": device.id().to_string() }))?;
    Ok(space)
}

/// Puts an alliance's recovery secret, sealed to each of these words, into the personal space; the secret itself is
/// nowhere. All words that work have to open it: who may have added the last ones is lost, and they end with it.
pub(super) fn keep_recovery(
    tx: &Tx<'_>,
    documents: &mut Documents,
    (personal, words): (&SpaceId, &[Keys]),
    (alliance, secret): (&SpaceId, &DeviceSecret),
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let row = tx.space(personal)?.ok_or(AppError::UnknownSpace)?;
    let mut kept = false;
    for words in words {
        // Nothing can be sealed to some keys, and nobody has them.
        let Ok(sealed) = recovery::seal(secret, words, alliance, personal, world.rng) else { continue };
        let target = Target::new(&row, domain::recovery::KIND.name, None, world.rng);
        intent::write(tx, documents, &target, &domain::recovery::keep(alliance, &sealed), world)?;
        kept = true;
    }
    if kept { Ok(()) } else { Err(StoreError::Damaged { what: "the recovery key" }.into()) }
}

/// Says in an alliance how this person is called.
pub(super) fn introduce(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    person: &Person,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let target = Target::alliance(tx, space)?;
    intent::write(tx, documents, &target, &introduction(person).plan(target.member)?, world).map(|_| ())
}

/// How this person is called, as their personal space has it once that has come.
fn person_of_personal(tx: &Tx<'_>) -> Result<Person, AppError> {
    let rows = tx.spaces()?;
    let personal = rows.iter().find(|row| row.kind == SpaceKind::Personal);
    let Some(row) = personal else { return Err(AppError::NotHereYet) };
    let name = query::names(tx, &row.space)?.remove(&row.member).ok_or(AppError::NotHereYet)?;
    Ok(Person { name, role: query::role(tx, &row.space, &row.member)? })
}

fn introduction(person: &Person) -> alliance::Intent {
    alliance::Intent { name: Some(person.name.clone()), role: Some(person.role.clone()), ..Default::default() }
}

impl Space {
    /// True unless this device came in by an invitation whose redemption no relay is known to have.
    pub(super) fn redemption_is_relayed(&self) -> bool {
        let mut redemptions = self.log.dag().entries().filter_map(|(id, _, control)| match &control.record {
            Record::Redeem(it) if it.device.device == self.device() => Some(id),
            _ => None,
        });
        redemptions.all(|id| self.relayed.get(&id).copied().unwrap_or(false))
    }
}

/// Refuses to go on in an alliance that this person left, or from which this computer was cut off.
pub(super) fn check_open(tx: &Tx<'_>, space: &SpaceId) -> Result<(), AppError> {
    if is_over(tx, space)? { Err(AppError::Ended) } else { Ok(()) }
}

/// True if this person left an alliance, or this computer was cut off from it.
pub(super) fn is_over(tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
    Ok(is_ended(tx, space)? || parting::has_left(tx, space)?)
}

/// True if the log of an alliance says that it is over for this computer. What decides who is in asks for this alone: the
/// personal space is one computer's word.
pub(super) fn is_ended(tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
    Ok(tx.meta(&state_key(space))?.as_deref() == Some(b"ended"))
}

/// True while this device is not let into a space yet.
pub(super) fn awaits(space: &Space) -> bool {
    space.log.fold().device(&space.device()).is_none()
}

/// A space's genesis.
pub(super) fn genesis(tx: &Tx<'_>, space: &SpaceId) -> Result<Genesis, AppError> {
    let control = tx.genesis(space)?.and_then(|body| Control::decode(&body).ok());
    match control.map(|control| control.record) {
        Some(Record::Genesis(genesis)) => Ok(genesis),
        _ => Err(StoreError::Damaged { what: "the genesis" }.into()),
    }
}
