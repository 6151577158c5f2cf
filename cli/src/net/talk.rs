//! A conversation over any connection: frames are pumped between a [`Carrier`] and a [`Talk`], which says what they mean.
//!
//! [`converse`] reads and writes in turns, so that two sides that both have much to send never wait for each other, and
//! takes all frames at hand before it lets the other side take them in at once.

use std::{future::pending, time::Duration};

use alliance_core::app::{Inquiry, SessionError};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Bytes;

pub use super::relay::{NetError, TalkError};
use super::{stop::Stop, wake::Wake};

/// How long a parting word may take.
pub const PART: Duration = Duration::from_secs(1);

/// How a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// All was said.
    Over,
    /// The person wished to end.
    Stopped,
}

/// What is said to a relay or to another laptop.
pub trait Talk {
    /// How long until [`Talk::tick`] is to be called, counted from when it was called last.
    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Returns once [`Talk::tick`] is to be called at once.
    fn roused(&self) -> impl Future<Output = ()> {
        pending()
    }

    /// True if the conversation goes on when there is nothing to say.
    fn lasts(&self) -> bool {
        false
    }

    /// The next frame to send.
    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError>;

    /// Takes a frame; returns true if no more should be read before [`Talk::flush`].
    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError>;

    /// Takes in what was handled.
    fn flush(&mut self) -> Result<(), SessionError> {
        Ok(())
    }

    /// True if all was said. Asked when there is nothing to send.
    fn is_over(&mut self) -> Result<bool, SessionError>;

    /// Looks whether there is something new to say.
    fn tick(&mut self) -> Result<(), SessionError> {
        Ok(())
    }

    /// Does what nobody waits for; called when everything that there was to say is on its way.
    fn tidy(&mut self) -> Result<(), SessionError> {
        Ok(())
    }

    /// Has a last word before the person ends it; nothing, unless somebody would miss it.
    fn part(&mut self) -> Result<(), SessionError> {
        Ok(())
    }
}

/// An inquiry, as [`converse`] pumps it.
pub struct Asking<T>(pub T);

impl<T: Inquiry> Talk for Asking<T> {
    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        Ok(self.0.poll_transmit())
    }

    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        self.0.handle(frame)?;
        Ok(false)
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        Ok(self.0.is_done())
    }
}

/// How much silence of a relay is borne; what stands between may hold a connection that carries nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// After how much of it the relay is asked whether it is there.
    pub ask: Duration,
    /// After how much of it the relay is taken to be gone.
    pub gone: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { ask: Duration::from_secs(20), gone: Duration::from_secs(45) }
    }
}

/// A connection that carries frames.
pub trait Carrier: Sized {
    /// True if all that it was given is on its way.
    fn is_flushed(&self) -> bool;

    /// Waits for a frame, or for room to write one if that is wanted; in turns if both can be done. May be dropped at any
    /// time without losing anything.
    fn step(&mut self, wants_to_write: bool) -> impl Future<Output = Result<Step, NetError>>;

    /// What has arrived already.
    fn at_hand(&mut self) -> Result<Option<Step>, NetError>;

    /// Gives it a frame; only after it was [`Step::Writable`].
    fn send(&mut self, frame: Bytes) -> Result<(), NetError>;

    /// Gives it a frame as soon as there is room.
    fn deliver(&mut self, frame: Bytes) -> impl Future<Output = Result<(), NetError>>;

    /// Asks whoever is silent whether they are there. Fails if they have not answered for long, or if no frame has moved
    /// for long although there is something left to say.
    fn watch(&mut self, lasts: bool, waits_to_write: bool) -> Result<(), NetError>;

    /// Ends it, after what it was given has gone, as far as that goes quickly.
    fn part(self) -> impl Future<Output = ()>;
}

/// What a connection can do next.
pub enum Step {
    /// A frame came.
    Frame(Bytes),
    /// Something that is none of ours happened.
    Other,
    /// A frame can be given to it.
    Writable,
    /// Not of the connection: somebody here has something to say.
    Roused,
}

/// Talks until all was said or the person wishes to end.
pub async fn converse(mut link: impl Carrier, talk: &mut impl Talk, stop: &mut Stop) -> Result<End, TalkError> {
    let mut ticked = Instant::now();
    let mut outgoing: Option<Bytes> = None;
    let mut wake = Wake::default();
    loop {
        if outgoing.is_none() {
            outgoing = talk.transmit()?.map(Bytes::from);
        }
        if outgoing.is_none() && link.is_flushed() {
            talk.tidy()?;
            if !talk.lasts() && talk.is_over()? {
                link.part().await;
                return Ok(End::Over);
            }
        }
        let step = tokio::select! {
            biased;
            () = stop.wished() => {
                say_and_part(link, talk, outgoing).await;
                return Ok(End::Stopped);
            }
            () = sleep_until(ticked + talk.pace()) => None,
            () = talk.roused() => Some(Step::Roused),
            step = link.step(outgoing.is_some()) => Some(step?),
        };
        match step {
            None => {
                if talk.lasts() && wake.has_slept() {
                    return Err(NetError::Slept.into());
                }
                link.watch(talk.lasts(), outgoing.is_some())?;
                talk.tick()?;
                ticked = Instant::now();
            }
            Some(Step::Roused) => talk.tick()?,
            Some(Step::Frame(frame)) => take_all(&mut link, talk, &frame)?,
            Some(Step::Writable) => outgoing.take().map_or(Ok(()), |frame| link.send(frame))?,
            Some(Step::Other) => {}
        }
    }
}

/// Takes a frame and all that are at hand, then lets them be taken in together.
fn take_all(link: &mut impl Carrier, talk: &mut impl Talk, first: &[u8]) -> Result<(), TalkError> {
    let mut full = talk.handle(first)?;
    while !full {
        match link.at_hand()? {
            Some(Step::Frame(frame)) => full = talk.handle(&frame)?,
            Some(_) => {}
            None => break,
        }
    }
    Ok(talk.flush()?)
}

/// Says what is left to be said, as far as that goes quickly, and parts.
async fn say_and_part(mut link: impl Carrier, talk: &mut impl Talk, begun: Option<Bytes>) {
    let saying = async {
        if let Some(frame) = begun {
            link.deliver(frame).await?;
        }
        // Whatever fails now is said at the next exchange, or was for the moment only.
        if talk.part().is_ok() {
            while let Ok(Some(frame)) = talk.transmit() {
                link.deliver(frame.into()).await?;
            }
        }
        Ok::<(), NetError>(())
    };
    let _ = timeout(PART, saying).await;
    link.part().await;
}
