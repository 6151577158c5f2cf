//! Small histories, each for a rule of the membership, and what they mean.

mod cases;

use std::collections::BTreeMap;

use alliance_replica::{
    id::{EntryId, MemberId},
    log::{
        heads::Chain,
        membership::{ContentNode, Contents, Counting, Dag, DeviceState, Facet, Fold, Role},
    },
};
use serde_json::{Value, json};

use crate::{
    json, story,
    world::{History, Says},
};

pub(crate) fn vectors() -> Value {
    let told = ("a small alliance from its genesis to a leave", story::history());
    let cases: Vec<_> = std::iter::once(told).chain(cases::all()).map(|(name, history)| case(name, &history)).collect();
    json!({ "cases": cases })
}

fn case(name: &str, history: &History) -> Value {
    let (mut dag, mut contents) = (Dag::new(history.space), Contents::new());
    let mut entries = Vec::new();
    for written in &history.entries {
        let (id, device, header) = (written.entry.id, written.entry.device, &written.entry.header);
        let mut entry = json!({
            "name": written.name,
            "device": device.to_string(),
            "id": id.to_string(),
            "entry": json::entry(&written.entry.entry),
        });
        match &written.says {
            Says::Control(control) => {
                assert!(dag.insert(id, device, header.seq, header.prev, control.clone()), "{name}: {}", written.name);
            }
            Says::Content { content, .. } => {
                let (after, keeps) = (content.after.clone(), content.keeps.clone());
                let node = ContentNode { id, device, prev: header.prev, after, keeps };
                assert!(contents.insert(&dag, &node), "{name}: {}", written.name);
                let mut content = json::content(content);
                entry["after"] = content["after"].take();
                entry["keeps"] = content["keeps"].take();
            }
        }
        entries.push(entry);
    }
    json!({
        "name": name,
        "space": history.space.to_string(),
        "entries": entries,
        "means": means(history, &dag, &contents),
    })
}

fn means(history: &History, dag: &Dag, contents: &Contents) -> Value {
    let (fold, counting) = (dag.fold(), contents.counting(dag));
    let of_chain = |chain| history.entries.iter().filter(move |it| it.entry.header.chain == chain);
    let names = |chain, pick: &dyn Fn(&EntryId) -> bool| -> Vec<&str> {
        of_chain(chain).filter(|it| pick(&it.entry.id)).map(|it| it.name).collect()
    };
    let aside = |counting: &Counting<'_>, facet| names(Chain::Content, &|id| !counting.counts(id, facet));
    let text = |members: &mut dyn Iterator<Item = MemberId>| members.map(|it| it.to_string()).collect::<Vec<_>>();
    let devices: BTreeMap<_, _> = fold.devices().map(|(id, it)| (id.to_string(), device(&fold, id, it))).collect();
    json!({
        "devices": devices,
        "members": text(&mut fold.members()),
        "left": text(&mut fold.left().iter().copied()),
        "invalid": names(Chain::Control, &|id| !fold.valid(id)),
        "not_standing": names(Chain::Control, &|id| !fold.stands(id)),
        "set_aside": { "shared": aside(&counting, Facet::Shared), "own": aside(&counting, Facet::Own) },
    })
}

fn device(fold: &Fold, id: &alliance_replica::id::DeviceId, it: &DeviceState) -> Value {
    let role = match it.role {
        Role::Ordinary => "ordinary",
        Role::Recovery => "recovery",
        Role::Invite => "invite",
    };
    let epochs = |entries: Vec<EntryId>| entries.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut lineage = fold.lineage(id);
    lineage.insert(*id);
    json!({
        "member": it.member.to_string(),
        "role": role,
        "live": it.live,
        "lineage": lineage.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "may_use": epochs(fold.usable_epochs(id)),
        "may_grant": epochs(fold.grantable_epochs(id).into_iter().map(|it| it.epoch).collect()),
    })
}
