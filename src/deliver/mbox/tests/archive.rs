//! Compressed archives: members one after the other, and recovery by the member.

use std::io::Read as _;

use super::super::archive;
use super::Bench;
use crate::deliver::TargetError;
use crate::deliver::mbox::MboxError;
use crate::deliver::parcel::Settled::{Delivered, Lost, NotDelivered};
use crate::model::{Compression, Octets, Promise};

const MESSAGES: [&str; 2] = ["A: 0\n\nzero zero zero zero\n", "A: 1\n\none\n"];
const BOTH: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

fn content(bench: &Bench, compression: Compression) -> String {
    let file = std::io::Cursor::new(bench.content());
    let mut text = String::new();
    archive::reader(compression, file).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn plain() -> String {
    let bench = Bench::new(&MESSAGES);
    bench.deliver_all();
    String::from_utf8(bench.content()).unwrap()
}

#[test]
fn a_batch_is_a_member_and_members_follow_one_another() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        let first = bench.deliver_all();
        assert_eq!(first[0], first[1]);
        let Promise::Range { octets: Octets(octets), .. } = first[0] else { panic!() };
        assert_eq!(octets, bench.content().len() as u64);
        bench.deliver_all();
        assert_eq!(content(&bench, compression), plain().repeat(2));
        assert_eq!(bench.content().len() as u64, 2 * octets, "the same messages give the same member");
    }
}

#[test]
fn a_member_that_was_cut_off_anywhere_is_written_anew() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        bench.deliver_all();
        let start = bench.content();
        let promises = bench.promise_all();
        bench.deliver_all();
        let whole = bench.content();
        for cut in start.len()..whole.len() {
            let zeros = [&whole[..cut], &vec![0; whole.len() - cut][..]].concat();
            for left in [whole[..cut].to_vec(), zeros] {
                if left == whole {
                    continue;
                }
                bench.write(&left);
                assert_eq!(bench.settle(&promises).unwrap(), [NotDelivered; 2], "{compression:?} {cut}");
                assert_eq!(bench.content(), start, "{compression:?} {cut}");
            }
        }
        bench.write(&whole);
        assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 2]);
        assert_eq!(bench.content(), whole);
    }
}

#[test]
fn an_archive_that_was_compressed_anew_still_has_its_messages() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        let promises = bench.deliver_all();
        let mut anew = Vec::new();
        let mut compressor = archive::Compressor::new(compression, &mut anew).unwrap();
        let text = format!("From a b\nX: y\n\nz\n\n{}", plain());
        std::io::Write::write_all(&mut compressor, text.as_bytes()).unwrap();
        compressor.finish().unwrap();
        bench.write(&anew);
        assert_eq!(bench.settle(&promises).unwrap(), [Delivered; 2]);
        // Another archive has nothing of it.
        let other = Bench::archive(&["A: 2\n\nother\n"], compression);
        other.deliver_all();
        bench.write(&other.content());
        assert_eq!(bench.settle(&promises).unwrap(), [Lost; 2]);
    }
}

#[test]
fn a_damaged_archive_is_told_and_nothing_is_resolved() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        bench.deliver_all();
        let promises = bench.deliver_all();
        let mut damaged = bench.content();
        damaged[12] ^= 0xff;
        bench.write(&damaged);
        let refused = bench.settle(&promises).unwrap_err();
        assert!(matches!(refused, TargetError::Mbox(MboxError::Damaged(_))), "{compression:?} {refused}");
        assert_eq!(bench.content(), damaged);
    }
}

/// I2: no program would read what lies behind it.
#[test]
fn nothing_is_added_behind_a_damaged_end() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        bench.deliver_all();
        let whole = bench.content();
        let mark = archive::end_mark(compression).len();
        for damaged in
            [&whole[..whole.len() - 1], &whole[..whole.len() - mark - 1], &[&whole[..], b"garbage\n"].concat()]
        {
            bench.write(damaged);
            let refused = bench.deliver(&bench.parcels()).unwrap_err();
            assert!(matches!(refused, TargetError::Mbox(MboxError::Damaged(_))), "{compression:?} {refused}");
            assert_eq!(bench.content(), damaged);
        }
        // One that another program wrote, and ended well.
        bench.write(&whole[..whole.len() - mark]);
        bench.deliver_all();
        assert_eq!(content(&bench, compression), plain().repeat(2));
    }
}

#[test]
fn what_is_no_archive_stays_as_it_is() {
    for compression in BOTH {
        let bench = Bench::archive(&MESSAGES, compression);
        bench.write(b"From a b\nX: y\n\nz\n\n");
        let refused = bench.deliver(&bench.parcels()).unwrap_err();
        assert!(matches!(refused, TargetError::Mbox(MboxError::SomethingElse { .. })), "{refused}");
    }
}
