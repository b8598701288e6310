//! What a delivery would meet, found without changing anything.

use std::path::Path;
use std::time::Duration;

use super::folders::missing_dirs;
use super::maildir::{LAYOUT, is_something_else};
use super::marker::read_marker;
use super::mbox::MboxError;
use super::{TargetError, eml};
use crate::host::{Host, SharedError};
use crate::model::{Locking, Octets};

/// What lies where a folder is to be that an index never delivered to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Survey {
    /// Nothing: it can be made.
    Nothing,
    /// One that can be used, with the marker that it has.
    Folder {
        /// Its random id.
        marker: Option<String>,
    },
}

/// Looks where a Maildir is to be. An error is what [`super::maildir::Maildir::create`] would meet.
pub fn survey(host: &dyn Host, root: &Path) -> Result<Survey, TargetError> {
    if host.stat(root).map_err(TargetError::io("look at", root))?.is_none() {
        may_create(host, root)?;
        return Ok(Survey::Nothing);
    }
    let names = host.list_dir(root).map_err(TargetError::io("read", root))?;
    if is_something_else(&names) {
        return Err(TargetError::NotMaildir(root.to_owned()));
    }
    may_write(host, root)?;
    for sub in ["tmp", "new"].iter().filter(|sub| names.iter().any(|name| name == *sub)) {
        may_write(host, &root.join(sub))?;
    }
    Ok(Survey::Folder { marker: read_marker(host, root, LAYOUT)? })
}

/// Looks where a folder of plain files is to be. An error is what [`super::eml::Eml::create`] would meet.
pub fn survey_eml(host: &dyn Host, root: &Path) -> Result<Survey, TargetError> {
    if host.stat(root).map_err(TargetError::io("look at", root))?.is_none() {
        may_create(host, root)?;
        return Ok(Survey::Nothing);
    }
    host.list_dir(root).map_err(TargetError::io("read", root))?;
    may_write(host, root)?;
    Ok(Survey::Folder { marker: read_marker(host, root, eml::LAYOUT)? })
}

/// Whether mail can be added to the mbox at `path`, and whether it exists. Another program may have it just now.
pub fn survey_mbox(host: &dyn Host, path: &Path) -> Result<bool, TargetError> {
    let folder = folder_of(path);
    if host.stat(folder).map_err(TargetError::io("look at", folder))?.is_none() {
        return Err(MboxError::NoFolder(path.to_owned()).into());
    }
    if host.stat(path).map_err(TargetError::io("look at", path))?.is_none() {
        may_write(host, folder)?;
        return Ok(false);
    }
    // A lock of this kind leaves no trace.
    match host.open_shared(path, Locking::Flock, Duration::ZERO, false) {
        Ok(_) | Err(SharedError::Locked(_)) => Ok(true),
        Err(error) => Err(MboxError::from(error).into()),
    }
}

/// Whether mail can be put into the Maildir at `root`, which is known to be one.
pub fn may_deliver(host: &dyn Host, root: &Path) -> Result<(), TargetError> {
    may_write(host, root)?;
    may_write(host, &root.join("tmp"))?;
    may_write(host, &root.join("new"))
}

/// Whether a folder that does not exist can be made, with the missing ones above it.
pub fn may_create(host: &dyn Host, path: &Path) -> Result<(), TargetError> {
    let Some(highest) = missing_dirs(host, path)?.pop() else { return Ok(()) };
    host.may_write(folder_of(highest)).map_err(TargetError::io("create", highest))
}

/// Octets free on the file system where a folder lies, or would lie.
pub fn free_space(host: &dyn Host, path: &Path) -> Result<Octets, TargetError> {
    let existing = missing_dirs(host, path)?.pop().map_or(path, folder_of);
    host.free_space(existing).map_err(TargetError::io("look at the free space of", existing))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether files can be made in the folder at `path`.
pub fn may_write(host: &dyn Host, path: &Path) -> Result<(), TargetError> {
    host.may_write(path).map_err(TargetError::io("write into", path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::super::maildir::Maildir;
    use super::*;
    use crate::host::RealHost;
    use crate::model::FolderTarget;

    #[test]
    fn a_survey_finds_what_create_would_meet_and_makes_nothing() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b/Mail");
        assert_eq!(survey(&host, &root).unwrap(), Survey::Nothing);
        assert_eq!(
            free_space(&host, &root).unwrap() > Octets(0),
            free_space(&host, folder.path()).unwrap() > Octets(0)
        );
        assert!(matches!(may_deliver(&host, &root), Err(TargetError::Io { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        fs::create_dir_all(&root).unwrap();
        assert_eq!(survey(&host, &root).unwrap(), Survey::Folder { marker: None });
        let (_, marker) = Maildir::create(&host, &FolderTarget::new(&root), "0123").unwrap();
        assert_eq!(survey(&host, &root).unwrap(), Survey::Folder { marker: Some(marker) });
        may_deliver(&host, &root).unwrap();

        fs::create_dir(folder.path().join("photos")).unwrap();
        assert!(matches!(survey(&host, folder.path()), Err(TargetError::NotMaildir(_))));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("Mail")] {
            assert!(matches!(survey(&host, &path), Err(TargetError::Io { .. })), "{}", path.display());
        }
    }
}
