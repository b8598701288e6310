//! Folders that refuse and disks that are full (I2, I4): the run says so, nothing is lost or deleted, and once the cause
//! is gone the next run completes.
//!
//! Root may do everything, so as root the program runs under another user's id.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use fetchonce::demo::{Event, Faults, Maildrop};

use crate::support::disk::{SmallDisk, fill};
use crate::support::place::ACCOUNT;
use crate::support::{
    Account, Place, Ran, Server, commands_of, difference, expected_of, is_root, leftovers, mail_in, retrs,
    three_messages,
};

/// The user that the program runs as when the tests run as root.
const NOBODY: u32 = 65534;

/// A test's folder that belongs to the user whom the program runs as, with a copy of the program that he can reach.
struct Rig {
    place: Place,
    server: Server,
    expected: Vec<Vec<u8>>,
    program: PathBuf,
}

impl Rig {
    fn new(maildrop: Maildrop, witness: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        let place = Place::new();
        let expected = expected_of(&maildrop);
        let server = Server::start(maildrop, |_| Faults::default(), witness);
        place.configure(&Account::plain(server.port(), "none"));
        let program = place.path("fetchonce");
        // Not by this process: another thread's fork would keep the copy open for writing, and so from being run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_fetchonce")).arg(&program).status().unwrap();
        assert!(copied.success());
        set_mode(&program, 0o755);
        give_away(place.root());
        Self { place, server, expected, program }
    }

    fn fetch(&self) -> Ran {
        self.run(&mut self.place.fetch_command_of(&self.program))
    }

    fn fetch_killed_at(&self, step: u32) -> Ran {
        let mut command = self.place.fetch_command_of(&self.program);
        self.run(command.env("FETCHONCE_KILL_AT_STEP", step.to_string()))
    }

    fn run(&self, command: &mut Command) -> Ran {
        give_away(&self.place.config());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let ran = self.place.run(command);
        self.server.wait_until_idle();
        ran
    }

    /// The cause is gone: the next run delivers what is missing, once, and a further one fetches nothing.
    #[track_caller]
    fn complete(&self, maildir: &Path) {
        self.fetch().ok();
        self.server.clear_log();
        self.fetch().ok();
        assert_eq!(retrs(&self.server.log()), 0, "a further run has a RETR");
        let difference = difference(&self.expected, &mail_in(maildir));
        assert!(difference.is_none(), "{difference:?}");
        assert_eq!(leftovers(maildir), [""; 0], "tmp/");
        let held = self.place.state().join("held").join(ACCOUNT);
        assert_eq!((mail_in(&held).len(), leftovers(&held)), (0, Vec::new()), "still held");
        assert_eq!(self.server.maildrop().messages.len(), 0, "left on the server");
    }

    #[track_caller]
    fn assert_all_on_server(&self) {
        assert_eq!(self.server.maildrop().messages.len(), self.expected.len(), "deleted on the server");
    }

    fn has_command(&self, verb: &str) -> bool {
        (0..10).any(|connection| commands_of(&self.server.log(), connection).iter().any(|line| line.starts_with(verb)))
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes a file or folder the program's own.
fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

#[test]
fn a_maildir_that_cannot_be_made_is_said_and_nothing_is_fetched() {
    let rig = Rig::new(three_messages(), |_| {});
    let locked = rig.place.path("locked");
    fs::create_dir(&locked).unwrap();
    give_away(&locked);
    set_mode(&locked, 0o500);
    let maildir = locked.join("Mail");
    rig.place.configure_with(&Account::plain(rig.server.port(), "none"), &rig.place.state(), &maildir);
    let ran = rig.fetch();
    assert_eq!(ran.code(), Some(73), "{ran:?}");
    assert!(ran.stderr.contains("hint"), "{ran:?}");
    assert_eq!(retrs(&rig.server.log()), 0);
    rig.assert_all_on_server();
    set_mode(&locked, 0o700);
    rig.complete(&maildir);
}

/// What a check says of folders that refuse, without a try to write into them.
#[test]
fn a_check_tells_which_folder_refuses() {
    let rig = rig_with_known_maildir();
    let (maildir, state) = (rig.place.maildir(), rig.place.state());
    let index = rig.place.index();
    for (path, code, area) in [
        (maildir.join("new"), 73, "target"),
        (maildir.join("tmp"), 73, "target"),
        (maildir, 73, "target"),
        (state, 74, "state"),
        (index, 74, "index"),
    ] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        set_mode(&path, mode & 0o555);
        let mut command = Command::new(&rig.program);
        command.arg("--config").arg(rig.place.config()).arg("check");
        rig.place.settle_command(&mut command);
        let ran = rig.run(&mut command);
        let said = fs::read_to_string(rig.place.path("stdout")).unwrap();
        assert_eq!(ran.code(), Some(code), "{said}{ran:?}");
        let line = said.lines().find(|line| line.starts_with(&format!("{ACCOUNT}  failed   {area} "))).expect(&said);
        assert!(line.contains(path.to_str().unwrap()), "{said}");
        assert!(
            said.contains("caused by: Permission denied") && said.contains("hint: look after the rights of"),
            "{said}"
        );
        assert!(said.contains(&format!("{ACCOUNT}  ok       quit ")), "{said}");
        set_mode(&path, mode);
    }
    rig.complete(&rig.place.maildir());
}

/// Three new messages for a Maildir that was delivered to before.
fn rig_with_known_maildir() -> Rig {
    let mut rig = Rig::new(Maildrop::new(), |_| {});
    rig.fetch().ok();
    rig.server.clear_log();
    rig.expected = expected_of(&three_messages());
    *rig.server.maildrop() = three_messages();
    rig
}

/// Takes away the right to write into a folder of the Maildir.
fn with_locked_folder(sub: &str, run: impl Fn(&Rig, &Ran)) {
    let rig = rig_with_known_maildir();
    let folder = rig.place.maildir().join(sub);
    set_mode(&folder, 0o500);
    let ran = rig.fetch();
    run(&rig, &ran);
    set_mode(&folder, 0o700);
    rig.complete(&rig.place.maildir());
}

#[test]
fn i4_what_a_maildir_refuses_is_held_and_stays_on_the_server() {
    with_locked_folder("tmp", |rig, ran| {
        assert_eq!(ran.code(), Some(73), "{ran:?}");
        assert!(ran.stderr.contains("hint"), "{ran:?}");
        rig.assert_all_on_server();
        assert_eq!(mail_in(&rig.place.maildir()).len(), 0);
        assert_eq!(rig.place.count_rows("state = 'held'"), 3);
        assert!(!rig.has_command("DELE"), "a held message is not deleted");
    });
}

/// Kills at each step of the run that holds messages, or of the one that delivers them after all.
fn kill_at_each_step_of_holding(is_held_before: bool) {
    const MOST_STEPS: u32 = 500;
    for step in 1..MOST_STEPS {
        let rig = rig_with_known_maildir();
        let folder = rig.place.maildir().join("tmp");
        set_mode(&folder, 0o500);
        if is_held_before {
            assert_eq!(rig.fetch().code(), Some(73));
            set_mode(&folder, 0o700);
        }
        let ran = rig.fetch_killed_at(step);
        set_mode(&folder, 0o700);
        if !ran.was_killed() {
            assert_eq!(ran.code(), Some(if is_held_before { 0 } else { 73 }), "{ran:?}");
            println!("held before: {is_held_before}, killed at each of {} steps", step - 1);
            assert!(step > 20, "only {} steps", step - 1);
            return;
        }
        rig.complete(&rig.place.maildir());
    }
    panic!("the program takes more than {MOST_STEPS} steps");
}

#[test]
fn i4_i10_killed_while_it_holds_what_a_maildir_refuses() {
    kill_at_each_step_of_holding(false);
}

#[test]
fn i4_i10_killed_while_it_delivers_what_was_held() {
    kill_at_each_step_of_holding(true);
}

#[test]
fn i2_a_refused_rename_leaves_the_message_promised() {
    with_locked_folder("new", |rig, ran| {
        assert_eq!(ran.code(), Some(73), "{ran:?}");
        rig.assert_all_on_server();
        assert_eq!(rig.place.count_rows("state = 'delivered'"), 0);
        assert!(!rig.has_command("DELE") && !rig.has_command("QUIT"), "{:?}", rig.server.log());
    });
}

#[test]
fn an_unreadable_state_folder_is_said_and_nothing_is_fetched() {
    let rig = Rig::new(three_messages(), |_| {});
    fs::create_dir(rig.place.state()).unwrap();
    give_away(&rig.place.state());
    set_mode(&rig.place.state(), 0o000);
    let ran = rig.fetch();
    assert!(matches!(ran.code(), Some(65 | 73 | 74 | 78)), "{ran:?}");
    assert_eq!(retrs(&rig.server.log()), 0);
    rig.assert_all_on_server();
    set_mode(&rig.place.state(), 0o700);
    rig.complete(&rig.place.maildir());
}

fn large_messages() -> Maildrop {
    let mut maildrop = Maildrop::new();
    for number in 0..4 {
        maildrop.add(format!("Subject: large {number}\n\n{}", "some text in a line\n".repeat(20_000)).as_bytes());
    }
    maildrop
}

/// Fetches onto a disk that fills up in the moment of the third RETR.
fn with_disk_full_at_third_retr(is_state: bool) {
    let (filler, seen) = (Arc::new(OnceLock::<PathBuf>::new()), AtomicU32::new(0));
    let for_witness = Arc::clone(&filler);
    let rig = Rig::new(large_messages(), move |event| {
        if let Event::Retr(_) = event
            && seen.fetch_add(1, Ordering::SeqCst) == 2
        {
            fill(for_witness.get().unwrap());
        }
    });
    let Some(disk) = SmallDisk::mount(rig.place.path("disk"), "40m", NOBODY) else { return };
    filler.set(disk.filler()).unwrap();
    let (state, maildir) = if is_state {
        (disk.path.join("state"), rig.place.maildir())
    } else {
        (rig.place.state(), disk.path.join("Mail"))
    };
    rig.place.configure_with(&Account::plain(rig.server.port(), "none"), &state, &maildir);
    let ran = rig.fetch();
    assert_eq!(ran.code(), Some(74), "{ran:?}");
    assert!(!rig.has_command("DELE") && !rig.has_command("QUIT"), "{:?}", rig.server.log());
    rig.assert_all_on_server();
    fs::remove_file(disk.filler()).unwrap();
    rig.complete(&maildir);
}

#[test]
fn i2_a_disk_that_fills_up_under_the_maildir_loses_nothing() {
    with_disk_full_at_third_retr(false);
}

#[test]
fn i2_a_disk_that_fills_up_under_the_index_loses_nothing() {
    with_disk_full_at_third_retr(true);
}

#[test]
fn i4_a_nearly_full_disk_is_noticed_before_a_message_is_asked_for() {
    let rig = Rig::new(large_messages(), |_| {});
    let Some(disk) = SmallDisk::mount(rig.place.path("disk"), "40m", NOBODY) else { return };
    fill(&disk.filler());
    let shrunk = fs::metadata(disk.filler()).unwrap().len() - 8 * 1024 * 1024;
    File::options().write(true).open(disk.filler()).unwrap().set_len(shrunk).unwrap();
    let maildir = disk.path.join("Mail");
    rig.place.configure_with(&Account::plain(rig.server.port(), "none"), &rig.place.state(), &maildir);
    let ran = rig.fetch();
    assert_eq!(ran.code(), Some(74), "{ran:?}");
    assert_eq!(retrs(&rig.server.log()), 0);
    rig.assert_all_on_server();
    fs::remove_file(disk.filler()).unwrap();
    rig.complete(&maildir);
}
