//! fetchonce.toml(5): the configuration.

use roff::{bold, roman};

use super::page::{Page, marked};
use crate::config::keys::{self, Key, Missing};

pub(super) fn page() -> String {
    let mut page = Page::new("FETCHONCE.TOML", "5", "File Formats");
    page.section("NAME");
    page.paragraph("fetchonce.toml - configuration of fetchonce(1)");
    page.section("SYNOPSIS");
    page.paragraph("`~/.config/fetchonce/config.toml`");
    page.section("DESCRIPTION");
    page.paragraph(
        "fetchonce(1) reads `~/.config/fetchonce/config.toml`, or `$XDG_CONFIG_HOME/fetchonce/config.toml` where that \
         is set, or the file that its option `--config` names. It is written in TOML: keys of the file first, then a table of keys \
         for each account.",
    );
    page.paragraph(
        "An unknown key is an error, which names its line and the nearest known key. No error quotes a value, since any \
         value may be a password in the wrong place. Relative paths count from the folder of the file, `~/` counts from \
         the home folder.",
    );
    page.section("KEYS OF THE FILE");
    keys_of(&mut page, &keys::FILE);
    page.section("KEYS OF AN ACCOUNT");
    keys_of(&mut page, &keys::ACCOUNT);
    page.section("PASSWORDS");
    page.paragraph(
        "A `password` that is a text stands in the configuration itself, which only its owner may read then. A table \
         says where it comes from, for example `password = { file = \"~/.mail-password\" }`:",
    );
    keys_of(&mut page, &keys::PASSWORD);
    page.paragraph(
        "A command sees the environment of fetchonce without `FETCHONCE_PASSWORD`, and without the variables that any \
         account names by `env`.",
    );
    page.section("TARGETS");
    page.paragraph(
        "A target of `deliver` is a text: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM ARGUMENT ...`, \
         `lmtp:SOCKET`, `lmtp:HOST:PORT` or `smtp:HOST:PORT`. The words of a program are split at blanks, and there is no \
         shell. Or it is a table with one of these keys:",
    );
    let (kinds, options): (Vec<&Key>, Vec<&Key>) =
        keys::DELIVER.iter().partition(|key| matches!(key.missing, Missing::RefusedUnlessOne));
    keys_of(&mut page, kinds);
    page.paragraph("and with options of its kind:");
    keys_of(&mut page, options);
    for (kind, options) in &keys::OPTIONS {
        page.bullet(&format!("Options of `{kind}`: `{}`.", options.join("`, `")));
    }
    page.paragraph(
        "Of several targets, `deliver = [\"maildir:~/Mail\", { mbox = \"~/archive.zst\" }]`, each gets every message, and \
         each delivery is recorded by itself.",
    );
    page.section("ROUTES");
    page.paragraph(
        "A `route` is a rule that chooses other targets for some of the mail, or skips it. The rules are asked in their \
         order, and the first one that holds decides; what no rule takes goes to the account's own `deliver`. Conditions of \
         a rule must all hold, of a list in one of them one must. In `recipient`, `list_id` and `matches` a `*` stands for any \
         characters; the case of letters counts nowhere. A field with several addresses is taken for each of them.",
    );
    keys_of(&mut page, &keys::ROUTE);
    page.paragraph("The keys of a `header`:");
    keys_of(&mut page, &keys::HEADER);
    page.section("EXAMPLE");
    page.example(keys::EXAMPLE);
    page.section("SEE ALSO");
    page.paragraph("fetchonce(1), maildir(5), systemd.exec(5)");
    page.text()
}

fn keys_of<'k>(page: &mut Page, keys: impl IntoIterator<Item = &'k Key>) {
    for key in keys {
        let mut term = vec![bold(key.name), roman(": ")];
        term.extend(marked(key.value));
        page.item(term, &format!("{} {}", key.meaning, missing(key.missing)));
    }
}

fn missing(missing: Missing) -> String {
    match missing {
        Missing::Refused => "Needed.".to_owned(),
        Missing::RefusedUnlessOne => String::new(),
        Missing::Value(_) | Missing::Words(_) => format!("Default: {missing}."),
    }
}
