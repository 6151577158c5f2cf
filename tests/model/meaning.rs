//! What a replica makes of a history, in the words of the reference model.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, MemberId},
    log::membership::{Contents, Dag, Facet, Fold, Role},
};
use serde_json::{Value, json};

use crate::story::Story;

/// All that both sides can say about the entries delivered.
pub(crate) fn meaning(story: &Story, dag: &Dag, contents: &Contents) -> Value {
    let words = Words::of(story);
    let fold = dag.fold();
    let live = |fold: &Fold| words.names(fold.devices().filter(|(_, it)| it.live).map(|(id, _)| *id));
    let stand = |fold: &Fold| words.numbers(fold.standing().map(|(id, ..)| id));
    let all: Vec<_> = dag.entries().map(|(id, ..)| id).collect();
    let who = fold.devices().map(|(id, it)| (words.name(id), json!([words.member(&it.member), role(it.role)])));
    let epochs = |list: &dyn Fn(&DeviceId) -> Vec<EntryId>| {
        let found: BTreeSet<_> = fold.devices().flat_map(|(id, _)| list(id)).collect();
        words.numbers(found)
    };
    let minted = all.iter().filter(|id| !fold.holders(id).is_empty());
    let counting = contents.counting(dag);
    let counted = |facet| words.numbers(counting.counting(facet));
    let view = |id: &EntryId| {
        let view = dag.view(id).expect("is here");
        (words.numbers[id].to_string(), json!([stand(&view), live(&view)]))
    };
    json!({
        "valid": words.numbers(all.iter().copied().filter(|id| fold.valid(id))),
        "stand": stand(&fold),
        "live": live(&fold),
        "who": who.collect::<serde_json::Map<_, _>>(),
        "cut": words.names(fold.devices().filter(|(_, it)| it.cut).map(|(id, _)| *id)),
        "joiner": fold.other_member().map(|member| words.member(&member)),
        "chosen": fold.confirmation().map(|id| words.numbers[&id]),
        "left": fold.left().iter().map(|member| words.member(member)).collect::<BTreeSet<_>>(),
        "wrap": words.names(fold.wrap_targets().into_iter().map(|keys| keys.device)),
        "usable": epochs(&|writer| fold.usable_epochs(writer)),
        "grantable": epochs(&|writer| fold.grantable_epochs(writer).into_iter().map(|it| it.epoch).collect()),
        "holders": minted.map(|id| (words.numbers[id].to_string(), json!(words.names(fold.holders(id)))))
            .collect::<serde_json::Map<_, _>>(),
        "content": { "shared": counted(Facet::Shared), "own": counted(Facet::Own) },
        "views": all.iter().map(view).collect::<serde_json::Map<_, _>>(),
    })
}

/// The parts in which two meanings differ, for people.
pub(crate) fn difference(ours: &Value, theirs: &Value) -> String {
    let parts: BTreeMap<_, _> = ours.as_object().expect("is a map").iter().collect();
    let differ = parts.into_iter().filter(|(part, value)| theirs.get(part.as_str()) != Some(value));
    differ
        .map(|(part, value)| format!("\n  {part}: ours {value}\n  {part}: theirs {}", theirs[part.as_str()]))
        .collect()
}

struct Words<'a> {
    story: &'a Story,
    numbers: BTreeMap<EntryId, usize>,
    members: BTreeMap<MemberId, String>,
}

impl<'a> Words<'a> {
    fn of(story: &'a Story) -> Self {
        let numbers = story.told.iter().enumerate().map(|(at, told)| (told.id, at)).collect();
        let mut members: BTreeMap<_, _> =
            story.names.iter().map(|(id, name)| (MemberId::of(id), format!("M:{name}"))).collect();
        members.insert(story.member("A0"), "A".into());
        Self { story, numbers, members }
    }

    fn name(&self, device: &DeviceId) -> String {
        self.story.names[device].clone()
    }

    fn names(&self, devices: impl IntoIterator<Item = DeviceId>) -> Vec<String> {
        self.story.named(devices)
    }

    fn member(&self, member: &MemberId) -> String {
        self.members[member].clone()
    }

    fn numbers(&self, ids: impl IntoIterator<Item = EntryId>) -> Vec<usize> {
        let numbers: BTreeSet<_> = ids.into_iter().map(|id| self.numbers[&id]).collect();
        numbers.into_iter().collect()
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Ordinary => "ord",
        Role::Recovery => "rec",
        Role::Invite => "inv",
    }
}
