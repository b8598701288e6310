//! Compressed archives: one member (gzip) or frame (Zstandard) a batch, one after the other, as `zcat` and `zstd -dc` read
//! them.

use std::io::{self, BufReader, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::model::Compression;

/// Compresses one member. The same octets give the same member: it is compressed once to learn its length, once more to
/// write it, and after a crash to compare, so that memory does not grow with it.
pub(super) enum Compressor<'o> {
    Gzip(GzEncoder<&'o mut dyn Write>),
    Zstd(zstd::Encoder<'static, &'o mut dyn Write>),
}

impl<'o> Compressor<'o> {
    pub(super) fn new(compression: Compression, out: &'o mut dyn Write) -> io::Result<Self> {
        match compression {
            Compression::Gzip => Ok(Self::Gzip(GzEncoder::new(out, flate2::Compression::default()))),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Ok(Self::Zstd(encoder))
            }
        }
    }

    /// Ends the member, and marks the end.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.finish()?.write_all(end_mark(Compression::Gzip)),
            Self::Zstd(encoder) => encoder.finish()?.write_all(end_mark(Compression::Zstd)),
        }
    }
}

impl Write for Compressor<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(octets),
            Self::Zstd(encoder) => encoder.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an archive ends with that was written whole: a member that holds nothing (RFC 1952), or a frame to be skipped
/// (RFC 8878 §3.1.2).
pub(super) fn end_mark(compression: Compression) -> &'static [u8] {
    match compression {
        Compression::Gzip => b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0",
        Compression::Zstd => b"\x50\x2a\x4d\x18\x09\0\0\0fetchonce",
    }
}

/// Reads the content of members, one after the other.
pub(super) fn reader<'f>(compression: Compression, file: impl Read + 'f) -> io::Result<Box<dyn Read + 'f>> {
    Ok(match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Compression::Zstd => Box::new(zstd::Decoder::new(file)?),
    })
}

/// Whether an error of [`reader`] is about what the file holds: a member that is cut off, or something else.
pub(super) fn is_damage(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

/// Whether a file that begins with these octets can be an archive.
pub(super) fn is_begun_by(compression: Compression, start: &[u8]) -> bool {
    match compression {
        Compression::Gzip => start.starts_with(&[0x1f, 0x8b]),
        // A frame, or one to be skipped.
        Compression::Zstd => {
            start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
                || (start.len() >= 4 && start[0] & 0xf0 == 0x50 && start[1..4] == [0x2a, 0x4d, 0x18])
        }
    }
}
