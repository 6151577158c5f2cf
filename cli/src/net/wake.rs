//! Whether this computer slept: a connection from before is not worth waiting for.
//!
//! On Linux and macOS the clock that does not go back stands still in sleep and the one on the wall goes on; elsewhere
//! both go on and the program is not asked for long. Either shows it.

use std::time::{Duration, Instant, SystemTime};

/// How much further the clock on the wall goes in sleep, at the least.
const JUMP: Duration = Duration::from_secs(10);
/// How long a program that runs is not asked, at the most.
const PAUSE: Duration = Duration::from_secs(40);

/// Both clocks when it was last looked at.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    wall: SystemTime,
    steady: Instant,
}

impl Default for Wake {
    fn default() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }
}

impl Wake {
    /// True if this computer slept since this was asked last.
    pub fn has_slept(&mut self) -> bool {
        self.look(SystemTime::now(), Instant::now())
    }

    fn look(&mut self, wall: SystemTime, steady: Instant) -> bool {
        let passed = steady.saturating_duration_since(self.steady);
        // A clock that was set back shows nothing.
        let on_the_wall = wall.duration_since(self.wall).unwrap_or_default();
        *self = Self { wall, steady };
        on_the_wall > passed + JUMP || passed > PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_ran_ahead_or_a_long_pause_is_a_sleep() {
        let mut wake = Wake::default();
        let mut look = |wall: i64, steady: u64| {
            let shifted = Duration::from_secs(wall.unsigned_abs());
            let on_the_wall = if wall < 0 { wake.wall - shifted } else { wake.wall + shifted };
            let steady = wake.steady + Duration::from_secs(steady);
            wake.look(on_the_wall, steady)
        };
        assert!(!look(1, 1));
        assert!(!look(9, 1), "somebody set the clock a little");
        assert!(look(3_600, 1), "an hour of sleep");
        assert!(!look(1, 1), "told once");
        assert!(!look(-3_600, 1), "the clock was set back");
        assert!(look(3_600, 3_600), "a system whose clocks go on in sleep");
    }
}
