//! The folder in which a message is written before it is renamed to its place.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::TargetError;
use crate::content::Digester;
use crate::header::Header;
use crate::host::{Host, NewFile};
use crate::model::{ContentId, DeliveryId, FileStyle, Mtime, Timestamp, hex};

/// Octets copied at a time.
const COPY_OCTETS: usize = 64 * 1024;

/// A folder of messages on their way, beside the place where they go.
#[derive(Clone)]
pub struct Staging<'h> {
    host: &'h dyn Host,
    folder: PathBuf,
    index_id: String,
    host_name: String,
    style: FileStyle,
}

/// A message being written.
pub struct Incoming<'h> {
    staging: Staging<'h>,
    file: Box<dyn NewFile>,
    delivery: DeliveryId,
    path: PathBuf,
}

/// A message whole in its staging folder; durable once [`Staging::sync`] returned.
pub struct Staged {
    file: Box<dyn NewFile>,
    delivery: DeliveryId,
    path: PathBuf,
    inode: u64,
}

impl<'h> Staging<'h> {
    pub(super) fn new(host: &'h dyn Host, folder: PathBuf, index_id: &str, style: &FileStyle) -> Self {
        let host_name = safe_host_name(&host.name());
        Self { host, folder, index_id: index_id.to_owned(), host_name, style: style.clone() }
    }

    /// What every file name of this index begins its second part with.
    #[must_use]
    pub fn own_mark(&self) -> String {
        format!(".F{}_", self.index_id)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a message under a name that is unique for ever.
    pub fn begin(&self) -> Result<Incoming<'h>, TargetError> {
        self.begin_as(&self.host.now().0.to_string())
    }

    /// The same, with `first` before what is unique in the name.
    pub(super) fn begin_as(&self, first: &str) -> Result<Incoming<'h>, TargetError> {
        let mut random = [0; 8];
        self.host.fill_random(&mut random);
        let delivery = DeliveryId(format!("{first}{}{}.{}", self.own_mark(), hex(&random), self.host_name));
        let path = self.path(&delivery);
        let file = self.host.create_new(&path).map_err(TargetError::io("create", &path))?;
        Ok(Incoming { staging: self.clone(), file, delivery, path })
    }

    /// Copies a message in stored form.
    pub fn copy_in(&self, from: &mut dyn Read) -> Result<(Staged, ContentId), TargetError> {
        self.begin()?.copy(from)
    }

    /// Makes staged files and their names durable. After an error nothing of them may be trusted.
    pub fn sync(&self, staged: Vec<Staged>) -> Result<(), TargetError> {
        let mut files: Vec<_> = staged.into_iter().map(|message| message.file).collect();
        self.host.sync_files(&mut files).map_err(TargetError::io("sync the messages in", &self.folder))?;
        self.host.sync_dir(&self.folder).map_err(TargetError::io("sync", &self.folder))
    }

    /// Removes a message that no INTENT names.
    pub fn discard(&self, delivery: &DeliveryId) -> Result<(), TargetError> {
        let path = self.path(delivery);
        self.host.unlink(&path).map_err(TargetError::io("remove", &path))
    }

    /// The names that lie here.
    pub fn names(&self) -> Result<Vec<String>, TargetError> {
        names(self.host, &self.folder)
    }

    /// The inode of a message that lies here.
    pub(super) fn inode(&self, delivery: &DeliveryId) -> Result<Option<u64>, TargetError> {
        let path = self.path(delivery);
        Ok(self.host.stat(&path).map_err(TargetError::io("look at", &path))?.map(|stat| stat.inode))
    }

    pub(super) fn path(&self, delivery: &DeliveryId) -> PathBuf {
        self.folder.join(&delivery.0)
    }

    /// Renames a durable message to its place, after its INTENT is committed.
    pub(super) fn place(&self, delivery: &DeliveryId, to: &Path) -> Result<(), TargetError> {
        let exists = || self.host.stat(to).is_ok_and(|stat| stat.is_some());
        match self.host.rename_new(&self.path(delivery), to) {
            // NFS: a retried rename that had succeeded finds its source gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound && exists() => Ok(()),
            result => result,
        }
        .map_err(TargetError::io("rename into", to))
    }
}

impl Incoming<'_> {
    /// Takes a whole message in stored form.
    pub(super) fn copy(mut self, from: &mut dyn Read) -> Result<(Staged, ContentId), TargetError> {
        let (staging, delivery) = (self.staging.clone(), self.delivery.clone());
        let copied = self.fill(from).and_then(|content| Ok((self.finish()?, content)));
        if copied.is_err() {
            // Nothing was promised; what cannot be removed now is swept by the next run.
            let _ = staging.discard(&delivery);
        }
        copied
    }

    /// Appends octets in stored form.
    pub fn write(&mut self, stored: &[u8]) -> io::Result<()> {
        self.file.write_all(stored)
    }

    /// The unique part of its name.
    #[must_use]
    pub fn delivery(&self) -> &DeliveryId {
        &self.delivery
    }

    /// Ends the message.
    pub fn finish(self) -> Result<Staged, TargetError> {
        let inode = self.file.inode().map_err(TargetError::io("look at", &self.path))?;
        let FileStyle { mtime, mode, group } = &self.staging.style;
        if !self.staging.style.is_private() {
            let set = self.file.set_access(*mode, group.as_deref());
            set.map_err(TargetError::io("set the permissions of", &self.path))?;
        }
        if *mtime == Mtime::Date {
            self.date().map_err(TargetError::io("set the time of", &self.path))?;
        }
        Ok(Staged { file: self.file, delivery: self.delivery, path: self.path, inode })
    }

    /// Gives the file the time of the message's Date field, where that is possible: between 1970 and now.
    fn date(&self) -> io::Result<()> {
        let header = Header::read(&mut *self.staging.host.open(&self.path)?)?;
        match header.date() {
            Some(date) if (Timestamp(0)..=self.staging.host.now()).contains(&date) => self.file.set_modified(date),
            _ => Ok(()),
        }
    }

    fn fill(&mut self, from: &mut dyn Read) -> Result<ContentId, TargetError> {
        let mut digester = Digester::new();
        let mut buffer = vec![0; COPY_OCTETS];
        loop {
            let read = from.read(&mut buffer).map_err(TargetError::io("read a held message for", &self.path))?;
            if read == 0 {
                return Ok(digester.finish());
            }
            digester.push(&buffer[..read]);
            self.write(&buffer[..read]).map_err(TargetError::io("write", &self.path))?;
        }
    }
}

impl Staged {
    /// The unique part of its name.
    #[must_use]
    pub fn delivery(&self) -> &DeliveryId {
        &self.delivery
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its inode.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }
}

/// The content of a message in stored form.
pub fn digest(message: &mut dyn Read) -> io::Result<ContentId> {
    let mut digester = Digester::new();
    let mut buffer = vec![0; COPY_OCTETS];
    loop {
        match message.read(&mut buffer)? {
            0 => return Ok(digester.finish()),
            read => digester.push(&buffer[..read]),
        }
    }
}

/// The names in a folder; our own are ASCII, so a name that is not UTF-8 is somebody else's.
pub(super) fn names(host: &dyn Host, folder: &Path) -> Result<Vec<String>, TargetError> {
    let names = host.list_dir(folder).map_err(TargetError::io("read", folder))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// maildir(5): `/` and `:` are written in octal; `,` would end the unique part.
fn safe_host_name(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars().take(64) {
        match c {
            '/' => safe.push_str("\\057"),
            ':' => safe.push_str("\\072"),
            ',' => safe.push_str("\\054"),
            c if c.is_ascii_graphic() => safe.push(c),
            _ => safe.push('_'),
        }
    }
    if safe.is_empty() { "localhost".into() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_cannot_break_a_file_name() {
        assert_eq!(safe_host_name("a/b:c,d e"), "a\\057b\\072c\\054d_e");
        assert_eq!(safe_host_name(""), "localhost");
    }
}
