//! Where mail goes, as the configuration says it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{limits, shown_path};

/// One place that mail is delivered to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// A Maildir: the folder that holds `tmp`, `new` and `cur`.
    Maildir(FolderTarget),
    /// An mbox file, or a compressed append-only archive of mbox form.
    Mbox(MboxTarget),
    /// A folder with one `.eml` file a message, a folder a month.
    Eml(FolderTarget),
    /// Standard output, as a stream of mbox form.
    Stdout(Dialect),
    /// A program that reads the message from its standard input, run without a shell.
    Pipe(PipeTarget),
    /// A mail server that takes mail for final delivery (RFC 2033).
    Lmtp(MtaTarget),
    /// A mail server that takes mail for relay or delivery (RFC 5321).
    Smtp(MtaTarget),
}

/// A folder of files, one a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FolderTarget {
    /// The folder.
    pub path: PathBuf,
    /// How its files are made.
    pub style: FileStyle,
}

/// How the file of a message is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FileStyle {
    /// What its time of modification says: many readers show it as the date of arrival.
    pub mtime: Mtime,
    /// Its permissions; a folder made for it has search permission wherever these have read permission.
    pub mode: u32,
    /// The group that it and a folder made for it belong to; `None` for the one the system gives.
    pub group: Option<String>,
}

impl FolderTarget {
    /// A folder whose files are its owner's alone, dated by their arrival.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), style: FileStyle::default() }
    }
}

impl FileStyle {
    /// Whether its files are their owner's alone.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.mode == limits::PRIVATE_MODE && self.group.is_none()
    }

    /// The permissions of a folder for such files: who may read may also search.
    #[must_use]
    pub fn folder_mode(&self) -> u32 {
        self.mode | ((self.mode & 0o444) >> 2)
    }
}

impl Default for FileStyle {
    fn default() -> Self {
        Self { mtime: Mtime::Arrival, mode: limits::PRIVATE_MODE, group: None }
    }
}

/// What the time of modification of a message's file says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mtime {
    /// When it was fetched.
    #[default]
    Arrival,
    /// The time in its Date field, where that can be read and lies between 1970 and now.
    Date,
}

/// An mbox file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MboxTarget {
    /// The file.
    pub path: PathBuf,
    /// How lines that begin with `From ` are told from the separators.
    pub dialect: Dialect,
    /// How other programs are kept out while it is written.
    pub locking: Locking,
    /// How it is compressed: then it is an archive, a member a batch, and nothing else writes to it.
    pub compression: Option<Compression>,
}

impl MboxTarget {
    /// The default dialect and locks; its name says whether it is an archive.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let compression = match path.extension().and_then(OsStr::to_str) {
            Some("gz") => Some(Compression::Gzip),
            Some("zst") => Some(Compression::Zstd),
            _ => None,
        };
        Self { path, dialect: Dialect::default(), locking: Locking::default(), compression }
    }
}

/// How lines of a message that begin with `From ` are told from the separators of an mbox.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dialect {
    /// `>` before each line that matches `^>*From `: reversible.
    #[default]
    Mboxrd,
    /// `>` before each line that begins with `From `: not reversible.
    Mboxo,
    /// A Content-Length field, and no line is changed.
    Mboxcl2,
}

/// How other programs are kept out of an mbox while it is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Locking {
    /// An open file description lock of fcntl, and a `.lock` file beside it.
    #[default]
    FcntlAndDotlock,
    /// flock alone.
    Flock,
}

/// How an archive is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A program that takes messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PipeTarget {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// Longest time it may take for one message.
    pub timeout: Duration,
    /// What becomes of a message of which it is not known whether the program took it.
    pub in_doubt: InDoubt,
}

/// A mail server that takes messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MtaTarget {
    /// Where it listens.
    pub address: MtaAddress,
    /// The one recipient of each transaction, as in RCPT TO, or [`MATCHED_RECIPIENT`].
    pub recipient: String,
    /// The envelope sender, as in MAIL FROM; `None` for the one in Return-Path, or the null one.
    pub sender: Option<String>,
    /// What becomes of a message of which it is not known whether the server took it.
    pub in_doubt: InDoubt,
}

/// Where a mail server listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MtaAddress {
    /// A socket of this machine.
    Local(PathBuf),
    /// A TCP port.
    Tcp {
        /// Host name or address, an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// What becomes of a message of which it is not known whether its target took it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum InDoubt {
    /// It is delivered again, with the same token, by which the target can tell a repeat.
    #[default]
    Redeliver,
    /// It waits for the user's word.
    Hold,
}

/// The recipient of a target that stands for the address by which a message was routed to it.
pub const MATCHED_RECIPIENT: &str = "{recipient}";

/// A header field that delivery puts before a message on request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TraceHeader {
    /// By whom, when and how it was fetched (RFC 5321 §4.4).
    Received,
    /// The mailbox that it was fetched from.
    DeliveredTo,
    /// Its sender, where the message has no such field of its own.
    ReturnPath,
}

impl TraceHeader {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Received, Self::DeliveredTo, Self::ReturnPath];

    /// The name of the field.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "Received",
            Self::DeliveredTo => "Delivered-To",
            Self::ReturnPath => "Return-Path",
        }
    }
}

impl Target {
    /// A Maildir whose files are its owner's alone, dated by their arrival.
    #[must_use]
    pub fn maildir(path: impl Into<PathBuf>) -> Self {
        Self::Maildir(FolderTarget::new(path))
    }

    /// What tells its place from others of its kind: what the index knows it by.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        match self {
            Self::Maildir(folder) | Self::Eml(folder) => folder.path.clone(),
            Self::Mbox(mbox) => mbox.path.clone(),
            Self::Stdout(_) => PathBuf::new(),
            Self::Pipe(pipe) => pipe.argv.join("\0").into(),
            Self::Lmtp(mta) | Self::Smtp(mta) => format!("{} {}", mta.address, mta.recipient).into(),
        }
    }

    /// Whether both lead to the same place, perhaps with different options.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stdout(_), Self::Stdout(_)) => true,
            (Self::Pipe(one), Self::Pipe(two)) => one.argv == two.argv,
            (Self::Lmtp(one), Self::Lmtp(two)) | (Self::Smtp(one), Self::Smtp(two)) => {
                (&one.address, &one.recipient) == (&two.address, &two.recipient)
            }
            _ => self.path().is_some() && self.path() == other.path(),
        }
    }

    /// Whether its recipient is the address by which a message was routed to it.
    #[must_use]
    pub fn wants_recipient(&self) -> bool {
        matches!(self, Self::Lmtp(mta) | Self::Smtp(mta) if mta.recipient == MATCHED_RECIPIENT)
    }

    /// The same with this recipient, where it is for the address by which a message was routed to it.
    #[must_use]
    pub fn for_recipient(mut self, address: &str) -> Self {
        if let Self::Lmtp(mta) | Self::Smtp(mta) = &mut self
            && mta.recipient == MATCHED_RECIPIENT
        {
            address.clone_into(&mut mta.recipient);
        }
        self
    }

    /// The word that its kind begins with in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Maildir(_) => "maildir",
            Self::Mbox(_) => "mbox",
            Self::Eml(_) => "eml",
            Self::Stdout(_) => "stdout",
            Self::Pipe(_) => "pipe",
            Self::Lmtp(_) => "lmtp",
            Self::Smtp(_) => "smtp",
        }
    }

    /// The file or folder that it is, where it is one of this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Maildir(folder) | Self::Eml(folder) => Some(&folder.path),
            Self::Mbox(mbox) => Some(&mbox.path),
            Self::Stdout(_) | Self::Pipe(_) | Self::Lmtp(_) | Self::Smtp(_) => None,
        }
    }
}

impl fmt::Display for Target {
    /// As the configuration names it in one word, safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            Self::Maildir(FolderTarget { path, .. })
            | Self::Eml(FolderTarget { path, .. })
            | Self::Mbox(MboxTarget { path, .. }) => f.write_str(&shown_path(path)),
            Self::Stdout(_) => Ok(()),
            Self::Pipe(pipe) => {
                let program = pipe.argv.first().map_or("", String::as_str);
                f.write_str(&super::escaped(program.as_bytes(), limits::SHOWN_CHARS))
            }
            Self::Lmtp(mta) | Self::Smtp(mta) => mta.address.fmt(f),
        }
    }
}

impl fmt::Display for MtaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => f.write_str(&shown_path(path)),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lmtp(recipient: &str) -> Target {
        let address = MtaAddress::Tcp { host: "h".to_owned(), port: 24 };
        Target::Lmtp(MtaTarget { address, recipient: recipient.to_owned(), sender: None, in_doubt: InDoubt::Hold })
    }

    #[test]
    fn options_make_no_other_place_of_a_target() {
        let style = FileStyle { mtime: Mtime::Date, ..FileStyle::default() };
        let dated = Target::Maildir(FolderTarget { path: "/m".into(), style: style.clone() });
        let eml = |path: &str| Target::Eml(FolderTarget { path: path.into(), style: style.clone() });
        let pipe = |word: &str, timeout| {
            let timeout = Duration::from_secs(timeout);
            Target::Pipe(PipeTarget { argv: vec![word.to_owned()], timeout, in_doubt: InDoubt::Hold })
        };
        for (one, two) in [
            (Target::maildir("/m"), dated.clone()),
            (dated.clone(), eml("/m")),
            (Target::Stdout(Dialect::Mboxo), Target::Stdout(Dialect::Mboxrd)),
            (pipe("a", 1), pipe("a", 2)),
            (lmtp("a"), lmtp("a")),
        ] {
            assert!(one.is_same_place(&two) && two.is_same_place(&one), "{one} {two}");
        }
        let others =
            [dated, eml("/n"), Target::Stdout(Dialect::Mboxo), pipe("a", 1), pipe("b", 1), lmtp("a"), lmtp("b")];
        for (at, one) in others.iter().enumerate() {
            assert!(others[at + 1..].iter().all(|two| !one.is_same_place(two)), "{one}");
        }
    }

    #[test]
    fn only_the_matched_recipient_is_replaced() {
        assert!(lmtp(MATCHED_RECIPIENT).wants_recipient() && !lmtp("a@b").wants_recipient());
        assert_eq!(lmtp(MATCHED_RECIPIENT).for_recipient("c@d"), lmtp("c@d"));
        assert_eq!(lmtp("a@b").for_recipient("c@d"), lmtp("a@b"));
        assert_eq!(Target::maildir("/m").for_recipient("c@d"), Target::maildir("/m"));
    }
}
