//! The listing of a session: UIDL, compared with STAT and LIST (I1).

use std::collections::{BTreeMap, HashSet};

use super::command::Command;
use super::error::SessionError;
use super::reply::{Refusal, scan_line, unique_id_line};
use super::session::{Session, Transaction};
use crate::model::{Listed, Listing, MessageNumber, Octets, Uid, limits};

/// The questions of a listing, in their order.
const QUESTIONS: [Question; 3] = [Question::Uidl, Question::Stat, Question::List];

#[derive(Clone, Copy)]
enum Question {
    Uidl,
    Stat,
    List,
}

impl Question {
    fn command(self) -> Command {
        match self {
            Self::Uidl => Command::Uidl,
            Self::Stat => Command::Stat,
            Self::List => Command::List,
        }
    }
}

/// The answers to UIDL, STAT and LIST.
#[derive(Default)]
struct Answers {
    /// In the server's order.
    uids: Vec<(u32, Option<Uid>)>,
    messages: u32,
    sizes: BTreeMap<u32, Option<Octets>>,
    /// The first refusal, if any question was refused.
    refused: Option<(Question, Refusal)>,
}

impl Session<'_, Transaction> {
    /// Lists the maildrop: UIDL, then STAT, then LIST.
    ///
    /// Where the three disagree they are asked once more. If they still do, UIDL is the authority and the listing is
    /// not complete. Fails with [`SessionError::NoUidl`] where the server does not know UIDL, with
    /// [`SessionError::Refused`] where one of the three gets another `-ERR`, and with
    /// [`SessionError::DuplicateNumbers`] where the second UIDL too names a number twice.
    pub fn listing(&mut self) -> Result<Listing, SessionError> {
        let mut answers = self.ask_listing()?;
        if !answers.agree() {
            answers = self.ask_listing()?;
        }
        if let Some(number) = answers.duplicate() {
            return Err(SessionError::DuplicateNumbers { number: MessageNumber(number) });
        }
        self.state.listed = true;
        Ok(answers.into_listing())
    }

    /// Asks the three in one burst where PIPELINING is announced.
    fn ask_listing(&mut self) -> Result<Answers, SessionError> {
        let mut answers = Answers::default();
        self.in_window(
            &QUESTIONS,
            |question| question.command(),
            |session, question| match session.link.verdict()? {
                Ok(text) => session.read_answer(*question, &text, &mut answers),
                Err(refusal) => {
                    answers.refused.get_or_insert((*question, refusal));
                    Ok(())
                }
            },
        )?;
        match answers.refused {
            // With a code, or where UIDL is announced, it is this answer that failed, and not UIDL that is unknown.
            Some((Question::Uidl, Refusal { code: None, text })) if !self.capabilities.uidl => {
                self.state.listed = true;
                Err(SessionError::NoUidl { text })
            }
            Some((question, Refusal { code, text })) => {
                Err(SessionError::Refused { command: question.command().shown(), code, text })
            }
            None => Ok(answers),
        }
    }

    fn read_answer(&mut self, question: Question, text: &[u8], answers: &mut Answers) -> Result<(), SessionError> {
        match question {
            Question::Uidl => self.link.list(limits::LISTED_MESSAGES, |line| {
                let (number, uid) = unique_id_line(line).ok_or("no message number")?;
                answers.uids.push((number, uid.and_then(Uid::new)));
                Ok(())
            }),
            Question::Stat => {
                answers.messages = self.read_stat(text)?.messages;
                Ok(())
            }
            Question::List => self.link.list(limits::LISTED_MESSAGES, |line| {
                let (number, size) = scan_line(line).ok_or("no message number")?;
                answers.sizes.insert(number, size);
                Ok(())
            }),
        }
    }
}

impl Answers {
    /// A number that UIDL names twice.
    fn duplicate(&self) -> Option<u32> {
        let mut seen = HashSet::with_capacity(self.uids.len());
        self.uids.iter().map(|(number, _)| *number).find(|number| !seen.insert(*number))
    }

    fn agree(&self) -> bool {
        self.uids.len() == self.sizes.len()
            && u32::try_from(self.uids.len()).is_ok_and(|count| count == self.messages)
            && self.uids.iter().all(|(number, _)| self.sizes.contains_key(number))
            && self.duplicate().is_none()
    }

    fn into_listing(self) -> Listing {
        let agree = self.agree();
        let mut unidentified = 0;
        let mut messages = Vec::with_capacity(self.uids.len());
        for (number, uid) in self.uids {
            let size = self.sizes.get(&number).copied().flatten();
            match uid {
                Some(uid) => messages.push(Listed { number: MessageNumber(number), uid, size }),
                None => unidentified += 1,
            }
        }
        Listing { messages, complete: agree && unidentified == 0, unidentified }
    }
}
