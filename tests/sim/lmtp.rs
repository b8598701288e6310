//! A pure LMTP server with switchable faults: octets in, octets out. What it stored outlives every crash of the program.

use std::mem;
use std::sync::Arc;

/// The header field by which a server can tell a repeat.
const TOKEN: &[u8] = b"X-Fetchonce-Token: ";

/// What the server has, in the order of arrival.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Mailbox {
    /// The messages in stored form, without their tokens.
    pub(crate) messages: Vec<Arc<Vec<u8>>>,
    /// Their tokens; empty where there was none.
    pub(crate) tokens: Vec<Vec<u8>>,
    /// Whether a token that it has seen makes a message a repeat, which is taken and dropped (Sieve `duplicate`).
    pub(crate) drops_repeats: bool,
}

impl Mailbox {
    fn store(&mut self, wire: &[u8]) {
        let (token, message) = match wire.strip_prefix(TOKEN) {
            Some(rest) => {
                let end = rest.iter().position(|octet| *octet == b'\r').expect("a token has a line");
                (rest[..end].to_vec(), &rest[end + 2..])
            }
            None => (Vec::new(), wire),
        };
        if !self.drops_repeats || token.is_empty() || !self.tokens.contains(&token) {
            self.messages.push(Arc::new(crate::world::stored_form(message)));
            self.tokens.push(token);
        }
    }
}

/// A step of a conversation, as the server sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Stage {
    Greeting,
    Hello,
    Mail,
    Rcpt,
    Data,
    End,
}

impl Stage {
    pub(crate) const ALL: [Self; 6] = [Self::Greeting, Self::Hello, Self::Mail, Self::Rcpt, Self::Data, Self::End];
}

/// How one connection misbehaves. The default is a correct server.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Faults {
    /// PIPELINING is announced.
    pub(crate) pipelining: bool,
    /// Each time this stage is answered with this code.
    pub(crate) refuse: Option<(Stage, u16)>,
    /// When this stage is reached for the time with this number (from 0), the connection closes instead of the answer;
    /// whether what was asked took effect before.
    pub(crate) close: Option<(Stage, usize, Effect)>,
    /// The same with silence for ever.
    pub(crate) silence: Option<(Stage, usize, Effect)>,
    /// The connection breaks when so many octets were received.
    pub(crate) cut_input: Option<usize>,
    /// The connection breaks when so many octets were sent.
    pub(crate) cut_output: Option<usize>,
}

/// Whether what was asked took effect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Effect {
    None,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Commands,
    Content,
    Closed,
    Silent,
}

/// The server's half of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    faults: Faults,
    state: State,
    has_mail: bool,
    has_rcpt: bool,
    line: Vec<u8>,
    content: Vec<u8>,
    output: Vec<u8>,
    received: usize,
    sent: usize,
    /// How often each stage was reached.
    reached: [usize; Stage::ALL.len()],
}

impl Connection {
    pub(crate) fn new(faults: Faults) -> Self {
        let mut connection = Self {
            faults,
            state: State::Commands,
            has_mail: false,
            has_rcpt: false,
            line: Vec::new(),
            content: Vec::new(),
            output: Vec::new(),
            received: 0,
            sent: 0,
            reached: [0; Stage::ALL.len()],
        };
        connection.reach(Stage::Greeting, &mut || (), "220 sim\r\n");
        connection
    }

    pub(crate) fn feed(&mut self, mailbox: &mut Mailbox, input: &[u8]) {
        let input = match self.faults.cut_input {
            Some(cut) => &input[..input.len().min(cut.saturating_sub(self.received))],
            None => input,
        };
        self.received += input.len();
        for octet in input {
            if matches!(self.state, State::Closed | State::Silent) {
                break;
            }
            self.line.push(*octet);
            if self.line.ends_with(b"\r\n") {
                let line = mem::take(&mut self.line);
                match self.state {
                    State::Content => self.content(mailbox, &line),
                    _ => self.command(&line),
                }
            }
        }
        if self.faults.cut_input.is_some_and(|cut| self.received >= cut) {
            self.state = State::Closed;
        }
    }

    /// What waits to be sent.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        let mut output = mem::take(&mut self.output);
        if let Some(cut) = self.faults.cut_output {
            output.truncate(cut.saturating_sub(self.sent));
            if self.sent + output.len() >= cut {
                self.state = State::Closed;
            }
        }
        self.sent += output.len();
        output
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed && self.output.is_empty()
    }

    fn content(&mut self, mailbox: &mut Mailbox, line: &[u8]) {
        if line != b".\r\n" {
            self.content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            return;
        }
        self.state = State::Commands;
        (self.has_mail, self.has_rcpt) = (false, false);
        let content = mem::take(&mut self.content);
        self.reach(Stage::End, &mut || mailbox.store(&content), "250 2.0.0 stored\r\n");
    }

    fn command(&mut self, line: &[u8]) {
        let verb = line.split(|octet| matches!(octet, b' ' | b'\r')).next().unwrap_or_default();
        match verb {
            b"LHLO" => {
                let reply = if self.faults.pipelining { "250-sim\r\n250 PIPELINING\r\n" } else { "250 sim\r\n" };
                self.reach(Stage::Hello, &mut || (), reply);
            }
            b"MAIL" if !self.has_mail => self.has_mail = self.reach(Stage::Mail, &mut || (), "250 ok\r\n"),
            b"RCPT" if self.has_mail => self.has_rcpt = self.reach(Stage::Rcpt, &mut || (), "250 ok\r\n"),
            b"DATA" if self.has_rcpt => {
                if self.reach(Stage::Data, &mut || (), "354 go on\r\n") {
                    self.state = State::Content;
                }
            }
            b"RSET" => {
                (self.has_mail, self.has_rcpt) = (false, false);
                self.output.extend(b"250 ok\r\n");
            }
            b"QUIT" => {
                self.output.extend(b"221 bye\r\n");
                self.state = State::Closed;
            }
            _ => self.output.extend(b"503 out of order\r\n"),
        }
    }

    /// Comes to a stage, and answers it unless a fault falls on it. Gives whether it went well.
    fn reach(&mut self, stage: Stage, act: &mut dyn FnMut(), reply: &str) -> bool {
        let time = self.reached[stage as usize];
        self.reached[stage as usize] += 1;
        let falls_here = |fault: Option<(Stage, usize, Effect)>| match fault {
            Some((at, when, effect)) if (at, when) == (stage, time) => Some(effect),
            _ => None,
        };
        for (fault, state) in [(self.faults.close, State::Closed), (self.faults.silence, State::Silent)] {
            if let Some(effect) = falls_here(fault) {
                if effect == Effect::Done {
                    act();
                }
                self.state = state;
                return false;
            }
        }
        if let Some((at, code)) = self.faults.refuse
            && at == stage
        {
            self.output.extend(format!("{code} no\r\n").into_bytes());
            if code == 421 {
                self.state = State::Closed;
            }
            return false;
        }
        act();
        self.output.extend(reply.as_bytes());
        true
    }
}
