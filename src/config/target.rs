//! Where mail is delivered to, and the paths of a configuration.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::{ValueError, nearest};

/// Where an account's mail is delivered to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A Maildir folder: the directory that holds `tmp`, `new` and `cur`.
    Maildir(PathBuf),
}

/// Kinds of target that are planned.
const PLANNED: [&str; 3] = ["mbox", "pipe", "lmtp"];

impl Target {
    /// Reads `maildir:PATH`; a relative path counts from `folder`, and `~/` from `home`.
    ///
    /// Anything else is an error that names what is supported.
    pub fn parse(text: &OsStr, folder: &Path, home: Option<&Path>) -> Result<Self, ValueError> {
        const SUPPORTED: &str = "supported: `maildir:PATH`";
        let octets = text.as_bytes();
        let Some(colon) = octets.iter().position(|octet| *octet == b':') else {
            return Err(ValueError::new("the kind of mailbox is missing").with_hint(SUPPORTED));
        };
        let (kind, place) = (String::from_utf8_lossy(&octets[..colon]), OsStr::from_bytes(&octets[colon + 1..]));
        if kind == "maildir" {
            return resolve(place, folder, home).map(Self::Maildir);
        }
        if let Some(planned) = PLANNED.iter().find(|planned| **planned == kind) {
            return Err(ValueError::new(format!("`{planned}:` is not supported yet")).with_hint(SUPPORTED));
        }
        let hint = if nearest(&kind, &["maildir"]).is_some() { "did you mean `maildir:`?" } else { SUPPORTED };
        Err(ValueError::new("an unknown kind of mailbox").with_hint(hint))
    }
}

/// A path of the configuration: `~/` counts from `home`, another relative path from `folder`. No link is followed.
pub(super) fn resolve(text: &OsStr, folder: &Path, home: Option<&Path>) -> Result<PathBuf, ValueError> {
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

    #[test]
    fn targets_name_what_is_supported() {
        let parse = |text| Target::parse(OsStr::new(text), Path::new("/f"), None);
        assert_eq!(parse("maildir:Mail").unwrap(), Target::Maildir("/f/Mail".into()));
        for (text, message, hint) in [
            ("mbox:~/mbox", "`mbox:` is not supported yet", "`maildir:PATH`"),
            ("pipe:cat", "`pipe:` is not supported yet", "`maildir:PATH`"),
            ("lmtp:/run/lmtp", "`lmtp:` is not supported yet", "`maildir:PATH`"),
            ("~/Mail", "missing", "`maildir:PATH`"),
            ("", "missing", "`maildir:PATH`"),
            ("Maildri:~/Mail", "unknown kind", "did you mean `maildir:`?"),
            ("s3:bucket", "unknown kind", "`maildir:PATH`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(error.hint().unwrap().contains(hint), "{text}: {error:?}");
        }
        assert!(parse("maildir:").is_err());
        let foreign = |octets| Target::parse(OsStr::from_bytes(octets), Path::new("/f"), Some(Path::new("/h")));
        let expected = Path::new("/h").join(OsStr::from_bytes(b"a\xff"));
        assert_eq!(foreign(b"maildir:~/a\xff").unwrap(), Target::Maildir(expected));
        assert!(foreign(b"mail\xffdir:a").is_err() && foreign(b"\xff").is_err());
    }
}
