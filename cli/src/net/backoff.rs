//! How long to wait before a relay is tried again: longer each time, never the same for two computers.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// Waits that double from half a second to a minute, each shortened by up to a half at random.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait, with randomness in all of `random`.
    pub fn wait(&mut self, random: u32) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        whole - whole.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }

    /// It worked: begin with short waits again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_again_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.wait(0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.wait(0), FIRST);
    }

    #[test]
    fn randomness_shortens_a_wait_by_up_to_a_half() {
        assert_eq!(Backoff::default().wait(u32::MAX), FIRST / 2);
        let some = Backoff::default().wait(u32::MAX / 2);
        assert!(some > FIRST / 2 && some < FIRST);
    }
}
