//! A scene of a snapshot: commands given one after the other, on a terminal and without one, and what the user sees.
//!
//! Each command is run twice, in two homes that go the same way: in one its output leads to a terminal of 80 columns, in
//! the other to pipes. The clock stands still, and only what cannot be told in advance is replaced: the home folder by
//! `HOME`, the port by `PORT`, free space by `SPACE`, the random name of a file by `NAME`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fetchonce::demo::Faults;

use super::home::{Home, PASSWORD, refused_port};
use super::is_root;
use super::terminal::play;

/// The width of the terminal.
const COLUMNS: u16 = 80;
/// 2026-03-02 08:14:09 UTC.
const START: i64 = 1_772_439_249;
/// The user that the program runs as where folders are to refuse, when the tests run as root.
const NOBODY: u32 = 65534;
const CONFIG: &str = ".config/fetchonce/config.toml";

/// The two homes, and what was written down so far.
pub(crate) struct Scene {
    on_terminal: Home,
    on_pipes: Home,
    now: i64,
    refused: u16,
    /// Whether the program runs as a user whom folders can refuse: root may do everything.
    is_nobody: bool,
    told: String,
}

impl Scene {
    /// A home with the configuration of account `work`, and a server with the sample mail and these faults by connection.
    pub(crate) fn new(title: &str, faults: fn(u32) -> Faults) -> Self {
        // Of one length everywhere: lines are folded where they are too long.
        let folder = || tempfile::Builder::new().prefix("fetchonce-").tempdir_in("/tmp").unwrap();
        let home = || Home::in_folder(folder(), faults);
        let (on_terminal, on_pipes) = (home(), home());
        let scene = Self {
            on_terminal,
            on_pipes,
            now: START,
            refused: refused_port(),
            is_nobody: false,
            told: format!("# {title}\n"),
        };
        scene.each(|home| fs::remove_file(home.path("config.toml")).unwrap());
        scene.configure(&account("work"));
        scene
    }

    /// Says what happens between two commands.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.told, "\n# {text}");
    }

    /// Writes the configuration: `PORT` is the server's, and `REFUSED` one on which nobody listens.
    pub(crate) fn configure(&self, text: &str) {
        self.each(|home| {
            let path = home.path(CONFIG);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let ports = [home.listener.port().to_string(), self.refused.to_string()];
            fs::write(&path, text.replace("PORT", &ports[0]).replace("REFUSED", &ports[1])).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        });
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, text: &str, seconds: i64) {
        self.now += seconds;
        self.note(text);
    }

    /// Does the same in both homes.
    pub(crate) fn each<T>(&self, act: impl Fn(&Home) -> T) -> [T; 2] {
        [act(&self.on_terminal), act(&self.on_pipes)]
    }

    /// From now on folders can refuse, also where root runs the tests: a copy of the program runs as another user.
    pub(crate) fn as_nobody(&mut self) {
        self.is_nobody = is_root();
        for home in [&self.on_terminal, &self.on_pipes] {
            // Not by this process: another thread's fork would keep the copy open for writing, and so from being run.
            run_to_end(Command::new("cp").arg(env!("CARGO_BIN_EXE_fetchonce")).arg(home.path("fetchonce")));
            if self.is_nobody {
                run_to_end(Command::new("chown").arg("-R").arg(NOBODY.to_string()).arg(home.folder.path()));
            }
        }
    }

    /// Runs an SQL statement on the index of an account.
    pub(crate) fn sql(&self, account: &str, statement: &str) {
        self.each(|home| index(home, account).execute_batch(statement).unwrap());
    }

    /// Gives a command line, words separated by spaces, and writes down what is seen of it.
    pub(crate) fn run(&mut self, line: &str) {
        let played = play(COLUMNS, self.command(&self.on_terminal, line));
        let piped = self.command(&self.on_pipes, line).output().unwrap();
        assert_eq!(played.code, piped.status.code(), "{line}: {played:?} {piped:?}");
        let text = |octets: Vec<u8>| known(&self.on_pipes, &String::from_utf8(octets).unwrap());
        let (out, err) = (text(piped.stdout), text(piped.stderr));
        // A word that is wider than the terminal is whole in the snapshot.
        let screen = known(&self.on_terminal, &(played.lines().join("\n") + "\n"));
        let screen = if screen == "\n" { String::new() } else { screen };
        let _ = writeln!(self.told, "\n$ {line}");
        for (name, text) in [("stdout", &out), ("stderr", &err)] {
            self.section(name, text);
        }
        if screen != format!("{out}{err}") {
            self.section("terminal", &screen);
        }
        let _ = writeln!(self.told, "exit {}", piped.status.code().unwrap());
    }

    /// All that was written down.
    pub(crate) fn told(self) -> String {
        assert!(!self.told.contains("canary"), "I9: {}", self.told);
        self.told
    }

    fn section(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(self.told, "{name}:");
        }
        for line in text.lines() {
            let _ = writeln!(self.told, "{}", format!("    {line}").trim_end());
        }
    }

    fn command(&self, home: &Home, line: &str) -> Command {
        let mut command = home.std_command();
        if self.is_nobody {
            command = home.command_of(&home.path("fetchonce"));
            command.uid(NOBODY);
        }
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME").env("TERM", "xterm").env("TZ", "UTC");
        command.env("FETCHONCE_CLOCK", self.now.to_string()).env("TMPDIR", home.folder.path());
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("fetchonce"));
        command.args(words.map(|word| word.replace("PORT", &home.listener.port().to_string())));
        command
    }
}

fn run_to_end(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// An account of the server, for a configuration.
pub(crate) fn account(name: &str) -> String {
    format!(
        "[account.{name}]\nserver = \"127.0.0.1\"\nport = PORT\ntls = \"none\"\nuser = \"alice\"\npassword = \"{PASSWORD}\"\n\
         deliver = \"maildir:~/Mail/{name}\"\n"
    )
}

pub(crate) fn state(home: &Home, file: &str) -> PathBuf {
    home.path(".local/state/fetchonce").join(file)
}

pub(crate) fn maildir(home: &Home, name: &str) -> PathBuf {
    home.path("Mail").join(name)
}

pub(crate) fn index(home: &Home, account: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(state(home, &format!("{account}.sqlite"))).unwrap()
}

/// The text with the folder, the ports, the free space and the random names of files by name.
fn known(home: &Home, text: &str) -> String {
    let folder: &Path = home.folder.path();
    let text = text.replace(folder.to_str().unwrap(), "HOME");
    let text: String = text.split_inclusive('\n').map(|line| without_name(&without_space(line))).collect();
    let mut known = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = ["port ", "127.0.0.1:"].iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min() {
        known.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        // Those of the standards have three.
        if digits > 3 {
            known.push_str("PORT");
            rest = &rest[digits..];
        }
    }
    known + rest
}

/// A line of `check` without how much is free on the disk.
fn without_space(line: &str) -> String {
    match line.split_once("  space          ") {
        Some((before, _)) => format!("{before}  space          SPACE free\n"),
        None => line.to_owned(),
    }
}

/// A line without the name of a file on its way into a Maildir: time, random digits and the machine.
fn without_name(line: &str) -> String {
    match line.split_once(&format!("/tmp/{START}.")) {
        Some((before, name)) => {
            let end = name.find([':', ' ', '\n']).unwrap_or(name.len());
            format!("{before}/tmp/NAME{}", &name[end..])
        }
        None => line.to_owned(),
    }
}
