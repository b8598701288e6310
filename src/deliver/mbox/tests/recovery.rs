//! What a crash left, and what other programs made of it since.

use std::fs;

use super::Bench;
use crate::deliver::TargetError;
use crate::deliver::mbox::MboxError;
use crate::deliver::parcel::Settled::{self, Delivered, Lost, NotDelivered};
use crate::model::{Dialect, Octets, Promise};

const FOREIGN: &str = "From x@example.com Sat Nov 21 09:00:00 2026\nX: y\n\nforeign\n\n";
const MESSAGES: [&str; 3] = ["A: 0\n\nFrom zero\n", "A: 1\n\none\n", "A: 2\n\ntwo"];

/// A bench whose mbox held mail before, what was promised, and where the promised octets begin.
fn promised(dialect: Dialect) -> (Bench, Vec<Promise>, usize, Vec<u8>) {
    let mut bench = Bench::new(&MESSAGES);
    bench.target.dialect = dialect;
    bench.write(FOREIGN.as_bytes());
    let promises = bench.promise_all();
    let whole = {
        let other = Bench { target: bench.target.clone(), ..Bench::new(&MESSAGES) };
        other.deliver_all();
        let whole = fs::read(bench.path()).unwrap();
        bench.write(FOREIGN.as_bytes());
        whole
    };
    (bench, promises, FOREIGN.len(), whole)
}

/// How many of the messages lie whole in the first `octets` of the file.
fn whole_messages(promises: &[Promise], octets: usize) -> usize {
    let ends = promises.iter().map(|promise| match promise {
        Promise::Range { offset: Octets(offset), octets: Octets(octets), .. } => offset + octets,
        other => panic!("{other:?}"),
    });
    ends.filter(|end| *end <= octets as u64).count()
}

#[test]
fn an_append_that_was_cut_off_anywhere_is_completed() {
    for dialect in [Dialect::Mboxrd, Dialect::Mboxo, Dialect::Mboxcl2] {
        let (bench, promises, start, whole) = promised(dialect);
        for cut in start..=whole.len() {
            // A kill leaves the first octets, a power cut zeros in their place or after them.
            let zeros = |from: usize, to: usize| [&whole[..from], &vec![0; to - from][..], &whole[to..]].concat();
            for left in [whole[..cut].to_vec(), zeros(cut, whole.len()), zeros(start, cut)] {
                let is_whole = left == whole;
                bench.write(&left);
                let settled = bench.settle(&promises).unwrap();
                assert!(!settled.contains(&Lost), "{dialect:?} {cut} {settled:?}");
                if left == whole[..cut] {
                    let done = whole_messages(&promises, cut);
                    let expected: Vec<_> = (0..3).map(|at| if at < done { Delivered } else { NotDelivered }).collect();
                    assert_eq!(settled, expected, "{dialect:?} {cut}");
                }
                assert!(!is_whole || settled == [Delivered; 3]);
                if !is_whole {
                    bench.deliver_missing(&settled);
                }
                assert_eq!(bench.content(), whole, "{dialect:?} {cut}");
            }
        }
    }
}

#[test]
fn mail_that_came_in_between_stays_and_what_lies_whole_is_found() {
    let (bench, promises, start, whole) = promised(Dialect::Mboxrd);
    let later = "From z@example.com Sat Nov 21 10:00:00 2026\nZ: z\n\nlater\n\n";
    for cut in start..=whole.len() {
        let left = [&whole[..cut], b"\n\n", later.as_bytes()].concat();
        bench.write(&left);
        let settled = bench.settle(&promises).unwrap();
        // The line end and the empty line at the end of a message were added by the other program.
        let done = whole_messages(&promises, cut + 2);
        let expected: Vec<Settled> = (0..3).map(|at| if at < done { Delivered } else { Lost }).collect();
        assert_eq!(settled, expected, "{cut}");
        assert_eq!(bench.content(), left, "{cut}");
    }
}

/// Splits an mbox in which no line within a message looks like a separator.
fn split(mbox: &[u8]) -> Vec<String> {
    let text = String::from_utf8(mbox.to_vec()).unwrap();
    let mut messages: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("From ") {
            messages.push(String::new());
        }
        messages.last_mut().unwrap().push_str(line);
    }
    messages
}

/// What mail programs do to the messages of an mbox that they rewrite.
fn marked(message: &str) -> String {
    let (header, body) = message.split_once("\n\n").unwrap();
    format!("{header}\nStatus: RO\nX-Keywords: $Seen\n  NonJunk   \nContent-Length: 99\nLines: 1\n\n{body}")
}

#[test]
fn messages_that_a_mail_program_moved_and_marked_are_found() {
    let (bench, promises, _, whole) = promised(Dialect::Mboxrd);
    let mut messages: Vec<String> = split(&whole);
    // The mail that came before is expunged, the rest is marked and in another order.
    messages.remove(0);
    messages.reverse();
    let rewritten: String = messages.iter().map(|message| marked(message)).collect();
    for in_place in [true, false] {
        if in_place {
            bench.write(rewritten.as_bytes());
        } else {
            let temporary = bench.folder.path().join("temporary");
            fs::write(&temporary, &rewritten).unwrap();
            fs::rename(&temporary, bench.path()).unwrap();
        }
        assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 3]);
        assert_eq!(bench.content(), rewritten.as_bytes());
    }
}

#[test]
fn the_last_message_of_a_rewritten_file_is_found_without_its_line_ends() {
    let (bench, promises, _, whole) = promised(Dialect::Mboxrd);
    let whole = &whole[FOREIGN.len()..];
    for missing in 0..=2 {
        bench.write(&whole[..whole.len() - missing]);
        assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 3], "{missing}");
        assert_eq!(bench.content(), whole);
    }
    bench.write(&whole[..whole.len() - 3]);
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered, Delivered, Lost]);
    bench.write(&[whole, b"\n\n\n"].concat());
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 3]);
}

#[test]
fn messages_that_a_mail_program_removed_are_told() {
    let (bench, promises, _, whole) = promised(Dialect::Mboxrd);
    let messages = split(&whole);
    for removed in 1..=3 {
        let mut left = messages.clone();
        left.remove(removed);
        left[0] = marked(&left[0]);
        bench.write(left.concat().as_bytes());
        let expected: Vec<Settled> = (1..=3).map(|at| if at == removed { Lost } else { Delivered }).collect();
        assert_eq!(bench.settle(&promises).unwrap(), expected);
    }
}

#[test]
fn an_mbox_that_a_mail_program_removed_had_the_messages_maybe() {
    let (bench, promises, ..) = promised(Dialect::Mboxrd);
    fs::remove_file(bench.path()).unwrap();
    assert_eq!(bench.settle(&promises).unwrap(), [Lost; 3]);
    assert!(!bench.path().exists());
    bench.deliver_missing(&[Lost; 3]);
    assert_eq!(split(&bench.content()).len(), 3);
}

#[test]
fn a_file_in_the_place_of_another_had_the_messages_maybe() {
    let bench = Bench::new(&MESSAGES);
    let promises = bench.promise_all();
    let temporary = bench.folder.path().join("temporary");
    fs::write(&temporary, "").unwrap();
    fs::rename(&temporary, bench.path()).unwrap();
    assert_eq!(bench.settle(&promises).unwrap(), [Lost; 3]);
}

#[test]
fn nothing_is_resolved_while_the_folder_is_missing() {
    let mut bench = Bench::new(&MESSAGES);
    let promises = bench.promise_all();
    bench.target.path = bench.folder.path().join("unmounted/mbox");
    let refused = bench.settle(&promises).unwrap_err();
    assert!(matches!(refused, TargetError::Mbox(MboxError::NoFolder(_))), "{refused}");
}

#[test]
fn each_of_two_equal_messages_must_be_found() {
    let twin = "A: 0\n\nthe same\n";
    let bench = Bench::new(&[twin, twin, twin]);
    bench.write(FOREIGN.as_bytes());
    let promises = bench.deliver_all();
    let mut messages = split(&bench.content());
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 3]);
    // The mail before is gone, and so nothing lies where it was promised.
    messages.remove(0);
    bench.write(messages.concat().as_bytes());
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 3]);
    messages.pop();
    bench.write(messages.concat().as_bytes());
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered, Delivered, Lost]);
    // An equal message that was delivered before does not make up for one that was not.
    let bench = Bench::new(&[twin]);
    bench.deliver_all();
    let promises = bench.promise_all();
    let later = [&bench.content()[..], FOREIGN.as_bytes()].concat();
    bench.write(&later);
    assert_eq!(bench.settle(&promises).unwrap(), [Lost]);
}

#[test]
fn a_message_that_only_begins_like_the_promised_one_is_another() {
    let bench = Bench::new(&["A: 0\n\nbegin\n"]);
    bench.write(FOREIGN.as_bytes());
    let promises = bench.promise_all();
    let longer = Bench::new(&["A: 0\n\nbegin\n\nand go on\n"]);
    longer.deliver_all();
    bench.write(&longer.content());
    assert_eq!(bench.settle(&promises).unwrap(), [Lost]);
}

/// In mboxcl2 a body may hold whole messages, separators included.
#[test]
fn messages_within_messages_confuse_nothing() {
    let outer = format!("A: 0\n\n{FOREIGN}From MAILER-DAEMON Sun Nov 22 09:00:00 2026\nA: 1\n\nnot it\n");
    let mut bench = Bench::new(&[&outer, "A: 1\n\nit\n"]);
    bench.target.dialect = Dialect::Mboxcl2;
    bench.write(FOREIGN.as_bytes());
    let promises = bench.deliver_all();
    let content = bench.content();
    bench.write(&content[FOREIGN.len()..]);
    assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 2]);
}

/// After a failed sync nothing tells what the disk has: what lies at the end is cut off, from the last message on.
#[test]
fn what_lies_at_the_end_can_be_taken_back_and_nothing_else() {
    let (bench, promises, start, whole) = promised(Dialect::Mboxrd);
    let [.., Promise::Range { offset: Octets(last), .. }] = promises[..] else { panic!("{promises:?}") };
    for cut in usize::try_from(last).unwrap()..=whole.len() {
        bench.write(&whole[..cut]);
        assert_eq!(bench.take_back(&promises), [true; 3], "{cut}");
        assert_eq!(bench.content(), &whole[..start], "{cut}");
    }
    // Where it ends before, another program may have written it anew.
    bench.write(&whole[..usize::try_from(last).unwrap() - 1]);
    assert_eq!(bench.take_back(&promises), [false, true, true]);
    let followed = [&whole[..], FOREIGN.as_bytes()].concat();
    bench.write(&followed);
    assert_eq!(bench.take_back(&promises), [false; 3]);
    assert_eq!(bench.content(), followed);
    bench.remove();
    assert_eq!(bench.take_back(&promises), [true; 3]);
}
