//! The agreement of an alliance: the draft that both write at, and what is and was in force.

use alliance_replica::id::SpaceId;

use super::{
    AppError, Done, ItemRef, Profile, Who, World,
    intent::{self, Target},
    profile, query,
    seen::Seen,
};
use crate::{
    document::{ChangeHash, DocId, Writer},
    domain::{
        At,
        agreement::{self, Force, Intent},
    },
    store::Tx,
};

/// The agreement of an alliance.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    /// Its item; it may not be there yet.
    pub item: ItemRef,
    /// The sections as they are written now, in their order.
    pub draft: [String; 7],
    /// The hash of the draft as a whole.
    pub hash: String,
    /// The version that an edit starts from.
    pub heads: Vec<ChangeHash>,
    /// Who has acknowledged the draft as it is.
    pub acknowledged: Vec<Who>,
    /// What both have acknowledged, the one in force last.
    pub forces: Vec<Force>,
}

impl Profile {
    /// The agreement of an alliance.
    pub fn agreement(&mut self, space: SpaceId) -> Result<Agreement, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let target = target(tx, &space)?;
            let item = ItemRef { space, item: target.item };
            let empty = || (<[String; 7]>::default(), Vec::new());
            if tx.preimage(&space, &item.item)?.is_none() {
                let (draft, heads) = empty();
                let hash = agreement::digest("");
                return Ok(Agreement { item, draft, hash, heads, acknowledged: Vec::new(), forces: Vec::new() });
            }
            let facets = documents.facets(tx, &space, target.preimage(), target.item)?;
            let shared = facets.get(&Writer::Everyone);
            let (draft, heads) = shared.map_or_else(empty, |shared| {
                let heads = shared.heads();
                (agreement::texts(shared, &heads), heads)
            });
            let hash = agreement::digest(&agreement::canonical(&draft));
            let by = agreement::acknowledged(&facets, &hash);
            let acknowledged = by.into_iter().map(|member| seen.who(&item, member)).collect();
            Ok(Agreement { item, draft, hash, heads, acknowledged, forces: agreement::forces(&facets) })
        })
    }

    /// True if the agreement says something that this person has not acknowledged. It is asked every day, and reads no
    /// history.
    pub fn agreement_waits(&mut self, space: SpaceId) -> Result<bool, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let target = target(tx, &space)?;
            let Some(stored) = tx.row(&space, &target.item)? else { return Ok(false) };
            let row = query::parse(&stored)?;
            let draft = agreement::SECTIONS.map(|section| row.text(Writer::Everyone, section.name).trim().to_owned());
            if draft.iter().all(String::is_empty) {
                return Ok(false);
            }
            if !tx.writers(&space, &target.item)?.contains(&Some(target.member)) {
                return Ok(true);
            }
            let doc = DocId { item: target.item, writer: Writer::Only(target.member) };
            let own = documents.open(tx, &space, target.preimage(), doc)?;
            Ok(!agreement::acknowledges(own, &agreement::digest(&agreement::canonical(&draft))))
        })
    }

    /// Writes at the agreement of an alliance, or acknowledges it.
    pub fn agree(&mut self, space: SpaceId, intent: &Intent, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = target(tx, &space)?;
            let plan = {
                let there = tx.preimage(&space, &target.item)?.is_some();
                let facets = match there {
                    true => documents.facets(tx, &space, target.preimage(), target.item)?,
                    false => Default::default(),
                };
                let intent = crate::domain::Intent::Agreement(intent.clone());
                intent.plan(&At { owner: None, me: target.member, facets: &facets })?
            };
            intent::finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }
}

/// The agreement of an alliance, whether it is there yet or not.
pub(super) fn target(tx: &Tx<'_>, space: &SpaceId) -> Result<Target, AppError> {
    Target::of_space(tx, space, agreement::preimage(profile::genesis(tx, space)?.founder.device))
}
