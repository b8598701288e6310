//! The persistent state of a mailbox: what one connection leaves for the next.

use std::fmt;
use std::sync::Arc;

/// A mailbox. Clones share the content of the messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Maildrop {
    /// The messages in stored order. Two may have the same unique-id (RFC 1939 §7).
    pub messages: Vec<Message>,
    /// Counts the unique-ids given out by [`Maildrop::add`]: none is given out twice.
    given_uids: u64,
}

/// One stored message.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// The unique-id as UIDL lists it.
    pub uid: Vec<u8>,
    /// The content with CRLF line ends, not dot-stuffed.
    pub wire: Arc<[u8]>,
}

impl Maildrop {
    /// An empty mailbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a message given with LF or CRLF line ends under a new unique-id, which it returns.
    pub fn add(&mut self, text: &[u8]) -> Vec<u8> {
        self.given_uids += 1;
        let uid = format!("demo-{:04}", self.given_uids).into_bytes();
        self.add_with_uid(&uid, text);
        uid
    }

    /// Stores a message given with LF or CRLF line ends under a chosen unique-id, taken or not.
    pub fn add_with_uid(&mut self, uid: &[u8], text: &[u8]) {
        self.messages.push(Message::new(uid, text));
    }

    /// The size of all messages in octets, as STAT counts them (RFC 1939 §11).
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.messages.iter().map(Message::octets).sum()
    }

    /// Removes one message with this unique-id and content; whether there was one.
    ///
    /// Of several such messages the first goes: nobody can tell them apart.
    pub fn remove(&mut self, message: &Message) -> bool {
        let place = self.messages.iter().position(|stored| stored == message);
        place.map(|place| self.messages.remove(place)).is_some()
    }
}

impl Message {
    /// A message given with LF or CRLF line ends. A last line without an end gets one.
    #[must_use]
    pub fn new(uid: &[u8], text: &[u8]) -> Self {
        let mut wire = Vec::with_capacity(text.len() + text.len() / 32);
        for line in text.split_inclusive(|&octet| octet == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            wire.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            wire.extend_from_slice(b"\r\n");
        }
        Self { uid: uid.to_vec(), wire: wire.into() }
    }

    /// The size in octets, as LIST states it (RFC 1939 §11).
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.wire.len() as u64
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {} octets)", self.uid.escape_ascii(), self.wire.len())
    }
}
