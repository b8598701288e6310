//! What the tests share: a folder of their own, the program as a process, a server with a witness, and what lies in a
//! Maildir compared with what should.

pub(crate) mod corpus;
pub(crate) mod disk;
pub(crate) mod dovecot;
pub(crate) mod home;
pub(crate) mod mail;
pub(crate) mod place;
pub(crate) mod scene;
pub(crate) mod server;
pub(crate) mod terminal;
pub(crate) mod tls;

pub(crate) use dovecot::Dovecot;
pub(crate) use mail::{difference, leftovers, mail_in, stored};
pub(crate) use place::{Account, Place, Ran};
pub(crate) use server::{Server, commands_of, retrs};

use std::process::{Command, Stdio};

use fetchonce::demo::Maildrop;
use tempfile::TempDir;

/// Whether `variable` forbids leaving something out.
fn is_required(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Says that a test leaves something out; a failure where `variable` requires it.
pub(crate) fn leave_out(what: &str, variable: &str) {
    assert!(!is_required(variable), "{what}, and {variable} requires it");
    eprintln!("left out: {what}");
}

/// The path of a program, looked for where Debian keeps daemons too.
pub(crate) fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(Into::into));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What the program says on standard output, in an environment of nothing but a folder and 80 columns; it must succeed.
#[track_caller]
pub(crate) fn said_by(words: &[&str]) -> String {
    let home = TempDir::with_prefix("fetchonce-it-").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetchonce"));
    command.args(words).env_clear().env("HOME", home.path()).env("COLUMNS", "80").current_dir(home.path());
    output_of(&mut command)
}

/// What a command says on standard output; it must succeed.
#[track_caller]
pub(crate) fn output_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out
}

/// Three messages: one with lines that begin with dots, and two of identical bytes.
pub(crate) fn three_messages() -> Maildrop {
    let mut maildrop = Maildrop::new();
    maildrop.add(b"From: a@example.org\nSubject: dots\n\n.\n..\n.one\nthe end\n");
    maildrop.add(b"From: b@example.org\nSubject: twins\n\nsame\n");
    maildrop.add(b"From: b@example.org\nSubject: twins\n\nsame\n");
    maildrop
}

/// What the messages of a mailbox must look like in a Maildir.
pub(crate) fn expected_of(maildrop: &Maildrop) -> Vec<Vec<u8>> {
    maildrop.messages.iter().map(|message| stored(&message.wire)).collect()
}
