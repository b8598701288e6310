//! The `fetchonce` command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    fetchonce::cli::main()
}
