//! Which accounts a command is about.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use super::args::{Cli, OneShotArgs};
use super::failure::Failure;
use super::hints::{Folder, Place};
use super::state::Files;
use crate::config::{
    self, Account, AccountName, Config, ConfigError, ConfigErrorKind, Environment, Hooks, OneShot, PasswordError,
    PasswordProblem, PasswordSource, RetentionWords, Tls,
};
use crate::index::Identity;
use crate::model::{Target, escaped, limits, quoted};
use crate::policy::{Intake, Retention};
use crate::report::Exit;
use crate::route::Routes;

/// Where the password of a one-shot fetch is looked for before anybody is asked.
const PASSWORD_VARIABLE: &str = "FETCHONCE_PASSWORD";

/// What accounts are chosen for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Their mail is delivered.
    Deliver,
    /// Nothing is changed.
    Look,
}

/// The options that hold for every command.
#[derive(Clone, Debug, Default)]
pub(super) struct Global {
    pub(super) config: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
}

/// The accounts of one command.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) state_dir: PathBuf,
    pub(super) accounts: Vec<Account>,
    /// What is run for all of them.
    pub(super) hooks: Hooks,
    /// All accounts of the configuration, chosen or not.
    pub(super) configured: Vec<AccountName>,
    /// Variables of the environment that hold passwords: no password command sees them.
    pub(super) secret_variables: Vec<String>,
    /// The same where the accounts come from the command line.
    names_in_configuration: Vec<AccountName>,
    /// The program with the options that lead it to the same accounts, as a hint says it.
    program: String,
    /// The configuration that they come from; `None` for one from the command line.
    pub(super) file: Option<PathBuf>,
}

impl Chosen {
    /// What hints about an account name.
    pub(super) fn place(&self, account: &Account) -> Place {
        let (program, name) = (&self.program, &account.name);
        let again = if self.file.is_none() {
            "run the same command again".to_owned()
        } else {
            format!("run `{program} {name}` again")
        };
        let files = Files::of(&self.state_dir, name);
        let is_configured = self.file.is_some();
        let folders = Folder::of(&account.deliver);
        Place { name: name.clone(), files, folders, program: program.clone(), is_configured, again }
    }

    /// Whether standard output is a mailbox.
    pub(super) fn delivers_to_stdout(&self) -> bool {
        let is_stdout = |target: &Target| matches!(target, Target::Stdout(_));
        self.accounts.iter().any(|account| account.deliver.iter().any(is_stdout))
    }

    /// The same for a check: what was mended is to be checked again.
    pub(super) fn place_of_check(&self, account: &Account) -> Place {
        let place = self.place(account);
        if self.file.is_none() {
            return place;
        }
        Place { again: format!("run `{} check {}` again", self.program, account.name), ..place }
    }

    /// There is no password.
    pub(super) fn no_password(&self, error: PasswordError) -> Failure {
        let hint = match error.hint() {
            _ if self.file.is_none() && matches!(error.problem(), PasswordProblem::NoTerminal) => {
                "give `--password-command COMMAND`, or set FETCHONCE_PASSWORD"
            }
            Some(hint) => hint,
            None => "look after the source that the account's `password` names",
        };
        Failure::new(Exit::Credentials, error, hint)
    }

    /// What an account is told that is new, though another one has fetched the same mailbox.
    pub(super) fn instead_of(&self, old: &str, new: &AccountName) -> String {
        if self.file.is_none() && self.names_in_configuration.iter().any(|name| name.as_str() == old) {
            return format!(
                "run `{} {old}`, which the configuration has; for a second copy, give `--as-new` once",
                self.program
            );
        }
        format!("if it was renamed, run `{}`; for a second copy, give `--as-new` once", self.rename(old, new))
    }

    /// The command that takes over what another account knows.
    fn rename(&self, old: &str, new: &AccountName) -> String {
        format!("{} account rename {old} {new}", self.program)
    }
}

pub(super) fn identity(account: &Account) -> Identity {
    Identity {
        name: account.name.to_string(),
        server: account.server.clone(),
        port: account.port,
        user: account.user.clone(),
    }
}

impl Global {
    /// The accounts of a command that talks to servers: configured ones, or one from a URL.
    pub(super) fn choose(&self, names: &[String], args: &OneShotArgs, purpose: Purpose) -> Result<Chosen, Failure> {
        let is_url = |name: &String| name.contains("://");
        match names {
            [url] if is_url(url) && (!args.into.is_empty() || purpose == Purpose::Look) => self.one_shot(url, args),
            [url] if is_url(url) => Err(Failure::usage(
                "a URL needs --into",
                "say where the mail goes, for example `--into maildir:./Mail`",
            )),
            names if names.iter().any(is_url) => {
                Err(Failure::usage("a URL stands alone", "give one URL, or names of accounts of the configuration"))
            }
            _ if *args != OneShotArgs::default() => Err(Failure::usage(
                "--into, --keep and its kin, --password-command, --ca-file, --tls and --allow-cleartext belong to a URL",
                "write `fetchonce fetch pop3s://USER@HOST --into maildir:FOLDER`; the configuration says it for its accounts",
            )),
            names => self.configured(names),
        }
    }

    fn configured(&self, names: &[String]) -> Result<Chosen, Failure> {
        let (file, config) = self.load()?;
        let configured: Vec<AccountName> = config.accounts.iter().map(|account| account.name.clone()).collect();
        if configured.is_empty() {
            let hint = "add one: a table `[account.NAME]` with server, user and deliver";
            return Err(Failure::words(Exit::Config, "the configuration has no account", hint));
        }
        if let Some(unknown) = names.iter().find(|name| !configured.iter().any(|known| known.as_str() == *name)) {
            return Err(unknown_account(unknown, &configured));
        }
        let secret_variables = secret_variables(&config.accounts);
        let is_chosen = |account: &Account| names.is_empty() || names.iter().any(|name| account.name.as_str() == name);
        let accounts = config.accounts.into_iter().filter(is_chosen).collect();
        Ok(Chosen {
            state_dir: config.state_dir,
            accounts,
            hooks: config.hooks,
            configured,
            names_in_configuration: Vec::new(),
            secret_variables,
            program: self.program(),
            file: Some(file),
        })
    }

    /// The program with these options, as a hint says it.
    pub(super) fn program(&self) -> String {
        let mut program = "fetchonce".to_owned();
        for (option, value) in [("--config", &self.config), ("--state-dir", &self.state_dir)] {
            if let Some(path) = value {
                let _ = write!(program, " {option} {}", quoted(path));
            }
        }
        program
    }

    /// The folder of an account that is named by `into`, or else the one that is configured; and the account's place.
    pub(super) fn folder(&self, name: &AccountName, into: Option<&OsStr>) -> Result<(Folder, Place), Failure> {
        let Some(into) = into else {
            let chosen = self.configured(&[name.to_string()])?;
            let account = chosen.accounts.first().ok_or_else(|| unknown_account(name.as_str(), &chosen.configured))?;
            let place = chosen.place(account);
            return match &place.folders[..] {
                [] => Err(no_folder(name)),
                [one] => Ok((one.clone(), place)),
                [one, ..] => Err(Failure::usage(
                    format!("the account `{name}` delivers to several folders"),
                    format!("say which one, for example `{}`", place.accept(&one.path)),
                )),
            };
        };
        let folder = Folder::of(&parse_targets(&[into], None)?).pop().ok_or_else(|| no_folder(name))?;
        let (state_dir, configured) = self.state()?;
        let mut place = self.place(&state_dir, name, &configured);
        if !place.is_configured {
            place.folders.push(folder.clone());
        }
        Ok((folder, place))
    }

    /// What hints about an account name, where nothing but its name is known.
    pub(super) fn place(&self, state_dir: &Path, name: &AccountName, configured: &[Account]) -> Place {
        let program = self.program();
        let account = configured.iter().find(|account| account.name == *name);
        let is_configured = account.is_some();
        let again = if is_configured {
            format!("run `{program} {name}` again")
        } else {
            "fetch it by its URL again".to_owned()
        };
        Place {
            name: name.clone(),
            files: Files::of(state_dir, name),
            folders: account.map(|account| Folder::of(&account.deliver)).unwrap_or_default(),
            again,
            program,
            is_configured,
        }
    }

    /// The configuration and its file, with the state where the command line wants it.
    fn load(&self) -> Result<(PathBuf, Config), Failure> {
        let Some(path) = self.config.clone().or_else(config::default_path) else {
            let hint = "name it: `fetchonce --config FILE`";
            return Err(Failure::words(Exit::Config, "there is no home folder with a configuration", hint));
        };
        let mut config = config::load(&path).map_err(invalid)?;
        if let Some(folder) = &self.state_dir {
            config.state_dir = absolute(folder);
        }
        Ok((path, config))
    }

    /// The state folder and the configured accounts; a configuration that does not exist at its usual place may be missing.
    pub(super) fn state(&self) -> Result<(PathBuf, Vec<Account>), Failure> {
        let path = self.config.clone().or_else(config::default_path);
        match path.as_deref().map(config::load) {
            Some(Ok(config)) => {
                let state_dir = self.state_dir.as_deref().map_or(config.state_dir, absolute);
                Ok((state_dir, config.accounts))
            }
            Some(Err(error)) if self.config.is_some() || error.kind() != ConfigErrorKind::NotFound => {
                Err(invalid(error))
            }
            _ => Ok((self.state_dir_alone()?, Vec::new())),
        }
    }

    fn state_dir_alone(&self) -> Result<PathBuf, Failure> {
        let usual = || Environment::of_process().state_dir;
        self.state_dir.as_deref().map(absolute).or_else(usual).ok_or_else(|| {
            let hint = "name a folder for it: `--state-dir FOLDER`";
            Failure::words(Exit::Config, "the folder for state is not known without a home folder", hint)
        })
    }

    /// An account from a URL, named `USER@HOST`.
    fn one_shot(&self, url: &str, args: &OneShotArgs) -> Result<Chosen, Failure> {
        let OneShot { user, server, port, tls } = config::parse_url(url).map_err(|error| {
            let hint = error.hint().unwrap_or("write `pop3s://USER@HOST`").to_owned();
            Failure::new(Exit::Usage, error, hint)
        })?;
        let deliver = parse_targets(&args.into, Some(&user))?;
        let retention = retention(args).map_err(|error| wrong_option("--keep", &error))?;
        // A broken configuration is no reason not to fetch without it.
        let in_configuration = self.state().map(|(_, accounts)| accounts).unwrap_or_default();
        let is_set = std::env::var_os(PASSWORD_VARIABLE).is_some();
        let password = match &args.password_command[..] {
            [] if is_set => PasswordSource::Env(PASSWORD_VARIABLE.to_owned()),
            [] => PasswordSource::Prompt,
            command => PasswordSource::Command(command.to_owned()),
        };
        let account = Account {
            name: one_shot_name(&user, &server)?,
            server,
            port,
            tls: args.tls.map_or(tls, Tls::from),
            allow_cleartext: args.allow_cleartext,
            ca_file: args.ca_file.clone(),
            user,
            password,
            routes: Routes::to_all(deliver.len()),
            deliver,
            trace_headers: Vec::new(),
            retention,
            delete_when_removed_locally: false,
            intake: Intake::default(),
            timeout: limits::SILENCE,
            deadline: limits::RUN,
            hooks: Hooks::default(),
        };
        Ok(Chosen {
            state_dir: self.state_dir_alone()?,
            accounts: vec![account],
            hooks: Hooks::default(),
            configured: Vec::new(),
            names_in_configuration: in_configuration.into_iter().map(|account| account.name).collect(),
            secret_variables: secret_variables(&[]),
            program: self.program(),
            file: None,
        })
    }
}

fn secret_variables(accounts: &[Account]) -> Vec<String> {
    let named = accounts.iter().filter_map(|account| match &account.password {
        PasswordSource::Env(name) => Some(name.clone()),
        _ => None,
    });
    named.chain([PASSWORD_VARIABLE.to_owned()]).collect()
}

fn retention(args: &OneShotArgs) -> Result<Retention, config::ValueError> {
    let keep = args.keep.as_deref().map(config::parse_keep).transpose()?;
    let (newest, newest_octets, larger_than) = (args.keep_newest, args.keep_bytes, args.delete_larger_than);
    RetentionWords { keep, newest, newest_octets, larger_than }.rules()
}

fn parse_targets(into: &[impl AsRef<OsStr>], user: Option<&str>) -> Result<Vec<Target>, Failure> {
    config::parse_targets(into, &Environment::of_process(), user).map_err(|error| wrong_option("--into", &error))
}

fn no_folder(name: &AccountName) -> Failure {
    Failure::usage(
        format!("no folder of the account `{name}` is named"),
        "nothing to do: of all targets only a Maildir, or a folder of single messages, has to be accepted",
    )
}

fn wrong_option(option: &str, error: &config::ValueError) -> Failure {
    let hint = error.hint().unwrap_or("see `fetchonce fetch --help`");
    Failure::usage(format!("{option}: {error}"), hint.replace("`keep = ", "`--keep "))
}

fn absolute(path: &Path) -> PathBuf {
    Environment::of_process().current_dir.join(path).components().collect()
}

fn invalid(error: ConfigError) -> Failure {
    let hint = error.hint().unwrap_or("`fetchonce man fetchonce.toml | man -l -` describes every key").to_owned();
    Failure::new(Exit::Config, error, hint)
}

/// A name that neither the configuration nor, with no configuration, the state folder knows.
pub(super) fn unknown_account(name: &str, known: &[AccountName]) -> Failure {
    let what = format!("there is no account `{}`", escaped(name.as_bytes(), limits::SHOWN_CHARS));
    let names = known.iter().map(AccountName::as_str);
    let near = |word: &str| (strsim::normalized_damerau_levenshtein(name, word), word.to_owned());
    let definition = Cli::command();
    let commands = definition.get_subcommands().map(clap::Command::get_name);
    let nearest = names.clone().chain(commands).map(near).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match nearest {
        Some((_, word)) if word == name => format!("a command comes first: `fetchonce {word}`"),
        Some((score, word)) if score > 0.5 => format!("did you mean `{word}`?"),
        _ if known.is_empty() => "no account has been fetched here yet".to_owned(),
        _ => format!("known accounts: {}", names.collect::<Vec<_>>().join(", ")),
    };
    Failure::usage(what, hint)
}

/// The name of a one-shot account: `USER@HOST`, with what may not name a file as `+` and two hexadecimal digits.
///
/// A `+` that could be read so is written so itself: two users never share a name.
fn one_shot_name(user: &str, server: &str) -> Result<AccountName, Failure> {
    let whole = format!("{user}@{}", server.to_ascii_lowercase());
    let bytes = whole.as_bytes();
    let mut name = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let is_digit = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        let is_plain = match byte {
            b'+' => !(is_digit(1) && is_digit(2)),
            b'.' | b'-' => at > 0,
            byte => byte.is_ascii_alphanumeric() || b"_@".contains(byte),
        };
        if is_plain {
            name.push(char::from(*byte));
        } else {
            let _ = write!(name, "+{byte:02x}");
        }
    }
    name.parse().map_err(|_| {
        Failure::usage(
            "the user and the host are too long to name the account after them",
            "write a configuration, where an account has a name of its own",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shot_names_can_name_files_and_tell_users_apart() {
        for (user, server, name) in [
            ("alice", "pop.example.com", "alice@pop.example.com"),
            ("alice@example.com", "POP.example.com", "alice@example.com@pop.example.com"),
            ("alice+lists", "h", "alice+lists@h"),
            ("alice+ab", "h", "alice+2bab@h"),
            ("..", "h", "+2e.@h"),
            ("-q", "h", "+2dq@h"),
            ("a/b c", "::1", "a+2fb+20c@+3a+3a1"),
        ] {
            assert_eq!(one_shot_name(user, server).unwrap().as_str(), name);
        }
        assert!(one_shot_name(&"a".repeat(70), "h").is_err());
    }
}
