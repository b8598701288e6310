//! `delete_when_removed_locally`: what a reader removes leaves the server a day later, and nothing else does, whatever
//! fails in any of the runs that look for it.

use std::path::Path;

use fetchonce::demo::Faults;
use fetchonce::policy::Keep;

use crate::explore::{Explorer, aftermath, faults, maildrop, replies};
use crate::history::{DAY, Ran, Scenario, run};
use crate::world::{MAILDIR, Reader, Setting, World};

/// Between two looks: what one gap counts for at most.
const HALF: i64 = DAY / 2;
/// The runs after the removal; the last one may delete.
const LOOKS: usize = 3;

/// Two messages are delivered; a reader keeps one and removes the other.
fn with_one_removed(scenario: &Scenario) -> World {
    let ran = run(World::new(maildrop(2, false)), scenario, 0, Setting::default());
    let mut world = ran.world;
    let files = world.disk.files(&Path::new(MAILDIR).join("new"));
    let name = files[1].file_name().expect("a file has a name");
    let kept = Path::new(MAILDIR).join("cur").join(name);
    world.disk.rename(&files[1], &kept, false).expect("names are unique");
    world.read_mail(Reader::Removes);
    world
}

fn look(world: World, scenario: &Scenario, look: usize, fault: &Faults) -> Ran {
    let setting = Setting { connections: vec![fault.clone()], take_snapshots: true, ..Setting::default() };
    run(world, scenario, 1 + look, setting)
}

/// I1, I2, I3, I10.
#[test]
fn what_a_reader_removes_goes_a_day_later_and_nothing_else() {
    let mail = maildrop(2, false);
    let scenario = Scenario { follows_removals: true, ..Scenario::new(Keep::Forever, &mail) };
    let mut explorer = Explorer::new(&scenario);
    for fault in faults(&mail, replies(&mail, &scenario)) {
        for faulty in 0..LOOKS {
            let mut world = with_one_removed(&scenario);
            let removed_at = world.now;
            for before in 0..faulty {
                world = look(world, &scenario, before, &Faults::default()).world;
                world.now = removed_at + HALF * (i64::try_from(before).unwrap() + 1);
                assert!(world.expunged.is_empty());
            }
            let ran = look(world, &scenario, faulty, &fault);
            for (mut world, _) in aftermath(ran.snapshots, ran.world) {
                assert!(faulty + 1 == LOOKS || world.expunged.is_empty(), "{fault:?} in look {faulty}");
                world.now = removed_at + HALF * 3;
                assert_eq!(explorer.end(world, 1 + LOOKS), Ok(()), "{fault:?} in look {faulty}");
            }
        }
    }
}
