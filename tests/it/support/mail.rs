//! What lies in a Maildir, and what should.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One delivered file.
#[derive(Clone)]
pub(crate) struct MailFile {
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

/// The names in a folder, sorted; none when it does not exist.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All files in `new/` and `cur/`. The size in a name (`,S=`) must be the file's.
pub(crate) fn mail_in(maildir: &Path) -> Vec<MailFile> {
    let folders = ["new", "cur"].map(|sub| maildir.join(sub));
    let paths = folders.iter().flat_map(|folder| names_in(folder).into_iter().map(|name| folder.join(name)));
    paths
        .map(|path| {
            let content = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let (_, size) = name.split_once(",S=").expect("a delivered file states its size");
            let size = size.split([',', ':']).next().unwrap();
            assert_eq!(size, content.len().to_string(), "the size in the name of {}", path.display());
            MailFile { path, content }
        })
        .collect()
}

/// What lies in `tmp/` and should not.
pub(crate) fn leftovers(maildir: &Path) -> Vec<String> {
    names_in(&maildir.join("tmp"))
}

/// Octets with CRLF line ends as they are stored: with LF.
pub(crate) fn stored(wire: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(wire.len());
    for (at, octet) in wire.iter().enumerate() {
        if *octet != b'\r' || wire.get(at + 1) != Some(&b'\n') {
            stored.push(*octet);
        }
    }
    stored
}

/// How two multisets of messages differ; each entry is shown by its size and beginning.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) missing: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) unknown: Vec<String>,
}

impl Difference {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |list: &[String]| format!("{} {:?}", list.len(), list.iter().take(5).collect::<Vec<_>>());
        let (missing, doubled, unknown) = (shown(&self.missing), shown(&self.doubled), shown(&self.unknown));
        write!(f, "missing {missing}, doubled {doubled}, unknown {unknown}")
    }
}

/// Compares what was delivered with what should have been.
pub(crate) fn difference(expected: &[Vec<u8>], found: &[MailFile]) -> Difference {
    let mut counts: BTreeMap<&[u8], (usize, usize)> = BTreeMap::new();
    for message in expected {
        counts.entry(message).or_default().0 += 1;
    }
    for file in found {
        counts.entry(&file.content).or_default().1 += 1;
    }
    let mut difference = Difference::default();
    for (content, (wanted, got)) in counts {
        let shown = || format!("{} octets, {}", content.len(), content[..content.len().min(60)].escape_ascii());
        difference.missing.extend((got..wanted).map(|_| shown()));
        let too_many = if wanted == 0 { &mut difference.unknown } else { &mut difference.doubled };
        too_many.extend((wanted..got).map(|_| shown()));
    }
    difference
}

#[test]
fn a_difference_counts_identical_messages() {
    let file = |content: &[u8]| MailFile { path: PathBuf::new(), content: content.to_vec() };
    let expected = [b"a".to_vec(), b"a".to_vec(), b"b".to_vec()];
    assert!(difference(&expected, &[file(b"b"), file(b"a"), file(b"a")]).is_none());
    let found = difference(&expected, &[file(b"a"), file(b"b"), file(b"b"), file(b"c")]);
    assert_eq!((found.missing.len(), found.doubled.len(), found.unknown.len()), (1, 1, 1));
}
