//! Every bound of the program (I8). Lengths are in octets, times in [`Duration`].

use std::time::Duration;

use super::Timestamp;

/// Longest unique-id kept; RFC 1939 §7 says 70.
pub const UID_OCTETS: usize = 512;
/// Longest status line or list line of a reply; RFC 1939 §3 says 512 with CRLF, lenient here.
pub const LINE_OCTETS: usize = 8 * 1024;
/// Most messages in one listing.
pub const LISTED_MESSAGES: usize = 1_000_000;
/// Most lines in a CAPA reply.
pub const CAPA_LINES: usize = 256;
/// Of messages that a run's limit leaves for later, so many headers are asked for at a time.
pub const TOPS_BEYOND_LIMIT: usize = 100;
/// Largest header block that TOP may send.
pub const TOP_OCTETS: u64 = 16 * 1024 * 1024;
/// A body may exceed twice its listed size by this much (sizes are estimates on some servers).
pub const BODY_SLACK_OCTETS: u64 = 1024 * 1024;
/// Largest body of a message without a listed size.
pub const BODY_OCTETS: u64 = 4 * 1024 * 1024 * 1024;
/// Most characters of foreign text shown in one message.
pub const SHOWN_CHARS: usize = 256;
/// Most fields of one name that are shown of a header.
pub const SHOWN_FIELDS: usize = 8;
/// Most characters of a path shown: the system takes no longer ones (`PATH_MAX`).
pub const PATH_CHARS: usize = 4096;
/// Most characters that a protocol trace keeps of one line.
pub const NOTED_CHARS: usize = 512;
/// Commands sent ahead of their replies where PIPELINING is announced.
pub const PIPELINE_COMMANDS: usize = 64;
/// Most messages made durable in one batch.
pub const BATCH_MESSAGES: usize = 64;
/// Most stored octets in one batch before it is made durable.
pub const BATCH_OCTETS: u64 = 32 * 1024 * 1024;
/// Space that a fetch leaves free on the target's file system.
pub const FREE_SPACE_FLOOR_OCTETS: u64 = 16 * 1024 * 1024;
/// Largest part of a message in which header fields are looked for.
pub const HEADER_OCTETS: u64 = 256 * 1024;
/// Longest address of an envelope (RFC 5321 §4.5.3.1.3 says 256 with its brackets).
pub const ADDRESS_OCTETS: usize = 320;
/// Permissions of the files that this program makes, unless the user wishes others.
pub const PRIVATE_MODE: u32 = 0o600;
/// Longest wait for a TCP connection.
pub const CONNECT: Duration = Duration::from_secs(30);
/// Longest TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(30);
/// Longest wait for the reply to a command that has a one-line reply.
pub const REPLY: Duration = Duration::from_secs(120);
/// A blocked read wakes this often to look at deadlines and interruption.
pub const WAKE: Duration = Duration::from_millis(250);
/// Default for silence on the wire.
pub const SILENCE: Duration = Duration::from_secs(60);
/// Default for the whole run of one account.
pub const RUN: Duration = Duration::from_secs(3600);
/// An INTENT older than this whose file is nowhere is fetched again: cleaners of `tmp/` run at 36 hours.
pub const INTENT_TRUSTED: Duration = Duration::from_secs(24 * 3600);
/// Most age that one gap between runs may credit to mail waiting for deletion.
pub const AGE_PER_GAP: Duration = Duration::from_secs(45 * 24 * 3600);
/// Most sessions of one run, besides those for single messages.
pub const SESSIONS: usize = 1000;
/// A message that is absent from its Maildir for so long was removed by its user.
pub const ABSENT: Duration = Duration::from_secs(24 * 3600);
/// Most absence that one gap between runs may credit: less than [`ABSENT`], so that a clock that leaps once never suffices.
pub const ABSENCE_PER_GAP: Duration = Duration::from_secs(12 * 3600);
/// Most messages that a run deletes unasked because they were removed from the Maildir,
pub const REMOVALS: usize = 50;
/// and at most one in so many of the delivered ones on the server.
pub const REMOVALS_ONE_IN: usize = 10;
/// Most folders of a Maildir that removed messages are looked for in.
pub const MAILDIR_FOLDERS: usize = 10_000;
/// Lost sessions after which a message is fetched last, in a session of its own.
pub const TROUBLED_AFTER: u32 = 2;
/// First back-off of such a message; doubled each time up to [`TROUBLED_BACKOFF_MAX`].
pub const TROUBLED_BACKOFF: Duration = Duration::from_secs(3600);
/// Longest back-off of such a message.
pub const TROUBLED_BACKOFF_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions of one run for such messages.
pub const TROUBLED_SESSIONS: usize = 3;
/// Without a successful run for this long, `status` raises an alarm.
pub const ALARM_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);
/// Runs that the index remembers, besides the last successful one.
pub const RUNS_KEPT: i64 = 10_000;
/// 2026-01-01: this version did not exist yet, so a clock that shows an earlier time is wrong.
pub const EARLIEST_NOW: Timestamp = Timestamp(1_767_225_600);
/// A certificate that ends so soon is worth a warning.
pub const CERTIFICATE_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// Longest unique-id that RFC 1939 §7 allows.
pub const RFC_UID_OCTETS: usize = 70;
/// Longest time that a program may take for one message, where the configuration does not say it.
pub const PIPE: Duration = Duration::from_secs(300);
/// Longest run of a hook.
pub const HOOK: Duration = Duration::from_secs(600);
/// What is left to a program that is told to end.
pub const GRACE: Duration = Duration::from_secs(5);
/// Octets kept of what a program prints, the last ones.
pub const PRINTED_OCTETS: usize = 4096;
/// Lines shown of them, the last ones.
pub const PRINTED_LINES: usize = 3;
/// Most lines in one reply of a mail server.
pub const MTA_REPLY_LINES: usize = 128;
/// Longest wait for a mail server's greeting, and for its answer to a command (RFC 5321 §4.5.3.2).
pub const MTA_COMMAND: Duration = Duration::from_secs(300);
/// Longest wait for the answer to DATA (RFC 5321 §4.5.3.2.4).
pub const MTA_DATA: Duration = Duration::from_secs(120);
/// Longest time that a mail server takes to take a block of a message (RFC 5321 §4.5.3.2.5).
pub const MTA_BLOCK: Duration = Duration::from_secs(180);
/// Longest wait for the answer to the end of a message (RFC 5321 §4.5.3.2.6).
pub const MTA_END: Duration = Duration::from_secs(600);
/// For so long that answer is waited for even when the user asks to stop, or the run's time is over.
pub const MTA_GRACE: Duration = Duration::from_secs(10);
/// Longest wait for what a mail server says at the end of a connection.
pub const MTA_LAST_WORDS: Duration = Duration::from_secs(5);
/// Most messages that are handed to a mail server over one connection.
pub const MTA_CONNECTION_MESSAGES: u32 = 500;
/// After so many messages in a row that cost a mail server's connection, it is offered no more in this run.
pub const MTA_TROUBLES: u32 = 2;
/// Most addresses of one header field that mail is routed by.
pub const ROUTED_ADDRESSES: usize = 100;
/// Most octets of one header field that rules look at.
pub const MATCHED_OCTETS: usize = 8 * 1024;
/// Longest wait for another program to let go of an mbox.
pub const MBOX_LOCK: Duration = Duration::from_secs(30);
/// A held lock file is touched this often.
pub const DOTLOCK_TOUCH: Duration = Duration::from_secs(30);
/// A lock file of a process that is gone is given up after this long, where it does not say on which machine that was.
pub const DOTLOCK_OF_DEAD: Duration = Duration::from_secs(2 * 60);
/// A lock file that names no process of this machine is given up after this long without a sign of life.
pub const DOTLOCK_OF_UNKNOWN: Duration = Duration::from_secs(5 * 60);
/// A lock file of a process that exists is given up after this long without a sign of life: its number may have a new owner.
pub const DOTLOCK_OF_ALIVE: Duration = Duration::from_secs(15 * 60);
/// Octets before an append by which recovery tells that what lies before it is as it was.
pub const MBOX_WINDOW_OCTETS: usize = 4096;
