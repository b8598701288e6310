//! The targets of an account: from what is written to what is meant.

use std::ffi::OsStr;

use super::check::{Checker, one_of};
use super::error::{ConfigError, ValueError};
use super::raw::{Entry, RawOptions, RawPlace, RawTarget};
use super::rules::parse_time;
use super::target::{Words, add, envelope_address, smtp};
use crate::model::{Dialect, FileStyle, InDoubt, Locking, MATCHED_RECIPIENT, Mtime, Target};

/// Permissions of a file that none beyond these has.
const MOST_MODE: u32 = 0o777;
/// What the owner of a file needs.
const LEAST_MODE: u32 = 0o600;

impl Checker<'_> {
    /// The targets of what no rule takes.
    pub(super) fn own_targets(&self, raw: &[Entry<RawTarget>], user: &str) -> Result<Vec<Target>, ConfigError> {
        let targets = self.targets(raw, user)?;
        if let Some((_, entry)) = targets.iter().zip(raw).find(|(target, _)| target.wants_recipient()) {
            let problem =
                ValueError::new(format!("`{MATCHED_RECIPIENT}` stands for the address by which a rule holds"));
            let hint = "name a recipient here, and write `{recipient}` into a `route` that asks for one";
            return self.value(entry, |_| Err(problem.with_hint(hint)));
        }
        Ok(targets)
    }

    pub(super) fn targets(&self, raw: &[Entry<RawTarget>], user: &str) -> Result<Vec<Target>, ConfigError> {
        let mut targets = Vec::with_capacity(raw.len());
        for entry in raw {
            let target = self.target(entry, user)?;
            self.value(entry, |_| add(&mut targets, target))?;
        }
        Ok(targets)
    }

    fn target(&self, entry: &Entry<RawTarget>, user: &str) -> Result<Target, ConfigError> {
        let words = self.words(Some(user));
        match &entry.value {
            RawTarget::Text(text) => self.value(entry, |_| words.target(OsStr::new(text))),
            RawTarget::Table(place, options) => {
                let target = self.place(place, options, words)?;
                self.with_options(target, options)
            }
        }
    }

    fn place(&self, entry: &Entry<RawPlace>, options: &RawOptions, words: Words<'_>) -> Result<Target, ConfigError> {
        let recipient = self.optional(options.recipient.as_ref(), |text| envelope_address(text))?;
        self.value(entry, |place| {
            Ok(match place {
                RawPlace::Maildir(text) => Target::Maildir(words.folder(OsStr::new(text))?),
                RawPlace::Mbox(text) => Target::Mbox(words.mbox(OsStr::new(text))?),
                RawPlace::Eml(text) => Target::Eml(words.folder(OsStr::new(text))?),
                RawPlace::Stdout(true) => Target::Stdout(Dialect::default()),
                RawPlace::Stdout(false) => {
                    return Err(ValueError::new("expected `true`").with_hint("or leave the target out"));
                }
                RawPlace::Pipe(argv) => Target::Pipe(words.pipe(argv)?),
                RawPlace::Lmtp(text) => {
                    Target::Lmtp(words.lmtp(text)?.with_recipient(recipient.or_else(|| words.lmtp_user()))?)
                }
                RawPlace::Smtp(text) => {
                    Target::Smtp(smtp(text)?.with_recipient(recipient.or_else(|| words.smtp_user()))?)
                }
            })
        })
    }

    /// The options that `raw` lets through are those of the target's kind.
    fn with_options(&self, mut target: Target, options: &RawOptions) -> Result<Target, ConfigError> {
        match &mut target {
            Target::Maildir(folder) | Target::Eml(folder) => folder.style = self.style(options)?,
            Target::Mbox(mbox) => {
                mbox.dialect = self.dialect(options)?;
                mbox.locking = self.optional(options.locking.as_ref(), |text| locking(text))?.unwrap_or_default();
            }
            Target::Stdout(dialect) => *dialect = self.dialect(options)?,
            Target::Pipe(pipe) => {
                pipe.timeout =
                    self.optional(options.timeout.as_ref(), |text| parse_time(text))?.unwrap_or(pipe.timeout);
                pipe.in_doubt = self.in_doubt(options)?;
            }
            Target::Lmtp(mta) | Target::Smtp(mta) => {
                mta.sender = self.optional(options.sender.as_ref(), |text| sender(text))?;
                mta.in_doubt = self.in_doubt(options)?;
            }
        }
        Ok(target)
    }

    fn style(&self, options: &RawOptions) -> Result<FileStyle, ConfigError> {
        let usual = FileStyle::default();
        Ok(FileStyle {
            mtime: self.optional(options.mtime.as_ref(), |text| mtime(text))?.unwrap_or(usual.mtime),
            mode: self.optional(options.mode.as_ref(), |text| mode(text))?.unwrap_or(usual.mode),
            group: self.optional(options.group.as_ref(), |text| group(text))?,
        })
    }

    fn dialect(&self, options: &RawOptions) -> Result<Dialect, ConfigError> {
        Ok(self.optional(options.dialect.as_ref(), |text| dialect(text))?.unwrap_or_default())
    }

    fn in_doubt(&self, options: &RawOptions) -> Result<InDoubt, ConfigError> {
        Ok(self.optional(options.in_doubt.as_ref(), |text| in_doubt(text))?.unwrap_or_default())
    }
}

fn mtime(text: &str) -> Result<Mtime, ValueError> {
    one_of(text, &[("arrival", Mtime::Arrival), ("date", Mtime::Date)])
}

fn dialect(text: &str) -> Result<Dialect, ValueError> {
    one_of(text, &[("mboxrd", Dialect::Mboxrd), ("mboxo", Dialect::Mboxo), ("mboxcl2", Dialect::Mboxcl2)])
}

fn locking(text: &str) -> Result<Locking, ValueError> {
    one_of(text, &[("fcntl+dotlock", Locking::FcntlAndDotlock), ("flock", Locking::Flock)])
}

fn in_doubt(text: &str) -> Result<InDoubt, ValueError> {
    one_of(text, &[("redeliver", InDoubt::Redeliver), ("hold", InDoubt::Hold)])
}

fn mode(text: &str) -> Result<u32, ValueError> {
    let example = "write three or four octal digits, for example \"0600\" or \"0660\"";
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= MOST_MODE);
    let mode = mode.ok_or_else(|| ValueError::new("not the permissions of a file").with_hint(example))?;
    if mode & LEAST_MODE != LEAST_MODE {
        return Err(ValueError::new("the owner must be able to read and write").with_hint(example));
    }
    Ok(mode)
}

fn group(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || text.contains([':', ',', '/']) || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ValueError::new("not the name of a group").with_hint("write the name alone, for example \"mail\""));
    }
    Ok(text.to_owned())
}

/// An address, or nothing: the null sender.
fn sender(text: &str) -> Result<String, ValueError> {
    if text.is_empty() { Ok(String::new()) } else { envelope_address(text) }
}
