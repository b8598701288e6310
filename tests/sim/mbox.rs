//! An mbox in the simulation: crashed at every step of an append and of its recovery, with mail programs that add mail to
//! the file, rewrite it or put another in its place in between.
//!
//! The journal is in memory; what it holds at a crash is what was committed by then. The spool is never lost. The checker
//! reads the file apart from the program: each message once, foreign mail as it was, nothing glued to anything.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use fetchonce::content::Digester;
use fetchonce::deliver::TargetError;
use fetchonce::deliver::mbox::Mbox;
use fetchonce::deliver::parcel::{Deliver, Outcome, Parcel, Promised, Settled, Source};
use fetchonce::demo::Maildrop;
use fetchonce::host::Host as _;
use fetchonce::model::{DeliveryId, Dialect, Locking, MboxTarget, Promise, Timestamp, Uid};

use crate::world::{Failure, LeftOut, Setting, SimHost, World};

const PATH: &str = "/home/mbox";
/// Messages promised together; fewer than there are.
const BATCH: usize = 2;
/// Two that are equal, in one batch, and another one.
const MESSAGES: [&str; 3] = ["A: 1\n\ntwin\n", "A: 1\n\ntwin\n", "A: 0\n\nFrom zero\n"];
const EARLIER: &str = "From x@h Sat Nov 21 09:00:00 2026\nX: earlier\n\nforeign\n\n";
const LATER: &str = "From z@h Sat Nov 21 10:00:00 2026\nX: later\n\nforeign too\n\n";
const FETCHED: Timestamp = Timestamp(1_795_338_000);

/// What the journal holds of a message.
#[derive(Clone, PartialEq, Debug)]
enum Row {
    Held,
    Intent(Promise),
    Delivered,
    /// A sync failed: what the disk holds is not known.
    Untrusted,
}

#[derive(Clone, PartialEq, Debug)]
struct Journal {
    rows: Vec<Row>,
    /// How often each message was told to be lost.
    lost: Vec<usize>,
}

impl Journal {
    fn new() -> Self {
        Self { rows: vec![Row::Held; MESSAGES.len()], lost: vec![0; MESSAGES.len()] }
    }

    fn which(&self, wanted: impl Fn(&Row) -> bool) -> Vec<usize> {
        (0..self.rows.len()).filter(|at| wanted(&self.rows[*at])).collect()
    }
}

/// A spool that never loses anything.
struct Spool;

impl Source for Spool {
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        let at: usize = token.0.parse().expect("tokens are numbers here");
        Ok(Some(Box::new(io::Cursor::new(MESSAGES[at].as_bytes()))))
    }
}

fn parcel(at: usize) -> Parcel<'static> {
    let mut digester = Digester::new();
    digester.push(MESSAGES[at].as_bytes());
    Parcel {
        token: DeliveryId(at.to_string()),
        uid: Uid::new(at.to_string().as_bytes()).expect("a number is a unique-id"),
        content: digester.finish(),
        fetched_at: FETCHED,
        prefix: Vec::new(),
        source: &Spool,
    }
}

/// All journals that were committed in any history; a world names its own by number.
#[derive(Default)]
struct Journals(Mutex<Vec<Journal>>);

impl Journals {
    fn of(&self, world: &World) -> Journal {
        let Some(image) = &world.index else { return Journal::new() };
        let number = usize::from_be_bytes(image.bytes[..].try_into().expect("an image is a number here"));
        self.0.lock().expect("no test panicked")[number].clone()
    }

    fn commit(&self, host: &SimHost, journal: &Journal) {
        let mut all = self.0.lock().expect("no test panicked");
        all.push(journal.clone());
        let number = all.len() - 1;
        host.committed(&mut || number.to_be_bytes().to_vec());
    }
}

/// A precaution that is left out.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Without {
    Nothing,
    /// INTENT is not committed before the append.
    Intent,
    /// Nothing is made durable.
    Sync,
}

/// How a run of the program goes.
#[derive(Clone, Copy)]
struct How {
    without: Without,
    failure: Option<Failure>,
}

const WELL: How = How { without: Without::Nothing, failure: None };

/// Runs the program once: recovery, then all that is held. Gives the world, and one for each step before which it may crash.
fn run(journals: &Journals, world: World, how: How) -> (World, Vec<World>) {
    let mut journal = journals.of(&world);
    let left_out = (how.without == Without::Sync).then_some(LeftOut::FileSync);
    let setting = Setting { take_snapshots: true, failure: how.failure, left_out, ..Setting::default() };
    let host = SimHost::new(world, 0, setting);
    // Whatever fails: the rest is left to the next run.
    let _ = settle_and_deliver(journals, &host, &mut journal, how.without);
    let shared = host.finish();
    (shared.world, shared.snapshots)
}

fn settle_and_deliver(
    journals: &Journals,
    host: &SimHost,
    journal: &mut Journal,
    without: Without,
) -> Result<(), TargetError> {
    let target = MboxTarget {
        path: PATH.into(),
        dialect: Dialect::Mboxrd,
        locking: Locking::FcntlAndDotlock,
        compression: None,
    };
    let mut mbox = Mbox::new(host, target, Duration::ZERO);
    let intents = journal.which(|row| matches!(row, Row::Intent(_)));
    if !intents.is_empty() {
        let promised: Vec<Promised<'_>> = intents
            .iter()
            .filter_map(|at| match &journal.rows[*at] {
                Row::Intent(promise) => Some(Promised { parcel: parcel(*at), promise: promise.clone(), at: FETCHED }),
                _ => None,
            })
            .collect();
        for (at, settled) in intents.iter().zip(mbox.settle(&promised)?) {
            journal.lost[*at] += usize::from(settled == Settled::Lost);
            journal.rows[*at] = match settled {
                Settled::Delivered => Row::Delivered,
                Settled::NotDelivered | Settled::Lost => Row::Held,
                Settled::Untrusted => Row::Untrusted,
                Settled::InDoubt => panic!("an mbox can be read"),
            };
        }
        journals.commit(host, journal);
    }
    for chunk in journal.which(|row| *row == Row::Held).chunks(BATCH) {
        let parcels: Vec<Parcel<'_>> = chunk.iter().map(|at| parcel(*at)).collect();
        let prepared = mbox.prepare(&parcels)?;
        for (at, promise) in chunk.iter().zip(prepared.promises()) {
            journal.rows[*at] = Row::Intent(promise);
        }
        if without != Without::Intent {
            journals.commit(host, journal);
        }
        for (at, outcome) in chunk.iter().zip(prepared.perform()) {
            match outcome {
                Outcome::Delivered => journal.rows[*at] = Row::Delivered,
                Outcome::Refused(_) => journal.rows[*at] = Row::Held,
                Outcome::Untrusted(_) => journal.rows[*at] = Row::Untrusted,
                Outcome::InDoubt(_) => {}
                Outcome::Rejected(error) => panic!("{error}"),
            }
        }
        journals.commit(host, journal);
    }
    Ok(())
}

/// What other programs do between two runs.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Foreign {
    Nothing,
    /// One delivers mail.
    Appends,
    /// A mail reader marks all messages, in place.
    Marks,
    /// A mail reader removes the earliest foreign message, and marks the others, in place.
    Expunges,
    /// As [`Foreign::Expunges`], and another file comes into the place of the first.
    Replaces,
    /// A mail reader removes all messages; the file stays, empty.
    RemovesAll,
    /// As [`Foreign::RemovesAll`], and then the empty file.
    RemovesFile,
}

const FOREIGN: [Foreign; 7] = [
    Foreign::Nothing,
    Foreign::Appends,
    Foreign::Marks,
    Foreign::Expunges,
    Foreign::Replaces,
    Foreign::RemovesAll,
    Foreign::RemovesFile,
];

/// What a history comes to, besides the world.
#[derive(Clone, Default, Debug)]
struct Account {
    /// Foreign messages that must be there.
    foreign: Vec<&'static str>,
    /// How often a reader took each of our messages away, by its text.
    removed: BTreeMap<&'static str, usize>,
    /// Whether a reader cut the file back to where our first message began: then nothing tells that it was ever there, and
    /// it comes again without a word.
    is_cut_back: bool,
    /// Whether other programs met the file while it ended within a message: then they keep that fragment as mail.
    has_fragments: bool,
}

/// The messages of an mbox: what begins at `From ` after an empty line, or at the start.
fn messages(mbox: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(mbox).into_owned();
    let mut messages: Vec<String> = Vec::new();
    let mut is_after_empty = true;
    for line in text.split_inclusive('\n') {
        if line.starts_with("From ") && is_after_empty {
            messages.push(String::new());
        }
        match messages.last_mut() {
            Some(message) => message.push_str(line),
            None => messages.push(line.to_owned()),
        }
        is_after_empty = line == "\n";
    }
    messages
}

/// How our messages are written: apart from the program's own codec.
fn written(at: usize) -> String {
    let quoted = MESSAGES[at].replace("\nFrom ", "\n>From ");
    format!("From MAILER-DAEMON Sun Nov 22 09:00:00 2026\n{quoted}\n")
}

/// The message without what readers add.
fn unmarked(message: &str) -> String {
    message.replace("Status: RO\nX-UID: 7\n", "")
}

/// The message without what readers add, and without what a power cut left of the next one.
fn whole(message: &str) -> String {
    let message = unmarked(message);
    match message.split_once("\n\n\0") {
        Some((whole, _)) => format!("{whole}\n\n"),
        None => message,
    }
}

/// The message with one empty line after it: other programs may have added some.
fn ended(message: &str) -> String {
    format!("{}\n\n", whole(message).trim_end_matches('\n'))
}

fn marked(message: &str) -> String {
    let unmarked = unmarked(message);
    match unmarked.split_once("\n\n") {
        Some((header, body)) => format!("{header}\nStatus: RO\nX-UID: 7\n\n{body}"),
        None => unmarked,
    }
}

fn act(world: &mut World, account: &mut Account, foreign: Foreign) {
    let path = Path::new(PATH);
    let Some((inode, content, _)) = world.disk.look(path).filter(|_| foreign != Foreign::Nothing) else { return };
    let ours: Vec<String> = (0..MESSAGES.len()).map(written).collect();
    let found = messages(&content);
    let is_known = |message: &String| {
        let message = unmarked(message);
        ours.contains(&message) || [EARLIER, LATER].contains(&&*message)
    };
    account.has_fragments |= !found.iter().all(is_known);
    let rewritten = match foreign {
        Foreign::Nothing => return,
        Foreign::Appends => {
            account.foreign.push(LATER);
            let end = if content.ends_with(b"\n\n") || content.is_empty() { &b""[..] } else { b"\n\n" };
            [&content[..], end, LATER.as_bytes()].concat()
        }
        Foreign::Marks => found.iter().map(|message| marked(message)).collect::<String>().into_bytes(),
        Foreign::Expunges | Foreign::Replaces => {
            account.foreign.retain(|message| *message != EARLIER);
            // What is glued to it by a power cut goes with it.
            let kept = found.iter().filter(|message| !unmarked(message).starts_with("From x@h"));
            kept.map(|message| marked(message)).collect::<String>().into_bytes()
        }
        Foreign::RemovesAll | Foreign::RemovesFile => {
            account.is_cut_back = foreign == Foreign::RemovesAll && account.foreign.is_empty();
            account.foreign.clear();
            for (at, ours) in ours.iter().enumerate().skip(1) {
                let count = found.iter().filter(|message| whole(message) == *ours).count();
                *account.removed.entry(MESSAGES[at]).or_default() += count;
            }
            Vec::new()
        }
    };
    let disk = &mut world.disk;
    let inode = if foreign == Foreign::Replaces {
        let temporary = Path::new("/home/temporary");
        let inode = disk.create(temporary, false).expect("nothing lies there");
        disk.rename(temporary, path, true).expect("it was just made");
        inode
    } else {
        inode
    };
    disk.truncate(inode, 0);
    disk.append(inode, &rewritten);
    disk.sync_file(inode);
    if foreign == Foreign::RemovesFile {
        disk.unlink(path).expect("it was just seen");
    }
    disk.sync_dir(Path::new("/home")).expect("the folder is there");
}

/// What a crash leaves: as it is, or what a power cut makes of it.
fn after_crash(world: World) -> Vec<World> {
    let cut = world.after_power_cut();
    std::iter::once(world).chain(cut).collect()
}

/// What is wrong at the end.
#[derive(Debug, PartialEq)]
enum Violation {
    Lost(String),
    Doubled(String),
    Glued(String),
    Unfinished(String),
    /// Told to be lost, though nobody else wrote to the file.
    FalselyTold(String),
}

fn check(journals: &Journals, world: &World, account: &Account, is_undisturbed: bool) -> Result<(), Violation> {
    let journal = journals.of(world);
    let content = world.disk.look(Path::new(PATH)).map(|(_, content, _)| content).unwrap_or_default();
    let shown = || format!("{} {journal:?}", content.escape_ascii());
    if journal.rows.iter().any(|row| !matches!(row, Row::Delivered | Row::Untrusted)) {
        return Err(Violation::Unfinished(shown()));
    }
    if is_undisturbed && journal.lost.iter().any(|lost| *lost > 0) {
        return Err(Violation::FalselyTold(shown()));
    }
    let found: Vec<String> = messages(&content).iter().map(|message| ended(message)).collect();
    for (at, message) in MESSAGES.iter().enumerate() {
        let promised = MESSAGES.iter().filter(|other| *other == message).count();
        let lost: usize = (0..MESSAGES.len()).filter(|o| MESSAGES[*o] == *message).map(|o| journal.lost[o]).sum();
        let present = found.iter().filter(|found| **found == written(at)).count();
        let seen = present + account.removed.get(message).copied().unwrap_or(0);
        if seen < promised {
            return Err(Violation::Lost(shown()));
        }
        // One that is told to be lost was taken away, or not delivered at all: it is never there twice.
        if present > promised || (seen > promised + lost && !account.is_cut_back) {
            return Err(Violation::Doubled(shown()));
        }
    }
    for foreign in &account.foreign {
        // Zeros of a power cut may have been glued to it before anybody came.
        if !found.iter().any(|found| found.starts_with(foreign)) {
            return Err(Violation::Lost(shown()));
        }
    }
    let is_known = |message: &String| {
        (0..MESSAGES.len()).any(|at| *message == written(at)) || [EARLIER, LATER].contains(&&**message)
    };
    if !account.has_fragments && !found.iter().all(is_known) {
        return Err(Violation::Glued(shown()));
    }
    Ok(())
}

/// An mbox with earlier mail in it, or none at all.
fn start(has_earlier: bool) -> (World, Account) {
    let mut world = World::new(Maildrop::new());
    let mut account = Account::default();
    if has_earlier {
        let inode = world.disk.create(Path::new(PATH), false).expect("nothing lies there");
        world.disk.append(inode, EARLIER.as_bytes());
        world.disk.sync_file(inode);
        world.disk.sync_dir(Path::new("/home")).expect("the folder is there");
        account.foreign.push(EARLIER);
    }
    (world, account)
}

/// Clean runs to the end; the last one changes nothing.
fn end(journals: &Journals, world: World, account: &Account, is_undisturbed: bool) -> Result<(), Violation> {
    let (world, _) = run(journals, world, WELL);
    let (after, _) = run(journals, world.clone(), WELL);
    assert_eq!(after.disk, world.disk, "a run with nothing to do writes");
    check(journals, &after, account, is_undisturbed)
}

/// States that were explored already: what comes of them is known.
#[derive(Default)]
struct Seen(HashSet<u64>);

impl Seen {
    fn is_new(&mut self, journals: &Journals, world: &World, acted: Option<(Foreign, &Account)>) -> bool {
        let mut hasher = DefaultHasher::new();
        (&world.disk, format!("{:?} {acted:?}", journals.of(world))).hash(&mut hasher);
        self.0.insert(hasher.finish())
    }
}

/// A crash at each step of the first run, what other programs do then, a crash at each step of the second, and the end.
/// Gives the number of different histories.
fn explore(has_earlier: bool, how: How) -> Result<usize, Violation> {
    let (journals, mut seen) = (Journals::default(), Seen::default());
    let (world, account) = start(has_earlier);
    let (done, snapshots) = run(&journals, world, how);
    let mut histories = 0;
    for world in snapshots.into_iter().flat_map(after_crash).chain([done]) {
        if !seen.is_new(&journals, &world, None) {
            continue;
        }
        for foreign in FOREIGN {
            let (mut world, mut account) = (world.clone(), account.clone());
            act(&mut world, &mut account, foreign);
            let is_undisturbed = foreign == Foreign::Nothing;
            let (done, snapshots) = run(&journals, world, WELL);
            let crashed = |world| if is_undisturbed { after_crash(world) } else { vec![world] };
            for world in snapshots.into_iter().flat_map(crashed).chain([done]) {
                if seen.is_new(&journals, &world, Some((foreign, &account))) {
                    histories += 1;
                    end(&journals, world, &account, is_undisturbed)?;
                }
            }
        }
    }
    Ok(histories)
}

/// I2: every message once, foreign mail intact, nothing glued, whatever a crash and other programs do.
#[test]
fn an_mbox_gets_every_message_once_whoever_else_writes_to_it() {
    for has_earlier in [true, false] {
        let histories = explore(has_earlier, WELL).unwrap();
        assert!(histories > 2000, "{histories} histories");
    }
}

/// A disk operation fails at any step: nothing is lost, doubled or glued by it.
#[test]
fn a_disk_that_fails_at_any_step_leaves_an_mbox_whole() {
    for step in 0.. {
        let journals = Journals::default();
        let (world, account) = start(true);
        let how = How { failure: Some(Failure::Disk(step)), ..WELL };
        let (world, snapshots) = run(&journals, world, how);
        if step > snapshots.len() {
            assert!(step > 20, "only {step} steps");
            return;
        }
        end(&journals, world, &account, true).unwrap_or_else(|violation| panic!("step {step}: {violation:?}"));
    }
}

#[test]
fn without_the_promise_a_message_is_doubled_or_glued_to_a_fragment() {
    let found = explore(true, How { without: Without::Intent, ..WELL }).unwrap_err();
    assert!(matches!(found, Violation::Doubled(_) | Violation::Glued(_)), "{found:?}");
}

#[test]
fn without_the_sync_a_message_is_lost() {
    let found = explore(true, How { without: Without::Sync, ..WELL }).unwrap_err();
    assert!(matches!(found, Violation::Lost(_)), "{found:?}");
}
