//! Disks that can be filled.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{is_root, program};

/// A small file system in memory; dropping it unmounts it.
pub(crate) struct SmallDisk {
    pub(crate) path: PathBuf,
}

impl SmallDisk {
    /// Mounts one that belongs to this user, as root; says so where that cannot be.
    pub(crate) fn mount(path: PathBuf, size: &str, owner: u32) -> Option<Self> {
        if !is_root() || program("mount").is_none() {
            eprintln!("left out: a full disk, since only root may mount one");
            return None;
        }
        fs::create_dir(&path).unwrap();
        let mut command = Command::new(program("mount").unwrap());
        let options = format!("size={size},mode=0700,uid={owner},gid={owner}");
        let mounted = command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output().unwrap();
        if !mounted.status.success() {
            eprintln!("left out: a full disk, since none can be mounted: {}", String::from_utf8_lossy(&mounted.stderr));
            return None;
        }
        Some(Self { path })
    }

    /// Mounts it anew with other options, such as `ro`.
    pub(crate) fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new(program("mount").unwrap()).args(["-o", &options]).arg(&self.path).status().unwrap();
        assert!(status.success(), "{options}");
    }

    pub(crate) fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// Writes until the disk is full.
pub(crate) fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block = vec![0; 1024 * 1024];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}
