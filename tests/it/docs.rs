//! The documentation is followed word for word: every command of it is run, every configuration read, every link resolved.
//!
//! Only what names a server is changed: `pop.example.com` becomes the demonstration's server on the loopback interface.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fetchonce::config::{self, Environment};
use fetchonce::demo::{BadMessage, Faults, MessageFault};

use crate::support::home::{Home, PASSWORD};
use crate::support::{leave_out, program};

/// Commands that install, build or test, or belong to another program: not run here.
const OF_OTHERS: [&str; 5] =
    ["$([ \"$(id -u)\" = 0 ]", "cargo test", "FETCHONCE_SIM_SEEDS=", "cargo doc", "cargo install"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and everything below docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() > 8, "{pages:?}");
    pages
}

/// The fenced blocks of a language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            if found == language {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

/// The lines of configuration that rows of tables begin with.
fn lines_in_tables(page: &str) -> impl Iterator<Item = &str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(cell, _)| cell).filter(|cell| cell.contains(" = "))
}

/// The configuration of the guide, for the server of this home.
fn configure(home: &Home) {
    let guide = fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let block = blocks(&guide, "toml").remove(0);
    assert!(block.contains("[account.work]"), "{block}");
    let server = format!("server = \"127.0.0.1\"\nport = {}\ntls = \"none\"", home.listener.port());
    let text = block.replace("server   = \"pop.example.com\"", &server);
    assert!(text.contains("port ="), "{text}");
    write_config(home, &text);
    let bin = home.path("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("pass"), format!("#!/bin/sh\n[ \"$*\" = \"show mail/work\" ] && echo {PASSWORD}\n")).unwrap();
    fs::set_permissions(bin.join("pass"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn write_config(home: &Home, text: &str) {
    let folder = home.path("xdg-config/fetchonce");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), text).unwrap();
}

/// Runs a line of the documentation in a shell and gives its exit code with all that it said.
fn shell(home: &Home, line: &str) -> (Option<i32>, String) {
    let url = format!("pop3://alice@127.0.0.1:{} --tls none", home.listener.port());
    let line = line.replace("pop3s://alice@pop.example.com", &url).replace("pop.example.com", "127.0.0.1");
    let program = Path::new(env!("CARGO_BIN_EXE_fetchonce")).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", home.path("bin").display(), program.display());
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &line])
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.folder.path())
        .env("XDG_CONFIG_HOME", home.path("xdg-config"))
        .env("FETCHONCE_PASSWORD", PASSWORD)
        .current_dir(home.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!said.contains("canary"), "I9: {line}: {said}");
    (output.status.code(), said)
}

/// What must have happened before a command makes sense.
fn prepare(home: &Home, line: &str) {
    let fetch = || assert_eq!(shell(home, "fetchonce").0, Some(0));
    if line.starts_with("fetchonce account rename old new") {
        let config = fs::read_to_string(home.path("xdg-config/fetchonce/config.toml")).unwrap();
        write_config(home, &config.replace("[account.work]", "[account.old]"));
        fetch();
    } else if line.starts_with("fetchonce account rename") {
        let by_url = "fetchonce fetch pop3s://alice@pop.example.com --into maildir:./Mail";
        assert_eq!(shell(home, by_url).0, Some(0));
    } else if line.starts_with("fetchonce account accept-target") {
        fetch();
        fs::remove_dir_all(home.path("Mail/work")).unwrap();
        assert_eq!(shell(home, "fetchonce").0, Some(73));
    } else if line.starts_with("fetchonce seen skip") {
        assert_eq!(shell(home, "fetchonce").0, Some(69), "the server refuses a message");
    } else if line.starts_with("fetchonce seen") || line.contains("status") {
        fetch();
    }
}

fn run_each(page: &Path) -> usize {
    let text = fs::read_to_string(page).unwrap();
    let mut run = 0;
    for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
        if line.is_empty() || OF_OTHERS.iter().any(|other| line.starts_with(other)) {
            continue;
        }
        assert!(line.starts_with("fetchonce"), "{}: who runs `{line}`?", page.display());
        if line.contains("| jq") && !has_jq() {
            continue;
        }
        let refused = BadMessage { uid: b"UID".to_vec(), fault: MessageFault::RetrRefused };
        let home = if line.contains("seen skip") {
            Home::with_faults(move |_| Faults { bad_message: Some(refused.clone()), ..Faults::default() })
        } else {
            Home::new()
        };
        home.maildrop.lock().unwrap().add_with_uid(b"UID", b"Subject: one more\n\ntext\n");
        configure(&home);
        prepare(&home, line);
        let (code, said) = shell(&home, line);
        assert_eq!(code, Some(0), "{}: {line}\n{said}", page.display());
        run += 1;
    }
    run
}

fn has_jq() -> bool {
    let found = program("jq").is_some();
    if !found {
        leave_out("the commands of the documentation that use jq", "FETCHONCE_REQUIRE_JQ");
    }
    found
}

#[test]
fn every_command_of_the_documentation_works() {
    let run: usize = pages().iter().map(|page| run_each(page)).sum();
    assert!(run >= 15, "only {run} commands were found");
}

/// What the guide says of one after the other, in one home.
#[test]
fn the_guide_can_be_followed_from_its_first_line() {
    let guide = fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let home = Home::new();
    configure(&home);
    let after = b"Subject: after the first fetch\n\ntext\n";
    let until = guide.find("## Renaming an account").unwrap();
    let lines: Vec<String> = blocks(&guide[..until], "sh")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(lines.len() >= 8, "{lines:?}");
    for line in lines.iter().filter(|line| !line.contains("| jq") || has_jq()) {
        let (code, said) = shell(&home, line);
        assert_eq!(code, Some(0), "{line}\n{said}");
        if line.contains("account rename") {
            home.maildrop.lock().unwrap().add(after);
        }
    }
    assert_eq!(home.mail("Mail"), Home::all_samples(), "by the URL");
    assert_eq!(home.mail("Mail/work"), [after.to_vec()], "with the configuration");
    assert_eq!(home.retrieved(), 8);
}

#[test]
fn every_configuration_of_the_documentation_is_valid() {
    let environment =
        Environment { home: Some("/home/alice".into()), state_dir: Some("/state".into()), current_dir: "/".into() };
    let parse = |text: &str| config::parse(text, Path::new("/c/config.toml"), &environment);
    let mut read = 0;
    // A block without accounts shows ways to write one key, a line each.
    let account = |line: &str| {
        let deliver = if line.starts_with("deliver") { "" } else { "deliver = \"maildir:/m\"\n" };
        format!("[account.a]\nserver = \"h\"\nuser = \"u\"\n{deliver}{line}\n")
    };
    for page in pages() {
        let content = fs::read_to_string(&page).unwrap();
        let (whole, parts): (Vec<String>, Vec<String>) =
            blocks(&content, "toml").into_iter().partition(|block| block.contains("[account."));
        let lines = parts.iter().flat_map(|part| part.lines()).chain(lines_in_tables(&content));
        for text in lines.map(account).chain(whole) {
            let config = parse(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", page.display()));
            read += config.accounts.len();
        }
    }
    assert!(read >= 40, "only {read} accounts were found");
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings =
        page.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept =
            heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
        kept.replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            links += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let found = anchors(&fs::read_to_string(&target).unwrap());
                assert!(found.contains(anchor), "{}: {link}: {found:?}", page.display());
            }
        }
    }
    assert!(links > 10, "only {links} links were found");
}

/// Whoever looks for a page finds it from the table of docs/README.md.
#[test]
fn every_page_stands_in_the_table_of_pages() {
    let table = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for page in pages() {
        let Ok(name) = page.strip_prefix(root().join("docs")) else { continue };
        let is_listed = name == Path::new("README.md") || table.contains(&format!("]({})", name.display()));
        assert!(is_listed, "docs/README.md does not list {}", name.display());
    }
}
