//! What was seen of a message in this session, and the proof that its deletion needs (I3).

use crate::model::{ContentId, Digest, MessageNumber, Receipt, RowId};

/// What a session saw of a message's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SightedContent {
    /// The strong fingerprint of the header block, by TOP.
    Header(Digest),
    /// The whole content, by RETR.
    Whole(ContentId),
}

/// Proof that message `number` of one session has this content. Only that session makes it, and it is not cloned.
#[derive(Debug)]
pub struct Sighting {
    session: u64,
    number: MessageNumber,
    content: SightedContent,
}

impl Sighting {
    pub(super) fn new(session: u64, number: MessageNumber, content: SightedContent) -> Self {
        Self { session, number, content }
    }

    /// The message's number in its session.
    #[must_use]
    pub fn number(&self) -> MessageNumber {
        self.number
    }

    /// What was seen.
    #[must_use]
    pub fn content(&self) -> &SightedContent {
        &self.content
    }
}

/// Proof that a message of one session is the durably delivered one: the right to DELE it, once (I3).
#[derive(Debug)]
pub struct Matched {
    session: u64,
    number: MessageNumber,
    row: RowId,
}

impl Matched {
    /// Compares the recorded content with the content seen now: by the strong fingerprint after TOP, by the full hash
    /// after RETR. Gives the sighting back where they differ, and for a HELD message: the server's copy is still needed.
    pub fn prove(receipt: &Receipt, sighting: Sighting) -> Result<Self, Sighting> {
        let same = match sighting.content {
            SightedContent::Header(header) => header == receipt.content().header,
            SightedContent::Whole(content) => content == *receipt.content(),
        };
        if !same || receipt.is_held() {
            return Err(sighting);
        }
        Ok(Self { session: sighting.session, number: sighting.number, row: receipt.row() })
    }

    /// The message's number in its session.
    #[must_use]
    pub fn number(&self) -> MessageNumber {
        self.number
    }

    /// The delivered message's row.
    #[must_use]
    pub fn row(&self) -> RowId {
        self.row
    }

    pub(super) fn is_of(&self, session: u64) -> bool {
        self.session == session
    }
}
