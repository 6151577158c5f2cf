//! What every store must do, whatever it is made of.

use alliance_replica::{
    id::{DeviceId, EntryId, Secret, SpaceId},
    log::{
        entry::{Entry, Place, Verified},
        heads::Chain,
    },
};

use super::{Append, Living, Store, StoreError, Stored, Totals};

/// Runs the whole suite, each check on a store of its own. `T` keeps alive whatever the store lives in.
pub(super) fn check<S: Store, T>(open: impl Fn() -> (S, T)) {
    let checks: [fn(&mut S); 13] = [
        the_first_secret_stays,
        entries_without_a_secret_get_no_new_one,
        an_unknown_space_is_empty,
        order_of_arrival_is_kept_across_commits,
        loading_leaves_out_content_bodies,
        entries_come_whole_and_in_the_order_asked_for,
        a_batch_is_written_whole_or_not_at_all,
        live_devices_are_those_said_last,
        spaces_to_which_a_device_agreed_come_first,
        loading_stops_at_the_first_error,
        totals_count_what_was_written,
        a_limit_is_of_one_space_that_is_known,
        a_space_that_is_forgotten_leaves_nothing_and_may_come_again,
    ];
    for check in checks {
        let (mut store, _alive) = open();
        check(&mut store);
    }
}

/// A space for tests.
pub(super) fn space(n: u8) -> SpaceId {
    SpaceId::new([n; 16])
}

/// A batch with these entries of one chain: even numbers are control, odd ones content.
pub(super) fn append(space: SpaceId, numbers: &[u8]) -> Append {
    Append { space, entries: numbers.iter().map(|n| entry(&space, *n)).collect(), live: None }
}

/// A batch with one entry of content of so many bytes.
pub(super) fn large(space: SpaceId, n: u8, bytes: usize) -> Append {
    let place = Place { version: 1, chain: Chain::Content, seq: u64::from(n) + 2, prev: None, epoch: Some([7; 8]) };
    let entry = Entry::sign(&space, &Secret::from_seed(&[9; 32]), &place, vec![n; bytes]);
    Append { space, entries: vec![entry], live: None }
}

/// What a store has of a space.
pub(super) fn loaded(store: &impl Store, space: &SpaceId) -> Vec<Stored> {
    let mut all = Vec::new();
    let took = store.load(space, &mut |stored| {
        all.push(stored);
        Ok(())
    });
    took.expect("loads");
    all
}

fn entry(space: &SpaceId, n: u8) -> Verified {
    let (chain, epoch) = if n.is_multiple_of(2) { (Chain::Control, None) } else { (Chain::Content, Some([7; 8])) };
    let (seq, prev) = (u64::from(n) + 2, Some(EntryId::new([n; 32])));
    let place = Place { version: 1, chain, seq, prev, epoch };
    Entry::sign(space, &Secret::from_seed(&[9; 32]), &place, vec![n; 3 + usize::from(n)])
}

fn the_first_secret_stays(store: &mut impl Store) {
    assert_eq!(store.secret(&[1; 32]).expect("keeps"), [1; 32]);
    assert_eq!(store.secret(&[2; 32]).expect("keeps"), [1; 32]);
}

fn entries_without_a_secret_get_no_new_one(store: &mut impl Store) {
    store.append(&[append(space(1), &[1])]).expect("appends");
    for _ in 0..2 {
        assert!(matches!(store.secret(&[1; 32]), Err(StoreError::Keyless)));
    }
}

fn an_unknown_space_is_empty(store: &mut impl Store) {
    assert!(loaded(store, &space(1)).is_empty());
    assert!(matches!(store.entries(&space(1), &[EntryId::new([1; 32])]), Err(StoreError::Missing)));
    store.check().expect("can be read");
}

fn order_of_arrival_is_kept_across_commits(store: &mut impl Store) {
    let (a, b) = (space(1), space(2));
    store.append(&[append(a, &[4, 1]), append(b, &[8])]).expect("appends");
    store.append(&[append(b, &[3]), append(a, &[2])]).expect("appends");
    let headers = |space: &SpaceId| loaded(store, space).into_iter().map(|stored| stored.entry.header);
    assert!(headers(&a).eq([4, 1, 2].map(|n| entry(&a, n).entry.header)));
    assert!(headers(&b).eq([8, 3].map(|n| entry(&b, n).entry.header)));
}

fn loading_leaves_out_content_bodies(store: &mut impl Store) {
    let space = space(1);
    store.append(&[append(space, &[2, 3])]).expect("appends");
    let [control, content]: [Stored; 2] = loaded(store, &space).try_into().expect("two entries");
    let (wanted, sealed) = (entry(&space, 2), entry(&space, 3));
    assert_eq!(control, Stored { device: wanted.device, entry: wanted.entry });
    assert_eq!(content, Stored { device: sealed.device, entry: Entry { body: Vec::new(), ..sealed.entry } });
}

fn entries_come_whole_and_in_the_order_asked_for(store: &mut impl Store) {
    let space = space(1);
    store.append(&[append(space, &[1, 2, 3])]).expect("appends");
    let wanted = [3, 1].map(|n| entry(&space, n));
    let got = store.entries(&space, &wanted.clone().map(|entry| entry.id)).expect("are there");
    assert_eq!(got, wanted.map(|entry| entry.entry));
    let unknown = [wanted_id(&space, 1), wanted_id(&space, 5)];
    assert!(matches!(store.entries(&space, &unknown), Err(StoreError::Missing)));
}

fn a_batch_is_written_whole_or_not_at_all(store: &mut impl Store) {
    let (a, b) = (space(1), space(2));
    store.append(&[append(a, &[1])]).expect("appends");
    let again = Append { live: Some(vec![living(DeviceId::new([1; 32]))]), ..append(a, &[2, 1]) };
    assert!(store.append(&[append(b, &[1]), again]).is_err());
    assert_eq!((loaded(store, &a).len(), loaded(store, &b).len()), (1, 0));
    assert!(store.spaces_of(&DeviceId::new([1; 32]), 9).expect("reads").is_empty());
    store.append(&[append(b, &[1])]).expect("goes on");
    assert_eq!(loaded(store, &b).len(), 1);
}

fn live_devices_are_those_said_last(store: &mut impl Store) {
    let [x, y] = [1, 2].map(|n| DeviceId::new([n; 32]));
    let with = |n, numbers: &[u8], live: &[DeviceId]| {
        let live = Some(live.iter().copied().map(living).collect());
        Append { live, ..append(space(n), numbers) }
    };
    store.append(&[with(1, &[1], &[x, y]), with(2, &[1], &[x])]).expect("appends");
    store.append(&[append(space(1), &[3]), with(2, &[2], &[y])]).expect("appends");
    assert_eq!(store.spaces_of(&x, 9).expect("reads"), [space(1)]);
    assert_eq!(store.spaces_of(&y, 9).expect("reads"), [space(1), space(2)]);
    assert_eq!(store.spaces_of(&y, 1).expect("reads").len(), 1);
    assert!(store.spaces_of(&DeviceId::new([3; 32]), 9).expect("reads").is_empty());
}

fn spaces_to_which_a_device_agreed_come_first(store: &mut impl Store) {
    let words = DeviceId::new([7; 32]);
    for n in 1..=4 {
        let live = Some(vec![Living { device: words, agreed: n == 3 }]);
        store.append(&[Append { live, ..append(space(n), &[1]) }]).expect("appends");
    }
    assert_eq!(store.spaces_of(&words, 9).expect("reads"), [3, 1, 2, 4].map(space));
    assert_eq!(store.spaces_of(&words, 1).expect("reads"), [space(3)]);
}

fn loading_stops_at_the_first_error(store: &mut impl Store) {
    let space = space(1);
    store.append(&[append(space, &[1, 2, 3])]).expect("appends");
    let mut seen = 0;
    let took = store.load(&space, &mut |_| {
        seen += 1;
        if seen == 2 { Err(StoreError::Missing) } else { Ok(()) }
    });
    assert!(took.is_err());
    assert_eq!(seen, 2);
}

fn totals_count_what_was_written(store: &mut impl Store) {
    let (a, b) = (space(1), space(2));
    assert_eq!(store.totals().expect("counts"), Totals::default());
    store.append(&[append(a, &[1, 2]), append(b, &[3])]).expect("appends");
    store.append(&[append(a, &[4])]).expect("appends");
    assert!(store.append(&[append(b, &[5]), append(a, &[1])]).is_err(), "what fails is not counted");
    let size =
        |space: &SpaceId, numbers: &[u8]| numbers.iter().map(|n| entry(space, *n).entry.size() as u64).sum::<u64>();
    let (content_bytes, control_bytes) = (size(&a, &[1]) + size(&b, &[3]), size(&a, &[2, 4]));
    let wanted = Totals { spaces: 2, entries: 4, content_bytes, control_bytes };
    assert_eq!(store.totals().expect("counts"), wanted);
}

fn a_limit_is_of_one_space_that_is_known(store: &mut impl Store) {
    let (a, b) = (space(1), space(2));
    assert!(!store.set_content_limit(&a, Some(7)).expect("answers"));
    store.append(&[append(a, &[1]), append(b, &[1])]).expect("appends");
    assert!(store.set_content_limit(&a, Some(7)).expect("answers"));
    store.append(&[append(a, &[2])]).expect("appends");
    assert_eq!([a, b].map(|space| store.content_limit(&space).expect("answers")), [Some(7), None]);
    assert!(store.set_content_limit(&a, None).expect("answers"));
    assert_eq!(store.content_limit(&a).expect("answers"), None);
}

fn living(device: DeviceId) -> Living {
    Living { device, agreed: true }
}

fn wanted_id(space: &SpaceId, n: u8) -> EntryId {
    entry(space, n).id
}

fn a_space_that_is_forgotten_leaves_nothing_and_may_come_again<S: Store>(store: &mut S) {
    let live = Some(vec![living(DeviceId::new([5; 32]))]);
    store.append(&[Append { live, ..append(space(1), &[1, 2]) }, append(space(2), &[1])]).expect("appends");
    store.set_content_limit(&space(1), Some(7)).expect("sets");
    let before = store.totals().expect("counts");
    assert!(store.forget(&space(1)).expect("forgets"));
    assert!(!store.forget(&space(1)).expect("is gone"));
    assert!(loaded(store, &space(1)).is_empty() && loaded(store, &space(2)).len() == 1);
    assert_eq!(store.spaces_of(&DeviceId::new([5; 32]), 8).expect("looks"), []);
    let after = store.totals().expect("counts");
    assert_eq!((before.spaces, after.spaces, after.entries), (2, 1, 1));
    store.append(&[append(space(1), &[1])]).expect("appends");
    assert_eq!(store.content_limit(&space(1)).expect("reads"), None, "what was said of it is gone, too");
    assert_eq!(loaded(store, &space(1)).len(), 1);
}
