//! The configuration as a whole: what is read, and that every mistake is named, placed and explained without its value.

use std::ffi::OsStr;
mod routes;
mod targets;

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;

use super::*;
use crate::model::limits;
use crate::policy::Keep;

const CANARY: &str = "canary7f3a";

fn environment() -> Environment {
    Environment {
        home: Some("/home/alice".into()),
        state_dir: Some("/home/alice/.local/state/fetchonce".into()),
        current_dir: "/srv".into(),
    }
}

pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    parse(text, Path::new("config.toml"), &environment())
}

/// The one account of a file with `lines` in it, besides the required keys that they do not give.
fn with(lines: &str) -> Result<Account, ConfigError> {
    let required = ["server = \"pop.example.com\"", "user = \"alice\"", "deliver = \"maildir:~/Mail\""];
    let key = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let others: Vec<&str> =
        required.into_iter().filter(|other| !lines.lines().any(|line| key(line) == key(other))).collect();
    let config = read(&format!("[account.work]\n{lines}\n{}", others.join("\n")))?;
    Ok(config.accounts.into_iter().next().unwrap())
}

#[test]
fn an_empty_file_has_no_accounts() {
    for text in ["", "\u{feff}", "# nothing yet\n", "[account]\n"] {
        let config = read(text).unwrap();
        assert!(config.accounts.is_empty());
        assert_eq!(config.state_dir, Path::new("/home/alice/.local/state/fetchonce"));
    }
}

#[test]
fn a_short_account_gets_the_defaults() {
    let account = with("").unwrap();
    assert_eq!(account.name.as_str(), "work");
    assert_eq!((account.server.as_str(), account.port, account.tls), ("pop.example.com", 995, Tls::Implicit));
    assert_eq!(account.user, "alice");
    assert!(!account.allow_cleartext && account.ca_file.is_none());
    assert!(matches!(account.password, PasswordSource::Prompt));
    assert_eq!(account.deliver, [Target::maildir("/home/alice/Mail")]);
    assert_eq!(account.retention, Retention::default());
    assert_eq!((account.timeout, account.deadline), (limits::SILENCE, limits::RUN));
}

#[test]
fn a_full_account_is_read() {
    let text = r#"
        state_dir = "state"
        [account."alice@example.com"]
        server = "[2001:db8::1]"
        port = 1_110
        tls = "starttls"
        allow_cleartext = true
        ca_file = "../ca.pem"
        user = "alice"
        deliver = "maildir:Mail"
        keep = "14 days"
        timeout = "30s"
        deadline = "1h 30m"
        password.command = ["pass", "show", "mail/work"]
    "#;
    let config = parse(text, Path::new("conf/config.toml"), &environment()).unwrap();
    assert_eq!(config.state_dir, Path::new("/srv/conf/state"));
    let account = &config.accounts[0];
    assert_eq!(account.name.as_str(), "alice@example.com");
    assert_eq!((account.server.as_str(), account.port, account.tls), ("2001:db8::1", 1110, Tls::StartTls));
    assert!(account.allow_cleartext);
    assert_eq!(account.ca_file.as_deref(), Some(Path::new("/srv/conf/../ca.pem")));
    assert_eq!(account.deliver, [Target::maildir("/srv/conf/Mail")]);
    assert_eq!(account.retention, Retention { keep: Keep::Days(14), ..Retention::default() });
    assert_eq!((account.timeout.as_secs(), account.deadline.as_secs()), (30, 5400));
    assert!(matches!(&account.password, PasswordSource::Command(argv) if argv[..] == ["pass", "show", "mail/work"]));
}

#[test]
fn accounts_keep_the_order_of_the_file() {
    let account = |name: &str| format!("[account.{name}]\nserver = 'h'\nuser = 'u'\ndeliver = 'maildir:m'\n");
    let config = read(&["zeta", "alpha", "mid", "Beta"].map(account).concat()).unwrap();
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha", "mid", "Beta"]);
}

#[test]
fn the_port_follows_the_protection() {
    for (tls, port) in [("implicit", 995), ("starttls", 110), ("none", 110)] {
        assert_eq!(with(&format!("tls = \"{tls}\"")).unwrap().port, port, "{tls}");
        assert_eq!(with(&format!("tls = \"{tls}\"\nport = 65535")).unwrap().port, 65535, "{tls}");
    }
}

#[test]
fn times_have_units_and_bounds() {
    for (text, seconds) in [("1s", 1), ("30s", 30), ("5m", 300), ("1h", 3600), ("24h", 86_400), ("1h 30m", 5400)] {
        assert_eq!(with(&format!("timeout = \"{text}\"")).unwrap().timeout, Duration::from_secs(seconds));
        assert_eq!(with(&format!("deadline = \"{text}\"")).unwrap().deadline, Duration::from_secs(seconds));
    }
    for text in ["", "30", "0s", "999ms", "-5m", "24h 1s", "1d", "soon", "9999999999999h", "30 s s"] {
        let error = with(&format!("timeout = \"{text}\"")).unwrap_err();
        assert!(error.hint().unwrap().contains("30s"), "{text}: {error}");
        assert_eq!(error.key(), Some("account.work.timeout"));
    }
}

#[test]
fn every_source_of_a_password_is_read() {
    let password = |line: &str| with(line).unwrap().password;
    let text = password("password = \"pässwörd\\\"\"");
    assert!(matches!(text, PasswordSource::Text(secret) if secret.expose_secret() == "pässwörd\""));
    let file = password("password = { file = \"~/.secret\" }");
    assert!(matches!(file, PasswordSource::File(path) if path == Path::new("/home/alice/.secret")));
    let file = password("password.file = \"secret\"");
    assert!(matches!(file, PasswordSource::File(path) if path == Path::new("/srv/secret")));
    let env = password("password = { env = \"MAIL_PW\" }");
    assert!(matches!(env, PasswordSource::Env(name) if name == "MAIL_PW"));
    let credential = password("password = { credential = \"mail.work\" }");
    assert!(matches!(credential, PasswordSource::Credential(name) if name == "mail.work"));
    for (program, expected) in [("pass", "pass"), ("~/bin/pw", "/home/alice/bin/pw"), ("./pw", "/srv/pw")] {
        let command = password(&format!("password = {{ command = [\"{program}\", \"./x\"] }}"));
        assert!(matches!(command, PasswordSource::Command(argv) if argv[..] == [expected, "./x"]), "{program}");
    }
}

/// A line of an account, the text of its error, the key, and a part of its hint.
#[test]
fn mistakes_in_an_account_are_named_and_explained() {
    for (line, message, key, hint) in [
        ("prot = 995", "unknown key `prot` in account.work", "prot", "did you mean `port`?"),
        ("host = \"h\"", "unknown key `host` in account.work", "host", "did you mean `server`?"),
        ("colour = 1", "unknown key `colour` in account.work", "colour", "known keys: server, user, password"),
        ("\"po rt\" = 1", "unknown key `\"po rt\"` in account.work", "\"po rt\"", "did you mean `port`?"),
        ("x.server = 1", "unknown key `x` in account.work", "x", "a name with a dot needs quotes"),
        ("port = \"995\"", "account.work.port must be a whole number", "port", "without quotes"),
        ("port = 99.5", "account.work.port must be a whole number", "port", "write digits"),
        ("port = 0", "account.work.port: a port is a number between 1 and 65535", "port", ""),
        ("port = 65536", "account.work.port: a port is", "port", ""),
        ("port = -1", "account.work.port: a port is", "port", ""),
        ("port = 99999999999999999999", "account.work.port: a port is", "port", ""),
        ("tls = true", "account.work.tls must be text", "tls", "double quotes"),
        ("tls = \"startls\"", "expected \"implicit\", \"starttls\" or \"none\"", "tls", "did you mean \"starttls\"?"),
        ("tls = \"ssl\"", "expected \"implicit\"", "tls", "did you mean \"implicit\"?"),
        ("tls = \"\"", "expected \"implicit\"", "tls", ""),
        ("allow_cleartext = \"yes\"", "must be true or false", "allow_cleartext", "without quotes"),
        ("ca_file = \"\"", "account.work.ca_file: the path is empty", "ca_file", ""),
        ("ca_file = [\"a\"]", "account.work.ca_file must be text", "ca_file", ""),
        ("server = 5", "account.work.server must be text", "server", "double quotes"),
        ("server = \"\"", "account.work.server: the server has no name", "server", ""),
        ("server = \"a\\u0000\"", "account.work.server: not a host name", "server", "pop.example.com"),
        ("server = \"a\\r\\nQUIT\"", "account.work.server: not a host name", "server", ""),
        ("server = \"a:995\"", "account.work.server: not a host name", "server", "port = 995"),
        ("user = \"\"", "account.work.user: the user has no name", "user", ""),
        ("user = \"a\\u0000\"", "account.work.user: a user name must not", "user", ""),
        ("user = \"a\\r\"", "account.work.user: a user name must not", "user", ""),
        ("user = \"a\\nDELE 1\"", "account.work.user: a user name must not", "user", ""),
        ("keep = 14", "account.work.keep must be text", "keep", "double quotes"),
        ("keep = \"14\"", "expected \"forever\", \"none\" or a number of days", "keep", "14 days"),
        ("keep_newest = \"5\"", "account.work.keep_newest must be a whole number", "keep_newest", "without quotes"),
        ("keep_newest = 0", "account.work.keep_newest: must be a number of messages, 1 or more", "keep_newest", ""),
        ("keep_newest = -1", "account.work.keep_newest: must be a number of messages", "keep_newest", ""),
        ("keep_newest = 99999999999999999999", "account.work.keep_newest: must be", "keep_newest", ""),
        ("keep_bytes = 500", "account.work.keep_bytes must be text", "keep_bytes", "double quotes"),
        ("keep_bytes = \"500\"", "account.work.keep_bytes: expected a size with its unit", "keep_bytes", "25 MB"),
        ("delete_larger_than = \"0 MB\"", "must be more than nothing", "delete_larger_than", "25 MB"),
        ("keep = \"forever\"\nkeep_newest = 5", "account.work.keep: what stays for ever", "keep", "leave out `keep`"),
        ("delete_when_removed_locally = 1", "must be true or false", "delete_when_removed_locally", "without quotes"),
        ("max_size = \"big\"", "account.work.max_size: expected a size with its unit", "max_size", "1.5 GiB"),
        ("oversize = \"header\"", "expected \"skip\" or \"headers\"", "oversize", "did you mean \"headers\"?"),
        ("oversize = \"headers\"", "account.work.oversize: nothing is too large", "oversize", "max_size = \"25 MB\""),
        ("order = \"newst\"", "expected \"oldest\", \"newest\" or \"smallest\"", "order", "did you mean \"newest\"?"),
        ("order = \"\"", "account.work.order: expected \"oldest\"", "order", ""),
        ("limit = 0", "account.work.limit: must be a number of messages, 1 or more", "limit", ""),
        ("limit_bytes = 5", "account.work.limit_bytes must be text", "limit_bytes", "double quotes"),
        ("limit_time = \"25h\"", "account.work.limit_time: must be between", "limit_time", "\"1h\""),
        ("relogin = 0", "account.work.relogin: must be a number of messages, 1 or more", "relogin", ""),
        ("until_drained = 1", "account.work.until_drained must be true or false", "until_drained", "without quotes"),
        ("timeout = 30", "account.work.timeout must be text", "timeout", "double quotes"),
        ("deadline = 2026-01-01", "account.work.deadline must be text", "deadline", "double quotes"),
    ] {
        let error = with(line).unwrap_err();
        assert!(error.to_string().starts_with("config.toml:2: "), "{line}: {error}");
        assert!(error.to_string().contains(message), "{line}: {error}");
        assert_eq!(error.key(), Some(format!("account.work.{key}").as_str()), "{line}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{line}: {:?}", error.hint());
        assert_eq!((error.kind(), error.line()), (ConfigErrorKind::Invalid, Some(2)), "{line}");
    }
}

/// Elsewhere than in a single Maildir nobody can tell what was removed.
#[test]
fn removals_are_followed_from_a_single_maildir_alone() {
    assert!(!with("").unwrap().delete_when_removed_locally);
    assert!(with("delete_when_removed_locally = true").unwrap().delete_when_removed_locally);
    for account in [
        "deliver = 'mbox:inbox'",
        "deliver = 'eml:Archive'",
        "deliver = ['maildir:Mail', 'maildir:Copy']",
        "deliver = 'maildir:Mail'\ntrace_headers = ['Received']",
        "deliver = 'maildir:Mail'\nroute = [{ larger_than = '5 MB', deliver = 'maildir:Large' }]",
    ] {
        let file = |value| {
            format!("[account.work]\nserver = 'h'\nuser = 'a'\n{account}\ndelete_when_removed_locally = {value}\n")
        };
        let error = read(&file("true")).unwrap_err();
        assert!(error.to_string().contains("only of a single Maildir"), "{account}: {error}");
        assert_eq!(error.key(), Some("account.work.delete_when_removed_locally"));
        assert!(read(&file("false")).is_ok(), "{account}");
    }
}

#[test]
fn mistakes_in_a_password_are_named_and_explained() {
    for (line, message, hint) in [
        ("password = \"\"", "account.work.password: the password is empty", "leave the key out"),
        ("password = \"a\\nb\"", "must not contain line ends", ""),
        ("password = \"a\\rb\"", "must not contain line ends", ""),
        ("password = \"a\\u0000b\"", "must not contain line ends", ""),
        ("password = 12345", "account.work.password must be text or a table", "double quotes"),
        ("password = true", "account.work.password must be text or a table", "double quotes"),
        ("password = [\"pass\"]", "account.work.password must be text or a table", "command = ["),
        ("password = {}", "must have exactly one source", "one of `command`"),
        ("password = { file = \"a\", env = \"B\" }", "must have exactly one source", "one of `command`"),
        ("password = { comand = [\"pass\"] }", "unknown key in account.work.password", "did you mean `command`?"),
        ("password = { keyring = \"x\" }", "unknown key in account.work.password", "one of `command`"),
        ("password = { command = [] }", "the command is empty", "pass"),
        ("password = { command = [\"\"] }", "the command is empty", "pass"),
        ("password = { command = [\"pass\", \"a\\u0000\"] }", "must not contain NUL", ""),
        ("password = { command = \"pass show\" }", "password.command must be a list of texts", "each argument"),
        ("password = { command = [\"pass\", 5] }", "password.command must be a list of texts", "each argument"),
        ("password = { file = \"\" }", "the path is empty", ""),
        ("password = { file = 5 }", "password.file must be text", "double quotes"),
        ("password = { env = \"\" }", "not the name of an environment variable", "MAIL_PASSWORD"),
        ("password = { env = \"$PW\" }", "not the name of an environment variable", "MAIL_PASSWORD"),
        ("password = { env = \"1PW\" }", "not the name of an environment variable", "MAIL_PASSWORD"),
        ("password = { credential = \"../pw\" }", "not the name of a systemd credential", "LoadCredential"),
        ("password = { credential = \"\" }", "not the name of a systemd credential", "LoadCredential"),
    ] {
        let error = with(line).unwrap_err();
        assert!(error.to_string().starts_with("config.toml:2: "), "{line}: {error}");
        assert!(error.to_string().contains(message), "{line}: {error}");
        assert!(error.key().unwrap().starts_with("account.work.password"), "{line}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{line}: {:?}", error.hint());
    }
}

/// A whole file, its kind of error, its place, and parts of its text and its hint.
#[test]
fn mistakes_in_the_file_are_placed_and_explained() {
    use ConfigErrorKind::{Invalid, Syntax};
    for (text, kind, line, column, message, hint) in [
        ("[acount.work]", Invalid, 1, 2, "unknown key `acount`", "did you mean `account`?"),
        ("\nstate-dir = \"x\"", Invalid, 2, 1, "unknown key `state-dir`", "did you mean `state_dir`?"),
        ("server = \"h\"", Invalid, 1, 1, "unknown key `server`", "below the `[account.NAME]`"),
        ("[mail]", Invalid, 1, 2, "unknown key `mail`", "known keys: state_dir, after, on_error, account"),
        ("after = \"notmuch\"", Invalid, 1, 9, "after must be a list of texts", "each argument"),
        ("after = []", Invalid, 1, 1, "after: the command is empty", "notmuch"),
        ("on_error = [\"\"]", Invalid, 1, 1, "on_error: the command is empty", "notmuch"),
        ("state_dir = 5", Invalid, 1, 13, "state_dir must be text", "double quotes"),
        ("state_dir = \"\"", Invalid, 1, 1, "state_dir: the path is empty", ""),
        ("account = \"x\"", Invalid, 1, 11, "account must be a table", "`[account.NAME]`"),
        ("[account]\nserver = \"h\"", Invalid, 2, 10, "account.server must be a table", "`[account.NAME]`"),
        ("[[account]]\nserver = \"h\"", Invalid, 1, 1, "account must be a table", "`[account.NAME]`"),
        ("[account.\"../x\"]\n", Invalid, 1, 10, "account.\"../x\" has no `server`", "pop.example.com"),
        ("[account.work]\n", Invalid, 1, 10, "account.work has no `server`", "pop.example.com"),
        ("[account.w]\nserver = \"h\"", Invalid, 1, 10, "account.w has no `user`", "alice@example.com"),
        ("[account.w]\nserver = \"h\"\nuser = \"u\"", Invalid, 1, 10, "account.w has no `deliver`", "maildir:"),
        ("[account.w]\nport = 1\nport = 2", Syntax, 3, 1, "duplicate key", "only once"),
        ("[account.w]\n[account.w]", Syntax, 2, 10, "duplicate key", "only once"),
        ("[account.a@b]", Syntax, 1, 11, "", "quote a name"),
        ("[account.w]\nserver = pop", Syntax, 2, 10, "string values must be quoted", "double quotes"),
        ("[account.w", Syntax, 1, 11, "unclosed table", ""),
        ("a\u{0}b = 1", Syntax, 1, 2, "invalid unquoted key", ""),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.kind(), error.line(), error.column()), (kind, Some(line), Some(column)), "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
    }
}

#[test]
fn an_error_reads_as_file_line_and_reason() {
    let text = "\n\n[account.work]\nserver = \"h\"\n\n\nprot = 1\n";
    assert_eq!(read(text).unwrap_err().to_string(), "config.toml:7: unknown key `prot` in account.work");
}

#[test]
fn account_names_that_cannot_name_files_are_refused() {
    for name in ["../work", ".work", "-q", "", "a b", "a\\u202Eb", "a\\u0000"] {
        let text = format!("[account.\"{name}\"]\nserver = 'h'\nuser = 'u'\ndeliver = 'maildir:m'\n");
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains("an account name that cannot name a file"), "{name}: {error}");
        assert!(!error.to_string().contains(['\u{202e}', '\0']));
    }
}

#[test]
fn without_a_home_the_missing_folder_is_asked_for() {
    let nowhere = Environment::default();
    let error = parse("", Path::new("/etc/f.toml"), &nowhere).unwrap_err();
    assert!(error.hint().unwrap().contains("state_dir ="));
    assert!(parse("state_dir = \"/s\"", Path::new("/etc/f.toml"), &nowhere).is_ok());
    let error = parse("state_dir = \"~/s\"", Path::new("/etc/f.toml"), &nowhere).unwrap_err();
    assert!(error.hint().unwrap().contains("absolute path"));
}

/// I9: wherever a password stands, no error repeats it, and no value shows it.
#[test]
fn no_error_repeats_a_password() {
    for line in [
        "password = canary7f3a",
        "password = 12345canary7f3a",
        "password = canary7f3a\"",
        "password = \"canary7f3a",
        "password = 'canary7f3a",
        "password = \"\"\"canary7f3a",
        "password = \"canary7f3a\\q\"",
        "password = \"canary7f3a\\n\"",
        "password = \"canary7f3a\" canary7f3a",
        "password = \"canary7f3a\"\npassword = \"canary7f3a\"",
        "password = \"canary7f3a\"\npassword.file = \"canary7f3a\"",
        "password = \"canary7f3a\"\npassword.canary7f3a.x = 1\n",
        "password = [\"canary7f3a\"]",
        "password = [canary7f3a]",
        "password = { \"canary7f3a\" }",
        "password = { canary7f3a = 1 }",
        "password = { text = \"canary7f3a\" }",
        "password = { command = \"canary7f3a\" }",
        "password = { command = [\"echo\", \"canary7f3a\", 5] }",
        "password = { command = [\"\", \"canary7f3a\"] }",
        "password = { file = [\"canary7f3a\"] }",
        "password = { env = \"canary7f3a!\" }",
        "password = { credential = \"canary7f3a/x\" }",
        "password.canary7f3a = 1",
        "password : canary7f3a",
        "password canary7f3a",
        "password = = canary7f3a",
        "pasword = \"canary7f3a\"",
        "user = \"alice\\ncanary7f3a\"",
        "server = \"alice:canary7f3a@h\"",
        "deliver = \"canary7f3a:x\"",
        "keep = \"canary7f3a\"",
        "keep = \"canary7f3a days\"",
        "timeout = \"canary7f3a\"",
        "tls = \"canary7f3a\"",
        "ca_file = \"~canary7f3a/x\"",
        "port = \"canary7f3a\"",
        "\u{0}canary7f3a",
    ] {
        let error = with(line).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?} {:?} {:?}", error.hint(), error.key());
        assert!(!shown.contains(CANARY), "{line}: {shown}");
    }
    for line in ["password = \"canary7f3a\"", "password = { command = [\"echo\", \"canary7f3a\"] }"] {
        let account = with(line).unwrap();
        assert!(!format!("{account:?} {account:#?}").contains(CANARY), "{line}");
    }
}

fn file_with(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

const WITH_PASSWORD: &str = "state_dir = '/s'\n[account.work]\nserver = 'h'\nuser = 'u'\ndeliver = 'maildir:Mail'\n\
                             password = 'canary7f3a'\n";

#[test]
fn a_file_is_loaded_and_paths_count_from_its_folder() {
    let (directory, path) = file_with(WITH_PASSWORD.as_bytes(), 0o600);
    let config = load(&path).unwrap();
    assert_eq!(config.accounts[0].deliver, [Target::maildir(directory.path().join("Mail"))]);
    let secret = config.accounts[0].password.obtain("work", &[]).unwrap();
    assert_eq!(secret.expose_secret(), CANARY);
}

/// I9: a password that others can read is refused, so that it does not stay unnoticed.
#[test]
fn a_password_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o644] {
        let (_directory, path) = file_with(WITH_PASSWORD.as_bytes(), mode);
        let error = load(&path).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Exposed);
        assert!(error.hint().unwrap().contains("chmod 600"));
        assert!(!format!("{error:?}").contains(CANARY));
    }
    let (_directory, path) = file_with(WITH_PASSWORD.replace("password =", "password.file =").as_bytes(), 0o644);
    assert!(load(&path).is_ok());
}

#[test]
fn a_missing_file_says_how_to_write_one() {
    let (directory, _path) = file_with(b"", 0o600);
    let error = load(&directory.path().join("absent.toml")).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("fetchonce fetch pop3s://"));
}

/// I9. The command in the hint is for a shell, and names the same file.
#[test]
fn errors_and_hints_show_any_path() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(OsStr::from_bytes(b"a\\\x1b\xff"));
    fs::create_dir(&folder).unwrap();
    let path = folder.join("config.toml");
    let error = load(&path).unwrap_err();
    assert!(error.to_string().contains(r"/a\\\u{1b}\xff/config.toml: "), "{error}");
    fs::write(&path, WITH_PASSWORD).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let error = load(&path).unwrap_err();
    assert!(error.hint().unwrap().ends_with(r"/a\\\033\377/config.toml'`"), "{error:?}");
    assert!(PasswordSource::File(path).to_string().ends_with(r"/a\\\u{1b}\xff/config.toml"));
}

#[test]
fn files_that_are_no_text_are_refused() {
    let (directory, path) = file_with(b"# ok\n\xff\xfe", 0o600);
    let error = load(&path).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Unreadable);
    assert!(error.to_string().contains("not UTF-8 in line 2"), "{error}");
    assert_eq!(load(directory.path()).unwrap_err().kind(), ConfigErrorKind::Unreadable);
}

/// I8: the file has a bound.
#[test]
fn large_files_are_refused() {
    let largest = usize::try_from(FILE_OCTETS).unwrap();
    let (_directory, path) = file_with(&[b"state_dir = '/s'".as_slice(), &vec![b'\n'; largest]].concat(), 0o600);
    let error = load(&path).unwrap_err();
    assert!(error.to_string().contains("larger than 1048576 octets"), "{error}");
}

#[test]
fn the_default_file_lies_in_the_configuration_folder() {
    if let Some(path) = default_path() {
        assert!(path.ends_with("fetchonce/config.toml"), "{path:?}");
    }
}
