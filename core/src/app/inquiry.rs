//! What a computer asks a relay beside the exchange.

use super::SessionError;

/// A conversation with a relay that is over once it has answered.
pub trait Inquiry {
    /// Takes a frame.
    ///
    /// # Errors
    /// Why the relay's answer is none, or not to be trusted.
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError>;

    /// The next frame to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// True once all is known that was asked for, and the connection may end.
    fn is_done(&self) -> bool;
}
