//! What an alliance is and how it is kept: keys, documents, rules, views, the store and the façade over them.
//!
//! Nothing here opens a socket, prints, or reads a clock, the environment or global randomness: time, randomness and
//! paths come in as parameters.

pub mod app;
pub mod document;
pub mod domain;
pub mod keys;
pub mod store;
pub mod view;
