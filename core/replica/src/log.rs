//! A space's logs.

pub mod control;
pub mod entry;
pub mod heads;
pub mod membership;
