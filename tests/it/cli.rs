//! The program as its user meets it: exit codes, words, and what lies on the disk afterwards.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use fetchonce::demo::{BadMessage, Faults, Login, MessageFault, Quit};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::home::{Home, PASSWORD, account, ran, refused_port};
use crate::support::terminal::Terminal;

#[test]
fn mail_is_fetched_once_and_in_silence() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    let mode = fs::metadata(home.path("state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    home.run(&["fetch", "work"]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (7, 7));
    let ran = home.run(&["-v"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("work  7 messages listed\n") && ran.err.contains("work  up to date (7 seen)   "),
        "{ran:?}"
    );
    assert!(ran.out.is_empty(), "{ran:?}");
}

#[test]
fn a_lost_connection_says_what_is_safe_and_the_next_run_goes_on() {
    let home = Home::with_faults(|connection| {
        let cut = BadMessage { uid: b"demo-0004".to_vec(), fault: MessageFault::RetrCut };
        Faults { bad_message: (connection == 0).then_some(cut), ..Faults::default() }
    });
    let ran = home.run(&["-q"]);
    ran.failed(
        76,
        &[
            "error: work: connection closed during RETR 4\n  caused by: end of stream after ",
            "\n  state: 3 of 7 delivered and recorded; nothing deleted on the server\n",
            "hint: run `fetchonce --config config.toml work` again; delivered messages are not fetched twice\n",
        ],
    );
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work")), (8, Home::all_samples()));
}

#[test]
fn each_failure_has_its_exit_code_and_a_hint() {
    let with_login = |login| Home::with_faults(move |_| Faults { login, resp_codes: true, ..Faults::default() });
    with_login(Login::Rejected).run(&[]).failed(77, &["work: the server rejects the credentials"]);
    with_login(Login::InUse).run(&[]).failed(75, &["the maildrop is not available now"]);
    with_login(Login::SysPerm).run(&[]).failed(69, &["the server refuses the login"]);

    let home = Home::new();
    home.configure(&home.account("work").replace(PASSWORD, "another-one"));
    home.run(&[]).failed(77, &["wrong user or password"]);
    // A label of 64 octets: no resolver needs to be asked.
    let nowhere = format!("\"{}.invalid\"", "a".repeat(64));
    home.configure(&home.account("work").replace("\"127.0.0.1\"", &nowhere));
    home.run(&[]).failed(68, &["was not found"]);
    home.configure(&account("work", refused_port()));
    home.run(&[]).failed(69, &["no connection to 127.0.0.1", "state: nothing fetched; nothing deleted"]);
    assert_eq!(home.retrieved(), 0);
}

#[test]
fn refused_messages_and_a_refused_quit_are_problems_of_theirs_alone() {
    let home = Home::with_faults(|_| {
        let refused = BadMessage { uid: b"demo-0002".to_vec(), fault: MessageFault::RetrRefused };
        Faults { bad_message: Some(refused), quit: Quit::Rejected, ..Faults::default() }
    });
    let ran = home.run(&[]);
    ran.failed(69, &["work: the server refused to send message demo-0002", "says at QUIT"]);
    assert_eq!(home.mail("Mail-work").len(), 6);
}

#[test]
fn a_mistake_in_the_configuration_is_named_and_placed() {
    let home = Home::new();
    home.configure(&home.account("work").replace("port =", "prot ="));
    home.run(&[]).failed(78, &["config.toml:5: unknown key `prot`", "did you mean `port`?"]);
    fs::remove_file(home.path("config.toml")).unwrap();
    home.run(&[]).failed(78, &["config.toml: no such configuration file"]);
    assert!(!home.path("state").exists());
}

#[test]
fn usage_mistakes_are_told_with_the_nearest_word() {
    let home = Home::new();
    home.run(&["wrok"]).failed(2, &["there is no account `wrok`", "did you mean `work`?"]);
    home.run(&["work", "status"]).failed(2, &["a command comes first: `fetchonce status`"]);
    home.run(&["stauts"]).failed(2, &["did you mean `status`?"]);
    home.run(&["pop3s://alice@h"]).failed(2, &["--into"]);
    home.run(&["pop3s://alice:canary@h", "--into", "maildir:M"]).failed(2, &["must not hold a password"]);
    assert_eq!(home.run(&["--jobs", "65"]).code, Some(2));
    assert_eq!(home.run(&["--dry-run", "status"]).code, Some(2));
    assert_eq!(home.run(&["--version"]).code, Some(0));
    assert!(home.run(&["--help"]).out.contains("Examples:"));
}

#[test]
fn a_broken_or_newer_index_stops_the_account_and_loses_nothing() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let index = home.path("state/work.sqlite");
    let whole = fs::read(&index).unwrap();
    fs::write(&index, b"this is no database at all, however long one looks at it\n".repeat(40)).unwrap();
    let before = home.snapshot();
    home.run(&[]).failed(65, &["work: ", "is not a usable index"]);
    home.run(&["status"]).failed(65, &["is not a usable index"]);
    assert_eq!(home.snapshot(), before);
    fs::write(&index, &whole).unwrap();
    home.run(&[]).is_fine_and_silent();

    let newer = rusqlite::Connection::open(&index).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    home.run(&[]).failed(78, &["was written by a newer fetchonce"]);
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (7, 7));
}

#[test]
fn a_missing_maildir_is_not_made_again_until_it_is_accepted() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    fs::remove_dir_all(home.path("Mail-work")).unwrap();
    home.run(&[]).failed(
        73,
        &["has disappeared", "run `fetchonce --config config.toml account accept-target work`: a new one is made"],
    );
    assert!(!home.path("Mail-work").exists());

    let ran = home.run(&["account", "accept-target", "work"]);
    assert!(
        ran.code == Some(0) && ran.err.contains("the 7 messages delivered so far are not fetched again"),
        "{ran:?}"
    );
    home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n");
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (8, 1));
}

#[test]
fn a_restored_index_is_told_of_and_can_be_accepted() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let old = fs::read(home.path("state/work.sqlite")).unwrap();
    home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n");
    home.run(&[]).is_fine_and_silent();
    fs::write(home.path("state/work.sqlite"), old).unwrap();
    home.run(&[]).failed(73, &["the index is an old copy"]);
    let ran = home.run(&["account", "accept-target", "work"]);
    assert!(ran.code == Some(0) && ran.err.contains("this index is an old copy"), "{ran:?}");
    assert_eq!(home.run(&[]).code, Some(0));
}

#[test]
fn an_account_is_fetched_by_one_process_at_a_time() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let lock = fs::File::open(home.path("state/work.lock")).unwrap();
    lock.try_lock().unwrap();
    // Nothing is wrong, so cron sends no mail.
    let ran = home.run(&[]);
    assert!(ran.code == Some(75) && ran.err.is_empty(), "{ran:?}");
    home.run(&["-v"]).failed(75, &["work: another fetchonce is at work on this account"]);
    home.run(&["--dry-run"]).failed(75, &[]);
    home.run(&["account", "rename", "work", "job"]).failed(75, &[]);
    home.run(&["seen", "skip", "work", "x"]).failed(75, &[]);
    lock.unlock().unwrap();
    home.run(&[]).is_fine_and_silent();
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let home = Home::new();
    let before = home.snapshot();
    let ran = home.run(&["fetch", "--dry-run"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(ran.out.lines().count(), 7, "{ran:?}");
    assert!(
        ran.out.lines().all(|line| {
            line.starts_with("work  new        fetch ")
                && line.contains("  demo-000")
                && line.ends_with("  never seen before")
        }),
        "{ran:?}"
    );
    assert_eq!(home.snapshot(), before);

    home.run(&[]).is_fine_and_silent();
    home.configure(&format!("{}keep = \"none\"\n", home.account("work")));
    home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n");
    let before = home.snapshot();
    let ran = home.run(&["--dry-run"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[..7].iter().all(|line| line.starts_with("work  delivered  delete ")), "{ran:?}");
    assert!(
        lines[7].starts_with("work  new        fetch ") && lines[7].ends_with("; deleted once delivered"),
        "{ran:?}"
    );
    assert_eq!(home.snapshot(), before);
    assert_eq!((home.retrieved(), home.maildrop.lock().unwrap().messages.len()), (7, 8));

    home.run(&[]).is_fine_and_silent();
    assert!(home.maildrop.lock().unwrap().messages.is_empty());
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (8, 8));
}

#[test]
fn accounts_are_fetched_side_by_side_and_one_failure_ends_no_other() {
    let home = Home::new();
    let broken = account("broken", refused_port());
    home.configure(&format!("{}{broken}{}", home.account("work"), home.account("home")));
    let ran = home.run(&["--jobs", "2"]);
    ran.failed(69, &["error: broken: no connection"]);
    assert_eq!(ran.err.matches("error: ").count(), 1, "{ran:?}");
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    assert_eq!(home.mail("Mail-home"), Home::all_samples());

    let ran = home.run(&["status"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((ran.code, lines.len()), (Some(0), 9), "{ran:?}");
    assert_eq!((lines[0], lines[3]), ("work    fine just now", "broken  failed (69) just now"), "{ran:?}");
    assert!(lines[1].contains("  fine, 7 delivered ("), "{ran:?}");
    assert_eq!(lines[2], "        7 delivered, 7 of them still on the server", "{ran:?}");
    assert!(lines[4].contains("  failed (69), no connection to 127.0.0.1"), "{ran:?}");
    assert!(home.run(&["status", "home"]).out.starts_with("home  fine just now\n"));
    home.run(&["status", "hmoe"]).failed(2, &["did you mean `home`?"]);
}

#[test]
fn one_shot_needs_no_configuration() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let words = ["fetch", url.as_str(), "--tls", "none", "--into", "maildir:./Mail", "--state-dir", "once"];
    let with_password = || ran(home.command().args(words).env("FETCHONCE_PASSWORD", PASSWORD));
    home.run_bare(&words).failed(77, &["standard input is no terminal"]);
    with_password().is_fine_and_silent();
    assert_eq!(home.mail("Mail"), Home::all_samples());
    with_password().is_fine_and_silent();
    let script = format!("echo {PASSWORD}");
    let command = ["--keep", "none", "--password-command", "sh", "-c", &script];
    home.run_bare(&[&words[..], &command].concat()).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail").len()), (7, 7));
    assert!(home.maildrop.lock().unwrap().messages.is_empty());
    let ran = home.run_bare(&["status", "--state-dir", "once"]);
    assert!(ran.out.starts_with("alice@127.0.0.1  ") && ran.out.contains("  fine, 7 deleted\n"), "{ran:?}");

    fs::remove_dir_all(home.path("Mail")).unwrap();
    let accept = format!(
        "fetchonce --state-dir once account accept-target alice@127.0.0.1 --into maildir:{}",
        home.path("Mail").display()
    );
    with_password().failed(73, &[&accept]);
    assert_eq!(home.run_bare(&accept.split(' ').skip(1).collect::<Vec<_>>()).code, Some(0));
    with_password().is_fine_and_silent();
    // STARTTLS is mandatory without `--tls none`, and this server has none.
    ran_with_starttls(&home, &url);
}

fn ran_with_starttls(home: &Home, url: &str) {
    let words = ["fetch", url, "--into", "maildir:./Mail", "--state-dir", "once"];
    ran(home.command().args(words).env("FETCHONCE_PASSWORD", PASSWORD)).failed(76, &["no password was sent"]);
}

#[test]
fn a_renamed_account_keeps_all_that_it_knows() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    home.configure(&home.account("job").replace("Mail-job", "Mail-work"));
    // Going on would fetch everything a second time.
    home.run(&[]).failed(
        78,
        &["`work` has fetched the same mailbox", "run `fetchonce --config config.toml account rename work job`"],
    );
    assert_eq!(home.retrieved(), 7);
    let ran = home.run(&["account", "rename", "work", "job"]);
    assert!(ran.code == Some(0) && ran.err.starts_with("work is now job"), "{ran:?}");
    assert!(!home.path("state/work.sqlite").exists());
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (7, 7));

    home.run(&["account", "rename", "work", "job"]).failed(2, &["there is an account `job` already"]);
    home.run(&["account", "rename", "work", "other"]).failed(2, &["there is no account `work`"]);
    home.configure(&home.account("second"));
    home.run(&["--as-new"]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-second"), Home::all_samples());
}

/// The messages that a refusing Maildir left in the held one move with the account.
#[test]
fn held_messages_move_with_a_renamed_account() {
    let home = Home::new();
    home.run(&["--limit", "1"]).is_fine_and_silent();
    let index = rusqlite::Connection::open(home.path("state/work.sqlite")).unwrap();
    let held = home.path("state/held/work");
    for sub in ["tmp", "new", "cur"] {
        fs::create_dir_all(held.join(sub)).unwrap();
    }
    fs::write(held.join("fetchonce-maildir"), "mark\n").unwrap();
    let insert = "INSERT INTO target (kind, path, marker, generation) VALUES ('held', ?1, 'mark', 0)";
    index.execute(insert, [held.as_os_str().as_encoded_bytes()]).unwrap();
    drop(index);
    assert_eq!(home.run(&["account", "rename", "work", "job"]).code, Some(0));
    assert!(!held.exists() && home.path("state/held/job/new").is_dir());
    home.configure(&home.account("job").replace("Mail-job", "Mail-work"));
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
}

#[test]
fn a_skipped_message_is_never_fetched() {
    let home = Home::with_faults(|_| {
        let refused = BadMessage { uid: b"demo-0002".to_vec(), fault: MessageFault::RetrRefused };
        Faults { bad_message: Some(refused), ..Faults::default() }
    });
    home.run(&[]).failed(69, &["demo-0002"]);
    assert!(home.run(&["status"]).out.contains("6 of them still on the server, 1 waiting"));
    home.run(&["seen", "skip", "work", "demo-0001"]).failed(2, &["no undelivered message"]);
    let ran = home.run(&["seen", "skip", "work", "demo-0002"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), "work: demo-0002 is given up, and never fetched\n"));
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work").len(), 6);
}

/// Whatever a path is made of, it is shown without harm, and the command of a hint can be pasted.
#[test]
fn a_hint_can_be_pasted_whatever_the_paths_are_called() {
    let home = Home::new();
    let state = OsStr::from_bytes(b"my \xff'state\x1b");
    let fetch = |home: &Home| {
        let mut command = home.std_command();
        command.args(["--config", "config.toml", "--state-dir"]).arg(state);
        ran(&mut assert_cmd::Command::from_std(command))
    };
    fetch(&home).is_fine_and_silent();
    fs::remove_dir_all(home.path("Mail-work")).unwrap();
    let failed = fetch(&home);
    failed.failed(73, &[r"--state-dir $'my \377\'state\033' account accept-target work"]);
    let hinted = failed.err.split('`').nth(1).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_fetchonce")).parent().unwrap();
    let mut shell = std::process::Command::new("/bin/bash");
    shell.args(["-c", hinted]).env_clear().env("PATH", program).env("HOME", home.folder.path());
    let pasted = shell.current_dir(home.folder.path()).output().unwrap();
    assert!(pasted.status.success(), "{hinted}: {pasted:?}");
    fetch(&home).is_fine_and_silent();
}

/// The snapshots rest on it. What is waited for counts by another clock, and still ends.
#[cfg(debug_assertions)]
#[test]
fn a_pinned_clock_shows_one_time_and_holds_nothing_up() {
    let silent = |connection| Faults { silent_at_reply: (connection == 1).then_some(3), ..Faults::default() };
    let home = Home::with_faults(silent);
    home.configure(&format!("{}timeout = \"1s\"\n", home.account("work")));
    let at = |seconds: &str, words: &[&str]| {
        let words = [&["--config", "config.toml"], words].concat();
        ran(home.command().args(words).env("FETCHONCE_CLOCK", seconds).env("TZ", "UTC"))
    };
    let fetched = at("1000000000", &["-v"]);
    assert!(fetched.code == Some(0) && fetched.err.ends_with(")   0.0s\n"), "{fetched:?}");
    let status = at("1000000000", &["status"]);
    assert!(status.out.starts_with("work  fine just now\n      2001-09-09 01:46  fine, 7 delivered"), "{status:?}");
    at("1000007200", &[]).failed(75, &["no answer within 1s"]);
    assert!(at("1000014400", &["status"]).out.starts_with("work  failed (75) 2 h ago\n      2001-09-09 03:46  "));
}

/// I9: no output holds the password (see `ran`), and no file but the configuration.
#[test]
fn the_password_lies_nowhere() {
    let home = Home::new();
    home.run(&["-v"]);
    home.configure(&home.account("work").replace("tls = \"none\"", "tls = \"none\"\nallow_cleartext = \"x\""));
    home.run(&[]).failed(78, &[]);
    fs::remove_file(home.path("config.toml")).unwrap();
    let canary = PASSWORD.as_bytes();
    for (path, content) in home.snapshot() {
        assert!(!content.windows(canary.len()).any(|part| part == canary), "{}", path.display());
    }
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let home = Home::with_faults(|_| Faults { silent_at_reply: Some(3), ..Faults::default() });
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("fetchonce"))
        .args(["--config", "config.toml"])
        .env_clear()
        .current_dir(home.folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while home.listener.log().is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("error: work: interrupted") && err.contains("hint: "), "{err}");
    assert!(home.run(&["status"]).out.contains("failed (130)"));
}

#[test]
fn the_demonstration_counts_what_arrived() {
    let home = Home::new();
    let temporary = home.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let ran = ran(home.command().arg("demo").env("TMPDIR", &temporary));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for counted in [
        "7 messages were on the server, 0 are left there\n",
        "8 times a message was sent, over 6 connections, 2 of them lost\n",
        "7 files lie in the Maildir\n",
        "7 of 7 messages lie in exactly one file",
        "Each of the 7 messages arrived exactly once.\n",
    ] {
        assert!(ran.out.contains(counted), "{counted}: {ran:?}");
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

/// An account is renamed while it waits for its turn: going on under the old name would fetch everything again.
#[test]
fn an_account_renamed_before_its_turn_is_not_fetched_again() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    // The first account's turn lasts until `go` is there.
    let wait = format!("\"while ! [ -e go ]; do sleep 0.05; done; echo {PASSWORD}\"");
    let slow = home.account("slow").replace(&format!("\"{PASSWORD}\""), &format!("[\"sh\", \"-c\", {wait}]"));
    let slow = slow.replace("password = ", "password.command = ");
    home.configure(&format!("{slow}{}", home.account("work")));
    let child = std::process::Command::new(assert_cmd::cargo::cargo_bin("fetchonce"))
        .args(["--config", "config.toml", "--jobs", "1"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir(home.folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !home.path("state/slow.lock").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(home.run(&["account", "rename", "work", "job"]).code, Some(0));
    fs::write(home.path("go"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{err}");
    assert!(err.contains("error: work: the index ") && err.contains("if the account was renamed, "), "{err}");
    assert_eq!((home.retrieved(), home.mail("Mail-slow").len(), home.mail("Mail-work").len()), (14, 7, 7));
    assert!(!home.path("state/work.sqlite").exists());
}

/// The mail of a first fetch that was killed when its INTENT was committed.
fn killed_with_intents() -> Home {
    for step in 1..200 {
        let home = Home::new();
        let killed =
            ran(home.command().args(["--config", "config.toml"]).env("FETCHONCE_KILL_AT_STEP", step.to_string()));
        assert_eq!(killed.code, None, "{killed:?}");
        if count(&home, "state = 'intent'") > 0 {
            return home;
        }
    }
    panic!("no step leaves an INTENT");
}

fn count(home: &Home, condition: &str) -> i64 {
    let query = format!("SELECT count(*) FROM message WHERE {condition}");
    let index = rusqlite::Connection::open(home.path("state/work.sqlite"));
    index.and_then(|index| index.query_row(&query, [], |row| row.get(0))).unwrap_or(0)
}

const AGAIN: &str = "account accept-target work --fetch-interrupted-again";

#[test]
fn what_was_interrupted_in_a_lost_maildir_can_be_fetched_again() {
    let home = killed_with_intents();
    let interrupted = count(&home, "state = 'intent'");
    fs::remove_dir_all(home.path("Mail-work")).unwrap();
    home.run(&[]).failed(73, &["has disappeared", "account accept-target work`"]);
    let words = [&format!("{interrupted} messages interrupted on the way into ")[..], AGAIN];
    home.run(&["account", "accept-target", "work"]).failed(73, &words);
    assert_eq!((home.path("Mail-work").exists(), count(&home, "state = 'intent'")), (false, interrupted));

    let ran = home.run(&AGAIN.split(' ').collect::<Vec<_>>());
    assert!(ran.code == Some(0) && ran.err.contains("may come a second time"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    let ran = home.run(&AGAIN.split(' ').collect::<Vec<_>>());
    assert!(ran.code == Some(0) && ran.err.contains("none is fetched again"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work").len(), 7);
}

#[test]
fn what_was_interrupted_in_a_maildir_that_is_configured_no_more_can_be_fetched_again() {
    let home = killed_with_intents();
    home.configure(&home.account("work").replace("Mail-work", "Mail-new"));
    fs::rename(home.path("Mail-work"), home.path("Mail-away")).unwrap();
    let old = home.path("Mail-work").display().to_string();
    home.run(&[]).failed(73, &[&old, AGAIN]);
    home.run(&["account", "accept-target", "work"]).failed(73, &[&old, AGAIN]);

    // The Maildir comes back: what was interrupted there is settled, and nothing is given up.
    fs::rename(home.path("Mail-away"), home.path("Mail-work")).unwrap();
    let ran = home.run(&AGAIN.split(' ').collect::<Vec<_>>());
    assert!(ran.code == Some(0) && ran.err.contains("none is fetched again"), "{ran:?}");
    fs::rename(home.path("Mail-work"), home.path("Mail-away")).unwrap();

    let ran = home.run(&AGAIN.split(' ').collect::<Vec<_>>());
    assert!(ran.code == Some(0) && ran.err.contains(&old), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-new"), Home::all_samples());
    assert!(!home.path("Mail-work").exists());
}

/// A Maildir that moved along with its configuration is not lost: its marker tells.
#[test]
fn what_was_interrupted_in_a_maildir_that_moved_is_settled_and_not_given_up() {
    let home = killed_with_intents();
    home.configure(&home.account("work").replace("Mail-work", "Mail-new"));
    fs::rename(home.path("Mail-work"), home.path("Mail-new")).unwrap();
    let ran = home.run(&AGAIN.split(' ').collect::<Vec<_>>());
    assert!(ran.code == Some(0) && ran.err.contains("none is fetched again"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-new")), (7, Home::all_samples()));
}

/// A crash may leave an index of another account with nothing in it: looking at it must not make it this account's.
#[test]
fn looking_at_the_indexes_of_other_accounts_changes_nothing() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let begun = rusqlite::Connection::open(home.path("state/begun.sqlite")).unwrap();
    begun.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(begun);
    home.configure(&home.account("job"));
    let before = home.snapshot();
    home.run(&["--dry-run"]).failed(78, &["`work` has fetched the same mailbox"]);
    let ran = home.run(&["status"]);
    assert!(ran.code == Some(0) && ran.out.contains("begun  never fetched\n"), "{ran:?}");
    assert_eq!(home.snapshot(), before);
    home.run(&[]).failed(78, &["`work` has fetched the same mailbox"]);
    assert_eq!(fs::read(home.path("state/begun.sqlite")).unwrap(), before[&home.path("state/begun.sqlite")]);
}

#[test]
fn a_lost_index_is_noticed_and_nothing_is_fetched() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(home.path(&format!("state/work.sqlite{end}")));
    }
    let lock = home.path("state/work.lock");
    let words = ["work.sqlite is gone or empty", &format!("remove {}", lock.display())];
    home.run(&[]).failed(65, &words);
    home.run(&["--dry-run"]).failed(65, &words);
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (7, 7));
    assert!(!home.path("state/work.sqlite").exists());

    fs::remove_file(lock).unwrap();
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (14, 14));
}

#[test]
fn mail_that_a_failed_sync_left_in_doubt_is_repaired() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let index = rusqlite::Connection::open(home.path("state/work.sqlite")).unwrap();
    let doubt =
        "UPDATE message SET state = 'untrusted' WHERE uid IN (CAST('demo-0002' AS BLOB), CAST('demo-0003' AS BLOB))
                 RETURNING delivery";
    let mut statement = index.prepare(doubt).unwrap();
    let doubtful: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(doubtful.len(), 2);
    drop(statement);
    drop(index);
    home.run(&[]).failed(74, &["2 messages", "run `fetchonce --config config.toml seen verify --repair work`"]);
    let files = || fs::read_dir(home.path("Mail-work/new")).unwrap().map(|entry| entry.unwrap().path());
    let lost = files().find(|path| path.display().to_string().contains(&doubtful[1])).unwrap();
    fs::remove_file(lost).unwrap();

    assert_eq!(home.run(&["seen", "verify", "work"]).code, Some(2));
    let ran = home.run(&["seen", "verify", "--repair", "work"]);
    assert!(ran.code == Some(0) && ran.err.starts_with("work: 1 message is whole, and durable now\n"), "{ran:?}");
    assert!(ran.err.contains("work: 1 message is damaged or missing, and fetched again by the next run\n"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work")), (8, Home::all_samples()));
}

/// Such mail is on the server and is never fetched: a run that says "up to date" would be a lie.
#[test]
fn a_message_without_a_usable_unique_id_is_told_of_in_each_run() {
    let home = Home::new();
    home.maildrop.lock().unwrap().add_with_uid(&[b'x'; 600], b"Subject: too long a unique-id\n\nx\n");
    for _ in 0..2 {
        let ran = home.run(&["-v"]);
        ran.failed(65, &["work: the server gives 1 message no unique-id that can be used, so not fetched"]);
        assert!(ran.err.contains("8 messages listed, incompletely"), "{ran:?}");
    }
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    assert!(home.run(&["status"]).out.contains("work  failed (65) just now\n"));
}

#[test]
fn a_message_is_given_up_by_the_unique_id_that_is_shown() {
    let uid = b"a\\b\xff\xc2\x9b\xe2\x80\xae".to_vec();
    let bad = BadMessage { uid: uid.clone(), fault: MessageFault::RetrRefused };
    let home = Home::with_faults(move |_| Faults { bad_message: Some(bad.clone()), ..Faults::default() });
    home.maildrop.lock().unwrap().add_with_uid(&uid, b"Subject: odd\n\nx\n");
    let shown = "a\\\\b\\xff\\u{9b}\\u{202e}";
    home.run(&[]).failed(69, &[&format!("refused to send message {shown}: ")]);
    assert!(home.run(&["list"]).out.contains(&format!("  {shown}  ")));
    let ran = home.run(&["seen", "skip", "work", shown]);
    assert!(ran.code == Some(0) && ran.err == format!("work: {shown} is given up, and never fetched\n"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
}

/// I9: a hostile file name that a shell put on the command line forges no line and moves no cursor.
#[test]
fn words_of_the_command_line_are_shown_escaped() {
    let home = Home::new();
    for words in [&["--fo\u{1b}[31mo\u{202e}"][..], &["--jobs", "x\nhint: run evil\u{9b}"], &["wr\u{1b}ok\n"]] {
        let ran = home.run(words);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            !ran.err.contains(['\u{1b}', '\u{202e}', '\u{9b}']) && !ran.err.contains("\nhint: run evil"),
            "{ran:?}"
        );
    }
}

/// I9: who may look at the folder may still not look at the index.
#[test]
fn the_index_is_its_owners_alone() {
    let home = Home::new();
    fs::create_dir(home.path("state")).unwrap();
    fs::set_permissions(home.path("state"), fs::Permissions::from_mode(0o755)).unwrap();
    home.run(&[]).is_fine_and_silent();
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state/work.sqlite"), mode("state/work.lock")), (0o600, 0o600));
}

#[test]
fn a_password_prompt_that_is_interrupted_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    home.configure(&home.account("work").replace(&format!("password = \"{PASSWORD}\"\n"), ""));
    let (terminal, stdin) = Terminal::open();
    let _kept_open = stdin.try_clone().unwrap();
    // The prompt asks the controlling terminal.
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(env!("CARGO_BIN_EXE_fetchonce")).args(["--config", "config.toml"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.folder.path()).current_dir(home.folder.path());
    let mut child = command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    terminal.wait_until_unseen();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert!(terminal.shows_what_is_typed());
}
