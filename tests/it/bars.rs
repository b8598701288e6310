//! The bars of a fetch on a terminal: what they show while the server keeps the program waiting, and that nothing stays.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use fetchonce::demo::{Event, Faults, Maildrop};

use crate::support::home::{Home, PASSWORD, account, refused_port};
use crate::support::terminal::{Leads, Played, Session};
use crate::support::{Server, server};

/// The message that the server does not send before it may.
const WITHHELD: &[u8] = b"third";

/// How far a session has come, and whether it may go on.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    /// The server is here, and waits.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |(_, is_open)| !*is_open).unwrap());
    }

    fn wait_until_reached(&self) {
        let waiting = |(reached, _): &mut (usize, bool)| *reached == 0;
        let state = self.state.lock().unwrap();
        let (state, _) = self.changed.wait_timeout_while(state, Duration::from_secs(60), waiting).unwrap();
        assert!(state.0 > 0);
    }

    fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// A home whose server has four messages, and keeps the third one back.
struct Slow {
    gate: Arc<Gate>,
    home: Home,
    server: Server,
}

impl Drop for Slow {
    /// The server's threads end before the server does.
    fn drop(&mut self) {
        self.gate.open();
    }
}

impl Slow {
    fn new() -> Self {
        let mut maildrop = Maildrop::new();
        for uid in [&b"first"[..], b"second", WITHHELD, b"fourth"] {
            maildrop.add_with_uid(
                uid,
                &[
                    b"Subject: long\n\n",
                    &b"sixty-four octets, of which there are many in a message: 0123456\n".repeat(800)[..],
                ]
                .concat(),
            );
        }
        let gate = Arc::new(Gate::default());
        let for_witness = Arc::clone(&gate);
        let witness = move |event: &Event| {
            if let Event::Retr(message) = event
                && message.uid == WITHHELD
            {
                for_witness.pass();
            }
        };
        let server = server::Server::start(maildrop, |_| Faults::default(), witness);
        let home = Home::new();
        home.configure(&account("work", server.port()));
        Self { gate, home, server }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.std_command();
        command.args(["--config", "config.toml"]).args(words).env("TERM", "xterm").env("NO_COLOR", "1");
        command
    }

    fn start(&self, columns: u16, words: &[&str]) -> Session {
        Session::start(columns, Leads::Both, self.command(words))
    }
}

/// Whether a bar was drawn at any time.
fn has_bar(played: &Played) -> bool {
    played.octets.contains("[#") || played.octets.contains("[-")
}

#[test]
fn a_bar_shows_how_far_it_is_and_goes_away() {
    let slow = Slow::new();
    let session = slow.start(80, &[]);
    let screen = session.wait_for("rate and time", |screen| screen.contains("/s, ") && screen.contains("s left"));
    assert!(screen.starts_with("work  [#####-----] 2 of 4, 103 of 206 KiB, "), "{screen}");
    assert_eq!(screen.lines().count(), 1, "{screen}");
    slow.gate.open();
    let played = session.end();
    assert!(played.code == Some(0) && has_bar(&played), "{played:?}");
    let (screen, end) = (played.screen(), "s\n");
    assert!(screen.starts_with("work  4 delivered (203.2 KiB)   ") && screen.ends_with(end), "{screen}");
    assert_eq!(played.rows.len(), 1, "{screen}");

    // Nothing is fetched, and so nothing is drawn.
    let again = slow.start(80, &[]).end();
    assert!(again.screen().starts_with("work  up to date (4 seen)   ") && !has_bar(&again), "{again:?}");
}

#[test]
fn bars_stand_side_by_side_and_errors_above_them() {
    for columns in [80_u16, 40, 20] {
        let slow = Slow::new();
        let wait = format!("[\"sh\", \"-c\", \"while ! [ -e go ]; do sleep 0.05; done; echo {PASSWORD}\"]");
        let bad = account("bad", refused_port()).replace(&format!("\"{PASSWORD}\""), &wait);
        let accounts = [account("work", slow.server.port()), account("hobby", slow.server.port())];
        slow.home.configure(&format!("{}{}", accounts.concat(), bad.replace("password = ", "password.command = ")));
        let session = slow.start(columns, &[]);
        let screen = session.wait_for("two bars", |screen| screen.matches("2 of 4").count() == 2);
        let places = |screen: &str| -> Vec<usize> {
            screen.lines().filter_map(|line| line.find('[').filter(|_| line.contains("2 of 4"))).collect()
        };
        assert_eq!(places(&screen), [7, 7], "{screen}");

        fs::write(slow.home.path("go"), "").unwrap();
        let screen = session.wait_for("the error", |screen| {
            screen.contains("hint:") && screen.contains("later") && screen.matches("2 of 4").count() == 2
        });
        let lines: Vec<&str> = screen.lines().collect();
        let (bars, above): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.contains("2 of 4"));
        assert_eq!(places(&lines[lines.len() - 2..].join("\n")), [7, 7], "{screen}");
        assert!(above[0].starts_with("error: bad: ") && !above.concat().contains('['), "{bars:?}: {screen}");

        slow.gate.open();
        let played = session.end();
        played.fits(columns.into());
        let screen = played.screen();
        assert!(played.code == Some(69) && !screen.contains('['), "{screen}");
        assert_eq!(screen.matches("4 delivered").count(), 2, "{screen}");
        assert!(screen.starts_with(&above.join("\n")), "{screen}");
    }
}

/// Told is what is safe, and nothing else is left on the screen.
#[test]
fn ctrl_c_leaves_a_clean_screen() {
    let slow = Slow::new();
    let mut session = slow.start(80, &[]);
    session.wait_for("a bar", |screen| screen.contains("2 of 4"));
    session.interrupt();
    let played = session.end();
    assert_eq!(played.code, Some(130));
    assert_eq!(
        played.screen(),
        "error: work: interrupted\n  state: 2 of 4 delivered and recorded; nothing deleted on the server\n\
         hint: run `fetchonce --config config.toml work` again; delivered messages are\n      not fetched twice\n"
    );
}

#[test]
fn who_asks_for_no_bars_gets_none() {
    thread::scope(|scope| {
        for (words, term, columns) in [
            (&["-q"][..], "xterm", 80),
            (&["-v"], "xterm", 80),
            (&["--json"], "xterm", 80),
            (&[], "dumb", 80),
            (&[], "", 80),
            (&[], "xterm", 0),
            (&[], "xterm", 19),
        ] {
            scope.spawn(move || {
                let slow = Slow::new();
                let mut command = slow.command(words);
                command.env("TERM", term);
                let session = Session::start(columns, Leads::Both, command);
                slow.gate.wait_until_reached();
                // Long enough for a picture; were there one and the machine slow, the test would only see less.
                thread::sleep(Duration::from_millis(150));
                slow.gate.open();
                let played = session.end();
                assert!(played.code == Some(0) && !has_bar(&played), "{words:?} {term} {columns}: {played:?}");
            });
        }
    });
}

#[test]
fn the_log_does_not_tear_the_bars() {
    let slow = Slow::new();
    let session = slow.start(80, &["--log-level", "trace"]);
    session.wait_for("a bar", |screen| screen.contains("2 of 4"));
    slow.gate.open();
    let played = session.end();
    assert!(played.code == Some(0) && has_bar(&played), "{played:?}");
    let lines = played.lines();
    let (summary, log): (Vec<&String>, Vec<_>) = lines.iter().partition(|line| line.starts_with("work  4 delivered"));
    assert!(summary.len() == 1 && log.len() > 25, "{lines:?}");
    for line in log {
        let (time, rest) = line.split_at(line.find(' ').unwrap_or(0));
        let level = rest.split_whitespace().next();
        assert!(time.ends_with('Z') && matches!(level, Some("TRACE" | "DEBUG" | "INFO")), "{line}");
        assert!(!line.contains("] 2 of 4"), "{line}");
    }
}
