//! Where mail goes: one maildrop for several people, rules that choose a target or skip, and what is put before a message.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use fetchonce::demo::{Event, Faults, Message};
use fetchonce::model::Octets;
use serde_json::Value;

use crate::support::home::{Home, Ran};

/// A home whose server has these messages, and whose account `work` has these lines more.
fn home(messages: &[&str], more: &str) -> Home {
    with(Faults::default(), messages, more)
}

fn with(faults: Faults, messages: &[&str], more: &str) -> Home {
    let home = Home::with_faults(move |_| faults.clone());
    {
        let mut maildrop = home.maildrop.lock().unwrap();
        maildrop.messages.clear();
        for message in messages {
            maildrop.add(message.as_bytes());
        }
    }
    configure(&home, more);
    home
}

fn configure(home: &Home, more: &str) {
    home.configure(&format!("{}{more}", home.account("work")));
}

/// Asserts that a Maildir holds exactly these messages, octet for octet.
#[track_caller]
fn holds(home: &Home, maildir: &str, messages: &[&str]) {
    let mut expected: Vec<String> = messages.iter().map(|message| (*message).to_owned()).collect();
    expected.sort();
    let found: Vec<String> = home.mail(maildir).into_iter().map(|mail| String::from_utf8(mail).unwrap()).collect();
    assert_eq!(found, expected, "{maildir}");
}

/// The words of the commands that the server was given, of one kind.
fn asked(home: &Home, verb: &str) -> Vec<String> {
    let line = |event| if let Event::Command(line) = event { Some(line) } else { None };
    let lines = home.listener.log().into_iter().filter_map(|logged| line(logged.event));
    lines.filter(|line| line.starts_with(verb)).collect()
}

fn on_server(home: &Home) -> usize {
    home.maildrop.lock().unwrap().messages.len()
}

fn records(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type<'r>(records: &'r [Value], name: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["type"] == name).collect()
}

const FOR_ALICE: &str = "Delivered-To: alice@example.com\nSubject: 1\n\nto Alice\n";
const FOR_BOB: &str = "Received: x\nX-Original-To: <Bob@Example.com>\nDelivered-To: box@provider.example\n\nto Bob\n";
const FOR_BOTH: &str = "Envelope-To: alice@example.com,\n bob@example.com\n\nto both\n";
const FOR_NOBODY: &str = "Delivered-To: carol@example.com\nTo: alice@example.com\n\nto nobody here\n";
const UNNAMED: &str = "Subject: no address\n\nto whom?\n";

const TWO_PEOPLE: &str = "
[[account.work.route]]
recipient = [\"alice@example.com\", \"alice+*@example.com\"]
deliver = \"maildir:Mail-alice\"

[[account.work.route]]
recipient = \"bob@example.com\"
deliver = [\"maildir:Mail-bob\", \"eml:bob\"]
";

#[test]
fn a_maildrop_for_two_people_is_divided_by_address_and_the_rest_is_caught() {
    let home = home(&[FOR_ALICE, FOR_BOB, FOR_BOTH, FOR_NOBODY, UNNAMED], &format!("keep = \"none\"\n{TWO_PEOPLE}"));
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Mail-alice", &[FOR_ALICE, FOR_BOTH]);
    holds(&home, "Mail-bob", &[FOR_BOB, FOR_BOTH]);
    holds(&home, "Mail-work", &[FOR_NOBODY, UNNAMED]);
    let eml: Vec<PathBuf> =
        home.snapshot().into_keys().filter(|path| path.extension() == Some("eml".as_ref())).collect();
    assert_eq!(eml.len(), 2, "{eml:?}");
    assert_eq!((home.retrieved(), on_server(&home)), (5, 0));

    home.maildrop.lock().unwrap().add(b"Delivered-To: alice+shop@example.com\n\nmore\n");
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Mail-alice", &[FOR_ALICE, FOR_BOTH, "Delivered-To: alice+shop@example.com\n\nmore\n"]);
    assert_eq!((home.retrieved(), home.mail("Mail-bob").len(), home.mail("Mail-work").len()), (6, 2, 2));
}

#[test]
fn the_field_that_names_the_recipient_can_be_any() {
    let message = "X-For: bob@example.com\nDelivered-To: alice@example.com\n\nx\n";
    let home = home(&[message, FOR_ALICE], &format!("recipient_headers = [\"X-For\"]\n{TWO_PEOPLE}"));
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Mail-bob", &[message]);
    holds(&home, "Mail-work", &[FOR_ALICE]);
    holds(&home, "Mail-alice", &[]);
}

const SPAM: &str = "X-Spam-Flag: YES\nSubject: win\n\nbuy\n";
const LIST: &str = "List-Id: The list <news.lists.example.com>\n\nnews\n";
const INVOICE: &str = "Subject: =?utf-8?q?Your_Invoice_f=C3=BCr_M=C3=A4rz?=\n\npay\n";
const PLAIN: &str = "Subject: hello\n\nhi\n";

const RULES: &str = "
[[account.work.route]]
header = { name = \"X-Spam-Flag\", matches = \"yes\" }
skip = true

[[account.work.route]]
larger_than = \"4 KiB\"
skip = true

[[account.work.route]]
list_id = \"*.lists.example.com\"
deliver = \"maildir:Mail-lists\"

[[account.work.route]]
header = [{ name = \"Subject\", contains = \"invoice für\" }, { name = \"From\", contains = \"@shop.example\" }]
smaller_than = \"4 KiB\"
deliver = \"maildir:Mail-shop\"
";

fn large() -> String {
    format!("Subject: large\n\n{}", "0123456789abcde\n".repeat(1024))
}

/// I3, I4: what is skipped is neither downloaded nor deleted, whatever `keep` says.
#[test]
fn rules_choose_a_target_or_skip_before_anything_is_downloaded() {
    let large = large();
    let home = home(&[SPAM, &large, LIST, INVOICE, PLAIN], &format!("keep = \"none\"\n{RULES}"));
    let ran = home.run(&["fetch", "--json"]);
    let told = records(&ran);
    holds(&home, "Mail-lists", &[LIST]);
    holds(&home, "Mail-shop", &[INVOICE]);
    holds(&home, "Mail-work", &[PLAIN]);
    // The size alone tells of the second one.
    assert_eq!(asked(&home, "TOP"), ["TOP 1 0", "TOP 3 0", "TOP 4 0", "TOP 5 0"]);
    assert_eq!(asked(&home, "RETR"), ["RETR 3", "RETR 4", "RETR 5"]);
    assert_eq!(on_server(&home), 2);
    let skipped = of_type(&told, "skipped_by_route");
    let why = |record: &&Value| record["why"].as_str().unwrap().to_owned();
    let size = Octets(17_427);
    assert_eq!(
        skipped.iter().map(why).collect::<Vec<_>>(),
        ["route 1: X-Spam-Flag: YES".to_owned(), format!("route 2: size {size}")]
    );
    let summary = of_type(&told, "summary")[0];
    assert_eq!((ran.code, &summary["delivered"], &summary["skipped"]), (Some(0), &3.into(), &2.into()), "{ran:?}");

    // Later runs count what they told before.
    let told = records(&home.run(&["fetch", "--json"]));
    assert!(of_type(&told, "skipped_by_route").is_empty(), "{told:?}");
    assert_eq!(of_type(&told, "summary")[0]["skipped"], 2);
    let list = home.run(&["list"]);
    assert!(list.out.contains("leave") && list.out.contains("skipped by route 1: X-Spam-Flag: YES\n"), "{list:?}");
    assert_eq!(home.retrieved(), 3);

    // Without the rules it is fetched, and may go.
    configure(&home, "keep = \"none\"\n");
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Mail-work", &[PLAIN, SPAM, &large]);
    assert_eq!(on_server(&home), 0);
}

/// I6: as long as the rules, the size and the unique-id are the same, and the message did not leave the listing.
#[test]
fn the_header_of_what_is_skipped_is_asked_for_once() {
    let home = home(&[PLAIN, SPAM], RULES);
    let tops_of = |words: &[&str]| {
        let before = asked(&home, "TOP").len();
        let ran = home.run(words);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        (ran.out, asked(&home, "TOP").split_off(before))
    };
    let none: [&str; 0] = [];
    assert_eq!(tops_of(&["-q"]).1, ["TOP 1 0", "TOP 2 0"]);
    assert_eq!(tops_of(&["-q"]).1, none);
    let (list, tops) = tops_of(&["list"]);
    assert!(tops.is_empty() && list.contains("skipped by route 1: X-Spam-Flag: YES\n"), "{list}");
    assert_eq!(tops_of(&["list", "--explain"]).1, ["TOP 2 0"]);

    configure(&home, &RULES.replace("invoice", "receipt"));
    assert_eq!([tops_of(&["-q"]).1.len(), tops_of(&["-q"]).1.len()], [1, 0]);

    let replace = |with: &[&str]| {
        let mut maildrop = home.maildrop.lock().unwrap();
        let uid = maildrop.messages[0].uid.clone();
        maildrop.messages.truncate(1);
        let text = with.iter().map(|text| Message::new(b"again", text.as_bytes()));
        maildrop.messages.extend(text);
        assert_ne!(uid, b"again");
    };
    let longer = format!("{SPAM}longer\n");
    let other = longer.replace("YES", "NO!");
    replace(&[SPAM]);
    assert_eq!(tops_of(&["-q"]).1.len(), 1);
    replace(&[&longer]);
    assert_eq!([tops_of(&["-q"]).1.len(), tops_of(&["-q"]).1.len()], [1, 0], "another size");
    replace(&[]);
    tops_of(&["-q"]);
    replace(&[&other]);
    assert_eq!(tops_of(&["-q"]).1.len(), 1, "it was gone meanwhile");
    holds(&home, "Mail-work", &[PLAIN, &other]);
}

#[test]
fn what_is_skipped_does_not_count_for_the_limit() {
    let home = home(&[SPAM, SPAM, PLAIN, LIST], RULES);
    let ran = home.run(&["--dry-run", "--limit", "1"]);
    let actions: Vec<&str> = ran.out.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(actions, ["leave", "leave", "fetch", "leave"], "{ran:?}");
    home.run(&["-q", "--limit", "1"]).is_fine_and_silent();
    holds(&home, "Mail-work", &[PLAIN]);
    assert_eq!(asked(&home, "RETR"), ["RETR 3"]);
}

/// I4: what was downloaded is in safety before QUIT, although no target gets it.
#[test]
fn without_top_a_skipped_message_waits_on_the_disk_and_stays_on_the_server() {
    let faults = Faults { no_top: true, ..Faults::default() };
    let home = with(faults, &[SPAM, PLAIN], &format!("keep = \"none\"\n{RULES}"));
    for _ in 0..2 {
        home.run(&["-q"]).is_fine_and_silent();
        holds(&home, "Mail-work", &[PLAIN]);
        assert_eq!((home.retrieved(), on_server(&home)), (2, 1));
    }
    let list = home.run(&["list"]);
    assert!(list.out.contains("waits in the held Maildir"), "{list:?}");

    configure(&home, "keep = \"none\"\n");
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Mail-work", &[PLAIN, SPAM]);
    home.run(&["-q"]).is_fine_and_silent();
    assert_eq!(on_server(&home), 0);
}

#[test]
fn an_explanation_shows_the_fields_that_matter_the_route_and_the_targets() {
    let home = home(&[FOR_BOB, SPAM, FOR_NOBODY, UNNAMED], &format!("{TWO_PEOPLE}{RULES}"));
    let text = home.run(&["list", "--explain"]);
    let maildir = |name: &str| format!("maildir:{}", home.path(name).display());
    let sizes =
        home.maildrop.lock().unwrap().messages.iter().map(|m| format!("{:>8} B", m.octets())).collect::<Vec<_>>();
    let expected = format!(
        "work  new        fetch   {s0}  demo-0008  never seen before\n\
         work      X-Original-To: <Bob@Example.com>\n\
         work      Delivered-To: box@provider.example\n\
         work      route 2: X-Original-To: Bob@Example.com\n\
         work      to {bob}\n\
         work      to eml:{eml}\n\
         work  new        leave   {s1}  demo-0009  skipped by route 3: X-Spam-Flag: YES\n\
         work      X-Spam-Flag: YES\n\
         work      Subject: win\n\
         work  new        fetch   {s2}  demo-0010  never seen before\n\
         work      Delivered-To: carol@example.com\n\
         work      no route takes it: Delivered-To: carol@example.com\n\
         work      to {work}\n\
         work  new        fetch   {s3}  demo-0011  never seen before\n\
         work      Subject: no address\n\
         work      no route takes it: no address in X-Original-To, Envelope-To, Delivered-To\n\
         work      to {work}\n",
        s0 = sizes[0],
        s1 = sizes[1],
        s2 = sizes[2],
        s3 = sizes[3],
        bob = maildir("Mail-bob"),
        eml = home.path("bob").display(),
        work = maildir("Mail-work"),
    );
    assert_eq!((text.code, text.out.as_str()), (Some(0), expected.as_str()));

    let told = records(&home.run(&["list", "--explain", "--json"]));
    let routes: Vec<&Value> = of_type(&told, "message").into_iter().map(|message| &message["route"]).collect();
    assert_eq!(routes[0]["headers"][0]["name"], "X-Original-To");
    assert_eq!(routes[0]["headers"][0]["value"], "<Bob@Example.com>");
    assert_eq!(routes[0]["rules"], serde_json::json!([2]));
    assert_eq!(routes[0]["targets"][0], maildir("Mail-bob"));
    assert_eq!((&routes[1]["rules"], &routes[1]["targets"]), (&serde_json::json!([3]), &serde_json::json!([])));
    assert_eq!((&routes[2]["rules"], &routes[2]["targets"][0]), (&serde_json::json!([]), &maildir("Mail-work").into()));
    assert_eq!((home.retrieved(), home.path("Mail-bob").exists()), (0, false));
}

/// Before there are any routes, it shows which field the provider writes.
#[test]
fn an_explanation_needs_no_routes_and_no_top() {
    let home = home(&[FOR_ALICE], "");
    let ran = home.run(&["list", "--explain"]);
    assert!(ran.out.contains("work      Delivered-To: alice@example.com\n"), "{ran:?}");
    let faults = Faults { no_top: true, ..Faults::default() };
    let home = with(faults, &[FOR_ALICE], TWO_PEOPLE);
    let ran = home.run(&["list", "--explain"]);
    assert!(ran.out.ends_with("\nwork      its header is not known before it is fetched\n"), "{ran:?}");
}

/// Nothing is put before a message unless it is asked for.
#[test]
fn trace_headers_are_put_before_a_message_on_request() {
    let message = "Return-Path: <x@example.org>\nSubject: s\n\nbody\n";
    let bare = "From: Ann <ann@example.org>\n\nbody\n";
    let home = home(&[message, bare], "trace_headers = [\"Received\", \"Delivered-To\", \"Return-Path\"]\n");
    home.run(&["-q"]).is_fine_and_silent();
    let mail: Vec<String> = home.mail("Mail-work").into_iter().map(|mail| String::from_utf8(mail).unwrap()).collect();
    let (with_path, without) = (&mail[0], &mail[1]);
    assert!(with_path.starts_with("Delivered-To: alice\nReceived: from 127.0.0.1\n\tby "), "{with_path}");
    assert!(with_path.ends_with(&format!("+0000\n{message}")), "{with_path}");
    assert!(without.starts_with("Return-Path: <ann@example.org>\nDelivered-To: alice\nReceived: "), "{without}");
    assert!(without.ends_with(&format!("+0000\n{bare}")), "{without}");
    home.run(&["-q"]).is_fine_and_silent();
    assert_eq!((home.retrieved(), home.mail("Mail-work").len()), (2, 2));

    configure(
        &home,
        "trace_headers = [\"Delivered-To\"]\n[[account.work.route]]\nsmaller_than = \"1 MB\"\ndeliver = \"maildir:other\"\n",
    );
    home.maildrop.lock().unwrap().add(PLAIN.as_bytes());
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "other", &[&format!("Delivered-To: alice\n{PLAIN}")]);
}

#[test]
fn files_have_the_date_the_mode_and_the_group_that_are_asked_for() {
    let dated = "Date: Sun, 22 Nov 2020 10:00:00 +0100\n\nold\n";
    let home = home(&[dated, PLAIN], "");
    let group = rustix::process::getgid();
    let entries = fs::read_to_string("/etc/group").unwrap();
    let named = entries.lines().find(|line| line.split(':').nth(2) == Some(&group.as_raw().to_string()));
    let group_name = named.and_then(|line| line.split(':').next()).unwrap_or_default().to_owned();
    let target =
        format!("deliver = {{ maildir = \"Shared\", mtime = \"date\", mode = \"0660\", group = \"{group_name}\" }}");
    let text = home.account("work").replace("deliver = \"maildir:Mail-work\"", &target);
    home.configure(&text);
    home.run(&["-q"]).is_fine_and_silent();
    holds(&home, "Shared", &[dated, PLAIN]);
    let new = home.path("Shared/new");
    for entry in fs::read_dir(new).unwrap() {
        let path = entry.unwrap().path();
        let stat = fs::metadata(&path).unwrap();
        assert_eq!((stat.mode() & 0o777, stat.gid()), (0o660, group.as_raw()));
        let is_dated = fs::read(&path).unwrap() == dated.as_bytes();
        assert_eq!(stat.mtime() == 1_606_035_600, is_dated, "{}", stat.mtime());
    }
}
