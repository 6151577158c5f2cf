//! Histories for tests: who says what, after what; delivered in any order, and what they then mean.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, MemberId, Secret, Signature, SpaceId},
    log::{
        control::{
            AckCheckpoint, AddDevice, AddedRole, Confirm, Control, Cut, Epoch, Genesis, Grant, Invite, Keys, Leave,
            Parent, Purpose, Reason, Record, Redeem, SpaceKind, Wrap,
        },
        entry::{Entry, Place, Verified},
        heads::{After, Chain, Head},
        membership::{ContentNode, Contents, Dag, Facet, Fold},
    },
};

/// What an entry says. Names of devices are their own; names of entries are those of the story.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    Add(&'a str),
    AddRecovery(&'a str),
    /// New, old.
    Renew(&'a str, &'a str),
    /// Without the new key's consent.
    Claim(&'a str),
    Invite(&'a str),
    InviteOwn(&'a str),
    Redeem(&'a str),
    /// The joining device and its recovery key.
    RedeemWith(&'a str, &'a str),
    /// As `RedeemWith`, but the recovery key did not agree.
    RedeemClaim(&'a str, &'a str),
    Confirm(&'a str),
    Cut(&'a str),
    Leave,
    /// An epoch wrapped to these devices, whose parents are these entries' epochs.
    Mint(&'a [&'a str], &'a [&'a str]),
    /// Entry, devices.
    Grant(&'a str, &'a [&'a str]),
    Acknowledge,
    FromLaterVersion,
    Content,
}

/// One entry of a story.
pub(crate) struct Told {
    pub(crate) id: EntryId,
    pub(crate) by: String,
    pub(crate) seq: u64,
    pub(crate) prev: Option<usize>,
    pub(crate) after: Vec<usize>,
    /// Content that content keeps.
    pub(crate) keeps: Vec<usize>,
    pub(crate) record: Option<Record>,
    /// The signed bytes; none in a history that comes from elsewhere.
    pub(crate) signed: Option<Verified>,
}

impl Told {
    pub(crate) fn chain(&self) -> Chain {
        if self.record.is_some() { Chain::Control } else { Chain::Content }
    }
}

/// Entries, each after those that it names.
pub(crate) struct Story {
    pub(crate) space: SpaceId,
    pub(crate) told: Vec<Told>,
    pub(crate) names: BTreeMap<DeviceId, String>,
    labels: BTreeMap<String, usize>,
    members: BTreeMap<String, MemberId>,
}

pub(crate) fn secret(name: &str) -> Secret {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Secret::from_seed(&seed)
}

pub(crate) fn keys(name: &str) -> Keys {
    Keys { device: secret(name).public(), seal: [name.len() as u8; 32] }
}

pub(crate) fn consent(name: &str, space: &SpaceId, member: &MemberId) -> Signature {
    keys(name).consent(&secret(name), space, member)
}

/// The epoch that the entry with this number mints.
pub(crate) fn epoch_id(number: usize) -> EpochId {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    EpochId::new(bytes)
}

pub(crate) fn wraps<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Wrap> {
    names.into_iter().map(|name| Wrap { device: keys(name).device, sealed: [0; 80] }).collect()
}

impl Story {
    pub(crate) fn empty(space: SpaceId) -> Self {
        Self { space, told: Vec::new(), names: BTreeMap::new(), labels: BTreeMap::new(), members: BTreeMap::new() }
    }

    /// A space that A0, with recovery key RA, founds by entry `g`.
    pub(crate) fn founded(kind: SpaceKind) -> Self {
        let record = Record::Genesis(Genesis::agreed(kind, keys("A0"), keys("RA"), &secret("RA")));
        let body = Control { after: After::default(), record: record.clone() }.encode();
        let mut story = Self::empty(SpaceId::of(&body));
        story.belongs("A0", MemberId::of(&keys("A0").device));
        story.belongs("RA", MemberId::of(&keys("A0").device));
        story.put("g", "A0", None, &[], Some(record));
        story
    }

    pub(crate) fn alliance() -> Self {
        Self::founded(SpaceKind::Alliance)
    }

    /// An alliance where entry `c` has let in B0 with recovery key RB.
    pub(crate) fn of_two() -> Self {
        let mut story = Self::alliance();
        story.say("i", "A0", "g", What::Invite("I"));
        story.say("r", "I", "i", What::RedeemWith("B0", "RB"));
        story.say("c", "A0", "r", What::Confirm("r"));
        story
    }

    /// Appends to the author's chain: after its last entry of that chain.
    pub(crate) fn say(&mut self, label: &str, by: &str, after: &str, what: What<'_>) {
        let chain = if matches!(what, What::Content) { Chain::Content } else { Chain::Control };
        let prev = self.told.iter().rposition(|told| told.by == by && told.chain() == chain);
        let after = self.numbers(after);
        let record = self.record(by, what);
        self.put(label, by, prev, &after, record);
    }

    /// Appends content that keeps what a cut may set aside.
    pub(crate) fn keep(&mut self, label: &str, by: &str, after: &str, keeps: &str) {
        self.say(label, by, after, What::Content);
        let (at, keeps) = (self.number(label), self.numbers(keeps));
        self.told[at].keeps = keeps;
    }

    /// Appends after the named entry of the author's chain, or at its start.
    pub(crate) fn branch(&mut self, label: &str, by: &str, prev: &str, after: &str, what: What<'_>) {
        let prev = self.numbers(prev).first().copied();
        let after = self.numbers(after);
        let record = self.record(by, what);
        self.put(label, by, prev, &after, record);
    }

    /// Signs and appends; returns the entry's number.
    pub(crate) fn put(
        &mut self,
        label: &str,
        by: &str,
        prev: Option<usize>,
        after: &[usize],
        record: Option<Record>,
    ) -> usize {
        let seq = prev.map_or(1, |prev| self.told[prev].seq + 1);
        let prev_id = prev.map(|prev| self.told[prev].id);
        let heads = self.heads(after);
        let author = secret(by);
        let signed = match &record {
            Some(record) => {
                let place = Place { version: 1, chain: Chain::Control, seq, prev: prev_id, epoch: None };
                let body = Control { after: heads, record: record.clone() }.encode();
                Entry::sign(&self.space, &author, &place, body)
            }
            None => {
                let place = Place { version: 1, chain: Chain::Content, seq, prev: prev_id, epoch: Some([0; 8]) };
                Entry::sign(&self.space, &author, &place, format!("{label} {heads:?}").into_bytes())
            }
        };
        let id = signed.id;
        // Said again at the same place, it is the same entry.
        let at = self.told.iter().position(|told| told.id == id).unwrap_or(self.told.len());
        if at == self.told.len() {
            self.append(Told {
                id,
                by: by.into(),
                seq,
                prev,
                after: after.to_vec(),
                keeps: Vec::new(),
                record,
                signed: Some(signed),
            });
        }
        self.labels.insert(label.into(), at);
        at
    }

    pub(crate) fn append(&mut self, told: Told) {
        if !self.names.values().any(|name| *name == told.by) {
            self.know(&told.by);
        }
        self.told.push(told);
    }

    /// Lets the results speak of a device by its name.
    pub(crate) fn know(&mut self, name: &str) {
        self.names.insert(keys(name).device, name.into());
    }

    pub(crate) fn belongs(&mut self, name: &str, member: MemberId) {
        self.know(name);
        self.agrees(name, member);
    }

    /// Lets the results speak of a key that comes from elsewhere by this name.
    pub(crate) fn meet(&mut self, device: DeviceId, name: &str) {
        self.names.insert(device, name.into());
    }

    /// The key of this name.
    pub(crate) fn device(&self, name: &str) -> DeviceId {
        self.names.iter().find(|(_, it)| *it == name).map_or_else(|| keys(name).device, |(device, _)| *device)
    }

    /// Whose a name is.
    pub(crate) fn agrees(&mut self, name: &str, member: MemberId) {
        self.members.entry(name.into()).or_insert(member);
    }

    /// The member for which a device's own new devices agree.
    pub(crate) fn member(&self, name: &str) -> MemberId {
        self.members.get(name).copied().unwrap_or_else(|| MemberId::of(&keys(name).device))
    }

    /// The entry with this label, or with this number.
    pub(crate) fn number(&self, label: &str) -> usize {
        let found = self.labels.get(label).copied().or_else(|| label.parse().ok());
        found.unwrap_or_else(|| panic!("no entry {label}"))
    }

    pub(crate) fn id(&self, label: &str) -> EntryId {
        self.told[self.number(label)].id
    }

    fn numbers(&self, labels: &str) -> Vec<usize> {
        labels.split_whitespace().map(|label| self.number(label)).collect()
    }

    pub(crate) fn heads(&self, after: &[usize]) -> After {
        After::new(after.iter().map(|at| {
            let told = &self.told[*at];
            Head { device: self.device(&told.by), chain: told.chain(), seq: told.seq, id: told.id }
        }))
    }

    pub(crate) fn record(&mut self, by: &str, what: What<'_>) -> Option<Record> {
        Some(match what {
            What::Add(new) => self.add(by, new, AddedRole::Ordinary, None),
            What::AddRecovery(new) => self.add(by, new, AddedRole::Recovery, None),
            What::Renew(new, old) => self.add(by, new, AddedRole::Ordinary, Some(keys(old).device)),
            What::Claim(new) => {
                self.know(new);
                let consent = consent(by, &self.space, &self.member(by));
                Record::AddDevice(AddDevice { device: keys(new), role: AddedRole::Ordinary, renews: None, consent })
            }
            What::Invite(key) => self.invite(by, key, Purpose::Member),
            What::InviteOwn(key) => self.invite(by, key, Purpose::OwnDevice),
            What::Redeem(new) => self.redeem(by, new, None, None),
            What::RedeemWith(new, recovery) => self.redeem(by, new, Some(recovery), Some(recovery)),
            What::RedeemClaim(new, recovery) => self.redeem(by, new, Some(recovery), Some(new)),
            What::Confirm(redeem) => Record::Confirm(Confirm { redeem: self.id(redeem) }),
            What::Cut(name) => Record::Cut(Cut { device: keys(name).device, reason: Reason::Lost }),
            What::Leave => Record::Leave(Leave {}),
            What::Mint(to, parents) => self.mint(to, &parents.iter().map(|it| self.number(it)).collect::<Vec<_>>()),
            What::Grant(epoch, to) => Record::Grant(Grant { epoch: self.id(epoch), wraps: wraps(to.iter().copied()) }),
            What::Acknowledge => Record::AckCheckpoint(AckCheckpoint { checkpoint: [1; 32], covered: Vec::new() }),
            What::FromLaterVersion => Record::Unknown { kind: 77, body: vec![1] },
            What::Content => return None,
        })
    }

    /// The record of an epoch that the next entry mints.
    pub(crate) fn mint(&self, to: &[&str], parents: &[usize]) -> Record {
        let parents = parents.iter().map(|at| Parent { epoch: epoch_id(*at), sealed: [0; 72] }).collect();
        Record::Epoch(Epoch { id: epoch_id(self.told.len()), parents, wraps: wraps(to.iter().copied()) })
    }

    fn add(&mut self, by: &str, new: &str, role: AddedRole, renews: Option<DeviceId>) -> Record {
        let member = self.member(by);
        self.belongs(new, member);
        Record::AddDevice(AddDevice::agreed(keys(new), &secret(new), (&self.space, &member), (role, renews)))
    }

    fn invite(&mut self, by: &str, key: &str, purpose: Purpose) -> Record {
        let member = self.member(by);
        self.know(key);
        if purpose == Purpose::OwnDevice {
            self.members.entry(key.into()).or_insert(member);
        }
        Record::Invite(Invite { key: keys(key), purpose, expires: 0 })
    }

    /// `by` is the invitation's key; if it is for a member it belongs to nobody, so `new` is of a member of its own.
    fn redeem(&mut self, by: &str, new: &str, recovery: Option<&str>, agrees: Option<&str>) -> Record {
        let member = self.members.get(by).copied().unwrap_or_else(|| MemberId::of(&keys(new).device));
        self.belongs(new, member);
        recovery.into_iter().for_each(|name| self.belongs(name, member));
        Record::Redeem(Redeem {
            device: keys(new),
            recovery: recovery.map(keys),
            consent: consent(new, &self.space, &member),
            recovery_consent: agrees.map(|name| consent(name, &self.space, &member)),
        })
    }
}

/// Delivery, and questions to what was delivered.
impl Story {
    /// Gives the entries with these numbers to a fresh replica, through their bytes where they are signed.
    pub(crate) fn deliver(&self, order: &[usize]) -> (Dag, Contents) {
        let (mut dag, mut contents) = (Dag::new(self.space), Contents::new());
        for at in order {
            self.deliver_one(*at, &mut dag, &mut contents);
        }
        (dag, contents)
    }

    pub(crate) fn deliver_one(&self, at: usize, dag: &mut Dag, contents: &mut Contents) {
        let told = &self.told[at];
        let device = self.device(&told.by);
        let prev = told.prev.map(|prev| self.told[prev].id);
        let taken = match &told.record {
            Some(record) => {
                let control = match &told.signed {
                    Some(signed) => {
                        let entry = signed.entry.clone().verify(&self.space, &device).expect("is signed");
                        Control::decode(&entry.entry.body).expect("decodes")
                    }
                    None => Control { after: self.heads(&told.after), record: record.clone() },
                };
                dag.insert(told.id, device, told.seq, prev, control)
            }
            None => {
                let (after, keeps) = (self.heads(&told.after), self.heads(&told.keeps));
                contents.insert(dag, &ContentNode { id: told.id, device, prev, after, keeps })
            }
        };
        assert!(taken, "entry {at} has its past");
    }

    pub(crate) fn all(&self) -> (Dag, Contents) {
        self.deliver(&(0..self.told.len()).collect::<Vec<_>>())
    }

    pub(crate) fn fold(&self) -> std::sync::Arc<Fold> {
        self.all().0.fold()
    }

    pub(crate) fn live(&self) -> Vec<String> {
        self.named(self.fold().devices().filter(|(_, device)| device.live).map(|(id, _)| *id))
    }

    pub(crate) fn valid(&self, label: &str) -> bool {
        self.fold().valid(&self.id(label))
    }

    pub(crate) fn stands(&self, label: &str) -> bool {
        self.fold().stands(&self.id(label))
    }

    pub(crate) fn counts(&self, label: &str, facet: Facet) -> bool {
        let (dag, contents) = self.all();
        contents.counting(&dag).counts(&self.id(label), facet)
    }

    /// The epochs that a device may use, by label.
    pub(crate) fn usable(&self, writer: &str) -> Vec<&str> {
        let usable: BTreeSet<_> = self.fold().usable_epochs(&keys(writer).device).into_iter().collect();
        let labels = self.labels.iter().filter(|(_, at)| usable.contains(&self.told[**at].id));
        labels.map(|(label, _)| label.as_str()).collect()
    }

    /// Names, in order.
    pub(crate) fn named(&self, devices: impl IntoIterator<Item = DeviceId>) -> Vec<String> {
        let names: BTreeSet<_> = devices.into_iter().map(|id| self.names[&id].clone()).collect();
        names.into_iter().collect()
    }
}
