//! A pseudo-terminal: the program runs on it, and what it writes is shown on the screen of an emulated terminal.
//!
//! Without `unsafe` it cannot become the controlling terminal of the program, so a typed Ctrl-C is shown as `^C`, as
//! everywhere, but raises no signal: [`Session::interrupt`] does both.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::place::wait_at_most;

/// Waits longer than this fail the test.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// More rows than anything here writes: nothing scrolls away.
const ROWS: u16 = 200;

/// What leads to the terminal; the rest leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leads {
    Both,
    Output,
    Errors,
}

/// A program that runs on a terminal.
pub(crate) struct Session {
    child: Child,
    keyboard: File,
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    octets: Vec<u8>,
    terminal: vt100::Parser,
    is_over: bool,
}

/// What was seen of a program on a terminal when it had ended.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) code: Option<i32>,
    /// All that was written, escapes and all.
    pub(crate) octets: String,
    /// The rows of the screen up to the last one with something on it.
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) text: String,
    /// The terminal itself goes on with this line in the next row.
    pub(crate) is_wrapped: bool,
}

/// The test's side of a pseudo-terminal, and the side that a program takes for a terminal. It is nobody's controlling one.
fn open() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let terminal = ioctl_tiocgptpeer(&master, flags).unwrap();
    (master, terminal)
}

/// A pseudo-terminal without a screen: what is typed, and all that was written.
pub(crate) struct Terminal {
    master: File,
}

impl Terminal {
    /// A terminal, and the side that a program takes for one.
    pub(crate) fn open() -> (Self, OwnedFd) {
        let (master, program) = open();
        (Self { master: master.into() }, program)
    }

    pub(crate) fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits until what is typed is not shown any more.
    pub(crate) fn wait_until_unseen(&self) {
        let end = Instant::now() + LONGEST_WAIT;
        while self.shows_what_is_typed() {
            assert!(Instant::now() < end, "nobody asks for a password");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Types a line once what is typed is not shown any more.
    pub(crate) fn type_unseen(&mut self, line: &str) {
        self.wait_until_unseen();
        self.master.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// All that was shown, once no program has the other side open.
    pub(crate) fn shown(mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        let mut part = [0; 4096];
        // The end is an error here (EIO).
        while let Ok(octets @ 1..) = self.master.read(&mut part) {
            shown.extend_from_slice(&part[..octets]);
        }
        shown
    }
}

/// Runs a program to its end on a terminal of so many columns.
pub(crate) fn play(columns: u16, command: Command) -> Played {
    Session::start(columns, Leads::Both, command).end()
}

impl Session {
    /// Starts a program on a terminal of so many columns; none stands for a terminal that does not know its size.
    pub(crate) fn start(columns: u16, leads: Leads, mut command: Command) -> Self {
        let (master, terminal) = open();
        let rows = if columns == 0 { 0 } else { ROWS };
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let to = |is_led: bool| if is_led { terminal.try_clone().unwrap().into() } else { Stdio::null() };
        command.stdin(Stdio::null()).stdout(to(leads != Leads::Errors)).stderr(to(leads != Leads::Output));
        let child = command.spawn().unwrap();
        // Reading ends when the child has the last copies of the terminal, and ends.
        drop((command, terminal));

        let size = |cells: u16, otherwise: u16| NonZeroU16::new(cells).or(NonZeroU16::new(otherwise)).unwrap();
        let terminal = vt100::Parser::new(size(rows, ROWS), size(columns, 80), 0);
        let seen = Seen { octets: Vec::new(), terminal, is_over: false };
        let shared = Arc::new(Shared { seen: Mutex::new(seen), changed: Condvar::new() });
        let (keyboard, for_reader) = (File::from(master.as_fd().try_clone_to_owned().unwrap()), Arc::clone(&shared));
        let reader = thread::spawn(move || read(File::from(master), &for_reader));
        Self { child, keyboard, shared, reader }
    }

    /// Waits until the screen shows what is wanted.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        self.wait_until(what, |seen| is_there(&shown(&rows(&seen.terminal))))
    }

    /// Ctrl-C.
    #[track_caller]
    pub(crate) fn interrupt(&mut self) {
        self.keyboard.write_all(b"\x03").unwrap();
        // A bar may cover it at once.
        self.wait_until("^C", |seen| seen.octets.windows(2).any(|pair| pair == b"^C"));
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Gives what is on the screen then.
    #[track_caller]
    fn wait_until(&self, what: &str, is_there: impl Fn(&Seen) -> bool) -> String {
        let seen = self.shared.seen.lock().unwrap();
        let is_missing = |seen: &mut Seen| !is_there(seen) && !seen.is_over;
        let (seen, waited) = self.shared.changed.wait_timeout_while(seen, LONGEST_WAIT, is_missing).unwrap();
        let contents = shown(&rows(&seen.terminal));
        assert!(!waited.timed_out() && is_there(&seen), "{what} was not seen, but:\n{contents}");
        contents
    }

    /// Waits for the end of the program. One that hangs is killed and fails the test.
    #[track_caller]
    pub(crate) fn end(mut self) -> Played {
        let status = wait_at_most(&mut self.child, LONGEST_WAIT);
        let seen = self.shared.seen.lock().unwrap();
        let (seen, waited) = self.shared.changed.wait_timeout_while(seen, LONGEST_WAIT, |seen| !seen.is_over).unwrap();
        let contents = shown(&rows(&seen.terminal));
        assert!(!waited.timed_out(), "somebody holds the terminal:\n{contents}");
        let octets = String::from_utf8(seen.octets.clone()).unwrap();
        assert!(!octets.contains("canary"), "I9: {octets}");
        let status = status.unwrap_or_else(|| panic!("the program hangs:\n{contents}"));
        let played = Played { code: status.code(), octets, rows: rows(&seen.terminal) };
        drop(seen);
        self.reader.join().unwrap();
        played
    }
}

/// Shows what the program writes, until nobody is left who could.
fn read(mut master: File, shared: &Shared) {
    let mut buffer = [0; 4096];
    loop {
        // The end is an error here (EIO), and not an end of file.
        let octets = master.read(&mut buffer).unwrap_or(0);
        let mut seen = shared.seen.lock().unwrap();
        seen.is_over = octets == 0;
        seen.octets.extend_from_slice(&buffer[..octets]);
        seen.terminal.process(&buffer[..octets]);
        shared.changed.notify_all();
        if octets == 0 {
            return;
        }
    }
}

fn rows(terminal: &vt100::Parser) -> Vec<Row> {
    let screen = terminal.screen();
    let columns = screen.size().1.get();
    let texts = screen.rows(0, columns).zip(0..);
    let row = |(text, at): (String, u16)| {
        let is_wrapped = screen.row_wrapped(at);
        Row { text: if is_wrapped { text } else { text.trim_end().to_owned() }, is_wrapped }
    };
    let mut rows: Vec<Row> = texts.map(row).collect();
    while rows.last().is_some_and(|row| row.text.is_empty()) {
        rows.pop();
    }
    rows
}

fn shown(rows: &[Row]) -> String {
    rows.iter().flat_map(|row| [row.text.as_str(), "\n"]).collect()
}

impl Played {
    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        shown(&self.rows)
    }

    /// The lines as the program wrote them: those that the terminal wrapped are whole again.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        for row in &self.rows {
            lines.last_mut().unwrap().push_str(&row.text);
            if !row.is_wrapped {
                lines.push(String::new());
            }
        }
        lines.pop();
        lines
    }

    /// Whatever is wider than the terminal is one word, or one command between backticks.
    #[track_caller]
    pub(crate) fn fits(&self, columns: usize) {
        for line in self.lines() {
            let word = line.trim_start();
            let rest =
                word.strip_prefix('`').and_then(|command| command.split_once('`')).map_or(word, |(_, rest)| rest);
            let fits = line.chars().count() <= columns || !rest.contains(' ');
            assert!(fits, "wider than {columns} columns: {line}\n{}", self.screen());
        }
    }
}

#[test]
fn a_terminal_shows_what_a_program_leaves_on_it() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo one; printf 'gone\\r\\033[2Ktwo three'; test -t 1 && test -t 2 && exit 3"]);
    let played = play(6, command);
    assert_eq!((played.code, played.screen().as_str()), (Some(3), "one\ntwo th\nree\n"));
    assert_eq!(played.lines(), ["one", "two three"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo out; echo err >&2; exec sleep 600"]);
    let mut session = Session::start(20, Leads::Errors, command);
    session.wait_for("a line", |screen| screen == "err\n");
    session.interrupt();
    let played = session.end();
    assert_eq!((played.code, played.screen().as_str()), (None, "err\n^C\n"));
}
