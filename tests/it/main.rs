//! End-to-end tests: the real program over real sockets, files and processes.
//!
//! Each test names the invariant (I1 to I10 of the crate documentation) that it defends. Traffic goes to the loopback
//! interface only. Where a tool is missing (Dovecot, strace, a shell, the right to mount) a test says what it left out and
//! passes, unless the environment requires the tool.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures and what was left out; cargo shows or hides them"
)]

mod bad_server;
mod bars;
mod canary;
mod check;
mod cli;
mod crash_loop;
mod docs;
mod dovecot;
mod every_cut;
mod generated;
mod hooks;
mod json;
mod lmtp;
mod logging;
mod mbox;
mod oversize;
mod paths;
mod permissions;
mod programs;
mod removed;
mod retention;
mod routes;
mod shells;
mod snapshots;
mod stdout;
mod support;
mod syscalls;
mod targets;
mod terminal;
mod tidy;
