//! The words of the field as types, and every bound of the program. Pure: no I/O, no serialisation.

pub mod limits;
mod path;
mod promise;
mod seen;
mod target;

use std::fmt;
use std::time::Duration;

pub use path::{quoted, shown_path};
pub use promise::Promise;
pub use seen::{Delivery, Row, RowState, Seen};
pub use target::{
    Compression, Dialect, FileStyle, FolderTarget, InDoubt, Locking, MATCHED_RECIPIENT, MboxTarget, MtaAddress,
    MtaTarget, Mtime, PipeTarget, Target, TraceHeader,
};

/// A unique-id of a message as the server lists it (RFC 1939 §7), byte-exact.
///
/// The RFC allows 1 to 70 characters in 0x21–0x7E; servers send more, so up to [`limits::UID_OCTETS`] octets are kept.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(Box<[u8]>);

impl Uid {
    /// Takes the octets of a unique-id; `None` when empty or longer than [`limits::UID_OCTETS`].
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        (!octets.is_empty() && octets.len() <= limits::UID_OCTETS).then(|| Self(octets.into()))
    }

    /// The octets as the server sent them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Uid {
    /// Whole, and escaped so that no other unique-id looks the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(&self.0, limits::UID_OCTETS))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({self})")
    }
}

/// The number of a message within one session (RFC 1939 §4): it means nothing in any other session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct MessageNumber(pub u32);

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A size in octets. On the wire line ends count two (RFC 1939 §11).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Octets(pub u64);

impl fmt::Display for Octets {
    /// Whole octets below 1 KiB, then one decimal in binary units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// Wall-clock time in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time so much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// A SHA-256 digest of message content (see [`crate::content`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}…)", hex(&self.0[..4]))
    }
}

/// What identifies the content of one message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContentId {
    /// The strong fingerprint: the header block without the fields that servers rewrite.
    pub header: Digest,
    /// The full hash over the stored bytes (LF line ends).
    pub full: Digest,
    /// The number of stored octets.
    pub octets: Octets,
}

/// The random part of a delivered file's name, unique for ever; it names the delivery, not the message.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DeliveryId(pub String);

/// The number of a message's row in the index of its account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RowId(pub i64);

/// The number of a recorded unique-id listing, counted up within an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ListingId(pub i64);

/// One message of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The number in this session.
    pub number: MessageNumber,
    /// The unique-id.
    pub uid: Uid,
    /// The size that LIST states, when it was asked for; some servers only estimate it.
    pub size: Option<Octets>,
}

/// A unique-id listing of one session, reconciled with STAT and LIST (I1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Each message once, in the server's order.
    pub messages: Vec<Listed>,
    /// Whether STAT, LIST and UIDL agree. Nothing becomes GONE, is adopted or is deleted by a listing that is not.
    pub complete: bool,
    /// Messages left out of `messages` because their unique-id is blank or too long; with any, it is not complete.
    pub unidentified: u32,
}

/// Proof that the index recorded a message as durable: DELIVERED, the right to ask for its deletion (I3), or HELD.
///
/// Only [`crate::index`] issues receipts; the `tidy` test holds every other room to that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    row: RowId,
    content: ContentId,
    is_held: bool,
}

impl Receipt {
    /// Called by the index after its durable commit, and by nothing else.
    pub(crate) fn issued_by_index(row: RowId, content: ContentId, is_held: bool) -> Self {
        Self { row, content, is_held }
    }

    /// The message's row.
    #[must_use]
    pub fn row(&self) -> RowId {
        self.row
    }

    /// The recorded content.
    #[must_use]
    pub fn content(&self) -> &ContentId {
        &self.content
    }

    /// Whether it waits in the held Maildir: it may then not be deleted on the server.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.is_held
    }
}

/// Lower-case hexadecimal digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Foreign text made safe for a terminal and a log, cut after `limit` characters (I9).
///
/// Control characters (C0, DEL, C1), bidirectional and invisible formatting characters and invalid UTF-8 are shown as `\x..` or `\u{..}`.
#[must_use]
pub fn escaped(text: &[u8], limit: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if count >= limit {
                shown.push('…');
                return shown;
            }
            count += 1;
            match c {
                '\\' => shown.push_str("\\\\"),
                c if is_unsafe_to_show(c) => shown.extend(c.escape_default()),
                c => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            if count >= limit {
                shown.push('…');
                return shown;
            }
            count += 1;
            shown.push_str("\\x");
            shown.push_str(&hex(&[*byte]));
        }
    }
    shown
}

/// The last barrier before a terminal or a log, for text that may be escaped already: backslashes stay as they are.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_unsafe_to_show(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}

fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        assert_eq!(escaped(b"a\x1b]0;x\x07\r", 99), "a\\u{1b}]0;x\\u{7}\\r");
        assert_eq!(escaped("\u{202e}ok\u{9b}".as_bytes(), 99), "\\u{202e}ok\\u{9b}");
        assert_eq!(escaped(b"\xff\xfe", 99), "\\xff\\xfe");
        assert_eq!(escaped(b"abcdef", 3), "abc…");
    }

    #[test]
    fn sizes_are_shown_in_binary_units() {
        assert_eq!(Octets(1023).to_string(), "1023 B");
        assert_eq!(Octets(1536).to_string(), "1.5 KiB");
        assert_eq!(Octets(1 << 40).to_string(), "1.0 TiB");
    }
}
