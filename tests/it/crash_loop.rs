//! The real program killed by SIGKILL at each of its steps, and run again (I2, I3, I4, I10).
//!
//! The steps are those of the seam to the world: each connection, each change and sync of a file or folder, each commit
//! of the index. A kill loses nothing that was written, so power cuts are left to the simulation; what a kill tests is
//! the real order of the real system calls, and the recovery that follows.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use fetchonce::demo::{Event, Faults, Message};

use crate::support::{
    Account, Place, Ran, Server, difference, expected_of, leftovers, mail_in, retrs, stored, three_messages,
};

/// No run of three messages takes more steps.
const MOST_STEPS: u32 = 500;

/// One mailbox with three messages, fetched by one account.
struct Rig {
    place: Arc<Place>,
    server: Server,
    expected: Vec<Vec<u8>>,
    keep: &'static str,
    /// What the server did before it was allowed to.
    violations: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    fn new(keep: &'static str) -> Self {
        let place = Arc::new(Place::new());
        let maildrop = three_messages();
        let expected = expected_of(&maildrop);
        let violations = Arc::<Mutex<Vec<String>>>::default();
        let witness = {
            let (place, violations) = (Arc::clone(&place), Arc::clone(&violations));
            let expunged = Mutex::new(Vec::new());
            move |event: &Event| {
                if let Event::Dele(message) | Event::Expunged(message) = event
                    && let Some(violation) = premature(&place, &expunged, event, message)
                {
                    violations.lock().unwrap().push(violation);
                }
            }
        };
        let server = Server::start(maildrop, |_| Faults::default(), witness);
        place.configure(&Account::plain(server.port(), keep));
        Self { place, server, expected, keep, violations }
    }

    fn killed_at(&self, step: u32) -> Ran {
        let ran = self.place.fetch_killed_at(step);
        assert!(ran.was_killed() || ran.code() == Some(0), "{}, step {step}: {ran:?}", self.keep);
        self.server.wait_until_idle();
        ran
    }

    /// Two runs without a kill: the first completes everything, the second finds nothing to do.
    #[track_caller]
    fn complete(&self, what: &str) {
        self.place.fetch().ok();
        self.assert_whole(what);
        let (log, rows) = (self.server.log(), self.place.rows());
        let paths = || mail_in(&self.place.maildir()).into_iter().map(|file| file.path).collect::<Vec<_>>();
        let before = paths();
        self.server.clear_log();
        self.place.fetch().ok();
        self.assert_whole(what);
        assert_eq!(retrs(&self.server.log()), 0, "{what}: a further run has a RETR");
        assert_eq!(paths(), before, "{what}: a further run touches the Maildir");
        // The deletions of the run before are confirmed by the listing of this one: only then may rows change.
        if !log.iter().any(|logged| matches!(logged.event, Event::Expunged(_))) {
            assert_eq!(self.place.rows(), rows, "{what}: a further run changes rows");
        }
    }

    #[track_caller]
    fn assert_whole(&self, what: &str) {
        let found = mail_in(&self.place.maildir());
        let difference = difference(&self.expected, &found);
        assert!(difference.is_none(), "{what}: {difference:?}");
        assert_eq!(leftovers(&self.place.maildir()), [""; 0], "{what}: tmp/");
        assert_eq!(self.violations.lock().unwrap()[..], [""; 0], "{what}: deleted too early");
        let left = self.server.maildrop().messages.len();
        assert_eq!(left, if self.keep == "none" { 0 } else { 3 }, "{what}: left on the server");
    }
}

/// I2, I3: at the instant of a DELE or an expunge the Maildir has as many such messages as are deleted by then.
fn premature(place: &Place, expunged: &Mutex<Vec<Message>>, event: &Event, message: &Message) -> Option<String> {
    let mut expunged = expunged.lock().unwrap();
    let gone = expunged.iter().filter(|other| other.wire == message.wire).count();
    if matches!(event, Event::Expunged(_)) {
        expunged.push(message.clone());
    }
    let content = stored(&message.wire);
    let delivered = mail_in(&place.maildir()).iter().filter(|file| file.content == content).count();
    (delivered <= gone).then(|| format!("{event:?} with {delivered} delivered and {gone} expunged before"))
}

/// Kills at each step until the program survives; gives how many steps there were.
fn kill_at_each_step(keep: &'static str) -> u32 {
    for step in 1..MOST_STEPS {
        let rig = Rig::new(keep);
        let ran = rig.killed_at(step);
        rig.complete(&format!("keep {keep}, killed at step {step}"));
        if !ran.was_killed() {
            return step - 1;
        }
    }
    panic!("the program takes more than {MOST_STEPS} steps");
}

#[test]
fn i2_killed_at_each_step_every_message_is_delivered_once() {
    let steps = kill_at_each_step("forever");
    println!("killed at each of {steps} steps");
    assert!(steps >= 30, "only {steps} steps");
}

#[test]
fn i3_killed_at_each_step_nothing_is_deleted_before_it_is_delivered() {
    let steps = kill_at_each_step("none");
    println!("killed at each of {steps} steps");
    assert!(steps >= 30, "only {steps} steps");
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
                let rig = Rig::new("none");
                if !rig.killed_at(first).was_killed() {
                    return;
                }
                let ran = rig.killed_at(second);
                rig.place.fetch().ok();
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
