//! The exit codes, after sysexits(3): numbers that scripts rely on.

use std::cmp::Reverse;

use super::Problem;

/// How a run, or the whole program, ended. The discriminant is the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Exit {
    /// All went well; also when there was nothing to do.
    #[default]
    Fine = 0,
    /// The command line makes no sense.
    Usage = 2,
    /// The index is broken, or a message was lost or cannot be told from another (`EX_DATAERR`).
    Data = 65,
    /// The host name has no address (`EX_NOHOST`).
    UnknownHost = 68,
    /// The server, or one of its services, refuses for a reason that time alone will not mend (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// A mistake in this program (`EX_SOFTWARE`).
    Internal = 70,
    /// The target is missing, is not the one that is known, refuses, or cannot be made (`EX_CANTCREAT`).
    Target = 73,
    /// Reading or writing failed, or the disk is full (`EX_IOERR`).
    Io = 74,
    /// In use, busy, silent or out of time: a later run goes on (`EX_TEMPFAIL`).
    TryLater = 75,
    /// The server broke the protocol or the connection, or TLS failed (`EX_PROTOCOL`).
    Protocol = 76,
    /// The login was rejected, or there is no password (`EX_NOPERM`).
    Credentials = 77,
    /// The configuration is wrong, or the index is of a newer version (`EX_CONFIG`).
    Config = 78,
    /// SIGINT or SIGTERM.
    Interrupted = 130,
}

/// What comes earlier here is told when several things happened.
const MOST_TELLING_FIRST: [Exit; 12] = [
    Exit::Interrupted,
    Exit::Usage,
    Exit::Internal,
    Exit::Config,
    Exit::Credentials,
    Exit::Io,
    Exit::Target,
    Exit::Data,
    Exit::Protocol,
    Exit::UnknownHost,
    Exit::Unavailable,
    Exit::TryLater,
];

impl Exit {
    /// The number that the program exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The one of several that is told.
    #[must_use]
    pub fn most_telling(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |exit: &Self| MOST_TELLING_FIRST.iter().position(|known| known == exit).unwrap_or(usize::MAX);
        all.into_iter().max_by_key(|exit| Reverse(rank(exit))).unwrap_or_default()
    }
}

impl Problem {
    /// What the problem makes of the exit code; [`Exit::Fine`] where it is only worth a warning.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::RetrRefused { .. } | Self::DeleRefused { .. } | Self::QuitRejected { .. } => Exit::Unavailable,
            Self::Vanished { .. } => Exit::Data,
            Self::Held { .. } => Exit::Target,
            Self::Untrusted { .. } | Self::TooBig { .. } | Self::QuitWithheld { .. } => Exit::Io,
            Self::BackingOff { .. } => Exit::TryLater,
            Self::FetchedAgain { .. } | Self::PartialListing | Self::Contradicted => Exit::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_the_most_telling_is_told() {
        assert_eq!(Exit::most_telling([]), Exit::Fine);
        assert_eq!(Exit::most_telling([Exit::Fine, Exit::TryLater]), Exit::TryLater);
        let order = [78, 77, 74, 73, 65, 76, 68, 69, 75];
        let told: Vec<u8> =
            MOST_TELLING_FIRST.iter().map(|exit| exit.code()).filter(|code| order.contains(code)).collect();
        assert_eq!(told, order);
        for (at, first) in MOST_TELLING_FIRST.iter().enumerate() {
            for later in &MOST_TELLING_FIRST[at..] {
                assert_eq!(Exit::most_telling([*later, *first, Exit::Fine]), *first);
            }
        }
    }
}
