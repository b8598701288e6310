//! Sender and recipient of a message, and the commands that name them.

use super::error::MtaFailure;
use super::form::Facts;
use super::reply::Extensions;
use crate::model::{escaped, limits};

/// Sender and recipient of one transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Envelope {
    /// Empty for the null sender.
    sender: String,
    recipient: String,
}

impl Envelope {
    /// Only what cannot be mistaken for anything else within a command.
    pub(super) fn new(sender: &str, recipient: &str) -> Result<Self, MtaFailure> {
        for (address, may_be_empty) in [(sender, true), (recipient, false)] {
            let is_safe = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>');
            let is_sound = address.len() <= limits::ADDRESS_OCTETS && address.chars().all(is_safe);
            if !is_sound || (address.is_empty() && !may_be_empty) {
                let address = escaped(address.as_bytes(), limits::SHOWN_CHARS);
                return Err(MtaFailure::Address { address });
            }
        }
        Ok(Self { sender: sender.to_owned(), recipient: recipient.to_owned() })
    }

    /// Whether only a server with SMTPUTF8 takes it.
    pub(super) fn needs_utf8(&self) -> bool {
        !self.sender.is_ascii() || !self.recipient.is_ascii()
    }

    /// MAIL, with what the server offers to be told.
    ///
    /// Content of 8 bits goes to a server without 8BITMIME as well, as it is: only by changing it could it be made 7-bit,
    /// and servers that need that are gone.
    pub(super) fn mail(&self, facts: Facts, offered: Extensions) -> String {
        let size = if offered.size { format!(" SIZE={}", facts.octets.0) } else { String::new() };
        let body = if offered.eight_bit && facts.is_8bit { " BODY=8BITMIME" } else { "" };
        let utf8 = if self.needs_utf8() { " SMTPUTF8" } else { "" };
        format!("MAIL FROM:<{}>{size}{body}{utf8}\r\n", self.sender)
    }

    /// RCPT.
    pub(super) fn rcpt(&self) -> String {
        format!("RCPT TO:<{}>\r\n", self.recipient)
    }
}

/// The name that this machine gives itself in EHLO: a domain, or the address literal of no place in particular.
pub(super) fn hello_name(host_name: &str) -> &str {
    let is_label = |label: &str| {
        let is_plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_domain = host_name.len() <= 255 && host_name.split('.').all(is_label);
    if is_domain { host_name } else { "[127.0.0.1]" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Octets;

    #[test]
    fn commands_say_what_the_server_offers_to_be_told() {
        let all = Extensions { pipelining: true, eight_bit: true, size: true, utf8: true };
        let (ascii, eight_bit) =
            (Facts { octets: Octets(7), is_8bit: false }, Facts { octets: Octets(7), is_8bit: true });
        let envelope = Envelope::new("a@x", "b").unwrap();
        assert_eq!(envelope.mail(ascii, all), "MAIL FROM:<a@x> SIZE=7\r\n");
        assert_eq!(envelope.mail(eight_bit, all), "MAIL FROM:<a@x> SIZE=7 BODY=8BITMIME\r\n");
        assert_eq!(envelope.mail(eight_bit, Extensions::default()), "MAIL FROM:<a@x>\r\n");
        assert_eq!(envelope.rcpt(), "RCPT TO:<b>\r\n");
        let null = Envelope::new("", "jürgen@x").unwrap();
        assert_eq!(null.mail(ascii, all), "MAIL FROM:<> SIZE=7 SMTPUTF8\r\n");
    }

    #[test]
    fn no_address_breaks_out_of_its_command() {
        for address in ["a b", "a\r\nDATA", "a>", "<a", "a\0", "a\u{85}", "a\u{2028}", &"a".repeat(400)] {
            assert!(matches!(Envelope::new("", address), Err(MtaFailure::Address { .. })), "{address:?}");
            assert!(matches!(Envelope::new(address, "a"), Err(MtaFailure::Address { .. })), "{address:?}");
        }
        assert!(Envelope::new("a", "").is_err());
        let Err(error) = Envelope::new("", "a\x1b[2J>") else { panic!("an escape sequence is no address") };
        assert_eq!(error.to_string(), "`a\\u{1b}[2J>` cannot be sent as an address");
    }

    #[test]
    fn a_machine_has_a_name_that_any_server_can_read() {
        for name in ["host", "mail.example.com", "a-b.c1"] {
            assert_eq!(hello_name(name), name);
        }
        for name in ["", ".", "a..b", "-a", "a-", "my host", "a_b", "h\r\nMAIL", "bücher", &"a".repeat(300)] {
            assert_eq!(hello_name(name), "[127.0.0.1]", "{name:?}");
        }
    }
}
