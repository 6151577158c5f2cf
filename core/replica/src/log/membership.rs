//! Membership: a fold over the control entries of a space, equal on every replica in every order of delivery.
//!
//! A [`Dag`] holds the control entries whose past is complete. A [`Fold`] says what a causally closed set of them means:
//! who belongs to the space, which keys live, which entries stand, which epochs may be used. [`Contents`] adds what
//! content entries say came before them, and decides which of those count. Nothing here knows a clock, a store, or what
//! content says. The rules are those of `docs/protocol.md`, "Membership"; the numbers in comments are theirs.
//!
//! *Costs*, for `n` control entries: `n / 8` bytes of past an entry. A fold of entries that neither introduce nor end
//! anything is that of their predecessors, plus `n / 64` words. Any other costs one pass over the entries and, only where
//! a cut leaves something aside, `n / 64` words for each entry that may endorse. A hostile member can make every entry
//! the dear kind, up to the 8 192 that its devices, invitations and recovery keys may add: that is up to some
//! milliseconds each to take in. Where both members are hostile, 16 384 entries take about a minute and some 64 MiB.
//! Nothing recurs, so depth costs no stack.

mod bits;
mod content;
mod counting;
mod dag;
mod endorsement;
mod epochs;
mod fold;
mod graph;
mod roster;
mod standing;
mod validity;

pub use content::{ContentNode, Contents};
pub use counting::{Counting, Facet};
pub use dag::{Account, Dag};
pub use epochs::Grantable;
pub use fold::{Fold, Fork, Invitation};
pub use roster::{DeviceState, Role};
pub use validity::Flaw;
