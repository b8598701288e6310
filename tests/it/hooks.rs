//! Programs of the user's own that are run after a fetch.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::home::{Home, PASSWORD, account, ran, refused_port};

/// A hook that writes down what it is told, as the value of a key.
fn noting(home: &Home, file: &str) -> String {
    format!("[\"sh\", \"-c\", \"echo $(env | grep ^FETCHONCE_ | sort) >>'{}'\"]", home.path(file).display())
}

/// What the hooks wrote down, a line each time, sorted.
fn noted(home: &Home, file: &str) -> Vec<String> {
    let text = fs::read_to_string(home.path(file)).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn after_a_delivery_each_account_and_the_whole_run_have_their_hook() {
    let home = Home::new();
    let after = format!("after = {}\n", noting(&home, "noted"));
    let (work, other) = (format!("{}{after}", home.account("work")), home.account("home"));
    home.configure(&format!("{after}{work}{other}"));
    for words in [&["fetch", "--dry-run"][..], &["list"], &["check"]] {
        assert_eq!(home.run(words).code, Some(0));
        assert_eq!(noted(&home, "noted"), [""; 0], "{words:?}");
    }
    home.run(&[]).is_fine_and_silent();
    let once = ["FETCHONCE_ACCOUNT=work FETCHONCE_DELIVERED=7", "FETCHONCE_DELIVERED=14"];
    assert_eq!(noted(&home, "noted"), once);
    home.run(&[]).is_fine_and_silent();
    assert_eq!(noted(&home, "noted"), once, "nothing was new");
    home.maildrop.lock().unwrap().add(b"Subject: new\n\ntext\n");
    let ran = home.run(&["home", "-v"]);
    assert!(ran.code == Some(0) && ran.err.ends_with("`after` done\n"), "{ran:?}");
    assert_eq!(noted(&home, "noted").last().unwrap(), "FETCHONCE_DELIVERED=14");
    assert_eq!(noted(&home, "noted").len(), 3);
}

#[test]
fn each_account_that_fails_has_its_hook() {
    let home = Home::new();
    let wrong = home.account("wrong").replace(PASSWORD, "another");
    let broken = account("broken", refused_port());
    let own = format!("on_error = {}\n", noting(&home, "own"));
    home.configure(&format!("on_error = {}\n{}{wrong}{broken}{own}", noting(&home, "noted"), home.account("work")));
    home.run(&["list"]).failed(77, &[]);
    assert_eq!((noted(&home, "noted").len(), noted(&home, "own").len()), (0, 0));
    home.run(&[]).failed(77, &[]);
    assert_eq!(
        noted(&home, "noted"),
        ["FETCHONCE_ACCOUNT=wrong FETCHONCE_ERROR=the server rejects the credentials: wrong user or password \
          FETCHONCE_EXIT_CODE=77"]
    );
    let own = noted(&home, "own");
    assert_eq!(own.len(), 1);
    assert!(own[0].starts_with("FETCHONCE_ACCOUNT=broken FETCHONCE_ERROR=no connection to 127.0.0.1 port "), "{own:?}");
    assert!(own[0].ends_with(" FETCHONCE_EXIT_CODE=69"), "{own:?}");
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
}

#[test]
fn a_hook_that_fails_is_told_of_and_nothing_depends_on_it() {
    let home = Home::new();
    let after = "after = [\"sh\", \"-c\", \"echo no database >&2; exit 3\"]\n";
    home.configure(&format!("{after}{}after = [\"no-such-program\"]\n", home.account("work")));
    let ran = home.run(&["--json"]);
    ran.failed(
        69,
        &[
            "error: work: the hook `after` failed\n  caused by: the program no-such-program cannot be run\n",
            "error: the hook `after` failed\n  caused by: the program sh ended with exit code 3: no database\n",
            "hint: run it by hand; nothing of the mail depends on it\n",
        ],
    );
    let errors = ran.out.lines().filter(|line| line.contains("\"type\":\"error\"") && line.contains("the hook"));
    assert_eq!(errors.count(), 2, "{ran:?}");
    assert!(ran.out.ends_with("{\"type\":\"end\",\"exit_code\":69}\n"), "{ran:?}");
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    home.run(&[]).is_fine_and_silent();

    // Of another failure the exit code goes on to tell.
    let wrong = home.account("work").replace(PASSWORD, "another");
    home.configure(&format!("on_error = [\"false\"]\n{wrong}"));
    home.run(&[]).failed(77, &["error: work: the hook `on_error` failed\n"]);
}

/// The hook is stopped too, and the exit code says who stopped it.
#[test]
fn a_user_who_stops_a_hook_has_stopped_the_run() {
    let home = Home::new();
    let hook = format!("[\"sh\", \"-c\", \"touch '{}'; exec sleep 1000\"]", home.path("begun").display());
    home.configure(&format!("{}after = {hook}\n", home.account("work")));
    let mut command = home.std_command();
    let mut child = command.args(["--config", "config.toml"]).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while !home.path("begun").exists() {
        assert!(Instant::now() < end, "no hook is run");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
}

#[test]
fn a_check_finds_the_hooks_that_cannot_be_run() {
    let home = Home::new();
    let hooks = "after = [\"no-such-program\"]\non_error = [\"true\"]\n";
    home.configure(&format!("{hooks}{}on_error = [\"./no-such-script\"]\n", home.account("work")));
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    let found: Vec<&str> = ran.out.lines().filter(|line| line.contains("the hook")).collect();
    assert_eq!(found.len(), 2, "{ran:?}");
    assert!(found[0].contains("failed") && found[0].contains("`after`") && !found[0].starts_with("work"), "{found:?}");
    assert!(found[1].starts_with("work") && found[1].contains("`on_error`"), "{found:?}");
    assert!(ran.out.contains("no-such-script cannot be run"), "{ran:?}");
}

/// I9: not even where the password's variable has a name that is handed on.
#[test]
fn i9_a_hook_sees_no_password() {
    let home = Home::new();
    let script = format!("[\"sh\", \"-c\", \"env >'{}'\"]", home.path("noted").display());
    let work = home.account("work").replace(&format!("\"{PASSWORD}\""), "{ env = \"LC_SECRET\" }");
    home.configure(&format!("after = {script}\n{work}"));
    let mut command = home.command();
    command
        .args(["--config", "config.toml"])
        .env("LC_SECRET", PASSWORD)
        .env("LC_ALL", "C")
        .env("MAIL_PASSWORD", PASSWORD);
    ran(&mut command).is_fine_and_silent();
    let seen = fs::read_to_string(home.path("noted")).unwrap();
    assert!(seen.contains("LC_ALL=C\n") && seen.contains("FETCHONCE_DELIVERED=7\n"), "{seen}");
    assert!(!seen.contains(PASSWORD), "{seen}");
}
