//! A private Dovecot 2.3: own configuration, folders, certificates, users and ports on the loopback interface.
//!
//! It runs as root, or as the user who runs the tests. It is a child in the foreground with its output in a file, so that
//! no daemon outlives the test or keeps a pipe open.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::mail::names_in;
use super::place::wait_at_most;
use super::tls::Authority;
use super::{is_root, leave_out, program};

pub(crate) const PASSWORD: &str = "not-to-be-shown";
/// The owner of the mail when Dovecot runs as root; it needs no name.
const MAIL_USER: u32 = 64999;
/// Start and stop take less.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Another process may take a port between its choice and its use.
const STARTS: u32 = 5;

/// The address whose certificate is in order; it also proves the name `localhost`.
pub(crate) const GOOD: &str = "127.0.0.1";
/// The address whose certificate expired.
pub(crate) const EXPIRED: &str = "127.0.0.2";
/// The address whose certificate names another one.
pub(crate) const MISNAMED: &str = "127.0.0.3";

pub(crate) struct Dovecot {
    dir: TempDir,
    child: Child,
    /// Clear text and STLS.
    pub(crate) pop3: u16,
    /// TLS from the start.
    pub(crate) pop3s: u16,
    /// LMTP without TLS.
    pub(crate) lmtp: u16,
}

/// Where it takes mail, in its folder.
const LMTP_SOCKET: &str = "run/lmtp";
/// What a user's mailbox may hold; more is over quota.
const QUOTA_MEGABYTES: u64 = 100;

impl Dovecot {
    /// Starts one with these users, who have Maildirs, or says that there is none.
    pub(crate) fn start(users: &[&str]) -> Option<Self> {
        Self::start_at(users, "maildir:~/Maildir")
    }

    /// Starts one with these users and their mail at a place in each one's home folder, or says that there is none.
    pub(crate) fn start_at(users: &[&str], location: &str) -> Option<Self> {
        let found = program("dovecot").filter(|path| version(path).starts_with("2.3."));
        let Some(program) = found else {
            leave_out("everything with Dovecot: there is no Dovecot 2.3", "FETCHONCE_REQUIRE_DOVECOT");
            return None;
        };
        let dir = TempDir::with_prefix("fetchonce-dovecot-").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        write_certificates(dir.path());
        let passwords: Vec<String> = users.iter().map(|user| format!("{user}:{PASSWORD}\n")).collect();
        fs::write(dir.path().join("users"), passwords.concat()).unwrap();
        fs::create_dir(dir.path().join("mail")).unwrap();
        for user in users {
            for sub in ["tmp", "new", "cur"] {
                fs::create_dir_all(dir.path().join("mail").join(user).join("Maildir").join(sub)).unwrap();
            }
        }
        give_away(&dir.path().join("mail"));
        for _ in 0..STARTS {
            let (pop3, pop3s, lmtp) = (free_port(), free_port(), free_port());
            let text = configuration(dir.path(), location, pop3, pop3s) + &lmtp_configuration(lmtp);
            fs::write(dir.path().join("dovecot.conf"), text).unwrap();
            let mut child = spawn(&program, dir.path());
            let lmtp_socket = dir.path().join(LMTP_SOCKET);
            if is_ready(&mut child, &[pop3, pop3s, lmtp], &lmtp_socket) {
                return Some(Self { dir, child, pop3, pop3s, lmtp });
            }
        }
        panic!(
            "Dovecot does not start: {}",
            read_text(&dir.path().join("output")) + &read_text(&dir.path().join("log"))
        );
    }

    /// The certificate of the authority that its servers' certificates come from.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Puts messages into a user's mailbox, as they are.
    pub(crate) fn store(&self, user: &str, messages: &[Vec<u8>]) {
        for (number, message) in (0..).zip(messages) {
            self.store_at(user, number, message);
        }
    }

    /// Puts one message into a user's mailbox, which lists it behind those with lower numbers.
    pub(crate) fn store_at(&self, user: &str, number: u32, message: &[u8]) {
        let path = self.maildir(user).join("new").join(format!("{}.M{number}.test", 1_700_000_000 + number));
        fs::write(&path, message).unwrap();
        if is_root() {
            chown(&path, Some(MAIL_USER), Some(MAIL_USER)).unwrap();
        }
    }

    /// The socket on which it takes mail.
    pub(crate) fn lmtp_socket(&self) -> PathBuf {
        self.dir.path().join(LMTP_SOCKET)
    }

    /// Lets a user's mailbox look as if it held more than it may.
    pub(crate) fn fill(&self, user: &str) {
        let name = format!("1700000000.M1.test,S={}", (QUOTA_MEGABYTES + 1) * 1024 * 1024);
        let path = self.maildir(user).join("new").join(name);
        fs::write(&path, "Subject: large\n\n").unwrap();
        if is_root() {
            chown(&path, Some(MAIL_USER), Some(MAIL_USER)).unwrap();
        }
    }

    /// Gives a user a Sieve script.
    pub(crate) fn set_sieve(&self, user: &str, script: &str) {
        let path = self.dir.path().join("mail").join(user).join(".dovecot.sieve");
        fs::write(&path, script).unwrap();
        if is_root() {
            chown(&path, Some(MAIL_USER), Some(MAIL_USER)).unwrap();
        }
    }

    /// Makes this a user's `mbox`.
    pub(crate) fn store_mbox(&self, user: &str, mbox: &[u8]) {
        let home = self.dir.path().join("mail").join(user);
        fs::write(home.join("mbox"), mbox).unwrap();
        give_away(&home);
    }

    /// What a user's `mbox` holds.
    pub(crate) fn mbox(&self, user: &str) -> Vec<u8> {
        fs::read(self.dir.path().join("mail").join(user).join("mbox")).unwrap()
    }

    /// How many messages a user's mailbox has.
    pub(crate) fn count(&self, user: &str) -> usize {
        ["new", "cur"].iter().map(|sub| names_in(&self.maildir(user).join(sub)).len()).sum()
    }

    /// The lines of its log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        read_text(&self.dir.path().join("log")).lines().map(str::to_owned).collect()
    }

    /// What it says of a user's sessions that ended so far, the newest last, once there are `count`.
    pub(crate) fn sessions(&self, user: &str, count: usize) -> Vec<String> {
        let end = Instant::now() + LONGEST_WAIT;
        loop {
            let of_user = |line: &String| line.contains(&format!("pop3({user})")) && line.contains("retr=");
            let sessions: Vec<String> = self.log().into_iter().filter(of_user).collect();
            if sessions.len() >= count {
                return sessions;
            }
            assert!(Instant::now() < end, "Dovecot logs {} sessions instead of {count}", sessions.len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its configuration file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.dir.path().join("dovecot.conf")
    }

    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user).join("Maildir")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn stop(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let _ = wait_at_most(child, LONGEST_WAIT);
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn read_text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn free_port() -> u16 {
    let ports = (0..1000).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port());
    ports.into_iter().find(|port| *port >= 20_000).expect("a free port")
}

/// Whoever serves the mail must own it.
fn give_away(path: &Path) {
    if !is_root() {
        return;
    }
    chown(path, Some(MAIL_USER), Some(MAIL_USER)).unwrap();
    for name in if path.is_dir() { names_in(path) } else { Vec::new() } {
        give_away(&path.join(name));
    }
}

fn write_certificates(folder: &Path) {
    let authority = Authority::new();
    authority.write(&folder.join("ca.pem"));
    authority.issue(&folder.join("good"), &["localhost", GOOD], -1..30);
    authority.issue(&folder.join("expired"), &[EXPIRED], -20..-10);
    authority.issue(&folder.join("misnamed"), &["pop.example.com", "127.0.0.4"], -1..30);
}

fn spawn(program: &Path, folder: &Path) -> Child {
    let output = File::create(folder.join("output")).unwrap();
    let mut command = Command::new(program);
    command.arg("-F").arg("-c").arg(folder.join("dovecot.conf")).current_dir("/");
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    command.spawn().unwrap()
}

/// Waits until it takes connections everywhere; false where it ended.
fn is_ready(child: &mut Child, ports: &[u16], socket: &Path) -> bool {
    let answers = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let end = Instant::now() + LONGEST_WAIT;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        if ports.iter().all(answers) && UnixStream::connect(socket).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    stop(child);
    false
}

fn configuration(folder: &Path, location: &str, pop3: u16, pop3s: u16) -> String {
    let dir = folder.display();
    let mut text = format!(
        "base_dir = {dir}/run\nstate_dir = {dir}/run\nlog_path = {dir}/log\ninstance_name = fetchonce-test\n\
         listen = {GOOD}, {EXPIRED}, {MISNAMED}\nprotocols = pop3 lmtp\nauth_mechanisms = plain\nauth_debug = yes\n\
         disable_plaintext_auth = no\nssl = yes\nssl_cert = <{dir}/good.pem\nssl_key = <{dir}/good.key\n\
         mail_location = {location}\nmail_fsync = never\nfirst_valid_uid = 1\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {dir}/users\n}}\n"
    );
    for (address, name) in [(EXPIRED, "expired"), (MISNAMED, "misnamed")] {
        writeln!(text, "local {address} {{\n  ssl_cert = <{dir}/{name}.pem\n  ssl_key = <{dir}/{name}.key\n}}")
            .unwrap();
    }
    let (user, group, login) = if is_root() {
        (MAIL_USER.to_string(), MAIL_USER.to_string(), String::new())
    } else {
        let id = |what| String::from_utf8(Command::new("id").arg(what).output().unwrap().stdout).unwrap();
        let (name, group_name) = (id("-un"), id("-gn"));
        writeln!(text, "default_internal_user = {name}default_login_user = {name}").unwrap();
        writeln!(text, "default_internal_group = {group_name}service anvil {{\n  chroot =\n}}").unwrap();
        (id("-u").trim().to_owned(), id("-g").trim().to_owned(), "  chroot =\n".to_owned())
    };
    writeln!(text, "userdb {{\n  driver = static\n  args = uid={user} gid={group} home={dir}/mail/%u\n}}").unwrap();
    writeln!(
        text,
        "service pop3-login {{\n{login}  inet_listener pop3 {{\n    port = {pop3}\n  }}\n  \
         inet_listener pop3s {{\n    port = {pop3s}\n    ssl = yes\n  }}\n}}"
    )
    .unwrap();
    text
}

/// Takes mail on a socket and on a port, with quota and Sieve.
fn lmtp_configuration(port: u16) -> String {
    format!(
        "postmaster_address = postmaster@example.com\nhostname = mx.example.com\n\
         protocol lmtp {{\n  mail_plugins = quota sieve\n}}\n\
         plugin {{\n  quota = maildir:User quota\n  quota_rule = *:storage={QUOTA_MEGABYTES}M\n  \
         sieve = file:~/sieve;active=~/.dovecot.sieve\n}}\n\
         service lmtp {{\n  unix_listener lmtp {{\n    mode = 0666\n  }}\n  \
         inet_listener lmtp {{\n    address = {GOOD}\n    port = {port}\n  }}\n}}\n"
    )
}
