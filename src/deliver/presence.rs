//! Which messages a Maildir holds, wherever a reader put them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use super::TargetError;
use crate::content::{HeaderHash, VOLATILE_FIELDS};
use crate::host::Host;
use crate::model::{Digest, limits};
use crate::recover::unique_part;

/// Folders that hold messages and nothing else.
const LEAVES: [&str; 3] = ["new", "cur", "tmp"];

/// The volatile fields, and those that readers add to what they copy: mutt the first one.
const WITHOUT_LENGTHS: [&[u8]; 7] =
    [b"content-length", b"lines", b"status", b"x-status", b"x-uidl", b"x-uid", b"x-keywords"];

/// The names of all files below a Maildir: in it, in its Maildir++ folders (`.Name/`), and in any other folder. What cannot
/// be looked into is an error, since it may hold what is looked for.
///
/// Of each folder `new` comes before `cur`, since readers move files that way.
pub fn files(host: &dyn Host, root: &Path) -> Result<Vec<PathBuf>, TargetError> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    let mut looked_into = 0;
    while let Some(folder) = folders.pop() {
        looked_into += 1;
        if looked_into > limits::MAILDIR_FOLDERS {
            return Err(TargetError::io("look through", root)(io::Error::other("too many folders")));
        }
        for leaf in LEAVES.map(|leaf| folder.join(leaf)) {
            if is_folder(host, &leaf)? {
                files.extend(names(host, &leaf)?.iter().map(|name| leaf.join(name)));
            }
        }
        for name in names(host, &folder)?.iter().filter(|name| !LEAVES.iter().any(|leaf| name == leaf)) {
            let path = folder.join(name);
            if is_folder(host, &path)? {
                folders.push(path);
            } else {
                leads_somewhere(host, &folder, &path)?;
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// The unique part of the name of a file.
#[must_use]
pub fn unique_part_of(file: &Path) -> Cow<'_, str> {
    match file.file_name().unwrap_or_default().to_string_lossy() {
        Cow::Borrowed(name) => Cow::Borrowed(unique_part(name)),
        Cow::Owned(name) => Cow::Owned(unique_part(&name).to_owned()),
    }
}

/// The strong fingerprints of the headers of those of these files that are messages, but for the ones with this mark in their
/// name. `None` if one is gone meanwhile: where it went is not known.
///
/// Readers that copy a message into another folder give it a name of their own, and may add to its header how long it is.
pub fn headers(host: &dyn Host, files: &[PathBuf], own_mark: &str) -> Result<Option<HashSet<Digest>>, TargetError> {
    let mut headers = HashSet::new();
    for file in files.iter().filter(|file| is_message(file) && !file.to_string_lossy().contains(own_mark)) {
        let read = host.open(file).and_then(|mut message| fingerprints(&mut *message));
        match read {
            Ok(fingerprints) => headers.extend(fingerprints),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TargetError::io("read", file)(error)),
        }
    }
    Ok(Some(headers))
}

fn is_message(file: &Path) -> bool {
    let folder = file.parent().and_then(Path::file_name);
    folder.is_some_and(|folder| LEAVES.iter().any(|leaf| folder == *leaf))
}

/// The strong fingerprint of a header, and the one without the fields that tell a length.
fn fingerprints(message: &mut dyn Read) -> io::Result<[Digest; 2]> {
    let mut message = BufReader::new(message);
    let mut hashes = [HeaderHash::without(&VOLATILE_FIELDS), HeaderHash::without(&WITHOUT_LENGTHS)];
    let mut line = Vec::new();
    while message.read_until(b'\n', &mut line)? > 0 && line != b"\n" {
        for hash in &mut hashes {
            hash.push(&line);
        }
        line.clear();
    }
    Ok(hashes.map(HeaderHash::finish))
}

fn is_folder(host: &dyn Host, path: &Path) -> Result<bool, TargetError> {
    Ok(host.stat(path).map_err(TargetError::io("look at", path))?.is_some_and(|stat| stat.is_dir))
}

/// A link to nothing may be one to a folder on a disk that is not mounted.
fn leads_somewhere(host: &dyn Host, folder: &Path, path: &Path) -> Result<(), TargetError> {
    let is_nothing = || host.stat(path).map(|stat| stat.is_none()).map_err(TargetError::io("look at", path));
    let is_listed = || names(host, folder).map(|names| names.iter().any(|name| path.file_name() == Some(name)));
    if is_nothing()? && is_listed()? && is_nothing()? {
        return Err(TargetError::io("look at", path)(io::ErrorKind::NotFound.into()));
    }
    Ok(())
}

fn names(host: &dyn Host, folder: &Path) -> Result<Vec<OsString>, TargetError> {
    host.list_dir(folder).map_err(TargetError::io("read", folder))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::content::Digester;
    use crate::host::RealHost;

    fn put(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn a_message_is_found_wherever_a_reader_put_it() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("Mail");
        let places =
            ["new/a,S=3", "cur/b,S=3:2,S", "tmp/c", ".Junk/cur/d:2,", "Lists/.x/y/new/e,U=7:2,RS", "Old/f", "g"];
        for place in places {
            put(&root, place);
        }
        put(folder.path(), "Elsewhere/cur/h,S=3");
        symlink("../Elsewhere", root.join("Linked")).unwrap();
        let files = files(&host, &root).unwrap();
        let mut found: Vec<_> = files.iter().map(|file| unique_part_of(file)).collect();
        found.sort();
        assert_eq!(found, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn what_cannot_be_looked_into_is_an_error() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(files(&host, &root.join("none")).is_err());
        put(root, "cur/a");
        for (name, to) in [("unmounted", "/nowhere/at/all"), ("loop", ".")] {
            symlink(to, root.join(name)).unwrap();
            assert!(matches!(files(&host, root), Err(TargetError::Io { .. })), "{name}");
            fs::remove_file(root.join(name)).unwrap();
        }
        assert!(files(&host, root).is_ok());
    }

    #[test]
    fn a_message_is_known_by_its_header_under_any_name() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let texts = [
            ("cur/1.copied:2,S", "Subject: one\n\nbody\n"),
            (".Old/new/2.saved", "Subject: two\nStatus: RO\nContent-Length: 5\nLines: 1\n\nbody\n"),
            ("tmp/3.headers", "Subject: three"),
            ("new/4.Fown_4", "Subject: four\n\n"),
            ("dovecot.index", "Subject: five\n\n"),
        ];
        for (path, text) in texts {
            put(root, path);
            fs::write(root.join(path), text).unwrap();
        }
        let files = files(&host, root).unwrap();
        let found = headers(&host, &files, ".Fown_").unwrap().unwrap();
        let knows = |header: &str| {
            let mut digester = Digester::new();
            digester.push(header.as_bytes());
            found.contains(&digester.finish().header)
        };
        for header in ["Subject: one\n\n", "Subject: two\n\nother body", "Subject: three"] {
            assert!(knows(header), "{header}");
        }
        for header in ["Subject: four\n\n", "Subject: five\n\n", "Subject: on\n\n", ""] {
            assert!(!knows(header), "{header}");
        }
        fs::remove_file(root.join(texts[1].0)).unwrap();
        assert_eq!(headers(&host, &files, ".Fown_").unwrap(), None);
    }
}
