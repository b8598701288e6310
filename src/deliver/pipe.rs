//! Delivery to a program that reads the message from its standard input (an MDA such as maildrop).
//!
//! Its exit code is its answer: 0 says that it has the message, any other that it has nothing of it. One that gives no
//! answer, because it was killed, may have it or not.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::TargetError;
use super::parcel::{Deliver, Outcome, Parcel, Prepared, Promised, Settled};
use crate::header::Header;
use crate::host::{End, Finished, Host, Program, ProgramError, RunError};
use crate::model::{PipeTarget, Promise, limits};

/// The fields that tell for whom a message came to this maildrop, the most telling one first.
const RECIPIENT_FIELDS: [&str; 3] = ["X-Original-To", "Delivered-To", "Envelope-To"];

/// A program that is delivered to.
pub struct Pipe<'h> {
    host: &'h dyn Host,
    target: PipeTarget,
    account: String,
    secret_variables: Vec<String>,
    scratch: PathBuf,
}

impl<'h> Pipe<'h> {
    /// A program that takes the mail of `account`.
    ///
    /// It sees none of `secret_variables`, which hold passwords (I9). `scratch` is a folder on the disk of the spool,
    /// where a copy of each message lies while the program reads it.
    #[must_use]
    pub fn new(
        host: &'h dyn Host,
        target: &PipeTarget,
        account: &str,
        secret_variables: &[String],
        scratch: &Path,
    ) -> Self {
        Self {
            host,
            target: target.clone(),
            account: account.to_owned(),
            secret_variables: secret_variables.to_vec(),
            scratch: scratch.to_owned(),
        }
    }

    /// Where the program is; an error where it is not there or may not be run.
    pub fn find(&self) -> Result<PathBuf, TargetError> {
        self.host.find_program(self.name()).map_err(|source| ProgramError::not_run(self.name(), source).into())
    }

    fn name(&self) -> &str {
        self.target.argv.first().map_or("", String::as_str)
    }

    /// What the environment tells of a message.
    fn variables(&self, parcel: &Parcel<'_>) -> Result<Vec<(&'static str, String)>, TargetError> {
        let reading = TargetError::io("read a held message for a program from", &self.scratch);
        let header = Header::read(&mut *parcel.open()?).map_err(reading)?;
        let mut variables = vec![
            ("FETCHONCE_ACCOUNT", self.account.clone()),
            ("FETCHONCE_UID", parcel.uid.to_string()),
            ("FETCHONCE_TOKEN", parcel.token.0.clone()),
            ("FETCHONCE_OCTETS", parcel.octets().0.to_string()),
        ];
        variables.extend(header.return_path().map(|sender| ("FETCHONCE_SENDER", sender.to_owned())));
        let mut recipients = RECIPIENT_FIELDS.iter().filter_map(|field| header.address(field));
        let recipient = recipients.find(|recipient| !recipient.is_empty());
        variables.extend(recipient.map(|recipient| ("FETCHONCE_RECIPIENT", recipient.to_owned())));
        Ok(variables)
    }

    /// Hands one message over.
    fn hand_over(&self, file: &Path, parcel: &Parcel<'_>, variables: &[(&'static str, String)]) -> Outcome {
        let program = Program {
            file,
            argv: &self.target.argv,
            variables,
            secret_variables: &self.secret_variables,
            timeout: self.target.timeout,
            grace: limits::GRACE,
            scratch: &self.scratch,
        };
        let mut message = match parcel.open() {
            Ok(message) => message,
            Err(error) => return Outcome::Refused(error),
        };
        match self.host.run(&program, Some(&mut message)) {
            Ok(finished) => outcome_of(finished, &program),
            Err(RunError::Start(source)) => Outcome::Refused(ProgramError::not_run(self.name(), source).into()),
            Err(RunError::Input(source)) => {
                Outcome::Refused(TargetError::io("copy a held message for a program in", &self.scratch)(source))
            }
        }
    }
}

/// What a shell ends with when a signal ended the program that it ran: 128 and the number of the signal.
const CODES_OF_SIGNALS: RangeInclusive<i32> = 129..=192;

/// An exit code is an answer, but for those that tell of a signal, and for 0 from a program that was told to end: many end
/// so on SIGTERM, whatever they were at.
fn outcome_of(finished: Finished, program: &Program<'_>) -> Outcome {
    let is_answer = match &finished.end {
        End::Code(code) => !CODES_OF_SIGNALS.contains(code),
        End::TimedOut(code) | End::Interrupted(code) => {
            code.is_some_and(|code| code != 0 && !CODES_OF_SIGNALS.contains(&code))
        }
        End::Signal(_) | End::Unknown(_) => false,
    };
    match finished.failure(program) {
        None => Outcome::Delivered,
        Some(error) if is_answer => Outcome::Refused(error.into()),
        Some(error) => Outcome::InDoubt(error.into()),
    }
}

impl Deliver for Pipe<'_> {
    /// A crash leaves no more than one message in doubt.
    fn batch(&self) -> usize {
        1
    }

    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError> {
        let file = self.find()?;
        let variables = parcels.iter().map(|parcel| self.variables(parcel)).collect::<Result<_, _>>()?;
        Ok(Box::new(Ready { pipe: self, file, parcels, variables }))
    }

    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
        Ok(vec![Settled::InDoubt; promised.len()])
    }
}

/// Messages whose program is there.
struct Ready<'t> {
    pipe: &'t Pipe<'t>,
    file: PathBuf,
    parcels: &'t [Parcel<'t>],
    /// What the environment tells of each.
    variables: Vec<Vec<(&'static str, String)>>,
}

impl Prepared for Ready<'_> {
    fn promises(&self) -> Vec<Promise> {
        vec![Promise::HandedOver; self.parcels.len()]
    }

    fn perform(self: Box<Self>) -> Vec<Outcome> {
        let of_each = self.parcels.iter().zip(&self.variables);
        of_each.map(|(parcel, variables)| self.pipe.hand_over(&self.file, parcel, variables)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::super::parcel::Source;
    use super::*;
    use crate::host::RealHost;
    use crate::model::{ContentId, DeliveryId, Digest, InDoubt, Octets, Timestamp, Uid};

    const MESSAGE: &[u8] =
        b"Return-Path: <>\nDelivered-To: alice@example.com\nX-Original-To: <bob@example.com>\n\nhello\n";

    struct Spool(Option<&'static [u8]>);

    impl Source for Spool {
        fn open(&self, _: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
            Ok(self.0.map(|message| Box::new(message) as Box<dyn Read>))
        }
    }

    fn parcel(spool: &Spool) -> Parcel<'_> {
        let message = spool.0.unwrap_or_default();
        let octets = Octets(message.len() as u64);
        Parcel {
            token: DeliveryId("1.F0_1.host".to_owned()),
            uid: Uid::new(b"u\n1").unwrap(),
            content: ContentId { header: Digest([0; 32]), full: Digest([0; 32]), octets },
            fetched_at: Timestamp(0),
            prefix: b"X-Token: t\n".to_vec(),
            source: spool,
        }
    }

    /// Runs `argv` with a message, and gives what became of it and what was promised.
    fn deliver(argv: &[&str]) -> Result<Outcome, TargetError> {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let target = PipeTarget { argv, timeout: limits::PIPE, in_doubt: InDoubt::Hold };
        let folder = tempfile::tempdir().unwrap();
        let mut pipe = Pipe::new(&host, &target, "work", &[], folder.path());
        assert_eq!(pipe.batch(), 1);
        let spool = Spool(Some(MESSAGE));
        let parcels = [parcel(&spool)];
        let prepared = pipe.prepare(&parcels)?;
        assert_eq!(prepared.promises(), [Promise::HandedOver]);
        Ok(prepared.perform().pop().unwrap())
    }

    fn sh(script: &str) -> Outcome {
        deliver(&["sh", "-c", script]).unwrap()
    }

    #[test]
    fn the_exit_code_is_the_answer() {
        assert!(matches!(sh("cat >/dev/null"), Outcome::Delivered));
        assert!(matches!(sh("exit 0"), Outcome::Delivered));
        for code in [75, 1, 65] {
            let outcome = sh(&format!("echo no room >&2; exit {code}"));
            let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
            assert_eq!(error.to_string(), format!("the program sh ended with exit code {code}: no room"));
        }
    }

    #[test]
    fn without_an_answer_it_may_have_the_message() {
        let outcome = sh("echo almost; kill -KILL $$");
        let Outcome::InDoubt(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.to_string(), "the program sh was ended by signal 9: almost");
        let argv = ["maildrop".to_owned()];
        let program = Program {
            file: Path::new("/usr/bin/maildrop"),
            argv: &argv,
            variables: &[],
            secret_variables: &[],
            timeout: limits::PIPE,
            grace: limits::GRACE,
            scratch: Path::new("/"),
        };
        let of = |end: End| outcome_of(Finished { end, printed: b"almost".to_vec() }, &program);
        for code in [129, 137, 143, 192] {
            assert!(matches!(of(End::Code(code)), Outcome::InDoubt(_)), "{code}");
        }
        for code in [1, 75, 127, 128, 193, 255] {
            assert!(matches!(of(End::Code(code)), Outcome::Refused(_)), "{code}");
        }
        for code in [None, Some(0), Some(143)] {
            assert!(matches!(of(End::TimedOut(code)), Outcome::InDoubt(_)), "{code:?}");
            assert!(matches!(of(End::Interrupted(code)), Outcome::InDoubt(_)), "{code:?}");
        }
        // procmail says so on SIGTERM.
        let Outcome::Refused(error) = of(End::TimedOut(Some(75))) else { panic!("it has nothing") };
        assert_eq!(error.to_string(), "the program maildrop was stopped after 300 seconds: almost");
        let Outcome::Refused(error) = of(End::Interrupted(Some(75))) else { panic!("it has nothing") };
        assert_eq!(error.to_string(), "the program maildrop was stopped, as was asked for: almost");
        assert!(matches!(of(End::Unknown(std::io::ErrorKind::NotFound.into())), Outcome::InDoubt(_)));
    }

    #[test]
    fn nothing_is_promised_to_a_program_that_is_not_there() {
        for argv in [&["/nonexistent/maildrop"][..], &["no-such-program"], &["/etc/passwd"], &["/"], &[""], &[]] {
            let result = deliver(argv);
            let Err(TargetError::Program(ProgramError::NotRun { .. })) = result else { panic!("{argv:?}: {result:?}") };
        }
    }

    #[test]
    fn nothing_is_promised_of_a_message_that_is_not_there() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let target = PipeTarget { argv: vec!["true".to_owned()], timeout: limits::PIPE, in_doubt: InDoubt::Redeliver };
        let mut pipe = Pipe::new(&host, &target, "work", &[], Path::new("/"));
        let spool = Spool(None);
        assert!(matches!(pipe.prepare(&[parcel(&spool)]), Err(TargetError::Unspooled(_))));
    }

    /// Arguments are no shell's: what a program gets is what is written.
    #[test]
    fn the_message_comes_with_its_token_and_what_is_known_of_it() {
        let script = r#"test "$(cat)" = "X-Token: t
Return-Path: <>
Delivered-To: alice@example.com
X-Original-To: <bob@example.com>

hello" || exit 1
printf %s "$FETCHONCE_ACCOUNT $FETCHONCE_UID $FETCHONCE_TOKEN $FETCHONCE_OCTETS <${FETCHONCE_SENDER-none}> $FETCHONCE_RECIPIENT $1"
exit 9"#;
        let outcome = deliver(&["sh", "-c", script, "sh", "$(id);*"]).unwrap();
        let Outcome::Refused(TargetError::Program(ProgramError::Failed { code: 9, printed, .. })) = outcome else {
            panic!("{outcome:?}")
        };
        let octets = MESSAGE.len() + "X-Token: t\n".len();
        assert_eq!(printed, format!("work u\\\\n1 1.F0_1.host {octets} <> bob@example.com $(id);*"));
    }

    #[test]
    fn a_crash_leaves_it_in_doubt() {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let target = PipeTarget { argv: Vec::new(), timeout: limits::PIPE, in_doubt: InDoubt::Redeliver };
        let mut pipe = Pipe::new(&host, &target, "work", &[], Path::new("/"));
        let spool = Spool(Some(MESSAGE));
        let promised = Promised { parcel: parcel(&spool), promise: Promise::HandedOver, at: Timestamp(0) };
        assert_eq!(pipe.settle(&[promised.clone(), promised]).unwrap(), [Settled::InDoubt; 2]);
    }
}
