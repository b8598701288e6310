//! What a check finds, as lines for people: a verdict on each thing that a fetch needs, and what to do where it is not good.
//!
//! ```text
//! work  ok       connection     pop.example.com port 995
//! work  failed   login          the server rejects the credentials: wrong user or password
//!       hint: look at user and password; some providers want POP3 switched on, or a password made for programs
//! work  skipped  capabilities   not looked at, because of the failure above
//! ```

use std::fmt;
use std::fmt::Write as _;

use super::Exit;
use super::human::{Palette, Told, printable};

/// What is looked at, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Area {
    /// The configuration file.
    Configuration,
    /// The folder of indexes and locks.
    State,
    /// The account's index.
    Index,
    /// The Maildir.
    Target,
    /// Free space where the mail goes.
    Space,
    /// This machine's clock.
    Clock,
    /// Whether there is a password.
    Password,
    /// Name, address and port of the server.
    Connection,
    /// How the connection is protected, and the certificate.
    Tls,
    /// Whether user and password are accepted.
    Login,
    /// What the server can do.
    Capabilities,
    /// What lies on the server.
    Maildrop,
    /// The end of the session.
    Quit,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 13] = [
        Self::Configuration,
        Self::State,
        Self::Index,
        Self::Target,
        Self::Space,
        Self::Clock,
        Self::Password,
        Self::Connection,
        Self::Tls,
        Self::Login,
        Self::Capabilities,
        Self::Maildrop,
        Self::Quit,
    ];

    /// Its name, for people and for scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::State => "state",
            Self::Index => "index",
            Self::Target => "target",
            Self::Space => "space",
            Self::Clock => "clock",
            Self::Password => "password",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Capabilities => "capabilities",
            Self::Maildrop => "maildrop",
            Self::Quit => "quit",
        }
    }
}

/// What is thought of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// A fetch goes well all the same.
    Warning,
    /// A fetch would fail by it.
    Failed,
    /// Not looked at.
    Skipped,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Failed, Self::Skipped];

    /// Its name, for people and for scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Warning => "1;33",
            Self::Failed => "1;31",
            Self::Skipped => "2",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at.
    pub area: Area,
    /// What is thought of it.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// What caused it, the nearest first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What a fetch would end with because of it.
    pub exit: Exit,
}

impl Finding {
    /// It is as it should be.
    #[must_use]
    pub fn ok(area: Area, what: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Ok, what: what.into(), causes: Vec::new(), hint: None, exit: Exit::Fine }
    }

    /// It was not looked at.
    #[must_use]
    pub fn skipped(area: Area, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::ok(area, why) }
    }

    /// A fetch goes well all the same.
    #[must_use]
    pub fn warning(area: Area, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, hint: Some(hint.into()), ..Self::ok(area, what) }
    }

    /// What a fetch would tell: an error, or a warning where the exit code is 0.
    #[must_use]
    pub fn told(area: Area, exit: Exit, told: Told) -> Self {
        let verdict = if exit == Exit::Fine { Verdict::Warning } else { Verdict::Failed };
        let Told { what, causes, hint, .. } = told;
        Self { area, verdict, what, causes, hint, exit }
    }

    /// The lines, the account's name padded to `width`.
    #[must_use]
    pub fn text(&self, account: &str, width: usize, palette: Palette) -> String {
        let verdict = palette.word(&format!("{:7}", self.verdict.name()), self.verdict.colour());
        let account = if width == 0 { String::new() } else { format!("{account:width$}  ") };
        let mut text = format!("{account}{verdict}  {:13}  {}\n", self.area.name(), printable(&self.what));
        let indent = account.len().max(2);
        for cause in &self.causes {
            let _ = writeln!(text, "{:indent$}caused by: {}", "", printable(cause));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{:indent$}hint: {}", "", printable(hint));
        }
        text
    }
}

/// How many findings there are of each verdict, and the exit code that they make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    fine: usize,
    warnings: usize,
    failed: usize,
    skipped: usize,
    exit: Exit,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, finding: &Finding) {
        *match finding.verdict {
            Verdict::Ok => &mut self.fine,
            Verdict::Warning => &mut self.warnings,
            Verdict::Failed => &mut self.failed,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
        self.exit = Exit::most_telling([self.exit, finding.exit]);
    }

    /// What a fetch would end with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Tally {
    /// `11 fine, 1 warning, 1 failed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fine", self.fine)?;
        let warnings = if self.warnings == 1 { "warning" } else { "warnings" };
        for (count, what) in [(self.warnings, warnings), (self.failed, "failed"), (self.skipped, "skipped")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_an_account_are_aligned() {
        let failed = Finding {
            causes: vec!["no\x1b".to_owned()],
            ..Finding::told(Area::Login, Exit::Credentials, Told { is_warning: false, ..Told::warning("w", "h") })
        };
        let findings = [
            Finding::ok(Area::Configuration, "file"),
            failed,
            Finding::warning(Area::Tls, "t", "u"),
            Finding::skipped(Area::Maildrop, "s"),
        ];
        let text: String = findings.iter().map(|finding| finding.text("work", 6, Palette::Plain)).collect();
        assert_eq!(
            text,
            "work    ok       configuration  file\n\
             work    failed   login          w\n\
             \x20       caused by: no\\u{1b}\n\
             \x20       hint: h\n\
             work    warning  tls            t\n\
             \x20       hint: u\n\
             work    skipped  maildrop       s\n"
        );
        let coloured = findings[1].text("work", 4, Palette::Colour);
        assert!(coloured.starts_with("work  \x1b[1;31mfailed \x1b[0m  login   "), "{coloured:?}");
        let of_nobody = findings[2].text("", 0, Palette::Plain);
        assert_eq!(of_nobody, "warning  tls            t\n  hint: u\n");
    }

    #[test]
    fn a_tally_makes_the_exit_code_of_a_fetch() {
        let mut tally = Tally::default();
        tally.count(&Finding::ok(Area::Clock, ""));
        tally.count(&Finding::warning(Area::Tls, "", ""));
        assert_eq!((tally.to_string().as_str(), tally.exit()), ("1 fine, 1 warning", Exit::Fine));
        for (area, exit) in [(Area::Login, Exit::TryLater), (Area::Target, Exit::Target)] {
            tally.count(&Finding::told(area, exit, Told::warning("", "")));
        }
        tally.count(&Finding::skipped(Area::Quit, ""));
        let expected = "1 fine, 1 warning, 2 failed, 1 skipped";
        assert_eq!((tally.to_string().as_str(), tally.exit()), (expected, Exit::Target));
    }

    #[test]
    fn areas_stand_in_the_order_of_a_fetch() {
        assert!(Area::ALL.is_sorted());
        assert!(Area::ALL.iter().all(|area| area.name().len() <= 13));
    }
}
