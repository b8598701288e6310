//! `demo`: the demonstration on standard output.

use super::failure::Failure;
use super::{World, watch_signals};
use crate::demo::demonstration::{self, DemonstrationError};
use crate::host::Host as _;
use crate::report::Exit;

pub(super) fn demo(world: &World) -> Result<Exit, Failure> {
    watch_signals(&world.interrupted)?;
    match demonstration::run(&world.host, &mut |lines| world.screen.print(lines)) {
        Ok(counts) if counts.is_exactly_once() => Ok(Exit::Fine),
        Err(_) if world.host.interrupted() => Ok(Exit::Interrupted),
        Ok(_) => Err(Failure::words(Exit::Internal, "the counts do not add up", "please report what you see above")),
        Err(error) => {
            let exit = match &error {
                DemonstrationError::Io { .. } => Exit::Io,
                DemonstrationError::Fetch(error) => error.exit(),
            };
            Err(Failure::new(exit, error, "it needs a loopback interface and some room in the temporary folder"))
        }
    }
}
