//! fetchonce(1): the program, its commands and options as clap knows them, and what is beyond them.

use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory as _};
use roff::{Inline, bold, italic, roman};

use super::page::{Page, sentence};
use super::prose;
use crate::cli::args::{Cli, EXAMPLES};
use crate::model::quoted;
use crate::report::Exit;

pub(super) fn page() -> String {
    let mut program = Cli::command();
    program.build();
    let mut commands = Vec::new();
    collect_commands(&program, &mut commands);

    let mut page = Page::new("FETCHONCE", "1", "User Commands");
    page.section("NAME");
    page.paragraph("fetchonce - fetch mail from POP3 maildrops, each message exactly once");
    page.section("SYNOPSIS");
    page.lines([&program].into_iter().chain(commands.iter().copied()).map(usage));
    page.section("DESCRIPTION");
    page.paragraph(&help_of(program.get_long_about()));
    prose::description(&mut page);
    page.section("OPTIONS");
    page.paragraph("Every command has these, `--version` apart.");
    options(&mut page, program.get_arguments().filter(|arg| is_general(arg)));
    page.section("COMMANDS");
    for command in commands {
        page.subsection(command.get_bin_name().unwrap_or_else(|| command.get_name()));
        page.paragraph(&sentence(&help_of(command.get_long_about().or(command.get_about()))));
        options(&mut page, command.get_arguments().filter(|arg| !is_general(arg)));
    }
    prose::surroundings(&mut page);
    page.section("EXIT STATUS");
    for exit in Exit::ALL {
        page.item(vec![bold(exit.code().to_string())], &sentence(exit.meaning()));
    }
    page.paragraph(&format!(
        "Of several accounts, or several things in one, the first of {} is told.",
        Exit::MOST_TELLING_FIRST.map(|exit| exit.code().to_string()).join(", ")
    ));
    page.section("EXAMPLES");
    for (line, meaning) in EXAMPLES {
        page.item(vec![bold(line)], &sentence(meaning));
    }
    prose::problems(&mut page);
    page.section("SEE ALSO");
    page.paragraph("fetchonce.toml(5), crontab(5), maildir(5), systemd.timer(5)");
    page.text()
}

/// The commands that do something: those with commands of their own only lead to them.
fn collect_commands<'a>(command: &'a Command, found: &mut Vec<&'a Command>) {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.has_subcommands() {
            collect_commands(command, found);
        } else {
            found.push(command);
        }
    }
}

/// `fetchonce seen skip [OPTIONS] <ACCOUNT> <UID>`, in the fonts of a manual page.
fn usage(command: &Command) -> Vec<Inline> {
    let text = command.clone().render_usage().to_string();
    let mut line = Vec::new();
    for word in text.split_whitespace().skip(1) {
        let name = word.trim_matches(|c: char| "[]<>.".contains(c));
        let is_literal = !name.starts_with(|c: char| c.is_ascii_uppercase());
        let (before, after) = word.split_once(name).unwrap_or_default();
        let space = if line.is_empty() { "" } else { " " };
        line.push(roman(space.to_owned() + before.trim_matches('<')));
        line.push(if is_literal { bold(name) } else { italic(name) });
        line.push(roman(after.trim_matches('>')));
    }
    line
}

/// Whether every command has it.
fn is_general(arg: &Arg) -> bool {
    arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str())
}

fn options<'a>(page: &mut Page, args: impl Iterator<Item = &'a Arg>) {
    let mut args: Vec<&Arg> = args.filter(|arg| !arg.is_hide_set()).collect();
    args.sort_by_key(|arg| arg.get_help_heading().is_some());
    let mut heading = None;
    for arg in args {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            page.paragraph(&format!("{}:", heading.unwrap_or("Options")));
        }
        page.item(term(arg), &meaning(arg));
    }
}

/// `-q`, `--quiet`, or `--config FILE`, or `ACCOUNT...`
fn term(arg: &Arg) -> Vec<Inline> {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let mut term = Vec::new();
    for name in [short, long].into_iter().flatten() {
        if !term.is_empty() {
            term.push(roman(", "));
        }
        term.push(bold(name));
    }
    if arg.get_action().takes_values() {
        if !term.is_empty() {
            term.push(roman(" "));
        }
        term.push(italic(arg.get_value_names().unwrap_or_default().join(" ")));
        if arg.get_num_args().is_some_and(|range| range.max_values() > 1) {
            term.push(roman("..."));
        }
    }
    term
}

fn meaning(arg: &Arg) -> String {
    let mut sentences = vec![sentence(&help_of(arg.get_long_help().or(arg.get_help())))];
    let values = arg.get_possible_values();
    let values: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(PossibleValue::get_name).collect();
    if !values.is_empty() {
        sentences.push(format!("One of `{}`.", values.join("`, `")));
    }
    if let [default] = arg.get_default_values()
        && arg.get_action().takes_values()
    {
        sentences.push(format!("Default: `{}`.", quoted(default)));
    }
    sentences.join(" ")
}

fn help_of(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}
