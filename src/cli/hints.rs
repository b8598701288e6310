//! What a user can do about each error.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::state::Files;
use crate::config::AccountName;
use crate::deliver::mbox::MboxError;
use crate::deliver::mta::{MtaFailure, Stage};
use crate::deliver::stdout::StdoutError;
use crate::deliver::{TargetError, is_disk_failure};
use crate::fetch::FetchError;
use crate::host::{ConnectError, LockError, ProgramError, SharedError};
use crate::index::IndexError;
use crate::model::{Target, quoted, shown_path};
use crate::pop3::{AuthFailure, Distrust, ResponseCode, SessionError, TlsError};
use crate::report::Exit;
use crate::report::human::Naming;

/// The option of `account accept-target` that gives a lost Maildir up.
pub(super) const AGAIN_OPTION: &str = "--fetch-interrupted-again";

/// Of a server that is not there, or not as expected.
const LOOK_AT_PORT: &str = "look at `port` and `tls`: 995 is for implicit TLS, 110 for starttls";

/// What hints name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: AccountName,
    pub(super) files: Files,
    /// The configured folders that have a marker, where the command knows them.
    pub(super) folders: Vec<Folder>,
    /// The program with the options that lead it to the same accounts.
    pub(super) program: String,
    /// Whether the configuration has the account.
    pub(super) is_configured: bool,
    /// What to run to fetch the account again.
    pub(super) again: String,
}

/// A target that has a marker, by which `account accept-target` knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Folder {
    /// The kind, as the index and the configuration call it.
    pub(super) kind: &'static str,
    pub(super) path: PathBuf,
}

impl Folder {
    pub(super) const EML: &str = "eml";

    /// Those of the targets that have a marker.
    pub(super) fn of(targets: &[Target]) -> Vec<Self> {
        let folder = |target: &Target| match target {
            Target::Maildir(folder) | Target::Eml(folder) => {
                Some(Self { kind: target.kind(), path: folder.path.clone() })
            }
            Target::Mbox(_) | Target::Stdout(_) | Target::Pipe(_) | Target::Lmtp(_) | Target::Smtp(_) => None,
        };
        targets.iter().filter_map(folder).collect()
    }
}

impl Place {
    /// The command that accepts a folder as it is now, or one of the configured ones where it is none of them.
    pub(super) fn accept(&self, path: &Path) -> String {
        let mut command = format!("{} account accept-target {}", self.program, self.name);
        let folder = self.folders.iter().find(|folder| folder.path == path).or(self.folders.first());
        if let Some(folder) = folder.filter(|_| !self.is_configured || self.folders.len() > 1) {
            let mut into = OsString::from(folder.kind);
            into.push(":");
            into.push(&folder.path);
            let _ = write!(command, " --into {}", quoted(into));
        }
        command
    }

    pub(super) fn naming(&self) -> Naming<'_> {
        Naming { program: &self.program, account: self.name.as_str() }
    }

    pub(super) fn failure(&self, error: impl Into<FetchError>) -> Failure {
        let error = error.into();
        let hint = self.hint(&error);
        Failure::new(error.exit(), error, hint)
    }

    pub(super) fn locked(error: LockError) -> Failure {
        match &error {
            LockError::Held(_) => {
                Failure::new(Exit::TryLater, error, "wait for it to end; nothing is wrong").that_is_routine()
            }
            LockError::Io { path, .. } => {
                let hint = format!("look at the rights of {}, and of its folder", shown_path(path));
                Failure::new(Exit::Io, error, hint)
            }
        }
    }

    fn hint(&self, error: &FetchError) -> String {
        match error {
            FetchError::Index(error) => of_index(error),
            FetchError::Target(error) => self.of_target(error),
            FetchError::Session(error) => self.of_session(error),
            FetchError::Login(error) => self.of_login(error),
            FetchError::NoSpace { .. } => {
                format!("free some space, then {}; what did not fit is still on the server", self.again)
            }
        }
    }

    fn of_target(&self, error: &TargetError) -> String {
        let accept = |path: &Path| format!("if it is to stay as it is now, run `{}`", self.accept(path));
        match error {
            TargetError::Io { source, .. } if is_disk_failure(source) => {
                format!("look after the disk, then {}; what is not delivered is still on the server", self.again)
            }
            TargetError::Io { path, source, .. } => self.of_refusal(path, source),
            TargetError::Missing(path) | TargetError::Changed(path) if !self.is_configured(path) => {
                format!(
                    "mount it or bring it back from a backup, then {}: deliveries there were interrupted; if it is gone \
                     for good, `{} {AGAIN_OPTION}` has them fetched again",
                    self.again,
                    self.accept(path)
                )
            }
            TargetError::Missing(path) => format!(
                "mount it or bring it back; if it is gone for good, run `{}`: a new one is made, and what was delivered is \
                 not fetched again",
                self.accept(path)
            ),
            TargetError::Changed(path) => format!("put the Maildir of this account there; {}", accept(path)),
            TargetError::OldIndex(path) => format!(
                "bring back the newest copy of {}; {}: mail delivered since that copy may then come a second time",
                shown_path(&self.files.index),
                accept(path)
            ),
            TargetError::OldMaildir(path) => {
                format!("bring back a newer copy; {}: mail that this copy lacks is not fetched again", accept(path))
            }
            TargetError::Conflict(_) => format!(
                "compare the files of that name in tmp/ and in new/ or cur/, move one away, then {}",
                self.again
            ),
            TargetError::Unspooled(_) => format!("{}: it is fetched again if it is still on the server", self.again),
            TargetError::Mta(error) => self.of_mta(&error.failure),
            TargetError::NotMaildir(_) => "name a Maildir, or a folder that is empty or does not exist".to_owned(),
            TargetError::Program(error) => self.of_program(error),
            TargetError::Mbox(error) => self.of_mbox(error),
            TargetError::Stdout(StdoutError::Unwritten(_)) => {
                format!("look at what reads it, then {}: the message is kept", self.again)
            }
            TargetError::Stdout(StdoutError::Torn(_)) => format!(
                "look at what reads it, then {}: the message is kept, and written again from its beginning",
                self.again
            ),
        }
    }

    fn of_program(&self, error: &ProgramError) -> String {
        let again = &self.again;
        match error {
            ProgramError::NotRun { .. } => {
                format!("install it, or name it with its whole path; then {again}: nothing was handed over")
            }
            ProgramError::Failed { .. } => {
                format!("look at what it says; the message is kept, and offered again: {again}")
            }
            ProgramError::Killed { .. } | ProgramError::TimedOut { .. } | ProgramError::Unknown { .. } => {
                "find out why it gave no answer: the message is kept, and whether the program has it is not known"
                    .to_owned()
            }
            ProgramError::Interrupted { .. } => format!("{again}: the message is kept"),
        }
    }

    fn of_mta(&self, failure: &MtaFailure) -> String {
        let again = &self.again;
        match failure {
            MtaFailure::Connect(ConnectError::UnknownHost { .. }) => {
                "look at the name of the mail server, and at this machine's network".to_owned()
            }
            MtaFailure::Connect(ConnectError::Refused { .. }) => {
                format!("look whether the mail server runs, and at its port; then {again}: the mail waits for it")
            }
            MtaFailure::Socket { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                format!("look after the rights of {}: this user must be allowed to write to it", shown_path(path))
            }
            MtaFailure::Socket { .. } => {
                format!("look whether the mail server runs, and which socket it has; then {again}: the mail waits for it")
            }
            MtaFailure::Refused { code: 530 | 534 | 535 | 538, .. } => {
                "this server wants a login or TLS, which fetchonce does not do there: let it take mail from this machine \
                 without, or name a server on this machine"
                    .to_owned()
            }
            MtaFailure::Refused { stage: Stage::Hello("LHLO"), .. } => {
                "it may be a server for SMTP: `smtp:` instead of `lmtp:`".to_owned()
            }
            MtaFailure::Refused { code: ..500, .. } => format!("{again} later: the mail waits for it"),
            MtaFailure::Refused { stage: Stage::Rcpt, .. } => {
                "look at the recipient: the server does not take mail for it".to_owned()
            }
            MtaFailure::Refused { .. } => "ask whoever runs the mail server; the mail is kept".to_owned(),
            MtaFailure::Protocol { .. } => {
                format!("{again}; if it stays so, this server is broken, or speaks neither LMTP nor SMTP")
            }
            MtaFailure::Closed { .. }
            | MtaFailure::Silence { .. }
            | MtaFailure::Interrupted { .. }
            | MtaFailure::GivenUp { .. } => format!("{again}: the mail waits for it"),
            MtaFailure::Deadline { .. } => format!("{again}: it goes on where it ended; `deadline` allows more time"),
            MtaFailure::NoUtf8Addresses | MtaFailure::Address { .. } => {
                "write sender and recipient as the mail server knows them, in ASCII".to_owned()
            }
        }
    }

    fn of_refusal(&self, path: &Path, source: &io::Error) -> String {
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => {
                format!("mount the file system of {} for writing, then {}", shown_path(path), self.again)
            }
            _ => format!("look after the rights of {}, then {}", shown_path(path), self.again),
        }
    }

    fn of_mbox(&self, error: &MboxError) -> String {
        let again = &self.again;
        match error {
            _ if error.is_disk_failure() => {
                format!("look after the disk, then {again}; what is not delivered is kept, or still on the server")
            }
            MboxError::Open(SharedError::Locked(_)) => format!("{again} when that program is done; nothing is lost"),
            MboxError::Open(SharedError::Dotlocked { lock, .. }) => format!(
                "{again} when that program is done; if no program uses the mailbox, remove {}",
                shown_path(lock)
            ),
            MboxError::Open(SharedError::Interrupted) => format!("{again}; nothing is lost"),
            MboxError::Open(SharedError::Refused { .. }) => {
                "name a plain file of this user; another one may be a trap, so no mail is written to it".to_owned()
            }
            MboxError::Open(SharedError::Io { path, source, .. }) => self.of_refusal(path, source),
            MboxError::NoFolder(path) => {
                format!("mount the file system of {}, or make its folder; then {again}", shown_path(path))
            }
            MboxError::SomethingElse { .. } => "name another file, or one that does not exist".to_owned(),
            MboxError::Damaged(path) => {
                format!("move {} away and keep it; a new one is made. Then {again}", shown_path(path))
            }
            MboxError::NotAppended { source, .. } => self.of_target(source),
            MboxError::LeftUnfinished { .. } | MboxError::Disturbed(_) => {
                format!("{again}: it finds out what the mailbox holds, and goes on from there")
            }
            MboxError::Unsteady(_) => format!("{again}; if it stays so, look after the disk"),
        }
    }

    fn is_configured(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| folder.path == path)
    }

    fn of_session(&self, error: &SessionError) -> String {
        let again = &self.again;
        match error {
            SessionError::Connect(ConnectError::UnknownHost { .. }) => {
                "look at the name of the server, and at this machine's network".to_owned()
            }
            SessionError::Connect(ConnectError::Refused { .. }) => {
                format!("{LOOK_AT_PORT}; if they are right, {again} later")
            }
            SessionError::Closed { .. } | SessionError::Silence { .. } if error.is_without_greeting() => {
                format!("{LOOK_AT_PORT}; if they are right, {again} later")
            }
            SessionError::Tls(error) => of_tls(error),
            SessionError::NoStls | SessionError::StlsRefused { .. } => {
                "use implicit TLS (`pop3s://`, port 995); no password was sent".to_owned()
            }
            SessionError::StlsInjected => {
                "somebody may be on the line: use implicit TLS (port 995), and another network".to_owned()
            }
            SessionError::Closed { .. } | SessionError::Silence { .. } | SessionError::Interrupted => {
                format!("{again}; delivered messages are not fetched twice")
            }
            SessionError::Deadline { .. } => format!("{again}: it goes on where it ended; `deadline` allows more time"),
            SessionError::NoUidl { .. } => {
                "fetchonce tells messages apart by UIDL: ask the provider whether it can be switched on".to_owned()
            }
            SessionError::DuplicateNumbers { .. }
            | SessionError::Protocol { .. }
            | SessionError::LineTooLong { .. }
            | SessionError::ListTooLong { .. }
            | SessionError::BodyTooLong { .. } => {
                format!("{again}; if it stays so, this server is broken, or no POP3 server")
            }
            SessionError::Refused { .. } => format!("{again} later; if it stays so, ask the provider"),
            SessionError::Command(_) | SessionError::Misuse(_) => {
                format!("{again}; this is a mistake in fetchonce, please report it")
            }
        }
    }

    fn of_login(&self, error: &AuthFailure) -> String {
        match error {
            AuthFailure::Rejected { .. } => {
                "look at user and password; some providers want POP3 switched on, or a password made for programs"
                    .to_owned()
            }
            AuthFailure::Busy { code: Some(ResponseCode::LoginDelay), .. } => {
                format!("the server wants a pause between two logins: {} later, and fetch less often", self.again)
            }
            AuthFailure::Busy { code: Some(ResponseCode::SysTemp), .. } => {
                format!("the server is in passing trouble: {} later", self.again)
            }
            AuthFailure::Busy { .. } => format!("another program reads this mailbox: {} later", self.again),
            AuthFailure::Unavailable { .. } => "ask the provider: the server's trouble needs a person".to_owned(),
            AuthFailure::ClearText => {
                "use TLS; only where nobody can listen, allow it: `allow_cleartext = true`, `--allow-cleartext`"
                    .to_owned()
            }
            AuthFailure::NoMechanism { .. } => "the provider wants another way to log in, not supported yet".to_owned(),
            AuthFailure::Credentials(_) => "a user name or password with such characters cannot be sent".to_owned(),
            AuthFailure::Session(error) => self.of_session(error),
        }
    }
}

fn of_index(error: &IndexError) -> String {
    match error {
        IndexError::Newer { .. } => "use that newer fetchonce: this one changes nothing there".to_owned(),
        IndexError::OldSqlite(_) => "build with the bundled SQLite, or a newer one".to_owned(),
        IndexError::Broken { path, .. } | IndexError::Foreign(path) => format!(
            "bring {} back from a backup; nothing is done as long as this file lies there, since without the index all \
             mail still on the server would come a second time",
            shown_path(path)
        ),
        IndexError::Io { path, .. } => format!("look after the disk and the rights of {}", shown_path(path)),
    }
}

fn of_tls(error: &TlsError) -> String {
    match error {
        TlsError::CaFile { .. } | TlsError::NoCertificate { .. } => {
            "`ca_file` must name certificates in PEM form".to_owned()
        }
        TlsError::Setup { .. } => "look after this machine's OpenSSL and its certificates".to_owned(),
        TlsError::Certificate { distrust, .. } => format!("{}; no password was sent", of_certificate(distrust)),
        TlsError::Handshake { .. } => {
            format!("{LOOK_AT_PORT}; no password was sent")
        }
    }
}

fn of_certificate(distrust: &Distrust) -> &'static str {
    match distrust {
        Distrust::SelfSigned | Distrust::UnknownIssuer => {
            "if you know it, name it or its issuer's by `ca_file` or `--ca-file`; if not, somebody may be on the line"
        }
        Distrust::Expired => "the provider must renew it; if it did, look at this machine's clock",
        Distrust::NotYetValid => "look at this machine's clock",
        Distrust::WrongName => "look at the name of the server: it must be the one that the certificate is for",
        Distrust::Other(_) => "ask the provider",
    }
}
