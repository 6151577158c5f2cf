//! Each rule of `docs/protocol.md`, "Membership" and "Keys", with the case in which leaving it out does harm.

mod content;
mod cuts;
mod epochs;
mod members;
mod queries;
