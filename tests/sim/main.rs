//! Worlds that run from one seed.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test prints its seed")]

mod app;
mod backups;
mod byzantine;
mod computers;
mod copied;
mod direct;
mod exchange;
mod family;
mod forwarded;
mod hostile;
mod late;
mod live;
mod ownership;
#[cfg(feature = "planted")]
mod planted;
mod rules;
mod seeds;
mod stolen;
mod trace;
mod words;
