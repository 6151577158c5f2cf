//! What must stay as it was: inputs that once were found, profiles and databases of earlier versions, a recorded exchange.

mod fixtures;
mod fuzz;
mod recorded;

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc};

/// Counts what an input takes.
#[global_allocator]
static MEMORY: &PeakMemAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;
