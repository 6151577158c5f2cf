//! Whether a backup would bring everything back: it is restored where nobody sees it, and compared with what is here.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

use alliance_replica::{
    id::{EntryId, ItemId, SpaceId},
    log::{control::SpaceKind, heads::Chain},
};

use super::{enter, loaded, taking::How};
use crate::{
    app::{AppError, Profile, World, query},
    domain,
    keys::Words,
};

/// What of a space would come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drilled {
    /// The space.
    pub space: SpaceId,
    /// What it is called.
    pub title: String,
    /// True for the personal space.
    pub personal: bool,
    /// Sealed entries that are here.
    pub entries: u64,
    /// Those of them that would not come back.
    pub entries_lost: u64,
    /// Things that are here.
    pub things: u64,
    /// Those of them that would not come back as they are here.
    pub things_lost: u64,
    /// Things of which something was not sent yet.
    pub unsent: u64,
    /// Those of them of which that would not come back.
    pub unsent_lost: u64,
    /// True if what is said of the space itself would come back: what an alliance is called and is for.
    pub about: bool,
    /// True if what is kept for the program itself would come back as well.
    pub whole: bool,
}

impl Profile {
    /// Restores a backup into a new file and compares. This profile's keys open it, or words if they are given: then as on
    /// a computer that has nothing. Nothing is sent, and nothing here is changed.
    pub fn drill<R: Read>(
        &mut self,
        from: R,
        scratch: &Path,
        words: Option<&Words>,
        world: &mut World<'_>,
    ) -> Result<Vec<Drilled>, AppError> {
        let (reading, _) = self.open_backup(from, words)?;
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))?;
        let mut keys = BTreeMap::new();
        for row in &rows {
            keys.insert(row.space, self.store.read::<_, AppError>(|tx| Ok(tx.epochs(&row.space)?))?);
        }
        let mut back = Self::blank(scratch)?;
        let how = words.map_or(How::Keys(keys), How::Words);
        back.take_all(reading, &how, world)?;
        back.enter_all()?;
        let mut all = Vec::new();
        for row in rows.iter().skip(1).chain(rows.first()) {
            let title = self.store.read::<_, AppError>(|tx| Ok(query::alliance(tx, &row.space, None)?.title))?;
            let (here, there) = (self.held(&row.space)?, back.held(&row.space)?);
            let lost = |here: &Heads, there: &Heads| {
                here.iter().filter(|(item, heads)| there.get(*item) != Some(*heads)).count() as u64
            };
            all.push(Drilled {
                space: row.space,
                title,
                personal: row.kind == SpaceKind::Personal,
                entries: here.entries.len() as u64,
                entries_lost: here.entries.iter().filter(|id| !there.entries.contains(id)).count() as u64,
                things: here.things.len() as u64,
                things_lost: lost(&here.things, &there.things),
                unsent: here.unsent.len() as u64,
                unsent_lost: here.unsent.iter().filter(|item| !there.unsent.contains(*item)).count() as u64,
                // One's own space says how its person is called, as the backup does.
                about: row.kind == SpaceKind::Personal || lost(&here.about, &there.about) == 0,
                whole: lost(&here.others, &there.others) == 0,
            });
        }
        Ok(all)
    }
}

impl Drilled {
    /// True if all that is here would come back.
    pub fn is_whole(&self) -> bool {
        self.is_written() && self.whole && self.entries_lost == 0
    }

    /// True if all that people wrote would come back: what lacks are entries about keys and computers, or entries with what
    /// the backup has as not sent.
    pub fn is_written(&self) -> bool {
        self.about && self.things_lost + self.things_lost + self.unsent_lost == 0
    }
}

/// What a profile holds of a space.
#[derive(Default)]
struct Held {
    entries: BTreeSet<EntryId>,
    things: Heads,
    about: Heads,
    others: Heads,
    unsent: BTreeSet<ItemId>,
}

type Heads = BTreeMap<ItemId, BTreeMap<String, Vec<String>>>;

impl Profile {
    fn held(&mut self, space: &SpaceId) -> Result<Held, AppError> {
        if self.store.read::<_, AppError>(|tx| Ok(tx.space(space)?.is_none()))? {
            return Ok(Held::default());
        }
        let chains = self.space(space)?.log.chains();
        let all = [Chain::Control, Chain::Content].into_iter().flat_map(|it| chains.arrivals(it));
        let entries = all.map(|at| chains.at(*at).head.id).collect();
        let (shown, inner, unsent) = self.store.read::<_, AppError>(|tx| {
            let rows = tx.rows(space, None, usize::MAX)?;
            let shown: Vec<_> = rows.iter().filter(|it| query::is_shown(&it.kind)).map(|it| it.item).collect();
            let inner = rows.iter().filter(|it| domain::is_for_programs(&it.kind)).map(|it| it.item);
            let inner: Vec<_> = inner.collect();
            let unsent = tx.waiting_items(space)?.into_iter().filter(|it| shown.contains(it)).collect();
            Ok((shown, inner, unsent))
        })?;
        let (things, rest): (Heads, Heads) =
            self.heads(*space)?.into_iter().partition(|(item, _)| shown.contains(item));
        let (others, about) = rest.into_iter().partition(|(item, _)| inner.contains(item));
        Ok(Held { entries, things, about, others, unsent })
    }

    /// Takes in at once what was not sent, as nobody may who exchanges it.
    fn enter_all(&mut self) -> Result<(), AppError> {
        let Self { store, spaces, documents, .. } = self;
        let result = store.write(|tx| {
            for row in tx.spaces()? {
                let space = loaded(spaces, tx, &row.space)?;
                for device in tx.aside_devices(&row.space)? {
                    enter(tx, space, documents, &device)?;
                }
            }
            Ok(())
        });
        self.settle(result)
    }
}
