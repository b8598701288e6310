//! The server's half of one connection: the AUTHORIZATION state (RFC 1939 §4, RFC 5034), and the faults of replies.

use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::faults::{CutAt, Faults, Login};
use super::maildrop::{Maildrop, Message};
use super::output::{Output, Reply};
use super::session::{Outcome, Session};
use crate::model::{escaped, limits};

/// Most commands of one connection; one more closes it.
pub const COMMANDS: u32 = 1_000_000;
/// A client that lets more octets than this wait is cut off. Message content is shared and does not count.
pub const WAITING_OCTETS: usize = 64 * 1024 * 1024;

/// Most characters of a command or a user name that the log keeps.
const LOGGED_CHARS: usize = 80;

/// The one user that may log in.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The name for USER and AUTH PLAIN.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, ***)", self.user.escape_debug())
    }
}

/// Something that happened on the server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A command line arrived. A password shows as `***`, control characters are escaped, and a long line is cut.
    Command(String),
    /// A user logged in: the session's numbering is fixed.
    LoggedIn(String),
    /// A message's header was asked for, and is sent unless a fault falls on the reply.
    Top(Message),
    /// A message was asked for, and is sent unless a fault falls on the reply.
    Retr(Message),
    /// A message was marked for deletion.
    Dele(Message),
    /// A message was removed from the mailbox.
    Expunged(Message),
}

/// One connection: octets in, octets out, no I/O. Dropping it removes nothing from the mailbox (RFC 1939 §6).
#[derive(Clone, Debug)]
pub struct Connection {
    faults: Faults,
    credentials: Option<Credentials>,
    state: State,
    /// The command line that is not complete yet.
    line: Vec<u8>,
    output: Output,
    /// Replies so far.
    replies: u32,
    /// Commands so far.
    commands: u32,
    /// Octets queued so far, counted while [`Faults::cut_after_octets`] needs them.
    queued_octets: u64,
    /// What [`Faults::repeat_password`] repeats.
    repeated: Vec<u8>,
    /// Nothing more is read or answered; what waits is still sent.
    closing: bool,
    /// Nothing more is read or answered, and the connection stays open.
    silent: bool,
    log: Vec<Event>,
}

#[derive(Clone, Debug)]
enum State {
    Authorization {
        user: Option<Vec<u8>>,
    },
    /// AUTH PLAIN was answered with a challenge.
    Challenged,
    Transaction(Session),
    Ended,
}

impl Connection {
    /// An open connection whose greeting waits to be sent. Without `credentials` anyone may log in.
    #[must_use]
    pub fn new(faults: Faults, credentials: Option<Credentials>) -> Self {
        let mut connection = Self {
            faults,
            credentials,
            state: State::Authorization { user: None },
            line: Vec::new(),
            output: Output::default(),
            replies: 0,
            commands: 0,
            queued_octets: 0,
            repeated: Vec::new(),
            closing: false,
            silent: false,
            log: Vec::new(),
        };
        if connection.faults.refuse_command == Some(0) {
            let reply = connection.refusal();
            connection.conclude(Outcome::Close(Some(reply)));
        } else {
            connection.send(Reply::ok("fetchonce demonstration server"));
        }
        connection
    }

    /// Takes octets from the client, cut anywhere, and executes the commands that they complete.
    pub fn feed(&mut self, maildrop: &mut Maildrop, input: &[u8]) {
        for part in input.split_inclusive(|&octet| octet == b'\n') {
            if self.closing || self.silent {
                return;
            }
            if self.line.len() + part.len() > limits::LINE_OCTETS || self.commands == COMMANDS {
                self.conclude(Outcome::Close(Some(Reply::err("too much"))));
                return;
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = mem::take(&mut self.line);
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                self.take_line(maildrop, line.strip_suffix(b"\r").unwrap_or(line));
            }
        }
    }

    /// The next octets for the client, [`super::CHUNK_OCTETS`] of them at most; none when nothing waits.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        self.output.take()
    }

    /// Whether the server closed the connection and everything before that was taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing && self.output.is_empty()
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn log(&self) -> &[Event] {
        &self.log
    }

    fn take_line(&mut self, maildrop: &mut Maildrop, line: &[u8]) {
        if matches!(self.state, State::Challenged) {
            self.state = State::Authorization { user: None };
            let reply = self.auth_plain(maildrop, line);
            return self.conclude(Outcome::Reply(reply));
        }
        let (verb, argument) = split_command(line);
        self.commands += 1;
        self.log.push(Event::Command(shown_command(&verb, line)));
        let outcome = if self.faults.refuse_command == Some(self.commands) {
            let reply = self.refusal();
            if verb == b"QUIT" { Outcome::Close(Some(reply)) } else { Outcome::Reply(reply) }
        } else {
            self.execute(maildrop, &verb, argument)
        };
        self.conclude(outcome);
    }

    fn execute(&mut self, maildrop: &mut Maildrop, verb: &[u8], argument: &[u8]) -> Outcome {
        if verb == b"QUIT" && argument.is_empty() {
            return match mem::replace(&mut self.state, State::Ended) {
                State::Transaction(session) => session.quit(&self.faults, maildrop, &mut self.log),
                _ => Outcome::Close(Some(Reply::ok("bye"))),
            };
        }
        match (verb, &mut self.state) {
            (b"CAPA", _) if !self.faults.no_capa && argument.is_empty() => {
                let mut lines = capabilities(&self.faults).into_bytes();
                if !self.repeated.is_empty() {
                    lines.extend([b"X-HEARD ", &*self.repeated, b"\r\n"].concat());
                }
                Outcome::Reply(Reply::lines("capabilities follow", &lines))
            }
            (_, State::Transaction(session)) => session.execute(&self.faults, verb, argument, &mut self.log),
            (b"USER", State::Authorization { user }) if !argument.is_empty() => {
                *user = Some(argument.to_vec());
                Outcome::Reply(Reply::ok("now the password"))
            }
            (b"PASS", State::Authorization { user }) => Outcome::Reply(match user.take() {
                Some(user) => self.log_in(maildrop, &user, argument),
                None => Reply::err("USER comes first"),
            }),
            (b"AUTH", State::Authorization { .. }) => Outcome::Reply(self.auth(maildrop, argument)),
            _ => Outcome::Reply(Reply::err("unknown command or argument")),
        }
    }

    /// AUTH with or without an initial response (RFC 5034 §4).
    fn auth(&mut self, maildrop: &Maildrop, argument: &[u8]) -> Reply {
        let (mechanism, response) = split_command(argument);
        if mechanism != b"PLAIN" {
            return Reply::err("unknown mechanism");
        }
        if response.is_empty() {
            self.state = State::Challenged;
            return Reply::challenge();
        }
        self.auth_plain(maildrop, response)
    }

    /// The response of AUTH PLAIN: base64 of `authzid NUL user NUL password` (RFC 4616).
    fn auth_plain(&mut self, maildrop: &Maildrop, response: &[u8]) -> Reply {
        let Ok(triplet) = STANDARD.decode(response) else {
            return Reply::err("this is not base64");
        };
        let mut parts = triplet.split(|&octet| octet == 0);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(user), Some(password), None) if !user.is_empty() => {
                let reply = self.log_in(maildrop, user, password);
                if self.faults.repeat_password {
                    self.repeated.extend([b" ", response].concat());
                }
                reply
            }
            _ => Reply::err("this is not a PLAIN response"),
        }
    }

    fn log_in(&mut self, maildrop: &Maildrop, user: &[u8], password: &[u8]) -> Reply {
        if self.faults.repeat_password {
            self.repeated = password.to_vec();
        }
        let known = self.credentials.as_ref().is_none_or(|credentials| {
            credentials.user.as_bytes() == user && credentials.password.as_bytes() == password
        });
        match self.faults.login {
            _ if !known => self.rejected(),
            Login::Rejected => self.rejected(),
            Login::InUse => Reply::err("[IN-USE] another session holds this mailbox"),
            Login::LoginDelay => Reply::err("[LOGIN-DELAY] the last login was a moment ago"),
            Login::SysTemp => Reply::err("[SYS/TEMP] the mailbox cannot be read just now"),
            Login::SysPerm => Reply::err("[SYS/PERM] the mailbox is broken"),
            Login::Ok => {
                let session = Session::new(maildrop, &self.faults);
                let reply = Reply::ok(&session.summary());
                self.state = State::Transaction(session);
                self.log.push(Event::LoggedIn(escaped(user, LOGGED_CHARS)));
                reply
            }
        }
    }

    fn rejected(&self) -> Reply {
        Reply::err(if self.faults.resp_codes { "[AUTH] wrong user or password" } else { "wrong user or password" })
    }

    fn refusal(&self) -> Reply {
        Reply::err(self.faults.refuse_code.as_deref().unwrap_or("refused"))
    }

    fn conclude(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Reply(reply) => self.send(reply),
            Outcome::HalfReply(reply) => self.send_cut(reply, CutAt::Half),
            Outcome::Close(reply) => {
                if let Some(reply) = reply {
                    self.send(reply);
                }
                self.closing |= !self.silent;
            }
        }
    }

    fn send_cut(&mut self, reply: Reply, at: CutAt) {
        let whole = reply.prefix(u64::MAX);
        let kept = cut_length(&whole, at);
        self.output.push_octets(whole[..kept].to_vec());
        self.closing = true;
    }

    /// Queues the connection's next reply, or what a fault makes of it.
    fn send(&mut self, reply: Reply) {
        let number = self.replies;
        self.replies += 1;
        let here = |fault: Option<u32>| fault == Some(number);
        if here(self.faults.drop_at_reply) {
            self.closing = true;
            return;
        }
        if here(self.faults.silent_at_reply) {
            self.silent = true;
            return;
        }
        let reply = if here(self.faults.garbage_instead_of_reply) {
            Reply::garbage()
        } else if here(self.faults.endless_line_at_reply) {
            Reply::endless_line()
        } else {
            reply.saying(&self.repeated)
        };
        match (self.faults.cut_reply, self.faults.cut_after_octets) {
            (Some((cut, at)), _) if cut == number => self.send_cut(reply, at),
            (_, Some(octets)) => self.send_up_to(reply, octets),
            _ => {
                self.closing |= reply.is_endless();
                self.output.push(reply);
            }
        }
        self.closing |= self.output.held_octets() > WAITING_OCTETS;
    }

    /// Queues the part of the reply before the octet that ends the connection.
    fn send_up_to(&mut self, reply: Reply, octets: u64) {
        let prefix = reply.prefix(octets - self.queued_octets);
        self.queued_octets += prefix.len() as u64;
        self.closing |= self.queued_octets == octets;
        self.output.push_octets(prefix);
    }
}

/// The verb in upper case, and what follows the first space (RFC 1939 §3).
fn split_command(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let space = line.iter().position(|&octet| octet == b' ');
    let (verb, argument) = space.map_or((line, &b""[..]), |space| (&line[..space], &line[space + 1..]));
    (verb.to_ascii_uppercase(), argument)
}

/// A command for the log, without its secret.
fn shown_command(verb: &[u8], line: &[u8]) -> String {
    match verb {
        b"PASS" => "PASS ***".to_owned(),
        b"AUTH" if split_command(line).1.contains(&b' ') => "AUTH *** ***".to_owned(),
        _ => escaped(line, LOGGED_CHARS),
    }
}

/// The lines of CAPA, the same before and after login (RFC 2449 §5).
fn capabilities(faults: &Faults) -> String {
    let expire = faults.expire.as_ref().map(|days| format!("EXPIRE {days}"));
    let lines = [
        (!faults.no_top, "TOP"),
        (!faults.no_uidl, "UIDL"),
        (true, "USER"),
        (true, "SASL PLAIN"),
        (faults.pipelining, "PIPELINING"),
        (faults.resp_codes, "RESP-CODES"),
        (faults.resp_codes, "AUTH-RESP-CODE"),
        (faults.delete_on_retr_quit, "EXPIRE 0"),
        (expire.is_some(), expire.as_deref().unwrap_or_default()),
        (faults.login == Login::LoginDelay, "LOGIN-DELAY 60"),
        (true, "IMPLEMENTATION fetchonce-demo"),
    ];
    lines.into_iter().filter(|(announced, _)| *announced).flat_map(|(_, line)| [line, "\r\n"]).collect()
}

/// How many octets of a reply are sent.
fn cut_length(whole: &[u8], at: CutAt) -> usize {
    let is_line_end = |&octet: &u8| octet == b'\n';
    let last = whole.len().saturating_sub(1);
    match at {
        CutAt::FirstLine => whole.iter().position(is_line_end).map_or(last, |end| end + 1),
        CutAt::Half => whole.len() / 2,
        CutAt::LastLine => whole[..last].iter().rposition(is_line_end).map_or(0, |end| end + 1),
        CutAt::LastOctet => last,
    }
}
