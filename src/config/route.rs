//! The rules of an account: from what is written to what is meant.

use super::check::{Checker, one_of};
use super::error::{ConfigError, ValueError};
use super::raw::{Entry, RawAccount, RawHeader, RawRoute, RawTest};
use super::size::parse_size;
use crate::model::{MATCHED_RECIPIENT, Target, TraceHeader};
use crate::route::{Action, Choice, HeaderTest, Pattern, RECIPIENT_HEADERS, Routes, Rule};

impl Checker<'_> {
    /// The rules of an account; what they deliver to is added to its `targets`, which so far are its own.
    pub(super) fn routes(
        &self,
        raw: &RawAccount,
        user: &str,
        targets: &mut Vec<Target>,
    ) -> Result<Routes, ConfigError> {
        let own = (0..targets.len()).collect();
        let usual = || RECIPIENT_HEADERS.map(str::to_owned).into();
        let headers = self.optional(raw.recipient_headers.as_ref(), |names| header_names(names))?.unwrap_or_else(usual);
        let rules = raw.routes.iter().map(|route| self.rule(route, user, targets)).collect::<Result<_, _>>()?;
        Ok(Routes::new(rules, own, headers))
    }

    pub(super) fn trace_headers(&self, raw: &RawAccount) -> Result<Vec<TraceHeader>, ConfigError> {
        Ok(self.optional(raw.trace_headers.as_ref(), |names| trace_headers(names))?.unwrap_or_default())
    }

    fn rule(&self, entry: &Entry<RawRoute>, user: &str, targets: &mut Vec<Target>) -> Result<Rule, ConfigError> {
        let RawRoute { recipient, headers, list_id, larger_than, smaller_than, .. } = &entry.value;
        let rule = Rule {
            recipients: self.optional(recipient.as_ref(), |texts| recipients(texts))?.unwrap_or_default(),
            headers: headers.iter().map(|header| self.header_test(header)).collect::<Result<_, _>>()?,
            list_ids: self.optional(list_id.as_ref(), |texts| list_ids(texts))?.unwrap_or_default(),
            larger_than: self.optional(larger_than.as_ref(), |text| parse_size(text))?,
            smaller_than: self.optional(smaller_than.as_ref(), |text| parse_size(text))?,
            action: self.action(entry, user, targets)?,
        };
        self.value(entry, |_| conditions(&rule))?;
        Ok(rule)
    }

    fn action(&self, entry: &Entry<RawRoute>, user: &str, targets: &mut Vec<Target>) -> Result<Action, ConfigError> {
        const HINT: &str = "write one of `deliver = \"maildir:FOLDER\"` and `skip = true`";
        let RawRoute { deliver, skip, recipient, .. } = &entry.value;
        match (deliver, skip) {
            (Some(deliver), None) => {
                let wanted = self.targets(deliver, user)?.into_iter().zip(deliver);
                let choose =
                    |(target, place): (Target, _)| self.value(place, |_| choice(target, recipient.is_some(), targets));
                wanted.map(choose).collect::<Result<_, _>>().map(Action::Deliver)
            }
            (None, Some(skip)) => self.value(skip, |skip| match skip {
                true => Ok(Action::Skip),
                false => Err(ValueError::new("expected `true`").with_hint("or leave the key out")),
            }),
            (None, None) => self.value(entry, |_| Err(ValueError::new("the rule has nothing to do").with_hint(HINT))),
            (Some(_), Some(skip)) => {
                self.value(skip, |_| Err(ValueError::new("what is skipped is not delivered").with_hint(HINT)))
            }
        }
    }

    fn header_test(&self, RawHeader { name, test }: &RawHeader) -> Result<HeaderTest, ConfigError> {
        let name = self.value(name, |text| header_name(text))?;
        let pattern = match test {
            RawTest::Contains(entry) => self.value(entry, |text| filled(text).map(Pattern::containing))?,
            RawTest::Matches(entry) => self.value(entry, |text| filled(text).map(Pattern::whole))?,
        };
        Ok(HeaderTest { name, pattern })
    }
}

/// A rule's target among those of the account.
fn choice(target: Target, has_recipient: bool, targets: &mut Vec<Target>) -> Result<Choice, ValueError> {
    let wants_recipient = target.wants_recipient();
    if wants_recipient && !has_recipient {
        let problem = ValueError::new(format!("`{MATCHED_RECIPIENT}` stands for the address by which a rule holds"));
        return Err(problem.with_hint("write `recipient = \"*@example.com\"` into the rule"));
    }
    if let Some(at) = targets.iter().position(|other| *other == target) {
        return Ok(Choice { target: at, wants_recipient });
    }
    if targets.iter().any(|other| other.is_same_place(&target)) {
        let problem = ValueError::new("the account names the same target with other options");
        return Err(problem.with_hint("give it the same options everywhere"));
    }
    targets.push(target);
    Ok(Choice { target: targets.len() - 1, wants_recipient })
}

/// What a rule asks for must be something, and possible.
fn conditions(rule: &Rule) -> Result<(), ValueError> {
    let asks = !(rule.recipients.is_empty() && rule.headers.is_empty() && rule.list_ids.is_empty());
    if !asks && rule.larger_than.or(rule.smaller_than).is_none() {
        let hint =
            "write for example `recipient = \"alice@example.com\"`; what no rule takes goes to the account's `deliver`";
        return Err(ValueError::new("the rule has no condition").with_hint(hint));
    }
    match (rule.larger_than, rule.smaller_than) {
        (Some(larger), Some(smaller)) if larger >= smaller => {
            Err(ValueError::new("no message is larger than `larger_than` and smaller than `smaller_than`"))
        }
        _ => Ok(()),
    }
}

fn recipients(texts: &[String]) -> Result<Vec<Pattern>, ValueError> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"<>,;:\"\\()[]".contains(&b);
    patterns(texts, |text| {
        if text.bytes().all(is_plain) && (text.contains('@') || text.contains('*')) {
            return Ok(Pattern::whole(text));
        }
        let hint = "write it whole and alone, `alice@example.com`, or with `*` for any characters, `*@example.com`; an \
                    international domain in its ASCII form, `xn--…`";
        Err(ValueError::new("not an address").with_hint(hint))
    })
}

fn list_ids(texts: &[String]) -> Result<Vec<Pattern>, ValueError> {
    patterns(texts, |text| match filled(text)? {
        text if text.contains(['<', '>']) => {
            let problem = ValueError::new("not the identifier of a list");
            Err(problem.with_hint("write what stands in the brackets of List-Id, without them"))
        }
        text => Ok(Pattern::whole(text)),
    })
}

fn patterns(
    texts: &[String],
    pattern: impl Fn(&str) -> Result<Pattern, ValueError>,
) -> Result<Vec<Pattern>, ValueError> {
    if texts.is_empty() {
        return Err(ValueError::new("the list is empty").with_hint("leave the key out, or name one"));
    }
    texts.iter().map(|text| pattern(text)).collect()
}

fn filled(text: &str) -> Result<&str, ValueError> {
    if text.is_empty() { Err(ValueError::new("the text is empty")) } else { Ok(text) }
}

fn header_names(names: &[String]) -> Result<Vec<String>, ValueError> {
    if names.is_empty() {
        return Err(ValueError::new("the list is empty").with_hint("leave the key out, or name one"));
    }
    for (at, name) in names.iter().enumerate() {
        header_name(name)?;
        if names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(ValueError::new("the same field twice").with_hint("leave one of them out"));
        }
    }
    Ok(names.to_vec())
}

fn header_name(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        let problem = ValueError::new("not the name of a header field");
        return Err(problem.with_hint("write the name alone, for example \"Subject\""));
    }
    Ok(text.to_owned())
}

fn trace_headers(names: &[String]) -> Result<Vec<TraceHeader>, ValueError> {
    let known = TraceHeader::ALL.map(|header| (header.name(), header));
    let mut headers = Vec::new();
    for name in names {
        let header = one_of(name, &known)?;
        if headers.contains(&header) {
            return Err(ValueError::new("the same field twice").with_hint("leave one of them out"));
        }
        headers.push(header);
    }
    Ok(headers)
}
