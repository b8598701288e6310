//! Where a message goes, by its header and its size: of an account's rules the first that holds decides. Pure.
//!
//! Rules serve a maildrop that several people share: each has an address, found in the fields in which a server notes for
//! whom a message came. What no rule takes goes to the account's own targets.

mod address;
mod foreseen;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::header::Header;
use crate::model::{Digest, Octets, escaped, limits};

pub use foreseen::{Foreseen, SeenField};
pub use pattern::Pattern;

/// The fields in which servers note for whom a message came, those first that tell it as the sender wrote it.
pub const RECIPIENT_HEADERS: [&str; 3] = ["X-Original-To", "Envelope-To", "Delivered-To"];

/// The rules of an account, and what becomes of messages that none of them takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routes {
    rules: Vec<Rule>,
    otherwise: Vec<usize>,
    recipient_headers: Vec<String>,
}

/// One rule. It holds where all its conditions do; of a condition with several values one must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// For whom the message came.
    pub recipients: Vec<Pattern>,
    /// What is in the fields of a name.
    pub headers: Vec<HeaderTest>,
    /// The identifier in List-Id (RFC 2919).
    pub list_ids: Vec<Pattern>,
    /// It has more octets than this.
    pub larger_than: Option<Octets>,
    /// It has fewer octets than this.
    pub smaller_than: Option<Octets>,
    /// What becomes of the message.
    pub action: Action,
}

/// What the fields of a name are compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderTest {
    /// The name, in any case of letters.
    pub name: String,
    /// What one of them must match, encoded words decoded.
    pub pattern: Pattern,
}

/// What a rule makes of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Action {
    /// It is delivered to these targets.
    Deliver(Vec<Choice>),
    /// It is never fetched.
    #[default]
    Skip,
}

/// A target that a rule chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Its place in the account's list.
    pub target: usize,
    /// Whether it is for the address that made the rule hold ([`crate::model::Target::wants_recipient`]).
    pub wants_recipient: bool,
}

/// What becomes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Where it goes.
    pub route: Route,
    /// Why.
    pub why: Why,
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// To each of these, of which there is at least one.
    Deliver(Vec<Delivery>),
    /// Nowhere: it is never fetched.
    Skip,
}

/// One delivery of a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Delivery {
    /// The target's place in the account's list.
    pub target: usize,
    /// For a target that wants it, the address that made the rule hold, safe for an envelope: see
    /// [`crate::model::Target::for_recipient`].
    pub recipient: Option<String>,
}

/// Why a message goes where it goes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Why {
    /// The rules that took it, counted from 1: several where a field has several addresses.
    pub rules: Vec<usize>,
    /// What was seen of the message, safe for a terminal: what made the rules hold, or the addresses that no rule takes.
    pub seen: Vec<String>,
}

/// What is known of a message before it is fetched, from its listed size alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Before {
    /// Whatever its header has, it is not skipped.
    Fetch,
    /// Whatever its header has, it is skipped.
    Skip(Why),
    /// Its header tells.
    AskHeader,
}

/// The addresses in a field.
struct Recipients<'r> {
    name: &'r str,
    addresses: Vec<String>,
}

/// What made a rule hold.
#[derive(Default)]
struct Held<'r> {
    seen: Vec<String>,
    /// Where the rule asks for recipients: the field, and the address in it.
    by: Option<(&'r Recipients<'r>, &'r str)>,
}

impl Routes {
    /// Rules, in their order; the targets of what none of them takes; the fields that tell for whom a message came.
    #[must_use]
    pub fn new(rules: Vec<Rule>, otherwise: Vec<usize>, recipient_headers: Vec<String>) -> Self {
        Self { rules, otherwise, recipient_headers }
    }

    /// No rules: everything goes to all of `count` targets.
    #[must_use]
    pub fn to_all(count: usize) -> Self {
        Self::new(Vec::new(), (0..count).collect(), RECIPIENT_HEADERS.map(str::to_owned).into())
    }

    /// Whether every message goes to the same targets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What tells these rules from all others, as long as the program stays the same.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest(Sha256::digest(format!("{} {self:?}", env!("CARGO_PKG_VERSION"))).into())
    }

    /// What becomes of a message with this header and, where it is known, this size.
    #[must_use]
    pub fn decide(&self, header: &Header, size: Option<Octets>) -> Decision {
        let recipients = self.recipients(header);
        let holds = |(at, rule): (usize, &Rule)| Some((at, rule.held(header, size, &recipients)?));
        let first = self.rules.iter().enumerate().find_map(holds);
        match first {
            None => Decision { route: self.otherwise(), why: self.why_no_rule(&recipients) },
            Some((_, Held { by: Some((field, _)), .. })) if field.addresses.len() > 1 => {
                self.decide_each(header, size, field)
            }
            Some((at, held)) => self.decide_by(vec![(at, held)]),
        }
    }

    /// What can be told before a message is fetched.
    #[must_use]
    pub fn before_fetch(&self, size: Option<Octets>) -> Before {
        let (mut may_skip, mut may_deliver) = (false, false);
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.size_holds(size)) {
            let skips = rule.action == Action::Skip;
            if rule.asks_header() {
                may_skip |= skips;
                may_deliver |= !skips;
            } else if skips && !may_deliver {
                return Before::Skip(Why { rules: vec![at + 1], seen: vec![shown_size(size)] });
            } else {
                may_skip |= skips;
                break;
            }
        }
        if may_skip { Before::AskHeader } else { Before::Fetch }
    }

    /// The topmost field of each name, which the last server on the way wrote.
    fn recipients(&self, header: &Header) -> Vec<Recipients<'_>> {
        if self.rules.iter().all(|rule| rule.recipients.is_empty()) {
            return Vec::new();
        }
        let topmost = |name: &str| header.values(name).next().map(address::addresses);
        let fields = self.recipient_headers.iter().map(|name| (name, topmost(name)));
        fields.filter_map(|(name, addresses)| Some(Recipients { name, addresses: addresses? })).collect()
    }

    /// A field with several addresses is a message that came for each of them.
    fn decide_each(&self, header: &Header, size: Option<Octets>, field: &Recipients<'_>) -> Decision {
        let alone = |address: &String| [Recipients { name: field.name, addresses: vec![address.clone()] }];
        let each: Vec<[Recipients<'_>; 1]> = field.addresses.iter().map(alone).collect();
        let asks = |(_, rule): &(usize, &Rule)| !rule.recipients.is_empty();
        let by_address = each.iter().filter_map(|recipients| {
            let mut rules = self.rules.iter().enumerate().filter(asks);
            rules.find_map(|(at, rule)| Some((at, rule.held(header, size, recipients)?)))
        });
        self.decide_by(by_address.collect())
    }

    fn decide_by(&self, held: Vec<(usize, Held<'_>)>) -> Decision {
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut why = Why::default();
        for (at, Held { seen, by }) in held {
            for delivery in self.rules.get(at).map(|rule| rule.deliveries(by)).unwrap_or_default() {
                if !deliveries.contains(&delivery) {
                    deliveries.push(delivery);
                }
            }
            why.rules.push(at + 1);
            why.seen.extend(seen);
        }
        why.rules.dedup();
        let route = if deliveries.is_empty() { Route::Skip } else { Route::Deliver(deliveries) };
        Decision { route, why }
    }

    fn otherwise(&self) -> Route {
        let delivery = |target: &usize| Delivery { target: *target, recipient: None };
        Route::Deliver(self.otherwise.iter().map(delivery).collect())
    }

    fn why_no_rule(&self, recipients: &[Recipients<'_>]) -> Why {
        let mut seen = Vec::new();
        for field in recipients {
            seen.extend(field.addresses.iter().map(|address| shown(field.name, address)));
        }
        if seen.is_empty() && self.rules.iter().any(|rule| !rule.recipients.is_empty()) {
            seen.push(format!("no address in {}", self.recipient_headers.join(", ")));
        }
        Why { rules: Vec::new(), seen }
    }
}

impl Rule {
    /// What makes the rule hold; `None` where it does not.
    fn held<'r>(&self, header: &Header, size: Option<Octets>, recipients: &'r [Recipients<'r>]) -> Option<Held<'r>> {
        if !self.size_holds(size) {
            return None;
        }
        let mut held = Held::default();
        if self.larger_than.or(self.smaller_than).is_some() {
            held.seen.push(shown_size(size));
        }
        if !self.recipients.is_empty() {
            let (field, address) = self.recipient(recipients)?;
            held.seen.push(shown(field.name, address));
            held.by = Some((field, address));
        }
        if !self.headers.is_empty() {
            held.seen.push(self.headers.iter().find_map(|test| test.seen(header))?);
        }
        if !self.list_ids.is_empty() {
            let list_id = header.values("list-id").next().map(identifier)?;
            let is_it = self.list_ids.iter().any(|pattern| pattern.matches(&list_id));
            held.seen.push(is_it.then(|| shown("List-Id", &list_id))?);
        }
        Some(held)
    }

    fn recipient<'r>(&self, recipients: &'r [Recipients<'r>]) -> Option<(&'r Recipients<'r>, &'r str)> {
        let all = recipients.iter().flat_map(|field| field.addresses.iter().map(move |address| (field, &**address)));
        all.into_iter().find(|(_, address)| self.recipients.iter().any(|pattern| pattern.matches(address)))
    }

    fn size_holds(&self, size: Option<Octets>) -> bool {
        let is_larger = self.larger_than.is_none_or(|limit| size.is_some_and(|size| size > limit));
        let is_smaller = self.smaller_than.is_none_or(|limit| size.is_some_and(|size| size < limit));
        is_larger && is_smaller
    }

    fn asks_header(&self) -> bool {
        !(self.recipients.is_empty() && self.headers.is_empty() && self.list_ids.is_empty())
    }

    fn deliveries(&self, by: Option<(&Recipients<'_>, &str)>) -> Vec<Delivery> {
        let Action::Deliver(choices) = &self.action else { return Vec::new() };
        let address = by.map(|(_, address)| address.to_owned());
        let delivery = |Choice { target, wants_recipient }: &Choice| Delivery {
            target: *target,
            recipient: address.clone().filter(|_| *wants_recipient),
        };
        choices.iter().map(delivery).collect()
    }
}

impl HeaderTest {
    fn seen(&self, header: &Header) -> Option<String> {
        let values = header.values(&self.name).map(decoded);
        values.into_iter().find(|value| self.pattern.matches(value)).map(|value| shown(&self.name, &value))
    }
}

/// A value as people read it: encoded words decoded (RFC 2047), and no more of it than is matched.
fn decoded(value: &[u8]) -> String {
    let mut line = value[..value.len().min(limits::MATCHED_OCTETS)].to_owned();
    line.push(b'\n');
    match MessageStream::new(&line).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// The identifier in the brackets of a List-Id; without them, all of it.
fn identifier(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(&value[..value.len().min(limits::MATCHED_OCTETS)]);
    let inner = text.rsplit_once('<').map(|(_, rest)| rest.split('>').next().unwrap_or_default());
    inner.unwrap_or(&text).trim().to_owned()
}

fn shown(name: &str, value: &str) -> String {
    format!("{name}: {}", escaped(value.as_bytes(), limits::SHOWN_CHARS))
}

fn shown_size(size: Option<Octets>) -> String {
    size.map_or_else(String::new, |size| format!("size {size}"))
}

impl fmt::Display for Why {
    /// `route 2: X-Original-To: alice@example.com`, or `no route: no address in Delivered-To`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rules[..] {
            [] if self.seen.is_empty() => return f.write_str("no route takes it"),
            [] => f.write_str("no route takes it")?,
            [one] => write!(f, "route {one}")?,
            rules => write!(f, "routes {}", rules.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))?,
        }
        write!(f, ": {}", self.seen.join(", "))
    }
}
