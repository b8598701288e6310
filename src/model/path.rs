//! Paths as people read them, and as a shell does.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{escaped, is_unsafe_to_show, limits};

/// A path made safe for a terminal: octets that are no text, and what a terminal would obey, are marked (I9).
#[must_use]
pub fn shown_path(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes(), limits::PATH_CHARS)
}

/// A word of a command line as a shell reads it, whatever its octets, with nothing in it that a terminal would obey, and
/// no backtick: the command stands between two, and is not folded there.
#[must_use]
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let octets = word.as_ref().as_bytes();
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"/._-+@:,=%".contains(octet);
    if !octets.is_empty() && octets.iter().all(is_plain) {
        return String::from_utf8_lossy(octets).into_owned();
    }
    match str::from_utf8(octets) {
        Ok(text) if !text.chars().any(|c| c == '`' || is_unsafe_to_show(c)) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => format!("$'{}'", in_ansi_c(octets)),
    }
}

/// What stands within `$'…'`, as bash, zsh and POSIX.1-2024 read it.
fn in_ansi_c(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        match octet {
            b'\\' | b'\'' => text.extend(['\\', char::from(*octet)]),
            b' '..=b'_' | b'a'..=b'~' => text.push(char::from(*octet)),
            // Three octal digits, so that a digit which follows is none of them.
            _ => drop(write!(text, "\\{octet:03o}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        for (word, shown) in [
            (&b"a/b.c"[..], "a/b.c"),
            (b"my mail", "'my mail'"),
            (b"it's", r"'it'\''s'"),
            (b"", "''"),
            (b"$x", "'$x'"),
            (b"a\\b", r"'a\b'"),
            ("Schöne Post".as_bytes(), "'Schöne Post'"),
            (b"new\nline\xff1 it's\\", r"$'new\012line\3771 it\'s\\'"),
            (b"a`b", r"$'a\140b'"),
            ("\u{202e}x".as_bytes(), r"$'\342\200\256x'"),
        ] {
            assert_eq!(quoted(OsStr::from_bytes(word)), shown);
            let script = format!("printf %s {shown}");
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, word, "{shown}");
        }
    }

    #[test]
    fn a_path_that_is_no_text_is_marked_and_whole() {
        assert_eq!(shown_path(Path::new(OsStr::from_bytes(b"/a\xff\x1b/b c"))), "/a\\xff\\u{1b}/b c");
        let long = format!("/{}", "long/".repeat(800));
        assert_eq!(shown_path(Path::new(&long)), long);
    }
}
