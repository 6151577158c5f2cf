//! The built programs, driven from outside as people drive them.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a test prints its seed")]

mod answers;
mod copies;
mod disks;
mod doctor;
mod durable;
mod faults;
mod forged;
mod hostile;
mod invitations;
mod live;
mod moving;
mod operator;
mod profiles;
mod proxied;
mod readme;
mod relay;
mod secrecy;
mod story;
mod things;
mod told;
mod trace;
mod words;
