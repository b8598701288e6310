//! The command line as it is written.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use super::screen::{Format, Talk};
use crate::config::{AccountName, Tls, ValueError, keys, parse_size, parse_time};
use crate::model::Octets;
use crate::policy::{Intake, Order};

/// What to type, and what it does.
pub(super) const EXAMPLES: [(&str, &str); 8] = [
    ("fetchonce", "fetch all accounts of the configuration"),
    ("fetchonce work", "fetch one account"),
    ("fetchonce fetch --dry-run", "show what would be done, and why"),
    ("fetchonce list", "show each message on the server, and what is next"),
    ("fetchonce check", "is everything in order, and if not, what to do"),
    ("fetchonce status", "show the last runs, and what waits"),
    ("fetchonce demo", "see it work: no account, no network"),
    ("fetchonce fetch pop3s://alice@pop.example.com --into maildir:./Mail", "fetch without a configuration"),
];

const ONE_SHOT: &str = "Without a configuration";
const LOGGING: &str = "When something goes wrong";
/// The options of every command stand behind a command's own.
const GLOBAL_ORDER: usize = 100;

fn examples() -> String {
    let mut text = "Examples:\n".to_owned();
    for (line, meaning) in EXAMPLES {
        let gap = if line.len() < 27 { String::new() } else { format!("\n{:29}", "") };
        let _ = writeln!(text, "  {line:27}{gap}{meaning}");
    }
    let account = keys::EXAMPLE.split("\n\n").next().unwrap_or_default().replace('\n', "\n  ");
    text + "\nThe configuration, ~/.config/fetchonce/config.toml; `fetchonce man` tells more:\n  " + &account
}

/// Fetches mail from POP3 maildrops, each message exactly once.
///
/// None twice and none lost, whatever happens to the connection, the server, this program or the power.
#[derive(Debug, Parser)]
#[command(name = "fetchonce", version, after_help = examples(), disable_help_subcommand = true)]
pub(super) struct Cli {
    /// The configuration file, instead of ~/.config/fetchonce/config.toml
    #[arg(long, global = true, display_order = GLOBAL_ORDER, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Where the index and the lock of each account lie, instead of the configuration's `state_dir`
    #[arg(long, global = true, display_order = GLOBAL_ORDER, value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(super) fetch: FetchArgs,

    #[command(flatten)]
    pub(super) logging: LoggingArgs,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

impl Cli {
    /// How much is to be told, and for whom.
    pub(super) fn wishes(&self) -> (Talk, Format) {
        let (talk, json) = match &self.command {
            None => (self.fetch.talk(), self.fetch.json),
            Some(Command::Fetch(args)) => (args.talk(), args.json),
            Some(Command::List(ListArgs { look: args, .. }) | Command::Check(args)) => (Talk::Normal, args.json),
            Some(Command::Status(args)) => (Talk::Normal, args.json),
            Some(_) => (Talk::Normal, false),
        };
        (talk, if json { Format::Json } else { Format::Text })
    }
}

impl FetchArgs {
    fn talk(&self) -> Talk {
        match self {
            Self { quiet: true, .. } => Talk::Quiet,
            Self { verbose: true, .. } => Talk::Verbose,
            _ => Talk::Normal,
        }
    }
}

/// For the case that something goes wrong.
#[derive(Args, Clone, Debug)]
pub(super) struct LoggingArgs {
    /// Log what happens, from this level on [default: no log]
    #[arg(long, global = true, display_order = GLOBAL_ORDER, value_enum, value_name = "LEVEL", help_heading = LOGGING)]
    pub(super) log_level: Option<LogLevel>,

    /// Where the log goes [default: stderr]; alone it means level info
    #[arg(long, global = true, display_order = GLOBAL_ORDER, value_enum, value_name = "PLACE", help_heading = LOGGING)]
    pub(super) log_to: Option<LogTo>,

    /// Append what is said on each connection to a file of yours, without passwords and mail
    #[arg(long, global = true, display_order = GLOBAL_ORDER, value_name = "FILE", help_heading = LOGGING)]
    pub(super) trace: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogTo {
    Stderr,
    Journald,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Fetch all or some accounts (also what `fetchonce` alone does)
    #[command(after_help = examples())]
    Fetch(FetchArgs),
    /// Show what is on the server, and what the next run would do with each message, and why
    List(ListArgs),
    /// Look at everything that a fetch needs, here and on the server, and say what to do where it is not in order
    Check(LookArgs),
    /// Show the last runs of each account, what waits, and what will be deleted when; asks no server
    Status(StatusArgs),
    /// Rename an account, or accept its Maildir as it is now
    #[command(subcommand)]
    Account(AccountCommand),
    /// Skip a message for good, or repair what a failing disk left in doubt
    #[command(subcommand)]
    Seen(SeenCommand),
    /// See it work: a POP3 server with sample mail, lost connections, and a count of what arrived
    Demo,
    /// Print a manual page, to be read with `man -l -` or kept among the others
    Man {
        /// The program, or its configuration
        #[arg(value_enum, value_name = "PAGE", default_value_t = ManPage::Fetchonce)]
        page: ManPage,
    },
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ManPage {
    Fetchonce,
    #[value(name = "fetchonce.toml")]
    FetchonceToml,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Give an account another name; it keeps all that it knows, so nothing is fetched again
    Rename {
        /// The name so far
        old: AccountName,
        /// The new name
        new: AccountName,
    },
    /// Accept the configured Maildir as it is now, after a restore or a wanted deletion
    AcceptTarget {
        /// The account
        account: AccountName,
        /// The Maildir, where the account has several or no configuration knows it
        #[arg(long, value_name = "TARGET")]
        into: Option<OsString>,
        /// Fetch again what was interrupted on its way into a Maildir that is gone for good: it may come a second time
        #[arg(long)]
        fetch_interrupted_again: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SeenCommand {
    /// Never fetch the undelivered message with this unique-id
    Skip {
        /// The account
        account: AccountName,
        /// The unique-id, as `--dry-run` shows it
        uid: OsString,
    },
    /// Check the messages whose files a failed disk operation left in doubt, and make them whole
    Verify {
        /// The account
        account: AccountName,
        /// Rewrite what is whole, and have the rest fetched again
        #[arg(long, required = true)]
        repair: bool,
    },
    /// Say what became of the messages of which only their target knows whether it has them
    #[command(group(ArgGroup::new("word").required(true).args(["delivered", "again"])))]
    Settle {
        /// The account
        account: AccountName,
        /// Their target has them
        #[arg(long)]
        delivered: bool,
        /// Deliver them again
        #[arg(long)]
        again: bool,
    },
}

#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(super) struct FetchArgs {
    /// Accounts of the configuration (all where none is named), or one `pop3s://USER@HOST[:PORT]` with --into
    #[arg(value_name = "ACCOUNT")]
    pub(super) accounts: Vec<String>,

    /// Show what would be done with each message, and change nothing, here or on the server
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Set by `list --explain` alone.
    #[arg(skip)]
    pub(super) explain: bool,

    /// Accounts fetched side by side, 1 to 64 [default: all, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: Option<u8>,

    #[command(flatten)]
    pub(super) intake: IntakeArgs,

    /// Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`
    #[arg(long)]
    pub(super) confirm: bool,

    /// Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time
    #[arg(long)]
    pub(super) as_new: bool,

    /// Tell only what went wrong
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Tell each step
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Print one JSON object a line for each step and each problem
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) one_shot: OneShotArgs,
}

/// What a run takes from each server; each stands for the key of that name.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IntakeArgs {
    /// Most messages to fetch from each account
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) limit: Option<u64>,

    /// Begin no further message of an account once so much is fetched, such as `100 MB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) limit_bytes: Option<Octets>,

    /// Begin no further message of an account after so long, such as `5m`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) limit_time: Option<Duration>,

    /// End the session after so many messages, and go on in another one: deletions take effect earlier
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) relogin: Option<u64>,

    /// Open one session after another until nothing new is listed
    #[arg(long)]
    pub(super) until_drained: bool,

    /// What to fetch first
    #[arg(long, value_enum)]
    pub(super) order: Option<OrderArg>,

    /// Leave larger messages on the server, such as `25 MB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) max_size: Option<Octets>,
}

impl IntakeArgs {
    /// The rules of an account, with these in the place of its own.
    pub(super) fn over(&self, rules: Intake) -> Intake {
        Intake {
            order: self.order.map_or(rules.order, Order::from),
            max_size: self.max_size.or(rules.max_size),
            oversize: rules.oversize,
            messages: self.limit.or(rules.messages),
            octets: self.limit_bytes.or(rules.octets),
            time: self.limit_time.or(rules.time),
            relogin: self.relogin.or(rules.relogin),
            until_drained: self.until_drained || rules.until_drained,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OrderArg {
    Oldest,
    Newest,
    Smallest,
}

impl From<OrderArg> for Order {
    fn from(order: OrderArg) -> Self {
        match order {
            OrderArg::Oldest => Self::Oldest,
            OrderArg::Newest => Self::Newest,
            OrderArg::Smallest => Self::Smallest,
        }
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) look: LookArgs,

    /// Show of each new message the header fields that matter, the route that takes it, and where it goes
    #[arg(long)]
    pub(super) explain: bool,
}

/// Of the commands that look at a server and change nothing.
#[derive(Args, Clone, Debug)]
pub(super) struct LookArgs {
    /// Accounts of the configuration (all where none is named), or one `pop3s://USER@HOST[:PORT]`
    #[arg(value_name = "ACCOUNT")]
    pub(super) accounts: Vec<String>,

    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) one_shot: OneShotArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct StatusArgs {
    /// The accounts; all where none is named
    #[arg(value_name = "ACCOUNT")]
    pub(super) accounts: Vec<AccountName>,

    /// How many runs to show, the newest first
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(super) runs: u32,

    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// What a URL cannot say. There is no option for a password: other users see the command line.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OneShotArgs {
    /// Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or
    /// `smtp:HOST`; once for each of several
    #[arg(long, value_name = "TARGET", help_heading = ONE_SHOT)]
    pub(super) into: Vec<OsString>,

    /// How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]
    #[arg(long, value_name = "HOW LONG", help_heading = ONE_SHOT)]
    pub(super) keep: Option<String>,

    /// So many of the delivered messages, the newest, stay on the server
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = ONE_SHOT)]
    pub(super) keep_newest: Option<u64>,

    /// The newest of the delivered messages stay on the server, as many as are together no larger
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = ONE_SHOT)]
    pub(super) keep_bytes: Option<Octets>,

    /// A larger message is deleted on the server once it is delivered
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = ONE_SHOT)]
    pub(super) delete_larger_than: Option<Octets>,

    /// A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, value_terminator = ";",
          help_heading = ONE_SHOT)]
    pub(super) password_command: Vec<String>,

    /// Certificates to trust besides the system's (PEM)
    #[arg(long, value_name = "FILE", help_heading = ONE_SHOT)]
    pub(super) ca_file: Option<PathBuf>,

    /// How the connection is protected, instead of what the scheme of the URL says
    #[arg(long, value_enum, help_heading = ONE_SHOT)]
    pub(super) tls: Option<TlsArg>,

    /// Send the password without TLS, to any host: everyone on the way can read it
    #[arg(long, help_heading = ONE_SHOT)]
    pub(super) allow_cleartext: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TlsArg {
    Implicit,
    Starttls,
    None,
}

impl From<TlsArg> for Tls {
    fn from(tls: TlsArg) -> Self {
        match tls {
            TlsArg::Implicit => Self::Implicit,
            TlsArg::Starttls => Self::StartTls,
            TlsArg::None => Self::None,
        }
    }
}

/// A size with its unit, as the configuration has it.
fn size(text: &str) -> Result<Octets, String> {
    parse_size(text).map_err(explained)
}

/// A length of time, as the configuration has it.
fn time(text: &str) -> Result<Duration, String> {
    parse_time(text).map_err(explained)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn explained(error: ValueError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Cli {
        Cli::try_parse_from([&["fetchonce"], words].concat()).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn fetch_is_what_happens_without_a_command() {
        let cli = parse(&["--config", "f", "work", "home", "--limit", "3"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.fetch.accounts, ["work", "home"]);
        assert_eq!(cli.fetch.intake.limit, Some(3));
        let cli = parse(&["--config", "f", "status", "work"]);
        assert!(matches!(cli.command, Some(Command::Status(_))));
        assert_eq!(parse(&["status", "--config", "f"]).config, Some("f".into()));
    }

    #[test]
    fn a_password_command_keeps_its_options() {
        let cli = parse(&["fetch", "pop3s://a@h", "--into", "maildir:M", "--password-command", "pass", "-x", "mail"]);
        let Some(Command::Fetch(fetch)) = cli.command else { panic!("{cli:?}") };
        assert_eq!(fetch.one_shot.password_command, ["pass", "-x", "mail"]);
    }

    #[test]
    fn limits_of_jobs_are_kept() {
        for jobs in ["0", "65", "x"] {
            assert!(Cli::try_parse_from(["fetchonce", "--jobs", jobs]).is_err());
        }
    }
}
