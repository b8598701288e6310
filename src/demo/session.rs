//! The TRANSACTION and UPDATE states (RFC 1939 §5 to §7): one session's numbering, its marks, and what QUIT removes.

use super::faults::{Faults, ListOnly, MessageFault, Order, Quit};
use super::maildrop::{Maildrop, Message};
use super::output::Reply;
use super::server::Event;

/// An authenticated session. Its numbering was fixed at login.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Number n is the element n - 1.
    slots: Vec<Slot>,
    /// UIDL listings asked for so far.
    uidl_listings: u32,
}

#[derive(Clone, Debug)]
struct Slot {
    message: Message,
    marked: bool,
    retrieved: bool,
}

/// A command's answer, and what it leaves of the connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The reply, and the session goes on.
    Reply(Reply),
    /// The first half of the reply, and the connection is closed.
    HalfReply(Reply),
    /// The reply, if any, and the connection is closed.
    Close(Option<Reply>),
}

impl Session {
    /// Takes the numbering of the messages that the mailbox holds now.
    pub(super) fn new(maildrop: &Maildrop, faults: &Faults) -> Self {
        let mut messages = if faults.empty_listing { Vec::new() } else { maildrop.messages.clone() };
        match faults.order {
            Order::Reversed => messages.reverse(),
            Order::Rotated(by) if !messages.is_empty() => {
                let by = by as usize % messages.len();
                messages.rotate_left(by);
            }
            Order::AsStored | Order::Rotated(_) => {}
        }
        if let Some(ListOnly::Everywhere(count)) = faults.list_only {
            messages.truncate(count as usize);
        }
        let slots = messages.into_iter().map(|message| Slot { message, marked: false, retrieved: false });
        Self { slots: slots.collect(), uidl_listings: 0 }
    }

    /// Messages not marked, and their octets, as the greeting of the session tells them.
    pub(super) fn summary(&self) -> String {
        let (count, octets) = self.totals();
        format!("{count} messages ({octets} octets)")
    }

    /// Executes a command whose verb is in upper case.
    pub(super) fn execute(&mut self, faults: &Faults, verb: &[u8], argument: &[u8], log: &mut Vec<Event>) -> Outcome {
        let reply = match verb {
            b"STAT" if argument.is_empty() => {
                let (count, octets) = self.totals();
                Ok(Reply::ok(&format!("{count} {octets}")))
            }
            b"LIST" => self.list(argument),
            b"UIDL" if !faults.no_uidl => self.uidl(faults, argument),
            b"RETR" => return self.retr(faults, argument, log),
            b"TOP" if !faults.no_top => self.top(argument, log),
            b"DELE" => self.dele(faults, argument, log),
            b"NOOP" if argument.is_empty() => Ok(Reply::ok("still here")),
            b"RSET" if argument.is_empty() => {
                self.slots.iter_mut().for_each(|slot| slot.marked = false);
                Ok(Reply::ok(&self.summary()))
            }
            _ => Err("unknown command or argument"),
        };
        Outcome::Reply(reply.unwrap_or_else(Reply::err))
    }

    /// Executes QUIT: the UPDATE state (RFC 1939 §6).
    pub(super) fn quit(self, faults: &Faults, maildrop: &mut Maildrop, log: &mut Vec<Event>) -> Outcome {
        let due = |slot: &Slot| slot.marked || (slot.retrieved && faults.delete_on_retr_quit);
        let removed = match faults.quit {
            _ if faults.dele_ignored => 0,
            Quit::Applied | Quit::AppliedUnanswered => usize::MAX,
            Quit::RejectedHalfway => 1,
            Quit::AnsweredNotApplied | Quit::Lost | Quit::Rejected => 0,
        };
        for slot in self.slots.into_iter().filter(due).take(removed) {
            if maildrop.remove(&slot.message) {
                log.push(Event::Expunged(slot.message));
            }
        }
        Outcome::Close(match faults.quit {
            Quit::Applied | Quit::AnsweredNotApplied => Some(Reply::ok("bye")),
            Quit::Rejected | Quit::RejectedHalfway => Some(Reply::err("some deleted messages not removed")),
            Quit::AppliedUnanswered | Quit::Lost => None,
        })
    }

    fn totals(&self) -> (usize, u64) {
        self.visible().fold((0, 0), |(count, octets), (_, slot)| (count + 1, octets + slot.message.octets()))
    }

    /// The messages not marked, with their numbers.
    fn visible(&self) -> impl Iterator<Item = (usize, &Slot)> {
        (1..).zip(&self.slots).filter(|(_, slot)| !slot.marked)
    }

    fn list(&self, argument: &[u8]) -> Result<Reply, &'static str> {
        if !argument.is_empty() {
            let number = number(argument)?;
            let octets = self.slot(number)?.message.octets();
            return Ok(Reply::ok(&format!("{number} {octets}")));
        }
        let mut lines = Vec::new();
        for (number, slot) in self.visible() {
            lines.extend_from_slice(format!("{number} {}\r\n", slot.message.octets()).as_bytes());
        }
        Ok(Reply::lines(&self.summary(), &lines))
    }

    fn uidl(&mut self, faults: &Faults, argument: &[u8]) -> Result<Reply, &'static str> {
        let shown = match faults.list_only {
            Some(ListOnly::InUidl(count)) => count as usize,
            Some(ListOnly::InFirstUidl(count)) if self.uidl_listings == 0 => count as usize,
            _ => usize::MAX,
        };
        if !argument.is_empty() {
            let number = number(argument)?;
            let slot = self.slot(number)?;
            if number > shown {
                return Err(NO_SUCH_MESSAGE);
            }
            let mut line = format!("+OK {number} ").into_bytes();
            line.extend_from_slice(&slot.message.uid);
            line.extend(faults.uid_mark);
            return Ok(Reply::status_line(line));
        }
        self.uidl_listings = self.uidl_listings.saturating_add(1);
        let mut lines = Vec::new();
        for (number, slot) in self.visible().take_while(|(number, _)| *number <= shown) {
            lines.extend_from_slice(format!("{number} ").as_bytes());
            lines.extend_from_slice(&slot.message.uid);
            lines.extend(faults.uid_mark);
            lines.extend_from_slice(b"\r\n");
        }
        if faults.endless_list {
            return Ok(Reply::endless_list("unique-ids follow", &lines, self.slots.len() as u64 + 1));
        }
        Ok(Reply::lines("unique-ids follow", &lines))
    }

    fn retr(&mut self, faults: &Faults, argument: &[u8], log: &mut Vec<Event>) -> Outcome {
        let slot = match number(argument).and_then(|number| self.slot_mut(number)) {
            Ok(slot) => slot,
            Err(text) => return Outcome::Reply(Reply::err(text)),
        };
        let trouble = trouble(faults, &slot.message);
        if trouble == Some(MessageFault::RetrRefused) {
            return Outcome::Reply(Reply::err("this message cannot be read"));
        }
        slot.retrieved = true;
        log.push(Event::Retr(slot.message.clone()));
        let wire = &slot.message.wire;
        let text = format!("{} octets", wire.len());
        match trouble {
            Some(MessageFault::RetrCut) => Outcome::HalfReply(Reply::message(&text, wire, wire.len())),
            Some(MessageFault::RetrUnstuffed) => Outcome::Reply(Reply::unstuffed(&text, wire)),
            _ => Outcome::Reply(Reply::message(&text, wire, wire.len())),
        }
    }

    fn top(&self, argument: &[u8], log: &mut Vec<Event>) -> Result<Reply, &'static str> {
        let space = argument.iter().position(|&octet| octet == b' ').ok_or("TOP wants two numbers")?;
        let message = &self.slot(number(&argument[..space])?)?.message;
        let body_lines = number(&argument[space + 1..])?;
        log.push(Event::Top(message.clone()));
        Ok(Reply::message("top of message follows", &message.wire, top_end(&message.wire, body_lines)))
    }

    fn dele(&mut self, faults: &Faults, argument: &[u8], log: &mut Vec<Event>) -> Result<Reply, &'static str> {
        let slot = self.slot_mut(number(argument)?)?;
        if trouble(faults, &slot.message) == Some(MessageFault::DeleRefused) {
            return Err("this message cannot be deleted");
        }
        slot.marked = true;
        log.push(Event::Dele(slot.message.clone()));
        Ok(Reply::ok("marked"))
    }

    fn slot(&self, number: usize) -> Result<&Slot, &'static str> {
        let slot = number.checked_sub(1).and_then(|index| self.slots.get(index));
        slot.filter(|slot| !slot.marked).ok_or(NO_SUCH_MESSAGE)
    }

    fn slot_mut(&mut self, number: usize) -> Result<&mut Slot, &'static str> {
        let slot = number.checked_sub(1).and_then(|index| self.slots.get_mut(index));
        slot.filter(|slot| !slot.marked).ok_or(NO_SUCH_MESSAGE)
    }
}

const NO_SUCH_MESSAGE: &str = "no such message";

/// The decimal number that is the whole argument.
fn number(argument: &[u8]) -> Result<usize, &'static str> {
    let digits = str::from_utf8(argument).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or("a number is wanted")
}

fn trouble(faults: &Faults, message: &Message) -> Option<MessageFault> {
    faults.bad_message.as_ref().filter(|bad| bad.uid == message.uid).map(|bad| bad.fault)
}

/// Where TOP ends: after the header, the empty line and so many lines of the body (RFC 1939 §7).
fn top_end(wire: &[u8], body_lines: usize) -> usize {
    let mut end = 0;
    let mut in_body = false;
    let mut body_lines_left = body_lines;
    for line in wire.split_inclusive(|&octet| octet == b'\n') {
        if in_body {
            if body_lines_left == 0 {
                break;
            }
            body_lines_left -= 1;
        }
        in_body |= line == b"\r\n";
        end += line.len();
    }
    end
}
