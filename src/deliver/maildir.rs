//! Delivery into a Maildir (maildir(5), with `,S=octets` in the name as Maildir++ readers expect).
//!
//! The order is that of the life of a message: files and `tmp/` are durable before INTENT, `new/` and `cur/` before
//! DELIVERED. `cur/` too, since a reader may have moved a file there meanwhile. Never link and unlink: between the two a
//! crash leaves two names.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::TargetError;
use super::files::FileStore;
use super::folders::{create_dir, create_dirs};
use super::marker::{Known, Layout, MarkedFolder};
use super::parcel::Source;
use super::staging::{self, Staging};
use crate::host::Host;
use crate::model::{DeliveryId, FolderTarget, Octets, shown_path};
use crate::recover::{Found, unique_part};

const SUBFOLDERS: [&str; 3] = ["tmp", "new", "cur"];

/// Its marker, and where messages are written first.
pub(super) const LAYOUT: Layout = Layout { marker: "fetchonce-maildir", staging: "tmp" };

/// A Maildir that may be delivered to.
#[derive(Clone)]
pub struct Maildir<'h> {
    folder: MarkedFolder<'h>,
}

impl<'h> Maildir<'h> {
    /// Opens the Maildir that an index already delivered to. Nothing is created: it must be the one that is known.
    pub fn open(
        host: &'h dyn Host,
        target: &FolderTarget,
        index_id: &str,
        known: Known<'_>,
    ) -> Result<Self, TargetError> {
        let folder = MarkedFolder::at(host, &target.path, LAYOUT, index_id, &target.style);
        folder.check(known)?;
        Ok(Self { folder })
    }

    /// Opens a Maildir that the index never delivered to, and makes what is missing of it, durably. Gives its marker.
    pub fn create(host: &'h dyn Host, target: &FolderTarget, index_id: &str) -> Result<(Self, String), TargetError> {
        let FolderTarget { path: root, style } = target;
        let folder = MarkedFolder::at(host, root, LAYOUT, index_id, style);
        create_dirs(host, root, style)?;
        let names = host.list_dir(root).map_err(TargetError::io("read", root))?;
        if is_something_else(&names) {
            return Err(TargetError::NotMaildir(root.clone()));
        }
        for sub in SUBFOLDERS {
            create_dir(host, &root.join(sub), style)?;
        }
        host.sync_dir(root).map_err(TargetError::io("sync", root))?;
        let marker = folder.ensure_marker()?;
        tracing::debug!(path = shown_path(root), "Maildir made, or taken as it is");
        Ok((Self { folder }, marker))
    }

    /// Its folder and marker.
    #[must_use]
    pub fn folder(&self) -> &MarkedFolder<'h> {
        &self.folder
    }

    /// The Maildir's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// The unique parts of the names in `new/` that carry this index's mark.
    pub fn own_in_new(&self) -> Result<Vec<DeliveryId>, TargetError> {
        let mark = self.folder.staging.own_mark();
        let names = self.names(&self.root().join("new"))?;
        Ok(names.iter().filter(|name| name.contains(&mark)).map(|name| DeliveryId(unique_part(name).into())).collect())
    }

    /// Maildir++ subfolders (`.Name/`) and plain ones (`Name/`), their `new/` and `cur/`.
    fn sibling_folders(&self) -> Result<Vec<PathBuf>, TargetError> {
        let mut folders = Vec::new();
        for name in self.names(self.root())? {
            if SUBFOLDERS.contains(&name.as_str()) {
                continue;
            }
            for sub in ["new", "cur"] {
                let path = self.root().join(&name).join(sub);
                if self.folder.host.stat(&path).is_ok_and(|stat| stat.is_some_and(|stat| stat.is_dir)) {
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
        staging::names(self.folder.host, folder)
    }
}

impl FileStore for Maildir<'_> {
    fn host(&self) -> &dyn Host {
        self.folder.host
    }

    fn find(&self, delivery: &DeliveryId) -> Result<Option<PathBuf>, TargetError> {
        // A reader may move it while it is looked for.
        for sub in ["new", "cur", "new"] {
            if let Some(path) = self.find_in(&self.root().join(sub), delivery)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn staging(&self) -> &Staging<'_> {
        &self.folder.staging
    }

    fn place(&self, delivery: &DeliveryId, octets: Octets) -> Result<(), TargetError> {
        let name = format!("{},S={}", delivery.0, octets.0);
        self.folder.staging.place(delivery, &self.root().join("new").join(name))
    }

    fn sync_placed(&self, _deliveries: &[DeliveryId]) -> Result<(), TargetError> {
        for sub in ["new", "cur"] {
            let path = self.root().join(sub);
            self.folder.host.sync_dir(&path).map_err(TargetError::io("sync", &path))?;
        }
        Ok(())
    }

    /// A reader moves files from `new/` to `cur/` at any time, so `new/` is looked at again after `cur/`.
    fn probe(&self, delivery: &DeliveryId, everywhere: bool) -> Result<Found, TargetError> {
        let tmp = self.folder.staging.inode(delivery)?;
        let mut folders: Vec<PathBuf> = ["new", "cur", "new", "cur"].map(|sub| self.root().join(sub)).into();
        if everywhere {
            folders.extend(self.sibling_folders()?);
        }
        for folder in folders {
            if let Some(path) = self.find_in(&folder, delivery)? {
                let stat = self.folder.host.stat(&path).map_err(TargetError::io("look at", &path))?;
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
        let Some(path) = self.find(delivery)? else { return Ok(None) };
        self.folder.host.open(&path).map(Some).map_err(TargetError::io("open", &path))
    }
}

/// Whether a folder with these names is neither a Maildir nor one that can become one.
pub(super) fn is_something_else(names: &[OsString]) -> bool {
    !names.is_empty() && !SUBFOLDERS.iter().any(|sub| names.iter().any(|name| name == sub))
}
