//! The command line: parses, dispatches, and turns outcomes into exit codes and hints.
