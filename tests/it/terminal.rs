//! How it looks on a terminal: nothing wider than the screen, colour that only repeats, and bars that go away.

use std::fs;
use std::process::Command;

use fetchonce::demo::{BadMessage, Faults, MessageFault};

use crate::support::home::{Home, account, ran, refused_port};
use crate::support::terminal::{Leads, Played, Session, play};

/// The program with the configuration, on a terminal that knows colours.
fn command(home: &Home, words: &[&str]) -> Command {
    let mut command = home.std_command();
    command.args(["--config", "config.toml"]).args(words).env("TERM", "xterm");
    command
}

/// The same without colours.
fn plain(home: &Home, words: &[&str]) -> Command {
    let mut command = command(home, words);
    command.env("NO_COLOR", "1");
    command
}

/// An account that works, with mail in every state and long unique-ids, and one that fails.
fn busy_home() -> Home {
    let home = Home::with_faults(|_| {
        let refused = BadMessage { uid: b"demo-0002".to_vec(), fault: MessageFault::RetrRefused };
        Faults { bad_message: Some(refused), ..Faults::default() }
    });
    home.maildrop.lock().unwrap().add_with_uid(&[b'u'; 70], b"Subject: a long unique-id\n\nx\n");
    home.configure(&format!("{}keep = \"2 days\"\n{}", home.account("work"), account("broken", refused_port())));
    home
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let home = busy_home();
    for columns in [80, 40, 20] {
        for words in [
            &["-v"][..],
            &["list"],
            &["status"],
            &["wrok"],
            &["account", "rename", "work", "work"],
            &["seen", "skip", "work", "nothing"],
            &["--no-such-option"],
            &["-q", "-v"],
            &["--dry-run", "status"],
        ] {
            let played = play(columns, plain(&home, words));
            assert!(played.rows.len() > 1, "{words:?}: {played:?}");
            played.fits(columns.into());
        }
    }
    let played = play(40, plain(&home, &["wrok"]));
    assert_eq!(played.screen(), "error: there is no account `wrok`\nhint: did you mean `work`?\n");
}

/// Also a terminal that does not know its size, or knows a silly one.
#[test]
fn any_width_will_do() {
    let home = busy_home();
    let whole = play(0, plain(&home, &["list"]));
    assert!(whole.lines().iter().any(|line| line.len() > 100), "{whole:?}");
    for columns in [1, 2, 7] {
        let played = play(columns, plain(&home, &[]));
        assert_eq!(played.code, Some(69), "{played:?}");
    }
}

/// Each stream is folded for its own terminal, and left whole without one.
#[test]
fn without_a_terminal_lines_stay_whole() {
    let home = busy_home();
    let piped = ran(home.command().args(["--config", "config.toml", "list"]).env("TERM", "xterm"));
    assert!(piped.out.lines().any(|line| line.len() > 100), "{piped:?}");
    assert!(!piped.out.contains('\x1b') && !piped.err.contains('\x1b'), "{piped:?}");
    let output = Session::start(40, Leads::Output, command(&home, &["list"])).end();
    output.fits(40);
    assert_eq!(words(&output.lines().join("\n")), words(&piped.out));
    let errors = Session::start(40, Leads::Errors, plain(&home, &["list"])).end();
    errors.fits(40);
    let summary = errors.screen().lines().filter(|line| line.starts_with("work  ")).collect::<String>();
    assert!(summary.starts_with("work    8 messages"), "{errors:?}");

    // What another program reads is never folded.
    let script = play(40, command(&home, &["completions", "bash"]));
    assert!(script.octets.lines().any(|line| line.len() > 100));
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// The text without its SGR escapes, and how many there were.
fn uncoloured(text: &str) -> (String, usize) {
    let mut plain = String::new();
    let mut parts = text.split("\x1b[");
    plain.push_str(parts.next().unwrap());
    let mut count = 0;
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap();
        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{part}");
        plain.push_str(rest);
        count += 1;
    }
    (plain, count)
}

/// The words carry everything.
#[test]
fn colour_only_repeats_what_the_words_say() {
    let home = busy_home();
    home.run(&[]);
    let on = |command: Command| -> Played { Session::start(60, Leads::Both, command).end() };
    for words in [&["-q", "broken"][..], &["wrok"], &["--dry-run", "broken"], &["status"]] {
        let coloured = on(command(&home, words));
        let (text, escapes) = uncoloured(&coloured.octets);
        assert_eq!(escapes > 0, words != ["status"], "{coloured:?}");
        for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")] {
            let mut command = command(&home, words);
            command.env(variable, value);
            assert_eq!(on(command).octets, text, "{words:?} with {variable}={value}");
        }
    }
    let mut empty = command(&home, &["wrok"]);
    empty.env("NO_COLOR", "");
    assert!(on(empty).octets.contains("\x1b[1;31merror:\x1b[0m "));
    assert!(fs::exists(home.path("state/work.sqlite")).unwrap());
}
