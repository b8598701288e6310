//! What lies in the file after an append, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Bench;
use crate::deliver::TargetError;
use crate::deliver::mbox::MboxError;
use crate::deliver::parcel::{Deliver as _, Outcome};
use crate::host::SharedError;
use crate::model::{Dialect, Octets, Promise};

const FROM: &str = "From MAILER-DAEMON Sun Nov 22 09:00:00 2026\n";

#[test]
fn nothing_is_glued_to_what_lies_before() {
    for (before, completed) in [
        ("", ""),
        ("From a b\nA: b\n\nx\n\n", "From a b\nA: b\n\nx\n\n"),
        ("From a b\nA: b\n\nx\n", "From a b\nA: b\n\nx\n\n"),
        ("From a b\nA: b\n\nx", "From a b\nA: b\n\nx\n\n"),
        ("From a b", "From a b\n\n"),
    ] {
        let bench = Bench::new(&["A: 0\n\nFrom 0\n", "A: 1\n"]);
        bench.write(before.as_bytes());
        bench.deliver_all();
        let expected = format!("{completed}{FROM}A: 0\n\n>From 0\n\n{FROM}A: 1\n\n");
        assert_eq!(String::from_utf8(bench.content()).unwrap(), expected, "{before:?}");
    }
}

#[test]
fn promises_tell_where_each_message_lies() {
    let bench = Bench::new(&["A: 0\n\nx\n", "A: 1\n\ny\n"]);
    bench.write(b"From a b\nA: b\n\nx");
    let promises = bench.deliver_all();
    let content = bench.content();
    for (promise, message) in promises.iter().zip(["A: 0\n\nx\n\n", "A: 1\n\ny\n\n"]) {
        let Promise::Range { offset: Octets(offset), octets: Octets(octets), dialect, .. } = *promise else { panic!() };
        let (offset, octets) = (usize::try_from(offset).unwrap(), usize::try_from(octets).unwrap());
        assert_eq!(content[offset..offset + octets], *format!("{FROM}{message}").as_bytes());
        assert_eq!(dialect, Dialect::Mboxrd);
    }
}

#[test]
fn a_new_file_is_its_owners_alone_and_no_lock_stays() {
    let bench = Bench::new(&["A: 0\n\nx\n"]);
    bench.deliver_all();
    assert_eq!(fs::metadata(bench.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 1);
}

#[test]
fn the_file_is_locked_from_the_promise_to_the_end() {
    let bench = Bench::new(&["A: 0\n\nx\n"]);
    let parcels = bench.parcels();
    let (mut mbox, mut other) = (bench.mbox(), bench.mbox());
    let prepared = mbox.prepare(&parcels).unwrap();
    let refused = other.prepare(&parcels).err().unwrap();
    assert!(matches!(refused, TargetError::Mbox(MboxError::Open(SharedError::Locked(_)))), "{refused}");
    assert!(refused.is_of_whole_target());
    assert!(matches!(prepared.perform()[..], [Outcome::Delivered]));
    other.prepare(&parcels).unwrap();
}

#[test]
fn what_is_no_mbox_stays_as_it_is() {
    let bench = Bench::new(&["A: 0\n\nx\n"]);
    for content in ["my notes\n", "\x7fELF", "From", "\nFrom a b\n"] {
        bench.write(content.as_bytes());
        let refused = bench.deliver(&bench.parcels()).unwrap_err();
        assert!(matches!(refused, TargetError::Mbox(MboxError::SomethingElse { .. })), "{refused}");
        assert_eq!(bench.content(), content.as_bytes());
    }
}

#[test]
fn a_folder_is_never_made() {
    let mut bench = Bench::new(&["A: 0\n\nx\n"]);
    bench.target.path = bench.folder.path().join("unmounted/mbox");
    let refused = bench.deliver(&bench.parcels()).unwrap_err();
    assert!(matches!(refused, TargetError::Mbox(MboxError::NoFolder(_))), "{refused}");
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_message_that_is_not_in_the_spool_is_told_before_anything_is_written() {
    let bench = Bench::new(&["A: 0\n\nx\n"]);
    let mut parcels = bench.parcels();
    parcels[0].token.0 = "gone".into();
    let refused = bench.deliver(&parcels).unwrap_err();
    assert!(matches!(refused, TargetError::Unspooled(_)), "{refused}");
    assert!(!bench.path().exists());
}

#[test]
fn what_another_program_wrote_without_a_lock_is_not_overwritten() {
    let bench = Bench::new(&["A: 0\n\nx\n"]);
    let parcels = bench.parcels();
    let mut mbox = bench.mbox();
    let prepared = mbox.prepare(&parcels).unwrap();
    let promises = prepared.promises();
    let foreign = "From a b\nC: d\n\nforeign\n\n";
    fs::write(bench.path(), foreign).unwrap();
    let outcomes = prepared.perform();
    assert!(matches!(&outcomes[..], [Outcome::InDoubt(TargetError::Mbox(MboxError::Disturbed(_)))]), "{outcomes:?}");
    assert_eq!(String::from_utf8(bench.content()).unwrap(), format!("{foreign}{FROM}A: 0\n\nx\n\n"));
    // The next run finds it.
    let settled = bench.settle(&promises).unwrap();
    assert_eq!(settled, [crate::deliver::parcel::Settled::Delivered]);
}
