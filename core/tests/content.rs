//! Facets from outside: bytes that lie, and replicas that meet in any order.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test measures its own memory")]

#[path = "content/bytes.rs"]
mod bytes;
#[path = "content/fuzz.rs"]
mod fuzz;
#[path = "content/hostile.rs"]
mod hostile;
#[path = "content/replicas.rs"]
mod replicas;
