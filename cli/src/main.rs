//! The program `alliance`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    alliance_cli::main()
}
