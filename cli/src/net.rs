//! The network: how a relay or another laptop is reached, and how often it is tried again. What is said to it is decided in
//! the core.

pub mod backoff;
pub mod peer;
pub mod relay;
pub mod stay;
pub mod stop;
pub mod talk;
pub mod tls;
pub mod url;
pub mod wake;
