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
pub static FILE: [Key; 2] = [
    Key {
        name: "state_dir",
        value: "`\"PATH\"`",
        missing: Missing::Words("`~/.local/state/fetchonce`, or `$XDG_STATE_HOME/fetchonce` where that is set"),
        meaning: "The folder of each account's index, lock and held mail. It belongs on a local disk.",
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
pub static ACCOUNT: [Key; 11] = [
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
        value: "`\"maildir:PATH\"`",
        missing: Missing::Refused,
        meaning: "Where the mail goes: the folder that holds `tmp`, `new` and `cur`. It is made at first use.",
        other_words: &["maildir", "mbox", "destination"],
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

    /// A key, and the whole file around a line that gives it.
    type Place = (fn(&str) -> String, &'static Key);

    fn all() -> impl Iterator<Item = Place> {
        let of_file = FILE.iter().map(|key| (str::to_owned as fn(&str) -> String, key));
        let of_account = ACCOUNT.iter().map(|key| (account as fn(&str) -> String, key));
        let of_password = PASSWORD.iter().map(|key| (password as fn(&str) -> String, key));
        of_file.chain(of_account).chain(of_password)
    }

    /// An account with `line` in it, besides the needed keys that `line` does not give.
    fn account(line: &str) -> String {
        let is_given = |key: &Key| line.split(' ').next() == Some(key.name);
        let needed = ACCOUNT.iter().filter(|key| matches!(key.missing, Missing::Refused) && !is_given(key));
        let needed: Vec<String> = needed.map(|key| format!("{} = {}", key.name, codes(key.value)[0])).collect();
        format!("[account.work]\n{}\n{line}\n", needed.join("\n"))
    }

    fn password(line: &str) -> String {
        account(&format!("password = {{ {line} }}"))
    }

    /// What stands in backticks.
    fn codes(text: &str) -> Vec<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_value_that_is_shown_is_accepted() {
        for (file, key) in all() {
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
        for (file, key) in all() {
            let text = file(&format!("{} = 1979-05-27", key.name));
            let error = read(&text).unwrap_err();
            assert!(error.to_string().contains(" must be "), "{text}{error}");
            assert!(error.key().unwrap().ends_with(key.name), "{text}{error:?}");
        }
    }

    #[test]
    fn every_default_is_what_holds_without_the_key() {
        let without = format!("{:?}", read(&account("")).unwrap());
        for (file, key) in all() {
            if let Missing::Value(value) = key.missing {
                let line = format!("{} = {value}", key.name);
                assert_eq!(format!("{:?}", read(&file(&line)).unwrap()), without, "{line}");
            }
        }
        let port = ACCOUNT.iter().find(|key| key.name == "port").unwrap().missing.to_string();
        let [implicit, starttls, none] = [Tls::Implicit, Tls::StartTls, Tls::None].map(Tls::default_port);
        assert_eq!((port, starttls), (format!("{implicit} for implicit TLS, else {none}"), none));
    }

    #[test]
    fn every_needed_key_is_asked_for() {
        for (_, key) in all().filter(|(_, key)| matches!(key.missing, Missing::Refused)) {
            let whole = account("");
            let others: Vec<&str> = whole.lines().filter(|line| !line.starts_with(key.name)).collect();
            let error = read(&others.join("\n")).unwrap_err();
            assert!(error.to_string().contains(&format!("has no `{}`", key.name)), "{error}");
        }
        let one = |(_, key): &Place| matches!(key.missing, Missing::RefusedUnlessOne);
        let listed: Vec<String> = all().filter(one).map(|(_, key)| format!("`{}`", key.name)).collect();
        assert!(read(&password("")).unwrap_err().hint().unwrap().ends_with(&listed.join(", ")));
    }

    #[test]
    fn a_word_of_another_program_leads_to_one_key() {
        let mut words: Vec<_> = all().flat_map(|(_, key)| key.other_words.iter().chain([&key.name])).collect();
        let many = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), many, "{words:?}");
    }

    #[test]
    fn the_example_is_accepted() {
        assert_eq!(read(EXAMPLE).unwrap().accounts.len(), 2);
    }
}
