//! A simulated file that other programs write to as well.
//!
//! Nobody else writes while the program holds the lock, so the lock itself needs no model: what other programs do is done
//! between runs.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use fetchonce::host::{FileIdentity, SharedFile};
use fetchonce::model::Octets;

use crate::world::{LeftOut, Shared};

pub(crate) struct SimShared {
    shared: Arc<Mutex<Shared>>,
    inode: u64,
}

impl SimShared {
    pub(crate) fn open(shared: &Arc<Mutex<Shared>>, path: &Path, create: bool) -> io::Result<Self> {
        let mut now = shared.lock().expect("no step panicked");
        let inode = match now.world.disk.look(path) {
            Some((inode, ..)) => inode,
            None if create => {
                now.disk_step()?;
                if now.refuses(path) {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                now.world.disk.create(path, false)?
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        now.world.disk.is_shared(inode);
        drop(now);
        Ok(Self { shared: Arc::clone(shared), inode })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no step panicked")
    }
}

impl SharedFile for SimShared {
    fn identity(&self) -> io::Result<FileIdentity> {
        let octets = self.lock().world.disk.content(self.inode).len();
        Ok(FileIdentity { device: 1, inode: self.inode, octets: Octets(octets as u64) })
    }

    fn read_at(&self, buffer: &mut [u8], offset: Octets) -> io::Result<usize> {
        let content = self.lock().world.disk.content(self.inode);
        let rest = &content[content.len().min(usize::try_from(offset.0).expect("it fits in memory"))..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    /// Half of what is written at a time, so that a crash falls within it too.
    fn append(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut shared = self.lock();
        shared.disk_step()?;
        let count = octets.len().div_ceil(2);
        shared.world.disk.append(self.inode, &octets[..count]);
        Ok(count)
    }

    fn truncate(&mut self, length: Octets) -> io::Result<()> {
        let mut shared = self.lock();
        shared.disk_step()?;
        shared.world.disk.truncate(self.inode, usize::try_from(length.0).expect("it fits in memory"));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut shared = self.lock();
        let stepped = shared.disk_step();
        match stepped {
            Err(_) => shared.world.disk.fail_file(self.inode),
            Ok(()) if shared.left_out == Some(LeftOut::FileSync) => {}
            Ok(()) => shared.world.disk.sync_file(self.inode),
        }
        stepped
    }
}
