//! The histories.

use alliance_replica::{
    id::{EntryId, EpochId},
    log::{
        control::{
            AddDevice, AddedRole, Confirm, Control, Cut, Epoch, Genesis, Grant, Invite, Keys, Leave, Parent, Purpose,
            Reason, Record, Redeem, SpaceKind, Wrap,
        },
        heads::After,
    },
};

use crate::world::{
    ANNA, ANNA_RENEWED, ANNA_SECOND, ANNA_WORDS, BEN, BEN_SECOND, BEN_WORDS, EVE, History, Holder, LINK, RELAY, filler,
};

pub(super) fn all() -> Vec<(&'static str, History)> {
    vec![
        ("entries of a cut device beyond the cut", late()),
        ("what is kept although a cut sets it aside", kept()),
        ("two devices cut each other", mutual_cut()),
        ("a control chain forks", fork()),
        ("the founder lets in two people", rivals()),
        ("two redeem one invitation", race()),
        ("the words take back what a thief has taken", recovery()),
        ("a member leaves while another of its devices adds one", leave()),
        ("a key that claims two members", two_members()),
        ("records that have no effect", invalid()),
        ("devices take over from one that was cut", taking_over()),
        ("epochs that do not fit who lives", epochs()),
        ("epochs after a cut", cut_epochs()),
        ("a genesis to which the words agreed", agreed(ANNA_WORDS.keys())),
        ("a genesis to which the words did not agree", agreed(BEN_WORDS.keys())),
    ]
}

/// Anna's device and words; nobody else.
fn alone() -> History {
    founded(Genesis {
        recovery: Some(ANNA_WORDS.keys()),
        ..Genesis::without_recovery(SpaceKind::Alliance, ANNA.keys())
    })
}

fn founded(genesis: Genesis) -> History {
    let genesis = Control { after: After::default(), record: Record::Genesis(genesis) };
    let mut told = History::new(&genesis);
    told.control("genesis", &ANNA, &[], genesis.record);
    told
}

/// Anna's genesis with these words, to which Anna's agreed.
fn agreed(words: Keys) -> History {
    let genesis = Genesis::agreed(SpaceKind::Alliance, ANNA.keys(), ANNA_WORDS.keys(), &ANNA_WORDS.secret());
    let mut told = founded(Genesis { recovery: Some(words), ..genesis });
    add(&mut told, "second", &ANNA, &[], &ANNA_SECOND, &ANNA);
    told
}

/// Anna with two devices.
fn two_devices() -> History {
    let mut told = alone();
    add(&mut told, "second", &ANNA, &[], &ANNA_SECOND, &ANNA);
    told
}

/// Anna with two devices, and Ben.
fn together() -> History {
    let mut told = two_devices();
    invite(&mut told, "invitation", &ANNA, &LINK, Purpose::Member);
    redeem(&mut told, "redemption", &["invitation"], &BEN, &BEN_WORDS);
    confirm(&mut told, "confirmation", &ANNA, "redemption");
    told
}

fn late() -> History {
    let mut told = together();
    write(&mut told, "second's words", &ANNA_SECOND, &["confirmation"]);
    add(&mut told, "third", &ANNA, &["second's words"], &ANNA_RENEWED, &ANNA);
    cut(&mut told, "cut", &ANNA, &[], &ANNA_SECOND);
    write(&mut told, "late words", &ANNA_SECOND, &[]);
    write(&mut told, "later words", &ANNA_SECOND, &[]);
    write(&mut told, "last words", &ANNA_SECOND, &[]);
    add(&mut told, "late device", &ANNA_SECOND, &["confirmation"], &EVE, &ANNA);
    add(&mut told, "later device", &ANNA_SECOND, &[], &RELAY, &ANNA);
    write(&mut told, "third's words", &ANNA_RENEWED, &["third", "late words", "late device"]);
    let seen = Record::Unknown { kind: 99, body: Vec::new() };
    told.control("third saw", &ANNA_RENEWED, &["third", "late device"], seen);
    write(&mut told, "ben's words", &BEN, &["confirmation", "later words"]);
    write(&mut told, "ben's next words", &BEN, &["cut", "last words"]);
    write(&mut told, "eve's words", &EVE, &["late device"]);
    told
}

fn taking_over() -> History {
    let mut told = together();
    add(&mut told, "third", &ANNA, &[], &ANNA_RENEWED, &ANNA);
    write(&mut told, "second's words", &ANNA_SECOND, &["confirmation"]);
    write(&mut told, "third's words", &ANNA_RENEWED, &["third"]);
    cut(&mut told, "cut", &ANNA, &["second's words"], &ANNA_SECOND);
    // One knows of the cut, one does not, and both say it of themselves.
    let over = |told: &History, by: &Holder| {
        let again = told.add(by, &ANNA.member(), AddedRole::Ordinary, Some(ANNA_SECOND.device()));
        Record::AddDevice(again)
    };
    let record = over(&told, &ANNA);
    told.control("the founder takes over", &ANNA, &[], record);
    let record = over(&told, &ANNA_RENEWED);
    told.control("the third takes over", &ANNA_RENEWED, &["third"], record);
    write(&mut told, "what second had not sent", &ANNA, &["the founder takes over"]);
    write(&mut told, "the same by the third", &ANNA_RENEWED, &["the third takes over"]);
    let record = over(&told, &BEN);
    told.control("somebody else takes over", &BEN, &["cut"], record);
    write(&mut told, "late words", &ANNA_SECOND, &[]);
    // Whoever took over may be cut as well: then so is the work that followed.
    cut(&mut told, "third is cut", &ANNA, &[], &ANNA_RENEWED);
    write(&mut told, "third's late words", &ANNA_RENEWED, &[]);
    let record = over(&told, &ANNA_RENEWED);
    told.control("third takes over too late", &ANNA_RENEWED, &["third is cut"], record);
    write(&mut told, "ben's words", &BEN, &["what second had not sent", "the same by the third"]);
    told
}

fn kept() -> History {
    let mut told = together();
    write(&mut told, "second's words", &ANNA_SECOND, &["confirmation"]);
    write(&mut told, "second's next words", &ANNA_SECOND, &[]);
    write(&mut told, "second's last words", &ANNA_SECOND, &[]);
    cut(&mut told, "cut", &ANNA, &[], &ANNA_SECOND);
    told.receipt("ben keeps", &BEN, &["cut"], &["second's words"]);
    told.receipt("anna keeps", &ANNA, &["cut"], &["second's next words"]);
    told
}

fn mutual_cut() -> History {
    let mut told = two_devices();
    write(&mut told, "first's words", &ANNA, &["second"]);
    write(&mut told, "second's words", &ANNA_SECOND, &["first's words"]);
    cut(&mut told, "first cuts", &ANNA, &[], &ANNA_SECOND);
    cut(&mut told, "second cuts", &ANNA_SECOND, &["second", "second's words"], &ANNA);
    write(&mut told, "first's next words", &ANNA, &["first cuts"]);
    add(&mut told, "first adds", &ANNA, &[], &ANNA_RENEWED, &ANNA);
    told
}

fn fork() -> History {
    let mut told = together();
    add(&mut told, "ben's second", &BEN, &["confirmation"], &BEN_SECOND, &BEN);
    let common = told.entry("ben's second").head();
    write(&mut told, "ben's words", &BEN, &["ben's second"]);
    told.branch("one branch", &BEN, Some(common), &["ben's words"], Record::Unknown { kind: 99, body: vec![1] });
    told.branch("other branch", &BEN, Some(common), &[], Record::Unknown { kind: 99, body: vec![2] });
    let seen = Record::Unknown { kind: 99, body: vec![3] };
    told.control("second saw one", &BEN_SECOND, &["ben's second", "one branch"], seen);
    write(&mut told, "ben's next words", &BEN, &["other branch"]);
    told
}

fn rivals() -> History {
    let mut told = together();
    let before = told.entry("second").head();
    let invite = Invite { key: EVE.keys(), purpose: Purpose::Member, expires: 1 };
    let head = told.branch("other invitation", &ANNA, Some(before), &[], Record::Invite(invite));
    let redeem = Redeem {
        device: BEN_SECOND.keys(),
        recovery: None,
        consent: BEN_SECOND.keys().consent(&BEN_SECOND.secret(), &told.space, &BEN_SECOND.member()),
        recovery_consent: None,
    };
    let redeem = told.control("other redemption", &EVE, &["other invitation"], Record::Redeem(redeem));
    let prev = told.entry("other invitation").head();
    assert_eq!(prev.id, head);
    told.branch("other confirmation", &ANNA, Some(prev), &["other redemption"], Record::Confirm(Confirm { redeem }));
    write(&mut told, "ben's words", &BEN, &["confirmation"]);
    write(&mut told, "other's words", &BEN_SECOND, &["other confirmation"]);
    let seen = Record::Unknown { kind: 99, body: Vec::new() };
    told.control("second saw the other", &ANNA_SECOND, &["other confirmation"], seen);
    told
}

fn race() -> History {
    let mut told = alone();
    invite(&mut told, "invitation", &ANNA, &LINK, Purpose::Member);
    let first = told.entry("invitation").head();
    redeem(&mut told, "redemption", &["invitation"], &BEN, &BEN_WORDS);
    let consent = EVE.keys().consent(&EVE.secret(), &told.space, &EVE.member());
    let late = Redeem { device: EVE.keys(), recovery: None, consent, recovery_consent: None };
    told.branch("other redemption", &LINK, None, &["invitation"], Record::Redeem(late));
    confirm(&mut told, "confirmation", &ANNA, "redemption");
    write(&mut told, "ben's words", &BEN, &["confirmation"]);
    write(&mut told, "eve's words", &EVE, &["other redemption"]);
    assert_eq!(told.entry("confirmation").header.prev, Some(first.id));
    told
}

fn recovery() -> History {
    let mut told = two_devices();
    cut(&mut told, "thief cuts", &ANNA_SECOND, &["second"], &ANNA);
    add(&mut told, "thief adds", &ANNA_SECOND, &[], &EVE, &ANNA);
    cut(&mut told, "words cut thief", &ANNA_WORDS, &["thief adds"], &ANNA_SECOND);
    cut(&mut told, "words cut eve", &ANNA_WORDS, &[], &EVE);
    add(&mut told, "words add", &ANNA_WORDS, &[], &ANNA_RENEWED, &ANNA);
    cut(&mut told, "thief cuts words", &ANNA_SECOND, &[], &ANNA_WORDS);
    let new = told.add(&BEN_WORDS, &ANNA.member(), AddedRole::Recovery, None);
    told.control("new words", &ANNA_WORDS, &[], Record::AddDevice(new));
    cut(&mut told, "new words cut old words", &BEN_WORDS, &["new words"], &ANNA_WORDS);
    write(&mut told, "words", &ANNA_RENEWED, &["new words"]);
    told
}

fn leave() -> History {
    let mut told = together();
    add(&mut told, "ben's second", &BEN, &["confirmation"], &BEN_SECOND, &BEN);
    told.control("leave", &BEN, &[], Record::Leave(Leave {}));
    add(&mut told, "meanwhile", &BEN_SECOND, &["ben's second"], &EVE, &BEN);
    write(&mut told, "second's words", &BEN_SECOND, &["ben's second"]);
    write(&mut told, "eve's words", &EVE, &["meanwhile"]);
    write(&mut told, "anna's words", &ANNA, &["leave"]);
    told
}

fn two_members() -> History {
    let mut told = together();
    add(&mut told, "eve for anna", &ANNA, &[], &EVE, &ANNA);
    add(&mut told, "eve for ben", &BEN, &["confirmation"], &EVE, &BEN);
    write(&mut told, "eve's words", &EVE, &["eve for anna"]);
    told
}

fn invalid() -> History {
    let mut told = together();
    add(&mut told, "without consent", &ANNA, &[], &EVE, &BEN);
    let heir = |device: &Holder, role, renews| {
        let agreed = told.add(device, &ANNA.member(), AddedRole::Ordinary, None);
        Record::AddDevice(AddDevice { role, renews, ..agreed })
    };
    let [heir, words] =
        [heir(&ANNA_SECOND, AddedRole::Ordinary, Some(ANNA.device())), heir(&ANNA_SECOND, AddedRole::Recovery, None)];
    told.control("an heir that did not agree to it", &ANNA, &[], heir);
    told.control("words that did not agree to be any", &ANNA, &[], words);
    cut(&mut told, "cut of another member's", &ANNA, &[], &BEN);
    cut(&mut told, "cut of words", &BEN, &["confirmation"], &BEN_WORDS);
    cut(&mut told, "cut of nobody", &ANNA, &[], &EVE);
    invite(&mut told, "a third member", &ANNA, &EVE, Purpose::Member);
    invite(&mut told, "not by the founder's device", &ANNA_SECOND, &EVE, Purpose::Member);
    confirm(&mut told, "confirmed again", &ANNA, "redemption");
    redeem(&mut told, "redeemed again", &["confirmation"], &EVE, &RELAY);
    told.control("by a stranger", &EVE, &[], Record::Leave(Leave {}));
    let recovery = told.add(&RELAY, &ANNA.member(), AddedRole::Recovery, Some(BEN.device()));
    told.control("no words by a device", &ANNA, &[], Record::AddDevice(recovery));
    told
}

fn epochs() -> History {
    let mut told = two_devices();
    let all = [&ANNA, &ANNA_SECOND, &ANNA_WORDS];
    mint(&mut told, "one", &ANNA, &[], 1, &[], &all);
    mint(&mut told, "one is left out", &ANNA, &[], 2, &[1], &all[..2]);
    mint(&mut told, "one too many", &ANNA, &[], 3, &[], &[&ANNA, &ANNA_SECOND, &ANNA_WORDS, &EVE]);
    mint(&mut told, "a parent that nobody minted", &ANNA, &[], 4, &[9], &all);
    mint(&mut told, "by the second", &ANNA_SECOND, &["one"], 5, &[1], &all);
    let epoch = told.entry("one is left out").id;
    let grant = Grant { epoch, wraps: wraps(&[&LINK]) };
    told.control("granted to a stranger", &ANNA_SECOND, &["one is left out"], Record::Grant(grant));
    told
}

fn cut_epochs() -> History {
    let mut told = two_devices();
    mint(&mut told, "before", &ANNA, &[], 1, &[], &[&ANNA, &ANNA_SECOND, &ANNA_WORDS]);
    invite(&mut told, "invitation", &ANNA, &LINK, Purpose::OwnDevice);
    invite(&mut told, "other invitation", &ANNA, &EVE, Purpose::OwnDevice);
    cut(&mut told, "cut", &ANNA_WORDS, &["before"], &ANNA_SECOND);
    mint(&mut told, "unaware", &ANNA, &[], 2, &[1], &[&ANNA, &ANNA_WORDS, &LINK, &EVE]);
    mint(&mut told, "aware", &ANNA, &["cut"], 3, &[1], &[&ANNA, &ANNA_WORDS]);
    let grant = |wrapped: &[&Holder], epoch| Record::Grant(Grant { epoch, wraps: wraps(wrapped) });
    let epoch = told.entry("aware").id;
    told.control("granted to one", &ANNA, &[], grant(&[&LINK], epoch));
    mint(&mut told, "aware, too", &ANNA, &[], 4, &[1], &[&ANNA, &ANNA_WORDS]);
    let epoch = told.entry("aware, too").id;
    told.control("granted to both", &ANNA_WORDS, &["aware, too"], grant(&[&LINK, &EVE], epoch));
    told
}

fn add(told: &mut History, name: &'static str, by: &'static Holder, after: &[&str], new: &Holder, of: &Holder) {
    let added = told.add(new, &of.member(), AddedRole::Ordinary, None);
    told.control(name, by, after, Record::AddDevice(added));
}

fn invite(told: &mut History, name: &'static str, by: &'static Holder, key: &Holder, purpose: Purpose) {
    told.control(name, by, &[], Record::Invite(Invite { key: key.keys(), purpose, expires: 1 }));
}

fn redeem(told: &mut History, name: &'static str, after: &[&str], joins: &Holder, words: &Holder) -> EntryId {
    let (space, member) = (told.space, joins.member());
    let consent = |holder: &Holder, keys: Keys| keys.consent(&holder.secret(), &space, &member);
    let redeem = Redeem {
        device: joins.keys(),
        recovery: Some(words.keys()),
        consent: consent(joins, joins.keys()),
        recovery_consent: Some(consent(words, words.keys())),
    };
    told.control(name, &LINK, after, Record::Redeem(redeem))
}

fn confirm(told: &mut History, name: &'static str, by: &'static Holder, redemption: &'static str) {
    let redeem = told.entry(redemption).id;
    told.control(name, by, &[redemption], Record::Confirm(Confirm { redeem }));
}

fn cut(told: &mut History, name: &'static str, by: &'static Holder, after: &[&str], device: &Holder) {
    told.control(name, by, after, Record::Cut(Cut { device: device.device(), reason: Reason::Lost }));
}

fn write(told: &mut History, name: &'static str, by: &'static Holder, after: &[&str]) {
    told.receipt(name, by, after, &[]);
}

fn mint(
    told: &mut History,
    name: &'static str,
    by: &'static Holder,
    after: &[&str],
    number: u64,
    parents: &[u64],
    holders: &[&Holder],
) {
    let id = |number| EpochId::new(filler("epoch", number));
    let parents = parents.iter().map(|parent| Parent { epoch: id(*parent), sealed: filler("parent", *parent) });
    let epoch = Epoch { id: id(number), parents: parents.collect(), wraps: wraps(holders) };
    told.control(name, by, after, Record::Epoch(epoch));
}

fn wraps(holders: &[&Holder]) -> Vec<Wrap> {
    let wrap = |holder: &&Holder| Wrap { device: holder.device(), sealed: filler("wrap", holder.seed.into()) };
    holders.iter().map(wrap).collect()
}
