//! The shape of the source: which room may use which, who issues receipts, and how long things are.
//!
//! Rules are about the program's own code: test modules and comments are left out. The source is taken to be formatted
//! (`cargo fmt --check`), so that a function ends at the first closing brace of its own indentation.

use std::fs;
use std::path::{Path, PathBuf};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 600;

/// A source file without its comments and test modules.
struct Source {
    /// Below `src/`.
    path: String,
    text: String,
    /// The lines of the whole file.
    lines: usize,
}

impl Source {
    /// The room it belongs to: `pop3` for `pop3/link.rs`, `recover` for `recover.rs`.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// How many modules it lies below the crate.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if matches!(self.path.as_str(), "lib.rs" | "main.rs") {
            0
        } else if self.path.ends_with("/mod.rs") {
            parts - 1
        } else {
            parts
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let sources: Vec<Source> = paths
        .iter()
        .map(|path| {
            let whole = fs::read_to_string(path).unwrap();
            let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            Source { path, text: own_code(&whole), lines: whole.lines().count() }
        })
        .filter(|source| !source.is_test())
        .collect();
    assert!(sources.len() > 40, "only {} files in {}", sources.len(), root.display());
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The code without whole-line comments and without `#[cfg(test)]` modules.
fn own_code(whole: &str) -> String {
    let mut kept = String::new();
    let mut lines = whole.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod ")) {
            if lines.next().is_some_and(|module| !module.ends_with(';')) {
                let _ = lines.by_ref().find(|line| *line == "}");
            }
        } else if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The rooms that a file names, by `crate::room` or by as many `super::` as lead to the crate.
fn rooms_used(source: &Source) -> Vec<&str> {
    let up = "super::".repeat(source.depth());
    let prefixes = if up.is_empty() { vec!["crate::"] } else { vec!["crate::", up.as_str()] };
    let mut rooms = Vec::new();
    for prefix in prefixes {
        for (at, _) in source.text.match_indices(prefix) {
            let before = &source.text[..at];
            if prefix != "crate::" && before.ends_with("super::") {
                continue;
            }
            let after = &source.text[at + prefix.len()..];
            if let Some(group) = after.strip_prefix('{') {
                rooms.extend(top_level_names(group));
            } else {
                rooms.extend(first_name(after));
            }
        }
    }
    rooms
}

fn first_name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    Some(&text[..end]).filter(|name| !name.is_empty())
}

/// The first name of each part of a `{…}` group, given without its opening brace.
fn top_level_names(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.extend(first_name(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// Files and the rooms that none of them may use.
const FORBIDDEN: [(&[&str], &[&str]); 9] = [
    // Pure decisions.
    (
        &["plan", "policy", "recover", "route", "content", "header", "model"],
        &["host", "pop3", "index", "deliver", "fetch", "cli", "demo"],
    ),
    (&["pop3"], &["plan", "index", "deliver", "report", "cli", "fetch", "config", "demo"]),
    (&["deliver"], &["index", "pop3", "plan", "cli", "fetch", "config", "report", "demo"]),
    (&["index"], &["pop3", "deliver", "cli", "fetch", "config", "report", "demo"]),
    (&["report"], &["pop3", "index", "deliver", "cli", "host"]),
    (&["config"], &["pop3", "index", "deliver", "cli", "fetch", "host", "report", "demo"]),
    (&["fetch"], &["cli", "config", "demo"]),
    (
        &["process"],
        &[
            "cli", "config", "content", "deliver", "demo", "fetch", "header", "host", "index", "model", "plan",
            "policy", "pop3", "recover", "report",
        ],
    ),
    (
        &["host"],
        &[
            "cli", "config", "content", "deliver", "demo", "fetch", "index", "plan", "policy", "pop3", "recover",
            "report", "route",
        ],
    ),
];

/// The files of the demonstration's server, which may use the model alone.
const SERVER: [&str; 7] = ["faults", "listener", "maildrop", "output", "samples", "server", "session"];

#[test]
fn each_room_uses_only_the_rooms_below_it() {
    let mut broken = Vec::new();
    for source in sources() {
        let rules = FORBIDDEN.iter().filter(|(rooms, _)| rooms.contains(&source.room()));
        let mut forbidden: Vec<&str> = rules.flat_map(|(_, forbidden)| *forbidden).copied().collect();
        if let Some(file) = source.path.strip_prefix("demo/")
            && SERVER.iter().any(|name| file == format!("{name}.rs"))
        {
            forbidden.extend(["cli", "config", "content", "deliver", "fetch", "host", "index", "plan", "policy"]);
            forbidden.extend(["pop3", "recover", "report", "route"]);
        }
        for room in rooms_used(&source) {
            if forbidden.contains(&room) {
                broken.push(format!("src/{} uses {room}", source.path));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

/// Asserts that `word` stands only in the files that `may` tells.
#[track_caller]
fn only_in(word: &str, may: impl Fn(&Source) -> bool) {
    let is_word = |text: &str| {
        text.match_indices(word).any(|(at, _)| {
            let around = [text[..at].chars().next_back(), text[at + word.len()..].chars().next()];
            !around.into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let sources = sources();
    let (allowed, others): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| may(source));
    let found: Vec<&str> = others.iter().filter(|source| is_word(&source.text)).map(|source| &*source.path).collect();
    assert_eq!(found, [""; 0], "`{word}` does not belong there");
    assert!(allowed.iter().any(|source| is_word(&source.text)), "`{word}` is nowhere: is it called otherwise now?");
}

#[test]
fn i3_only_the_index_issues_receipts() {
    only_in("issued_by_index", |source| source.room() == "index" || source.path == "model/mod.rs");
    let model = sources().into_iter().find(|source| source.path == "model/mod.rs").unwrap();
    assert_eq!(model.text.matches("issued_by_index").count(), 1, "the model defines it and does not call it");
    assert_eq!(model.text.matches("Receipt {").count(), 2, "receipts are made in one place");
}

#[test]
fn i9_only_a_look_at_a_certificate_trusts_any() {
    only_in("danger_accept_invalid_certs", |source| source.path == "pop3/tls.rs");
    only_in("connector_that_trusts_all", |source| ["pop3/tls.rs", "pop3/session.rs"].contains(&&*source.path));
    let session = sources().into_iter().find(|source| source.path == "pop3/session.rs").unwrap();
    assert_eq!(session.text.matches("connector_that_trusts_all").count(), 1);
}

#[test]
fn only_the_index_uses_sqlite() {
    only_in("rusqlite", |source| source.room() == "index");
}

#[test]
fn only_the_command_line_uses_clap_and_anyhow() {
    only_in("clap", |source| source.room() == "cli");
    only_in("anyhow", |source| source.room() == "cli");
}

/// Rooms that decide, or that only carry data, log nothing; who listens to the log is the command line's affair.
#[test]
fn only_the_command_line_says_where_the_log_goes() {
    only_in("tracing_subscriber", |source| source.path == "cli/logging.rs");
    only_in("tracing_journald", |source| source.path == "cli/logging.rs");
    only_in("tracing", |source| ["cli", "deliver", "host", "index", "pop3"].contains(&source.room()));
}

/// I9: what reaches a tracer is made where secrets are known.
#[test]
fn i9_only_notes_make_lines_for_a_trace() {
    let notes = sources().into_iter().find(|source| source.path == "pop3/notes.rs").unwrap();
    assert_eq!(notes.text.matches("NotedLine {").count(), 3, "the type, its text, and one place that makes it");
    only_in("expose_secret", |source| {
        ["pop3/auth.rs", "pop3/command.rs", "pop3/notes.rs"].contains(&source.path.as_str())
            || source.room() == "config"
    });
}

/// A pinned clock must pin all that is shown. Only the wait for a child process counts by a clock of its own, and each
/// line of a log and of a trace has the true time.
#[test]
fn only_the_host_reads_the_clock() {
    let waits = |source: &Source| ["host", "process"].contains(&source.room());
    only_in("Instant", waits);
    only_in("SystemTime", waits);
    for source in sources().iter().filter(|source| !["cli/logging.rs", "cli/trace.rs"].contains(&source.path.as_str()))
    {
        for clock in ["Zoned::now", "Timestamp::now"] {
            assert!(!source.text.contains(clock), "src/{} reads {clock}", source.path);
        }
    }
}

/// I9: a path is shown by `model::shown_path`, which marks what is no text, or quoted for a shell.
#[test]
fn i9_no_path_is_displayed_as_it_is() {
    for source in sources() {
        for way in [".display()", "{path}"] {
            assert!(!source.text.contains(way), "src/{} has {way}", source.path);
        }
        assert_eq!(errors_that_print_a_path(&source.text), [""; 0], "src/{}", source.path);
    }
}

/// The variants `A(PathBuf)` whose `#[error(…)]` names the path by its number: `thiserror` then calls `display` unseen.
fn errors_that_print_a_path(text: &str) -> Vec<&str> {
    let variants = text.split("#[error(").skip(1).filter_map(|after| {
        let (attribute, rest) = after.split_once(")]\n")?;
        let variant = rest.lines().next()?.trim();
        (attribute.contains("{0") && variant.contains("(PathBuf")).then_some(variant)
    });
    variants.collect()
}

#[test]
fn nothing_is_left_undone() {
    for source in sources() {
        for word in ["todo!", "unimplemented!", "unreachable!", "dbg!"] {
            assert!(!source.text.contains(word), "src/{} has {word}", source.path);
        }
    }
}

#[test]
fn files_are_short() {
    for source in sources() {
        assert!(source.lines <= FILE_LINES, "src/{} has {} lines", source.path, source.lines);
    }
}

#[test]
fn functions_are_short() {
    for source in sources() {
        for (name, lines) in functions(&source.text) {
            assert!(lines <= FUNCTION_LINES, "src/{}: fn {name} has {lines} lines", source.path);
        }
    }
}

/// The functions of formatted code with their lengths in lines.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let words = code.split("fn ").next().unwrap_or_default();
        let is_head = |word: &str| word.starts_with("pub") || matches!(word, "const" | "async");
        let Some(name) = code[words.len()..].strip_prefix("fn ").and_then(first_name) else { continue };
        if !words.split_whitespace().all(is_head) || code.ends_with('}') {
            continue;
        }
        let ends = |line: &&str| {
            let code = line.trim_start();
            line.len() - code.len() == indent
                && (code.starts_with('}') || (code.starts_with(')') && code.ends_with(';')))
        };
        let end = lines[at + 1..].iter().position(ends);
        if !code.ends_with(';') {
            functions.push((name, end.expect("a function ends") + 2));
        }
    }
    functions
}

#[test]
fn the_tools_of_these_tests_see_what_they_look_for() {
    let text = "use crate::{host::{Host, Wire}, model::Uid};\n// use crate::index::Index;\nfn f() {\n    super::plan::x()\n}\n";
    let source = |path: &str| Source { path: path.to_owned(), text: own_code(text), lines: 5 };
    assert_eq!(rooms_used(&source("policy.rs")), ["host", "model", "plan"]);
    assert_eq!(rooms_used(&source("pop3/link.rs")), ["host", "model"]);
    let text = "impl A {\n    pub(crate) fn long(\n        a: u8,\n    ) -> u8\n    where\n        u8: Copy,\n    {\n        a\n    }\n\n    fn none();\n}\n";
    assert_eq!(functions(text), [("long", 8)]);
    assert_eq!(own_code("a\n#[cfg(test)]\nmod tests {\n    use b;\n    d\n}\nc\n"), "a\nc\n");
    assert_eq!(own_code("#[cfg(test)]\nmod tests;\nc\n"), "c\n");
    let text =
        "#[error(\"{0}\")]\nA(String),\n#[error(\"{}\", shown(.0))]\nB(PathBuf),\n#[error(\"{0}\")]\nC(PathBuf),\n";
    assert_eq!(errors_that_print_a_path(text), ["C(PathBuf),"]);
}
