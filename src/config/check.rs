//! Values of the right type into values with a meaning.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, ConfigErrorKind, ValueError, nearest};
use super::password::{PasswordProblem, checked};
use super::raw::{Entry, RawAccount, RawFile, RawPassword, Source};
use super::rules::parse_time;
use super::target::Words;
use super::{Account, Config, Environment, Hooks, PasswordSource, Tls, names};
use crate::model::limits;

/// What the values of a file are checked against.
pub(super) struct Checker<'a> {
    pub(super) source: Source<'a>,
    /// What relative paths count from.
    pub(super) folder: &'a Path,
    pub(super) environment: &'a Environment,
}

impl Checker<'_> {
    pub(super) fn config(&self, raw: RawFile) -> Result<Config, ConfigError> {
        let state_dir = match raw.state_dir {
            Some(entry) => self.value(&entry, |text| self.path(text))?,
            None => self.environment.state_dir.clone().ok_or_else(|| {
                let problem = ValueError::new("the folder for state is not known without a home folder");
                let problem = problem.with_hint("write `state_dir = \"/absolute/path\"`");
                ConfigError::of_file(ConfigErrorKind::Invalid, self.source.file, problem)
            })?,
        };
        let hooks = self.hooks(raw.after.as_ref(), raw.on_error.as_ref())?;
        let accounts = raw.accounts.into_iter().map(|account| self.account(account)).collect::<Result<_, _>>()?;
        Ok(Config { state_dir, hooks, accounts })
    }

    fn account(&self, raw: RawAccount) -> Result<Account, ConfigError> {
        let tls = self.optional(raw.tls.as_ref(), |text| tls(text))?.unwrap_or_default();
        let user = self.value(&raw.user, |text| names::user(text))?;
        let mut deliver = self.own_targets(&raw.deliver, &user)?;
        let routes = self.routes(&raw, &user, &mut deliver)?;
        let delete_when_removed_locally = self.removals(&raw, &deliver)?;
        Ok(Account {
            trace_headers: self.trace_headers(&raw)?,
            name: self.value(&raw.name, |text| text.parse())?,
            server: self.value(&raw.server, |text| names::server(text))?,
            port: self.optional(raw.port.as_ref(), |number| port(*number))?.unwrap_or_else(|| tls.default_port()),
            tls,
            allow_cleartext: raw.allow_cleartext.is_some_and(|entry| entry.value),
            ca_file: self.optional(raw.ca_file.as_ref(), |text| self.path(text))?,
            deliver,
            routes,
            user,
            password: self.optional(raw.password.as_ref(), |raw| self.password(raw))?.unwrap_or(PasswordSource::Prompt),
            retention: self.retention(&raw.rules)?,
            delete_when_removed_locally,
            intake: self.intake(&raw.rules)?,
            timeout: self.optional(raw.timeout.as_ref(), |text| parse_time(text))?.unwrap_or(limits::SILENCE),
            deadline: self.optional(raw.deadline.as_ref(), |text| parse_time(text))?.unwrap_or(limits::RUN),
            hooks: self.hooks(raw.after.as_ref(), raw.on_error.as_ref())?,
        })
    }

    fn hooks(
        &self,
        after: Option<&Entry<Vec<String>>>,
        on_error: Option<&Entry<Vec<String>>>,
    ) -> Result<Hooks, ConfigError> {
        let hint = "write the program and its arguments, `[\"notmuch\", \"new\"]`";
        let program = |argv: &Vec<String>| self.words(None).command(argv, hint);
        Ok(Hooks { after: self.optional(after, program)?, on_error: self.optional(on_error, program)? })
    }

    pub(super) fn value<T, U>(
        &self,
        entry: &Entry<T>,
        read: impl FnOnce(&T) -> Result<U, ValueError>,
    ) -> Result<U, ConfigError> {
        read(&entry.value).map_err(|problem| {
            let named = problem.prefixed(&entry.key);
            self.source.error(entry.offset, entry.key.clone(), named)
        })
    }

    pub(super) fn optional<T, U>(
        &self,
        entry: Option<&Entry<T>>,
        read: impl FnOnce(&T) -> Result<U, ValueError>,
    ) -> Result<Option<U>, ConfigError> {
        entry.map(|entry| self.value(entry, read)).transpose()
    }

    /// What the words of a target count from; `user` is the account's.
    pub(super) fn words<'w>(&'w self, user: Option<&'w str>) -> Words<'w> {
        Words { folder: self.folder, home: self.environment.home.as_deref(), user }
    }

    fn path(&self, text: &str) -> Result<PathBuf, ValueError> {
        self.words(None).path(OsStr::new(text))
    }

    fn password(&self, raw: &RawPassword) -> Result<PasswordSource, ValueError> {
        match raw {
            RawPassword::Text(secret) => password_text(secret),
            RawPassword::Command(argv) => {
                let hint = "write the program and its arguments, `{ command = [\"pass\", \"show\", \"mail\"] }`";
                self.words(None).command(argv, hint).map(PasswordSource::Command)
            }
            RawPassword::File(path) => Ok(PasswordSource::File(self.path(path)?)),
            RawPassword::Env(name) => {
                let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !is_name(name) {
                    let problem = ValueError::new("not the name of an environment variable");
                    return Err(problem.with_hint("write the name alone, for example `{ env = \"MAIL_PASSWORD\" }`"));
                }
                Ok(PasswordSource::Env(name.clone()))
            }
            RawPassword::Credential(name) => {
                if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
                    let problem = ValueError::new("not the name of a systemd credential");
                    return Err(problem.with_hint("write the name that `LoadCredential=` gives it"));
                }
                Ok(PasswordSource::Credential(name.clone()))
            }
        }
    }
}

fn password_text(secret: &secrecy::SecretString) -> Result<PasswordSource, ValueError> {
    use secrecy::ExposeSecret as _;
    checked(secret.expose_secret()).map(PasswordSource::Text).map_err(|problem| match problem {
        PasswordProblem::Empty => ValueError::new("the password is empty")
            .with_hint("leave the key out to be asked, or write a source such as `{ file = \"~/.mail-password\" }`"),
        _ => ValueError::new("a password must not contain line ends or NUL"),
    })
}

fn tls(text: &str) -> Result<Tls, ValueError> {
    let meant = match text {
        "stls" | "STLS" => Some("starttls"),
        "tls" | "ssl" | "pop3s" => Some("implicit"),
        _ => None,
    };
    let known = [("implicit", Tls::Implicit), ("starttls", Tls::StartTls), ("none", Tls::None)];
    one_of(text, &known).map_err(|problem| match meant {
        Some(word) => problem.with_hint(format!("did you mean \"{word}\"?")),
        None => problem,
    })
}

/// The value that one of a few words stands for.
pub(super) fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, ValueError> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let (last, first) = words.split_last().map_or(("", &[][..]), |(last, first)| (*last, first));
    let problem = ValueError::new(format!("expected \"{}\" or \"{last}\"", first.join("\", \"")));
    Err(match nearest(text, &words) {
        Some(word) => problem.with_hint(format!("did you mean \"{word}\"?")),
        None => problem,
    })
}

fn port(number: Option<i64>) -> Result<u16, ValueError> {
    number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| ValueError::new("a port is a number between 1 and 65535"))
}
