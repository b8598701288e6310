//! What is generated from the options, in step with them.

use std::path::Path;
use std::process::Command;

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
