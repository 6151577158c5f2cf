//! Which way an exchange with another computer takes: kept for `status`, and said to whoever watches.

use std::time::Duration;

use alliance_core::app::{AppError, Passage};

use super::{Exchange, Mode};
use crate::net::peer::Road;

/// How often it is looked whether a connection takes another way than before.
const LOOK: Duration = Duration::from_secs(1);

/// A connection to another computer, and what was noticed of its way.
#[derive(Default)]
pub(super) struct Seen {
    road: Option<Road>,
    passage: Option<Passage>,
    /// It was said to whoever watches.
    said: bool,
    looked: Duration,
}

impl Exchange<'_> {
    /// Looks from now on which way the exchange takes.
    pub(in crate::command::sync) fn look_at(&mut self, road: Road) {
        self.seen.road = Some(road);
    }

    /// The way that was taken last, of an exchange with another computer.
    pub(super) fn passage(&self) -> Option<Passage> {
        self.seen.passage
    }

    /// Keeps and says which way is taken, once this side has let the other computer in.
    pub(super) fn note_passage(&mut self) -> Result<(), AppError> {
        let elapsed = self.stay.elapsed();
        if self.seen.passage.is_some() && elapsed < self.seen.looked + LOOK || !self.stay.session.has_company() {
            return Ok(());
        }
        let Some(passage) = self.seen.road.as_ref().and_then(Road::passage) else { return Ok(()) };
        self.seen.looked = elapsed;
        if self.seen.passage != Some(passage) {
            self.stay.session.keep_passage(self.stay.profile, passage)?;
            (self.seen.passage, self.seen.said) = (Some(passage), false);
        }
        if let (Mode::Watch(notices), false) = (&self.mode, self.seen.said)
            && let Some((space, is_own)) = self.stay.session.company(self.stay.profile)?
        {
            self.seen.said = notices.reached(self.context.ui, (space, is_own), passage);
        }
        Ok(())
    }
}
