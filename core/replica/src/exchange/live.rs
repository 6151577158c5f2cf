//! When to seal while two people type: at once if the last entry is long enough ago, else when the window ends.

/// Width of the window in milliseconds.
pub const WINDOW: u64 = 50;

/// Remembers when the last entry was sealed and whether something waits. Times are milliseconds of any clock that does
/// not go back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live {
    sealed: Option<u64>,
    waits: bool,
}

impl Live {
    /// Something waits to be sealed.
    pub fn on_change(&mut self) {
        self.waits = true;
    }

    /// Everything that waited was sealed at `now`.
    pub fn on_sealed(&mut self, now: u64) {
        self.sealed = Some(now);
        self.waits = false;
    }

    /// When to seal: nothing if nothing waits, otherwise a time, which may be past.
    pub fn due(&self) -> Option<u64> {
        self.waits.then(|| self.sealed.map_or(0, |sealed| sealed + WINDOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_due_at_once_and_the_next_after_the_window() {
        let mut live = Live::default();
        assert_eq!(live.due(), None);
        live.on_change();
        assert_eq!(live.due(), Some(0));
        live.on_sealed(1000);
        assert_eq!(live.due(), None);
        live.on_change();
        assert_eq!(live.due(), Some(1000 + WINDOW));
    }
}
