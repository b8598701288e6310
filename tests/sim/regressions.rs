//! Histories that once lost, doubled or blocked mail: one test each, named by what must hold.

use std::path::Path;
use std::sync::Arc;

use fetchonce::demo::{BadMessage, CutAt, Event as ServerEvent, Faults, Maildrop, Message, MessageFault, Quit};
use fetchonce::fetch::FetchError;
use fetchonce::policy::{Intake, Keep};
use fetchonce::report::Problem;

use crate::KEEPS;
use crate::explore::{Explorer, aftermath};
use crate::history::{CLEAN_RUNS, DAY, Ran, Scenario, Violation, check_end, expected, repair, run, run_clean, skip};
use crate::world::{ALIAS, Break, Failure, HELD, MAILDIR, OTHER_MAILDIR, Setting, Verb, World, stored_form};

/// One history, told run by run.
#[derive(Clone)]
struct Play {
    world: World,
    scenario: Scenario,
    runs: usize,
}

impl Play {
    /// The server holds nothing yet; in the end all of `mail` must be delivered.
    fn new(keep: Keep, mail: &Maildrop) -> Self {
        Self { world: World::new(Maildrop::new()), scenario: Scenario::new(keep, mail), runs: 0 }
    }

    /// A message arrives at the server.
    fn arrive(&mut self, message: &Message) {
        self.world.maildrop.messages.push(message.clone());
    }

    fn run(&mut self) -> Ran {
        self.run_in(Setting::default())
    }

    fn run_in(&mut self, setting: Setting) -> Ran {
        let ran = run(self.world.clone(), &self.scenario, self.runs, setting);
        self.runs += 1;
        self.world = ran.world.clone();
        ran
    }

    /// A run while the target takes no new files.
    fn run_refused(&mut self) -> Ran {
        self.run_in(Setting { failure: Some(Failure::Refusal(0)), ..Setting::default() })
    }

    /// The next run, crashed at every step: each history must come to its end.
    fn crash_everywhere(&mut self) -> Result<(), Violation> {
        let ran = self.run_in(Setting { take_snapshots: true, ..Setting::default() });
        let mut explorer = Explorer::new(&self.scenario);
        aftermath(ran.snapshots, ran.world).into_iter().try_for_each(|(world, _)| explorer.end(world, self.runs))
    }

    /// Clean runs, after which everything must be delivered exactly once, deleted if that is wanted, and idle.
    fn finish(self) -> Result<(), Violation> {
        let mut world = self.world;
        for clean in 0..CLEAN_RUNS {
            world = run_clean(world, &self.scenario, self.runs + clean)?;
        }
        check_end(world, &self.scenario, self.runs + CLEAN_RUNS)
    }

    fn is_delivered(&self, message: &Message) -> bool {
        self.count(message) > 0
    }

    fn count(&self, message: &Message) -> usize {
        let stored = stored_form(&message.wire);
        self.world.delivered().iter().filter(|content| ***content == stored).count()
    }
}

/// A message of its own content; those of one-digit numbers have one size.
fn message(uid: &str, number: usize) -> Message {
    Message::new(uid.as_bytes(), format!("Subject: {number}\nStatus: RO\n\n.line {number}\n").as_bytes())
}

/// What tells messages of one unique-id apart.
fn subject(message: &Message) -> String {
    let end = message.wire.iter().position(|octet| *octet == b'\r').unwrap_or(message.wire.len());
    message.wire[..end].escape_ascii().to_string()
}

fn maildrop(messages: &[Message]) -> Maildrop {
    let mut maildrop = Maildrop::new();
    maildrop.messages = messages.to_vec();
    maildrop
}

fn breaks(verb: Verb, message: &Message) -> Vec<Break> {
    vec![Break { verb, wire: Some(Arc::clone(&message.wire)) }]
}

fn error(ran: &Ran) -> Option<&FetchError> {
    ran.outcome.as_ref().expect("the index opens").error.as_ref()
}

/// I10, I3: one Maildir under two spellings is one: what an INTENT by either promises is no stale file for the other.
#[test]
fn a_crash_under_another_spelling_of_the_maildir_loses_nothing() {
    let mail = maildrop(&[message("u1", 1), message("u2", 2)]);
    for keep in [Keep::None, Keep::Forever] {
        for (first, second) in [(MAILDIR, ALIAS), (ALIAS, MAILDIR)] {
            let mut play = Play::new(keep, &mail);
            play.scenario.later_maildir = Some(first);
            play.runs = 1;
            play.arrive(&mail.messages[0]);
            assert!(error(&play.run()).is_none());
            play.arrive(&mail.messages[1]);
            play.scenario.later_maildir = Some(second);
            let ran = play.run_in(Setting { take_snapshots: true, ..Setting::default() });
            assert!(error(&ran).is_none(), "{keep:?} {second}: {:?}", error(&ran));
            play.scenario.later_maildir = Some(first);
            let mut explorer = Explorer::new(&play.scenario);
            for (world, _) in aftermath(ran.snapshots, ran.world) {
                assert_eq!(explorer.end(world, play.runs), Ok(()), "{keep:?} {first}, then {second}");
            }
        }
    }
}

/// Runs by either spelling count the same generation: neither takes the index or the Maildir for an old one.
#[test]
fn a_maildir_may_be_spelled_either_way_from_run_to_run() {
    let messages: Vec<Message> = (0..6).map(|number| message(&format!("u{number}"), number)).collect();
    let mut play = Play::new(Keep::Forever, &maildrop(&messages));
    play.runs = 1;
    for (at, message) in messages.iter().enumerate() {
        play.scenario.later_maildir = Some(if at == 0 || at == 5 { MAILDIR } else { ALIAS });
        play.arrive(message);
        let ran = play.run();
        assert!(error(&ran).is_none(), "run {at}: {:?}", error(&ran));
    }
    assert_eq!(play.finish(), Ok(()));
}

/// A first run that delivers nothing at a new spelling, or a new place, records no generation that later runs refuse.
#[test]
fn a_maildir_spelled_anew_or_moved_is_known_though_the_first_run_there_delivers_nothing() {
    let mail = maildrop(&[message("u1", 1), message("u2", 2)]);
    for to in [ALIAS, OTHER_MAILDIR] {
        let mut play = Play::new(Keep::Forever, &mail);
        for message in &mail.messages {
            play.arrive(message);
            play.run();
        }
        if to == OTHER_MAILDIR {
            play.world.disk.move_folder(Path::new(MAILDIR), Path::new(OTHER_MAILDIR));
        }
        play.scenario.later_maildir = Some(to);
        for attempt in 0..3 {
            let ran = play.run();
            assert!(error(&ran).is_none(), "{to}, run {attempt}: {:?}", error(&ran));
        }
        let late = message("u3", 3);
        play.arrive(&late);
        play.scenario.expected = expected(&play.world.maildrop);
        assert_eq!(play.finish(), Ok(()), "{to}");
    }
}

/// I4: a message that could be neither delivered nor durably held is delivered once after all, repaired at once or later.
#[test]
fn a_refusal_together_with_an_io_error_loses_and_doubles_nothing() {
    let mail = maildrop(&[message("u1", 1), message("u2", 2)]);
    let mut begun = Play::new(Keep::Forever, &mail);
    begun.run();
    *begun.world.maildrop = mail;
    let setting = Setting { failure: Some(Failure::Refusal(0)), take_snapshots: true, ..Setting::default() };
    let steps = begun.clone().run_in(setting).snapshots.len();
    for keep in KEEPS {
        for step in 0..steps {
            let mut play = begun.clone();
            play.scenario.retention.keep = keep;
            let failure = Some(Failure::RefusalAndDisk(step));
            if play.run_in(Setting { failure, ..Setting::default() }).failed_at.is_none() {
                continue;
            }
            for runs_first in [0, 1, 2] {
                let mut play = play.clone();
                for _ in 0..runs_first {
                    play.run();
                }
                play.world = repair(play.world, play.runs);
                play.runs += 1;
                assert_eq!(play.finish(), Ok(()), "{keep:?}, EIO at step {step}, repaired after {runs_first} runs");
            }
        }
    }
}

/// I4, I6: a held message that is renumbered meanwhile is the same message: delivered once when its target takes it.
#[test]
fn a_held_message_that_the_server_renumbers_is_delivered_once() {
    for keep in KEEPS {
        let mail = maildrop(&[message("u1", 1), message("u2", 2)]);
        let mut play = Play::new(keep, &mail);
        play.run();
        *play.world.maildrop = mail;
        play.run_refused();
        for (at, message) in play.world.maildrop.messages.iter_mut().enumerate() {
            message.uid = format!("v{at}").into_bytes();
        }
        play.run_refused();
        assert_eq!(play.clone().finish(), Ok(()), "{keep:?}");
        assert_eq!(play.crash_everywhere(), Ok(()), "{keep:?}, crashed");
    }
}

/// What was skipped stays skipped, and the others go on, whether its RETR works again or not.
fn check_skipped(mut play: Play, skipped: &Message, others: &[&Message]) {
    play.world = skip(play.world, play.runs, &skipped.uid);
    play.runs += 1;
    for mended in [false, true] {
        let mut play = play.clone();
        if mended {
            play.scenario.breaks.clear();
        }
        for attempt in 0..4 {
            let ran = play.run();
            play.world.now += DAY;
            let stopped = error(&ran).filter(|error| mended || matches!(error, FetchError::Index(_)));
            assert!(stopped.is_none(), "run {attempt} after the skip, mended: {mended}: {stopped:?}");
        }
        for other in others {
            assert_eq!(play.count(other), 1, "{other:?}, mended: {mended}");
        }
        assert_eq!(play.count(skipped), 0, "mended: {mended}");
    }
}

/// One of the messages of a unique-id that is listed twice is skipped: the other and the rest are delivered.
#[test]
fn skipping_one_of_a_unique_id_that_is_listed_twice_holds_up_no_other() {
    let [good, bad, rest] = [message("u", 2), message("u", 1), message("z", 3)];
    let mut play = Play::new(Keep::Forever, &maildrop(&[good.clone(), bad.clone(), rest.clone()]));
    *play.world.maildrop = maildrop(&[good.clone(), bad.clone(), rest.clone()]);
    play.scenario.breaks = breaks(Verb::Retr, &bad);
    for _ in 0..3 {
        play.run();
    }
    assert!(play.is_delivered(&good));
    check_skipped(play, &bad, &[&good, &rest]);
}

/// The new message of a unique-id that is used again is skipped: the rest is delivered.
#[test]
fn skipping_the_new_message_of_a_reused_unique_id_holds_up_no_other() {
    let [old, bad, rest] = [message("u", 1), message("u", 22), message("z", 3)];
    let mut play = Play::new(Keep::Forever, &maildrop(&[old.clone(), bad.clone(), rest.clone()]));
    play.arrive(&old);
    play.run();
    *play.world.maildrop = maildrop(&[bad.clone(), rest.clone()]);
    play.scenario.breaks = breaks(Verb::Retr, &bad);
    for _ in 0..3 {
        play.run();
    }
    check_skipped(play, &bad, &[&old, &rest]);
}

/// I4: within three runs the others are delivered; once RETR works again, everything is, exactly once.
fn check_bad_holds_up_no_other(mut play: Play, bad: &Message, others: &[&Message], keep: Keep) {
    play.scenario.breaks = breaks(Verb::Retr, bad);
    for _ in 0..3 {
        play.run();
    }
    for other in others {
        assert!(play.is_delivered(other), "{keep:?}: {} holds {} up", subject(bad), subject(other));
    }
    play.scenario.breaks.clear();
    play.world.now += 8 * DAY;
    assert_eq!(play.finish(), Ok(()), "{keep:?}");
}

/// I4: a bad one of a unique-id that is listed several times.
#[test]
fn a_bad_message_among_copies_of_its_unique_id_holds_up_no_other() {
    let messages = [message("u", 1), message("u", 2), message("u", 3), message("z", 4)];
    for keep in KEEPS {
        for bad in 0..3 {
            let mut play = Play::new(keep, &maildrop(&messages));
            *play.world.maildrop = maildrop(&messages);
            let others: Vec<&Message> = messages.iter().filter(|message| **message != messages[bad]).collect();
            check_bad_holds_up_no_other(play, &messages[bad], &others, keep);
        }
    }
}

/// I4: a bad one under a unique-id that named another message before.
#[test]
fn a_bad_message_under_a_reused_unique_id_holds_up_no_other() {
    let [old, bad, rest] = [message("u", 1), message("u", 22), message("z", 3)];
    for keep in KEEPS {
        let mut play = Play::new(keep, &maildrop(&[old.clone(), bad.clone(), rest.clone()]));
        play.arrive(&old);
        play.run();
        *play.world.maildrop = maildrop(&[bad.clone(), rest.clone()]);
        check_bad_holds_up_no_other(play, &bad, &[&rest], keep);
    }
}

/// I6: one unique-id and one content are one delivery, and runs become idle, whatever the server is called.
#[test]
fn identical_copies_of_one_unique_id_are_delivered_once_and_come_to_rest_when_the_server_is_renamed() {
    let copies = [message("u", 1), message("u", 1)];
    for no_top in [false, true] {
        let mut play = Play::new(Keep::Forever, &maildrop(&copies[..1]));
        play.scenario.server = Faults { no_top, ..Faults::default() };
        *play.world.maildrop = maildrop(&copies);
        play.run();
        assert_eq!(play.count(&copies[0]), 1);
        play.scenario.later_server = "elsewhere";
        assert_eq!(play.finish(), Ok(()), "no TOP: {no_top}");
    }
}

/// The same where one copy is deleted, and where a third message comes by that unique-id.
#[test]
fn identical_copies_of_one_unique_id_come_to_rest_when_their_number_changes() {
    let [copy, other] = [message("u", 1), message("u", 2)];
    let mut play = Play::new(Keep::Forever, &maildrop(std::slice::from_ref(&copy)));
    *play.world.maildrop = maildrop(&[copy.clone(), copy.clone()]);
    play.run();
    let mut fewer = play.clone();
    fewer.world.maildrop.messages.pop();
    assert_eq!(fewer.finish(), Ok(()), "one copy less");
    *play.world.maildrop = maildrop(&[other.clone(), copy.clone(), copy.clone()]);
    play.scenario.expected = expected(&maildrop(&[copy, other]));
    assert_eq!(play.finish(), Ok(()), "one message more");
}

/// I6: different messages of one unique-id are known again by a later run, whichever of them was delivered first.
#[test]
fn messages_of_one_unique_id_come_to_rest_after_a_session_was_lost_between_them() {
    let messages = [message("u", 1), message("u", 2), message("u", 3)];
    for keep in KEEPS {
        for lost_at in &messages {
            for reversed in [false, true] {
                let mut play = Play::new(keep, &maildrop(&messages));
                *play.world.maildrop = maildrop(&messages);
                play.scenario.breaks = breaks(Verb::Retr, lost_at);
                play.run();
                play.scenario.breaks.clear();
                if reversed {
                    play.world.maildrop.messages.reverse();
                }
                assert_eq!(play.finish(), Ok(()), "{keep:?}, lost at {}, reversed: {reversed}", subject(lost_at));
            }
        }
    }
}

/// I6: what is left of the messages of one unique-id is known again when another client has deleted one of them.
#[test]
fn messages_of_one_unique_id_come_to_rest_when_one_of_them_is_deleted() {
    let messages = [message("u", 1), message("u", 22), message("u", 333)];
    for deleted in 0..3 {
        let mut play = Play::new(Keep::Forever, &maildrop(&messages));
        *play.world.maildrop = maildrop(&messages);
        play.run();
        play.world.maildrop.messages.remove(deleted);
        assert_eq!(play.clone().finish(), Ok(()), "message {deleted} deleted");
        // Renumbered together, and one more deleted.
        for message in &mut play.world.maildrop.messages {
            message.uid = b"v".to_vec();
        }
        play.run();
        play.world.maildrop.messages.remove(0);
        assert_eq!(play.finish(), Ok(()), "message {deleted} deleted, then renumbered, then another deleted");
    }
}

/// A message whose deletion, or whose proof, costs every session must not keep new mail from being fetched.
fn check_new_mail_comes(mut play: Play, new: &Message, verb: Verb, broken: Option<&Message>) {
    play.scenario.breaks = vec![Break { verb, wire: broken.map(|message| Arc::clone(&message.wire)) }];
    play.arrive(new);
    let keep = play.scenario.retention.keep;
    for _ in 0..2 {
        play.run();
    }
    assert!(play.is_delivered(new), "{keep:?}: {verb:?} of {broken:?} holds up new mail");
    // It goes on so.
    for _ in 0..3 {
        play.run();
        play.world.now += DAY;
    }
    play.scenario.breaks.clear();
    play.world.now += 8 * DAY;
    assert_eq!(play.finish(), Ok(()), "{keep:?}");
}

/// I4, I5: TOP of a due message always loses the connection.
#[test]
fn a_top_that_always_drops_the_line_for_a_due_message_holds_up_no_new_mail() {
    let [due, new] = [message("u1", 1), message("u2", 2)];
    let mut play = Play::new(Keep::Days(1), &maildrop(&[due.clone(), new.clone()]));
    play.arrive(&due);
    play.run();
    play.world.now += 2 * DAY;
    check_new_mail_comes(play, &new, Verb::Top, Some(&due));
}

/// I4, I6: TOP of a message that must be proven again always loses the connection.
#[test]
fn a_top_that_always_drops_the_line_for_an_unproven_message_holds_up_no_new_mail() {
    let [unproven, new] = [message("u1", 1), message("u2", 2)];
    for keep in KEEPS {
        let mut play = Play::new(keep, &maildrop(&[unproven.clone(), new.clone()]));
        play.arrive(&unproven);
        play.scenario.server = Faults { dele_ignored: true, ..Faults::default() };
        play.run();
        play.scenario.server = Faults::default();
        play.scenario.later_server = "elsewhere";
        check_new_mail_comes(play, &new, Verb::Top, Some(&unproven));
    }
}

/// I4: DELE always loses the connection.
#[test]
fn a_dele_that_always_drops_the_line_holds_up_no_new_mail() {
    let [due, new] = [message("u1", 1), message("u2", 2)];
    for keep in [Keep::None, Keep::Days(1)] {
        for broken in [Some(&due), None] {
            let mut play = Play::new(keep, &maildrop(&[due.clone(), new.clone()]));
            play.scenario.breaks = vec![Break { verb: Verb::Dele, wire: None }];
            play.arrive(&due);
            play.run();
            play.world.now += 2 * DAY;
            play.run();
            check_new_mail_comes(play, &new, Verb::Dele, broken);
        }
    }
}

/// I4: a held file that somebody removed stops nothing, and the message is fetched again if it is still listed.
#[test]
fn a_held_file_that_is_removed_is_fetched_again_and_stops_nothing() {
    let [first, second, new] = [message("u1", 1), message("u2", 2), message("u3", 3)];
    for keep in KEEPS {
        for runs_refused in [0, 1] {
            for removed in [0, 1] {
                let mut play = Play::new(keep, &maildrop(&[first.clone(), second.clone(), new.clone()]));
                play.run();
                *play.world.maildrop = maildrop(&[first.clone(), second.clone()]);
                play.run_refused();
                remove_held(&mut play.world, removed);
                play.arrive(&new);
                for _ in 0..runs_refused {
                    play.run_refused();
                }
                assert_eq!(play.finish(), Ok(()), "{keep:?}, held file {removed} removed, {runs_refused} refused runs");
            }
        }
    }
}

/// I4, I7: neither the held file nor the listed message is there any more: the other mail is delivered nevertheless.
#[test]
fn a_held_file_that_is_removed_after_its_message_stops_nothing() {
    let [lost, new] = [message("u1", 1), message("u2", 2)];
    let mut play = Play::new(Keep::None, &maildrop(std::slice::from_ref(&new)));
    play.run();
    play.arrive(&lost);
    play.run_refused();
    remove_held(&mut play.world, 0);
    *play.world.maildrop = maildrop(&[new]);
    assert_eq!(play.finish(), Ok(()));
}

fn remove_held(world: &mut World, at: usize) {
    let path = world.disk.files(&Path::new(HELD).join("new")).swap_remove(at);
    let (inode, _, _) = world.disk.look(&path).expect("the file was just listed");
    world.disk.unlink(&path).expect("the file was just listed");
    world.disk.settle_inode(inode);
}

/// I5: the time between a wrong clock and the right one is no age: a machine without a clock battery deletes nothing early.
#[test]
fn a_clock_that_goes_back_for_a_run_ages_no_mail() {
    let mail = maildrop(&[message("u1", 1)]);
    for runs_in_1970 in [1, 3] {
        let mut play = Play::new(Keep::Days(30), &mail);
        *play.world.maildrop = mail.clone();
        play.run();
        let right = play.world.now + DAY;
        play.world.now = 0;
        for _ in 0..runs_in_1970 {
            play.run();
        }
        play.world.now = right;
        for day in 0..3 {
            let ran = play.run();
            let deleted = ran.log.iter().any(|event| matches!(event, ServerEvent::Dele(_) | ServerEvent::Expunged(_)));
            assert!(!deleted, "deleted after {} days", 1 + day);
            play.world.now += DAY;
        }
        // It ages on, and goes in its time.
        for _ in 0..35 {
            play.run();
            play.world.now += DAY;
        }
        assert_eq!(play.finish(), Ok(()));
    }
}

/// I4: a run's limit counts what is fetched: a message that RETR refuses does not use it up for ever.
#[test]
fn a_limit_of_one_is_not_used_up_by_a_message_that_the_server_refuses() {
    let messages = [message("u1", 1), message("u2", 2), message("u3", 3)];
    for fault in [MessageFault::RetrRefused, MessageFault::RetrCut] {
        let mut play = Play::new(Keep::Forever, &maildrop(&messages));
        *play.world.maildrop = maildrop(&messages);
        play.scenario.intake.messages = Some(1);
        let bad_message = Some(BadMessage { uid: messages[0].uid.clone(), fault });
        play.scenario.server = Faults { bad_message, ..Faults::default() };
        for _ in 0..6 {
            play.run();
        }
        for message in &messages[1..] {
            assert!(play.is_delivered(message), "{fault:?}: {message:?} is held up");
        }
        play.scenario.server = Faults::default();
        play.world.now += 8 * DAY;
        assert_eq!(play.finish(), Ok(()), "{fault:?}");
    }
}

/// I7: also where its turn came because the server refused an earlier one.
#[test]
fn a_message_beyond_the_limit_that_vanishes_while_it_is_fetched_is_told() {
    let messages = [message("u1", 1), message("u2", 2)];
    let mut play = Play::new(Keep::Forever, &maildrop(&messages[..1]));
    *play.world.maildrop = maildrop(&messages);
    play.scenario.intake.messages = Some(1);
    let bad_message = Some(BadMessage { uid: messages[0].uid.clone(), fault: MessageFault::RetrRefused });
    let refusals = Faults { bad_message, ..Faults::default() };
    let ran = play.clone().run_in(Setting { connections: vec![refusals.clone()], ..Setting::default() });
    let commands = ran.log.iter().filter(|event| matches!(event, ServerEvent::Command(_))).count();
    // The last but one, before QUIT, is the RETR of the second message.
    let cut_reply = Some((u32::try_from(commands - 1).unwrap(), CutAt::Half));
    let ran = play.run_in(Setting { connections: vec![Faults { cut_reply, ..refusals }], ..Setting::default() });
    assert!(ran.log.iter().any(|event| matches!(event, ServerEvent::Retr(fetched) if *fetched == messages[1])));
    assert!(!play.is_delivered(&messages[1]));
    play.world.maildrop.messages.remove(1);
    assert_eq!(play.run().outcome.unwrap().problems, [Problem::Vanished { messages: 1 }]);
    assert_eq!(play.finish(), Ok(()));
}

fn logins(ran: &Ran) -> usize {
    ran.log.iter().filter(|event| matches!(event, ServerEvent::LoggedIn(_))).count()
}

/// I8: mail under ever new unique-ids is recognised by its content in each session, and is no reason for one more.
#[test]
fn sessions_come_to_an_end_where_the_server_makes_new_unique_ids_in_each() {
    let messages = [message("u1", 1), message("u2", 2), message("u3", 3)];
    for (relogin, until_drained, sessions) in
        [(None, false, 1), (None, true, 2), (Some(1), false, 3), (Some(1), true, 4), (Some(2), true, 3)]
    {
        let mut play = Play::new(Keep::Forever, &maildrop(&messages));
        *play.world.maildrop = maildrop(&messages);
        (play.scenario.intake.relogin, play.scenario.intake.until_drained) = (relogin, until_drained);
        let marked = |mark| Faults { uid_mark: Some(mark), ..Faults::default() };
        let ran = play.run_in(Setting { connections: (b'a'..b'm').map(marked).collect(), ..Setting::default() });
        assert_eq!(logins(&ran), sessions, "{relogin:?} {until_drained}");
        assert!(messages.iter().all(|message| play.is_delivered(message)), "{relogin:?} {until_drained}");
        play.scenario.intake = Intake::default();
        assert_eq!(play.finish(), Ok(()), "{relogin:?} {until_drained}");
    }
}

/// I3, I4: with `relogin` the deletions of a long run take effect in its middle, and are not lost with a later session.
#[test]
fn deletions_of_earlier_sessions_outlive_the_loss_of_a_later_one() {
    let messages = [message("u1", 1), message("u2", 2), message("u3", 3)];
    let mut play = Play::new(Keep::None, &maildrop(&messages));
    *play.world.maildrop = maildrop(&messages);
    play.scenario.intake.relogin = Some(1);
    let lost = Faults { quit: Quit::Lost, ..Faults::default() };
    let ran =
        play.run_in(Setting { connections: vec![Faults::default(), Faults::default(), lost], ..Setting::default() });
    assert_eq!(logins(&ran), 3);
    assert_eq!(play.world.maildrop.messages, messages[2..]);
    assert_eq!(play.finish(), Ok(()));
}

/// A deletion that the server refuses is tried once in a run, however many sessions the run has.
#[test]
fn a_refused_deletion_does_not_hold_up_a_run_of_many_sessions() {
    let messages = [message("u1", 1), message("u2", 2), message("u3", 3), message("u4", 4)];
    let mut play = Play::new(Keep::Forever, &maildrop(&messages));
    *play.world.maildrop = maildrop(&messages[..3]);
    play.run();
    play.arrive(&messages[3]);
    play.scenario.retention.keep = Keep::None;
    play.scenario.intake.relogin = Some(1);
    let bad_message = Some(BadMessage { uid: messages[0].uid.clone(), fault: MessageFault::DeleRefused });
    play.scenario.server = Faults { bad_message, ..Faults::default() };
    let ran = play.run();
    assert_eq!(logins(&ran), 3);
    assert!(play.is_delivered(&messages[3]));
    assert_eq!(play.world.maildrop.messages, messages[..1]);
    play.scenario.server = Faults::default();
    assert_eq!(play.finish(), Ok(()));
}
