//! The order of the system calls of a real run, traced by strace (I2, I3): each point of durability lies before what
//! depends on it. What a commit of SQLite does is only seen here: in the simulation the index is in memory.

use std::process::Command;

use fetchonce::demo::Maildrop;

use crate::support::{Account, Place, Server, is_root, leave_out, mail_in, program};

/// The system calls that change something durable, or talk to the server.
const TRACED: &str = "trace=fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
                      pwrite64,write,writev,sendto,sendmsg";

/// One system call; in a run with threads it begins and ends in different lines.
#[derive(Debug)]
struct Call {
    begin: usize,
    end: usize,
    name: String,
    /// Its arguments as strace shows them, paths of descriptors included.
    arguments: String,
    failed: bool,
}

impl Call {
    fn is_sync_of(&self, path: &str) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
            && !self.failed
            && self.arguments.contains(&format!("<{path}>"))
    }

    fn is_rename(&self) -> bool {
        self.name.starts_with("rename") && !self.failed
    }

    /// Whether it sends a command line to the server.
    fn sends(&self, command: &str) -> bool {
        let is_output = matches!(self.name.as_str(), "write" | "writev" | "sendto" | "sendmsg");
        let is_socket =
            self.arguments.split(',').next().is_some_and(|fd| fd.contains("<socket:") || fd.contains("<TCP"));
        is_output && is_socket && self.arguments.contains(&format!("\"{command}"))
    }

    /// The quoted paths.
    fn paths(&self) -> Vec<&str> {
        self.arguments.split('"').skip(1).step_by(2).collect()
    }
}

/// Reads lines of `PID name(arguments) = result`, cut in two where another thread came between.
fn parse(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: Vec<(&str, usize)> = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((pid, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        let failed = text.contains(") = -1 ") || text.contains(")  = -1 ");
        if let Some(resumed) = text.strip_prefix("<... ") {
            let name = resumed.split(' ').next().unwrap();
            let waiting = unfinished.iter().position(|(of, call)| *of == pid && calls[*call].name == name);
            let (_, call) = unfinished.remove(waiting.expect("a resumed call was begun"));
            calls[call].end = at;
            calls[call].failed = failed;
        } else if let Some((name, arguments)) = text.split_once('(') {
            if text.ends_with("<unfinished ...>") {
                unfinished.push((pid, calls.len()));
            }
            let (name, arguments) = (name.to_owned(), arguments.to_owned());
            calls.push(Call { begin: at, end: at, name, arguments, failed });
        }
    }
    calls
}

fn trace_of_one_run(place: &Place) -> Option<Vec<Call>> {
    if !is_root() {
        // The program forbids core dumps (I9), and with them that its own user reads its memory.
        eprintln!("left out: the order of system calls, since only root may read their arguments");
        return None;
    }
    let Some(strace) = program("strace") else {
        leave_out("the order of system calls: there is no strace", "FETCHONCE_REQUIRE_STRACE");
        return None;
    };
    let output = place.path("trace");
    let mut command = Command::new(strace);
    command.args(["-f", "-y", "-s", "4096", "-e", TRACED, "-o"]).arg(&output);
    command.arg(env!("CARGO_BIN_EXE_fetchonce")).arg("--config").arg(place.config()).arg("fetch");
    place.settle_command(&mut command);
    let ran = place.run(&mut command);
    if ran.stderr.contains("ptrace") && ran.stderr.contains("not permitted") {
        leave_out("the order of system calls: strace may not trace here", "FETCHONCE_REQUIRE_STRACE");
        return None;
    }
    ran.ok();
    Some(parse(&std::fs::read_to_string(output).unwrap()))
}

/// Asserts that a call of `what` ended after `after` and before `before` began; gives where the first one ended.
#[track_caller]
fn expect_between(calls: &[Call], after: usize, before: usize, what: &str, is: impl Fn(&Call) -> bool) -> usize {
    let found = calls.iter().find(|call| call.begin > after && call.end < before && is(call));
    found.unwrap_or_else(|| panic!("no {what} between line {after} and line {before} of the trace")).end
}

#[test]
fn i2_i3_every_point_of_durability_comes_before_what_depends_on_it() {
    const MESSAGES: usize = 5;
    let mut maildrop = Maildrop::new();
    for number in 0..MESSAGES {
        maildrop.add(format!("Subject: message {number}\n\n{}", "text\n".repeat(number * 100)).as_bytes());
    }
    let (place, server) = (Place::new(), Server::correct(maildrop));
    place.configure(&Account::plain(server.port(), "none"));
    let Some(calls) = trace_of_one_run(&place) else { return };
    assert_eq!(mail_in(&place.maildir()).len(), MESSAGES);
    assert_eq!(server.maildrop().messages.len(), 0);

    let maildir = std::fs::canonicalize(place.maildir()).unwrap();
    let folder = |sub: &str| maildir.join(sub).to_str().unwrap().to_owned();
    let (tmp, new, cur) = (folder("tmp"), folder("new"), folder("cur"));
    let wal = format!("{}-wal", std::fs::canonicalize(place.index()).unwrap().display());
    let wal_sync = |call: &Call| call.is_sync_of(&wal);

    let into_new = |call: &&Call| call.is_rename() && call.paths()[1].starts_with(&format!("{new}/"));
    let renames: Vec<&Call> = calls.iter().filter(into_new).collect();
    assert_eq!(renames.len(), MESSAGES, "renames into new/");
    let (first_rename, last_rename) = (renames[0].begin, renames[MESSAGES - 1].end);
    let first_retr = calls.iter().find(|call| call.sends("RETR")).expect("RETR is sent").begin;
    let quit = calls.iter().find(|call| call.sends("QUIT")).expect("QUIT is sent").begin;
    let deles: Vec<&Call> = calls.iter().filter(|call| call.sends("DELE")).collect();
    let first_dele = deles.first().expect("DELE is sent").begin;

    // The listing is committed before anything is fetched by it (I6).
    expect_between(&calls, 0, first_retr, "sync of the listing's commit", wal_sync);
    // Files, then tmp/, then INTENT, then the renames.
    let mut files_synced = 0;
    for rename in &renames {
        let file = rename.paths()[0];
        assert!(file.starts_with(&format!("{tmp}/")), "{rename:?}");
        let synced = expect_between(&calls, first_retr, first_rename, file, |call| call.is_sync_of(file));
        files_synced = files_synced.max(synced);
    }
    let tmp_synced = expect_between(&calls, files_synced, first_rename, "sync of tmp/", |call| call.is_sync_of(&tmp));
    expect_between(&calls, tmp_synced, first_rename, "sync of INTENT", wal_sync);
    // The renames, then new/ and cur/, then DELIVERED, then DELE, then QUIT.
    let new_synced = expect_between(&calls, last_rename, first_dele, "sync of new/", |call| call.is_sync_of(&new));
    let cur_synced = expect_between(&calls, last_rename, first_dele, "sync of cur/", |call| call.is_sync_of(&cur));
    expect_between(&calls, new_synced.max(cur_synced), first_dele, "sync of DELIVERED", wal_sync);
    assert!(deles.iter().all(|dele| dele.end < quit), "each DELE before QUIT");
    // DELETE_SENT is recorded after QUIT.
    expect_between(&calls, quit, usize::MAX, "sync of DELETE_SENT", wal_sync);
    // Never link and unlink.
    assert!(!calls.iter().any(|call| call.name.starts_with("link")), "no hard links");
}

#[test]
fn cut_lines_of_a_trace_are_joined() {
    let trace =
        "7 fsync(3</a> <unfinished ...>\n8 write(4<socket:[9]>, \"DELE 1\\r\\n\", 8) = 8\n7 <... fsync resumed>) = 0\n";
    let calls = parse(trace);
    assert!(calls[0].is_sync_of("/a") && (calls[0].begin, calls[0].end) == (0, 2), "{calls:?}");
    assert!(calls[1].sends("DELE") && !calls[1].sends("QUIT"), "{calls:?}");
}
