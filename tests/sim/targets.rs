//! Several targets, and targets other than a Maildir: each gets every message exactly once, whatever fails where.

use fetchonce::demo::{Faults, Quit};
use fetchonce::model::{FolderTarget, Target};
use fetchonce::policy::Keep;

use crate::explore::{Crashes, Explorer, aftermath, maildrop, steps};
use crate::history::{Scenario, run};
use crate::world::{Failure, MAILDIR, OTHER_MAILDIR, Setting, World};

/// Faults between which the order of DELE, QUIT and the deliveries matters.
pub(crate) fn some_faults() -> [Faults; 4] {
    let drop = |reply| Faults { drop_at_reply: Some(reply), ..Faults::default() };
    let delete_on_retr_quit = Faults { delete_on_retr_quit: true, ..Faults::default() };
    [Faults::default(), Faults { quit: Quit::AppliedUnanswered, ..Faults::default() }, drop(7), delete_on_retr_quit]
}

pub(crate) fn explore(targets: &[Target], messages: usize, crashes: Crashes, faults: &[Faults]) -> u64 {
    let mut histories = 0;
    for keep in [Keep::Forever, Keep::None] {
        let mail = maildrop(messages, false);
        let scenario = Scenario { targets: targets.to_vec(), ..Scenario::new(keep, &mail) };
        let mut explorer = Explorer::new(&scenario);
        for fault in faults {
            let result = explorer.explore(&mail, fault, crashes);
            assert_eq!(result, Ok(()), "{targets:?} {keep:?} {fault:?}");
        }
        histories += explorer.histories;
    }
    histories
}

/// I2, I3, I4: killed, or without power, at any step of either delivery.
#[test]
fn two_maildirs_get_every_message_once() {
    let targets = [Target::maildir(MAILDIR), Target::maildir(OTHER_MAILDIR)];
    let of_two = explore(&targets, 2, Crashes::One, &some_faults()[..1]);
    let of_one = explore(&targets, 1, Crashes::Two, &some_faults());
    assert!(of_two > 1000 && of_one > 1000, "{of_two} and {of_one} histories");
}

/// I2, I3, I4: the folders of a year and of a month are made along with the first message.
#[test]
fn plain_files_get_every_message_once() {
    let targets = [Target::Eml(FolderTarget::new("/home/Archive"))];
    let of_two = explore(&targets, 2, Crashes::One, &some_faults()[..1]);
    let of_one = explore(&targets, 1, Crashes::Two, &some_faults()[..1]);
    assert!(of_two > 1000 && of_one > 1000, "{of_two} and {of_one} histories");
}

/// I4: one of two targets refuses from any step on: the other one gets its mail, and nothing is deleted meanwhile.
#[test]
fn one_of_two_targets_that_refuses_holds_up_no_other_and_gets_nothing_twice() {
    let targets = vec![Target::maildir(MAILDIR), Target::maildir(OTHER_MAILDIR)];
    let mut held = 0;
    for keep in [Keep::Forever, Keep::None] {
        let mail = maildrop(2, false);
        let scenario = Scenario { targets: targets.clone(), ..Scenario::new(keep, &mail) };
        let mut explorer = Explorer::new(&scenario);
        for step in 0..steps(&mail, &scenario) {
            let setting = Setting { failure: Some(Failure::Refusal(step)), take_snapshots: true, ..Setting::default() };
            let ran = run(World::new(mail.clone()), &scenario, 0, setting);
            held += ran.outcome.expect("the index opens").summary.held;
            for (world, _) in aftermath(ran.snapshots, ran.world) {
                let ended = explorer.end(world, 1);
                assert_eq!(ended, Ok(()), "{keep:?} refusing from step {step}");
            }
        }
    }
    assert!(held > 0, "nothing was ever held");
}
