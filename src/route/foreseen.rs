//! What can be told of a message before it is fetched.

use super::{Before, Decision, RECIPIENT_HEADERS, Route, Routes, Why, decoded};
use crate::header::Header;
use crate::model::{Octets, escaped, limits};

/// Where a message will go, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Foreseen {
    /// The fields that matter; `None` where the header was not seen.
    pub fields: Option<Vec<SeenField>>,
    /// What the rules make of it; `None` where only its header tells.
    pub decision: Option<Decision>,
}

/// A field of a message, safe for a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenField {
    /// Its name, as the rules spell it.
    pub name: String,
    /// What it says, encoded words decoded.
    pub value: String,
}

impl Foreseen {
    /// What a rule tells without the header.
    #[must_use]
    pub fn skipped(why: Why) -> Self {
        Self { fields: None, decision: Some(Decision { route: Route::Skip, why }) }
    }

    /// Whether it stays on the server.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.route == Route::Skip)
    }
}

impl Routes {
    /// What is known of a message with this header.
    #[must_use]
    pub fn foresee(&self, header: &Header, size: Option<Octets>) -> Foreseen {
        Foreseen { fields: Some(self.seen_fields(header)), decision: Some(self.decide(header, size)) }
    }

    /// What is known of a message whose header the server does not show before it is fetched.
    #[must_use]
    pub fn foresee_without_header(&self, size: Option<Octets>) -> Foreseen {
        match self.before_fetch(size) {
            Before::Skip(why) => Foreseen::skipped(why),
            _ if self.is_empty() => Foreseen { fields: None, decision: Some(self.decide(&Header::default(), size)) },
            _ => Foreseen::default(),
        }
    }

    /// The fields in which servers note for whom a message came, and those that the rules look at.
    fn seen_fields(&self, header: &Header) -> Vec<SeenField> {
        let of_rules = self.rules.iter().flat_map(|rule| rule.headers.iter().map(|test| &*test.name));
        let names = self.recipient_headers.iter().map(String::as_str).chain(RECIPIENT_HEADERS);
        let mut all: Vec<&str> = Vec::new();
        for name in names.chain(of_rules).chain(["List-Id"]) {
            if !all.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                all.push(name);
            }
        }
        let of_name = |name: &&str| {
            let field = |value| SeenField {
                name: escaped(name.as_bytes(), limits::SHOWN_CHARS),
                value: escaped(decoded(value).as_bytes(), limits::SHOWN_CHARS),
            };
            header.values(name).take(limits::SHOWN_FIELDS).map(field).collect::<Vec<_>>()
        };
        all.iter().flat_map(of_name).collect()
    }
}
