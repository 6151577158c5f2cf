//! The relay from outside: its state machine with clients that speak the real protocol, and the program itself.
#![allow(clippy::unwrap_used)]

mod admission;
mod candidates;
mod doors;
mod dropping;
mod entries;
mod faults;
mod healing;
mod helping;
mod limits;
mod passing;
mod program;
mod tls;
mod world;
