//! Standard output where mail goes there: nothing else does then, and it must be a place where mail is not lost.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fstat};

use super::World;
use super::accounts::Chosen;
use super::failure::Failure;
use super::screen::Format;
use crate::host::Host as _;
use crate::report::Exit;

/// Where it is to go instead.
const ELSEWHERE: &str = "send it to a program, or add it to a file: `fetchonce >>mbox`";

/// Refuses to fetch where mail for standard output would be lost, or mixed with something else.
pub(super) fn keep_for_mail(world: &World, chosen: &Chosen) -> Result<(), Failure> {
    if !chosen.delivers_to_stdout() {
        return Ok(());
    }
    match objection(world) {
        Ok(None) => Ok(()),
        Ok(Some((what, hint))) => Err(Failure::usage(what, hint)),
        Err(error) => {
            let error = anyhow::Error::new(error).context("cannot look at standard output");
            Err(Failure::new(Exit::Io, error, ELSEWHERE))
        }
    }
}

/// What is wrong with standard output, and what to do about it.
fn objection(world: &World) -> io::Result<Option<(&'static str, &'static str)>> {
    if world.screen.format == Format::Json {
        let what = "`--json` and the target `stdout:` would write into one another";
        return Ok(Some((what, "leave `--json` out, or deliver to a file")));
    }
    // It would obey what stands in the mail (I9).
    if io::stdout().is_terminal() {
        return Ok(Some(("mail cannot go to a terminal", ELSEWHERE)));
    }
    let own = fstat(io::stdout())?;
    // A standard output that is closed is this one too by now.
    if own.st_rdev == fs::metadata("/dev/null")?.rdev() {
        return Ok(Some(("mail cannot go to /dev/null, nor to a standard output that is closed", ELSEWHERE)));
    }
    if is_same(&own, &fstat(io::stderr())?) {
        let hint = "send errors elsewhere, such as `fetchonce 2>>errors | reader`";
        return Ok(Some(("mail and errors cannot both go to the same place", hint)));
    }
    if FileType::from_raw_mode(own.st_mode) == FileType::RegularFile {
        // What was delivered is not fetched again.
        if !fcntl_getfl(io::stdout())?.contains(OFlags::APPEND) {
            let what = "standard output is a file that is written over, and the next run would do so with this mail";
            return Ok(Some((what, "add to it: `>>` instead of `>`")));
        }
        if world.host.output().path().is_none() {
            return Ok(Some(("standard output is a file that cannot be opened by its name", ELSEWHERE)));
        }
    }
    Ok(None)
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
