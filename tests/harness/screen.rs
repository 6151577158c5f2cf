//! Somebody at a screen: a profile that is typed in, and beside it a session with the relay that stays, in a thread of its
//! own and over a real socket.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use alliance_cli::{
    env::{Env, Outside},
    net::{
        relay::{Link, NetError, TalkError, Way},
        stay::Stay,
        stop::Stop,
        talk::{Patience, Talk, converse},
    },
};
use alliance_core::{
    app::{AppError, ItemRef, Profile, SessionError, SessionEvent, Typed, World},
    document::{ChangeHash, EditError, Splice},
};
use alliance_replica::id::SpaceId;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use tokio::{
    runtime::Builder,
    sync::{Notify, oneshot},
};

use crate::program::{PATIENCE, Person};

/// When a session sends what is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sends {
    /// As `alliance sync --watch` does: the first key at once, the next ones together.
    Live,
    /// All at once, when it is told to and not before.
    WhenTold,
}

/// Something arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it was in the view.
    pub at: Instant,
    /// What the text says that is looked at, if one is.
    pub text: Option<String>,
}

/// A person's open profile.
pub struct Screen {
    /// What is typed in.
    pub profile: Profile,
    /// What arrived from the other person.
    pub arrivals: mpsc::Receiver<Arrival>,
    rng: ChaCha20Rng,
    sends: Sends,
    rouse: Arc<Notify>,
    wanted: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Opens a person's profile and connects to their relay.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn open(person: &Person, sends: Sends, looks_at: Option<ItemRef>) -> Self {
        Self::open_with(person, sends, looks_at, Patience::default())
    }

    /// As [`Screen::open`], with another patience.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn open_with(person: &Person, sends: Sends, looks_at: Option<ItemRef>, patience: Patience) -> Self {
        let file = person.profile();
        let profile = Profile::open(&file).expect("a profile");
        let (rouse, (stop, stopped)) = (Arc::<Notify>::default(), oneshot::channel());
        let ((told, arrivals), wanted) = (mpsc::channel(), Arc::<AtomicBool>::default());
        let window = Window { roused: Arc::clone(&rouse), wanted: Arc::clone(&wanted), sends, looks_at, told };
        let thread = thread::spawn(move || stay(&file, &window, patience, stopped));
        let seed = person.name.bytes().map(u64::from).sum();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { profile, arrivals, rng, sends, rouse, wanted, stop: Some(stop), thread: Some(thread) }
    }

    /// The alliance that is open.
    ///
    /// # Panics
    /// If there is none.
    pub fn space(&mut self) -> SpaceId {
        self.profile.current().expect("a profile").expect("an alliance")
    }

    /// Types in the body of a note; none if the version is not here yet.
    ///
    /// # Panics
    /// If it cannot be typed.
    pub fn press(&mut self, note: ItemRef, from: &[ChangeHash], splices: &[Splice], now: i64) -> Option<Typed> {
        let mut world = World { now, rng: &mut self.rng };
        let typed = self.profile.type_in(&note, "body", from, splices, &mut world);
        if self.sends == Sends::Live {
            self.rouse.notify_one();
        }
        match typed {
            Ok(typed) => Some(typed),
            Err(AppError::Edit(EditError::UnknownVersion)) => None,
            Err(error) => panic!("it can be typed: {error}"),
        }
    }

    /// Lets the session send what waits.
    pub fn send(&self) {
        self.wanted.store(true, Ordering::Relaxed);
        self.rouse.notify_one();
    }

    /// Waits for something to arrive.
    ///
    /// # Panics
    /// If nothing does.
    pub fn arrival(&self) -> Arrival {
        self.arrivals.recv_timeout(PATIENCE).expect("something arrives")
    }

    /// The body of a note.
    ///
    /// # Panics
    /// If there is none.
    pub fn text(&mut self, note: ItemRef) -> String {
        self.profile.text(&note, "body").expect("a note").text
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already; why is on the standard error.
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(JoinHandle::join);
    }
}

/// A session's side of a screen.
struct Window {
    roused: Arc<Notify>,
    wanted: Arc<AtomicBool>,
    sends: Sends,
    looks_at: Option<ItemRef>,
    told: mpsc::Sender<Arrival>,
}

/// Stays in exchange with the relay; to one that fell silent it connects anew, as `alliance sync --watch` does.
fn stay(file: &Path, window: &Window, patience: Patience, mut stopped: oneshot::Receiver<()>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut profile = Profile::open(file).expect("a profile");
    let relay = profile.relays().expect("a profile").into_iter().next().expect("a relay");
    let way = Way::to(relay.url.parse().expect("an address"));
    let env = Env::of_process().expect("variables");
    let ended = runtime.block_on(async {
        let mut stop = Stop::new().expect("signals");
        loop {
            let link = Link::connect(&way).await.map_err(TalkError::from)?.with_patience(patience);
            let stay = Stay::new(&mut profile, &relay, Outside::new(&env)).roused_by(Arc::clone(&window.roused));
            let mut staying = Staying { stay, window };
            tokio::select! {
                ended = converse(link, &mut staying, &mut stop) => match ended {
                    Err(TalkError::Net(NetError::Silent)) => {}
                    ended => return ended.map(|_| ()),
                },
                _ = &mut stopped => return Ok(()),
            }
        }
    });
    ended.expect("the relay stays");
}

/// The session, as `converse` pumps it.
struct Staying<'a> {
    stay: Stay<'a>,
    window: &'a Window,
}

impl Talk for Staying<'_> {
    fn pace(&self) -> Duration {
        match self.window.sends {
            Sends::Live => self.stay.pace(),
            Sends::WhenTold => Duration::from_secs(1),
        }
    }

    fn roused(&self) -> impl Future<Output = ()> {
        self.stay.roused()
    }

    fn lasts(&self) -> bool {
        true
    }

    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        self.stay.transmit()
    }

    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        self.stay.handle(frame)
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        self.stay.flush()?;
        let at = Instant::now();
        while let Some(event) = self.stay.session.poll_event() {
            if matches!(event, SessionEvent::Changed { .. }) {
                let look = |note| self.stay.profile.text(&note, "body").expect("a note").text;
                // Nobody looks any more if this fails.
                let _ = self.window.told.send(Arrival { at, text: self.window.looks_at.map(look) });
            }
        }
        Ok(())
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        Ok(false)
    }

    fn tick(&mut self) -> Result<(), SessionError> {
        match self.window.sends {
            Sends::Live => self.stay.tick(),
            Sends::WhenTold if self.window.wanted.swap(false, Ordering::Relaxed) => {
                self.stay.session.local_change();
                self.flush()
            }
            Sends::WhenTold => Ok(()),
        }
    }

    fn tidy(&mut self) -> Result<(), SessionError> {
        self.stay.tidy()
    }
}
