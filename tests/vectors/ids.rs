//! Names of things, with what they are hashed from.

use alliance_replica::id::{EntryId, ItemId, hash};
use serde_json::{Value, json};

use crate::{
    json::hex,
    story::history,
    world::{HOLDERS, note},
};

/// Of inputs to BLAKE3: around the ends of its blocks and chunks.
const LENGTHS: [usize; 11] = [0, 1, 64, 65, 1023, 1024, 1025, 2048, 2049, 3073, 5000];

pub(crate) fn vectors() -> Value {
    let told = history();
    let genesis = &told.entry("genesis").entry.body;
    let long: Vec<u8> = (0..5000_u32).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
    let item = note().encode();
    let first = told.entry("second device");
    json!({
        "hash": LENGTHS.map(|length| json!({
            "label": "alliance/1 item",
            "length": length,
            "hash": hex(&hash("alliance/1 item", &[&long[..length]])),
            "plain": hex(blake3_of(&long[..length]).as_slice()),
        })),
        "devices": HOLDERS.map(|holder| json!({
            "name": holder.name,
            "secret": hex(&holder.bytes()),
            "device": holder.device().to_string(),
            "seal": hex(&holder.keys().seal),
            "member": holder.member().to_string(),
        })),
        "spaces": [{ "genesis": hex(genesis), "space": told.space.to_string() }],
        "items": [{ "preimage": hex(&item), "item": ItemId::of(&item).to_string() }],
        "entries": [{
            "space": told.space.to_string(),
            "device": first.device.to_string(),
            "header": hex(&first.entry.header),
            "entry": EntryId::of(&told.space, &first.device, &first.entry.header).to_string(),
        }],
    })
}

/// BLAKE3 without a key or label, as a header holds it of its body.
fn blake3_of(body: &[u8]) -> [u8; 32] {
    use alliance_replica::log::{entry::Place, heads::Chain};
    Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None }.header(body).body
}
