//! An mbox among other programs: their locks, their readers, what they make of the file, and a disk that is full.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fetchonce::content::Digester;
use fetchonce::deliver::TargetError;
use fetchonce::deliver::mbox::{Mbox, MboxError};
use fetchonce::deliver::parcel::{Deliver as _, Outcome, Parcel, Promised, Settled, Source};
use fetchonce::host::{RealHost, SharedError};
use fetchonce::model::{Compression, DeliveryId, Dialect, Locking, MboxTarget, Promise, Timestamp, Uid};
use tempfile::TempDir;

use crate::support::disk::{SmallDisk, fill};
use crate::support::dovecot::PASSWORD;
use crate::support::{Account, Dovecot, Place, corpus, difference, leave_out, mail_in, output_of, program, stored};

const FETCHED: Timestamp = Timestamp(1_795_338_000);

/// Messages in memory.
struct Spool(BTreeMap<String, Vec<u8>>);

impl Source for Spool {
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        let found = self.0.get(&token.0).cloned();
        Ok(found.map(|message| Box::new(io::Cursor::new(message)) as Box<dyn Read>))
    }
}

/// An mbox and the messages that go there.
struct Bench {
    host: RealHost,
    spool: Spool,
    target: MboxTarget,
}

impl Bench {
    fn new(path: PathBuf, messages: &[Vec<u8>]) -> Self {
        let target =
            MboxTarget { path, dialect: Dialect::Mboxrd, locking: Locking::FcntlAndDotlock, compression: None };
        let named = messages.iter().enumerate().map(|(at, message)| (format!("{at:04}"), message.clone()));
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        Self { host, spool: Spool(named.collect()), target }
    }

    fn parcels(&self) -> Vec<Parcel<'_>> {
        let parcel = |(token, message): (&String, &Vec<u8>)| {
            let mut digester = Digester::new();
            digester.push(message);
            Parcel {
                token: DeliveryId(token.clone()),
                uid: Uid::new(token.as_bytes()).unwrap(),
                content: digester.finish(),
                fetched_at: FETCHED,
                prefix: Vec::new(),
                source: &self.spool,
            }
        };
        self.spool.0.iter().map(parcel).collect()
    }

    fn mbox(&self) -> Mbox<'_> {
        Mbox::new(&self.host, self.target.clone(), Duration::ZERO)
    }

    /// Delivers all messages; gives what was promised and what became of it.
    fn deliver(&self) -> Result<(Vec<Promise>, Vec<Outcome>), TargetError> {
        let parcels = self.parcels();
        let mut mbox = self.mbox();
        let prepared = mbox.prepare(&parcels)?;
        Ok((prepared.promises(), prepared.perform()))
    }

    #[track_caller]
    fn deliver_all(&self) -> Vec<Promise> {
        let (promises, outcomes) = self.deliver().unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Delivered)), "{outcomes:?}");
        promises
    }

    fn settle(&self, promises: &[Promise]) -> Vec<Settled> {
        let intent = |(parcel, promise): (_, &Promise)| Promised { parcel, promise: promise.clone(), at: FETCHED };
        let intents: Vec<Promised<'_>> = self.parcels().into_iter().zip(promises).map(intent).collect();
        self.mbox().settle(&intents).unwrap()
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("fetchonce-it-").unwrap()
}

/// Messages of many shapes in stored form, as the spool has them.
fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = corpus::messages(7).iter().map(|message| stored(message)).collect();
    messages.push(
        b"Subject: separators\n\nFrom the start\n>From the quoted\n>>From the twice quoted\n From\nFrom\n".to_vec(),
    );
    messages.push(b"Subject: lengths\nContent-Length: 3\n\nFrom a@b Sun Nov 22 09:00:00 2026\nX: y\n\nz\n".to_vec());
    messages.push(b"Subject: an empty body\n\n".to_vec());
    messages.push(b"Subject: empty lines\n\n\n\nx\n\n\n".to_vec());
    messages
}

/// What mboxrd puts before lines that look like separators, taken away.
fn unquoted(message: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| {
        let marks = line.iter().take_while(|octet| **octet == b'>').count();
        let is_quoted = marks > 0 && line[marks..].starts_with(b"From ");
        line[usize::from(is_quoted)..].to_vec()
    };
    message.split_inclusive(|octet| *octet == b'\n').flat_map(line).collect()
}

fn ended(message: &[u8]) -> Vec<u8> {
    let end = if message.ends_with(b"\n") { &b""[..] } else { b"\n" };
    [message, end].concat()
}

fn python() -> Option<PathBuf> {
    let python = program("python3");
    if python.is_none() {
        leave_out("Python's view of an mbox: there is no python3", "FETCHONCE_REQUIRE_MBOX_READERS");
    }
    python
}

#[test]
fn python_reads_every_message_as_it_was() {
    const SCRIPT: &str = "import mailbox, sys\n\
                          for message in map(mailbox.mbox(sys.argv[1]).get_bytes, range(int(sys.argv[2]))):\n\
                          \x20   print(message.hex())\n";
    let Some(python) = python() else { return };
    let (folder, messages) = (folder(), messages());
    let bench = Bench::new(folder.path().join("mbox"), &messages);
    bench.deliver_all();
    let mut command = Command::new(python);
    command.arg("-c").arg(SCRIPT).arg(&bench.target.path).arg(messages.len().to_string());
    let read: Vec<Vec<u8>> = output_of(&mut command).lines().map(octets).collect();
    assert_eq!(read.len(), messages.len());
    for (read, message) in read.iter().zip(&messages) {
        assert!(unquoted(read) == ended(message), "{} became {}", message.escape_ascii(), read.escape_ascii());
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// Another program that holds a lock until it is told to let go.
struct Holder(Child);

impl Holder {
    fn start(python: &Path, lock: &str, path: &Path) -> Self {
        let script = format!(
            "import fcntl, sys\nfile = open(sys.argv[1], 'a')\n{lock}\nprint('held', flush=True)\nsys.stdin.read()\n"
        );
        let mut command = Command::new(python);
        command.arg("-c").arg(script).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }

    fn let_go(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
fn locks_of_other_programs_are_respected_and_ours_by_them() {
    let Some(python) = python() else { return };
    for (locking, lock) in [
        (Locking::FcntlAndDotlock, "fcntl.lockf(file, fcntl.LOCK_EX)"),
        (Locking::Flock, "fcntl.flock(file, fcntl.LOCK_EX)"),
    ] {
        let folder = folder();
        let mut bench = Bench::new(folder.path().join("mbox"), &messages());
        bench.target.locking = locking;
        let holder = Holder::start(&python, lock, &bench.target.path);
        let refused = bench.deliver().unwrap_err();
        assert!(matches!(refused, TargetError::Mbox(MboxError::Open(SharedError::Locked(_)))), "{refused}");
        assert_eq!(fs::metadata(&bench.target.path).unwrap().len(), 0);
        holder.let_go();

        let parcels = bench.parcels();
        let mut mbox = bench.mbox();
        let prepared = mbox.prepare(&parcels).unwrap();
        let tried = format!(
            "import fcntl, sys\nfile = open(sys.argv[1], 'a')\n{}\n",
            lock.replace("_EX", "_EX | fcntl.LOCK_NB")
        );
        let mut command = Command::new(&python);
        command.arg("-c").arg(&tried).arg(&bench.target.path);
        let output = command.output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("BlockingIOError"), "{output:?}");
        prepared.perform();
        assert!(command.status().unwrap().success(), "the lock is let go");
    }
}

/// Dovecot serves what lies in the mbox, and marks and moves messages there: those promised are found afterwards.
#[test]
fn dovecot_reads_every_message_as_it_was_and_what_it_rewrote_is_found() {
    let Some(dovecot) = Dovecot::start_at(&["alice"], "mbox:~/mail:INBOX=~/mbox") else { return };
    // Dovecot hides the field.
    let is_served = |message: &Vec<u8>| !message.windows(15).any(|octets| octets == b"Content-Length:");
    let (folder, messages): (_, Vec<Vec<u8>>) = (folder(), messages().into_iter().filter(is_served).collect());
    let bench = Bench::new(folder.path().join("mbox"), &messages);
    let foreign = b"From x@example.com Sat Nov 21 09:00:00 2026\nSubject: foreign\n\nforeign\n\n";
    fs::write(&bench.target.path, foreign).unwrap();
    let promises = bench.deliver_all();
    let before = fs::read(&bench.target.path).unwrap();
    dovecot.store_mbox("alice", &before);

    let place = Place::new();
    let account =
        Account { user: "alice".to_owned(), password: PASSWORD.to_owned(), ..Account::plain(dovecot.pop3, "forever") };
    place.configure(&account);
    place.fetch().ok();
    dovecot.sessions("alice", 1);
    let mut read = mail_in(&place.maildir());
    // It does not undo the quoting.
    for file in &mut read {
        file.content = unquoted(&file.content);
    }
    let expected: Vec<Vec<u8>> = std::iter::once(&b"Subject: foreign\n\nforeign\n"[..])
        .chain(messages.iter().map(|message| &message[..]))
        .map(ended)
        .collect();
    let difference = difference(&expected, &read);
    assert!(difference.is_none(), "{difference:?}");

    let after = dovecot.mbox("alice");
    assert_ne!(after, before, "Dovecot marked nothing");
    fs::write(&bench.target.path, after).unwrap();
    assert_eq!(bench.settle(&promises), vec![Settled::Delivered; messages.len()]);
}

#[test]
fn archives_are_read_by_the_usual_programs() {
    let (folder, messages) = (folder(), messages());
    let plain = Bench::new(folder.path().join("plain"), &messages);
    plain.deliver_all();
    plain.deliver_all();
    let expected = fs::read(&plain.target.path).unwrap();
    for (name, compression, reader) in
        [("mail.gz", Compression::Gzip, &["zcat"][..]), ("mail.zst", Compression::Zstd, &["zstd", "-dc"])]
    {
        let mut bench = Bench::new(folder.path().join(name), &messages);
        bench.target.compression = Some(compression);
        bench.deliver_all();
        bench.deliver_all();
        let Some(program) = program(reader[0]) else {
            leave_out(&format!("reading {name}: there is no {}", reader[0]), "FETCHONCE_REQUIRE_MBOX_READERS");
            continue;
        };
        let output = Command::new(program).args(&reader[1..]).arg(&bench.target.path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == expected, "{name}");
    }
}

/// A disk that fills up within a batch: what was written of it is taken back, and the next run delivers it.
#[test]
fn i2_a_full_disk_leaves_the_mbox_as_it_was() {
    let folder = folder();
    let Some(disk) = SmallDisk::mount(folder.path().join("disk"), "1m", rustix::process::geteuid().as_raw()) else {
        return;
    };
    let small = b"Subject: small\n\nsmall\n".to_vec();
    let large = [&b"Subject: large\n\n"[..], &b"some text in a line\n".repeat(10_000)].concat();
    for compression in [None, Some(Compression::Gzip)] {
        // Nothing that is compressed to nothing.
        let noise: Vec<u8> = (0_u32..150_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let large = if compression.is_some() { [&large[..], &noise].concat() } else { large.clone() };
        let mut bench = Bench::new(disk.path.join(format!("mbox-{}", compression.is_some())), &[small.clone(), large]);
        bench.target.compression = compression;
        let earlier =
            Bench { target: bench.target.clone(), ..Bench::new(PathBuf::new(), std::slice::from_ref(&small)) };
        earlier.deliver_all();
        let before = fs::read(&bench.target.path).unwrap();
        fill(&disk.filler());
        let file = fs::File::options().write(true).open(disk.filler()).unwrap();
        file.set_len(file.metadata().unwrap().len() - 64 * 1024).unwrap();
        drop(file);
        let (_, outcomes) = bench.deliver().unwrap();
        for outcome in &outcomes {
            let Outcome::Refused(error) = outcome else { panic!("{outcomes:?}") };
            assert!(error.is_disk_failure(), "{error}");
            assert!(error.to_string().starts_with("nothing was added to "), "{error}");
        }
        assert!(fs::read(&bench.target.path).unwrap() == before);
        fs::remove_file(disk.filler()).unwrap();
        bench.deliver_all();
        assert!(fs::read(&bench.target.path).unwrap().starts_with(&before));
        fs::remove_file(&bench.target.path).unwrap();
    }
}
