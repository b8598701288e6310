//! What leaves the server, what is fetched and in which order: each rule of an account against Dovecot, and that nothing
//! is deleted before all targets have it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::dovecot::{GOOD, PASSWORD};
use crate::support::mail::names_in;
use crate::support::{Dovecot, Place, Ran, leftovers, mail_in, stored};

/// Octets of each message, as the server counts them, where a test does not care.
const USUAL: usize = 100;
/// 2026-03-02: a Monday at noon.
const MONDAY: i64 = 1_772_452_800;
const DAY: i64 = 24 * 3600;

/// A message that is known by its name, of so many octets on the wire.
fn message(name: char, octets: usize) -> Vec<u8> {
    let header = format!("Subject: {name}\r\n\r\n");
    let body = "0123456789abcdefghijklmnopqrstuvwxyz\r\n".repeat(octets / 38 + 1);
    let mut wire = (header + &body).into_bytes();
    wire.truncate(octets - 2);
    assert!(!wire.ends_with(b"\r"), "{octets} octets cut a line end in two");
    wire.extend(b"\r\n");
    wire
}

fn name_of(content: &[u8]) -> char {
    let text = String::from_utf8_lossy(content);
    let (_, rest) = text.split_once("Subject: ").unwrap();
    rest.chars().next().unwrap()
}

fn sorted(names: impl Iterator<Item = char>) -> String {
    let mut names: Vec<char> = names.collect();
    names.sort_unstable();
    names.into_iter().collect()
}

/// A mailbox of Dovecot's, and an account that fetches from it.
struct Mailbox<'d> {
    dovecot: &'d Dovecot,
    user: &'static str,
    place: Place,
}

impl<'d> Mailbox<'d> {
    /// With these messages, each of the usual size, and these lines in the account.
    fn new(dovecot: &'d Dovecot, user: &'static str, names: &str, lines: &str) -> Self {
        let mailbox = Self { dovecot, user, place: Place::new() };
        mailbox.arrive(&names.chars().map(|name| (name, USUAL)).collect::<Vec<_>>());
        mailbox.configure(lines);
        mailbox
    }

    /// Messages arrive, of these sizes, each later than those with an earlier name.
    fn arrive(&self, messages: &[(char, usize)]) {
        for (name, octets) in messages {
            self.dovecot.store_at(self.user, u32::from(*name), &message(*name, *octets));
        }
    }

    /// The account with these lines; without a `deliver` among them it delivers to one Maildir.
    fn configure(&self, lines: &str) {
        let deliver = if lines.contains("deliver =") { "" } else { "deliver = \"maildir:Mail\"\n" };
        let (user, port) = (self.user, self.dovecot.pop3);
        let text = format!(
            "state_dir = \"state\"\n[account.work]\nserver = \"{GOOD}\"\nport = {port}\ntls = \"none\"\n\
             user = \"{user}\"\npassword = \"{PASSWORD}\"\n{deliver}{lines}\n"
        );
        fs::write(self.place.config(), text).unwrap();
        fs::set_permissions(self.place.config(), Permissions::from_mode(0o600)).unwrap();
    }

    fn run(&self, words: &[&str], clock: i64) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetchonce"));
        command.arg("--config").arg(self.place.config()).args(words);
        self.place.settle_command(&mut command);
        command.env("PATH", "/usr/bin:/bin").env("FETCHONCE_CLOCK", clock.to_string());
        self.place.run(&mut command)
    }

    #[track_caller]
    fn fetch(&self) {
        self.fetch_at(MONDAY);
    }

    #[track_caller]
    fn fetch_at(&self, clock: i64) {
        self.run(&["fetch"], clock).ok();
    }

    /// What `list` says: action and reason of each message, in the server's order. A dry run says the same.
    #[track_caller]
    fn decisions_at(&self, clock: i64) -> Vec<String> {
        let said = |words: &[&str]| {
            self.run(words, clock).ok();
            fs::read_to_string(self.place.path("stdout")).unwrap()
        };
        let listed = said(&["list"]);
        assert_eq!(said(&["fetch", "--dry-run"]), listed);
        let decision = |line: &str| {
            let words: Vec<&str> = line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
            format!("{}: {}", words[2], words[5])
        };
        listed.lines().map(decision).collect()
    }

    /// Asserts what `list` and a dry run say now, and what is on the server and in the Maildir after a fetch.
    #[track_caller]
    fn fetches(&self, decisions: &[&str], on_server: &str, delivered: &str) {
        assert_eq!(self.decisions_at(MONDAY), decisions);
        self.fetch();
        self.holds(on_server, delivered);
    }

    /// Asserts what is on the server, and that the Maildir has these messages, each once and whole.
    #[track_caller]
    fn holds(&self, on_server: &str, delivered: &str) {
        assert_eq!(self.on_server(), on_server, "on the server");
        assert_eq!(self.delivered("Mail"), delivered, "in the Maildir");
    }

    fn on_server(&self) -> String {
        let maildir = self.dovecot.maildir(self.user);
        let folders = ["new", "cur"].map(|sub| maildir.join(sub));
        let paths = folders.iter().flat_map(|folder| names_in(folder).into_iter().map(|name| folder.join(name)));
        sorted(paths.map(|path| name_of(&fs::read(path).unwrap())))
    }

    fn delivered(&self, maildir: &str) -> String {
        let maildir = self.place.path(maildir);
        assert_eq!(leftovers(&maildir), [""; 0], "tmp/");
        let files = mail_in(&maildir);
        for file in &files {
            let name = name_of(&file.content);
            // With CRLF at each line end, as it was sent, it is as long as the server says.
            let lines = String::from_utf8_lossy(&file.content).lines().count();
            assert_eq!(file.content, stored(&message(name, file.content.len() + lines)), "{name}");
        }
        sorted(files.iter().map(|file| name_of(&file.content)))
    }

    /// How many messages were retrieved from Dovecot and deleted there, in each session so far.
    fn sessions(&self, count: usize) -> Vec<(usize, usize)> {
        let number = |line: &str, what: &str| {
            let (_, rest) = line.split_once(what).unwrap();
            rest.split(['/', ',']).next().unwrap().parse().unwrap()
        };
        let sessions = self.dovecot.sessions(self.user, count);
        sessions.iter().map(|line| (number(line, "retr="), number(line, "del="))).collect()
    }
}

const NEW: &str = "fetch: never seen before";
const NEW_AND_GOES: &str = "fetch: never seen before; deleted once delivered";
const NEWEST: &str = "leave: among the newest that stay";
const DISPLACED: &str = "delete: older than the newest that stay";
const OVER_LIMIT: &str = "leave: over the limit of this run";

#[test]
fn i3_each_rule_leaves_on_the_server_what_it_keeps_and_deletes_the_rest_once_it_is_delivered() {
    let users = ["days", "newest", "octets", "large", "removed", "both"];
    let Some(dovecot) = Dovecot::start(&users) else { return };
    fourteen_days(&dovecot);
    the_newest(&dovecot);
    so_many_octets(&dovecot);
    no_large_ones(&dovecot);
    the_removed_ones(&dovecot);
    the_rules_together(&dovecot);
}

fn fourteen_days(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "days", "ab", "keep = \"14 days\"");
    mailbox.fetches(&[NEW, NEW], "ab", "ab");
    mailbox.fetch_at(MONDAY + 13 * DAY);
    mailbox.holds("ab", "ab");
    assert_eq!(mailbox.decisions_at(MONDAY + 13 * DAY), ["leave: due 2026-03-16"; 2]);
    mailbox.arrive(&[('c', USUAL)]);
    let in_time = MONDAY + 14 * DAY;
    assert_eq!(mailbox.decisions_at(in_time), ["delete: kept long enough", "delete: kept long enough", NEW]);
    mailbox.fetch_at(in_time);
    mailbox.holds("c", "abc");
    assert_eq!(mailbox.decisions_at(in_time), ["leave: due 2026-03-30"]);
}

fn the_newest(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "newest", "abc", "keep_newest = 2");
    mailbox.fetches(&[NEW_AND_GOES, NEW, NEW], "bc", "abc");
    mailbox.fetches(&[NEWEST, NEWEST], "bc", "abc");
    mailbox.arrive(&[('d', USUAL)]);
    mailbox.fetches(&[DISPLACED, NEWEST, NEW], "cd", "abcd");
    mailbox.configure("keep_newest = 1");
    mailbox.fetches(&[DISPLACED, NEWEST], "d", "abcd");
}

fn so_many_octets(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "octets", "abc", "keep_bytes = \"200 B\"");
    mailbox.fetches(&[NEW_AND_GOES, NEW, NEW], "bc", "abc");
    mailbox.arrive(&[('d', USUAL + 50)]);
    mailbox.fetches(&[DISPLACED, DISPLACED, NEW], "d", "abcd");
}

fn no_large_ones(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "large", "ac", "delete_larger_than = \"1 KiB\"");
    mailbox.arrive(&[('b', 1025), ('d', 1024)]);
    mailbox.fetches(&[NEW, NEW_AND_GOES, NEW, NEW], "acd", "abcd");
    mailbox.configure("delete_larger_than = \"1 kB\"");
    let kept = "leave: kept for ever";
    mailbox.fetches(&[kept, kept, "delete: larger than `delete_larger_than`"], "ac", "abcd");
}

/// What is removed from the Maildir, in three runs half a day apart; more of it only once that is confirmed.
fn the_removed_ones(dovecot: &Dovecot) {
    let all = "abcdefghijkl";
    let mailbox = Mailbox::new(dovecot, "removed", all, "delete_when_removed_locally = true");
    let remove = |names: &str| {
        let new = mailbox.place.path("Mail/new");
        let paths = names_in(&new).into_iter().map(|name| new.join(name));
        paths
            .filter(|path| names.contains(name_of(&fs::read(path).unwrap())))
            .for_each(|path| fs::remove_file(path).unwrap());
    };
    mailbox.fetch();
    mailbox.holds(all, all);
    remove("c");
    for half_days in 0..2 {
        mailbox.fetch_at(MONDAY + half_days * DAY / 2);
        mailbox.holds(all, "abdefghijkl");
    }
    assert_eq!(mailbox.decisions_at(MONDAY + DAY)[2], "delete: removed from the Maildir");
    mailbox.fetch_at(MONDAY + DAY);
    mailbox.holds("abdefghijkl", "abdefghijkl");

    remove("de");
    for half_days in 2..4 {
        mailbox.fetch_at(MONDAY + half_days * DAY / 2);
    }
    let ran = mailbox.run(&["fetch"], MONDAY + 2 * DAY);
    assert_eq!(ran.code(), Some(65), "{ran:?}");
    mailbox.holds("abdefghijkl", "abfghijkl");
    mailbox.run(&["fetch", "--confirm"], MONDAY + 2 * DAY).ok();
    mailbox.holds("abfghijkl", "abfghijkl");
}

/// A rule that keeps is enough to keep, and `delete_larger_than` goes before all of them.
fn the_rules_together(dovecot: &Dovecot) {
    let rules = "keep = \"7 days\"\nkeep_newest = 1\ndelete_larger_than = \"1 KiB\"";
    let mailbox = Mailbox::new(dovecot, "both", "ab", rules);
    mailbox.arrive(&[('c', 1025)]);
    mailbox.fetches(&[NEW, NEW, NEW_AND_GOES], "ab", "abc");
    assert_eq!(mailbox.decisions_at(MONDAY), ["leave: due 2026-03-09", NEWEST]);
    mailbox.fetch_at(MONDAY + 7 * DAY);
    mailbox.holds("b", "abc");
}

#[test]
fn each_rule_of_intake_leaves_the_rest_for_later() {
    let users = ["size", "header", "oldest", "newest", "smallest", "bytes", "time", "relogin", "drained"];
    let Some(dovecot) = Dovecot::start(&users) else { return };
    no_larger_ones_come(&dovecot);
    the_header_of_a_larger_one_comes(&dovecot);
    for (order, first, then) in [("oldest", "ab", "abcd"), ("newest", "de", "bcde"), ("smallest", "bd", "abde")] {
        at_most_two_in_order(&dovecot, order, first, then);
    }
    no_further_one_after_so_many_octets(&dovecot);
    no_further_one_after_so_long(&dovecot);
    sessions_of_two_messages_each(&dovecot);
    sessions_until_nothing_new_is_listed(&dovecot);
}

fn no_larger_ones_come(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "size", "ac", "max_size = \"1 KiB\"\nkeep = \"none\"");
    mailbox.arrive(&[('b', 1025), ('d', 1024)]);
    let too_large = "leave: larger than `max_size`";
    assert_eq!(mailbox.decisions_at(MONDAY), [NEW_AND_GOES, too_large, NEW_AND_GOES, NEW_AND_GOES]);
    // It is told once, and counted afterwards; it is never deleted.
    for told in [true, false] {
        let ran = mailbox.run(&["fetch"], MONDAY);
        assert_eq!(ran.stderr.contains("1 message larger than 1.0 KiB not fetched"), told, "{ran:?}");
        ran.ok();
        mailbox.holds("b", "acd");
    }
    assert_eq!(mailbox.sessions(4).iter().map(|(retrieved, _)| retrieved).sum::<usize>(), 3);
    mailbox.configure("max_size = \"2 KiB\"\nkeep = \"none\"");
    mailbox.fetches(&["fetch: listed before, not delivered yet; deleted once delivered"], "", "abcd");
}

fn the_header_of_a_larger_one_comes(dovecot: &Dovecot) {
    let rules = |size| format!("max_size = \"{size} KiB\"\noversize = \"headers\"\nkeep = \"none\"");
    let mailbox = Mailbox::new(dovecot, "header", "a", &rules(1));
    mailbox.arrive(&[('b', 1025)]);
    assert_eq!(mailbox.decisions_at(MONDAY), [NEW_AND_GOES, "header: larger than `max_size`: the header alone"]);
    let in_maildir = || mail_in(&mailbox.place.path("Mail")).into_iter().map(|file| file.content).collect::<Vec<_>>();
    for _ in 0..2 {
        mailbox.fetch();
        assert_eq!(mailbox.on_server(), "b");
        assert_eq!(sorted(in_maildir().iter().map(|content| name_of(content))), "ab");
        let announced =
            b"X-Fetchonce-Headers-Only: 1025 octets left on the server\nSubject: b\n\nThis message is larger";
        assert!(in_maildir().iter().any(|content| content.starts_with(announced)));
    }
    mailbox.configure(&rules(2));
    mailbox.fetch();
    assert_eq!(mailbox.on_server(), "");
    assert!(in_maildir().len() == 3 && in_maildir().contains(&stored(&message('b', 1025))));
}

fn at_most_two_in_order(dovecot: &Dovecot, order: &'static str, first: &str, then: &str) {
    let mailbox = Mailbox::new(dovecot, order, "", &format!("limit = 2\norder = \"{order}\""));
    mailbox.arrive(&[('a', 200), ('b', 100), ('c', 400), ('d', 150), ('e', 300)]);
    let decision = |name: char| if first.contains(name) { NEW } else { OVER_LIMIT };
    let decisions: Vec<&str> = "abcde".chars().map(decision).collect();
    mailbox.fetches(&decisions, "abcde", first);
    mailbox.fetch();
    mailbox.holds("abcde", then);
    mailbox.fetch();
    mailbox.holds("abcde", "abcde");
}

fn no_further_one_after_so_many_octets(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "bytes", "abc", "limit_bytes = \"101 B\"\nkeep = \"none\"");
    mailbox.fetches(&[NEW_AND_GOES, NEW_AND_GOES, OVER_LIMIT], "c", "ab");
    mailbox.fetches(&["fetch: listed before, not delivered yet; deleted once delivered"], "", "abc");
}

/// The time is over before anything is fetched, since the target takes longer to get what waits for it: on no machine is
/// it otherwise.
fn no_further_one_after_so_long(dovecot: &Dovecot) {
    let script = "test -e ready || exit 75; sleep 1.1; grep ^Subject: >>got";
    let deliver = |limit| format!("deliver = {{ pipe = [\"sh\", \"-c\", \"cd \\\"$HOME\\\"; {script}\"] }}\n{limit}");
    let mailbox = Mailbox::new(dovecot, "time", "a", &deliver(""));
    assert_eq!(mailbox.run(&["fetch"], MONDAY).code(), Some(75));
    mailbox.arrive(&[('b', USUAL)]);
    fs::write(mailbox.place.path("ready"), "").unwrap();
    mailbox.configure(&deliver("limit_time = \"1s\""));
    let got = || fs::read_to_string(mailbox.place.path("got")).unwrap();
    mailbox.fetch();
    assert_eq!(got(), "Subject: a\n");
    mailbox.configure(&deliver(""));
    mailbox.fetch();
    assert_eq!((got().as_str(), mailbox.on_server().as_str()), ("Subject: a\nSubject: b\n", "ab"));
}

fn sessions_of_two_messages_each(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "relogin", "abcde", "relogin = 2\nkeep = \"none\"");
    mailbox.fetch();
    mailbox.holds("", "abcde");
    assert_eq!(mailbox.sessions(3)[..3], [(2, 2), (2, 2), (1, 1)]);
}

fn sessions_until_nothing_new_is_listed(dovecot: &Dovecot) {
    let mailbox = Mailbox::new(dovecot, "drained", "ab", "until_drained = true");
    mailbox.fetch();
    mailbox.holds("ab", "ab");
    assert_eq!(mailbox.sessions(2), [(2, 0), (0, 0)]);
}

/// I3: each target has it, or it stays.
#[test]
fn i3_nothing_is_deleted_before_every_target_has_it() {
    let users = ["maildirs", "newest", "large", "mbox"];
    let Some(dovecot) = Dovecot::start(&users) else { return };
    two_maildirs(&dovecot);
    for (user, rule) in
        [("newest", "keep_newest = 1"), ("large", "delete_larger_than = \"99 B\""), ("mbox", "keep = \"none\"")]
    {
        a_maildir_and_an_mbox_that_refuses(&dovecot, user, rule);
    }
}

fn two_maildirs(dovecot: &Dovecot) {
    let mailbox =
        Mailbox::new(dovecot, "maildirs", "ab", "keep_newest = 1\ndeliver = [\"maildir:Mail\", \"maildir:Copy\"]");
    mailbox.fetches(&[NEW_AND_GOES, NEW], "b", "ab");
    assert_eq!(mailbox.delivered("Copy"), "ab");
}

fn a_maildir_and_an_mbox_that_refuses(dovecot: &Dovecot, user: &'static str, rule: &str) {
    let mailbox = Mailbox::new(dovecot, user, "ab", &format!("{rule}\ndeliver = [\"maildir:Mail\", \"mbox:inbox\"]"));
    let inbox = mailbox.place.path("inbox");
    fs::write(&inbox, "no mbox\n").unwrap();
    for _ in 0..2 {
        let ran = mailbox.run(&["fetch"], MONDAY);
        assert!(ran.code() != Some(0) && ran.stderr.contains("refuses 2 messages"), "{ran:?}");
        mailbox.holds("ab", "ab");
    }
    assert_eq!(mailbox.decisions_at(MONDAY), ["leave: waits in the held Maildir"; 2]);
    assert_eq!(fs::read_to_string(&inbox).unwrap(), "no mbox\n");

    fs::remove_file(&inbox).unwrap();
    mailbox.fetch();
    mailbox.holds(if rule.contains("newest") { "b" } else { "" }, "ab");
    assert_eq!(subjects(&inbox), "ab");
    let retrieved: usize = mailbox.sessions(5).iter().map(|(retrieved, _)| retrieved).sum();
    assert_eq!(retrieved, 2, "{rule}");
}

fn subjects(mbox: &Path) -> String {
    let text = fs::read_to_string(mbox).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("Subject: ")).collect()
}
