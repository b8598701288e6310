//! The simulation is tested too: with any one precaution left out it reports the loss or the duplicate.
//!
//! Precautions of the host are left out by the simulated host (a sync that does nothing); those of logic by a weaker
//! variant of the pure function.

use std::sync::Arc;

use fetchonce::demo::{Faults, Maildrop, Quit};
use fetchonce::model::{DeliveryId, Listing, Seen, Timestamp};
use fetchonce::plan::{self, Decision, Evidences, Facts, Rules, Twin, Verdict};
use fetchonce::policy::Keep;
use fetchonce::recover::{self, Found, Resolution};

use crate::explore::{Crashes, Explorer, faults, maildrop, replies};
use crate::history::{Scenario, Violation, check_end, run, run_clean};
use crate::world::{LeftOut, OTHER_MAILDIR, Setting, World};

/// The first violation among the single faults.
fn first_violation(scenario: &Scenario, maildrop: &Maildrop, faults: &[Faults], crashes: Crashes) -> Option<Violation> {
    let mut explorer = Explorer::new(scenario);
    faults.iter().find_map(|fault| explorer.explore(maildrop, fault, crashes).err())
}

fn left_out(left_out: LeftOut) -> Option<Violation> {
    let maildrop = maildrop(1, false);
    let scenario = Scenario { left_out: Some(left_out), ..Scenario::new(Keep::None, &maildrop) };
    first_violation(&scenario, &maildrop, &[Faults::default()], Crashes::Two)
}

fn with_rules(rules: Rules, keep: Keep, maildrop: &Maildrop, faults: &[Faults]) -> Option<Violation> {
    let scenario = Scenario { rules, ..Scenario::new(keep, maildrop) };
    first_violation(&scenario, maildrop, faults, Crashes::One)
}

#[track_caller]
fn assert_lost(found: Option<&Violation>) {
    assert!(matches!(found, Some(Violation::Lost(_) | Violation::LostAtExpunge(_))), "{found:?}");
}

#[track_caller]
fn assert_duplicated(found: Option<&Violation>) {
    assert!(matches!(found, Some(Violation::Duplicated(_))), "{found:?}");
}

#[test]
fn without_the_sync_of_the_file_a_message_is_lost() {
    assert_lost(left_out(LeftOut::FileSync).as_ref());
}

#[test]
fn without_the_sync_of_tmp_a_message_is_lost() {
    assert_lost(left_out(LeftOut::TmpSync).as_ref());
}

#[test]
fn without_the_sync_of_new_and_cur_a_message_is_lost() {
    assert_lost(left_out(LeftOut::NewAndCurSync).as_ref());
}

#[test]
fn without_the_second_sync_in_recovery_a_message_is_lost() {
    assert_lost(left_out(LeftOut::NewAndCurSyncInRecovery).as_ref());
}

#[test]
fn without_the_intent_commit_a_message_is_duplicated() {
    assert_duplicated(left_out(LeftOut::IntentCommit).as_ref());
}

#[test]
fn with_link_and_unlink_in_the_place_of_rename_a_message_is_duplicated() {
    assert_duplicated(left_out(LeftOut::AtomicRename).as_ref());
}

#[test]
fn with_absent_taken_for_fetch_again_a_message_is_duplicated() {
    fn resolve(found: Found, intent_at: Timestamp, now: Timestamp) -> Resolution {
        match recover::resolve(found, intent_at, now) {
            Resolution::TakenAway => Resolution::FetchAgain,
            resolution => resolution,
        }
    }
    let rules = Rules { resolve, ..Rules::default() };
    assert_duplicated(with_rules(rules, Keep::Forever, &maildrop(1, false), &[Faults::default()]).as_ref());
}

#[test]
fn with_a_row_forgotten_at_ok_to_quit_a_message_is_duplicated() {
    fn reconcile(listing: &Listing, seen: &Seen, facts: &Facts, evidence: &Evidences) -> Decision {
        let remembered = seen.rows().iter().filter(|row| !row.delete_sent).cloned().collect();
        plan::reconcile(listing, &Seen::new(remembered), facts, evidence)
    }
    let rules = Rules { reconcile, judge: |_, _| Verdict::Deliver, ..Rules::default() };
    let fault = Faults { quit: Quit::AnsweredNotApplied, ..Faults::default() };
    assert_duplicated(with_rules(rules, Keep::None, &maildrop(1, false), &[fault]).as_ref());
}

#[test]
fn with_the_configured_target_probed_a_message_is_lost() {
    let rules = Rules { target_to_probe: |_, configured| configured, ..Rules::default() };
    let maildrop = maildrop(1, false);
    let honest = Scenario { later_maildir: Some(OTHER_MAILDIR), ..Scenario::new(Keep::None, &maildrop) };
    assert_eq!(first_violation(&honest, &maildrop, &[Faults::default()], Crashes::One), None);
    let weak = Scenario { rules, ..honest };
    assert_lost(first_violation(&weak, &maildrop, &[Faults::default()], Crashes::One).as_ref());
}

#[test]
fn with_clean_up_after_intent_a_message_is_lost() {
    fn stale<'a>(names: &'a [String], own_mark: &str, _intents: &[DeliveryId]) -> Vec<&'a str> {
        recover::stale(names, own_mark, &[])
    }
    let rules = Rules { stale, ..Rules::default() };
    assert_lost(with_rules(rules, Keep::None, &maildrop(1, false), &[Faults::default()]).as_ref());
}

#[test]
fn with_identical_copies_taken_for_one_message_one_is_lost() {
    fn judge(twins: &[Twin], _complete: bool) -> Verdict {
        twins.first().map_or(Verdict::Deliver, |twin| Verdict::SameAs(twin.row))
    }
    let rules = Rules { judge, ..Rules::default() };
    let maildrop = maildrop(2, true);
    let scenario = Scenario::new(Keep::Forever, &maildrop);
    let all = faults(&maildrop, replies(&maildrop, &scenario));
    assert_lost(with_rules(rules, Keep::Forever, &maildrop, &all).as_ref());
}

/// Another client deletes a delivered message, and the server gives its unique-id to a new one of the same size.
fn with_a_reused_uid(left_out: Option<LeftOut>) -> Result<(), Violation> {
    let old = maildrop(1, false);
    let first = old.messages[0].clone();
    let mut scenario = Scenario { left_out, ..Scenario::new(Keep::Days(1), &old) };
    let ran = run(World::new(old.clone()), &scenario, 0, Setting::default());
    let mut world = ran.world;
    world.maildrop.messages.clear();
    world.maildrop.add_with_uid(&first.uid, b"Subject: 9\nStatus: RO\n\n.line 9\n");
    assert_eq!(world.maildrop.messages[0].octets(), first.octets());
    scenario.expected = [&old, &*world.maildrop].into_iter().flat_map(crate::history::expected).collect();
    scenario.expected.sort();
    world.now += 2 * 24 * 3600;
    let claimed = [(first.uid, Arc::clone(&first.wire))].into();
    let ran = run(world, &scenario, 1, Setting { claimed, ..Setting::default() });
    let mut world = ran.world;
    for clean in 2..5 {
        world = run_clean(world, &scenario, clean)?;
    }
    check_end(world, &scenario, 5)
}

#[test]
fn with_a_unique_id_trusted_for_dele_a_message_is_lost() {
    assert_eq!(with_a_reused_uid(None), Ok(()));
    assert_lost(with_a_reused_uid(Some(LeftOut::ContentMatch)).err().as_ref());
}
