//! Which messages a Maildir holds, wherever a reader put them.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::TargetError;
use crate::host::Host;
use crate::model::limits;
use crate::recover::unique_part;

/// Folders that hold messages and nothing else.
const LEAVES: [&str; 3] = ["new", "cur", "tmp"];

/// The unique parts of the names of all files below a Maildir: in it, in its Maildir++ folders (`.Name/`), and in any other
/// folder. What cannot be looked into is an error, since it may hold what is looked for.
///
/// Of each folder `new` comes before `cur`, since readers move files that way.
pub fn unique_parts(host: &dyn Host, root: &Path) -> Result<HashSet<String>, TargetError> {
    let mut parts = HashSet::new();
    let mut folders = vec![root.to_owned()];
    let mut looked_into = 0;
    while let Some(folder) = folders.pop() {
        looked_into += 1;
        if looked_into > limits::MAILDIR_FOLDERS {
            return Err(TargetError::io("look through", root)(io::Error::other("too many folders")));
        }
        for leaf in LEAVES.map(|leaf| folder.join(leaf)) {
            if is_folder(host, &leaf)? {
                parts.extend(names(host, &leaf)?.iter().map(|name| unique_part(name).to_owned()));
            }
        }
        let others = host.list_dir(&folder).map_err(TargetError::io("read", &folder))?;
        for name in others.iter().filter(|name| LEAVES.iter().all(|leaf| name != leaf)) {
            let path = folder.join(name);
            if is_folder(host, &path)? {
                folders.push(path);
            } else {
                parts.insert(unique_part(&name.to_string_lossy()).to_owned());
                leads_somewhere(host, &folder, &path)?;
            }
        }
    }
    Ok(parts)
}

fn is_folder(host: &dyn Host, path: &Path) -> Result<bool, TargetError> {
    Ok(host.stat(path).map_err(TargetError::io("look at", path))?.is_some_and(|stat| stat.is_dir))
}

/// A link to nothing may be one to a folder on a disk that is not mounted.
fn leads_somewhere(host: &dyn Host, folder: &Path, path: &Path) -> Result<(), TargetError> {
    let is_nothing = || host.stat(path).map(|stat| stat.is_none()).map_err(TargetError::io("look at", path));
    let is_listed = || -> Result<bool, TargetError> {
        let names = host.list_dir(folder).map_err(TargetError::io("read", folder))?;
        Ok(names.iter().any(|name| path.file_name() == Some(name)))
    };
    if is_nothing()? && is_listed()? && is_nothing()? {
        return Err(TargetError::io("look at", path)(io::ErrorKind::NotFound.into()));
    }
    Ok(())
}

fn names(host: &dyn Host, folder: &Path) -> Result<Vec<String>, TargetError> {
    let names = host.list_dir(folder).map_err(TargetError::io("read", folder))?;
    Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
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
        let mut found: Vec<String> = unique_parts(&host, &root).unwrap().into_iter().collect();
        found.sort();
        assert_eq!(found, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn what_cannot_be_looked_into_is_an_error() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(unique_parts(&host, &root.join("none")).is_err());
        put(root, "cur/a");
        for (name, to) in [("unmounted", "/nowhere/at/all"), ("loop", ".")] {
            symlink(to, root.join(name)).unwrap();
            assert!(matches!(unique_parts(&host, root), Err(TargetError::Io { .. })), "{name}");
            fs::remove_file(root.join(name)).unwrap();
        }
        assert!(unique_parts(&host, root).is_ok());
    }
}
