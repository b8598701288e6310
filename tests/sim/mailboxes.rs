//! An mbox as a target of the whole program: with the server, the index and the spool, alone and beside a Maildir, and with
//! other programs that write to the file between two runs. What they remove is simulated in `mbox`, of the file alone.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use fetchonce::demo::{Faults, Maildrop};
use fetchonce::model::{Compression, MboxTarget, Target};
use fetchonce::policy::Keep;

use crate::explore::{Crashes, Explorer, aftermath};
use crate::history::{Scenario, run};
use crate::targets::some_faults;
use crate::world::{MAILDIR, Setting, World};

const INBOX: &str = "/home/inbox";
const FOREIGN: &str = "From x@h Sat Nov 21 09:00:00 2026\nX: foreign\n\nnot ours\n";

const MARK: &str = "Status: RO";

/// What other programs do between two runs.
#[derive(Clone, Copy, Debug)]
enum Foreign {
    /// One delivers mail, after an empty line if there is none.
    Appends,
    /// The same, and leaves no empty line behind it.
    AppendsUnended,
    /// A mail reader marks all messages, in place.
    Marks,
    /// The same, by another file in the place of the first.
    Replaces,
}

/// Messages that end in a line of their own, so that a reader knows them from fragments.
fn mail(messages: usize) -> Maildrop {
    let mut maildrop = Maildrop::new();
    for number in 0..messages {
        maildrop.add(format!("Subject: {number}\n\nFrom here on:\n>From there\nend {number}\n").as_bytes());
    }
    maildrop
}

/// The whole messages of [`mail`] in an mbox, as they were before they were written and marked.
pub(crate) fn ours(mbox: &MboxTarget, content: &[u8]) -> Vec<Arc<Vec<u8>>> {
    let text = match mbox.compression {
        None => String::from_utf8_lossy(content).into_owned(),
        Some(Compression::Gzip) => decompressed(content),
        Some(other) => panic!("no reader of {other:?}"),
    };
    let separated = format!("\n\n{text}");
    let parts = separated.split("\n\nFrom ").skip(1);
    let ends = |line: &str| line.strip_prefix("end ").is_some_and(|number| number.parse::<usize>().is_ok());
    let is_whole = |message: &&str| message.lines().last().is_some_and(ends);
    let is_quoted = |line: &str| line.starts_with('>') && line.trim_start_matches('>').starts_with("From ");
    let unquoted = |line| if is_quoted(line) { &line[1..] } else { line };
    parts
        .filter_map(|part| part.split_once('\n'))
        // What a power cut left of the next message.
        .map(|(_, rest)| rest.split("\n\n\0").next().unwrap_or(rest).trim_end_matches('\n'))
        .filter(is_whole)
        .map(|message| message.lines().filter(|line| *line != MARK).map(unquoted).collect::<Vec<_>>().join("\n"))
        .map(|message| Arc::new(format!("{message}\n").into_bytes()))
        .collect()
}

/// What the whole members of an archive hold.
fn decompressed(archive: &[u8]) -> String {
    let mut rest = archive;
    let mut text = String::new();
    while !rest.is_empty() {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        let mut part = String::new();
        if member.read_to_string(&mut part).is_err() {
            break;
        }
        text.push_str(&part);
        rest = member.into_inner();
    }
    text
}

fn act(world: &mut World, foreign: Foreign) {
    let path = Path::new(INBOX);
    let Some((inode, content, _)) = world.disk.look(path) else { return };
    let marked = || {
        let text = String::from_utf8_lossy(&content).into_owned();
        text.replace("\nSubject: ", &format!("\n{MARK}\nSubject: ")).into_bytes()
    };
    let disk = &mut world.disk;
    let (inode, rewritten) = match foreign {
        Foreign::Appends | Foreign::AppendsUnended => {
            let before = if content.is_empty() || content.ends_with(b"\n\n") { "" } else { "\n\n" };
            let end = if matches!(foreign, Foreign::Appends) { "\n" } else { "" };
            (inode, [&content[..], before.as_bytes(), FOREIGN.as_bytes(), end.as_bytes()].concat())
        }
        Foreign::Marks => (inode, marked()),
        Foreign::Replaces => {
            let temporary = Path::new("/home/temporary");
            let inode = disk.create(temporary, false).expect("nothing lies there");
            disk.rename(temporary, path, true).expect("it was just made");
            (inode, marked())
        }
    };
    disk.truncate(inode, 0);
    disk.append(inode, &rewritten);
    disk.sync_file(inode);
    disk.sync_dir(Path::new("/home")).expect("the folder is there");
}

/// How much foreign mail a reader finds.
fn foreign_mail(world: &World) -> usize {
    let content = world.disk.look(Path::new(INBOX)).map(|(_, content, _)| content).unwrap_or_default();
    let text = format!("\n\n{}", String::from_utf8_lossy(&content));
    let ends_well = |rest: &str| rest.is_empty() || rest.starts_with('\n');
    text.split(&format!("\n\n{FOREIGN}")).skip(1).filter(|rest| ends_well(rest)).count()
}

fn scenario(keep: Keep, mail: &Maildrop, targets: &[Target]) -> Scenario {
    Scenario { targets: targets.to_vec(), ..Scenario::new(keep, mail) }
}

fn explore(targets: &[Target], messages: usize, crashes: Crashes, faults: &[Faults]) -> u64 {
    let mail = mail(messages);
    let mut histories = 0;
    for keep in [Keep::Forever, Keep::None] {
        let scenario = scenario(keep, &mail, targets);
        let mut explorer = Explorer::new(&scenario);
        for fault in faults {
            let result = explorer.explore(&mail, fault, crashes);
            assert_eq!(result, Ok(()), "{targets:?} {keep:?} {fault:?}");
        }
        histories += explorer.histories;
    }
    histories
}

/// I2, I3, I4: killed, or without power, at any step.
#[test]
fn a_whole_mbox_gets_every_message_once() {
    let mbox = Target::Mbox(MboxTarget::new(Path::new(INBOX)));
    let of_two = explore(std::slice::from_ref(&mbox), 2, Crashes::One, &some_faults()[..1]);
    let beside = explore(&[Target::maildir(MAILDIR), mbox], 1, Crashes::One, &some_faults());
    assert!(of_two > 1000 && beside > 1000, "{of_two} and {beside} histories");
}

/// I2, I3, I4: an archive of one member for each batch.
#[test]
fn an_archive_gets_every_message_once() {
    let archive = Target::Mbox(MboxTarget::new(Path::new("/home/backup.gz")));
    let histories = explore(&[archive], 2, Crashes::One, &some_faults()[..1]);
    assert!(histories > 1000, "{histories} histories");
}

/// I2, I3: another program writes to the file at each point at which a run can end; after two of its ways the next run is
/// killed at each step too.
#[test]
fn a_whole_mbox_that_others_write_to_gets_every_message_once() {
    let mail = mail(1);
    let targets = [Target::Mbox(MboxTarget::new(Path::new(INBOX)))];
    let scenario = scenario(Keep::None, &mail, &targets);
    let mut explorer = Explorer::new(&scenario);
    let setting = || Setting { take_snapshots: true, ..Setting::default() };
    for foreign in [Foreign::Appends, Foreign::AppendsUnended, Foreign::Marks, Foreign::Replaces] {
        let first = run(World::new(mail.clone()), &scenario, 0, setting());
        for (mut world, _) in aftermath(first.snapshots, first.world) {
            act(&mut world, foreign);
            let appended = foreign_mail(&world);
            let mut again = run(world, &scenario, 1, setting());
            if matches!(foreign, Foreign::Marks | Foreign::AppendsUnended) {
                again.snapshots.clear();
            }
            let now = again.world.now;
            for mut world in again.snapshots.into_iter().chain([again.world]) {
                world.now = now;
                assert_eq!(foreign_mail(&world), appended, "{foreign:?}");
                if appended > 0 {
                    let after = run(world.clone(), &scenario, 2, Setting::default()).world;
                    assert_eq!(foreign_mail(&after), appended, "{foreign:?}");
                }
                assert_eq!(explorer.end(world, 2), Ok(()), "{foreign:?}");
            }
        }
    }
    assert!(explorer.histories > 1000, "{} histories", explorer.histories);
}
