//! What scripts rely on: completions in step with the options, and JSON in step with its documentation.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use fetchonce::demo::{Faults, Listener, Maildrop};
use serde_json::Value;

/// Set to write the files that the tests compare with.
const REWRITE: &str = "FETCHONCE_REWRITE";

fn fetchonce(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fetchonce"))
        .args(words)
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words:?}: {out}{err}");
    out
}

#[test]
fn completions_are_in_step_with_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, name) in [
        ("bash", "fetchonce.bash"),
        ("zsh", "_fetchonce"),
        ("fish", "fetchonce.fish"),
        ("elvish", "fetchonce.elv"),
        ("powershell", "_fetchonce.ps1"),
    ] {
        let made = fetchonce(folder.path(), &["completions", shell]);
        assert!(made.contains("accept-target") && made.contains("dry-run"), "{shell}: {made}");
        let path = kept.join(name);
        if std::env::var_os(REWRITE).is_some() {
            std::fs::create_dir_all(&kept).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(found == made, "{name} is out of step: run the tests with {REWRITE}=1");
    }
}

#[test]
fn every_field_of_the_json_is_documented_and_counts_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut maildrop = Maildrop::new();
    maildrop.add(b"Subject: 1\n\none\n");
    maildrop.add(b"Subject: 2\n\ntwo\n");
    let listener = Listener::start(Arc::new(Mutex::new(maildrop)), |_| Faults::default()).unwrap();
    let config = folder.path().join("config.toml");
    let text = format!(
        "state_dir = \"state\"\n[account.work]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"alice\"\n\
         password = {{ command = [\"echo\", \"secret\"] }}\ndeliver = \"maildir:Mail\"\n",
        listener.port()
    );
    std::fs::write(&config, text.replace("[account.work]", "[account.new]") + &text["state_dir = \"state\"\n".len()..])
        .unwrap();
    let config = config.to_str().unwrap();
    fetchonce(folder.path(), &["--config", config, "fetch", "work"]);
    let out = fetchonce(folder.path(), &["--config", config, "status", "--json"]);
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2, "{out}");
    assert_eq!((&records[0]["account"], &records[0]["last_run"]), (&"new".into(), &Value::Null));
    let work = &records[1];
    assert_eq!((&work["delivered"], &work["on_server"], &work["running"]), (&2.into(), &2.into(), &false.into()));
    assert_eq!((&work["last_run"]["exit_code"], &work["last_run"]["octets"]), (&0.into(), &32.into()));

    let documented =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/json.md")).unwrap();
    let names = |prefix: &str, value: &Value| -> Vec<String> {
        value.as_object().unwrap().keys().map(|key| format!("| `{prefix}{key}` |")).collect()
    };
    for name in names("", work).into_iter().chain(names("last_run.", &work["last_run"])) {
        assert!(documented.contains(&name), "docs/reference/json.md does not name {name}");
    }
}
