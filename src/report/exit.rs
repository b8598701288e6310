//! The exit codes, after sysexits(3): numbers that scripts rely on, and their words for the manual page and for
//! docs/reference/exit-codes.md.

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

impl Exit {
    /// Every exit code, in the order of the numbers.
    pub const ALL: [Self; 13] = [
        Self::Fine,
        Self::Usage,
        Self::Data,
        Self::UnknownHost,
        Self::Unavailable,
        Self::Internal,
        Self::Target,
        Self::Io,
        Self::TryLater,
        Self::Protocol,
        Self::Credentials,
        Self::Config,
        Self::Interrupted,
    ];

    /// What comes earlier here is told when several things happened.
    pub const MOST_TELLING_FIRST: [Self; 12] = [
        Self::Interrupted,
        Self::Usage,
        Self::Internal,
        Self::Config,
        Self::Credentials,
        Self::Io,
        Self::Target,
        Self::Data,
        Self::Protocol,
        Self::UnknownHost,
        Self::Unavailable,
        Self::TryLater,
    ];

    /// What it says, in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Usage => "usage",
            Self::Data => "broken index or lost message",
            Self::UnknownHost => "unknown host",
            Self::Unavailable => "server unavailable",
            Self::Internal => "mistake in fetchonce",
            Self::Target => "Maildir missing or changed",
            Self::Io => "I/O or disk full",
            Self::TryLater => "try later",
            Self::Protocol => "protocol or TLS",
            Self::Credentials => "credentials",
            Self::Config => "configuration",
            Self::Interrupted => "interrupted",
        }
    }

    /// When the program exits with it.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "all went well; also when nothing was new, and with warnings alone",
            Self::Usage => {
                "the command line makes no sense, an account is unknown; standard output is no place for mail"
            }
            Self::Data => {
                "the index is broken, lost or no index; a message vanished before it was delivered; two files claim one \
                 delivery; a target will never take a message, or it is not known whether it has it; a held message is \
                 damaged; more messages were removed from the Maildir than are deleted without `--confirm`"
            }
            Self::UnknownHost => "the server's name has no address",
            Self::Unavailable => {
                "no connection; the server refuses the login, RETR, DELE or QUIT for a reason of its own; a hook failed, \
                 and nothing else did"
            }
            Self::Internal => "a mistake in fetchonce; what was promised is recorded all the same",
            Self::Target => {
                "the Maildir is missing, another one, an older copy, refuses mail or cannot be made; the index is an \
                 older copy; deliveries were interrupted in a Maildir that is gone"
            }
            Self::Io => {
                "reading, writing or syncing failed; the disk is full, or too small for a message; messages are in \
                 doubt after a failed sync; the file of `--trace` cannot be opened"
            }
            Self::TryLater => {
                "another fetchonce is at work on the account; the mailbox is in use; login delay; silence; the time is \
                 up; the account was renamed while it waited; messages that broke sessions wait for their next try; a \
                 program could not take mail now"
            }
            Self::Protocol => {
                "the server broke the protocol, or closed the connection within a reply; TLS failed; no STLS, no UIDL"
            }
            Self::Credentials => "the login was rejected; there is no password",
            Self::Config => {
                "the configuration is wrong; the index is of a newer version; a password would go out unprotected; the \
                 mailbox is known by another name; there is no journal for `--log-to journald`"
            }
            Self::Interrupted => "SIGINT or SIGTERM",
        }
    }

    /// The number that the program exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The one of several that is told.
    #[must_use]
    pub fn most_telling(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |exit: &Self| Self::MOST_TELLING_FIRST.iter().position(|known| known == exit).unwrap_or(usize::MAX);
        all.into_iter().max_by_key(|exit| Reverse(rank(exit))).unwrap_or_default()
    }
}

impl Problem {
    /// What the problem makes of the exit code; [`Exit::Fine`] where it is only worth a warning.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::RetrRefused { .. } | Self::DeleRefused { .. } | Self::QuitRejected { .. } => Exit::Unavailable,
            Self::Vanished { .. }
            | Self::Unidentified { .. }
            | Self::Rejected { .. }
            | Self::InDoubt { .. }
            | Self::UnconfirmedRemovals { .. }
            | Self::Damaged { .. } => Exit::Data,
            Self::Held { exit, .. } | Self::NotLookedThrough { exit, .. } => *exit,
            Self::Untrusted { .. } | Self::TooBig { .. } | Self::QuitWithheld { .. } => Exit::Io,
            Self::BackingOff { .. } => Exit::TryLater,
            Self::Oversize { .. }
            | Self::Expires { .. }
            | Self::FetchedAgain { .. }
            | Self::Redelivered { .. }
            | Self::PartialListing
            | Self::Contradicted => Exit::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_in_the_order_of_their_numbers() {
        assert!(Exit::ALL.is_sorted_by_key(|exit| exit.code()));
        let is_variant = |line: &&str| line.starts_with("    ") && line.ends_with(',') && line.contains(" = ");
        let head = include_str!("exit.rs").split("\n}\n").next().unwrap();
        assert_eq!(head.lines().filter(is_variant).count(), Exit::ALL.len());
        assert!(Exit::ALL[1..].iter().all(|exit| Exit::MOST_TELLING_FIRST.contains(exit)));
    }

    #[test]
    fn of_several_the_most_telling_is_told() {
        assert_eq!(Exit::most_telling([]), Exit::Fine);
        assert_eq!(Exit::most_telling([Exit::Fine, Exit::TryLater]), Exit::TryLater);
        let order = [78, 77, 74, 73, 65, 76, 68, 69, 75];
        let told: Vec<u8> =
            Exit::MOST_TELLING_FIRST.iter().map(|exit| exit.code()).filter(|code| order.contains(code)).collect();
        assert_eq!(told, order);
        for (at, first) in Exit::MOST_TELLING_FIRST.iter().enumerate() {
            for later in &Exit::MOST_TELLING_FIRST[at..] {
                assert_eq!(Exit::most_telling([*later, *first, Exit::Fine]), *first);
            }
        }
    }
}
