//! A text typed key by key takes little more on the wire than Automerge's own compact form of it.

use std::env;

use alliance_core::keys::seal::sealed_size;
use alliance_replica::{log::entry::Entry, wire};
use alliance_tests::{
    Wire,
    trace::{Trace, Typing},
};

/// Most bytes that an entry takes beside its padded plaintext.
const OVERHEAD: usize = 260;

/// Keystrokes of the trace that are typed; `tests/long` types all of them.
fn keystrokes() -> usize {
    env::var("ALLIANCE_KEYSTROKES").ok().map_or(4000, |count| count.parse().expect("a number"))
}

fn size(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::size).sum()
}

#[test]
fn a_text_typed_key_by_key_travels_in_little_more_than_its_compact_form() {
    let trace = Trace::friends().first(keystrokes());
    let mut typing = Typing::new(11);
    typing.world.wire = Some(Wire::default());
    trace.keystrokes.iter().for_each(|key| typing.press(key));
    typing.world.sync("Ben");
    assert_eq!(typing.join(), trace.text);

    let saved = trace.saved();
    let Wire { up, down } = typing.world.wire.take().expect("it was watched");
    for entry in up.iter().chain(&down) {
        let padded = entry.body.len() - (sealed_size(0) - 1);
        let overhead = wire::encode(entry).len() - padded;
        assert!(overhead <= OVERHEAD, "an entry takes {overhead} bytes beside its content");
    }
    for (bytes, direction) in [(size(&up), "up"), (size(&down), "down")] {
        assert!(bytes * 10 <= saved * 13, "{bytes} bytes {direction}, while Automerge saves {saved}");
    }
}
