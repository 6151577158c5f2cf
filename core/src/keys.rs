//! Keys: what a device holds, what seals content, how people get in, and how they come back.
//!
//! Lower than everything else in this crate: it knows names, records and limits of the protocol, and nothing of
//! documents, storage or time. Randomness is a parameter. Secrets live in types that are wiped when dropped and cannot
//! be printed. See `docs/protocol.md`, "Keys".

pub mod backup;
pub mod content;
pub mod device;
pub mod epoch;
pub mod invitation;
pub mod keyring;
pub(crate) mod primitives;
pub mod recovery;
pub mod route;
pub mod safety;
pub mod seal;
pub mod whisper;

pub use content::{Content, Form, Part};
pub use device::DeviceSecret;
pub use epoch::EpochKey;
pub use invitation::Invitation;
pub use keyring::Keyring;
pub use primitives::NotAuthentic;
pub use recovery::Words;
pub use route::Route;
