//! Where mail is delivered to, in the words of one target, and the paths of a configuration.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::{ValueError, nearest};
use super::{Environment, names};
use crate::model::{
    Dialect, FileStyle, FolderTarget, InDoubt, MATCHED_RECIPIENT, MboxTarget, MtaAddress, MtaTarget, PipeTarget,
    Target, limits,
};

/// The words that a target begins with.
const KINDS: [&str; 7] = ["maildir", "mbox", "eml", "stdout", "pipe", "lmtp", "smtp"];
const SUPPORTED: &str =
    "write `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`";
/// What a shell would not hand on as it is.
const FOR_SHELLS: &[u8] = b"'\"\\`$|&;<>()*?[]{}";
const LMTP_PORT: u16 = 24;
const SMTP_PORT: u16 = 25;

/// Reads the targets of a command line: each text is one, as `deliver` has them.
pub fn parse_targets(
    texts: &[impl AsRef<OsStr>],
    environment: &Environment,
    user: Option<&str>,
) -> Result<Vec<Target>, ValueError> {
    let words = Words { folder: &environment.current_dir, home: environment.home.as_deref(), user };
    let mut targets = Vec::with_capacity(texts.len());
    for text in texts {
        add(&mut targets, words.target(text.as_ref())?)?;
    }
    Ok(targets)
}

/// Adds one more target of a list, which leads to another place than those before it.
pub(super) fn add(targets: &mut Vec<Target>, target: Target) -> Result<(), ValueError> {
    if targets.iter().any(|other| other.is_same_place(&target)) {
        return Err(ValueError::new("the same target twice").with_hint("leave one of them out"));
    }
    targets.push(target);
    Ok(())
}

/// What the words of a target count from.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    /// What relative paths count from.
    pub(super) folder: &'a Path,
    pub(super) home: Option<&'a Path>,
    /// The login name of the account, for whom a mail server takes its mail.
    pub(super) user: Option<&'a str>,
}

impl Words<'_> {
    /// Reads `KIND:PLACE`; a relative path counts from `folder`, and `~/` from `home`.
    pub(super) fn target(self, text: &OsStr) -> Result<Target, ValueError> {
        let octets = text.as_bytes();
        let colon = octets.iter().position(|octet| *octet == b':');
        let (kind, place) =
            colon.map_or((octets, None), |at| (&octets[..at], Some(OsStr::from_bytes(&octets[at + 1..]))));
        let kind = String::from_utf8_lossy(kind);
        match (&*kind, place) {
            ("maildir", Some(place)) => Ok(Target::Maildir(self.folder(place)?)),
            ("mbox", Some(place)) => Ok(Target::Mbox(self.mbox(place)?)),
            ("eml", Some(place)) => Ok(Target::Eml(self.folder(place)?)),
            ("stdout", None) => Ok(Target::Stdout(Dialect::default())),
            ("stdout", Some(place)) if place.is_empty() => Ok(Target::Stdout(Dialect::default())),
            ("stdout", Some(_)) => Err(ValueError::new("nothing stands behind `stdout:`")),
            ("pipe", Some(place)) => Ok(Target::Pipe(self.pipe_of_words(place)?)),
            ("lmtp", Some(place)) => Ok(Target::Lmtp(self.lmtp(text_of(place)?)?.with_recipient(self.lmtp_user())?)),
            ("smtp", Some(place)) => Ok(Target::Smtp(smtp(text_of(place)?)?.with_recipient(self.smtp_user())?)),
            (_, None) => Err(ValueError::new("the kind of target is missing").with_hint(SUPPORTED)),
            (kind, Some(_)) => Err(unknown_kind(kind)),
        }
    }

    pub(super) fn path(self, text: &OsStr) -> Result<PathBuf, ValueError> {
        resolve(text, self.folder, self.home)
    }

    pub(super) fn folder(self, text: &OsStr) -> Result<FolderTarget, ValueError> {
        Ok(FolderTarget { path: self.path(text)?, style: FileStyle::default() })
    }

    pub(super) fn mbox(self, text: &OsStr) -> Result<MboxTarget, ValueError> {
        let path = self.path(text)?;
        if text.as_bytes().ends_with(b"/") {
            return Err(ValueError::new("an mbox is a file").with_hint("for a folder write `maildir:FOLDER`"));
        }
        Ok(MboxTarget::new(path))
    }

    fn pipe_of_words(self, text: &OsStr) -> Result<PipeTarget, ValueError> {
        const HINT: &str = "in a configuration each argument can be a text of its own, \
                            `deliver = { pipe = [\"maildrop\", \"-d\", \"alice\"] }`";
        let text = text_of(text)?;
        let argv: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let is_for_shells =
            |word: &String| word.starts_with(['~', '#']) || word.bytes().any(|b| FOR_SHELLS.contains(&b));
        let is_home = |word: &str| word == "~" || word.starts_with("~/");
        let program =
            argv.first().map(|program| if is_home(program) { program[1..].to_owned() } else { program.clone() });
        if program.iter().chain(argv.iter().skip(1)).any(is_for_shells) {
            let problem = "there is no shell that would read quotes, `$`, `|`, `>`, `*`, `~` and the like";
            return Err(ValueError::new(problem).with_hint(HINT));
        }
        self.pipe(&argv)
    }

    pub(super) fn pipe(self, argv: &[String]) -> Result<PipeTarget, ValueError> {
        const HINT: &str = "write the program and its arguments, `{ pipe = [\"maildrop\", \"-d\", \"alice\"] }`";
        Ok(PipeTarget { argv: self.command(argv, HINT)?, timeout: limits::PIPE, in_doubt: InDoubt::default() })
    }

    /// A program written as a path counts from the folder like every other path; a bare name is looked up.
    pub(super) fn command(self, argv: &[String], hint: &'static str) -> Result<Vec<String>, ValueError> {
        let Some((program, arguments)) = argv.split_first().filter(|(program, _)| !program.is_empty()) else {
            return Err(ValueError::new("the command is empty").with_hint(hint));
        };
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(ValueError::new("a command must not contain NUL"));
        }
        let program = if program.contains('/') {
            let path = self.path(OsStr::new(program))?.into_os_string().into_string();
            path.map_err(|_| ValueError::new("the program's folder has a name that is not UTF-8"))?
        } else {
            program.clone()
        };
        Ok([&[program], arguments].concat())
    }

    /// A socket of this machine, or a host and perhaps its port.
    pub(super) fn lmtp(self, text: &str) -> Result<Mta, ValueError> {
        if text.starts_with(['/', '.', '~']) {
            return Ok(Mta(MtaAddress::Local(self.path(OsStr::new(text))?)));
        }
        tcp(text, LMTP_PORT, "write for example `lmtp:/run/dovecot/lmtp` or `lmtp:mail.example.com:24`").map(Mta)
    }

    /// The account's user, for a server that knows its users by any name.
    pub(super) fn lmtp_user(self) -> Option<String> {
        self.user.filter(|user| *user != MATCHED_RECIPIENT).map(str::to_owned)
    }

    /// The account's user where it is an address.
    pub(super) fn smtp_user(self) -> Option<String> {
        self.lmtp_user().filter(|user| user.contains('@'))
    }
}

/// A mail server that was read, and not yet for whom it takes the mail.
pub(super) struct Mta(MtaAddress);

impl Mta {
    pub(super) fn with_recipient(self, recipient: Option<String>) -> Result<MtaTarget, ValueError> {
        const HINT: &str = "in a configuration name the recipient, \
                            `deliver = { smtp = \"HOST\", recipient = \"alice@example.com\" }`";
        let unknown = || ValueError::new("it is not known for whom the server is to take the mail").with_hint(HINT);
        let recipient = recipient.filter(|recipient| envelope_address(recipient).is_ok()).ok_or_else(unknown)?;
        Ok(MtaTarget { address: self.0, recipient, sender: None, in_doubt: InDoubt::default() })
    }
}

/// A host and perhaps its port.
pub(super) fn smtp(text: &str) -> Result<Mta, ValueError> {
    let hint = "write for example `smtp:mail.example.com:25`; a socket of this machine is for `lmtp:`";
    tcp(text, SMTP_PORT, hint).map(Mta)
}

fn tcp(text: &str, default_port: u16, hint: &'static str) -> Result<MtaAddress, ValueError> {
    let wrong = |message: &'static str| ValueError::new(message).with_hint(hint);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    if host.contains(':') && !host.starts_with('[') {
        return Err(wrong("an IPv6 address stands in brackets, `[2001:db8::1]`"));
    }
    let is_port = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
    let port = port.map_or(Some(default_port), |text| Some(text).filter(is_port)?.parse().ok());
    let port = port.filter(|port| *port != 0).ok_or_else(|| wrong("a port is a number between 1 and 65535"))?;
    let host = names::server(host).map_err(|_| wrong("not a host name"))?;
    Ok(MtaAddress::Tcp { host, port })
}

/// Checks an address that is to stand in an envelope.
pub(super) fn envelope_address(text: &str) -> Result<String, ValueError> {
    let is_plain = |c: char| !(c.is_control() || c.is_whitespace() || "<>".contains(c));
    let fits = (1..=limits::ADDRESS_OCTETS).contains(&text.len());
    if fits && text.chars().all(is_plain) && (text == MATCHED_RECIPIENT || !text.contains(['{', '}'])) {
        return Ok(text.to_owned());
    }
    Err(ValueError::new("not an address").with_hint("write it alone, for example `alice@example.com`"))
}

fn text_of(text: &OsStr) -> Result<&str, ValueError> {
    text.to_str().ok_or_else(|| ValueError::new("only a path may be something else than UTF-8"))
}

fn unknown_kind(kind: &str) -> ValueError {
    let problem = ValueError::new("an unknown kind of target");
    match nearest(kind, &KINDS) {
        Some(meant) => problem.with_hint(format!("did you mean `{meant}:`?")),
        None => problem.with_hint(SUPPORTED),
    }
}

/// A path of the configuration: `~/` counts from `home`, another relative path from `folder`. No link is followed.
fn resolve(text: &OsStr, folder: &Path, home: Option<&Path>) -> Result<PathBuf, ValueError> {
    if text.is_empty() {
        return Err(ValueError::new("the path is empty"));
    }
    let octets = text.as_bytes();
    if octets.contains(&b'\0') {
        return Err(ValueError::new("a path must not contain NUL"));
    }
    let joined = match octets.strip_prefix(b"~") {
        Some(rest @ ([] | [b'/', ..])) => {
            let slashes = rest.iter().take_while(|octet| **octet == b'/').count();
            home.ok_or_else(|| ValueError::new("the home folder is not known").with_hint("write an absolute path"))?
                .join(OsStr::from_bytes(&rest[slashes..]))
        }
        Some(_) => {
            let hint = "write an absolute path, or `./~…` for a name that begins so";
            return Err(ValueError::new("other users' home folders are not supported").with_hint(hint));
        }
        None => folder.join(text),
    };
    // Taking a path apart drops `.` and doubled or final slashes, so that one place has one spelling.
    Ok(joined.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_home_or_the_folder() {
        let (folder, home) = (Path::new("/etc/f"), Path::new("/home/a"));
        for (text, expected) in [
            ("~/Mail", "/home/a/Mail"),
            ("~", "/home/a"),
            ("~//Mail/", "/home/a/Mail"),
            ("/srv/mail", "/srv/mail"),
            ("Mail", "/etc/f/Mail"),
            ("./Mail/.", "/etc/f/Mail"),
            ("../Mail", "/etc/f/../Mail"),
            ("./~alice", "/etc/f/~alice"),
        ] {
            assert_eq!(resolve(OsStr::new(text), folder, Some(home)).unwrap().as_os_str(), expected, "{text}");
        }
        for text in ["", "a\0b", "~alice/Mail"] {
            assert!(resolve(OsStr::new(text), folder, Some(home)).is_err(), "{text:?}");
        }
        assert!(resolve(OsStr::new("~/Mail"), folder, None).is_err());
    }
}
