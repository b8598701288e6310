//! What is decided of each message, rule by rule; random histories put the whole together (tests/sim).

use super::*;
use crate::model::{ContentId, Delivery, ListingId, Uid, limits};
use crate::policy::{Intake, Keep};

const DAY: i64 = 24 * 3600;

/// A listing of messages numbered from 1, each given as its unique-id and its size.
fn listing(messages: &[(&str, u64)]) -> Listing {
    let listed = |(number, (uid, octets)): (u32, &(&str, u64))| Listed {
        number: MessageNumber(number),
        uid: Uid::new(uid.as_bytes()).unwrap(),
        size: Some(Octets(*octets)),
    };
    Listing { messages: (1..).zip(messages).map(listed).collect(), complete: true, unidentified: 0 }
}

fn digest(text: &str) -> Digest {
    let mut octets = [0; 32];
    octets[..text.len()].copy_from_slice(text.as_bytes());
    Digest(octets)
}

/// A row that was delivered so many days ago, with its unique-id as its content.
fn delivered(id: i64, uid: &str, octets: u64, days: i64) -> Row {
    Row {
        id: RowId(id),
        uid: Uid::new(uid.as_bytes()).unwrap(),
        size: Some(Octets(octets)),
        state: RowState::Delivered,
        first_listed: ListingId(id),
        gone: None,
        content: Some(ContentId { header: digest(uid), full: digest(uid), octets: Octets(octets) }),
        delivery: Some(Delivery { at: Timestamp(0), clock: -days * DAY }),
        delete_sent: false,
        proven_epoch: 0,
        attempted: true,
        lost_sessions: 0,
        retry_after: None,
    }
}

fn facts(retention: Retention) -> Facts {
    Facts {
        retention,
        now: Timestamp(0),
        clock: 0,
        epoch: 0,
        account_changed: false,
        last_session_quit: true,
        top: true,
        order: Order::Oldest,
        max_size: None,
        announced: None,
        budget: Budget::default(),
        relogin: None,
        left_out: HashSet::new(),
        deleted: HashSet::new(),
        removed: Removed::default(),
    }
}

/// Answers every question for a header with what the messages of these unique-ids hold.
fn plan_of(listing: &Listing, rows: &[Row], facts: &Facts, mut evidence: Evidences) -> Plan {
    let seen = Seen::new(rows.to_vec());
    loop {
        match reconcile(listing, &seen, facts, &evidence) {
            Decision::Plan(plan) => return *plan,
            Decision::Probe(numbers) => {
                for listed in listing.messages.iter().filter(|listed| numbers.contains(&listed.number)) {
                    let header = digest(str::from_utf8(listed.uid.as_bytes()).unwrap());
                    evidence.insert(listed.number, Evidence::Header(header));
                }
            }
        }
    }
}

fn reasons(plan: &Plan) -> Vec<Reason> {
    plan.decided.iter().map(|decided| decided.reason).collect()
}

fn deleted(plan: &Plan) -> Vec<u32> {
    plan.deletions.iter().map(|deletion| deletion.number.0).collect()
}

fn newest(count: u64) -> Retention {
    Retention { keep: Keep::None, newest: Some(count), ..Retention::default() }
}

fn messages(most: u64) -> Budget {
    Budget::of(&Intake { messages: Some(most), ..Intake::default() })
}

#[test]
fn the_newest_stay_and_the_older_ones_go() {
    let listing = listing(&[("a", 10), ("b", 10), ("c", 10), ("new", 10)]);
    let rows = [delivered(1, "a", 10, 9), delivered(2, "b", 10, 1), delivered(3, "c", 10, 0)];
    let plan = plan_of(&listing, &rows, &facts(newest(2)), Evidences::new());
    // The new one is not delivered yet, and takes no place; once it is, the oldest of the two goes.
    assert_eq!(deleted(&plan), [1]);
    assert_eq!(reasons(&plan), [Reason::Displaced, Reason::Displaced, Reason::AmongNewest, Reason::Unknown]);
    assert_eq!(plan.decided[1].due_in, Some(Duration::ZERO));
    assert!(plan.decided.iter().all(|decided| !decided.goes_once_delivered));

    // At the end of the session it is delivered.
    let new = delivered(4, "new", 10, 0);
    let evidence = [(MessageNumber(4), Evidence::Whole(RowId(4)))].into();
    let asked_again = Facts { deleted: [RowId(1)].into(), ..facts(newest(2)) };
    let plan = plan_of(&listing, &[&rows[..], &[new]].concat(), &asked_again, evidence);
    assert_eq!(deleted(&plan), [2]);
    assert_eq!(reasons(&plan), [Reason::AlreadyDelivered, Reason::Displaced, Reason::AmongNewest, Reason::AmongNewest]);
}

#[test]
fn each_rule_has_its_reason_and_its_time() {
    use Reason::{AlreadyDelivered, AmongNewest, Displaced, Due, TooLarge};
    let listing = listing(&[("a", 30), ("b", 10), ("c", 10)]);
    let rows = [delivered(1, "a", 30, 9), delivered(2, "b", 10, 4), delivered(3, "c", 10, 1)];
    let days = |days| Retention { keep: Keep::Days(days), ..Retention::default() };
    for (retention, expected, due) in [
        (Retention::default(), [AlreadyDelivered; 3], [None; 3]),
        (Retention { keep: Keep::None, ..Retention::default() }, [Due; 3], [Some(0); 3]),
        (days(4), [Due, Due, AlreadyDelivered], [Some(0), Some(0), Some(3)]),
        (Retention { newest: Some(1), ..days(4) }, [Displaced, Displaced, AmongNewest], [Some(0), Some(0), None]),
        (
            Retention { newest: Some(0), ..days(4) },
            [Displaced, Displaced, AlreadyDelivered],
            [Some(0), Some(0), Some(3)],
        ),
        (
            Retention { newest_octets: Some(Octets(20)), ..days(0) },
            [Displaced, AmongNewest, AmongNewest],
            [Some(0), None, None],
        ),
        (
            Retention { larger_than: Some(Octets(29)), ..Retention::default() },
            [TooLarge, AlreadyDelivered, AlreadyDelivered],
            [Some(0), None, None],
        ),
    ] {
        let plan = plan_of(&listing, &rows, &facts(retention), Evidences::new());
        assert_eq!(reasons(&plan), expected, "{retention:?}");
        let days = |decided: &Decided| decided.due_in.map(|due_in| due_in.as_secs() / DAY.unsigned_abs());
        assert_eq!(plan.decided.iter().map(days).collect::<Vec<_>>(), due, "{retention:?}");
        let going = expected.iter().filter(|reason| reason.deletes()).count();
        assert_eq!(plan.deletions.len(), going, "{retention:?}");
    }
}

/// I1, I3.
#[test]
fn nothing_goes_by_a_partial_listing_or_without_a_match_or_out_of_the_held_maildir() {
    let whole = listing(&[("a", 30), ("b", 10)]);
    let rows = [delivered(1, "a", 30, 9), delivered(2, "b", 10, 9)];
    let strict = Retention { keep: Keep::None, larger_than: Some(Octets(20)), ..Retention::default() };
    for retention in [strict, newest(1), Retention { newest_octets: Some(Octets(1)), ..strict }] {
        let partial = Listing { complete: false, ..whole.clone() };
        let plan = plan_of(&partial, &rows, &facts(retention), Evidences::new());
        assert_eq!((deleted(&plan), reasons(&plan)[0]), (vec![], Reason::DueButPartial), "{retention:?}");

        // The unique-id names another message now: that one is fetched, and not deleted by the old one's record.
        let evidence = [(MessageNumber(1), Evidence::Header(digest("x")))].into();
        let plan = plan_of(&whole, &rows, &facts(retention), evidence);
        assert!(!deleted(&plan).contains(&1) && plan.contradicted, "{retention:?}");

        for state in [RowState::Held, RowState::Untrusted, RowState::Skipped, RowState::Intent] {
            let rows = [Row { state, ..rows[0].clone() }, rows[1].clone()];
            let plan = plan_of(&whole, &rows, &facts(retention), Evidences::new());
            assert!(!deleted(&plan).contains(&1) && !reasons(&plan)[0].deletes(), "{retention:?} {state:?}");
        }
    }
}

/// Without TOP a message that goes is fetched once more, after new mail, and its content decides.
#[test]
fn what_cannot_be_matched_by_its_header_is_fetched_to_be_deleted() {
    let listing = listing(&[("a", 10), ("b", 10), ("new", 10)]);
    let rows = [delivered(1, "a", 10, 9), delivered(2, "b", 10, 9)];
    let no_top = Facts { top: false, budget: messages(0), ..facts(newest(1)) };
    let plan = plan_of(&listing, &rows, &no_top, Evidences::new());
    assert_eq!((deleted(&plan), reasons(&plan)[0]), (vec![], Reason::Displaced));
    let numbers: Vec<u32> = plan.fetches.iter().map(|fetch| fetch.listed.number.0).collect();
    assert_eq!((numbers, plan.fetches[1].beyond_limit), (vec![3, 1], false));
}

/// RFC 1939 §7: which of several messages of one unique-id is which may be a guess, so they are judged alike.
#[test]
fn messages_of_one_unique_id_stay_together_and_go_by_their_content() {
    let listing = listing(&[("a", 10), ("u", 10), ("u", 10), ("b", 10)]);
    let mut rows = vec![delivered(1, "a", 10, 0), delivered(2, "u", 10, 0), delivered(3, "u", 10, 0)];
    rows.push(delivered(4, "b", 10, 0));
    rows[2].content = Some(ContentId { full: digest("other"), ..rows[2].content.unwrap() });
    let plan = plan_of(&listing, &rows, &facts(newest(2)), Evidences::new());
    let stays = Reason::AmongNewest;
    assert_eq!((reasons(&plan), deleted(&plan)), (vec![Reason::Displaced, stays, stays, stays], vec![1]));
    assert!(plan.fetches.is_empty());

    let plan = plan_of(&listing, &rows, &facts(newest(1)), Evidences::new());
    assert_eq!(deleted(&plan), [1]);
    assert_eq!(plan.fetches.len(), 2, "both are fetched, since only content tells them apart");
    let evidence =
        [(MessageNumber(2), Evidence::Whole(RowId(3))), (MessageNumber(3), Evidence::Whole(RowId(2)))].into();
    let plan = plan_of(&listing, &rows, &facts(newest(1)), evidence);
    let pairs: Vec<_> = plan.deletions.iter().map(|deletion| (deletion.number.0, deletion.row.0)).collect();
    assert_eq!(pairs, [(1, 1), (2, 3), (3, 2)]);
}

#[test]
fn what_is_to_be_fetched_is_told_with_what_becomes_of_it() {
    let listing = listing(&[("a", 10), ("b", 99), ("c", 10)]);
    let goes = |retention, complete, limit: Option<u64>| {
        let listing = Listing { complete, ..listing.clone() };
        let budget = limit.map(messages).unwrap_or_default();
        let plan = plan_of(&listing, &[], &Facts { budget, ..facts(retention) }, Evidences::new());
        plan.decided.iter().map(|decided| decided.goes_once_delivered).collect::<Vec<_>>()
    };
    let none = Retention { keep: Keep::None, ..Retention::default() };
    let large = Retention { larger_than: Some(Octets(98)), ..Retention::default() };
    assert_eq!(goes(Retention::default(), true, None), [false; 3]);
    assert_eq!(goes(none, true, None), [true; 3]);
    assert_eq!(goes(none, false, None), [false; 3]);
    assert_eq!(goes(none, true, Some(1)), [true, false, false]);
    assert_eq!(goes(large, true, None), [false, true, false]);
    assert_eq!(goes(newest(1), true, None), [true, true, false]);
    assert_eq!(goes(newest(1), true, Some(2)), [true, false, false]);
}

#[test]
fn a_server_that_keeps_what_it_was_asked_to_delete_is_asked_once_a_run() {
    let listing = listing(&[("a", 10)]);
    let none = Retention { keep: Keep::None, ..Retention::default() };
    let asked = Facts { deleted: [RowId(1)].into(), top: false, ..facts(none) };
    let plan = plan_of(&listing, &[delivered(1, "a", 10, 0)], &asked, Evidences::new());
    assert!(!plan.has_work(), "{plan:?}");
}

#[test]
fn without_a_listing_the_order_of_appearance_tells_the_newest() {
    let mut rows = vec![delivered(1, "a", 10, 9), delivered(2, "b", 10, 9), delivered(3, "c", 10, 9)];
    rows.push(Row { gone: Some(ListingId(9)), ..delivered(4, "gone", 10, 9) });
    rows.push(Row { delete_sent: true, ..delivered(5, "deleted", 10, 9) });
    rows.push(Row { state: RowState::Held, ..delivered(6, "held", 10, 9) });
    let stays = stays_without_listing(&Seen::new(rows), &newest(2), 0);
    assert_eq!(stays, [Stay::Displaced, Stay::AmongNewest, Stay::AmongNewest]);
}

#[test]
fn what_is_too_large_is_recorded_and_not_fetched_until_the_limit_is_raised() {
    let listing = listing(&[("a", 10), ("b", 11), ("c", 0), ("d", 99)]);
    let small = Facts { max_size: Some(Octets(10)), ..facts(Retention::default()) };
    let fetched = |plan: &Plan| plan.fetches.iter().map(|fetch| fetch.listed.number.0).collect::<Vec<_>>();
    let plan = plan_of(&listing, &[], &small, Evidences::new());
    assert_eq!(reasons(&plan), [Reason::Unknown, Reason::Oversize, Reason::Unknown, Reason::Oversize]);
    // I6: what is listed is recorded, fetched or not.
    assert_eq!((plan.fresh.len(), fetched(&plan)), (4, vec![1, 3]));

    let waiting =
        |id, uid, octets| Row { state: RowState::New, content: None, delivery: None, ..delivered(id, uid, octets, 0) };
    let rows = [delivered(1, "a", 10, 0), waiting(2, "b", 11), delivered(3, "c", 0, 0), waiting(4, "d", 99)];
    for (most, expected) in [(Some(10), vec![]), (Some(11), vec![2]), (Some(99), vec![2, 4]), (None, vec![2, 4])] {
        let facts = Facts { max_size: most.map(Octets), ..small.clone() };
        let plan = plan_of(&listing, &rows, &facts, Evidences::new());
        assert_eq!(fetched(&plan), expected, "{most:?}");
        assert!(plan.fresh.is_empty() && plan.gone.is_empty() && plan.lost.is_empty(), "{most:?}");
        assert_eq!(plan.has_work(), !expected.is_empty(), "{most:?}");
    }
    // What broke sessions has none of its own, and what is delivered is fetched to be deleted, whatever its size.
    let troubled = Row { lost_sessions: limits::TROUBLED_AFTER, ..rows[3].clone() };
    let plan = plan_of(&listing, &[rows[0].clone(), troubled], &small, Evidences::new());
    assert!(plan.troubled.is_empty() && reasons(&plan)[3] == Reason::Oversize);
    let none = Retention { keep: Keep::None, ..Retention::default() };
    let no_top = Facts { retention: none, top: false, ..small };
    let plan = plan_of(&listing, &[delivered(4, "d", 99, 0)], &no_top, Evidences::new());
    assert_eq!((fetched(&plan), reasons(&plan)[3]), (vec![1, 3, 4], Reason::Due));
}

#[test]
fn the_header_of_what_is_too_large_is_wanted_once_and_only_where_top_gives_it() {
    let listing = listing(&[("a", 10), ("b", 11), ("c", 12)]);
    let waiting = Row { state: RowState::New, content: None, delivery: None, ..delivered(2, "b", 11, 0) };
    let headers = Facts { max_size: Some(Octets(10)), announced: Some(HashSet::new()), ..facts(Retention::default()) };
    let plan = plan_of(&listing, std::slice::from_ref(&waiting), &headers, Evidences::new());
    assert_eq!(reasons(&plan), [Reason::Unknown, Reason::OversizeHeader, Reason::OversizeHeader]);
    let rows: Vec<FetchRow> = plan.stubs.iter().map(|stub| stub.row).collect();
    assert_eq!(rows, [FetchRow::Waiting(RowId(2)), FetchRow::Fresh(1)]);
    assert_eq!((plan.fetches.len(), plan.to_fetch(), plan.fresh.len()), (1, 1, 2));

    let announced = Some([RowId(2)].into());
    let troubled = Row { lost_sessions: limits::TROUBLED_AFTER, ..waiting.clone() };
    let skipped = Row { state: RowState::Skipped, ..waiting.clone() };
    for (row, facts, expected) in [
        (&waiting, Facts { announced, ..headers.clone() }, Reason::Oversize),
        (&waiting, Facts { announced: None, ..headers.clone() }, Reason::Oversize),
        (&waiting, Facts { top: false, ..headers.clone() }, Reason::Oversize),
        (&waiting, Facts { left_out: [MessageNumber(2)].into(), ..headers.clone() }, Reason::LeftOut),
        (&waiting, Facts { max_size: Some(Octets(11)), ..headers.clone() }, Reason::NotYetDelivered),
        (&troubled, headers.clone(), Reason::Oversize),
        (&skipped, headers.clone(), Reason::Skipped),
    ] {
        let plan = plan_of(&listing, std::slice::from_ref(row), &facts, Evidences::new());
        assert_eq!(reasons(&plan)[1], expected, "{facts:?}");
        assert!(plan.stubs.iter().all(|stub| stub.listed.number != MessageNumber(2)), "{facts:?}");
    }
}

#[test]
fn the_order_tells_what_comes_first_and_so_what_a_limit_leaves() {
    let mut listing = listing(&[("a", 30), ("b", 10), ("c", 20), ("d", 10), ("e", 0)]);
    listing.messages[2].size = None;
    let order = |order, budget| {
        let facts = Facts { order, budget, ..facts(Retention::default()) };
        let plan = plan_of(&listing, &[], &facts, Evidences::new());
        assert_eq!(plan.fresh, listing.messages, "recorded in the order of the listing");
        let within = plan.fetches.iter().filter(|fetch| !fetch.beyond_limit).map(|fetch| fetch.listed.number.0);
        let within: Vec<u32> = within.collect();
        let is_left = |decided: &&Decided| decided.reason == Reason::OverLimit;
        assert_eq!(plan.decided.iter().filter(is_left).count(), 5 - within.len());
        assert!(plan.decided.is_sorted_by_key(|decided| decided.listed.number));
        within
    };
    assert_eq!(order(Order::Oldest, Budget::default()), [1, 2, 3, 4, 5]);
    assert_eq!(order(Order::Newest, Budget::default()), [5, 4, 3, 2, 1]);
    assert_eq!(order(Order::Smallest, Budget::default()), [2, 4, 1, 3, 5]);
    assert_eq!(order(Order::Newest, messages(2)), [5, 4]);
    let octets = Budget::of(&Intake { octets: Some(Octets(15)), ..Intake::default() });
    assert_eq!(order(Order::Smallest, octets), [2, 4]);
    assert_eq!(order(Order::Oldest, octets), [1]);
    assert_eq!(order(Order::Oldest, messages(0)), [0; 0]);
}

#[test]
fn deletions_that_are_too_many_for_one_session_are_left_to_the_next() {
    let listing = listing(&[("a", 10), ("b", 10), ("c", 10), ("d", 10)]);
    let none = facts(Retention { keep: Keep::None, ..Retention::default() });
    let rows = [delivered(1, "a", 10, 0), delivered(2, "b", 10, 0), delivered(3, "c", 10, 0)];
    for (relogin, deletions, deletions_first) in
        [(None, 3, false), (Some(4), 3, false), (Some(3), 3, false), (Some(2), 2, true), (Some(1), 1, true)]
    {
        let plan = plan_of(&listing, &rows, &Facts { relogin, ..none.clone() }, Evidences::new());
        assert_eq!((plan.deletions.len(), plan.deletions_first), (deletions, deletions_first), "{relogin:?}");
        assert_eq!(reasons(&plan)[..3], [Reason::Due; 3], "{relogin:?}");
    }
}

/// I1, I3.
#[test]
fn what_the_user_removed_goes_by_its_content_and_not_too_much_at_once() {
    let uids: Vec<String> = (0..20).map(|number| format!("u{number}")).collect();
    let listing = listing(&uids.iter().map(|uid| (&**uid, 10)).collect::<Vec<_>>());
    let rows: Vec<Row> = (1..).zip(&uids).map(|(id, uid)| delivered(id, uid, 10, 1)).collect();
    let removed = |ids: &[i64]| Facts {
        removed: Removed { rows: ids.iter().copied().map(RowId).collect(), is_confirmed: false },
        ..facts(Retention::default())
    };
    let plan = plan_of(&listing, &rows, &removed(&[3, 7]), Evidences::new());
    assert_eq!((deleted(&plan), plan.unconfirmed_removals), (vec![3, 7], 0));
    assert_eq!(reasons(&plan)[2], Reason::RemovedLocally);
    assert_eq!(reasons(&plan).iter().filter(|reason| reason.deletes()).count(), 2);

    let many = removed(&[3, 7, 8, 99]);
    let plan = plan_of(&listing, &rows, &many, Evidences::new());
    assert_eq!((deleted(&plan), plan.unconfirmed_removals), (vec![], 3), "one that is not listed does not count");
    assert!(reasons(&plan).iter().all(|reason| *reason == Reason::AlreadyDelivered));
    let confirmed = Facts { removed: Removed { is_confirmed: true, ..many.removed.clone() }, ..many };
    assert_eq!(deleted(&plan_of(&listing, &rows, &confirmed, Evidences::new())), [3, 7, 8]);

    // What other rules delete goes, and by their reason.
    let large = Retention { larger_than: Some(Octets(9)), ..Retention::default() };
    let plan = plan_of(&listing, &rows, &Facts { retention: large, ..removed(&[1, 2]) }, Evidences::new());
    assert!(deleted(&plan).len() == 20 && reasons(&plan).iter().all(|reason| *reason == Reason::TooLarge));

    // Another message, an incomplete listing, and what is in no safety.
    let evidence = [(MessageNumber(3), Evidence::Header(digest("x")))].into();
    assert_eq!(deleted(&plan_of(&listing, &rows, &removed(&[3, 7]), evidence)), [7]);
    let partial = Listing { complete: false, ..listing.clone() };
    let plan = plan_of(&partial, &rows, &removed(&[3]), Evidences::new());
    assert_eq!((deleted(&plan), reasons(&plan)[2]), (vec![], Reason::DueButPartial));
    for state in [RowState::Held, RowState::Untrusted, RowState::Intent] {
        let mut rows = rows.clone();
        rows[2].state = state;
        assert_eq!(deleted(&plan_of(&listing, &rows, &removed(&[3]), Evidences::new())), [0; 0], "{state:?}");
    }
}
