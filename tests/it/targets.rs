//! Several targets, programs, and what a crash leaves between them; and indexes of before there were several.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::support::disk::SmallDisk;
use crate::support::home::Home;

/// The account `work`, with the line `deliver` as given.
fn deliver(home: &Home, deliver: &str) -> String {
    let account = home.account("work");
    let others = account.lines().filter(|line| !line.starts_with("deliver")).collect::<Vec<_>>().join("\n");
    format!("{others}\ndeliver = {deliver}\n")
}

/// A program for `deliver = "pipe:./NAME"`.
fn program(home: &Home, name: &str, script: &str) -> PathBuf {
    let path = home.path(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// The messages in a folder of plain files, sorted.
fn plain_files(home: &Home, folder: &str) -> Vec<Vec<u8>> {
    let mut folders = vec![home.path(folder)];
    let mut mail = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                mail.push(fs::read(path).unwrap());
            }
        }
    }
    mail.sort();
    mail
}

/// I2, I4, I10: whatever step it is killed at, each of two targets has every message once in the end.
#[test]
fn killed_on_the_way_to_two_targets() {
    for first in (1..).step_by(11) {
        let home = Home::new();
        home.configure(&deliver(&home, r#"["maildir:Mail-work", "eml:Archive"]"#));
        let mut was_killed = false;
        for step in [first, 23] {
            let ran = home
                .command()
                .args(["--config", "config.toml"])
                .env("FETCHONCE_KILL_AT_STEP", step.to_string())
                .output()
                .unwrap();
            was_killed |= ran.status.code().is_none();
        }
        home.run(&[]).is_fine_and_silent();
        assert_eq!(home.mail("Mail-work"), Home::all_samples(), "killed at {first}");
        assert_eq!(plain_files(&home, "Archive"), Home::all_samples(), "killed at {first}");
        home.run(&[]).is_fine_and_silent();
        assert_eq!(plain_files(&home, "Archive").len(), 7, "killed at {first}");
        if first > 300 || !was_killed {
            assert!(first > 100, "only {first} steps");
            break;
        }
    }
}

/// I2, I4: an mbox beside a Maildir, read back by another program's reader.
#[test]
fn an_mbox_gets_every_message_once_wherever_it_is_killed() {
    for first in (1..).step_by(13) {
        let home = Home::new();
        home.configure(&deliver(&home, "\"mbox:inbox\""));
        let mut was_killed = false;
        for step in [first, 29] {
            let mut command = home.command();
            command.args(["--config", "config.toml"]).env("FETCHONCE_KILL_AT_STEP", step.to_string());
            was_killed |= command.output().unwrap().status.code().is_none();
        }
        home.run(&[]).is_fine_and_silent();
        home.run(&[]).is_fine_and_silent();
        let separators = fs::read(home.path("inbox")).unwrap();
        let separators = separators.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"From ")).count();
        assert_eq!(separators, 7, "killed at {first}");
        if !was_killed {
            assert!(first > 50, "only {first} steps");
            break;
        }
    }
}

/// Killed between the promise to a folder and its record.
fn killed_with_promises() -> (Home, i64) {
    for step in 1..300 {
        let home = Home::new();
        home.configure(&deliver(&home, r#"["maildir:Mail-work", "eml:Archive"]"#));
        let mut command = home.command();
        command.args(["--config", "config.toml"]).env("FETCHONCE_KILL_AT_STEP", step.to_string());
        assert_eq!(command.output().unwrap().status.code(), None, "it ends at step {step}");
        let query = "SELECT count(*) FROM delivery JOIN target ON target.id = target
                     WHERE state = 'intent' AND kind = 'eml'";
        let index = rusqlite::Connection::open(home.path("state/work.sqlite"));
        let promised: i64 = index.and_then(|index| index.query_row(query, [], |row| row.get(0))).unwrap_or(0);
        if promised > 0 {
            return (home, promised);
        }
    }
    panic!("no step leaves a promise");
}

/// I2: only the lost folder could tell, so the user does; the other target gets nothing twice.
#[test]
fn what_was_interrupted_on_the_way_into_a_lost_folder_can_be_delivered_again() {
    let (home, promised) = killed_with_promises();
    fs::remove_dir_all(home.path("Archive")).unwrap();
    home.run(&[]).failed(73, &["has disappeared", "account accept-target work --into eml:"]);
    let accept = ["account", "accept-target", "work", "--into", "eml:Archive"];
    let words = format!("{promised} messages interrupted on the way into ");
    home.run(&accept).failed(73, &[&words, "only that folder tells", "--fetch-interrupted-again"]);
    let ran = home.run(&[&accept[..], &["--fetch-interrupted-again"]].concat());
    assert!(ran.code == Some(0) && ran.err.contains("may come a second time: delivered again"), "{ran:?}");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(plain_files(&home, "Archive"), Home::all_samples());
    assert_eq!((home.mail("Mail-work"), home.retrieved()), (Home::all_samples(), 7));
}

/// One target that refuses keeps the other from nothing, and gets its mail when it takes it.
#[test]
fn a_target_that_refuses_gets_its_mail_later_and_the_other_only_once() {
    let home = Home::new();
    let program = program(&home, "mda", "cat >> \"$0.got\"\n[ -e \"$0.works\" ] || exit 75");
    home.configure(&deliver(&home, &format!(r#"["maildir:Mail-work", "pipe:{}"]"#, program.display())));
    home.run(&[]).failed(75, &["mda refuses 7 messages, kept safe in the held Maildir", "exit code 75"]);
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    assert!(home.run(&["status"]).out.contains("7 held"));
    fs::write(home.path("mda.works"), "").unwrap();
    fs::remove_file(home.path("mda.got")).unwrap();
    home.run(&[]).is_fine_and_silent();
    assert_eq!((home.mail("Mail-work").len(), home.retrieved()), (7, 7));
    let got = String::from_utf8_lossy(&fs::read(home.path("mda.got")).unwrap()).into_owned();
    assert_eq!(got.matches("X-Fetchonce-Token: ").count(), 7);
    assert!(home.run(&["status"]).out.contains("7 delivered"));
}

/// A program whose word was lost: with `hold` the user decides, else it comes again with the same token.
#[test]
fn a_message_in_doubt_comes_again_with_its_token_or_waits_for_the_users_word() {
    let script = "cat > \"$0.$(date +%N)\"\n[ -e \"$0.once\" ] || { touch \"$0.once\"; kill -9 $PPID; }";
    for (in_doubt, word, copies) in
        [("redeliver", None, 8), ("hold", Some("--delivered"), 7), ("hold", Some("--again"), 8)]
    {
        let home = Home::new();
        let program = program(&home, "mda", script);
        let target = format!(r#"{{ pipe = ["{}"], in_doubt = "{in_doubt}" }}"#, program.display());
        home.configure(&deliver(&home, &target));
        assert_eq!(home.run(&[]).code, None, "it was killed");
        if let Some(word) = word {
            home.run(&[]).failed(65, &["whether the target has 1 message is not known", "seen settle"]);
            assert!(home.run(&["status"]).out.contains("1 in doubt"));
            assert_eq!(home.run(&["seen", "settle", "work", word]).code, Some(0));
        } else {
            let ran = home.run(&[]);
            assert!(ran.code == Some(0) && ran.err.contains("delivered again: nothing tells"), "{ran:?}");
        }
        home.run(&[]).is_fine_and_silent();
        let tokens = tokens(&home);
        assert_eq!(tokens.len(), copies, "{in_doubt} {word:?}");
        let mut different = tokens.clone();
        different.dedup();
        assert_eq!(different.len(), 7, "{tokens:?}");
    }
}

fn tokens(home: &Home) -> Vec<String> {
    let mut tokens = Vec::new();
    for entry in fs::read_dir(home.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let is_copy = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.strip_prefix("mda.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        });
        if is_copy {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            tokens.push(text.lines().next().unwrap().to_owned());
        }
    }
    tokens.sort();
    tokens
}

/// An index of version 1: nothing is fetched again, and what was held is delivered.
#[test]
fn an_index_of_the_first_version_goes_on() {
    let home = Home::new();
    home.run(&["--limit", "3"]).is_fine_and_silent();
    let program = program(&home, "mda", "exit 75");
    home.configure(&deliver(&home, &format!("\"pipe:{}\"", program.display())));
    home.run(&["--limit", "2"]).failed(75, &["refuses 2 messages"]);
    home.configure(&home.account("work"));

    let index = rusqlite::Connection::open(home.path("state/work.sqlite")).unwrap();
    index.execute("ATTACH ?1 AS old", [home.path("old.sqlite").to_str().unwrap()]).unwrap();
    let schema = include_str!("support/index_version_1.sql")
        .replace("CREATE TABLE ", "CREATE TABLE old.")
        .replace("CREATE INDEX ", "CREATE INDEX old.");
    index.execute_batch(&schema).unwrap();
    for table in ["account", "target", "listing", "message", "run"] {
        let columns = "SELECT group_concat(name) FROM pragma_table_info(?1, 'old') WHERE name <> 'held_target'";
        let columns: String = index.query_row(columns, [table], |row| row.get(0)).unwrap();
        let rows = if table == "target" { "WHERE kind IN ('maildir', 'held')" } else { "" };
        index
            .execute(&format!("INSERT INTO old.{table} ({columns}) SELECT {columns} FROM main.{table} {rows}"), [])
            .unwrap();
    }
    index
        .execute_batch(
            "UPDATE old.message SET held_target = target WHERE held IS NOT NULL;
             PRAGMA old.user_version = 1; PRAGMA old.application_id = 0x666f6e63;",
        )
        .unwrap();
    drop(index);
    fs::rename(home.path("old.sqlite"), home.path("state/work.sqlite")).unwrap();

    assert!(home.run(&["status"]).out.contains("2 held"), "a version 1 may also only be read");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
    assert_eq!(home.retrieved(), 7);
    let index = rusqlite::Connection::open(home.path("state/work.sqlite")).unwrap();
    let version: i64 = index.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let broken: i64 = index.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!((version, broken), (2, 0));
}

/// Nobody can be asked about a target that is configured no more; what it may have is told by its old name.
#[test]
fn a_message_in_doubt_goes_to_the_new_targets_where_the_old_one_is_gone() {
    let home = Home::new();
    let program = program(&home, "mda", "cat >\"$0.got\"; kill -9 $PPID");
    home.configure(&deliver(&home, &format!(r#"{{ pipe = ["{}", "-d"], in_doubt = "hold" }}"#, program.display())));
    assert_eq!(home.run(&[]).code, None, "it was killed");
    home.configure(&deliver(&home, "\"maildir:Other\""));
    let ran = home.run(&[]);
    let told = format!("1 message may be in pipe:{} already, and delivered again", program.display());
    assert!(ran.code == Some(0) && ran.err.contains(&told), "{ran:?}");
    assert_eq!(home.mail("Other"), Home::all_samples());
    home.run(&[]).is_fine_and_silent();
}

/// I3: what a target of the account still lacks is not given up because another one, which has it, is named no more.
#[test]
fn i3_what_a_target_still_waits_for_stays_on_the_server_when_another_one_is_taken_out() {
    let home = Home::new();
    let configured = |targets: &str| home.configure(&format!("{}keep = \"none\"\n", deliver(&home, targets)));
    configured(r#"["maildir:Mail-work", "eml:folder/Archive", "mbox:away/inbox"]"#);
    home.run(&[]).failed(73, &["mbox:", "refuses 7 messages"]);
    assert_eq!(home.maildrop.lock().unwrap().messages.len(), 7);
    for targets in [r#"["mbox:away/inbox"]"#, r#"["mbox:away/inbox", "maildir:Other"]"#] {
        configured(targets);
        home.run(&[]).failed(73, &["mbox:", "refuses 7 messages"]);
        assert_eq!(home.maildrop.lock().unwrap().messages.len(), 7, "{targets}");
    }
    fs::create_dir(home.path("away")).unwrap();
    home.run(&[]).is_fine_and_silent();
    let mbox = String::from_utf8_lossy(&fs::read(home.path("away/inbox")).unwrap()).into_owned();
    assert_eq!(mbox.lines().filter(|line| line.starts_with("From ")).count(), 7);
    assert_eq!((home.mail("Mail-work"), home.mail("Other")), (Home::all_samples(), Home::all_samples()));
    assert_eq!((home.maildrop.lock().unwrap().messages.len(), home.retrieved()), (0, 7));
}

/// A run that comes to its deadline as it delivers says so, and nothing was refused.
#[test]
fn the_deadline_of_a_run_is_no_refusal() {
    let home = Home::new();
    let program = program(&home, "slow", "sleep 1; cat >>\"$0.got\"");
    let slow = deliver(&home, &format!(r#"["pipe:{}", "maildir:Mail-work"]"#, program.display()));
    home.configure(&format!("{slow}deadline = \"2s\"\non_error = [\"touch\", {:?}]\n", home.path("error")));
    let ran = home.run(&[]);
    assert!(ran.code == Some(75) && !ran.err.contains("refuses"), "{ran:?}");
    assert!(home.path("error").exists(), "{ran:?}");
    home.configure(&slow);
    home.run(&[]).is_fine_and_silent();
    let got = String::from_utf8_lossy(&fs::read(home.path("slow.got")).unwrap()).into_owned();
    assert_eq!((got.matches("X-Fetchonce-Token: ").count(), home.mail("Mail-work").len(), home.retrieved()), (7, 7, 7));
}

/// What is delivered leaves the spool and the quarantine: they are no targets.
#[test]
fn the_folders_of_the_program_itself_are_no_targets() {
    let home = Home::new();
    for target in ["maildir:state/held/a", "eml:state/quarantine/work", "mbox:state/held/x/inbox"] {
        home.configure(&deliver(&home, &format!("{target:?}")));
        home.run(&[]).failed(78, &["lies where fetchonce keeps mail of its own", "outside of the state folder"]);
    }
    assert_eq!(home.retrieved(), 0);
}

/// How often each of the large messages is in the files below a folder.
fn large_below(folder: &Path) -> [usize; LARGE] {
    let mut folders = vec![folder.to_owned()];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { text += &String::from_utf8_lossy(&fs::read(path).unwrap()) }
        }
    }
    std::array::from_fn(|number| text.matches(&format!("large {number}\n")).count())
}

const LARGE: usize = 5;

/// I2, I3, I4: a disk that fills up under one of two targets, and one that can no longer be written.
#[test]
fn a_full_and_a_read_only_disk_delay_one_target_and_cost_nothing() {
    for (kind, name) in [("maildir", "Mail"), ("eml", "Archive"), ("mbox", "inbox")] {
        let home = Home::new();
        home.maildrop.lock().unwrap().messages.clear();
        let Some(disk) = SmallDisk::mount(home.path("disk"), "1m", geteuid().as_raw()) else { return };
        home.configure(&format!(
            "{}keep = \"none\"\n",
            deliver(&home, &format!(r#"["{kind}:disk/{name}", "eml:Copy"]"#))
        ));
        let add = |number: usize| {
            let text = format!("Subject: large {number}\n\n{}", "some text in a line\n".repeat(15_000));
            home.maildrop.lock().unwrap().add(text.as_bytes());
        };
        let left = || home.maildrop.lock().unwrap().messages.len();
        add(0);
        home.run(&[]).is_fine_and_silent();
        assert_eq!((left(), large_below(&disk.path)), (0, [1, 0, 0, 0, 0]), "{kind}");

        (1..LARGE - 1).for_each(add);
        let told = format!("{kind}:");
        home.run(&[]).failed(74, &[&told, "No space left on device", "hint: "]);
        let there = large_below(&disk.path);
        let missing = there[..LARGE - 1].iter().filter(|count| **count == 0).count();
        assert!(missing > 0 && left() == missing, "{kind}: {there:?}, and {} on the server", left());
        assert_eq!(large_below(&home.path("Copy")), [1, 1, 1, 1, 0], "{kind}");

        disk.change("size=8m,ro");
        add(LARGE - 1);
        home.run(&[]).failed(73, &[&told, "Read-only file system", "hint: mend that target"]);
        assert_eq!((large_below(&disk.path), left()), (there, missing + 1), "{kind}");
        assert_eq!(large_below(&home.path("Copy")), [1; LARGE], "{kind}");
        disk.change("rw");
        home.run(&[]).is_fine_and_silent();
        assert_eq!((left(), large_below(&disk.path)), (0, [1; LARGE]), "{kind}");
        assert_eq!((large_below(&home.path("Copy")), home.retrieved()), ([1; LARGE], LARGE), "{kind}");
    }
}
