//! The marker of a Maildir: a file with a random id, and beside it one with the generation of each index.
//!
//! A Maildir that is not mounted, was moved away or was restored from a backup looks like an empty or another one. The
//! marker tells: only the Maildir with the recorded id, at the recorded generation, is resolved by or delivered to.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::TargetError;
use crate::host::Host;
use crate::model::hex;

const MARKER: &str = "fetchonce-maildir";
const GENERATION: &str = "fetchonce-generation-";
/// Longest content of either file.
const LONGEST: u64 = 64;

/// The random id of the Maildir at `root`; `None` when it has no marker.
pub(super) fn read(host: &dyn Host, root: &Path) -> Result<Option<String>, TargetError> {
    let path = root.join(MARKER);
    read_line(host, &path).map_err(TargetError::io("read the marker", &path))
}

/// Gives the Maildir at `root` a marker, written under a name with `own_mark` that a later run sweeps, unless another process was quicker; durable when it returns.
pub(super) fn create(host: &dyn Host, root: &Path, own_mark: &str) -> Result<String, TargetError> {
    let mut id = [0; 16];
    host.fill_random(&mut id);
    let path = root.join(MARKER);
    let temporary = root.join("tmp").join(format!("{MARKER}{own_mark}{}", hex(&id)));
    let make = || -> io::Result<()> {
        write_durably(host, &temporary, &hex(&id))?;
        match host.rename_new(&temporary, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => host.unlink(&temporary)?,
            result => result?,
        }
        host.sync_dir(root)
    };
    make().map_err(TargetError::io("write the marker", &path))?;
    read(host, root)?.ok_or(TargetError::Missing(root.to_owned()))
}

/// The generation that the index `index_id` last wrote beside the marker; 0 when it never did.
pub(super) fn generation(host: &dyn Host, root: &Path, index_id: &str) -> Result<i64, TargetError> {
    let path = generation_path(root, index_id);
    let text = read_line(host, &path).map_err(TargetError::io("read", &path))?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Writes the generation of the index `index_id`; durable when it returns.
pub(super) fn set_generation(
    host: &dyn Host,
    root: &Path,
    index_id: &str,
    own_mark: &str,
    generation: i64,
) -> Result<(), TargetError> {
    let path = generation_path(root, index_id);
    let temporary = root.join("tmp").join(format!("{GENERATION}{own_mark}"));
    let write = || -> io::Result<()> {
        match host.unlink(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write_durably(host, &temporary, &generation.to_string())?;
        host.rename_over(&temporary, &path)?;
        host.sync_dir(root)
    };
    write().map_err(TargetError::io("write", &path))
}

fn generation_path(root: &Path, index_id: &str) -> PathBuf {
    root.join(format!("{GENERATION}{index_id}"))
}

fn write_durably(host: &dyn Host, path: &Path, line: &str) -> io::Result<()> {
    let mut file = host.create_new(path)?;
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    host.sync_files(&mut [file])
}

fn read_line(host: &dyn Host, path: &Path) -> io::Result<Option<String>> {
    if host.stat(path)?.is_none() {
        return Ok(None);
    }
    let mut text = String::new();
    host.open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(text.trim_end().to_owned()))
}
