//! Search in everything that a person can see.

use alliance_replica::id::SpaceId;

use super::{
    AppError, Documents, ItemRef, Profile, intent,
    query::{self, Summary},
    seen::Seen,
};
use crate::store::{Hit, Store};

/// Most items that a search finds.
const FOUND: usize = 100;

/// An item in which words were found.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The item, as in a list.
    pub summary: Summary,
    /// What the alliance is called that it is in; none if it is one's own.
    pub alliance: Option<String>,
    /// A part of its text: pieces, and whether each is what was found.
    pub snippet: Vec<(bool, String)>,
}

impl Profile {
    /// Items in which every word that was typed begins a word, the best first: in one alliance or in all, and in what is
    /// one's own.
    pub fn search(&mut self, space: Option<SpaceId>, typed: &str) -> Result<Vec<Found>, AppError> {
        let Self { store, documents, .. } = self;
        index(store, documents)?;
        store.read(|tx| {
            let all = tx.spaces()?;
            let personal = all.first().ok_or(AppError::UnknownSpace)?.space;
            let wanted = |it: &SpaceId| space.is_none_or(|space| *it == space || *it == personal);
            let spaces: Vec<_> = all.iter().map(|row| row.space).filter(wanted).collect();
            let mut found = Vec::new();
            for Hit { space, item, snippet } in tx.search(&spaces, typed, FOUND)? {
                let item = ItemRef { space, item };
                let title = (space != personal).then(|| query::alliance(tx, &space, None)).transpose()?;
                let summary = Seen::new(tx, space)?.summary(tx, item, query::read_row(tx, &item)?)?;
                found.push(Found { summary, alliance: title.map(|it| it.title), snippet });
            }
            Ok(found)
        })
    }
}

/// Sees to it that every item's words are kept: of those that were typed in, that came one by one, or that an earlier
/// program wrote.
fn index(store: &mut Store, documents: &mut Documents) -> Result<(), AppError> {
    let missing = store.read::<_, AppError>(|tx| Ok(tx.unsearched()?))?;
    if missing.is_empty() {
        return Ok(());
    }
    let result = store.write(|tx| {
        for (space, item) in missing {
            let preimage = intent::read_preimage(tx, &space, &item)?;
            intent::write_words(tx, documents, &space, &preimage, item)?;
        }
        Ok(())
    });
    if result.is_err() {
        documents.clear();
    }
    result
}
