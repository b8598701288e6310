//! The real program killed by SIGKILL at each of its steps, and run again (I2, I3, I4, I10).
//!
//! The steps are those of the seam to the world: each connection, each change and sync of a file or folder, each commit
//! of the index. A kill loses nothing that was written, so power cuts are left to the simulation; what a kill tests is
//! the real order of the real system calls, and the recovery that follows.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use fetchonce::demo::{Event, Faults, Maildrop, Message};
use fetchonce::model::limits;

use crate::support::mail::MailFile;
use crate::support::{
    Account, Place, Ran, Server, difference, expected_of, leftovers, mail_in, retrs, stored, three_messages,
};

/// No run of these tests takes more steps.
const MOST_STEPS: u32 = 1000;

/// What a mail reader does in the Maildir while nobody fetches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reader {
    Sleeps,
    /// Moves new mail to `cur/` and flags it as seen.
    Moves,
    /// Takes all mail away.
    Deletes,
}

/// What shall be done in a mailbox, and who meddles.
#[derive(Clone)]
struct Story {
    maildrop: Maildrop,
    keep: &'static str,
    reader: Reader,
    /// Everything was fetched before under `keep = "forever"`.
    is_fetched_before: bool,
}

impl Story {
    fn of_three_messages(keep: &'static str) -> Self {
        Self { maildrop: three_messages(), keep, reader: Reader::Sleeps, is_fetched_before: false }
    }
}

/// The mail delivered by one account, and what a reader took away of it.
struct Delivered {
    place: Place,
    taken: Mutex<Vec<MailFile>>,
}

impl Delivered {
    fn all(&self) -> Vec<MailFile> {
        let mut all = mail_in(&self.place.maildir());
        all.extend(self.taken.lock().unwrap().iter().cloned());
        all
    }
}

/// One mailbox, fetched by one account.
struct Rig {
    story: Story,
    delivered: Arc<Delivered>,
    server: Server,
    expected: Vec<Vec<u8>>,
    /// What the server did before it was allowed to.
    violations: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    fn new(story: &Story) -> Self {
        let delivered = Arc::new(Delivered { place: Place::new(), taken: Mutex::default() });
        let expected = expected_of(&story.maildrop);
        let violations = Arc::<Mutex<Vec<String>>>::default();
        let witness = {
            let (delivered, violations) = (Arc::clone(&delivered), Arc::clone(&violations));
            let expunged = Mutex::new(Vec::new());
            move |event: &Event| {
                if let Event::Dele(message) | Event::Expunged(message) = event
                    && let Some(violation) = premature(&delivered, &expunged, event, message)
                {
                    violations.lock().unwrap().push(violation);
                }
            }
        };
        let server = Server::start(story.maildrop.clone(), |_| Faults::default(), witness);
        let rig = Self { story: story.clone(), delivered, server, expected, violations };
        if story.is_fetched_before {
            rig.place().configure(&Account::plain(rig.server.port(), "forever"));
            rig.place().fetch().ok();
        }
        rig.place().configure(&Account::plain(rig.server.port(), story.keep));
        rig
    }

    fn place(&self) -> &Place {
        &self.delivered.place
    }

    fn killed_at(&self, step: u32) -> Ran {
        let ran = self.place().fetch_killed_at(step);
        assert!(ran.was_killed() || ran.code() == Some(0), "{}, step {step}: {ran:?}", self.story.keep);
        self.server.wait_until_idle();
        self.read();
        ran
    }

    /// The mail reader comes by.
    fn read(&self) {
        for file in mail_in(&self.place().maildir()) {
            match self.story.reader {
                Reader::Moves if file.path.parent().unwrap().ends_with("new") => {
                    let name = file.path.file_name().unwrap().to_str().unwrap();
                    let to = self.place().maildir().join("cur").join(format!("{name}:2,S"));
                    fs::rename(&file.path, to).unwrap();
                }
                Reader::Deletes => {
                    fs::remove_file(&file.path).unwrap();
                    self.delivered.taken.lock().unwrap().push(file);
                }
                Reader::Moves | Reader::Sleeps => {}
            }
        }
    }

    /// Two runs without a kill: the first completes everything, the second finds nothing to do.
    #[track_caller]
    fn complete(&self, what: &str) {
        self.place().fetch().ok();
        self.assert_whole(what);
        let (log, rows) = (self.server.log(), self.place().rows());
        let paths = || mail_in(&self.place().maildir()).into_iter().map(|file| file.path).collect::<Vec<_>>();
        let before = paths();
        self.server.clear_log();
        self.place().fetch().ok();
        self.assert_whole(what);
        assert_eq!(retrs(&self.server.log()), 0, "{what}: a further run has a RETR");
        assert_eq!(paths(), before, "{what}: a further run touches the Maildir");
        // The deletions of the run before are confirmed by the listing of this one: only then may rows change.
        if !log.iter().any(|logged| matches!(logged.event, Event::Expunged(_))) {
            assert_eq!(self.place().rows(), rows, "{what}: a further run changes rows");
        }
    }

    #[track_caller]
    fn assert_whole(&self, what: &str) {
        let difference = difference(&self.expected, &self.delivered.all());
        assert!(difference.is_none(), "{what}: {difference:?}");
        assert_eq!(leftovers(&self.place().maildir()), [""; 0], "{what}: tmp/");
        assert_eq!(self.violations.lock().unwrap()[..], [""; 0], "{what}: deleted too early");
        let left = self.server.maildrop().messages.len();
        let wanted = if self.story.keep == "none" { 0 } else { self.expected.len() };
        assert_eq!(left, wanted, "{what}: left on the server");
    }
}

/// I2, I3: at the instant of a DELE or an expunge as many such messages are delivered as are deleted by then.
fn premature(
    delivered: &Delivered,
    expunged: &Mutex<Vec<Message>>,
    event: &Event,
    message: &Message,
) -> Option<String> {
    let mut expunged = expunged.lock().unwrap();
    let gone = expunged.iter().filter(|other| other.wire == message.wire).count();
    if matches!(event, Event::Expunged(_)) {
        expunged.push(message.clone());
    }
    let content = stored(&message.wire);
    let here = delivered.all().iter().filter(|file| file.content == content).count();
    (here <= gone).then(|| format!("{event:?} with {here} delivered and {gone} expunged before"))
}

/// Kills at each step until the program survives; there must be so many steps at least.
fn kill_at_each_step(story: &Story, fewest: u32) {
    kill_at_steps(story, fewest, 1);
}

/// Kills at each `stride`th step.
fn kill_at_steps(story: &Story, fewest: u32, stride: usize) {
    let what = format!("keep {}, the reader {:?}", story.keep, story.reader);
    for step in (1..MOST_STEPS).step_by(stride) {
        let rig = Rig::new(story);
        let ran = rig.killed_at(step);
        rig.complete(&format!("{what}, killed at step {step}"));
        if !ran.was_killed() {
            println!("{what}: {} steps, killed at every one in {stride}", step - 1);
            assert!(step > fewest, "only {} steps", step - 1);
            return;
        }
    }
    panic!("the program takes more than {MOST_STEPS} steps");
}

#[test]
fn i2_killed_at_each_step_every_message_is_delivered_once() {
    kill_at_each_step(&Story::of_three_messages("forever"), 30);
}

#[test]
fn i3_killed_at_each_step_nothing_is_deleted_before_it_is_delivered() {
    kill_at_each_step(&Story::of_three_messages("none"), 30);
}

#[test]
fn i2_killed_while_a_reader_moves_mail_every_message_is_delivered_once() {
    kill_at_each_step(&Story { reader: Reader::Moves, ..Story::of_three_messages("none") }, 30);
}

#[test]
fn i2_killed_while_a_reader_deletes_mail_nothing_is_delivered_again() {
    kill_at_each_step(&Story { reader: Reader::Deletes, ..Story::of_three_messages("none") }, 30);
}

#[test]
fn i3_i5_killed_while_it_deletes_what_was_fetched_before() {
    kill_at_each_step(&Story { is_fetched_before: true, ..Story::of_three_messages("none") }, 3);
}

/// More messages than fit into one batch: one batch is deleted while the next one is fetched.
#[test]
fn i4_killed_at_steps_of_two_batches() {
    let mut maildrop = Maildrop::new();
    for number in 0..limits::BATCH_MESSAGES + 3 {
        maildrop.add(format!("Subject: message {number}\n\ntext\n").as_bytes());
    }
    kill_at_steps(&Story { maildrop, ..Story::of_three_messages("none") }, 150, 4);
}

/// The second kill falls into the recovery, at each of its first steps, and then at every fourth, shifted with the
/// first kill so that together they cover all.
fn second_steps(first: u32) -> impl Iterator<Item = u32> {
    (1..MOST_STEPS).filter(move |second| *second <= 10 || (second + first).is_multiple_of(4))
}

#[test]
fn i10_killed_again_in_the_recovery_every_message_is_delivered_once() {
    let (pairs, next) = (AtomicU32::new(0), AtomicU32::new(1));
    let work = || {
        loop {
            let first = next.fetch_add(1, Ordering::SeqCst);
            assert!(first < MOST_STEPS, "the program takes more than {MOST_STEPS} steps");
            for second in second_steps(first) {
                let rig = Rig::new(&Story::of_three_messages("none"));
                if !rig.killed_at(first).was_killed() {
                    return;
                }
                let ran = rig.killed_at(second);
                rig.place().fetch().ok();
                rig.assert_whole(&format!("killed at step {first}, then at step {second}"));
                if !ran.was_killed() {
                    break;
                }
                pairs.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let pairs = pairs.into_inner();
    println!("killed at {pairs} pairs of steps");
    assert!(pairs >= 400, "only {pairs} pairs");
}
