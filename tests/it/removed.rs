//! `delete_when_removed_locally`: what counts as removed, and what does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::home::{Home, Ran, ran};

/// Messages on the server.
const MAIL: usize = 20;

/// A home that has fetched everything, with the key.
fn fetched() -> Home {
    let home = Home::new();
    for number in on_server(&home)..MAIL {
        add(&home, number);
    }
    home.configure(&format!("{}delete_when_removed_locally = true\n", home.account("work")));
    run(&home, 0, &[]).is_fine_and_silent();
    assert_eq!(files(&home).len(), MAIL);
    home
}

fn add(home: &Home, number: usize) {
    home.maildrop.lock().unwrap().add(format!("Subject: number {number}\n\n{number}\n").as_bytes());
}

/// Runs the program so many hours after the first run.
fn run(home: &Home, hour: u64, words: &[&str]) -> Ran {
    let clock = (1_800_000_000 + hour * 3600).to_string();
    ran(home.command().args(["--config", "config.toml"]).args(words).env("FETCHONCE_CLOCK", clock))
}

/// The files of the Maildir's `new/`.
fn files(home: &Home) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(home.path("Mail-work/new")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn on_server(home: &Home) -> usize {
    home.maildrop.lock().unwrap().messages.len()
}

/// Whether the server still has the message that this text is part of.
fn has(home: &Home, text: &str) -> bool {
    let maildrop = home.maildrop.lock().unwrap();
    maildrop.messages.iter().any(|message| String::from_utf8_lossy(&message.wire).contains(text))
}

/// The file that holds this text.
fn file_of(home: &Home, text: &str) -> PathBuf {
    let holds = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text);
    files(home).into_iter().find(holds).unwrap()
}

/// Moves the file that holds this text to another folder, as readers do.
fn refile(home: &Home, text: &str, folder: &str) {
    let file = file_of(home, text);
    let to = home.path("Mail-work").join(folder);
    fs::create_dir_all(&to).unwrap();
    fs::rename(&file, to.join(format!("{}:2,S", file.file_name().unwrap().to_str().unwrap()))).unwrap();
}

/// I1, I3: what is absent for a day, in three runs at least, is deleted; what was moved, or comes back, is not.
#[test]
fn a_removed_message_is_deleted_a_day_later_and_a_moved_one_never() {
    let home = fetched();
    fs::remove_file(file_of(&home, "number 9")).unwrap();
    for (text, folder) in [("number 10", "cur"), ("number 11", ".Old.2026/cur"), ("number 12", "Lists/rust/cur")] {
        refile(&home, text, folder);
    }
    let (back, aside) = (file_of(&home, "number 13"), home.path("aside"));
    fs::rename(&back, &aside).unwrap();
    run(&home, 1, &[]).is_fine_and_silent();
    run(&home, 13, &[]).is_fine_and_silent();
    fs::rename(&aside, &back).unwrap();
    run(&home, 24, &[]).is_fine_and_silent();
    fs::rename(&back, &aside).unwrap();
    assert_eq!(on_server(&home), MAIL);

    let before = home.snapshot();
    for words in [&["list", "--json"][..], &["fetch", "--dry-run", "--json"]] {
        let listed = run(&home, 25, words);
        let line = r#""action":"delete","reason":"removed_locally""#;
        assert_eq!((listed.code, listed.out.matches(line).count()), (Some(0), 1), "{listed:?}");
    }
    assert!(run(&home, 25, &["list"]).out.contains("removed from the Maildir"));
    assert_eq!((home.snapshot() == before, on_server(&home)), (true, MAIL));

    run(&home, 25, &[]).is_fine_and_silent();
    assert_eq!((on_server(&home), has(&home, "number 9")), (MAIL - 1, false));
    run(&home, 36, &[]).is_fine_and_silent();
    run(&home, 48, &[]).is_fine_and_silent();
    assert!(has(&home, "number 13"), "absent for a day only since it came back");
    run(&home, 49, &[]).is_fine_and_silent();
    assert_eq!((on_server(&home), home.retrieved()), (MAIL - 2, MAIL));
}

/// I3: readers that copy a message into another folder give it a name of their own, and a length in its header.
#[test]
fn a_message_under_another_name_is_not_removed() {
    let home = fetched();
    let texts = ["number 9", "number 10"];
    for (number, text) in texts.iter().enumerate() {
        let file = file_of(&home, text);
        let content = fs::read_to_string(&file).unwrap();
        let folder = home.path("Mail-work/.Old/cur");
        fs::create_dir_all(&folder).unwrap();
        let copied = content.replacen("\n\n", "\nContent-Length: 3\n\n", number);
        fs::write(folder.join(format!("18000000{number}.M1P2.reader:2,S")), copied).unwrap();
        fs::remove_file(file).unwrap();
    }
    for hour in (1..80).step_by(12) {
        run(&home, hour, &[]).is_fine_and_silent();
    }
    assert_eq!(on_server(&home), MAIL);
    fs::remove_dir_all(home.path("Mail-work/.Old")).unwrap();
    for hour in (80..120).step_by(12) {
        run(&home, hour, &[]).is_fine_and_silent();
    }
    assert_eq!((on_server(&home), texts.map(|text| has(&home, text))), (MAIL - 2, [false; 2]));
}

/// Mail that came through the spool, to several targets, is followed as well once the Maildir is the only one.
#[test]
fn what_was_delivered_through_the_spool_is_followed_too() {
    let home = Home::new();
    for number in on_server(&home)..MAIL {
        add(&home, number);
    }
    let account = home.account("work");
    let both = account.replace("deliver = \"maildir:Mail-work\"", "deliver = [\"maildir:Mail-work\", \"eml:Copy\"]");
    assert_ne!(both, account);
    home.configure(&both);
    run(&home, 0, &[]).is_fine_and_silent();
    home.configure(&format!("{account}delete_when_removed_locally = true\n"));
    fs::remove_file(file_of(&home, "number 9")).unwrap();
    for hour in [1, 13, 25] {
        assert_eq!(on_server(&home), MAIL);
        run(&home, hour, &[]).is_fine_and_silent();
    }
    assert_eq!((on_server(&home), has(&home, "number 9"), home.retrieved()), (MAIL - 1, false, MAIL));
}

#[test]
fn a_clock_that_leaps_removes_nothing() {
    let home = fetched();
    fs::remove_file(file_of(&home, "number 9")).unwrap();
    for hour in [1, 10_000, 10_001, 2, 3, 10_002] {
        run(&home, hour, &[]).is_fine_and_silent();
        assert_eq!(on_server(&home), MAIL, "{hour}");
    }
    assert_eq!(home.retrieved(), MAIL);
}

/// A Maildir that is not there, another one in its place, and a folder of it that cannot be looked into.
#[test]
fn what_is_unmounted_or_replaced_is_not_removed() {
    let home = fetched();
    let (maildir, away) = (home.path("Mail-work"), home.path("away"));
    fs::remove_file(file_of(&home, "number 9")).unwrap();
    fs::rename(&maildir, &away).unwrap();
    for hour in [1, 13, 26, 39] {
        run(&home, hour, &[]).failed(73, &["has disappeared"]);
        run(&home, hour, &["list"]).failed(73, &["nothing counts as removed from the Maildir: the Maildir"]);
        if hour == 13 {
            for folder in ["new", "cur", "tmp"] {
                fs::create_dir_all(maildir.join(folder)).unwrap();
            }
        }
        if hour == 26 {
            fs::write(maildir.join("fetchonce-maildir"), "0123456789abcdef\n").unwrap();
            run(&home, hour, &[]).failed(73, &["is not the Maildir that this account delivered to"]);
            fs::remove_file(maildir.join("fetchonce-maildir")).unwrap();
        }
    }
    fs::remove_dir_all(&maildir).unwrap();
    fs::rename(&away, &maildir).unwrap();

    run(&home, 52, &[]).is_fine_and_silent();
    let link = maildir.join(".Archive");
    symlink("/nowhere/Archive", &link).unwrap();
    add(&home, MAIL);
    for hour in [64, 76, 88] {
        run(&home, hour, &[]).failed(73, &["nothing counts as removed from the Maildir: cannot look at"]);
        assert_eq!(on_server(&home), MAIL + 1);
    }
    assert_eq!(home.retrieved(), MAIL + 1, "new mail comes all the same");
    fs::remove_file(link).unwrap();
    // The long time in which nobody could look counts for one gap.
    run(&home, 89, &[]).is_fine_and_silent();
    assert_eq!(on_server(&home), MAIL + 1);
    run(&home, 101, &[]).is_fine_and_silent();
    assert_eq!((on_server(&home), has(&home, "number 9")), (MAIL, false));
}

#[test]
fn many_removals_are_told_and_wait_for_a_confirmation() {
    let home = fetched();
    for file in &files(&home)[..3] {
        fs::remove_file(file).unwrap();
    }
    run(&home, 1, &[]).is_fine_and_silent();
    run(&home, 13, &[]).is_fine_and_silent();
    for hour in [25, 48] {
        run(&home, hour, &[]).failed(65, &["3 messages removed from the Maildir", "fetch --confirm work"]);
        assert_eq!(on_server(&home), MAIL);
    }
    let shown = run(&home, 49, &["fetch", "--dry-run", "--confirm"]);
    assert_eq!(shown.out.matches("  delete  ").count(), 3, "{shown:?}");
    assert_eq!(on_server(&home), MAIL);
    run(&home, 49, &["fetch", "--confirm"]).is_fine_and_silent();
    assert_eq!((on_server(&home), home.retrieved()), (MAIL - 3, MAIL));
    run(&home, 50, &[]).is_fine_and_silent();
}
