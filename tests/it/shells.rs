//! The scripts in completions/, loaded by the shells that they are for and asked for completions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::generated::{commands, in_tree};
use crate::support::{leave_out, output_of, program};

/// Each of these asks the completions for the lines that follow, and prints each line after `= `, then what completes it.
const BASH: &str = r#"
source "$1"
shift
[[ $(complete -p fetchonce) =~ -F\ ([^ ]+) ]]
for line in "$@"; do
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "${BASH_REMATCH[1]}" fetchonce "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "= $line" "${COMPREPLY[@]}"
done
"#;
const FISH: &str = r#"
for line in $argv
    echo "= $line"
    complete --do-complete "$line"
end
"#;
/// Completion functions work in the line editor alone: a second zsh sits at a terminal of its own and is typed at.
const ZSH: &str = r#"
zmodload zsh/zpty || exit
mkfifo answers
exec {answers}<>answers
zpty typist zsh -f -i
zpty -w typist "source ${(q)1}"
shift
for line in '' "$@"; do
    [[ -z $line ]] || { print -r -- "= $line"; zpty -w -n typist "$line"$'\t'; }
    while read -t 60 -r -u $answers answer || exit; [[ $answer != '= end' ]]; do
        print -r -- "$answer"
    done
done
"#;
const ZSH_AT_THE_TERMINAL: &str = r#"
PROMPT=
fpath=("$HOME" $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
    else
        local -a found
        builtin compadd -A found "$@"
        (( ! $#found )) || print -rl -- $found >answers
    fi
}
answer() {
    zle complete-word
    BUFFER=
    print '= end' >answers
}
zle -N answer
bindkey '^I' answer
print '= end' >answers
"#;

/// Beginnings of lines, and a word that must be among what completes them: options, values, and every command.
fn wanted() -> Vec<(String, String)> {
    let mut wanted = [
        ("fetchonce --dr", "--dry-run"),
        ("fetchonce fetch --li", "--limit"),
        ("fetchonce --dry-run fetch --qu", "--quiet"),
        ("fetchonce status --state", "--state-dir"),
        ("fetchonce seen verify --re", "--repair"),
        ("fetchonce fetch --tls ", "starttls"),
    ]
    .map(|(line, word)| (line.to_owned(), word.to_owned()))
    .to_vec();
    for command in commands() {
        if let Some((last, before)) = command.split_last() {
            let words = [&["fetchonce".to_owned()], before, &[last[..2].to_owned()]].concat();
            wanted.push((words.join(" "), last.clone()));
        }
    }
    wanted
}

/// Arguments that are one of a few words; fish is not told of them.
const PLACED: [(&str, &str); 2] =
    [("fetchonce man fetchonce.", "fetchonce.toml"), ("fetchonce completions fi", "fish")];

/// A shell with a home folder of its own.
struct Shell {
    program: PathBuf,
    home: TempDir,
}

impl Shell {
    /// `None`, and word of it, where there is no such shell.
    fn find(name: &str) -> Option<Self> {
        let Some(program) = program(name) else {
            leave_out(&format!("the completions in {name}, which is not here"), "FETCHONCE_REQUIRE_SHELLS");
            return None;
        };
        Some(Self { program, home: TempDir::with_prefix("fetchonce-shell-").unwrap() })
    }

    /// Puts one of the scripts where the shell looks for it.
    fn install(&self, script: &str, place: &str) -> String {
        let path = self.path(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(in_tree("completions").join(script), &path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, place: &str) -> PathBuf {
        self.home.path().join(place)
    }

    /// Runs the shell in an environment of its own, with the lines that are wanted behind `words`.
    fn asked(&self, words: &[&str], wanted: &[(String, String)]) {
        let folder = Path::new(env!("CARGO_BIN_EXE_fetchonce")).parent().unwrap();
        let mut command = Command::new(&self.program);
        command.args(words).args(wanted.iter().map(|(line, _)| line)).current_dir(self.home.path()).env_clear();
        command.env("HOME", self.home.path()).env("PATH", format!("/usr/bin:/bin:{}", folder.display()));
        let out = format!("\n{}", output_of(&mut command));
        let answers: Vec<&str> = out.split("\n= ").skip(1).collect();
        assert_eq!(answers.len(), wanted.len(), "{out}");
        for (answer, (line, word)) in answers.iter().zip(wanted) {
            let mut found = answer.lines();
            assert_eq!(found.next(), Some(line.as_str()), "{out}");
            let mut candidates = found.map(|line| line.split('\t').next().unwrap());
            assert!(candidates.any(|candidate| candidate == word), "`{line}` is not completed by `{word}`: {answer}");
        }
    }
}

fn wanted_and_placed() -> Vec<(String, String)> {
    let placed = PLACED.map(|(line, word)| (line.to_owned(), word.to_owned()));
    wanted().into_iter().chain(placed).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let Some(bash) = Shell::find("bash") else { return };
    let script = bash.install("fetchonce.bash", "fetchonce.bash");
    bash.asked(&["--norc", "--noprofile", "-euc", BASH, "bash", &script], &wanted_and_placed());
}

#[test]
fn fish_completes_commands_options_and_values() {
    let Some(fish) = Shell::find("fish") else { return };
    fish.install("fetchonce.fish", ".config/fish/completions/fetchonce.fish");
    fish.asked(&["-c", FISH], &wanted());
}

#[test]
fn zsh_completes_commands_options_and_values() {
    let Some(zsh) = Shell::find("zsh") else { return };
    zsh.install("_fetchonce", "_fetchonce");
    fs::write(zsh.path("at-the-terminal"), ZSH_AT_THE_TERMINAL).unwrap();
    zsh.asked(&["-f", "-c", ZSH, "zsh", "./at-the-terminal"], &wanted_and_placed());
}
