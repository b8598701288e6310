//! The keys of a rule.

use super::{Key, Missing};

/// The keys of a rule in `route`: conditions, all of which must hold, and what becomes of the message.
pub static ROUTE: [Key; 7] = [
    Key {
        name: "recipient",
        value: "`\"alice@example.com\"`, or a list such as `[\"alice@example.com\", \"*@lists.example.com\"]`",
        missing: Missing::Words("whoever it came for"),
        meaning: "For whom the message came: an address in one of the account's `recipient_headers`.",
        other_words: &["to", "address", "envelope"],
    },
    Key {
        name: "header",
        value: "`{ name = \"Subject\", contains = \"invoice\" }`, or a list of such tables",
        missing: Missing::Words("whatever it has"),
        meaning: "What is in the fields of a name, encoded words decoded.",
        other_words: &["match"],
    },
    Key {
        name: "list_id",
        value: "`\"*.rust-lang.org\"`, or a list such as `[\"announce.example.com\", \"news.example.com\"]`",
        missing: Missing::Words("whatever it has"),
        meaning: "The identifier of the mailing list, as it stands in the brackets of List-Id.",
        other_words: &["list"],
    },
    Key {
        name: "larger_than",
        value: "`\"20 MB\"`",
        missing: Missing::Words("any size"),
        meaning: "It is larger, as the server lists its size.",
        other_words: &["size"],
    },
    Key {
        name: "smaller_than",
        value: "`\"1 MiB\"`",
        missing: Missing::Words("any size"),
        meaning: "It is smaller, as the server lists its size.",
        other_words: &[],
    },
    Key {
        name: "deliver",
        value: "`\"maildir:PATH\"`, another target, or a list, as for the account",
        missing: Missing::Words("this or `skip` is needed"),
        meaning: "Where the message goes, instead of the account's targets. The recipient of a mail server can be \
                  `{recipient}`, the address by which the rule holds.",
        other_words: &["maildir", "action", "target"],
    },
    Key {
        name: "skip",
        value: "`true`",
        missing: Missing::Words("this or `deliver` is needed"),
        meaning: "The message is never fetched, and stays on the server. The server must know TOP for a rule that looks at \
                  the header.",
        other_words: &["drop", "ignore"],
    },
];

/// The keys of a `header` in a rule.
pub static HEADER: [Key; 3] = [
    Key {
        name: "name",
        value: "`\"Subject\"`",
        missing: Missing::Refused,
        meaning: "The name of the fields, in any case of letters.",
        other_words: &["field"],
    },
    Key {
        name: "contains",
        value: "`\"invoice\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "One of them has this text somewhere.",
        other_words: &["substring"],
    },
    Key {
        name: "matches",
        value: "`\"*@shop.example.com>\"`",
        missing: Missing::RefusedUnlessOne,
        meaning: "One of them is this text, in which `*` stands for any characters.",
        other_words: &["equals", "glob", "is"],
    },
];
