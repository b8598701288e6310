//! What appended octets, and the end of the file before them, are recognised by.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::codec::CHUNK_OCTETS;
use crate::host::SharedFile;
use crate::model::{Digest, Octets, limits};

/// Half a digest: enough against chance.
type Half = [u8; 16];

/// What a promise holds in the place of one digest: half of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Witness {
    /// Of the window before them.
    pub(super) before: Half,
    /// Of the octets.
    pub(super) octets: Half,
}

impl Witness {
    pub(super) fn to_digest(self) -> Digest {
        let mut digest = [0; 32];
        digest[..16].copy_from_slice(&self.before);
        digest[16..].copy_from_slice(&self.octets);
        Digest(digest)
    }

    pub(super) fn of(digest: Digest) -> Self {
        let (mut before, mut octets) = ([0; 16], [0; 16]);
        before.copy_from_slice(&digest.0[..16]);
        octets.copy_from_slice(&digest.0[16..]);
        Self { before, octets }
    }
}

fn half(hash: Sha256) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

/// The last octets before a place in a file, at most [`limits::MBOX_WINDOW_OCTETS`].
#[derive(Clone, Default)]
pub(super) struct Window(Vec<u8>);

impl Window {
    /// The window before `end`.
    pub(super) fn read(file: &dyn SharedFile, end: Octets) -> io::Result<Self> {
        let start = end.0.saturating_sub(limits::MBOX_WINDOW_OCTETS as u64);
        let mut window = Vec::new();
        FileReader { file, at: start }.take(end.0 - start).read_to_end(&mut window)?;
        Ok(Self(window))
    }

    pub(super) fn half(&self) -> Half {
        half(Sha256::new_with_prefix(&self.0))
    }

    /// What is missing for the file to end with an empty line there; an empty file needs none.
    pub(super) fn missing_line_ends(&self) -> &'static [u8] {
        match &self.0[..] {
            [] | [.., b'\n', b'\n'] => b"",
            [.., b'\n'] => b"\n",
            _ => b"\n\n",
        }
    }

    /// Moves on behind `more`.
    pub(super) fn slide(&mut self, more: &[u8]) {
        let most = limits::MBOX_WINDOW_OCTETS;
        let more = &more[more.len().saturating_sub(most)..];
        let surplus = (self.0.len() + more.len()).saturating_sub(most);
        self.0.drain(..surplus);
        self.0.extend_from_slice(more);
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Counts and digests what is written to it, and keeps nothing but its end.
#[derive(Default)]
pub(super) struct Measure {
    hash: Sha256,
    octets: u64,
    end: Window,
}

/// What was measured.
pub(super) struct Measured {
    pub(super) octets: Octets,
    pub(super) half: Half,
    pub(super) end: Window,
}

impl Measure {
    pub(super) fn finish(self) -> Measured {
        Measured { octets: Octets(self.octets), half: half(self.hash), end: self.end }
    }
}

impl Write for Measure {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.hash.update(octets);
        self.octets += octets.len() as u64;
        self.end.slide(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a shared file from a place to its end.
pub(super) struct FileReader<'f> {
    pub(super) file: &'f dyn SharedFile,
    pub(super) at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, Octets(self.at))?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The half digest of octets of a file; of fewer, where it ends before.
pub(super) fn half_of_range(file: &dyn SharedFile, offset: Octets, octets: Octets) -> io::Result<Half> {
    let mut range = FileReader { file, at: offset.0 }.take(octets.0);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_OCTETS];
    loop {
        match range.read(&mut chunk)? {
            0 => return Ok(half(hash)),
            read => hash.update(&chunk[..read]),
        }
    }
}
