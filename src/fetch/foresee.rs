//! Before anything is fetched: what the account's rules say of each message that is to be fetched. Their headers are asked
//! for where a rule could skip one, so that what is skipped is never downloaded.

use std::collections::{HashMap, HashSet};

use super::Job;
use crate::header::Header;
use crate::index::LeftOut;
use crate::model::{Listed, Listing, MessageNumber, Octets, Uid, limits};
use crate::plan::{Fetch, Plan};
use crate::pop3::TopReply;
use crate::route::{Before, Foreseen, Routes, Why};

/// What is foreseen of the messages of a session.
pub(super) struct Foresight<'r> {
    routes: &'r Routes,
    /// Whether the header of each message is wanted, to show what is in it.
    explains: bool,
    /// Whether TOP may be asked.
    top: bool,
    listed: HashMap<MessageNumber, &'r Listed>,
    /// What these rules leave on the server by headers that earlier runs saw.
    remembered: HashMap<MessageNumber, Why>,
    known: HashMap<MessageNumber, Foreseen>,
}

impl<'r> Foresight<'r> {
    pub(super) fn new(job: &'r Job, listing: &'r Listing, top: bool, left_out: &[LeftOut]) -> Self {
        let listed = listing.messages.iter().map(|listed| (listed.number, listed)).collect();
        let remembered = remembered(listing, left_out);
        Self { routes: &job.routes, explains: job.explain, top, listed, remembered, known: HashMap::new() }
    }

    /// The messages of a plan whose headers must be seen before it stands. What a limit leaves for later is asked for only
    /// where it may take the place of what is skipped.
    pub(super) fn wanted(&mut self, plan: &Plan) -> Vec<MessageNumber> {
        let (beyond_limit, within): (Vec<&Fetch>, Vec<&Fetch>) =
            plan.fetches.iter().partition(|fetch| fetch.beyond_limit);
        let mut wanted: Vec<MessageNumber> =
            within.into_iter().chain(&plan.troubled).filter_map(|fetch| self.weigh(fetch)).collect();
        if !wanted.is_empty() {
            let next = beyond_limit.into_iter().take(limits::TOPS_BEYOND_LIMIT);
            wanted.extend(next.filter_map(|fetch| self.weigh(fetch)));
        }
        wanted.extend(plan.stubs.iter().filter_map(|stub| self.weigh(stub)));
        wanted
    }

    /// Notes what is known of a message without its header; otherwise its number.
    fn weigh(&mut self, Fetch { listed, row, .. }: &Fetch) -> Option<MessageNumber> {
        if !row.may_be_left_out() || self.known.contains_key(&listed.number) {
            return None;
        }
        let foreseen = match self.routes.before_fetch(size(listed)) {
            Before::Fetch if !self.explains => return None,
            Before::Skip(why) if !self.explains => Foreseen::skipped(why),
            Before::AskHeader if !self.explains && self.remembered.contains_key(&listed.number) => {
                Foreseen::skipped(self.remembered[&listed.number].clone())
            }
            _ if self.top => return Some(listed.number),
            _ => self.routes.foresee_without_header(size(listed)),
        };
        self.known.insert(listed.number, foreseen);
        None
    }

    /// Takes what TOP said of a message.
    pub(super) fn see(&mut self, number: MessageNumber, reply: &TopReply) {
        if self.routes.is_empty() && !self.explains {
            return;
        }
        let size = self.listed.get(&number).and_then(|listed| size(listed));
        let foreseen = match reply {
            TopReply::Seen(_, header) => self.routes.foresee(&Header::parse(header), size),
            TopReply::Refused(_) => self.routes.foresee_without_header(size),
        };
        self.known.insert(number, foreseen);
    }

    /// What stays on the server.
    pub(super) fn left_out(&self) -> HashSet<MessageNumber> {
        self.known.iter().filter(|(_, foreseen)| foreseen.is_skipped()).map(|(number, _)| *number).collect()
    }

    /// What stays there by a header that no earlier run saw.
    pub(super) fn to_remember(&self) -> Vec<LeftOut> {
        let by_header = self.known.iter().filter(|(number, foreseen)| {
            foreseen.is_skipped() && foreseen.fields.is_some() && !self.remembered.contains_key(number)
        });
        let left_out = by_header.filter_map(|(number, foreseen)| {
            let listed = self.listed.get(number)?;
            let why = serde_json::to_string(&foreseen.decision.as_ref()?.why).ok()?;
            Some(LeftOut { uid: listed.uid.clone(), size: size(listed)?, why })
        });
        left_out.collect()
    }

    pub(super) fn known(&self) -> &HashMap<MessageNumber, Foreseen> {
        &self.known
    }
}

/// Of several messages of one unique-id, and of one that has another size now, nothing is known.
fn remembered(listing: &Listing, left_out: &[LeftOut]) -> HashMap<MessageNumber, Why> {
    let mut by_uid: HashMap<&Uid, Vec<&Listed>> = left_out.iter().map(|left_out| (&left_out.uid, vec![])).collect();
    for listed in &listing.messages {
        if let Some(all) = by_uid.get_mut(&listed.uid) {
            all.push(listed);
        }
    }
    let known = left_out.iter().filter_map(|LeftOut { uid, size: then, why }| match by_uid[uid][..] {
        [listed] if size(listed) == Some(*then) => Some((listed.number, serde_json::from_str(why).ok()?)),
        _ => None,
    });
    known.collect()
}

/// A size of 0 is none: some servers do not know it.
fn size(listed: &Listed) -> Option<Octets> {
    listed.size.filter(|size| size.0 > 0)
}
