//! Control records, and both chains' entries, of a small alliance.

use alliance_core::keys::{Content, seal};
use alliance_replica::log::control::Control;
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story,
    world::{History, Says, Written},
};

/// Records that differ in what is there and what is not.
pub(crate) fn variants() -> Value {
    let vector = |(name, control): (&str, Control)| {
        let body = control.encode();
        assert_eq!(Control::decode(&body).expect("decodes"), control, "{name}");
        json!({ "name": name, "body": hex(&body), "control": json::control(&control) })
    };
    let records: Vec<_> = story::variants().into_iter().map(vector).collect();
    json!({ "space": story::history().space.to_string(), "records": records })
}

/// The history of a space, in the order in which it was written.
pub(crate) fn history() -> Value {
    let told = story::history();
    let entries: Vec<_> = told.entries.iter().map(|written| entry(&told, written)).collect();
    let epochs = told.keyring.epochs().map(|epoch| {
        json!({ "epoch": epoch.to_string(), "prefix": hex(&epoch.prefix()), "key": hex(told.key(epoch).as_bytes()) })
    });
    json!({ "space": told.space.to_string(), "epochs": epochs.collect::<Vec<_>>(), "entries": entries })
}

fn entry(told: &History, Written { name, author, entry, says }: &Written) -> Value {
    let verified = entry.entry.clone().verify(&told.space, &entry.device).expect("verifies");
    assert_eq!(verified, *entry, "{name}");
    let mut vector = json!({
        "name": name,
        "author": author.name,
        "device": entry.device.to_string(),
        "id": entry.id.to_string(),
        "entry": json::entry(&entry.entry),
        "header": json::header(&entry.header),
    });
    match says {
        Says::Control(control) => {
            assert_eq!(Control::decode(&entry.entry.body).expect("decodes"), *control, "{name}");
            vector["control"] = json::control(control);
        }
        Says::Content { epoch, plaintext, content } => {
            let place = entry.header.place();
            let opened = seal::open(&told.keyring, &entry.device, &place, &entry.entry.body).expect("opens");
            assert_eq!((opened.epoch, &*opened.plaintext), (*epoch, plaintext), "{name}");
            assert_eq!(Content::decode(plaintext).expect("decodes"), *content, "{name}");
            vector["epoch"] = epoch.to_string().into();
            vector["place"] = hex(&place.encode()).into();
            vector["plaintext"] = hex(plaintext).into();
            vector["content"] = json::content(content);
        }
    }
    vector
}
