//! Replies, and the octets of them that wait to be sent. Nothing is produced before it is asked for.

use std::collections::VecDeque;
use std::sync::Arc;

/// Most octets that [`super::Connection::take_output`] gives at once.
pub const CHUNK_OCTETS: usize = 16 * 1024;
/// An endless reply ends here after all, and the connection is closed.
pub const ENDLESS_OCTETS: u64 = 64 * 1024 * 1024;

/// One reply of the server, status line and all.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pieces: Vec<Piece>,
}

impl Reply {
    /// `+OK` and a text.
    pub(super) fn ok(text: &str) -> Self {
        Self::status_line(format!("+OK {text}").into_bytes())
    }

    /// `-ERR` and a text.
    pub(super) fn err(text: &str) -> Self {
        Self::status_line(format!("-ERR {text}").into_bytes())
    }

    /// A whole status line, given without its CRLF.
    pub(super) fn status_line(mut line: Vec<u8>) -> Self {
        line.extend_from_slice(b"\r\n");
        Self::octets(line)
    }

    /// The request for the next step of AUTH (RFC 5034 §4).
    pub(super) fn challenge() -> Self {
        Self::status_line(b"+ ".to_vec())
    }

    /// A line that is no reply: control characters and invalid UTF-8.
    pub(super) fn garbage() -> Self {
        Self::octets(b"\x1b]0;\xff\xfe*** garbage\x07\r\n".to_vec())
    }

    /// `+OK` and a line that goes on for ever.
    pub(super) fn endless_line() -> Self {
        let start = Piece::Octets { octets: b"+OK ".to_vec(), sent: 0 };
        Self { pieces: vec![start, Piece::EndlessLine { sent: 0 }] }
    }

    /// `+OK`, the lines (each with its CRLF, none beginning with a dot) and the end mark.
    pub(super) fn lines(text: &str, lines: &[u8]) -> Self {
        let mut octets = format!("+OK {text}\r\n").into_bytes();
        octets.extend_from_slice(lines);
        octets.extend_from_slice(b".\r\n");
        Self::octets(octets)
    }

    /// `+OK`, the lines, and then invented UIDL lines from number `next` for ever.
    pub(super) fn endless_list(text: &str, lines: &[u8], next: u64) -> Self {
        let mut octets = format!("+OK {text}\r\n").into_bytes();
        octets.extend_from_slice(lines);
        Self { pieces: vec![Piece::Octets { octets, sent: 0 }, Piece::EndlessList { next, sent: 0 }] }
    }

    /// `+OK`, the first `end` octets of a message with its dots stuffed, and the end mark (RFC 1939 §3).
    pub(super) fn message(text: &str, wire: &Arc<[u8]>, end: usize) -> Self {
        let status = format!("+OK {text}\r\n").into_bytes();
        let whole_lines = end == 0 || wire[..end].ends_with(b"\r\n");
        let mark = if whole_lines { &b".\r\n"[..] } else { b"\r\n.\r\n" };
        Self {
            pieces: vec![
                Piece::Octets { octets: status, sent: 0 },
                Piece::Message { wire: Arc::clone(wire), end, sent: 0 },
                Piece::Octets { octets: mark.to_vec(), sent: 0 },
            ],
        }
    }

    /// `+OK`, a message as it is, and the end mark: a line of one dot in it looks like the end.
    pub(super) fn unstuffed(text: &str, wire: &[u8]) -> Self {
        Self::octets([format!("+OK {text}\r\n").as_bytes(), wire, b".\r\n"].concat())
    }

    /// The same with more text in its status line.
    pub(super) fn saying(mut self, text: &[u8]) -> Self {
        if !text.is_empty()
            && let Some(Piece::Octets { octets, .. }) = self.pieces.first_mut()
            && let Some(end) = octets.windows(2).position(|pair| pair == b"\r\n")
        {
            octets.splice(end..end, [b" ", text].concat());
        }
        self
    }

    fn octets(octets: Vec<u8>) -> Self {
        Self { pieces: vec![Piece::Octets { octets, sent: 0 }] }
    }

    /// Whether no client sees its end.
    pub(super) fn is_endless(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::EndlessLine { .. } | Piece::EndlessList { .. }))
    }

    /// Its first octets, `limit` of them at most.
    pub(super) fn prefix(self, limit: u64) -> Vec<u8> {
        let mut output = Output::default();
        output.push(self);
        let mut octets = Vec::new();
        while (octets.len() as u64) < limit {
            let chunk = output.take();
            if chunk.is_empty() {
                break;
            }
            octets.extend_from_slice(&chunk);
        }
        octets.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        octets
    }
}

/// The replies that wait to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<Piece>,
    held_octets: usize,
}

impl Output {
    /// Appends a whole reply.
    pub(super) fn push(&mut self, reply: Reply) {
        self.held_octets += reply.pieces.iter().map(Piece::held_octets).sum::<usize>();
        self.pieces.extend(reply.pieces);
    }

    /// Appends a part of a reply.
    pub(super) fn push_octets(&mut self, octets: Vec<u8>) {
        self.push(Reply::octets(octets));
    }

    /// Whether everything was taken but empty parts.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.iter().all(Piece::is_done)
    }

    /// The memory held by what waits, in octets; the messages are shared and count nothing.
    pub(super) fn held_octets(&self) -> usize {
        self.held_octets
    }

    /// The next octets, [`CHUNK_OCTETS`] of them at most; none when nothing waits.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut chunk = Vec::new();
        while let Some(piece) = self.pieces.front_mut() {
            piece.fill(&mut chunk);
            if !piece.is_done() {
                break;
            }
            self.held_octets -= piece.held_octets();
            self.pieces.pop_front();
        }
        chunk
    }
}

/// A part of the output. `sent` counts the octets of it that were taken, before any stuffing.
#[derive(Clone, Debug)]
enum Piece {
    Octets { octets: Vec<u8>, sent: usize },
    Message { wire: Arc<[u8]>, end: usize, sent: usize },
    EndlessLine { sent: u64 },
    EndlessList { next: u64, sent: u64 },
}

impl Piece {
    fn is_done(&self) -> bool {
        match self {
            Self::Octets { octets, sent } => *sent == octets.len(),
            Self::Message { end, sent, .. } => sent == end,
            Self::EndlessLine { sent } | Self::EndlessList { sent, .. } => *sent >= ENDLESS_OCTETS,
        }
    }

    fn held_octets(&self) -> usize {
        let content = if let Self::Octets { octets, .. } = self { octets.len() } else { 0 };
        size_of::<Self>() + content
    }

    /// Appends what fits into the chunk.
    fn fill(&mut self, chunk: &mut Vec<u8>) {
        let room = CHUNK_OCTETS.saturating_sub(chunk.len());
        match self {
            Self::Octets { octets, sent } => {
                let until = octets.len().min(*sent + room);
                chunk.extend_from_slice(&octets[*sent..until]);
                *sent = until;
            }
            Self::Message { wire, end, sent } => *sent = stuff(&wire[..*end], *sent, chunk),
            Self::EndlessLine { sent } => {
                chunk.resize(chunk.len() + room, b'x');
                *sent += room as u64;
            }
            Self::EndlessList { next, sent } => loop {
                let line = format!("{next} endless-{next}\r\n");
                if chunk.len() + line.len() > CHUNK_OCTETS {
                    break;
                }
                chunk.extend_from_slice(line.as_bytes());
                *sent += line.len() as u64;
                *next += 1;
            },
        }
    }
}

/// Appends the octets of `wire` from `start` on that fit, a dot at the start of a line doubled; returns where it stopped.
fn stuff(wire: &[u8], start: usize, chunk: &mut Vec<u8>) -> usize {
    let mut at = start;
    while at < wire.len() && chunk.len() + 2 <= CHUNK_OCTETS {
        if wire[at] == b'.' && (at == 0 || wire[..at].ends_with(b"\r\n")) {
            chunk.push(b'.');
        }
        chunk.push(wire[at]);
        at += 1;
    }
    at
}
