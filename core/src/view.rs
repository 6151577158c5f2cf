//! What people see: a row for every item, derived from its facets alone, and pages put together from rows.
//!
//! Pure. Two replicas with equal heads derive equal rows. A row holds all that lists, pages and search need, so that
//! no list opens a document.

pub mod conflicts;
pub mod history;
pub mod progress;
pub mod row;

pub use conflicts::{Choice, Conflict};
pub use history::{Became, Grain, Stretch, became, stretches};
pub use progress::{Progress, is_progress, progress};
pub use row::{Archived, Device, MemberFields, Row, Shown, derive};
