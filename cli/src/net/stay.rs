//! A session that stays while people type: when it looks for what other programs wrote, and when that is sealed.
//!
//! What another program wrote is found by looking: seldom, but often while somebody types. A program that types itself
//! rouses the session instead, which then looks at once. Either way the first key goes at once and the next ones are
//! gathered for the protocol's window.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use alliance_core::app::{Helpers, Profile, RelayInfo, Session, SessionError};
use alliance_replica::exchange::live::Live;
use tokio::sync::Notify;

use crate::env::Outside;

/// How often it is looked for what other programs wrote.
const PACE: Duration = Duration::from_millis(25);
/// How often while somebody types.
const LIVELY: Duration = Duration::from_millis(4);
/// For how long after a change somebody is taken to type.
const LIVELINESS: Duration = Duration::from_secs(3);
/// How often spaces are tried again that the relay refused.
const AGAIN: Duration = Duration::from_secs(60);

/// A session and what it needs of the world.
pub struct Stay<'a> {
    /// Whose.
    pub profile: &'a mut Profile,
    /// The exchange.
    pub session: Session,
    outside: Outside<'a>,
    roused: Arc<Notify>,
    live: Live,
    version: i64,
    start: Instant,
    changed: Option<Duration>,
    /// Something was exchanged since all was settled last.
    unsettled: bool,
    tried: Duration,
}

/// The other processors of this computer.
fn helpers() -> Helpers {
    let count = thread::available_parallelism().map_or(0, |all| all.get() - 1);
    Helpers { count, run: |work| thread::Builder::new().spawn(work).is_ok() }
}

impl<'a> Stay<'a> {
    /// Begins a session with a relay.
    pub fn new(profile: &'a mut Profile, relay: &RelayInfo, mut outside: Outside<'a>) -> Self {
        let session = Session::new(relay, &mut outside.world());
        Self::with(profile, session, outside)
    }

    /// Goes on with a session that began.
    pub fn with(profile: &'a mut Profile, session: Session, outside: Outside<'a>) -> Self {
        profile.set_helpers(helpers());
        Self {
            session,
            profile,
            outside,
            roused: Arc::default(),
            live: Live::default(),
            version: 0,
            start: Instant::now(),
            changed: None,
            unsettled: true,
            tried: Duration::ZERO,
        }
    }

    /// The same session, roused by whoever notifies this after writing to the profile.
    #[must_use]
    pub fn roused_by(self, roused: Arc<Notify>) -> Self {
        Self { roused, ..self }
    }

    /// How long it has stayed.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// How long until [`Stay::tick`] is to be called, unless it is roused before.
    pub fn pace(&self) -> Duration {
        let now = self.elapsed();
        let lively = self.changed.is_some_and(|changed| now < changed + LIVELINESS);
        let pace = if lively { LIVELY } else { PACE };
        let due = self.live.due().map(|due| Duration::from_millis(due).saturating_sub(now));
        due.map_or(pace, |due| due.min(pace))
    }

    /// Returns once it is roused.
    pub async fn roused(&self) {
        self.roused.notified().await;
    }

    /// The next frame to send.
    pub fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        self.session.poll_transmit(self.profile)
    }

    /// Takes a frame; returns true if no more should be read before [`Stay::flush`].
    pub fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        self.session.handle(self.profile, frame, &mut self.outside.world())?;
        Ok(self.session.is_full())
    }

    /// Takes in what was handled.
    pub fn flush(&mut self) -> Result<(), SessionError> {
        self.unsettled = true;
        self.session.flush(self.profile, &mut self.outside.world())
    }

    /// Looks whether there is something to seal, and seals it if its time has come.
    pub fn tick(&mut self) -> Result<(), SessionError> {
        let elapsed = self.elapsed();
        let version = self.profile.version()?;
        if version != self.version {
            self.version = version;
            self.changed = Some(elapsed);
            self.live.on_change();
        }
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if self.live.due().is_some_and(|due| due <= now) {
            self.session.local_change();
            self.live.on_sealed(now);
            self.flush()?;
        }
        Ok(self.session.attend(self.profile, now, &mut self.outside.world())?)
    }

    /// Does what nobody waits for, once everything is on its way.
    pub fn tidy(&mut self) -> Result<(), SessionError> {
        if self.unsettled && self.session.is_settled(self.profile)? {
            self.unsettled = false;
            self.note_settled()?;
        }
        let elapsed = self.elapsed();
        if elapsed.saturating_sub(self.tried) > AGAIN {
            self.tried = elapsed;
            self.session.try_again();
        }
        Ok(())
    }

    /// True if both sides had all when that was last looked at.
    pub fn is_settled(&self) -> bool {
        !self.unsettled
    }

    /// Notes that both sides have all.
    pub fn note_settled(&mut self) -> Result<(), SessionError> {
        Ok(self.session.note_settled(self.profile, &self.outside.world())?)
    }

    /// Says to the others that one leaves.
    pub fn part(&mut self) -> Result<(), SessionError> {
        Ok(self.session.part(self.profile, &mut self.outside.world())?)
    }
}
