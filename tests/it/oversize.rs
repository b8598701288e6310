//! `oversize = "headers"`: what `max_size` leaves on the server is announced by its header, once.

use std::fs;
use std::sync::{Arc, Mutex};

use fetchonce::demo::{Event, Faults};
use serde_json::Value;

use crate::support::home::{Home, Ran, ran};

/// The account `work`: of the sample mail one message is larger.
fn configure(home: &Home, lines: &str) {
    home.configure(&format!("{}max_size = \"20 kB\"\noversize = \"headers\"\n{lines}", home.account("work")));
}

fn home(faults: impl FnMut(u32) -> Faults + Send + 'static, lines: &str) -> Home {
    let home = Home::with_faults(faults);
    configure(&home, lines);
    home
}

/// The messages of a Maildir that stand for others, as text.
fn stubs(home: &Home, maildir: &str) -> Vec<String> {
    let texts = home.mail(maildir).into_iter().filter_map(|mail| String::from_utf8(mail).ok());
    texts.filter(|text| text.contains("X-Fetchonce-Headers-Only:")).collect()
}

fn records(ran: &Ran, name: &str) -> Vec<Value> {
    let all = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|record| record["type"] == name).collect()
}

/// How often the server was asked for a header, for a message and for a deletion.
fn asked(home: &Home) -> (usize, usize, usize) {
    let log = home.listener.log();
    let count = |is_so: fn(&Event) -> bool| log.iter().filter(|logged| is_so(&logged.event)).count();
    (
        count(|event| matches!(event, Event::Top(_))),
        count(|event| matches!(event, Event::Retr(_))),
        count(|event| matches!(event, Event::Dele(_))),
    )
}

fn commands(home: &Home) -> u32 {
    let log = home.listener.log();
    log.iter().map(|logged| u32::from(matches!(logged.event, Event::Command(_)))).sum()
}

/// I3: its header comes once, it stays while everything else goes, and it comes once when it may.
#[test]
fn i3_a_message_that_is_too_large_is_announced_once_and_fetched_once_it_may_be() {
    let home = home(|_| Faults::default(), "keep = \"none\"\n");
    let planned = home.run(&["list"]).out;
    assert!(
        planned.contains("  header    38.8 KiB  demo-0007  larger than `max_size`: the header alone\n"),
        "{planned}"
    );
    let message = &records(&home.run(&["list", "--json"]), "message")[6];
    assert_eq!((&message["action"], &message["reason"]), (&"fetch_header".into(), &"oversize_header".into()));
    assert_eq!(home.mail("Mail-work").len(), 0);

    let ran = home.run(&["fetch", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(records(&ran, "announced")[0]["uid"], "demo-0007");
    let summary = &records(&ran, "summary")[0];
    let count = |field: &str| summary[field].as_i64().unwrap();
    assert_eq!(["delivered", "planned", "announced", "oversize"].map(count), [6, 6, 1, 1]);
    let found = stubs(&home, "Mail-work");
    assert!(found.len() == 1 && home.mail("Mail-work").len() == 7, "{found:?}");
    let (header, body) = found[0].split_once("\n\n").unwrap();
    assert!(header.starts_with("X-Fetchonce-Headers-Only: 39"), "{header}");
    assert!(
        header.contains("\nSubject: Observations of the day\n") && header.contains("\nX-Original-Message-ID: <obs")
    );
    assert!(!header.contains("\nContent-") && body.starts_with("This message is larger than 19.5 KiB"), "{found:?}");

    for _ in 0..2 {
        home.run(&[]).is_fine_and_silent();
        assert_eq!((asked(&home), home.mail("Mail-work").len()), ((1, 6, 6), 7));
    }
    let listed = home.run(&["list"]).out;
    assert!(listed.contains("new        leave     38.8 KiB  demo-0007  larger than `max_size`\n"), "{listed}");
    assert!(home.run(&["status"]).out.contains("6 delivered"));

    home.configure(&format!("{}keep = \"none\"\n", home.account("work")));
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.maildrop.lock().unwrap().messages.len(), 0);
    let mail = home.mail("Mail-work");
    assert!(Home::all_samples().iter().all(|sample| mail.contains(sample)), "each message whole");
    assert_eq!((mail.len(), stubs(&home, "Mail-work")), (8, found));
}

/// I6: under a new unique-id in each session it is the same message; and another one with an equal header stands for it.
#[test]
fn i6_a_message_that_was_renumbered_is_not_announced_again() {
    let marks = b"abcdef";
    let home = home(
        move |connection| Faults { uid_mark: Some(marks[connection as usize % marks.len()]), ..Faults::default() },
        "",
    );
    for run in 0..3 {
        assert_eq!(home.run(&[]).code, Some(0));
        assert_eq!(stubs(&home, "Mail-work").len(), 1, "run {run}");
    }
    let copy = home.maildrop.lock().unwrap().messages[6].wire.to_vec();
    home.maildrop.lock().unwrap().add(&copy);
    assert_eq!(home.run(&[]).code, Some(0));
    assert_eq!((stubs(&home, "Mail-work").len(), home.mail("Mail-work").len()), (1, 7));
}

/// What the server gives no header of is left as without the key: told once, and asked for again in silence.
#[test]
fn a_server_that_gives_no_header_is_told_of_once_and_asked_again() {
    let refused = Arc::new(Mutex::new(Faults { no_top: true, ..Faults::default() }));
    let faults = Arc::clone(&refused);
    let home = home(move |_| faults.lock().unwrap().clone(), "");
    let told = "1 message larger than 19.5 KiB not fetched, as `max_size` says, nor the header: ";
    let ran = home.run(&[]);
    assert!(ran.code == Some(0) && ran.err.contains(&format!("{told}TOP cannot be asked for it\n")), "{ran:?}");
    assert!(ran.err.contains("hint: raise `max_size`"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert!(home.run(&["list"]).out.contains("leave     38.8 KiB  demo-0007  larger than `max_size`\n"));

    // The header of the one that is known comes, and that of a new one is refused.
    let large = home.maildrop.lock().unwrap().messages[6].wire.to_vec();
    home.maildrop.lock().unwrap().add(&[&b"X-Other: 1\r\n"[..], &large].concat());
    *refused.lock().unwrap() = Faults::default();
    let before = commands(&home);
    home.run(&["list"]);
    // Two TOPs come where this session had its QUIT.
    let second = commands(&home) - before + 1;
    *refused.lock().unwrap() = Faults { refuse_command: Some(second), ..Faults::default() };
    let ran = home.run(&[]);
    assert!(ran.code == Some(0) && ran.err.contains(told), "{ran:?}");
    assert_eq!(stubs(&home, "Mail-work").len(), 1);
    *refused.lock().unwrap() = Faults { refuse_command: Some(second - 1), ..Faults::default() };
    home.run(&[]).is_fine_and_silent();
    assert_eq!(stubs(&home, "Mail-work").len(), 1);
    *refused.lock().unwrap() = Faults::default();
    home.run(&[]).is_fine_and_silent();
    assert_eq!(stubs(&home, "Mail-work").len(), 2);
}

/// The header goes where the message would; what a rule skips is not announced either.
#[test]
fn routes_hold_for_what_is_announced() {
    let route = "[[account.work.route]]\nheader = { name = \"Subject\", contains = \"Observations\" }\nlarger_than = \"20 kB\"\n";
    let home = home(|_| Faults::default(), &format!("{route}skip = true\n"));
    assert!(home.run(&["list"]).out.contains("skipped by route 1"));
    home.run(&[]).is_fine_and_silent();
    assert_eq!((stubs(&home, "Mail-work").len(), home.mail("Mail-work").len()), (0, 6));

    configure(&home, &format!("{route}deliver = \"maildir:Large\"\n"));
    let explained = home.run(&["list", "--explain"]).out;
    assert!(explained.contains("the header alone\n") && explained.contains("work      to maildir:"), "{explained}");
    for announced in [1, 0] {
        let ran = home.run(&["--json"]);
        let summary = &records(&ran, "summary")[0];
        assert_eq!((&summary["announced"], &summary["delivered"]), (&announced.into(), &0.into()), "{ran:?}");
        assert_eq!(stubs(&home, "Large").len(), 1);
    }
    assert_eq!((stubs(&home, "Mail-work").len(), home.mail("Mail-work").len()), (0, 6));
    let found = stubs(&home, "Large");
    assert!(found.len() == 1 && found[0].contains("\nSubject: Observations of the day\n"), "{found:?}");
}

/// I4: where its target refuses, it waits like a message, and is delivered once.
#[test]
fn i4_a_header_that_its_target_refuses_is_held() {
    let home = home(|_| Faults::default(), "");
    let after = "after = [\"sh\", \"-c\", \"echo $FETCHONCE_DELIVERED >>$HOME/after\"]\n";
    let mda = format!("pipe:{}", home.path("mda").display());
    let account = home.account("work").replace("maildir:Mail-work", &mda);
    home.configure(&format!("{account}max_size = \"20 kB\"\noversize = \"headers\"\nlimit = 1\n{after}"));
    let script = "#!/bin/sh\n[ -e \"$0.works\" ] || exit 75\ncat >>\"$0.got\"\n";
    fs::write(home.path("mda"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(home.path("mda"), mode).unwrap();
    assert_eq!(home.run(&[]).code, Some(75));
    fs::write(home.path("mda.works"), "").unwrap();
    home.configure(&format!("{account}max_size = \"20 kB\"\noversize = \"headers\"\n{after}"));
    for _ in 0..2 {
        assert_eq!(home.run(&[]).code, Some(0));
    }
    let got = fs::read(home.path("mda.got")).unwrap();
    let count = String::from_utf8_lossy(&got).matches("X-Fetchonce-Headers-Only: ").count();
    assert_eq!((count, home.run(&["status"]).out.contains(" held")), (1, false));
    assert_eq!(fs::read_to_string(home.path("after")).unwrap(), "7\n", "six messages and a header");
}

/// I3: what the user removes is the header alone; the message was never delivered.
#[test]
fn i3_a_header_that_is_removed_from_the_maildir_deletes_nothing() {
    let home = home(|_| Faults::default(), "delete_when_removed_locally = true\n");
    let fetch = |hour: i64| {
        let clock = (1_800_000_000 + hour * 3600).to_string();
        let command = ["--config", "config.toml", "fetch", "--confirm"];
        ran(home.command().args(command).env("FETCHONCE_CLOCK", clock)).is_fine_and_silent();
    };
    fetch(0);
    assert_eq!(stubs(&home, "Mail-work").len(), 1);
    for entry in fs::read_dir(home.path("Mail-work/new")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    (1..10).for_each(|run| fetch(run * 12));
    let left: Vec<_> = home.maildrop.lock().unwrap().messages.iter().map(|message| message.uid.clone()).collect();
    assert_eq!((left, home.mail("Mail-work").len()), (vec![b"demo-0007".to_vec()], 0));
}
