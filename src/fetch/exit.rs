//! The exit code of whatever ends a run: one exhaustive match.

use std::io;

use super::FetchError;
use crate::deliver::mbox::MboxError;
use crate::deliver::mta::MtaFailure;
use crate::deliver::stdout::StdoutError;
use crate::deliver::{TargetError, is_disk_failure};
use crate::host::{ConnectError, EX_TEMPFAIL, ProgramError, SharedError};
use crate::index::IndexError;
use crate::pop3::{AuthFailure, ResponseCode, SessionError, TlsError};
use crate::report::Exit;

impl FetchError {
    /// What the error makes of the exit code.
    ///
    /// Silence and an ended time are [`Exit::TryLater`]: nothing shows that the server is at fault. A connection that
    /// is closed within a reply, or garbage in it, is [`Exit::Protocol`].
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Index(error) => of_index(error),
            Self::Target(error) => of_target(error),
            Self::Session(error) => of_session(error),
            Self::Login(error) => of_login(error),
            Self::NoSpace { .. } => Exit::Io,
        }
    }
}

fn of_index(error: &IndexError) -> Exit {
    match error {
        IndexError::Newer { .. } | IndexError::OldSqlite(_) => Exit::Config,
        IndexError::Broken { .. } | IndexError::Foreign(_) => Exit::Data,
        IndexError::Io { .. } => Exit::Io,
    }
}

/// What the refusal of a target makes of the exit code.
pub(super) fn of_target(error: &TargetError) -> Exit {
    match error {
        TargetError::Io { source, .. } => of_io(source),
        TargetError::Conflict(_) | TargetError::Unspooled(_) => Exit::Data,
        TargetError::Mta(error) => of_mta(&error.failure),
        TargetError::Missing(_)
        | TargetError::Changed(_)
        | TargetError::OldIndex(_)
        | TargetError::OldMaildir(_)
        | TargetError::NotMaildir(_) => Exit::Target,
        TargetError::Program(error) => of_program(error),
        TargetError::Mbox(error) => of_mbox(error),
        TargetError::Stdout(StdoutError::Unwritten(source) | StdoutError::Torn(source)) => of_target(source),
    }
}

fn of_program(error: &ProgramError) -> Exit {
    match error {
        ProgramError::Failed { code: EX_TEMPFAIL, .. } | ProgramError::TimedOut { .. } => Exit::TryLater,
        ProgramError::NotRun { .. } | ProgramError::Failed { .. } | ProgramError::Killed { .. } => Exit::Target,
        ProgramError::Interrupted { .. } => Exit::Interrupted,
        ProgramError::Unknown { .. } => Exit::Io,
    }
}

fn of_mta(failure: &MtaFailure) -> Exit {
    match failure {
        MtaFailure::Connect(error) => of_connecting(error),
        MtaFailure::Socket { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Exit::Target,
        MtaFailure::Closed { .. } | MtaFailure::Protocol { .. } => Exit::Protocol,
        MtaFailure::Silence { .. }
        | MtaFailure::Deadline { .. }
        | MtaFailure::GivenUp { .. }
        | MtaFailure::Refused { code: ..500, .. } => Exit::TryLater,
        MtaFailure::Interrupted { .. } => Exit::Interrupted,
        MtaFailure::Socket { .. } | MtaFailure::Refused { .. } => Exit::Unavailable,
        MtaFailure::NoUtf8Addresses | MtaFailure::Address { .. } => Exit::Config,
    }
}

fn of_connecting(error: &ConnectError) -> Exit {
    match error {
        ConnectError::UnknownHost { .. } => Exit::UnknownHost,
        ConnectError::Refused { .. } => Exit::Unavailable,
    }
}

fn of_mbox(error: &MboxError) -> Exit {
    match error {
        MboxError::Open(SharedError::Locked(_) | SharedError::Dotlocked { .. }) => Exit::TryLater,
        MboxError::Open(SharedError::Interrupted) => Exit::Interrupted,
        MboxError::Open(SharedError::Io { source, .. }) => of_io(source),
        MboxError::Open(SharedError::Refused { .. }) | MboxError::NoFolder(_) | MboxError::SomethingElse { .. } => {
            Exit::Target
        }
        MboxError::Damaged(_) => Exit::Data,
        MboxError::NotAppended { source, .. } => of_target(source),
        MboxError::LeftUnfinished { .. } | MboxError::Disturbed(_) | MboxError::Unsteady(_) => Exit::Io,
    }
}

fn of_io(error: &io::Error) -> Exit {
    use io::ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, TimedOut,
    };
    match error.kind() {
        _ if is_disk_failure(error) => Exit::Io,
        TimedOut => Exit::TryLater,
        AlreadyExists | IsADirectory | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem => Exit::Target,
        _ => Exit::Io,
    }
}

fn of_session(error: &SessionError) -> Exit {
    match error {
        SessionError::Connect(error) => of_connecting(error),
        SessionError::Tls(TlsError::CaFile { .. } | TlsError::NoCertificate { .. }) => Exit::Config,
        SessionError::Tls(TlsError::Setup { .. } | TlsError::Certificate { .. } | TlsError::Handshake { .. })
        | SessionError::NoStls
        | SessionError::StlsRefused { .. }
        | SessionError::StlsInjected
        | SessionError::Closed { .. }
        | SessionError::Protocol { .. }
        | SessionError::LineTooLong { .. }
        | SessionError::ListTooLong { .. }
        | SessionError::BodyTooLong { .. }
        | SessionError::DuplicateNumbers { .. }
        | SessionError::NoUidl { .. } => Exit::Protocol,
        SessionError::Silence { .. } | SessionError::Deadline { .. } => Exit::TryLater,
        SessionError::Interrupted => Exit::Interrupted,
        SessionError::Refused { code, .. } => of_refusal(*code),
        SessionError::Command(_) | SessionError::Misuse(_) => Exit::Internal,
    }
}

fn of_refusal(code: Option<ResponseCode>) -> Exit {
    match code {
        Some(ResponseCode::InUse | ResponseCode::LoginDelay | ResponseCode::SysTemp) => Exit::TryLater,
        Some(ResponseCode::Auth) => Exit::Credentials,
        Some(ResponseCode::SysPerm | ResponseCode::Utf8) | None => Exit::Unavailable,
    }
}

fn of_login(error: &AuthFailure) -> Exit {
    match error {
        AuthFailure::Rejected { .. } | AuthFailure::NoMechanism { .. } | AuthFailure::Credentials(_) => {
            Exit::Credentials
        }
        AuthFailure::Busy { .. } => Exit::TryLater,
        AuthFailure::Unavailable { .. } => Exit::Unavailable,
        AuthFailure::ClearText => Exit::Config,
        AuthFailure::Session(error) => of_session(error),
    }
}
