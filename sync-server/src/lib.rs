//! A relay: a replica without keys that is always there. It stores sealed entries and hands them on.
//!
//! `replica` decides, `store` remembers, `driver` gives the state machine a thread and a clock, `http` moves bytes. The
//! relay cannot read what it keeps, because it does not link what reads.

pub mod admin;
pub mod backup;
pub mod config;
pub mod driver;
pub mod error;
mod holepunch;
pub mod http;
pub mod metrics;
pub mod policy;
pub mod replica;
pub mod store;
pub mod tls;
