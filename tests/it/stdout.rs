//! Mail to standard output: read by a program, added to a file, or refused there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::home::Home;

const TOKEN: &str = "X-Fetchonce-Token: ";

/// A home whose mail goes to standard output, and is deleted on the server when it is delivered.
fn home() -> Home {
    let home = Home::new();
    home.configure(&account(&home, "work", "\"stdout:\""));
    home
}

fn account(home: &Home, name: &str, deliver: &str) -> String {
    let account = home.account(name);
    let others = account.lines().filter(|line| !line.starts_with("deliver")).collect::<Vec<_>>().join("\n");
    format!("{others}\ndeliver = {deliver}\nkeep = \"none\"\n")
}

/// A small message, one that no pipe holds, and another small one.
fn with_a_large_message() -> Home {
    let home = home();
    let mut maildrop = home.maildrop.lock().unwrap();
    maildrop.messages.clear();
    maildrop.add(b"Subject: one\n\ntext\n");
    maildrop.add(&[&b"Subject: two\n\n"[..], &b"a line of text\n".repeat(100_000)].concat());
    maildrop.add(b"Subject: three\n\ntext\n");
    drop(maildrop);
    home
}

fn command(home: &Home) -> Command {
    let mut command = home.std_command();
    command.args(["--config", "config.toml"]).stdin(Stdio::null());
    command
}

fn left_on_server(home: &Home) -> usize {
    home.maildrop.lock().unwrap().messages.len()
}

/// The messages of an mboxrd, in its order.
fn messages(mbox: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in mbox.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b"From ") {
            messages.push(Vec::new());
            continue;
        }
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        let is_quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        messages.last_mut().unwrap().extend_from_slice(&line[usize::from(is_quoted)..]);
    }
    for message in &mut messages {
        assert_eq!(message.pop(), Some(b'\n'), "an empty line ends it");
    }
    messages
}

/// Takes the token off each message, and sorts them.
fn without_tokens(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let rest = |message: Vec<u8>| {
        assert!(message.starts_with(TOKEN.as_bytes()), "{}", message.escape_ascii());
        message.splitn(2, |octet| *octet == b'\n').nth(1).unwrap().to_vec()
    };
    let mut messages: Vec<Vec<u8>> = messages.into_iter().map(rest).collect();
    messages.sort();
    messages
}

/// The samples as an mbox has them: ended by a line end.
fn all_samples() -> Vec<Vec<u8>> {
    let ended = |mut message: Vec<u8>| {
        if message.last() != Some(&b'\n') {
            message.push(b'\n');
        }
        message
    };
    Home::all_samples().into_iter().map(ended).collect()
}

#[track_caller]
fn failed(output: &Output, code: i32, words: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{err}");
    assert!(err.contains(words) && err.contains("hint: "), "{words}: {err}");
}

#[test]
fn a_reader_gets_every_message_and_nothing_else() {
    let home = home();
    let output = command(&home).arg("-v").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(without_tokens(messages(&output.stdout)), all_samples());
    assert!(String::from_utf8(output.stderr).unwrap().contains("7 delivered"));
    assert_eq!(left_on_server(&home), 0);
    let output = command(&home).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_reader_gets_the_dialect_that_it_wants() {
    let home = Home::new();
    home.configure(&account(&home, "work", "{ stdout = true, dialect = \"mboxcl2\" }"));
    let text = String::from_utf8_lossy(&command(&home).output().unwrap().stdout).into_owned();
    assert_eq!(text.lines().filter(|line| line.starts_with("Content-Length: ")).count(), 7, "{text}");
}

#[test]
fn without_a_configuration() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let mut command = home.std_command();
    command.args(["fetch", &url, "--tls", "none", "--into", "stdout:", "--password-command", "echo"]);
    let output = command.arg(crate::support::home::PASSWORD).output().unwrap();
    assert_eq!(without_tokens(messages(&output.stdout)), all_samples(), "{output:?}");
}

/// Each message of two accounts is whole, although they are fetched side by side.
#[test]
fn two_accounts_do_not_mix_their_messages() {
    let home = with_a_large_message();
    let forever = |name| account(&home, name, "\"stdout:\"").replace("keep = \"none\"", "keep = \"forever\"");
    home.configure(&format!("{}{}", forever("work"), forever("home")));
    let output = command(&home).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let found = without_tokens(messages(&output.stdout));
    assert_eq!(found.len(), 6);
    assert!(found.chunks(2).all(|pair| pair[0] == pair[1]), "they are different");
}

/// I2: a file is an mbox like any other; its messages have no token.
#[test]
fn i2_killed_at_steps_a_file_gets_every_message_once() {
    for first in (1..).step_by(13) {
        let home = home();
        let path = home.path("inbox");
        let run = |step: Option<u32>| {
            let file = File::options().append(true).create(true).open(&path).unwrap();
            let mut command = command(&home);
            command.stdout(file).stderr(Stdio::null());
            command.envs(step.map(|step| ("FETCHONCE_KILL_AT_STEP", step.to_string())));
            command.status().unwrap().code()
        };
        let mut was_killed = false;
        for step in [first, 29] {
            was_killed |= run(Some(step)).is_none();
        }
        assert_eq!((run(None), run(None)), (Some(0), Some(0)), "killed at {first}");
        let mut found = messages(&fs::read(&path).unwrap());
        found.sort();
        assert_eq!(found, all_samples(), "killed at {first}");
        assert_eq!(left_on_server(&home), 0);
        if !was_killed {
            assert!(first > 50, "only {first} steps");
            break;
        }
    }
}

/// I3: what went to a pipe before it is not repeated, and what broke off is repeated with its token.
#[test]
fn i3_a_reader_that_goes_away_in_a_message_gets_it_again() {
    let home = with_a_large_message();
    let mut child = command(&home).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut start = vec![0; 2000];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let output = child.wait_with_output().unwrap();
    failed(&output, 74, "standard output ends within a message: cannot write standard output: Broken pipe");
    // A deletion waits for the end of its session.
    assert!((2..=3).contains(&left_on_server(&home)));

    let output = command(&home).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && err.contains("stdout:") && err.contains("delivered again"), "{err}");
    let again = messages(&output.stdout);
    let broken_off = String::from_utf8(start).unwrap();
    let token = broken_off.lines().rfind(|line| line.starts_with(TOKEN)).unwrap();
    assert!(again[0].starts_with(token.as_bytes()), "{token}");
    let again = without_tokens(again);
    assert_eq!(again.len(), 2);
    assert!(again[0].starts_with(b"Subject: three\n") && again[1].starts_with(b"Subject: two\n"));
    assert_eq!(left_on_server(&home), 0);
}

#[test]
fn i3_nobody_reads_and_a_full_disk_get_nothing_and_nothing_is_lost() {
    for is_full in [false, true] {
        let home = home();
        let stdout: Stdio = if is_full {
            File::options().write(true).open("/dev/full").unwrap().into()
        } else {
            io::pipe().unwrap().1.into()
        };
        let output = command(&home).stdout(stdout).output().unwrap();
        failed(&output, 74, "kept safe in the held Maildir: nothing was written to standard output: ");
        assert_eq!(left_on_server(&home), 7);
        let output = command(&home).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(without_tokens(messages(&output.stdout)), all_samples());
        assert_eq!((left_on_server(&home), home.retrieved()), (0, 7));
    }
}

/// I8: who waits for a reader can be stopped.
#[test]
fn i8_a_reader_that_reads_nothing_is_not_waited_for_when_the_user_asks_to_stop() {
    let home = with_a_large_message();
    let mut child = command(&home).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The large message is on its way, and does not fit.
    stdout.read_exact(&mut vec![0; 2000]).unwrap();
    stop(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let output = command(&home).output().unwrap();
    assert_eq!(messages(&output.stdout).len(), 2, "{output:?}");
    assert_eq!(left_on_server(&home), 0);
}

fn stop(child: &Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

/// Nothing is fetched where the mail would be lost, obeyed by a terminal, or mixed with something else.
#[test]
fn i3_places_that_are_none_for_mail_are_refused() {
    let home = home();
    let new = |name: &str| File::options().append(true).create(true).open(home.path(name)).unwrap();
    let refused = |command: &mut Command, words: &str| {
        failed(&command.output().unwrap(), 2, words);
        assert_eq!(home.retrieved(), 0, "{words}");
    };
    refused(command(&home).arg("--json").stdout(new("a")), "would write into one another");
    refused(command(&home).stdout(Stdio::null()), "mail cannot go to /dev/null");
    refused(command(&home).stdout(File::create(home.path("b")).unwrap()), "is a file that is written over");
    let unnamed = new("c");
    fs::remove_file(home.path("c")).unwrap();
    refused(command(&home).stdout(unnamed), "cannot be opened by its name");
    let shell = |redirection: &str| {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_fetchonce");
        shell
            .args(["-c", &format!("exec {program} --config config.toml {redirection}")])
            .current_dir(home.folder.path());
        shell.env_clear().env("HOME", home.folder.path());
        shell
    };
    refused(&mut shell(">&-"), "a standard output that is closed");
    refused(&mut shell("3>&1 >&2 2>&1"), "mail and errors cannot both go to the same place");
    let output = shell(">>d 2>&1").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read_to_string(home.path("d")).unwrap().starts_with("error: mail and errors cannot both go"));

    fs::write(home.path("notes"), "hello\n").unwrap();
    let output = command(&home).stdout(new("notes")).output().unwrap();
    failed(&output, 73, "is not an mbox");
    assert_eq!(fs::read(home.path("notes")).unwrap(), b"hello\n");
    assert_eq!(left_on_server(&home), 7);
}

/// What only looks writes no mail, and says where it would go.
#[test]
fn commands_that_look_have_standard_output_for_themselves() {
    let home = home();
    assert!(home.run(&["check"]).out.contains("standard output of the fetch"));
    assert_eq!(
        home.run(&["list", "--json"]).out.lines().filter(|line| line.contains("\"type\":\"message\"")).count(),
        7
    );
    let ran = home.run(&["fetch", "--dry-run"]);
    assert!(ran.code == Some(0) && ran.out.lines().count() == 7 && !ran.out.contains("From "), "{ran:?}");
    assert_eq!(home.retrieved(), 0);
}
