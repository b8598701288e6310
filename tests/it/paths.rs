//! Paths that hold whatever a path can hold (I9): what is said of them stays whole and harmless, and what is suggested works.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::Command as Checked;
use serde_json::Value;

use crate::support::home::{Home, PASSWORD, Ran, account, ran};

/// A backslash, a space, a backtick, a quote, a line end, an escape sequence, a bidirectional override, no UTF-8.
const NAME: &[u8] = b"a\\ `'\n\x1b[2J\xe2\x80\xae\xff";
/// How texts show it.
const SHOWN: &str = r"a\\ `'\n\u{1b}[2J\u{202e}\xff";

fn in_it(name: &str) -> OsString {
    Path::new(OsStr::from_bytes(NAME)).join(name).into_os_string()
}

/// Runs the program with the password in its environment.
fn run(home: &Home, words: &[OsString]) -> Ran {
    let mut command = home.std_command();
    command.args(words).env("FETCHONCE_PASSWORD", PASSWORD);
    ran(&mut Checked::from_std(command))
}

fn words(given: &[&str]) -> Vec<OsString> {
    given.iter().map(OsString::from).collect()
}

/// Each line begins as lines do, so that none was broken, and no character in it is obeyed.
#[track_caller]
fn assert_whole_and_harmless(text: &str) {
    let begins = ["error: ", "hint: ", "  caused by: ", "  state: ", "warning: ", "20", "{", "work", "alice@", " "];
    for line in text.lines() {
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line:?} of {text:?}");
    }
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{fffd}'), "{text:?}");
}

/// Gives bash what stands between the first backticks of the hint.
#[track_caller]
fn paste(home: &Home, hint: &str) {
    let command = hint.split('`').nth(1).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_fetchonce")).parent().unwrap();
    let mut path = program.as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    let mut bash = Command::new("/bin/bash");
    bash.args(["-c", command]).env_clear().env("PATH", path).env("HOME", home.folder.path());
    let pasted = bash.current_dir(home.folder.path()).stdin(Stdio::null()).output().unwrap();
    assert!(pasted.status.success(), "{command}: {pasted:?}");
}

/// The Maildir is gone: the error shows it alike to people, to scripts and in the log, and the hint accepts that.
#[track_caller]
fn gone_and_accepted(home: &Home, fetch: &[OsString]) {
    let maildir = home.folder.path().join(in_it("Mail"));
    assert_eq!(run(home, fetch).code, Some(0));
    assert_eq!(fs::read_dir(maildir.join("new")).unwrap().count(), Home::all_samples().len());
    fs::remove_dir_all(&maildir).unwrap();
    let failed = run(home, &[fetch, &words(&["--json", "--log-level", "debug"])].concat());
    failed.failed(73, &[]);
    for text in [&failed.err, &failed.out] {
        assert_whole_and_harmless(text);
    }
    let what = format!("{SHOWN}/Mail has disappeared");
    let (log, people): (Vec<&str>, Vec<&str>) = failed.err.lines().partition(|line| line.starts_with("20"));
    let hint = people.iter().find_map(|line| line.strip_prefix("hint: ")).unwrap();
    assert!(people.iter().any(|line| line.starts_with("error: ") && line.ends_with(&what)), "{people:?}");
    assert!(log.iter().any(|line| line.contains(&what) && line.contains(&format!("hint=\"{hint}\""))), "{log:?}");
    let records: Vec<Value> = failed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let error = records.iter().find(|record| record["type"] == "error").unwrap();
    assert!(error["what"].as_str().unwrap().ends_with(&what) && error["hint"] == hint, "{error}");
    paste(home, hint);
    assert_eq!(run(home, fetch).code, Some(0));
}

/// I9.
#[test]
fn i9_any_path_of_a_configuration_is_shown_and_suggested() {
    let home = Home::new();
    let folder = home.folder.path().join(OsStr::from_bytes(NAME));
    fs::create_dir(&folder).unwrap();
    let config = in_it("config.toml");
    let path = home.folder.path().join(&config);
    let text = account("work", home.listener.port()).replace("Mail-work", "Mail");
    fs::write(&path, format!("state_dir = \"unused\"\n{text}")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let options = [words(&["--config"]), vec![config], words(&["--state-dir"]), vec![in_it("state")]].concat();

    let exposed = run(&home, &options);
    exposed.failed(78, &[&format!("error: {SHOWN}/config.toml: ")]);
    assert_whole_and_harmless(&exposed.err);
    paste(&home, exposed.err.split_once("hint: ").unwrap().1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    gone_and_accepted(&home, &options);
    let checked = run(&home, &[&options[..], &words(&["check"])].concat());
    assert!(checked.code == Some(0) && checked.out.contains(&format!("{SHOWN}/state")), "{checked:?}");
    assert_whole_and_harmless(&checked.out);

    // SQLite cannot open it, and says so with the path in words of its own.
    fs::remove_dir_all(folder.join("state")).unwrap();
    fs::create_dir_all(folder.join("state/work.sqlite")).unwrap();
    let unopened = run(&home, &options);
    assert!(unopened.code.is_some_and(|code| code > 0) && unopened.err.contains(SHOWN), "{unopened:?}");
    assert_whole_and_harmless(&unopened.err);
}

/// I9. Without a configuration the hint names the Maildir too.
#[test]
fn i9_any_path_of_a_one_shot_fetch_is_shown_and_suggested() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let mut into = OsString::from("maildir:");
    into.push(in_it("Mail"));
    let fetch =
        [words(&["--state-dir"]), vec![in_it("state")], words(&["fetch", &url, "--tls", "none", "--into"]), vec![into]];
    gone_and_accepted(&home, &fetch.concat());
}
