//! Programs that take mail: Debian's maildrop, procmail and dovecot-lda, and what a program sees of this one.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use fetchonce::content::Digester;
use fetchonce::deliver::TargetError;
use fetchonce::deliver::parcel::{Deliver, Outcome, Parcel, Source};
use fetchonce::deliver::pipe::Pipe;
use fetchonce::host::{AccountLock, End, Host as _, Program, ProgramError, RealHost};
use fetchonce::index::{Identity, Index};
use fetchonce::model::{DeliveryId, InDoubt, PipeTarget, Timestamp, Uid, limits};
use tempfile::TempDir;

use crate::support::home::{Home, PASSWORD, ran};
use crate::support::mail::names_in;
use crate::support::{Dovecot, leave_out, program};

const MESSAGE: &[u8] = b"Return-Path: <bob@example.com>\nSubject: \xc3\xa9\nMessage-ID: <1@example.com>\n\n\
    From here\n.\n>From there\nthe end, without a line end";

struct Spool;

impl Source for Spool {
    fn open(&self, _: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        Ok(Some(Box::new(MESSAGE)))
    }
}

fn deliver(argv: &[&str]) -> Outcome {
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    let target = PipeTarget { argv, timeout: limits::PIPE, in_doubt: InDoubt::default() };
    let scratch = tempfile::tempdir().unwrap();
    let mut pipe = Pipe::new(&host, &target, "work", &[], scratch.path());
    let mut digester = Digester::new();
    digester.push(MESSAGE);
    let parcel = Parcel {
        token: DeliveryId("1.F0_1.host".to_owned()),
        uid: Uid::new(b"u1").unwrap(),
        content: digester.finish(),
        fetched_at: Timestamp(0),
        prefix: Vec::new(),
        source: &Spool,
    };
    let parcels = [parcel];
    pipe.prepare(&parcels).unwrap().perform().pop().unwrap()
}

#[track_caller]
fn is_refused(outcome: &Outcome, expected: i32) {
    let Outcome::Refused(TargetError::Program(ProgramError::Failed { code, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(*code, expected);
}

/// The one message of a Maildir.
#[track_caller]
fn only_mail(maildir: &Path) -> Vec<u8> {
    let new = maildir.join("new");
    let names = names_in(&new);
    assert_eq!(names.len(), 1, "{names:?}");
    fs::read(new.join(&names[0])).unwrap()
}

fn is_here(name: &str) -> bool {
    let found = program(name).is_some();
    if !found {
        leave_out(&format!("the delivery by {name}, which is not here"), "FETCHONCE_REQUIRE_MDA");
    }
    found
}

/// A file of instructions that only its owner may read, as these programs want it.
fn instructions(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("instructions");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn maildrop_takes_and_refuses() {
    if !is_here("maildrop") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let maildir = folder.path().join("Mail");
    for sub in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(sub)).unwrap();
    }
    let filter = instructions(&folder, &format!("to {maildir:?}\n"));
    let outcome = deliver(&["maildrop", &filter]);
    assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
    // It ends the last line.
    assert_eq!(only_mail(&maildir), [MESSAGE, b"\n"].concat());
    let filter = instructions(&folder, "EXITCODE=75\nexit\n");
    is_refused(&deliver(&["maildrop", &filter]), 75);
    let filter = instructions(&folder, "to \"/nonexistent/folder/mbox\"\n");
    let outcome = deliver(&["maildrop", &filter]);
    let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("exit code 75: maildrop: Unable to "), "{error}");
    only_mail(&maildir);
}

#[test]
fn procmail_takes_and_refuses() {
    if !is_here("procmail") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let maildir = folder.path().join("Mail");
    let recipe = instructions(&folder, &format!("DEFAULT=/dev/null\n:0\n{}/\n", maildir.display()));
    let outcome = deliver(&["procmail", "-m", &recipe]);
    assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
    assert_eq!(only_mail(&maildir), MESSAGE);
    let recipe = instructions(&folder, "DEFAULT=/nonexistent/mbox\nEXITCODE=75\nHOST\n");
    is_refused(&deliver(&["procmail", "-m", &recipe]), 75);
    only_mail(&maildir);
    // As the documentation has it, into an mbox.
    let mbox = folder.path().join("mbox");
    let recipe = instructions(&folder, &format!("DEFAULT={}\n", mbox.display()));
    let page = include_str!("../../docs/reference/pipe.md");
    let words = page.lines().find_map(|line| line.strip_prefix("deliver = { pipe = [\"procmail\", ")).unwrap();
    let words: Vec<&str> = words.split(']').next().unwrap().split(", ").map(|word| word.trim_matches('"')).collect();
    for _ in 0..2 {
        let outcome = deliver(&[&["procmail"][..], &words, &[recipe.as_str()]].concat());
        assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
    }
    let separators = fs::read_to_string(&mbox).unwrap().lines().filter(|line| line.starts_with("From ")).count();
    assert_eq!(separators, 2, "as many as messages");
}

#[test]
fn dovecot_lda_takes_and_refuses() {
    const LDA: &str = "/usr/lib/dovecot/dovecot-lda";
    if !is_here(LDA) {
        return;
    }
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    let configuration = dovecot.configuration();
    let argv = [LDA, "-c", configuration.to_str().unwrap(), "-f", "bob@example.com", "-d"];
    let outcome = deliver(&[&argv[..], &["alice"]].concat());
    assert!(matches!(outcome, Outcome::Delivered), "{outcome:?} {:?}", dovecot.log());
    assert_eq!(dovecot.count("alice"), 1);
    let mail = only_mail(&dovecot.maildir("alice"));
    let body = MESSAGE.windows(2).position(|pair| pair == b"\n\n").unwrap();
    assert!(mail.ends_with(&MESSAGE[body..]), "{}", mail.escape_ascii());
    let outcome = deliver(&[&argv[..], &["no such user"]].concat());
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

/// The token makes the repeat of a delivery in doubt harmless.
#[test]
fn the_script_of_the_documentation_keeps_each_message_once() {
    if !is_here("python3") {
        return;
    }
    let page = include_str!("../../docs/reference/pipe.md");
    let script = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let usual = "os.path.expanduser(\"~/kept\")";
    assert!(script.contains(usual));
    let script = script.replace(usual, &format!("{kept:?}"));
    for _ in 0..2 {
        let outcome = deliver(&["python3", "-c", &script]);
        assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
        assert_eq!(names_in(&kept), ["1.F0_1.host"]);
        assert_eq!(fs::read(kept.join("1.F0_1.host")).unwrap(), MESSAGE);
    }
    let script = script.replace(&format!("{kept:?}"), "\"/proc/kept\"");
    is_refused(&deliver(&["python3", "-c", &script]), 75);
}

/// No lock is held and no index kept open by what a program leaves running.
#[test]
fn a_program_inherits_neither_the_lock_nor_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let identity = Identity { name: "work".to_owned(), server: "h".to_owned(), port: 110, user: "alice".to_owned() };
    let lock = AccountLock::acquire(&folder.path().join("work.lock")).unwrap();
    let index = Index::open(&host, &folder.path().join("work.sqlite"), &identity).unwrap();
    let file = host.create_new(&folder.path().join("message")).unwrap();
    let argv = ["sh", "-c", "ls -l /proc/self/fd | sed -n 's/.* -> //p'"].map(str::to_owned);
    let program = Program {
        file: Path::new("/bin/sh"),
        argv: &argv,
        variables: &[],
        secret_variables: &[],
        timeout: limits::PIPE,
        grace: limits::GRACE,
        scratch: folder.path(),
    };
    let finished = host.run(&program, None).unwrap();
    assert!(matches!(finished.end, End::Code(0)), "{finished:?}");
    let open = String::from_utf8(finished.printed).unwrap();
    assert!(open.contains("/dev/null") && !open.contains(folder.path().to_str().unwrap()), "{open}");
    drop((lock, index, file));
}

/// Some daemons and shells start others with SIGCHLD ignored: then no exit code would be told.
#[test]
fn who_ignores_the_end_of_children_does_not_hide_it() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let script = format!(
        "trap '' CHLD; exec {} fetch {url} --tls none --into maildir:Mail --password-command echo {PASSWORD}",
        env!("CARGO_BIN_EXE_fetchonce")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(home.folder.path());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.folder.path());
    ran(&mut command).is_fine_and_silent();
    assert_eq!(home.mail("Mail").len(), 7);
}

/// A configuration that hands all mail to this script, which finds its own folder in `$0`.
fn hand_to(home: &Home, script: &str, more: &str) {
    let folder = home.path("taken");
    fs::create_dir_all(&folder).unwrap();
    let target = format!("deliver = {{ pipe = [\"sh\", \"-c\", {script:?}, {:?}]{more} }}", folder.to_str().unwrap());
    let text = home.account("work").replace("deliver = \"maildir:Mail-work\"", &format!("{target}\nkeep = \"none\""));
    assert!(text.contains(&target), "{text}");
    home.configure(&text);
}

/// What was taken, without the token, sorted.
fn taken(home: &Home) -> Vec<Vec<u8>> {
    let folder = home.path("taken");
    let content = |name: &String| {
        let content = fs::read(folder.join(name)).unwrap();
        let line = format!("X-Fetchonce-Token: {name}\n");
        content.strip_prefix(line.as_bytes()).expect("the token is in the header too").to_vec()
    };
    let mut taken: Vec<Vec<u8>> = names_in(&folder).iter().map(content).collect();
    taken.sort();
    taken
}

const TAKE: &str = "cat >\"$0/$FETCHONCE_TOKEN\"";

/// I3: what a program has is deleted on the server, and nothing else.
#[test]
fn i3_mail_goes_to_a_program_and_stays_where_it_is_refused() {
    let home = Home::new();
    hand_to(&home, "echo no room; exit 75", "");
    home.run(&[]).failed(75, &["the program sh ended with exit code 75: no room", "0 of 7 delivered"]);
    hand_to(&home, "exit 1", "");
    home.run(&[]).failed(73, &["the program sh ended with exit code 1"]);
    assert_eq!((taken(&home).len(), home.maildrop.lock().unwrap().messages.len()), (0, 7));
    hand_to(&home, TAKE, "");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(taken(&home), Home::all_samples());
    assert_eq!((home.retrieved(), home.maildrop.lock().unwrap().messages.len()), (7, 0));
    home.run(&[]).is_fine_and_silent();
    assert_eq!(taken(&home).len(), 7);
}

/// I2, I3: whatever is wrong with a program, its mail is kept; what it printed, however much, or left running is no matter.
#[test]
fn i3_programs_that_misbehave_cost_no_mail() {
    let home = Home::new();
    fs::create_dir(home.path("folder")).unwrap();
    fs::write(home.path("text"), "#!/bin/sh\n").unwrap();
    for place in ["no-such-program", "./missing", "./folder", "./text"] {
        let text = home.account("work").replace("maildir:Mail-work", &format!("pipe:{place}"));
        home.configure(&text);
        home.run(&[]).failed(73, &["cannot be run", "kept safe in the held Maildir"]);
        home.run(&["check"]).out.lines().find(|line| line.contains("cannot be run")).expect(place);
    }
    // Whether it had the message it cannot say: it is in doubt, and handed over again.
    for (script, words) in [
        ("kill -KILL $$", "the program sh was ended by signal 9"),
        ("sh -c 'kill -SEGV $$'; exit $?", "the program sh ended with exit code 139"),
    ] {
        hand_to(&home, script, "");
        home.run(&["--limit", "1"]).failed(73, &[words]);
    }
    assert_eq!((home.maildrop.lock().unwrap().messages.len(), home.retrieved()), (7, 7));
    // With `hold` it waits for the user's word at once.
    let other = Home::new();
    hand_to(&other, "kill -KILL $$", ", in_doubt = \"hold\"");
    let words = ["whether pipe:sh has 1 message is not known", "was ended by signal 9", "seen settle work --delivered"];
    other.run(&["--limit", "1"]).failed(65, &words);
    assert_eq!(other.run(&["seen", "settle", "work", "--delivered"]).code, Some(0));
    assert!(!other.run(&["status"]).out.contains("in doubt"));
    hand_to(&home, &format!("{TAKE}; head -c 20000000 /dev/zero; (sleep 3 &); exec <&- >&- 2>&-"), "");
    let ran = home.run(&[]);
    assert!(ran.code == Some(0) && ran.err.contains("delivered again: nothing tells"), "{ran:?}");
    assert_eq!(taken(&home), Home::all_samples());
    assert_eq!((home.maildrop.lock().unwrap().messages.len(), home.retrieved()), (0, 7));
}

/// I8: a program that reads nothing and never ends.
#[test]
fn i8_a_program_that_hangs_is_stopped_and_gets_its_mail_later() {
    let home = Home::new();
    hand_to(&home, "exec sleep 1000", ", timeout = \"1s\"");
    let words = ["the program sh was stopped after 1 seconds", "kept safe in the held Maildir", "0 of 1 delivered"];
    home.run(&["--limit", "1"]).failed(75, &words);
    assert_eq!(home.maildrop.lock().unwrap().messages.len(), 7);
    hand_to(&home, TAKE, "");
    let ran = home.run(&[]);
    assert!(ran.code == Some(0), "{ran:?}");
    assert_eq!((taken(&home), home.retrieved()), (Home::all_samples(), 7));
}

/// I2, I10: killed at any step, a program is given each message, and again one that it was given when fetchonce was killed,
/// with the same token.
#[test]
fn i2_killed_at_any_step_a_program_gets_every_message_and_repeats_have_their_token() {
    for first in (1..).step_by(19) {
        let home = Home::new();
        hand_to(&home, &format!("echo >>\"$0.log\"; {TAKE}"), "");
        let mut killed = 0;
        for step in [first, 37] {
            let mut command = home.command();
            command.args(["--config", "config.toml"]).env("FETCHONCE_KILL_AT_STEP", step.to_string());
            killed += usize::from(command.output().unwrap().status.code().is_none());
        }
        assert_eq!(home.run(&[]).code, Some(0), "killed at {first}");
        home.run(&[]).is_fine_and_silent();
        assert_eq!(taken(&home), Home::all_samples(), "killed at {first}");
        let calls = fs::read(home.path("taken.log")).unwrap().len();
        assert!((7..=7 + killed).contains(&calls), "killed at {first}: {calls} calls");
        assert_eq!(home.maildrop.lock().unwrap().messages.len(), 0, "killed at {first}");
        if killed == 0 {
            assert!(first > 60, "only {first} steps");
            break;
        }
    }
}

/// A program is never left with half a message that ends as a whole one does.
#[test]
fn a_program_reads_all_of_the_message_although_fetchonce_is_killed() {
    let home = Home::new();
    {
        let mut maildrop = home.maildrop.lock().unwrap();
        maildrop.messages.clear();
        maildrop.add(&[b"Subject: large\n\n".to_vec(), b"a line of text\n".repeat(100_000)].concat());
    }
    let script = "mkfifo \"$0.go\"; cat <\"$0.go\"; cat >\"$0.tmp\"; mv \"$0.tmp\" \"$0/$FETCHONCE_TOKEN\"";
    hand_to(&home, script, ", in_doubt = \"hold\"");
    let mut command = home.std_command();
    let mut child = command.args(["--config", "config.toml"]).stderr(Stdio::null()).spawn().unwrap();
    let go = home.path("taken.go");
    wait_for(|| go.exists());
    // This waits until the program reads.
    let go = fs::OpenOptions::new().write(true).open(go).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(go);
    wait_for(|| !names_in(&home.path("taken")).is_empty());
    let taken = taken(&home);
    assert_eq!(taken[0].len(), "Subject: large\n\n".len() + 100_000 * "a line of text\n".len());

    // Whether the program has it is not known to the next run: it is kept, and not handed over again.
    let ran = home.run(&[]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert_eq!((names_in(&home.path("taken")).len(), home.maildrop.lock().unwrap().messages.len()), (1, 1), "{ran:?}");
}

fn wait_for(has_come: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !has_come() {
        assert!(Instant::now() < end, "it does not come");
        thread::sleep(Duration::from_millis(5));
    }
}
