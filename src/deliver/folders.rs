//! Folders that are made for mail, durably.

use std::io;
use std::path::Path;

use super::TargetError;
use crate::host::Host;
use crate::model::FileStyle;

/// Makes a folder and the missing ones above it, all in this style, and makes their names durable.
///
/// All folders above are synced, also those that exist: an earlier run may have made them and died before its sync.
pub fn create_dirs(host: &dyn Host, path: &Path, style: &FileStyle) -> Result<(), TargetError> {
    for folder in missing_dirs(host, path)?.into_iter().rev() {
        create_dir(host, folder, style)?;
    }
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        match host.sync_dir(folder) {
            // A folder that may not be read, or that knows no sync (autofs, a read-only disk), is none that this program made.
            Err(error) if is_foreign(&error) => break,
            result => result.map_err(TargetError::io("sync", folder))?,
        }
    }
    Ok(())
}

/// A folder and those above it, as far as they do not exist; the highest comes last.
pub(super) fn missing_dirs<'p>(host: &dyn Host, path: &'p Path) -> Result<Vec<&'p Path>, TargetError> {
    let mut missing = Vec::new();
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if host.stat(folder).map_err(TargetError::io("look at", folder))?.is_some() {
            break;
        }
        missing.push(folder);
    }
    Ok(missing)
}

/// Whether a folder that cannot be synced is one that this program has no part in.
pub(super) fn is_foreign(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

/// Makes one folder; what is there already stays as it is.
pub(super) fn create_dir(host: &dyn Host, path: &Path, style: &FileStyle) -> Result<(), TargetError> {
    match host.create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        result => result.map_err(TargetError::io("create", path))?,
    }
    if style.is_private() {
        return Ok(());
    }
    let group = style.group.as_deref();
    host.set_dir_access(path, style.folder_mode(), group).map_err(TargetError::io("set the permissions of", path))
}
