//! What is written from the one definition of each option, key and exit code: completions, manual pages, and parts of
//! the documentation. Each is compared with what is kept in the tree, and written anew with `FETCHONCE_REWRITE=1`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fetchonce::config::keys::{self, Key};
use fetchonce::report::Exit;

use crate::support::{leave_out, program, said_by};

/// Set to write the files that the tests compare with.
const REWRITE: &str = "FETCHONCE_REWRITE";

pub(crate) fn in_tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asserts that the file of the tree is what was made just now.
#[track_caller]
pub(crate) fn assert_kept(path: &str, made: &str) {
    let file = in_tree(path);
    if std::env::var_os(REWRITE).is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, made).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == made, "{path} is out of step: run the tests with {REWRITE}=1");
}

/// The page with `lines` between the two comments that name `part`.
fn with_part(page: &str, part: &str, lines: &[String]) -> String {
    let begin = format!("<!-- begin: {part}, written by tests/it/generated.rs -->\n");
    let end = format!("<!-- end: {part} -->\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}{}\n{end}{after}", lines.join("\n"))
}

#[test]
fn completions_are_in_step_with_the_options() {
    for (shell, name) in [
        ("bash", "fetchonce.bash"),
        ("zsh", "_fetchonce"),
        ("fish", "fetchonce.fish"),
        ("elvish", "fetchonce.elv"),
        ("powershell", "_fetchonce.ps1"),
    ] {
        let made = said_by(&["completions", shell]);
        assert!(made.contains("accept-target") && made.contains("dry-run"), "{shell}: {made}");
        assert_kept(&format!("completions/{name}"), &made);
    }
}

/// The program and each of its commands, as the help lists them: a command's own commands follow it.
pub(crate) fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut at = 0;
    while let Some(command) = found.get(at).cloned() {
        at += 1;
        let below = below(&command).into_iter().map(|name| [&command[..], &[name]].concat());
        found.splice(at..at, below);
    }
    assert!(found.iter().any(|command| command == &["seen", "skip"]), "{found:?}");
    found
}

fn help(command: &[String]) -> String {
    let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
    said_by(&words).lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The names in the list of commands that a help text has: more indented lines go on with a description.
fn below(command: &[String]) -> Vec<String> {
    let help = help(command);
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn the_help_of_every_command_is_documented() {
    const INTRODUCTION: &str = "\
# Command line

What `--help` tells of the program and of each command, in 80 columns. [guide.md](../guide.md) tells what they are for,
[exit-codes.md](exit-codes.md) how they end, and [config.md](config.md) what the configuration says. `fetchonce man` prints
a manual page. This page is written by tests/it/generated.rs.
";
    let mut page = INTRODUCTION.to_owned();
    for command in commands() {
        let name = [&["fetchonce".to_owned()], &command[..]].concat().join(" ");
        let heading = "#".repeat(command.len().max(1) + 1);
        writeln!(page, "\n{heading} {name}\n\n```text\n{}\n```", help(&command)).unwrap();
    }
    assert_kept("docs/reference/cli.md", &page);
}

/// The pages, and where they are kept.
const MANUAL: [(&[&str], &str); 2] =
    [(&["man"], "docs/man/fetchonce.1"), (&["man", "fetchonce.toml"], "docs/man/fetchonce.toml.5")];

#[test]
fn the_manual_is_in_step_with_options_keys_and_exit_codes() {
    for (words, path) in MANUAL {
        let page = said_by(words);
        let odd = page.lines().find(|line| !line.is_ascii() || line.contains('`'));
        assert_eq!(odd, None, "{path}: what formatters do not agree about");
        assert_kept(path, &page);
    }
    let page = said_by(MANUAL[0].0);
    for command in commands().iter().filter(|command| !command.is_empty() && below(command).is_empty()) {
        let heading = format!(".SS \"fetchonce {}\"\n", command.join(" "));
        assert!(page.contains(&heading), "{heading}");
    }
}

#[test]
fn formatters_find_nothing_wrong_with_the_manual() {
    const TOOLS: [(&str, &[&str]); 3] = [
        ("groff", &["-man", "-ww", "-z", "-Tutf8"]),
        ("man", &["--warnings", "-l"]),
        ("mandoc", &["-T", "lint", "-W", "warning"]),
    ];
    let home = tempfile::tempdir().unwrap();
    for (name, options) in TOOLS {
        let Some(tool) = program(name) else {
            leave_out(&format!("the manual's look in {name}, which is not here"), "FETCHONCE_REQUIRE_MAN");
            continue;
        };
        for (words, path) in MANUAL {
            let file = home.path().join(Path::new(path).file_name().unwrap());
            fs::write(&file, said_by(words)).unwrap();
            let mut command = Command::new(&tool);
            command.args(options).arg(file).env_clear().env("HOME", home.path()).stdin(Stdio::null());
            command.env("PATH", "/usr/bin:/bin").env("MANWIDTH", "80");
            let output = command.output().unwrap();
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && err.is_empty(), "{command:?}: {out}{err}");
            // The one that shows the page must have come to its end.
            assert_eq!(name == "man", out.contains("SEE ALSO"), "{command:?}: {out}");
            assert!(name == "man" || out.is_empty(), "{command:?}: {out}");
        }
    }
}

fn table_of_keys(keys: &[Key]) -> Vec<String> {
    let head = ["| key | value | default | meaning |", "|---|---|---|---|"].map(str::to_owned);
    let row = |key: &Key| format!("| `{}` | {} | {} | {} |", key.name, key.value, key.missing, key.meaning);
    head.into_iter().chain(keys.iter().map(row)).collect()
}

#[test]
fn every_key_of_the_configuration_is_documented() {
    let path = "docs/reference/config.md";
    let mut page = fs::read_to_string(in_tree(path)).unwrap();
    for (part, keys) in [
        ("keys of the file", &keys::FILE[..]),
        ("keys of an account", &keys::ACCOUNT),
        ("keys of a password", &keys::PASSWORD),
        ("keys of a target", &keys::DELIVER),
        ("keys of a rule", &keys::ROUTE),
        ("keys of a header in a rule", &keys::HEADER),
    ] {
        page = with_part(&page, part, &table_of_keys(keys));
    }
    let head = ["| kind | its options |", "|---|---|"].map(str::to_owned);
    let row = |(kind, options): &(&str, &[&str])| format!("| `{kind}` | `{}` |", options.join("`, `"));
    let options: Vec<String> = head.into_iter().chain(keys::OPTIONS.iter().map(row)).collect();
    page = with_part(&page, "options of a target", &options);
    assert_kept(path, &page);
}

#[test]
fn every_exit_code_is_documented() {
    let head = ["| code | name | when |", "|---|---|---|"].map(str::to_owned);
    let row = |exit: Exit| format!("| {} | {} | {} |", exit.code(), exit.name(), exit.meaning());
    let table: Vec<String> = head.into_iter().chain(Exit::ALL.map(row)).collect();
    let path = "docs/reference/exit-codes.md";
    let page = fs::read_to_string(in_tree(path)).unwrap();
    assert_kept(path, &with_part(&page, "exit codes", &table));

    let order = Exit::MOST_TELLING_FIRST.map(|exit| exit.code().to_string()).join(", ");
    assert!(page.contains(&format!("the first of {order} is told")), "{path} does not tell the order {order}");
    let readme = fs::read_to_string(in_tree("README.md")).unwrap().replace('\n', " ");
    let line = Exit::ALL.map(|exit| format!("{} {}", exit.code(), exit.name())).join(" · ");
    assert!(readme.contains(&line), "README.md does not say: {line}");
}
