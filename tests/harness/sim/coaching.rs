//! What people do with commitments, sessions and what else they keep together, in the simulator.

use alliance_core::{
    app::{AppError, Place},
    domain::agreement,
};

use super::people::{Act, At, Wrote};
use crate::intents::{self, Luck};

impl Luck for Act {
    fn below(&mut self, bound: usize) -> usize {
        self.dice.index(bound)
    }

    fn word(&mut self) -> String {
        self.words.pop().expect("enough words")
    }
}

impl Act {
    /// Does something of all that; returns what was written, if anything could be done.
    pub(super) fn coaches(&mut self, place: Place, at: &mut At<'_, '_>) -> Result<Option<Wrote>, AppError> {
        let before = self.words.clone();
        let kind = Luck::below(self, intents::KINDS.len());
        let all = at.profile.list(at.space, intents::KINDS[kind], true)?;
        let item = match Luck::below(self, 10) {
            0..4 => {
                let notes = at.profile.list(at.space, "note", true)?;
                let Some(target) = notes.first().map(|it| it.item.item) else { return Ok(None) };
                let intent = intents::new(kind, target, self);
                // What is offered is offered to somebody.
                let place = if matches!(kind, 0 | 3 | 4) { Place::Alliance(at.space) } else { place };
                at.profile.add(place, &intent, at.outside)?.item
            }
            4 => return self.agrees(at),
            5 => {
                let mut all = all;
                all.extend(at.profile.list(at.space, "goal", true)?);
                all.extend(at.profile.archived(at.space)?);
                if all.is_empty() {
                    return Ok(None);
                }
                let it = &all[Luck::below(self, all.len())];
                if it.archived.is_none() {
                    self.archived = Some((it.item, format!("{:?}", at.profile.item(&it.item)?)));
                }
                at.profile.archive(&it.item, it.archived.is_none(), at.outside)?.item
            }
            _ if all.is_empty() => return Ok(None),
            _ => {
                let it = all[Luck::below(self, all.len())].item;
                let intent = intents::change(intents::KINDS[kind], it.item, self).expect("of these kinds");
                at.profile.change(&it, &intent, at.outside)?.item
            }
        };
        Ok(Some((item, before[self.words.len()..].to_vec())))
    }

    /// Writes at the agreement, or acknowledges it.
    fn agrees(&mut self, at: &mut At<'_, '_>) -> Result<Option<Wrote>, AppError> {
        let there = at.profile.agreement(at.space)?;
        let (intent, written) = if Luck::below(self, 2) == 0 {
            let (place, word) = (Luck::below(self, agreement::SECTIONS.len()), Luck::word(self));
            let text = format!("{}{word} ", there.draft[place]);
            let edit = alliance_core::document::TextEdit { from: Some(there.heads), text };
            (agreement::Intent::Edit { sections: vec![(place, edit)] }, vec![word])
        } else {
            (agreement::Intent::Acknowledge { date: "2027-01-01".to_owned(), read: there.hash }, Vec::new())
        };
        let done = at.profile.agree(at.space, &intent, at.outside)?;
        Ok(Some((done.item, written)))
    }
}
