//! Signed histories made up from a seed: honest devices that know what they have been given, and one hostile device with
//! its puppets that says whatever it likes after whatever it likes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alliance_replica::{
    id::EntryId,
    log::{
        control::{Purpose, Record},
        heads::Chain,
        membership::{Contents, Dag, Fold, Role},
    },
};

use crate::{
    dice::Dice,
    story::{Story, What, keys},
};

/// How often things happen, in percent of the acts of an honest device (the last two: of all steps).
#[derive(Clone, Copy)]
struct Shape {
    add: usize,
    invite: usize,
    cut: usize,
    leave: usize,
    renew: usize,
    recover: usize,
    redeem: usize,
    hostile: usize,
}

const CALM: Shape = Shape { add: 10, invite: 20, cut: 4, leave: 1, renew: 4, recover: 4, redeem: 12, hostile: 0 };
const SHAPES: [Shape; 7] = [
    CALM,
    Shape { cut: 25, add: 20, ..CALM },
    Shape { redeem: 25, invite: 35, hostile: 6, ..CALM },
    Shape { leave: 8, recover: 30, ..CALM },
    Shape { renew: 12, hostile: 6, ..CALM },
    Shape { hostile: 18, cut: 8, recover: 12, ..CALM },
    Shape { hostile: 30, ..CALM },
];

/// The history of a seed.
pub(crate) fn story(seed: u64) -> Story {
    let shape = SHAPES[(seed % SHAPES.len() as u64) as usize];
    let mut walk = Walk::new(seed);
    let length = 16 + walk.dice.below(24);
    while walk.story.told.len() < length {
        walk.step(&shape);
    }
    if walk.dice.chance(50) {
        walk.settle();
    }
    walk.story
}

struct Walk {
    dice: Dice,
    story: Story,
    dag: Dag,
    contents: Contents,
    /// What each honest device has, with its past.
    knows: BTreeMap<String, BTreeSet<usize>>,
    thief: Option<String>,
    puppets: Vec<String>,
    /// Keys of invitations, and the entries that made them.
    invitations: Vec<(String, usize)>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let two = dice.chance(60);
        let story = if two { Story::of_two() } else { Story::alliance() };
        let names: &[_] = if two { &["A0", "RA", "B0", "RB"] } else { &["A0", "RA"] };
        let thief = ["A0", "B0"].into_iter().find(|name| names.contains(name) && dice.chance(20));
        let mut walk = Self {
            dice,
            dag: Dag::new(story.space),
            contents: Contents::new(),
            knows: names.iter().map(|name| ((*name).into(), (0..story.told.len()).collect())).collect(),
            thief: thief.map(Into::into),
            puppets: Vec::new(),
            invitations: Vec::new(),
            story,
        };
        for at in 0..walk.story.told.len() {
            walk.story.deliver_one(at, &mut walk.dag, &mut walk.contents);
        }
        walk
    }

    fn step(&mut self, shape: &Shape) {
        let names: Vec<_> = self.knows.keys().cloned().collect();
        let name = self.dice.pick(&names).expect("the founder is there");
        if self.dice.chance(shape.hostile) {
            self.hostile();
        } else if self.dice.chance(shape.redeem) {
            self.redeem();
        } else if self.dice.chance(45) {
            let all = self.story.told.len();
            let (first, news) = (if self.dice.chance(15) { 0 } else { all }, self.dice.below(all));
            (first..all).chain([news]).for_each(|news| self.learn(&name, news));
        } else {
            self.honest(shape, &name);
        }
    }

    /// Everybody gets everything, and some write.
    fn settle(&mut self) {
        for name in self.knows.keys().cloned().collect::<Vec<_>>() {
            (0..self.story.told.len()).for_each(|news| self.learn(&name, news));
            let fold = self.fold(&name);
            let writes = fold.device(&keys(&name).device).is_some_and(|it| it.live && it.role == Role::Ordinary);
            if writes && self.dice.chance(50) {
                self.write(&name, &fold);
            }
        }
    }

    /// The device gets an entry and all before it.
    fn learn(&mut self, name: &str, news: usize) {
        let known = self.knows.entry(name.into()).or_default();
        let mut open = vec![news];
        while let Some(at) = open.pop() {
            if known.insert(at) {
                open.extend(self.story.told[at].prev.iter().chain(&self.story.told[at].after));
            }
        }
    }

    /// Appends an entry; whoever wrote it knows it.
    fn tell(&mut self, by: &str, prev: Option<usize>, after: &[usize], what: What<'_>) -> usize {
        let record = self.story.record(by, what);
        let next = self.story.told.len();
        let at = self.story.put(&next.to_string(), by, prev, after, record);
        if at == next {
            self.story.deliver_one(at, &mut self.dag, &mut self.contents);
        }
        if self.knows.contains_key(by) {
            self.learn(by, at);
        }
        at
    }

    fn last(&self, by: &str, chain: Chain) -> Option<usize> {
        self.story.told.iter().rposition(|told| told.by == by && told.chain() == chain)
    }

    /// Appends with all heads that the device has, or only those that its chain has not named before.
    fn say(&mut self, by: &str, what: What<'_>) -> usize {
        let chain = if matches!(what, What::Content) { Chain::Content } else { Chain::Control };
        let prev = self.last(by, chain);
        let known = &self.knows[by];
        let followed: BTreeSet<_> = known.iter().filter_map(|at| self.story.told[*at].prev).collect();
        let mut after: Vec<_> = known.difference(&followed).copied().filter(|at| Some(*at) != prev).collect();
        if self.dice.chance(50) {
            let before = |at: &usize| self.story.told[*at].prev;
            let chain = std::iter::successors(prev, before);
            let named: BTreeSet<_> = chain.flat_map(|at| self.story.told[at].after.iter().copied()).collect();
            after.retain(|at| !named.contains(at));
        }
        self.tell(by, prev, &after, what)
    }

    fn fold(&self, name: &str) -> Arc<Fold> {
        let known = self.knows[name].iter().map(|at| &self.story.told[*at]);
        let ids: Vec<EntryId> = known.filter(|told| told.chain() == Chain::Control).map(|told| told.id).collect();
        self.dag.fold_at(ids)
    }

    fn fresh(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.story.told.len())
    }

    fn honest(&mut self, shape: &Shape, by: &str) {
        let fold = self.fold(by);
        let Some(me) = fold.device(&keys(by).device).filter(|me| me.live).cloned() else { return };
        let mine = |role| {
            let mine = fold.devices().filter(|(_, it)| it.member == me.member && it.role == role && !it.cut);
            self.story.named(mine.map(|(id, _)| *id).filter(|id| *id != me.keys.device))
        };
        let (devices, invites) = (mine(Role::Ordinary), mine(Role::Invite));
        if me.role == Role::Recovery {
            if self.dice.chance(shape.recover) {
                self.recover(by, &devices);
            }
            return;
        }
        let pending = fold.pending(&me.keys.device);
        let dice = &mut self.dice;
        let mut roll = dice.below(100);
        let mut falls = |percent: usize| roll.checked_sub(percent).map(|rest| roll = rest).is_none();
        if let Some(redeem) = pending.first().filter(|_| dice.chance(70)) {
            let at = self.story.told.iter().position(|told| told.id == *redeem).expect("is told");
            self.say(by, What::Confirm(&at.to_string()));
        } else if falls(shape.add) {
            let new = self.fresh("D");
            let at = self.say(by, What::Add(&new));
            self.welcome(&new, at);
        } else if falls(shape.invite) {
            let key = self.fresh("I");
            let member = fold.founder() == Some(me.keys.device) && fold.other_member().is_none();
            let what = if member { What::Invite(&key) } else { What::InviteOwn(&key) };
            let at = self.say(by, what);
            self.invitations.push((key, at));
        } else if falls(shape.cut) {
            let target = self.dice.pick(&[devices, invites].concat());
            if let Some(target) = target {
                self.say(by, What::Cut(&target));
                if self.dice.chance(50) {
                    self.say(by, What::Renew(by, &target)); // takes over
                }
            }
        } else if falls(shape.leave) {
            self.say(by, What::Leave);
        } else if falls(shape.renew) {
            let new = self.fresh("N");
            let at = self.say(by, What::Renew(&new, by));
            self.welcome(&new, at);
            self.say(&new, What::Cut(by));
        } else if falls(4) {
            self.say(by, What::Acknowledge);
        } else if falls(2) {
            self.say(by, What::FromLaterVersion);
        } else {
            self.write(by, &fold);
        }
    }

    /// A new device starts with what introduced it. It may be the one that is stolen.
    fn welcome(&mut self, name: &str, birth: usize) {
        self.learn(name, birth);
        if self.thief.is_none() && self.dice.chance(40) {
            self.thief = Some(name.into());
        }
    }

    /// Cuts first, then adds; sometimes only what is known here.
    fn recover(&mut self, by: &str, devices: &[String]) {
        for device in self.dice.some(devices, 60) {
            self.say(by, What::Cut(&device));
        }
        let new = self.fresh("W");
        let at =
            if self.dice.chance(85) { self.say(by, What::Add(&new)) } else { self.say(by, What::AddRecovery(&new)) };
        self.welcome(&new, at);
    }

    /// Seals under an epoch that may be used, after granting or minting one if need be.
    fn write(&mut self, by: &str, fold: &Fold) {
        let me = keys(by).device;
        if fold.usable_epochs(&me).is_empty() {
            match fold.grantable_epochs(&me).first() {
                Some(epoch) => {
                    let at =
                        self.story.told.iter().position(|told| told.id == epoch.epoch).expect("is told").to_string();
                    for name in self.story.named(epoch.lacking.iter().map(|keys| keys.device)) {
                        self.say(by, What::Grant(&at, &[&name]));
                    }
                }
                None => {
                    let targets = self.story.named(fold.wrap_targets().into_iter().map(|keys| keys.device));
                    let mut parents = self.minted(&self.knows[by].clone());
                    parents.retain(|at| fold.holders(&self.story.told[*at].id).contains(&me));
                    self.mint(by, &targets, &parents, None);
                }
            }
            assert!(!self.fold(by).usable_epochs(&me).is_empty(), "{by} would mint for ever");
        }
        // A restored profile goes on from where its backup was.
        let last = self.last(by, Chain::Content);
        match last.filter(|_| self.dice.chance(5)) {
            Some(last) => self.tell(by, self.story.told[last].prev, &[], What::Content),
            None => self.say(by, What::Content),
        };
    }

    fn minted(&self, known: &BTreeSet<usize>) -> Vec<usize> {
        known.iter().copied().filter(|at| matches!(self.story.told[*at].record, Some(Record::Epoch(_)))).collect()
    }

    fn mint(&mut self, by: &str, to: &[String], parents: &[usize], place: Option<(Option<usize>, &[usize])>) {
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let parents: Vec<_> = parents.iter().map(usize::to_string).collect();
        let parents: Vec<_> = parents.iter().map(String::as_str).collect();
        match place {
            None => self.say(by, What::Mint(&to, &parents)),
            Some((prev, after)) => self.tell(by, prev, after, What::Mint(&to, &parents)),
        };
    }

    /// Somebody takes up an invitation, perhaps not the first to do so.
    fn redeem(&mut self) {
        let Some((key, made)) = self.dice.pick(&self.invitations.clone()) else { return };
        let member = matches!(&self.story.told[made].record, Some(Record::Invite(it)) if it.purpose == Purpose::Member);
        let again = self.last(&key, Chain::Control).is_some();
        if again && self.dice.chance(60) {
            return;
        }
        let (new, recovery) = (self.fresh("J"), self.fresh("R"));
        let what = match self.dice.below(10) {
            0 => What::RedeemClaim(&new, &recovery),
            _ if member => What::RedeemWith(&new, &recovery),
            _ => What::Redeem(&new),
        };
        let at = self.tell(&key, None, &[made], what);
        if again && self.dice.chance(50) {
            self.puppets.push(new);
            return;
        }
        self.welcome(&new, at);
        if member {
            self.learn(&recovery, at);
        }
    }

    /// The thief or one of its puppets.
    fn hostile(&mut self) {
        let Some(thief) = self.thief.clone() else { return };
        let puppet = self.dice.pick(&self.puppets).filter(|_| self.dice.chance(40));
        let by = puppet.unwrap_or(thief);
        let all: Vec<_> = (0..self.story.told.len()).collect();
        let mut after = match self.dice.below(20) {
            0..7 => all.clone(),
            7..10 => (0..self.dice.below(4)).filter_map(|_| self.dice.pick(&all)).collect(),
            _ => Vec::new(),
        };
        after.extend(all.iter().filter(|at| self.introduces(**at, &by)));
        let content = self.place(&by, Chain::Content);
        let control = self.place(&by, Chain::Control);
        let names: Vec<_> = self.story.names.values().cloned().collect();
        let target = self.dice.pick(&names).expect("the founder is there");
        let puppet = self.fresh("X");
        match self.dice.below(100) {
            0..18 => {
                let role = if self.dice.chance(70) { What::Add(&puppet) } else { What::AddRecovery(&puppet) };
                self.tell(&by, control, &after, role);
                self.puppets.push(puppet);
            }
            18..22 => _ = self.tell(&by, control, &after, What::Claim(&target)),
            22..42 => _ = self.tell(&by, control, &after, What::Cut(&target)),
            42..48 => {
                let what = if self.dice.chance(50) { What::Invite(&puppet) } else { What::InviteOwn(&puppet) };
                let made = self.tell(&by, control, &after, what);
                self.invitations.push((puppet, made));
            }
            48..54 => {
                let key = !self.invitations.iter().any(|(key, _)| *key == target);
                if key {
                    self.tell(&by, control, &after, What::InviteOwn(&target));
                }
            }
            54..62 => {
                let redeems = |at: &usize| matches!(self.story.told[*at].record, Some(Record::Redeem(_)));
                let redeems: Vec<_> = all.iter().copied().filter(redeems).collect();
                if let Some(redeem) = self.dice.pick(&redeems) {
                    after.push(redeem);
                    self.tell(&by, control, &after, What::Confirm(&redeem.to_string()));
                }
            }
            62..65 => _ = self.tell(&by, control, &after, What::Leave),
            65..72 => {
                let to = self.dice.some(&names, 50);
                let parents = self.dice.some(&self.minted(&all.into_iter().collect()), 40);
                after.extend(&parents);
                self.mint(&by, &to, &parents, Some((control, &after)));
            }
            72..78 => {
                let epochs = self.minted(&all.into_iter().collect());
                if let Some(epoch) = self.dice.pick(&epochs) {
                    after.extend(Some(epoch).filter(|_| self.dice.chance(80)));
                    self.tell(&by, control, &after, What::Grant(&epoch.to_string(), &[&target]));
                }
            }
            78..83 => {
                // Another member, of its own making.
                let key = self.fresh("I");
                let early = by == "A0" && self.dice.chance(70);
                let (prev, after) = if early { (Some(0), vec![0]) } else { (control, after) };
                let invite = self.tell(&by, prev, &after, What::Invite(&key));
                let redeem = self.tell(&key, None, &[invite], What::Redeem(&puppet));
                self.tell(&by, Some(invite), &[redeem], What::Confirm(&redeem.to_string()));
                self.puppets.push(puppet);
            }
            83..86 => {
                // An invitation's bearer writes.
                if let Some((key, made)) = self.dice.pick(&self.invitations) {
                    self.tell(&key, self.last(&key, Chain::Content), &[made], What::Content);
                }
            }
            _ => _ = self.tell(&by, content, &after, What::Content),
        }
    }

    /// After the last entry of a chain, or beside some entry of it.
    fn place(&mut self, by: &str, chain: Chain) -> Option<usize> {
        let own = |at: &usize| self.story.told[*at].by == by && self.story.told[*at].chain() == chain;
        let own: Vec<_> = (0..self.story.told.len()).filter(own).collect();
        let beside = self.dice.pick(&own).filter(|_| self.dice.chance(15));
        beside.map_or(own.last().copied(), |at| self.story.told[at].prev)
    }

    fn introduces(&self, at: usize, name: &str) -> bool {
        let key = keys(name).device;
        match &self.story.told[at].record {
            Some(Record::Genesis(it)) => it.founder.device == key,
            Some(Record::AddDevice(it)) => it.device.device == key,
            Some(Record::Confirm(it)) => {
                let redeem = self.story.told.iter().find(|told| told.id == it.redeem);
                matches!(redeem.map(|told| &told.record), Some(Some(Record::Redeem(it))) if it.device.device == key)
            }
            _ => false,
        }
    }
}
