//! What fetchonce(1) says beyond commands, options and exit codes.

use super::page::{Page, marked};

const DESCRIPTION: [&str; 3] = [
    "An account is one maildrop on a server and one Maildir here; fetchonce.toml(5) tells how to describe it. For each \
     account fetchonce keeps an index of the messages that it saw, delivered and deleted. What it is about to do is \
     recorded before it is done, so that after a crash the index and the Maildir tell what was done. A message is deleted \
     on the server only where `keep` says so, after its copy is durable on the disk and recorded, and after its content \
     was matched in the same session.",
    "Without a command, `fetchonce` does what `fetchonce fetch` does, and has its options.",
    "Standard output carries what a command was asked for. All else goes to standard error: on a terminal the progress \
     and a line for each account, elsewhere only what went wrong. Each error tells its cause, what is safe now, and what \
     to do next.",
];

const FILES: [(&str, &str); 5] = [
    ("`~/.config/fetchonce/config.toml`", "The configuration: see fetchonce.toml(5)."),
    (
        "`~/.local/state/fetchonce/ACCOUNT.sqlite`",
        "The index of an account, the memory of what was delivered. Back it up together with the mail, while nothing \
         runs.",
    ),
    (
        "`~/.local/state/fetchonce/ACCOUNT.lock`",
        "Locked while a fetchonce is at work on the account. It also remembers that there is an index: where that is \
         lost, the account stops.",
    ),
    (
        "`~/.local/state/fetchonce/held/ACCOUNT`",
        "A Maildir of the messages that the account's own Maildir refused. They move on as soon as that takes them.",
    ),
    (
        "`MAILDIR/fetchonce-maildir`, `MAILDIR/fetchonce-generation-*`",
        "The marks by which a Maildir is known, and by which an older copy of it or of the index is noticed.",
    ),
];

const ENVIRONMENT: [(&str, &str); 7] = [
    (
        "`FETCHONCE_PASSWORD`",
        "The password of a fetch without a configuration, where `--password-command` is not given. There is no option \
         for a password: other users see the command line.",
    ),
    (
        "`XDG_CONFIG_HOME`, `XDG_STATE_HOME`",
        "Absolute paths of the folders to use instead of `~/.config` and `~/.local/state`.",
    ),
    ("`HOME`", "The home folder, which `~/` counts from."),
    ("`CREDENTIALS_DIRECTORY`", "Where systemd keeps the credentials of a service, for passwords from there."),
    ("`NO_COLOR`", "Where it is set and not empty, nothing is coloured."),
    ("`TERM`", "Where it is `dumb` or not set, nothing is coloured, and there are no bars."),
    ("`TMPDIR`", "The folder in which the demonstration makes its own."),
];

const SIGNALS: &str = "The first `SIGINT` or `SIGTERM` ends the run in order, a second one ends the program at once. \
                       After either, as after a crash, the next run goes on from what was recorded.";

const PROBLEMS: &str = "No client can promise more than the server and the disk allow. Where there is a choice, fetchonce \
                        keeps mail rather than deletes it, and fetches it twice rather than loses it. The page \
                        docs/concepts/exactly-once.md of the source has the whole list, with reasons.";

/// Headings, and the cases below them.
const CASES: [(&str, &[&str]); 3] = [
    (
        "A second copy may come",
        &[
            "A run was stopped after it placed a file and before it recorded that, a mail reader took the file away, and \
             the next run came more than a day later.",
            "The index is lost or an older copy, and you decide to go on without the newer one: what it does not \
             remember and the server still has is fetched again.",
            "The server gave its messages new unique-ids while its own lists disagreed with one another.",
        ],
    ),
    (
        "A message may be missed",
        &[
            "Two messages have the same octets, and one is deleted before the other is ever listed: they look like one \
             message with another unique-id.",
            "The server gives the unique-id of a delivered message to another one of the same size, and nothing else \
             contradicts. This is noticed before a deletion, and so never with `keep = \"forever\"`.",
            "Another client deletes a message before it is fetched here. Where a fetch had begun, exit status 65 tells.",
            "The server hides from POP3 what was fetched once, as Gmail can, and the connection breaks before the \
             message is whole. Exit status 65 tells this too.",
            "The disk calls data durable and loses it.",
        ],
    ),
    (
        "A message may have to wait",
        &[
            "Dovecot 2.3 sends a message whose first line is a single dot so that it seems to end there. It is never \
             delivered in part: it is tried again with growing pauses, and told each time, until `fetchonce seen skip` \
             gives it up.",
            "A server without UIDL is not supported. One that makes new unique-ids for each session has all its mail \
             fetched each time, to be compared with what was delivered.",
        ],
    ),
];

pub(super) fn description(page: &mut Page) {
    for text in DESCRIPTION {
        page.paragraph(text);
    }
}

pub(super) fn surroundings(page: &mut Page) {
    for (title, items) in [("FILES", &FILES[..]), ("ENVIRONMENT", &ENVIRONMENT)] {
        page.section(title);
        for (term, text) in items {
            page.item(marked(term), text);
        }
    }
    page.section("SIGNALS");
    page.paragraph(SIGNALS);
}

pub(super) fn problems(page: &mut Page) {
    page.section("INHERENT PROBLEMS");
    page.paragraph(PROBLEMS);
    for (title, cases) in CASES {
        page.subsection(title);
        for text in cases {
            page.bullet(text);
        }
    }
}
