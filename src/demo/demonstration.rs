//! The demonstration: real fetches from the server of this room, with lost connections, and a count of what arrived.
//!
//! Nothing in it is told that was not counted: the Maildir is read back file by file, and the server is asked what it
//! sent and what it still has.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{BadMessage, Event, Faults, Listener, Maildrop, Message, MessageFault, Quit, samples};
use crate::fetch::{self, Destination, FetchError, Job, Outcome};
use crate::host::Host;
use crate::index::{Identity, Index};
use crate::model::{Target, hex};
use crate::plan::Rules;
use crate::policy::{Intake, Keep, Retention};
use crate::pop3::{Credentials, Endpoint, TlsMode};
use crate::report::{self, Observer, with_causes};
use crate::route::Routes;

const USER: &str = "alice";
/// The sample that is cut in the middle of its first transfer.
const CUT_MESSAGE: usize = 4;

/// Why the demonstration could not be shown to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemonstrationError {
    /// The server, the temporary folder or the Maildir failed.
    #[error("cannot {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A fetch failed that was to succeed.
    #[error("a fetch failed that should not have")]
    Fetch(#[from] FetchError),
}

/// What was counted at the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages that the server had.
    pub messages: usize,
    /// Files in the Maildir.
    pub files: usize,
    /// Messages that lie in exactly one file, octet by octet.
    pub once: usize,
    /// How often the server began to send a message.
    pub sent: usize,
    /// Messages that are left on the server.
    pub left: usize,
    /// Connections that were made.
    pub connections: usize,
    /// Runs that ended in a lost connection.
    pub lost: usize,
}

impl Counts {
    /// Whether each message arrived exactly once, and was deleted afterwards.
    #[must_use]
    pub fn is_exactly_once(&self) -> bool {
        self.files == self.messages && self.once == self.messages && self.left == 0
    }
}

/// Runs the demonstration in a temporary folder, which is removed at the end, and tells it line by line.
pub fn run(host: &dyn Host, tell: &mut dyn FnMut(&str)) -> Result<Counts, DemonstrationError> {
    let folder = TemporaryFolder::new(host)?;
    let mut maildrop = Maildrop::new();
    for sample in samples() {
        maildrop.add(&sample);
    }
    let messages = maildrop.messages.clone();
    let maildrop = Arc::new(Mutex::new(maildrop));
    let cut = messages.get(CUT_MESSAGE).map(|message| message.uid.clone()).unwrap_or_default();
    let plan = move |connection| faults(connection, &cut);
    let listener = Listener::start(Arc::clone(&maildrop), plan).map_err(failed("start the server"))?;
    let mut show = Show { host, folder: &folder.path, port: listener.port(), lost: 0, tell };

    show.line(&format!("A POP3 server on 127.0.0.1 port {} has {} messages for {USER}.\n", show.port, messages.len()));
    show.line("1. Fetch. The connection will be cut in the middle of a message.");
    show.fetch(Keep::Forever, true)?;
    show.line("2. Fetch again.");
    show.fetch(Keep::Forever, false)?;
    show.line("3. Fetch with `keep = \"none\"`: delete what is delivered. The answer to QUIT will be lost.");
    show.fetch(Keep::None, true)?;
    show.line("4. Fetch again.");
    show.fetch(Keep::None, false)?;
    show.line("5. And once more.");
    show.fetch(Keep::None, false)?;

    let log = listener.log();
    let files = read_maildir(&folder.path.join("Mail"))?;
    let counts = Counts {
        messages: messages.len(),
        files: files.len(),
        once: messages.iter().filter(|message| arrivals(message, &files) == 1).count(),
        sent: log.iter().filter(|logged| matches!(logged.event, Event::Retr(_))).count(),
        left: maildrop.lock().unwrap_or_else(PoisonError::into_inner).messages.len(),
        connections: log.iter().map(|logged| logged.connection as usize + 1).max().unwrap_or(0),
        lost: show.lost,
    };
    show.line(&conclusion(&counts));
    folder.remove()?;
    Ok(counts)
}

/// The first connection is cut within a message, the third one loses the answer to its QUIT, and deletes nothing.
fn faults(connection: u32, cut: &[u8]) -> Faults {
    match connection {
        0 => Faults {
            bad_message: Some(BadMessage { uid: cut.to_vec(), fault: MessageFault::RetrCut }),
            ..Faults::default()
        },
        2 => Faults { quit: Quit::Lost, ..Faults::default() },
        _ => Faults::default(),
    }
}

fn conclusion(counts: &Counts) -> String {
    let Counts { messages, files, once, sent, left, connections, lost } = counts;
    let mut text = format!(
        "Counted, in the Maildir file by file and on the server:\n\
         \x20  {messages} messages were on the server, {left} are left there\n\
         \x20  {sent} times a message was sent, over {connections} connections, {lost} of them lost\n\
         \x20  {files} files lie in the Maildir\n\
         \x20  {once} of {messages} messages lie in exactly one file, octet by octet\n\n"
    );
    let _ = if counts.is_exactly_once() {
        writeln!(text, "Each of the {messages} messages arrived exactly once.")
    } else {
        writeln!(text, "THIS IS WRONG: not each of the {messages} messages arrived exactly once.")
    };
    text.trim_end().to_owned()
}

struct Show<'a> {
    host: &'a dyn Host,
    folder: &'a Path,
    port: u16,
    /// Runs that ended in an error so far.
    lost: usize,
    tell: &'a mut dyn FnMut(&str),
}

impl Show<'_> {
    fn line(&mut self, text: &str) {
        (self.tell)(&format!("{text}\n"));
    }

    /// One run, as another process would make it: from what the disk holds alone.
    fn fetch(&mut self, keep: Keep, is_to_fail: bool) -> Result<(), DemonstrationError> {
        let job = job(self.folder, self.port, keep);
        let mut index =
            Index::open(self.host, &self.folder.join("demo.sqlite"), &job.identity).map_err(FetchError::from)?;
        let Outcome { summary, error, .. } = fetch::run(self.host, &job, &mut index, Rules::default(), &Silent);
        match error {
            Some(error) if !is_to_fail => return Err(error.into()),
            Some(error) => {
                self.lost += 1;
                self.line(&format!("   {}", with_causes(&error)));
                self.line(&format!("   {}\n", report::human::state(&summary)));
            }
            None => self.line(&format!(
                "   {} delivered, {} deleted, {} already seen\n",
                summary.delivered, summary.deleted, summary.known
            )),
        }
        Ok(())
    }
}

/// The demonstration tells outcomes, no steps.
struct Silent;

impl Observer for Silent {
    fn observe(&self, _account: &str, _event: &report::Event<'_>) {}
}

fn job(folder: &Path, port: u16, keep: Keep) -> Job {
    let server = "127.0.0.1".to_owned();
    Job {
        identity: Identity { name: "demo".to_owned(), server: server.clone(), port, user: USER.to_owned() },
        endpoint: Endpoint { host: server, port, tls: TlsMode::None, ca_file: None, allow_cleartext: false },
        credentials: Credentials { user: USER.to_owned(), password: "any".into() },
        tracer: None,
        retention: Retention { keep, ..Retention::default() },
        removed_locally: None,
        routes: Routes::to_all(1),
        explain: false,
        deliver: Some(Destination {
            targets: vec![Target::maildir(folder.join("Mail"))],
            held: folder.join("held"),
            quarantine: folder.join("quarantine"),
            trace_headers: Vec::new(),
            secret_variables: Vec::new(),
        }),
        silence: Duration::from_secs(60),
        deadline: Duration::from_secs(300),
        intake: Intake::default(),
    }
}

/// In how many files a message lies, with the line ends of a Maildir.
fn arrivals(message: &Message, files: &[Vec<u8>]) -> usize {
    let mut stored = Vec::with_capacity(message.wire.len());
    for line in message.wire.split_inclusive(|&octet| octet == b'\n') {
        stored.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
        stored.push(b'\n');
    }
    files.iter().filter(|file| **file == stored).count()
}

fn read_maildir(root: &Path) -> Result<Vec<Vec<u8>>, DemonstrationError> {
    let read = || -> io::Result<Vec<Vec<u8>>> {
        let mut files = Vec::new();
        for sub in ["tmp", "new", "cur"] {
            for entry in fs::read_dir(root.join(sub))? {
                files.push(fs::read(entry?.path())?);
            }
        }
        Ok(files)
    };
    read().map_err(failed("read the Maildir back"))
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> DemonstrationError {
    move |source| DemonstrationError::Io { doing, source }
}

/// A folder of its own, removed also when the demonstration fails.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    fn new(host: &dyn Host) -> Result<Self, DemonstrationError> {
        let mut random = [0; 8];
        host.fill_random(&mut random);
        let path = std::env::temp_dir().join(format!("fetchonce-demo-{}", hex(&random)));
        host.create_dir(&path).map_err(failed("make a temporary folder"))?;
        Ok(Self { path })
    }

    fn remove(self) -> Result<(), DemonstrationError> {
        fs::remove_dir_all(&self.path).map_err(failed("remove the temporary folder"))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nothing to do where it is removed already, and nobody to tell where it cannot be.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conclusion_is_computed_from_the_counts() {
        let fine = Counts { messages: 7, files: 7, once: 7, sent: 8, left: 0, connections: 6, lost: 2 };
        assert!(fine.is_exactly_once() && conclusion(&fine).ends_with("7 messages arrived exactly once."));
        for wrong in [
            Counts { files: 8, ..fine.clone() },
            Counts { once: 6, ..fine.clone() },
            Counts { left: 1, ..fine.clone() },
            Counts { files: 6, once: 6, ..fine.clone() },
        ] {
            assert!(!wrong.is_exactly_once() && conclusion(&wrong).contains("THIS IS WRONG"), "{wrong:?}");
        }
    }

    #[test]
    fn a_message_is_counted_by_its_octets() {
        let message = Message::new(b"a", b"x: y\n\n.\n");
        let files = [b"x: y\n\n.\n".to_vec(), b"x: y\n\n".to_vec()];
        assert_eq!(arrivals(&message, &files), 1);
        assert_eq!(arrivals(&message, &files[1..]), 0);
    }
}
