//! Folders with a marker: a file with a random id, and beside it one with the generation of each index.
//!
//! A folder that is not mounted, was moved away or was restored from a backup looks like an empty or another one. The
//! marker tells: only the folder with the recorded id, at the recorded generation, is resolved by or delivered to.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::TargetError;
use super::staging::Staging;
use crate::host::Host;
use crate::model::{FileStyle, Octets, hex, shown_path};

const GENERATION: &str = "fetchonce-generation-";
/// Longest content of either file.
const LONGEST: u64 = 64;

/// What an index knows of a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known<'a> {
    /// The random id in its marker.
    pub marker: &'a str,
    /// How many runs of the index delivered there.
    pub generation: i64,
}

/// A kind of folder that has a marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// The marker's name.
    pub(super) marker: &'static str,
    /// The folder below it where messages are written first.
    pub(super) staging: &'static str,
}

/// A folder that mail is delivered to, with its marker and its staging folder.
#[derive(Clone)]
pub struct MarkedFolder<'h> {
    pub(super) host: &'h dyn Host,
    pub(super) root: PathBuf,
    pub(super) staging: Staging<'h>,
    layout: Layout,
    index_id: String,
}

impl<'h> MarkedFolder<'h> {
    pub(super) fn at(host: &'h dyn Host, root: &Path, layout: Layout, index_id: &str, style: &FileStyle) -> Self {
        let staging = Staging::new(host, root.join(layout.staging), index_id, style);
        Self { host, root: root.to_owned(), staging, layout, index_id: index_id.to_owned() }
    }

    /// Nothing is created: it must be the one that is known.
    pub(super) fn check(&self, known: Known<'_>) -> Result<(), TargetError> {
        let root = &self.root;
        if self.host.stat(root).map_err(TargetError::io("look at", root))?.is_none() {
            return Err(TargetError::Missing(root.clone()));
        }
        match self.marker()? {
            None => return Err(TargetError::Missing(root.clone())),
            Some(found) if found != known.marker => return Err(TargetError::Changed(root.clone())),
            Some(_) => {}
        }
        // The index counts first, so after a crash between the two it is one ahead.
        match known.generation - self.generation()? {
            0 | 1 => {
                tracing::debug!(path = shown_path(root), generation = known.generation, "folder opened");
                Ok(())
            }
            ..0 => Err(TargetError::OldIndex(root.clone())),
            2.. => Err(TargetError::OldMaildir(root.clone())),
        }
    }

    /// Its marker; one is made where there is none, unless another process is quicker. Durable when it returns.
    pub(super) fn ensure_marker(&self) -> Result<String, TargetError> {
        if let Some(marker) = self.marker()? {
            return Ok(marker);
        }
        let mut id = [0; 16];
        self.host.fill_random(&mut id);
        let name = format!("{}{}{}", self.layout.marker, self.staging.own_mark(), hex(&id));
        let (path, temporary) = (self.root.join(self.layout.marker), self.staging.folder().join(name));
        let make = || -> io::Result<()> {
            write_durably(self.host, &temporary, &hex(&id))?;
            match self.host.rename_new(&temporary, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.host.unlink(&temporary)?,
                result => result?,
            }
            self.host.sync_dir(&self.root)
        };
        make().map_err(TargetError::io("write the marker", &path))?;
        self.marker()?.ok_or(TargetError::Missing(self.root.clone()))
    }

    fn marker(&self) -> Result<Option<String>, TargetError> {
        read_marker(self.host, &self.root, self.layout)
    }

    /// The generation that the index last wrote beside the marker; 0 when it never did.
    pub fn generation(&self) -> Result<i64, TargetError> {
        let path = self.generation_path();
        let text = read_line(self.host, &path).map_err(TargetError::io("read", &path))?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Makes the generation that the index committed durable beside the marker, as far as an earlier run did not.
    pub fn settle_generation(&self, generation: i64) -> Result<(), TargetError> {
        if self.generation()? < generation {
            return self.set_generation(generation);
        }
        self.host.sync_dir(&self.root).map_err(TargetError::io("sync", &self.root))
    }

    /// Writes the generation of the index, after the index committed it; durable when it returns.
    pub fn set_generation(&self, generation: i64) -> Result<(), TargetError> {
        let path = self.generation_path();
        let temporary = self.staging.folder().join(format!("{GENERATION}{}", self.staging.own_mark()));
        let write = || -> io::Result<()> {
            match self.host.unlink(&temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            write_durably(self.host, &temporary, &generation.to_string())?;
            self.host.rename_over(&temporary, &path)?;
            self.host.sync_dir(&self.root)
        };
        write().map_err(TargetError::io("write", &path))
    }

    fn generation_path(&self) -> PathBuf {
        self.root.join(format!("{GENERATION}{}", self.index_id))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Octets free on its file system.
    pub fn free_space(&self) -> Result<Octets, TargetError> {
        self.host.free_space(&self.root).map_err(TargetError::io("look at the free space of", &self.root))
    }
}

/// The random id of the folder at `root`; `None` when it has no marker of this kind.
pub(super) fn read_marker(host: &dyn Host, root: &Path, layout: Layout) -> Result<Option<String>, TargetError> {
    let path = root.join(layout.marker);
    read_line(host, &path).map_err(TargetError::io("read the marker", &path))
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
