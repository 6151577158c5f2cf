//! Worlds that run from one seed.
#![allow(missing_docs, clippy::unwrap_used)]

mod app;
mod exchange;
