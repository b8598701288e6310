//! Delivery into a Maildir (maildir(5), with `,S=octets` in the name as Maildir++ readers expect).
//!
//! The order is that of the life of a message: files and `tmp/` are durable before INTENT, `new/` and `cur/` before
//! DELIVERED. `cur/` too, since a reader may have moved a file there meanwhile. Never link and unlink: between the two a
//! crash leaves two names.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::files::FileStore;
use super::parcel::Source;
use super::staging::{self, Staging};
use super::{TargetError, marker};
use crate::host::Host;
use crate::model::{ContentId, DeliveryId, Octets, shown_path};
use crate::recover::{Found, unique_part};

const SUBFOLDERS: [&str; 3] = ["tmp", "new", "cur"];

/// A Maildir that may be delivered to.
#[derive(Clone)]
pub struct Maildir<'h> {
    host: &'h dyn Host,
    root: PathBuf,
    index_id: String,
    staging: Staging<'h>,
}

/// What an index knows of a Maildir.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known<'a> {
    /// The random id in its marker.
    pub marker: &'a str,
    /// How many runs of the index delivered there.
    pub generation: i64,
}

impl<'h> Maildir<'h> {
    /// Opens the Maildir that an index already delivered to. Nothing is created: it must be the one that is known.
    pub fn open(host: &'h dyn Host, root: &Path, index_id: &str, known: Known<'_>) -> Result<Self, TargetError> {
        let maildir = Self::at(host, root, index_id);
        if host.stat(root).map_err(TargetError::io("look at", root))?.is_none() {
            return Err(TargetError::Missing(root.to_owned()));
        }
        match marker::read(host, root)? {
            None => return Err(TargetError::Missing(root.to_owned())),
            Some(found) if found != known.marker => return Err(TargetError::Changed(root.to_owned())),
            Some(_) => {}
        }
        // The index counts first, so after a crash between the two it is one ahead.
        match known.generation - marker::generation(host, root, index_id)? {
            0 | 1 => {
                tracing::debug!(path = shown_path(root), generation = known.generation, "Maildir opened");
                Ok(maildir)
            }
            ..0 => Err(TargetError::OldIndex(root.to_owned())),
            2.. => Err(TargetError::OldMaildir(root.to_owned())),
        }
    }

    /// Opens a Maildir that the index never delivered to, and makes what is missing of it, durably. Gives its marker.
    pub fn create(host: &'h dyn Host, root: &Path, index_id: &str) -> Result<(Self, String), TargetError> {
        let maildir = Self::at(host, root, index_id);
        create_dirs(host, root)?;
        let names = host.list_dir(root).map_err(TargetError::io("read", root))?;
        if is_something_else(&names) {
            return Err(TargetError::NotMaildir(root.to_owned()));
        }
        for sub in SUBFOLDERS {
            create_dir(host, &root.join(sub))?;
        }
        host.sync_dir(root).map_err(TargetError::io("sync", root))?;
        let marker = match marker::read(host, root)? {
            Some(marker) => marker,
            None => marker::create(host, root, &maildir.staging.own_mark())?,
        };
        tracing::debug!(path = shown_path(root), "Maildir made, or taken as it is");
        Ok((maildir, marker))
    }

    fn at(host: &'h dyn Host, root: &Path, index_id: &str) -> Self {
        let staging = Staging::new(host, root.join("tmp"), index_id);
        Self { host, root: root.to_owned(), index_id: index_id.to_owned(), staging }
    }

    /// The Maildir's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The generation of this index that lies beside the marker.
    pub fn generation(&self) -> Result<i64, TargetError> {
        marker::generation(self.host, &self.root, &self.index_id)
    }

    /// Makes the generation that the index committed durable beside the marker, as far as an earlier run did not.
    pub fn settle_generation(&self, generation: i64) -> Result<(), TargetError> {
        if self.generation()? < generation {
            return self.set_generation(generation);
        }
        self.host.sync_dir(&self.root).map_err(TargetError::io("sync", &self.root))
    }

    /// Writes the generation of this index beside the marker, after the index committed it.
    pub fn set_generation(&self, generation: i64) -> Result<(), TargetError> {
        marker::set_generation(self.host, &self.root, &self.index_id, &self.staging.own_mark(), generation)
    }

    /// Octets free on its file system.
    pub fn free_space(&self) -> Result<Octets, TargetError> {
        self.host.free_space(&self.root).map_err(TargetError::io("look at the free space of", &self.root))
    }

    /// Removes a message from `new/` and `cur/` (of the held Maildir, once its target has it; of a suspect inode, once rewritten).
    pub fn remove(&self, delivery: &DeliveryId) -> Result<(), TargetError> {
        for sub in ["new", "cur"] {
            if let Some(path) = self.find_in(&self.root.join(sub), delivery)? {
                self.host.unlink(&path).map_err(TargetError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Rewrites a delivered message into a new inode, durably, if it still holds `content`.
    ///
    /// After a failed sync the old inode proves nothing: the kernel calls its pages clean whatever the disk holds.
    pub fn rewrite(&self, delivery: &DeliveryId, content: &ContentId) -> Result<Rewritten, TargetError> {
        let Some((folder, path)) = self.find(delivery)? else { return Ok(Rewritten::Missing) };
        let read = self.host.open(&path).and_then(|mut file| staging::digest(&mut *file));
        let holds_it = read.is_ok_and(|found| found == *content);
        if !holds_it {
            return Ok(Rewritten::Corrupt);
        }
        let mut file = self.host.open(&path).map_err(TargetError::io("open", &path))?;
        let (staged, copied) = self.staging.copy_in(&mut *file)?;
        let temporary = staged.path().to_owned();
        if copied != *content {
            return Ok(Rewritten::Corrupt);
        }
        self.staging.sync(vec![staged])?;
        self.host.rename_over(&temporary, &path).map_err(TargetError::io("replace", &path))?;
        self.host.sync_dir(&folder).map_err(TargetError::io("sync", &folder))?;
        Ok(Rewritten::Durable)
    }

    fn find(&self, delivery: &DeliveryId) -> Result<Option<(PathBuf, PathBuf)>, TargetError> {
        for sub in ["new", "cur", "new"] {
            let folder = self.root.join(sub);
            if let Some(path) = self.find_in(&folder, delivery)? {
                return Ok(Some((folder, path)));
            }
        }
        Ok(None)
    }

    /// The unique parts of the names in `new/` that carry this index's mark.
    pub fn own_in_new(&self) -> Result<Vec<DeliveryId>, TargetError> {
        let mark = self.staging.own_mark();
        let names = self.names(&self.root.join("new"))?;
        Ok(names.iter().filter(|name| name.contains(&mark)).map(|name| DeliveryId(unique_part(name).into())).collect())
    }

    /// Maildir++ subfolders (`.Name/`) and plain ones (`Name/`), their `new/` and `cur/`.
    fn sibling_folders(&self) -> Result<Vec<PathBuf>, TargetError> {
        let mut folders = Vec::new();
        for name in self.names(&self.root)? {
            if SUBFOLDERS.contains(&name.as_str()) {
                continue;
            }
            for sub in ["new", "cur"] {
                let path = self.root.join(&name).join(sub);
                if self.host.stat(&path).is_ok_and(|stat| stat.is_some_and(|stat| stat.is_dir)) {
                    folders.push(path);
                }
            }
        }
        Ok(folders)
    }

    fn find_in(&self, folder: &Path, delivery: &DeliveryId) -> Result<Option<PathBuf>, TargetError> {
        let names = self.names(folder)?;
        Ok(names.iter().find(|name| unique_part(name) == delivery.0).map(|name| folder.join(name)))
    }

    fn names(&self, folder: &Path) -> Result<Vec<String>, TargetError> {
        staging::names(self.host, folder)
    }
}

impl FileStore for Maildir<'_> {
    fn staging(&self) -> &Staging<'_> {
        &self.staging
    }

    fn place(&self, delivery: &DeliveryId, octets: Octets) -> Result<(), TargetError> {
        let name = format!("{},S={}", delivery.0, octets.0);
        self.staging.place(delivery, &self.root.join("new").join(name))
    }

    fn sync_placed(&self, _deliveries: &[DeliveryId]) -> Result<(), TargetError> {
        for sub in ["new", "cur"] {
            let path = self.root.join(sub);
            self.host.sync_dir(&path).map_err(TargetError::io("sync", &path))?;
        }
        Ok(())
    }

    /// A reader moves files from `new/` to `cur/` at any time, so `new/` is looked at again after `cur/`.
    fn probe(&self, delivery: &DeliveryId, everywhere: bool) -> Result<Found, TargetError> {
        let tmp = self.staging.inode(delivery)?;
        let mut folders: Vec<PathBuf> = ["new", "cur", "new", "cur"].map(|sub| self.root.join(sub)).into();
        if everywhere {
            folders.extend(self.sibling_folders()?);
        }
        for folder in folders {
            if let Some(path) = self.find_in(&folder, delivery)? {
                let stat = self.host.stat(&path).map_err(TargetError::io("look at", &path))?;
                if let Some(stat) = stat {
                    return Ok(Found { tmp, placed: Some(stat.inode) });
                }
            }
        }
        Ok(Found { tmp, placed: None })
    }
}

impl Source for Maildir<'_> {
    /// Wherever a reader moved it in this Maildir.
    fn open(&self, delivery: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        let Some((_, path)) = self.find(delivery)? else { return Ok(None) };
        self.host.open(&path).map(Some).map_err(TargetError::io("open", &path))
    }
}

/// What became of a message that was to be rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rewritten {
    /// It is durable in a new inode.
    Durable,
    /// What its file holds is not the message, or cannot be read.
    Corrupt,
    /// It is in neither `new/` nor `cur/`.
    Missing,
}

/// Makes a folder and the missing ones above it, and makes their names durable.
///
/// All folders above are synced, also those that exist: an earlier run may have made them and died before its sync.
pub fn create_dirs(host: &dyn Host, path: &Path) -> Result<(), TargetError> {
    for folder in missing_dirs(host, path)?.into_iter().rev() {
        create_dir(host, folder)?;
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

/// Whether a folder with these names is neither a Maildir nor one that can become one.
pub(super) fn is_something_else(names: &[OsString]) -> bool {
    !names.is_empty() && !SUBFOLDERS.iter().any(|sub| names.iter().any(|name| name == sub))
}

fn is_foreign(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

fn create_dir(host: &dyn Host, path: &Path) -> Result<(), TargetError> {
    match host.create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map_err(TargetError::io("create", path)),
    }
}
