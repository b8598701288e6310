//! Header lines that a delivery puts before a message: trace fields on request (RFC 5321 §4.4), and the delivery token for
//! targets of which only the other side knows what they took.

use std::fmt::Write as _;

use crate::header::Header;
use crate::model::{DeliveryId, Target, Timestamp, TraceHeader};

/// The field that carries the delivery token: the same in every attempt, so that a target can drop a repeat.
pub const TOKEN_FIELD: &str = "X-Fetchonce-Token";

/// What the lines tell of.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// The fields that are wanted.
    pub fields: &'a [TraceHeader],
    /// The POP3 server.
    pub server: &'a str,
    /// The user there: whose maildrop it was.
    pub user: &'a str,
    /// The name of this machine.
    pub host_name: &'a str,
}

impl Trace<'_> {
    /// The lines for a message on its way to a target, in stored form.
    #[must_use]
    pub fn lines(&self, target: &Target, token: &DeliveryId, header: &Header, fetched_at: Timestamp) -> Vec<u8> {
        let mut lines = String::new();
        let is_wanted = |field: TraceHeader| self.fields.contains(&field);
        let (user, server) = (one_word(self.user), one_word(self.server));
        if is_wanted(TraceHeader::ReturnPath) && header.values("Return-Path").next().is_none() {
            let sender = header.address("From").unwrap_or_default();
            let _ = writeln!(lines, "Return-Path: <{sender}>");
        }
        if is_wanted(TraceHeader::DeliveredTo) {
            let _ = writeln!(lines, "Delivered-To: {user}");
        }
        if is_wanted(TraceHeader::Received) {
            let (by, date) = (one_word(self.host_name), rfc_5322(fetched_at));
            let _ = write!(lines, "Received: from {server}\n\tby {by} with POP3 (fetchonce)\n");
            let _ = writeln!(lines, "\tfor <{user}>; {date}");
        }
        if matches!(target, Target::Pipe(_) | Target::Lmtp(_) | Target::Smtp(_)) {
            lines.push_str(&token_line(token));
        }
        lines.into_bytes()
    }
}

/// The field that carries the delivery token, as a line.
pub(super) fn token_line(token: &DeliveryId) -> String {
    format!("{TOKEN_FIELD}: {}\n", token.0)
}

/// What may stand in a header field without ending it, or a part of it.
fn one_word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() && !"<>();,".contains(c) { c } else { '_' }).take(256).collect()
}

fn rfc_5322(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InDoubt, PipeTarget, limits};

    const TRACE: Trace<'static> =
        Trace { fields: &TraceHeader::ALL, server: "pop.example.com", user: "alice", host_name: "here" };

    fn lines(trace: Trace<'_>, target: &Target, header: &[u8]) -> String {
        let token = DeliveryId("1.F0_1.here".into());
        let lines = trace.lines(target, &token, &Header::parse(header), Timestamp(1_795_338_000));
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn none_by_default() {
        let maildir = Target::maildir("/m");
        assert_eq!(lines(Trace { fields: &[], ..TRACE }, &maildir, b"From: a@b\n"), "");
    }

    #[test]
    fn fields_on_request() {
        let maildir = Target::maildir("/m");
        let rest = "Delivered-To: alice\nReceived: from pop.example.com\n\tby here with POP3 (fetchonce)\n\tfor <alice>; \
                    Sun, 22 Nov 2026 09:00:00 +0000\n";
        assert_eq!(lines(TRACE, &maildir, b"Return-Path: <x@y>\n"), rest);
        assert_eq!(lines(TRACE, &maildir, b"From: A <a@b>\n"), format!("Return-Path: <a@b>\n{rest}"));
        assert_eq!(lines(TRACE, &maildir, b""), format!("Return-Path: <>\n{rest}"));
    }

    #[test]
    fn a_token_where_only_the_other_side_knows() {
        let argv = vec!["maildrop".to_owned()];
        let pipe = Target::Pipe(PipeTarget { argv, timeout: limits::PIPE, in_doubt: InDoubt::Hold });
        assert_eq!(lines(Trace { fields: &[], ..TRACE }, &pipe, b""), "X-Fetchonce-Token: 1.F0_1.here\n");
    }

    #[test]
    fn a_user_cannot_add_fields() {
        let evil = Trace { user: "a\nBcc: x>;", server: "s\r\n", ..TRACE };
        let lines = lines(evil, &Target::maildir("/m"), b"Return-Path: <>\n");
        assert!(lines.starts_with("Delivered-To: a_Bcc:_x__\nReceived: from s__\n"), "{lines}");
    }
}
