//! Every key of the configuration, once: the parser knows these and no other, and the manual pages and the tables of
//! docs/reference/config.md are made of them.
//!
//! A new key is an entry here and its reading in `raw`. In all texts code stands in backticks.

mod deliver;
mod route;
#[cfg(test)]
mod tests;

use std::fmt;

pub use deliver::{DELIVER, OPTIONS};
pub use route::{HEADER, ROUTE};

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
pub static ACCOUNT: [Key; 28] = [
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
        name: "route",
        value: "tables, `[[account.NAME.route]]`, or a list such as \
                `[{ recipient = \"alice@example.com\", deliver = \"maildir:/home/alice/Mail\" }]`",
        missing: Missing::Words("none: every message goes to `deliver`"),
        meaning: "Rules that choose other targets for some of the mail. The first one that holds decides.",
        other_words: &["rule", "filter", "match"],
    },
    Key {
        name: "recipient_headers",
        value: "`[\"X-Original-To\"]`",
        missing: Missing::Value("[\"X-Original-To\", \"Envelope-To\", \"Delivered-To\"]"),
        meaning: "The fields that tell for whom a message came, the most telling one first. Of each the topmost one \
                  counts, which the last server on the way wrote.",
        other_words: &["envelope"],
    },
    Key {
        name: "trace_headers",
        value: "`[\"Received\", \"Delivered-To\", \"Return-Path\"]`, or some of these",
        missing: Missing::Words("none: a message is stored as the server has it"),
        meaning: "Fields that are put before each message: when and by what it was fetched, from which mailbox, and its \
                  sender.",
        other_words: &["received"],
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
        missing: Missing::Words("`\"forever\"`, and `\"none\"` beside `keep_newest` or `keep_bytes`"),
        meaning: "How long delivered mail stays on the server at least, counted from its delivery. It is deleted once no \
                  `keep` rule keeps it.",
        other_words: &["retention"],
    },
    Key {
        name: "keep_newest",
        value: "a number of messages such as `500`",
        missing: Missing::Words("this rule keeps nothing"),
        meaning: "So many of the delivered messages, the newest, stay on the server.",
        other_words: &[],
    },
    Key {
        name: "keep_bytes",
        value: "a size such as `\"500 MB\"`",
        missing: Missing::Words("this rule keeps nothing"),
        meaning: "The newest of the delivered messages stay on the server, as many as are together no larger.",
        other_words: &["quota"],
    },
    Key {
        name: "delete_larger_than",
        value: "a size such as `\"10 MB\"`",
        missing: Missing::Words("none is too large"),
        meaning: "A larger message is deleted once it is delivered, whatever keeps it.",
        other_words: &["limitflush", "delete_bigger_than"],
    },
    Key {
        name: "delete_when_removed_locally",
        value: "`true` or `false`",
        missing: Missing::Value("false"),
        meaning: "A message that you removed from the Maildir is deleted on the server too, whatever keeps it. Only with a \
                  single Maildir, without `route` and `trace_headers`.",
        other_words: &[],
    },
    Key {
        name: "max_size",
        value: "a size such as `\"25 MB\"`",
        missing: Missing::Words("everything is fetched"),
        meaning: "A larger message is not fetched. It stays on the server, and is fetched once this is raised.",
        other_words: &["max_message_size", "skipsize", "maximum_size"],
    },
    Key {
        name: "oversize",
        value: "`\"skip\"` or `\"headers\"`",
        missing: Missing::Value("\"skip\""),
        meaning: "What is told of a message larger than `max_size`: a line in the report of the run that lists it first, or \
                  its header, delivered once in the place of the message.",
        other_words: &["headers_only", "too_large"],
    },
    Key {
        name: "order",
        value: "`\"oldest\"`, `\"newest\"` or `\"smallest\"`",
        missing: Missing::Value("\"oldest\""),
        meaning: "What is fetched first: the server's order, which is that of arrival, the same backwards, or by size.",
        other_words: &["sort"],
    },
    Key {
        name: "limit",
        value: "a number of messages such as `200`",
        missing: Missing::Words("no limit"),
        meaning: "Most messages that a run fetches. The next run goes on.",
        other_words: &["fetchlimit", "max_messages_per_session"],
    },
    Key {
        name: "limit_bytes",
        value: "a size such as `\"100 MB\"`",
        missing: Missing::Words("no limit"),
        meaning: "Once a run has fetched so much it begins no further message. The next run goes on.",
        other_words: &["max_bytes_per_session"],
    },
    Key {
        name: "limit_time",
        value: "`\"1s\"` to `\"24h\"`",
        missing: Missing::Words("no limit"),
        meaning: "Once a run has taken so long it begins no further message, and ends well. The next run goes on.",
        other_words: &[],
    },
    Key {
        name: "relogin",
        value: "a number of messages such as `200`",
        missing: Missing::Words("one session does it all"),
        meaning: "After so many new messages, or so many deletions, a run ends its session and opens another one, so that \
                  deletions take effect in the middle of a long run. Not sooner than the server's LOGIN-DELAY allows.",
        other_words: &["expunge", "purge_after"],
    },
    Key {
        name: "until_drained",
        value: "`true` or `false`",
        missing: Missing::Value("false"),
        meaning: "Whether a run opens one session after another until nothing new is listed, for servers that show only \
                  a part of the mail at a time, such as Gmail.",
        other_words: &[],
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
        meaning: "Longest run of the account: one that takes longer is ended as an error. What it does not reach is fetched \
                  by the next run.",
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
deliver  = ["maildir:~/Mail/home", { mbox = "~/Mail/archive.zst" }]
timeout  = "2m"

[account.family]
server   = "mail.example.net"
user     = "family@example.net"
deliver  = "maildir:/srv/mail/family"

[[account.family.route]]
recipient = ["bob@example.net", "bob+*@example.net"]
deliver   = "maildir:/srv/mail/bob"

[[account.family.route]]
recipient = "*@example.net"
deliver   = { lmtp = "/run/dovecot/lmtp", recipient = "{recipient}" }
"#;

/// The names of `keys`.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
