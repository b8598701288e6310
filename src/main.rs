//! The `fetchonce` command: everything is in the library.

fn main() {}
