//! What must stay as it was: inputs that once were found, profiles and databases of earlier versions, a recorded exchange.

mod fuzz;

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc};

/// Counts what an input takes.
#[global_allocator]
static MEMORY: &PeakMemAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;
