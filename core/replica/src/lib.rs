//! The part of the protocol that a replica without keys needs: names, logs, membership, exchange.
//!
//! A relay and a laptop run this same code. It verifies and orders sealed entries, folds control entries into
//! membership, and says what to send to whom; it cannot open content, does no I/O, and takes no clock and no
//! randomness: whatever comes from the world is a parameter.

pub mod exchange;
pub mod id;
pub mod limits;
pub mod log;
pub mod planted;
pub mod wire;

pub use wire::Malformed;
