//! Every key of the configuration, once: the parser knows these and no other, and the manual pages and the tables of
//! docs/reference/config.md are made of them.
//!
//! A new key is an entry here and its reading in `raw`. In all texts code stands in backticks.

use std::fmt;

/// One key of a table of the configuration.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// How its value is written; each code in it is a value that is accepted.
    pub value: &'static str,
    /// What holds where the key is missing.
    pub missing: Missing,
    /// What it is for, in whole sentences.
    pub meaning: &'static str,
    /// What other programs call it, where no likeness of letters leads to its name.
    pub other_words: &'static [&'static str],
}

/// What holds where a key is missing.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// The configuration is refused.
    Refused,
    /// It is refused unless exactly one key of the table is there.
    RefusedUnlessOne,
    /// The same as with this value.
    Value(&'static str),
    /// No single value can say it.
    Words(&'static str),
}

impl fmt::Display for Missing {
    /// The words of a column `default`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("needed"),
            Self::RefusedUnlessOne => f.write_str("one of these is needed"),
            Self::Value(value) => write!(f, "`{value}`"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// The keys at the top of the file.
pub static FILE: [Key; 4] = [
    Key {
        name: "state_dir",
        value: "`\"PATH\"`",
        missing: Missing::Words("`~/.local/state/fetchonce`, or `$XDG_STATE_HOME/fetchonce` where that is set"),
        meaning: "The folder of each account's index, lock and held mail. It belongs on a local disk.",
        other_words: &[],
    },
    Key {
        name: "after",
        value: "`[\"notmuch\", \"new\"]`",
        missing: Missing::Words("nothing is run"),
        meaning: "A program and its arguments, run once at the end of a fetch in which any account got mail.",
        other_words: &["hook"],
    },
    Key {
        name: "on_error",
        value: "`[\"/usr/local/bin/mail-failed\"]`",
        missing: Missing::Words("nothing is run"),
        meaning: "A program and its arguments, run for each account whose fetch failed, if it has no `on_error` of its own.",
        other_words: &[],
    },
    Key {
        name: "account",
        value: "a table for each, `[account.NAME]`",
        missing: Missing::Words("no account"),
        meaning: "The accounts. A name is 1 to 64 of `A-Z a-z 0-9 . _ - @ +`, and begins with neither \
                  `.` nor `-`; one with other characters than letters, digits, `_` and `-` is written in quotes.",
        other_words: &[],
    },
];

/// The keys of an account.
pub static ACCOUNT: [Key; 13] = [
    Key {
        name: "server",
        value: "`\"pop.example.com\"`",
        missing: Missing::Refused,
        meaning: "Host name or address of the POP3 server.",
        other_words: &["host", "hostname"],
    },
    Key {
        name: "user",
        value: "`\"alice@example.com\"`",
        missing: Missing::Refused,
        meaning: "Login name.",
        other_words: &["login"],
    },
    Key {
        name: "password",
        value: "`\"TEXT\"` or a table",
        missing: Missing::Words("you are asked"),
        meaning: "The password, or a table that says where it comes from.",
        other_words: &[],
    },
    Key {
        name: "deliver",
        value: "`\"maildir:PATH\"`, another target, or a list such as `[\"maildir:~/Mail\", { mbox = \"~/mail\" }]`",
        missing: Missing::Refused,
        meaning: "Where the mail goes: a target, or several, each of which gets every message.",
        other_words: &["maildir", "mbox", "mda", "destination"],
    },
    Key {
        name: "tls",
        value: "`\"implicit\"`, `\"starttls\"` or `\"none\"`",
        missing: Missing::Value("\"implicit\""),
        meaning: "How the connection is protected: TLS from the start, STARTTLS (and no login where the server does \
                  not offer it), or not at all.",
        other_words: &["ssl"],
    },
    Key {
        name: "port",
        value: "`1` to `65535`",
        missing: Missing::Words("995 for implicit TLS, else 110"),
        meaning: "TCP port.",
        other_words: &[],
    },
    Key {
        name: "allow_cleartext",
        value: "`true` or `false`",
        missing: Missing::Value("false"),
        meaning: "Whether the password may go to another machine without TLS, where everyone on the way can read it.",
        other_words: &[],
    },
    Key {
        name: "ca_file",
        value: "`\"PATH\"`",
        missing: Missing::Words("the system's alone"),
        meaning: "Certificates (PEM) to trust besides the system's.",
        other_words: &["ca"],
    },
    Key {
        name: "keep",
        value: "`\"forever\"`, `\"none\"` or a number of days such as `\"14 days\"`",
        missing: Missing::Value("\"forever\""),
        meaning: "How long delivered mail stays on the server, counted from its delivery.",
        other_words: &["retention"],
    },
    Key {
        name: "timeout",
        value: "`\"1s\"` to `\"24h\"`",
        missing: Missing::Value("\"60s\""),
        meaning: "Longest silence of the server.",
        other_words: &[],
    },
    Key {
        name: "deadline",
        value: "`\"1s\"` to `\"24h\"`",
        missing: Missing::Value("\"1h\""),
        meaning: "Longest run of the account. What it does not reach is fetched by the next run.",
        other_words: &[],
    },
    Key {
        name: "after",
        value: "`[\"notmuch\", \"new\"]`",
        missing: Missing::Words("nothing is run for this account alone"),
        meaning: "A program and its arguments, run at the end of each fetch of the account in which it got mail.",
        other_words: &[],
    },
    Key {
        name: "on_error",
        value: "`[\"/usr/local/bin/mail-failed\"]`",
        missing: Missing::Words("the one of the file"),
        meaning: "A program and its arguments, run when a fetch of the account failed.",
        other_words: &[],
    },
];

/// The keys of an account's `password`, where it is a table.
pub static PASSWORD: [Key; 4] = [
    Key {
        name: "command",
        value: "`[\"pass\", \"show\", \"mail/work\"]`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A program and its arguments, run without a shell and for at most a minute. The first line that it \
                  prints is the password.",
        other_words: &[],
    },
    Key {
        name: "file",
        value: "`\"PATH\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A file that only its owner may read. Its first line is the password.",
        other_words: &[],
    },
    Key {
        name: "env",
        value: "`\"MAIL_PASSWORD\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "An environment variable. No password command sees it.",
        other_words: &[],
    },
    Key {
        name: "credential",
        value: "`\"mail\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A credential of systemd, handed over by `LoadCredential=mail:PATH`.",
        other_words: &[],
    },
];

/// The keys of a target, where it is a table: first the kinds, of which it has one, then their options.
pub static DELIVER: [Key; 16] = [
    Key {
        name: "maildir",
        value: "`\"~/Mail\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A Maildir: the folder that holds `tmp`, `new` and `cur`. It is made at first use.",
        other_words: &[],
    },
    Key {
        name: "mbox",
        value: "`\"~/mail\"`, `\"~/archive.gz\"` or `\"~/archive.zst\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "An mbox file. One that ends in `.gz` or `.zst` is a compressed archive, to which nothing else writes.",
        other_words: &[],
    },
    Key {
        name: "eml",
        value: "`\"~/messages\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A folder with a file for each message, its name ending in `.eml`, and a folder for each month.",
        other_words: &["files"],
    },
    Key {
        name: "stdout",
        value: "`true`",
        missing: Missing::RefusedUnlessOne,
        meaning: "Standard output, as one mbox.",
        other_words: &[],
    },
    Key {
        name: "pipe",
        value: "`[\"maildrop\", \"-d\", \"alice\"]`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A program and its arguments, run without a shell once for each message, which it reads from its \
                  standard input.",
        other_words: &["mda", "command"],
    },
    Key {
        name: "lmtp",
        value: "`\"/run/dovecot/lmtp\"` or `\"mail.example.com:24\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A mail server that delivers, by LMTP: a socket of this machine, or a host and perhaps its port.",
        other_words: &[],
    },
    Key {
        name: "smtp",
        value: "`\"mail.example.com:25\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "A mail server that takes mail by SMTP: a host and perhaps its port.",
        other_words: &[],
    },
    Key {
        name: "mtime",
        value: "`\"arrival\"` or `\"date\"`",
        missing: Missing::Value("\"arrival\""),
        meaning: "What the time of a file says, which many readers show as the date of arrival: when it was fetched, or \
                  what the message has as its Date.",
        other_words: &[],
    },
    Key {
        name: "mode",
        value: "`\"0600\"` to `\"0777\"`",
        missing: Missing::Value("\"0600\""),
        meaning: "The permissions of a file, in octal digits. Its owner always reads and writes it. Folders that are \
                  made can be searched by all who may read the files.",
        other_words: &["permissions"],
    },
    Key {
        name: "group",
        value: "`\"mail\"`",
        missing: Missing::Words("the one that the system gives"),
        meaning: "The group of the files, and of folders that are made.",
        other_words: &[],
    },
    Key {
        name: "dialect",
        value: "`\"mboxrd\"`, `\"mboxo\"` or `\"mboxcl2\"`",
        missing: Missing::Value("\"mboxrd\""),
        meaning: "How a line of a message that looks like the beginning of the next one is marked: with `>`, so that it \
                  can be taken back; with `>`, also where that cannot be told afterwards; or not at all, with the \
                  length in a field.",
        other_words: &["format"],
    },
    Key {
        name: "locking",
        value: "`\"fcntl+dotlock\"` or `\"flock\"`",
        missing: Missing::Value("\"fcntl+dotlock\""),
        meaning: "How other programs are kept out of the file while it is written.",
        other_words: &["lock"],
    },
    Key {
        name: "timeout",
        value: "`\"1s\"` to `\"24h\"`",
        missing: Missing::Value("\"5m\""),
        meaning: "Longest time of the program for one message.",
        other_words: &[],
    },
    Key {
        name: "in_doubt",
        value: "`\"redeliver\"` or `\"hold\"`",
        missing: Missing::Value("\"redeliver\""),
        meaning: "What becomes of a message after a crash, where only the program or the server knows whether it took \
                  it: it is handed over again, with the same token, or it waits for your word.",
        other_words: &[],
    },
    Key {
        name: "recipient",
        value: "`\"alice@example.com\"`",
        missing: Missing::Words("the account's `user`, for SMTP only where that is an address"),
        meaning: "For whom the server takes the mail.",
        other_words: &["rcpt"],
    },
    Key {
        name: "sender",
        value: "`\"alice@example.com\"`, or `\"\"` for none",
        missing: Missing::Words("the address in Return-Path"),
        meaning: "The sender whom the server would report a failure to.",
        other_words: &["from"],
    },
];

/// The kinds of target, and the keys of [`DELIVER`] that are options of each.
pub static OPTIONS: [(&str, &[&str]); 7] = [
    ("maildir", &["mtime", "mode", "group"]),
    ("mbox", &["dialect", "locking"]),
    ("eml", &["mtime", "mode", "group"]),
    ("stdout", &["dialect"]),
    ("pipe", &["timeout", "in_doubt"]),
    ("lmtp", &["recipient", "sender", "in_doubt"]),
    ("smtp", &["recipient", "sender", "in_doubt"]),
];

/// A configuration that shows most keys.
pub const EXAMPLE: &str = r#"[account.work]
server   = "pop.example.com"
user     = "alice@example.com"
password = { command = ["pass", "show", "mail/work"] }
deliver  = "maildir:~/Mail/work"
keep     = "14 days"

[account."bob@example.org"]
server   = "mail.example.org"
tls      = "starttls"
user     = "bob"
password = { file = "~/.mail-password" }
deliver  = "maildir:~/Mail/home"
timeout  = "2m"
"#;

/// The names of `keys`.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Tls;
    use super::super::tests::read;
    use super::*;

    /// A key, and where it stands.
    struct Place {
        key: &'static Key,
        /// The whole file around a line that gives it, or around no line.
        file: Box<dyn Fn(&str) -> String>,
    }

    /// The tables of keys.
    fn tables() -> Vec<Vec<Place>> {
        let of = |keys: &'static [Key], file: fn(&'static Key, &str) -> String| {
            keys.iter().map(|key| Place { key, file: Box::new(move |line| file(key, line)) }).collect()
        };
        vec![
            of(&FILE, |_, line| format!("{line}\n{}", account(""))),
            of(&ACCOUNT, |_, line| account(line)),
            of(&PASSWORD, |_, line| account(&format!("password = {{ {line} }}"))),
            of(&DELIVER, |key, line| account(&format!("deliver = {{ {} }}", target(key, line)))),
        ]
    }

    fn all() -> impl Iterator<Item = Place> {
        tables().into_iter().flatten()
    }

    /// An account with `line` in it, besides the needed keys that `line` does not give.
    fn account(line: &str) -> String {
        let is_given = |key: &Key| line.split(' ').next() == Some(key.name);
        let needed = ACCOUNT.iter().filter(|key| matches!(key.missing, Missing::Refused) && !is_given(key));
        let needed: Vec<String> = needed.map(|key| format!("{} = {}", key.name, codes(key.value)[0])).collect();
        format!("[account.work]\n{}\n{line}\n", needed.join("\n"))
    }

    /// The inside of a target's table, with the first kind that a key is an option of.
    fn target(key: &Key, line: &str) -> String {
        let Some((kind, _)) = OPTIONS.iter().find(|(_, options)| options.contains(&key.name)) else {
            return line.to_owned();
        };
        let kind = DELIVER.iter().find(|key| key.name == *kind).unwrap();
        let comma = if line.is_empty() { "" } else { ", " };
        format!("{} = {}{comma}{line}", kind.name, codes(kind.value)[0])
    }

    /// What stands in backticks.
    fn codes(text: &str) -> Vec<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_value_that_is_shown_is_accepted() {
        for Place { key, file } in all() {
            assert!(!codes(key.value).is_empty(), "{}: no value is shown", key.name);
            for value in codes(key.value) {
                let text = match key.name {
                    "account" => account("").replace("[account.work]", value),
                    name => file(&format!("{name} = {value}")),
                };
                assert!(read(&text).is_ok(), "{text}{:?}", read(&text));
            }
        }
    }

    #[test]
    fn every_key_is_read() {
        for Place { key, file } in all().filter(|place| place.key.name != "account") {
            let text = file(&format!("{} = 1979-05-27", key.name));
            let error = read(&text).unwrap_err();
            assert!(error.to_string().contains(" must be "), "{text}{error}");
            assert!(error.key().unwrap().ends_with(key.name), "{text}{error:?}");
        }
        let error = read("account = 1979-05-27").unwrap_err();
        assert!(error.to_string().contains("account must be "), "{error}");
    }

    #[test]
    fn every_default_is_what_holds_without_the_key() {
        for Place { key, file } in all() {
            if let Missing::Value(value) = key.missing {
                let line = format!("{} = {value}", key.name);
                let [with, without] = [line.as_str(), ""].map(|line| format!("{:?}", read(&file(line)).unwrap()));
                assert_eq!(with, without, "{line}");
            }
        }
        let port = ACCOUNT.iter().find(|key| key.name == "port").unwrap().missing.to_string();
        let [implicit, starttls, none] = [Tls::Implicit, Tls::StartTls, Tls::None].map(Tls::default_port);
        assert_eq!((port, starttls), (format!("{implicit} for implicit TLS, else {none}"), none));
    }

    #[test]
    fn every_needed_key_is_asked_for() {
        for Place { key, .. } in all().filter(|place| matches!(place.key.missing, Missing::Refused)) {
            let whole = account("");
            let others: Vec<&str> = whole.lines().filter(|line| !line.starts_with(key.name)).collect();
            let error = read(&others.join("\n")).unwrap_err();
            assert!(error.to_string().contains(&format!("has no `{}`", key.name)), "{error}");
        }
        for (keys, line) in [(&PASSWORD[..], "password = {}"), (&DELIVER, "deliver = {}")] {
            let one = keys.iter().filter(|key| matches!(key.missing, Missing::RefusedUnlessOne));
            let listed: Vec<String> = one.map(|key| format!("`{}`", key.name)).collect();
            let error = read(&account(line)).unwrap_err();
            assert!(error.hint().unwrap().contains(&listed.join(", ")), "{error:?}");
        }
    }

    #[test]
    fn a_word_of_another_program_leads_to_one_key() {
        for table in tables() {
            let mut words: Vec<_> =
                table.iter().flat_map(|place| place.key.other_words.iter().chain([&place.key.name])).collect();
            let many = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), many, "{words:?}");
        }
    }

    /// Each option is taken by the kinds that [`OPTIONS`] says, and refused by name by all others.
    #[test]
    fn an_option_belongs_to_kinds_of_target() {
        let kinds = DELIVER.iter().filter(|key| matches!(key.missing, Missing::RefusedUnlessOne));
        assert_eq!(kinds.clone().map(|key| key.name).collect::<Vec<_>>(), OPTIONS.map(|(kind, _)| kind));
        for kind in kinds {
            let (_, options) = OPTIONS.iter().find(|(name, _)| *name == kind.name).unwrap();
            for option in DELIVER.iter().filter(|key| !matches!(key.missing, Missing::RefusedUnlessOne)) {
                let [place, value] = [kind, option].map(|key| format!("{} = {}", key.name, codes(key.value)[0]));
                let text = account(&format!("deliver = {{ {place}, {value} }}"));
                match read(&text) {
                    Ok(_) => assert!(options.contains(&option.name), "{text}"),
                    Err(error) => {
                        let problem = format!("`{}` is no option of `{}`", option.name, kind.name);
                        assert!(error.to_string().contains(&problem), "{text}{error}");
                        assert!(!options.contains(&option.name) && error.key().unwrap().ends_with(option.name));
                    }
                }
            }
        }
    }

    #[test]
    fn the_example_is_accepted() {
        assert_eq!(read(EXAMPLE).unwrap().accounts.len(), 2);
    }
}
