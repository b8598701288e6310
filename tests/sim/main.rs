//! The simulation: the real program over a simulated world, crashed at every step.
//!
//! `world` is the machine, `disk` its fault model, `history` the runs and the checkers, `explore` the enumeration.
//! `weakened` shows that each precaution is needed: left out, the loss or the duplicate is noticed. `random` goes on with
//! longer histories from seeds. `lmtp` is a mail server, and `mta` compares what delivery to it says with what it has.

mod disk;
mod explore;
mod failures;
mod history;
mod lmtp;
mod mailboxes;
mod mbox;
mod mta;
mod part;
mod pipe;
mod places;
mod random;
mod regressions;
mod removed;
mod routes;
mod rows;
mod shared;
mod staying;
mod stdout;
mod stubs;
mod targets;
mod weakened;
mod world;

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use explore::{Crashes, Explorer, faults, maildrop, replies};
use fetchonce::policy::Keep;
use history::Scenario;

const KEEPS: [Keep; 3] = [Keep::Forever, Keep::None, Keep::Days(1)];
/// The machine has few cores, and each exploration keeps its states in memory.
const THREADS: usize = 2;

#[test]
fn every_history_of_two_and_of_three_messages() {
    let mut tasks = Vec::new();
    for keep in KEEPS {
        tasks.push(Task { keep, messages: 3, twins: false, crashes: Crashes::One });
        tasks.push(Task { keep, messages: 2, twins: true, crashes: Crashes::One });
        tasks.push(Task { keep, messages: 2, twins: false, crashes: Crashes::Two });
    }
    let tasks = Mutex::new(tasks);
    let histories = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(task) = next(&tasks) {
                    let explored = task.explore();
                    say(&format!("{task:?}: {explored}"));
                    histories.fetch_add(explored, Ordering::Relaxed);
                }
            });
        }
    });
    let histories = histories.into_inner();
    let floor: u64 = include_str!("FLOOR").trim().parse().expect("FLOOR holds a number");
    say(&format!("simulation: {histories} histories"));
    assert!(histories >= floor, "{histories} histories are fewer than the {floor} that tests/sim/FLOOR states");
}

/// Past the capture of a passing test: who runs the suite sees what was explored.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}

#[derive(Debug)]
struct Task {
    keep: Keep,
    messages: usize,
    twins: bool,
    crashes: Crashes,
}

impl Task {
    /// Explores each single fault; gives the number of histories.
    fn explore(&self) -> u64 {
        let maildrop = maildrop(self.messages, self.twins);
        let scenario = Scenario::new(self.keep, &maildrop);
        let mut explorer = Explorer::new(&scenario);
        for fault in faults(&maildrop, replies(&maildrop, &scenario)) {
            let result = explorer.explore(&maildrop, &fault, self.crashes);
            assert_eq!(result, Ok(()), "{self:?} {fault:?}");
        }
        explorer.histories
    }
}

fn next(tasks: &Mutex<Vec<Task>>) -> Option<Task> {
    tasks.lock().expect("no exploration panicked with the list").pop()
}
