//! `--log-level`, `--log-to` and `--trace` as their user meets them. That they hold no password is shown in `canary`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use fetchonce::demo::{BadMessage, Faults, MessageFault};

use crate::support::home::{Home, PASSWORD, Ran, refused_port};
use crate::support::is_root;

/// The lines of a log or a trace without their times, which must be RFC 3339 in UTC with milliseconds.
#[track_caller]
fn timeless(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_time = time.len() == "2026-03-02T08:14:09.123Z".len() && time.parse::<jiff::Timestamp>().is_ok();
        assert!(is_time, "no time: {line}");
        rest.to_owned()
    };
    text.lines().map(line).collect()
}

/// The lines of an output that are of the log.
fn log_of(output: &str) -> Vec<String> {
    let of_log: Vec<&str> = output.lines().filter(|line| line.starts_with("20") && line.contains("Z ")).collect();
    timeless(&of_log.join("\n"))
}

/// Seven messages of which the server refuses one.
fn home_with_a_refused_message() -> Home {
    Home::with_faults(|_| {
        let refused = BadMessage { uid: b"demo-0002".to_vec(), fault: MessageFault::RetrRefused };
        Faults { bad_message: Some(refused), ..Faults::default() }
    })
}

#[test]
fn without_the_options_nothing_is_logged_or_traced() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    assert!(!home.path("trace").exists());
}

#[test]
fn a_log_has_one_line_an_event_at_the_wanted_level() {
    let home = home_with_a_refused_message();
    let ran = home.run(&["--log-to", "stderr"]);
    let log = log_of(&ran.err);
    assert_eq!(log.len(), 10, "{ran:?}");
    assert_eq!(log[0], "INFO  account=work listed messages=7 complete=true");
    assert_eq!(log[1], "INFO  account=work planned fetches=7 deletions=0");
    assert!(log[2].starts_with("ERROR account=work the server refused to send message demo-0002: "), "{}", log[2]);
    assert!(log[2].contains(" hint=\""), "{}", log[2]);
    assert!(log[3].starts_with("INFO  account=work delivered uid=\"demo-0001\" octets="), "{}", log[3]);
    assert_eq!(log[9], "INFO  account=work the run ended exit_code=69");

    for (level, least, seen, unseen) in [
        ("error", 1, "ERROR ", "INFO "),
        ("warn", 1, "ERROR ", "INFO "),
        ("info", 4, "INFO ", "DEBUG "),
        ("debug", 20, "answered command=\"AUTH PLAIN ***\"", "TRACE "),
        ("trace", 30, "decided uid=\"demo-0001\" size=", PASSWORD),
    ] {
        let ran = home.run(&["--log-level", level]);
        let log = log_of(&ran.err);
        let all = log.join("\n");
        assert!(log.len() >= least && !all.contains(unseen), "{level}: {all}");
        assert!(all.contains(seen), "{level}: {all}");
        for words in ["connected to 127.0.0.1:", "logging in mechanism=\"PLAIN\"", "committed what=\"begin_run\" micro"]
        {
            assert_eq!(all.contains(words), ["debug", "trace"].contains(&level), "{level}, {words}: {all}");
        }
    }
}

#[test]
fn what_ends_a_run_or_the_program_is_logged_with_its_causes() {
    let home = Home::new();
    home.configure(&crate::support::home::account("work", refused_port()));
    let ran = home.run(&["--log-level", "error"]);
    let log = log_of(&ran.err);
    assert_eq!(log.len(), 1, "{ran:?}");
    let expected = "ERROR account=work no connection to 127.0.0.1 port ";
    assert!(log[0].starts_with(expected) && log[0].contains(" causes=\"Connection refused"), "{log:?}");
    assert!(log[0].contains(" state=\"nothing fetched"), "{log:?}");

    fs::remove_file(home.path("config.toml")).unwrap();
    let log = log_of(&home.run(&["status", "--log-level", "error"]).err);
    assert!(log[0].starts_with("ERROR config.toml: no such configuration file hint="), "{log:?}");
}

/// I9: of two accounts side by side, with all that a server may say, each line stands by itself and obeys no terminal.
#[test]
fn i9_the_log_and_the_trace_obey_nobody() {
    let home = Home::new();
    home.maildrop.lock().unwrap().add_with_uid("evil\u{202e}\u{9b}2J\u{2028}".as_bytes(), b"Subject: x\n\nx\n");
    let folder = home.path("a\u{202e}\x1b[2J\nfolder");
    let other = home.account("other").replace("maildir:Mail-other", "maildir:a\\u202e\\u001b[2J\\nfolder");
    home.configure(&format!("{}{other}", home.account("work")));
    let ran = home.run(&["-q", "--log-level", "trace", "--trace", "trace"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(folder.join("new").is_dir());
    let trace = fs::read_to_string(home.path("trace")).unwrap();
    for text in [&ran.err, &trace] {
        assert!(text.contains("evil\\") && !text.chars().any(is_obeyed), "{}", text.escape_debug());
        let lines = timeless(text);
        for account in ["work", "other"] {
            assert!(lines.iter().any(|line| line.contains(account) && line.contains("QUIT")), "{text}");
        }
    }
    assert!(ran.err.contains("Maildir made") && ran.err.contains("folder\""), "{ran:?}");
}

/// What moves the cursor, colours, or turns the direction of writing.
fn is_obeyed(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
}

#[test]
fn a_trace_tells_each_connection_without_mail_and_password() {
    let home = Home::new();
    assert_eq!(home.run(&["--dry-run", "--trace", "trace"]).code, Some(0));
    let limited = ["fetch", "--trace", "trace", "--limit", "1"];
    assert_eq!(home.run(&limited).code, Some(0));
    let trace = fs::read_to_string(home.path("trace")).unwrap();
    let lines = timeless(&trace);
    let begins = format!("- 0 -- fetchonce {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines.iter().filter(|line| **line == begins).count(), 2, "{trace}");
    let session: Vec<&str> = lines.iter().rev().take_while(|line| **line != begins).map(String::as_str).collect();
    let session: Vec<&str> = session.into_iter().rev().map(|line| line.strip_prefix("work 1 ").unwrap()).collect();
    let port = home.listener.port();
    let of_list = |line: &&str| !line.starts_with("S: ") || line.starts_with("S: +OK") || line.starts_with("S: [");
    let talk: Vec<&str> = session.iter().copied().filter(of_list).collect();
    let octets = session.iter().find(|line| line.ends_with(" octets") && line.starts_with("S: +OK ")).unwrap();
    let body = session.iter().find(|line| line.starts_with("S: [a body of ")).unwrap();
    assert_eq!(
        talk,
        [
            &format!("-- connecting to 127.0.0.1 port {port}, no TLS"),
            &format!("-- connected to 127.0.0.1:{port}"),
            "S: +OK fetchonce demonstration server",
            "C: CAPA",
            "S: +OK capabilities follow",
            "C: AUTH PLAIN ***",
            talk[6],
            "C: CAPA",
            "S: +OK capabilities follow",
            "C: UIDL",
            "S: +OK unique-ids follow",
            "C: STAT",
            talk[12],
            "C: LIST",
            talk[14],
            "C: RETR 1",
            octets,
            body,
            "C: QUIT",
            "S: +OK bye",
            "-- closed",
        ]
    );
    assert!(body.ends_with(" octets, end mark seen]") && session.contains(&"S: 1 demo-0001"), "{trace}");
    assert!(!trace.contains("Subject:"), "{trace}");
    let mode = fs::metadata(home.path("trace")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_trace_that_cannot_be_written_is_told_before_anything_is_done() {
    let home = Home::new();
    symlink(home.path("elsewhere"), home.path("link")).unwrap();
    for path in ["link", "no-such-folder/trace", ".", "/dev/null"] {
        home.run(&["--trace", path]).failed(74, &["cannot write a trace to "]);
    }
    assert!(!home.path("elsewhere").exists());
    assert_eq!(home.listener.log(), []);
}

#[test]
fn commands_that_never_connect_take_the_options_too() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    for words in [&["status"][..], &["completions", "bash"], &["account", "rename", "work", "job"]] {
        let ran = home.run(&[words, &["--log-level", "warn", "--trace", "trace"]].concat());
        assert!(ran.code == Some(0) && log_of(&ran.err).is_empty(), "{ran:?}");
    }
    assert_eq!(timeless(&fs::read_to_string(home.path("trace")).unwrap()).len(), 3);
}

/// The program in a namespace of its own where `prepare`, as a shell does it, has changed what is mounted; `None` where
/// this is not allowed.
fn in_a_namespace(home: &Home, prepare: &str, words: &[&str]) -> Option<Ran> {
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_fetchonce"), "--config", "config.toml"]);
        command.args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(home.folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    };
    if !is_root() || run("mount -t tmpfs none /run").code != Some(0) {
        eprintln!("left out: what only root may mount");
        return None;
    }
    Some(run(&format!("set -e\n{prepare}\nexec \"$@\"")))
}

#[test]
fn without_a_journal_nothing_is_fetched() {
    let home = Home::new();
    let Some(ran) = in_a_namespace(&home, "mount -t tmpfs none /run", &["--log-to", "journald"]) else { return };
    ran.failed(78, &["there is no journal to log to", "--log-to stderr"]);
    assert_eq!(home.listener.log(), []);
}

/// The fields of one entry (systemd's native journal protocol).
fn fields(mut entry: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while let Some(end) = entry.iter().position(|octet| *octet == b'\n') {
        let (line, rest) = (std::str::from_utf8(&entry[..end]).unwrap(), &entry[end + 1..]);
        if let Some((name, value)) = line.split_once('=') {
            fields.push((name.to_owned(), value.to_owned()));
            entry = rest;
            continue;
        }
        let (length, rest) = rest.split_at(8);
        let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
        fields.push((line.to_owned(), String::from_utf8(rest[..length].to_vec()).unwrap()));
        entry = &rest[length + 1..];
    }
    fields
}

#[test]
fn the_journal_gets_fields_and_priorities() {
    let home = home_with_a_refused_message();
    home.maildrop.lock().unwrap().add_with_uid("evil\u{202e}".as_bytes(), b"Subject: x\n\nx\n");
    fs::create_dir(home.path("journal")).unwrap();
    let socket = UnixDatagram::bind(home.path("journal/socket")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The queue of a socket is short: the entries are taken while the program runs.
    let reader = std::thread::spawn(move || {
        let mut entries = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(octets) = socket.recv(&mut buffer) {
            let entry = fields(&buffer[..octets]);
            let is_last = entry.contains(&("MESSAGE".to_owned(), "the run ended".to_owned()));
            entries.push(entry);
            if is_last {
                break;
            }
        }
        entries
    });
    let prepare = format!(
        "mount -t tmpfs none /run; mkdir -p /run/systemd/journal; mount --bind '{}' /run/systemd/journal",
        home.path("journal").display()
    );
    let words = ["--log-to", "journald", "--log-level", "debug", "-q"];
    let Some(ran) = in_a_namespace(&home, &prepare, &words) else { return };
    assert!(ran.code == Some(69) && log_of(&ran.err).is_empty(), "{ran:?}");
    let entries = reader.join().unwrap();
    let find = |message: &str| {
        let is_it =
            |entry: &&Vec<(String, String)>| entry.iter().any(|(n, v)| n == "MESSAGE" && v.starts_with(message));
        entries.iter().find(is_it).unwrap_or_else(|| panic!("no {message} in {entries:?}"))
    };
    for (message, expected) in [
        ("fetchonce begins", [("PRIORITY", "7"), ("SYSLOG_IDENTIFIER", "fetchonce")]),
        ("listed", [("PRIORITY", "6"), ("MESSAGES", "8")]),
        ("delivered", [("UID", "demo-0001"), ("ACCOUNT", "work")]),
        ("connected to", [("PRIORITY", "7"), ("ACCOUNT", "work")]),
        ("the server refused to send", [("PRIORITY", "3"), ("ACCOUNT", "work")]),
        ("the run ended", [("PRIORITY", "6"), ("EXIT_CODE", "69")]),
    ] {
        for (name, value) in expected {
            let field = (name.to_owned(), value.to_owned());
            assert!(find(message).contains(&field), "{message}: {field:?} in {:?}", find(message));
        }
    }
    let values: Vec<&str> = entries.iter().flatten().map(|(_, value)| value.as_str()).collect();
    assert!(values.iter().any(|value| value.starts_with("evil\\u")), "{values:?}");
    assert!(values.iter().all(|value| !value.contains(PASSWORD) && !value.chars().any(is_obeyed)), "{values:?}");
}

#[test]
fn a_trace_on_a_full_disk_disturbs_nothing_and_is_told_at_the_end() {
    let home = Home::new();
    fs::create_dir(home.path("small")).unwrap();
    let words = ["--trace", "small/trace"];
    let Some(ran) = in_a_namespace(&home, "mount -t tmpfs -o size=4k none small; echo full >small/file", &words) else {
        return;
    };
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.err.matches("warning: the trace in small/trace is not complete: No space left").count(),
        1,
        "{ran:?}"
    );
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
}

/// What was delivered before a session broke is deleted in one of its own.
#[test]
fn the_connections_of_a_run_are_counted() {
    let home = Home::with_faults(|connection| {
        let cut = BadMessage { uid: b"demo-0004".to_vec(), fault: MessageFault::RetrCut };
        Faults { bad_message: (connection == 0).then_some(cut), ..Faults::default() }
    });
    home.configure(&(home.account("work") + "keep = \"none\"\n"));
    assert_eq!(home.run(&["--trace", "first"]).code, Some(76));
    let first = timeless(&fs::read_to_string(home.path("first")).unwrap());
    let end = &first[first.len() - 3..];
    assert!(end[0].starts_with("work 1 S: [") && end[0].ends_with(" octets of a body, no end mark]"), "{first:?}");
    assert!(end[1].starts_with("work 1 -- connection closed during RETR 4: end of stream after "), "{first:?}");
    assert_eq!(end[2], "work 1 -- closed");
    assert_eq!(home.run(&["--trace", "second"]).code, Some(0));
    let second = timeless(&fs::read_to_string(home.path("second")).unwrap());
    for line in ["work 1 C: DELE 1", "work 1 C: QUIT", "work 1 -- closed", "work 2 C: DELE 4", "work 2 -- closed"] {
        assert!(second.iter().any(|noted| noted == line), "no {line} in {second:?}");
    }
}
