//! The keys of a target.

use super::{Key, Missing};

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
