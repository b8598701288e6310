//! What the server shows in one session, which asks for no message and deletes none.

use std::collections::HashMap;

use secrecy::SecretString;

use super::super::hints::Place;
use super::super::run::endpoint;
use super::{Checkup, failed};
use crate::config::{Account, Tls};
use crate::fetch::FetchError;
use crate::host::Host as _;
use crate::index::Index;
use crate::model::{Listing, Octets, RowState, Seen, Timestamp, Uid, limits};
use crate::policy::{Oversize, Retention};
use crate::pop3::{
    self, AuthFailure, Authorization, Capabilities, Certificate, Credentials, Endpoint, Expire, Notes, Protection,
    Session, SessionError, Timing, TlsError, Transaction, Update,
};
use crate::report::calendar::day;
use crate::report::finding::{Area, Finding, Verdict};
use crate::report::human::{Naming, counted, of_days, single};
use crate::report::{Exit, Problem};

/// Most names of a certificate that are shown.
const SHOWN_NAMES: usize = 2;

impl<'a> Checkup<'a> {
    /// `None` once a step fails: those after it have nothing to stand on.
    pub(super) fn server(&mut self, password: Option<SecretString>, index: Option<&Index<'_>>) -> Option<()> {
        let user = self.account.user.clone();
        let credentials = password.map(|password| Credentials { user, password });
        let session = self.connect(credentials.as_ref())?;
        self.protection(&session)?;
        let mut session = self.log_in(session, &credentials?)?;
        let listing = self.listing(&mut session)?;
        self.maildrop(&listing, index)?;
        self.quit(session);
        Some(())
    }

    fn connect(&mut self, credentials: Option<&Credentials>) -> Option<Session<'a, Authorization>> {
        let world = self.world;
        let timing = Timing {
            silence: self.account.timeout,
            run_deadline: world.host.elapsed().saturating_add(self.account.deadline),
        };
        let endpoint = endpoint(self.account);
        let tracer = self.tracer.clone();
        let notes = || Notes::new(tracer.clone(), credentials);
        let error = match pop3::open(&world.host, &endpoint, timing, notes()) {
            Ok(session) => {
                self.ok(Area::Connection, connected(&endpoint));
                return Some(session);
            }
            Err(error) if error.is_of_tls() => error,
            Err(error) => {
                self.fail(Area::Connection, &self.place.failure(error));
                return None;
            }
        };
        let is_refused = matches!(error, SessionError::Tls(TlsError::Certificate { .. }));
        let shown = is_refused.then(|| pop3::shown_certificate(&world.host, &endpoint, timing, notes())).flatten();
        if is_of_this_machine(&error) {
            self.skip(Area::Connection, "not looked at, because of the failure below");
        } else {
            self.ok(Area::Connection, connected(&endpoint));
        }
        let mut finding = failed(Area::Tls, &self.place.failure(error));
        finding.causes.extend(shown.as_ref().map(described));
        self.tell(&finding);
        None
    }

    fn protection(&mut self, session: &Session<'_, Authorization>) -> Option<()> {
        let mode = match self.account.tls {
            Tls::Implicit => "implicit",
            Tls::StartTls => "STARTTLS",
            Tls::None => "none",
        };
        match session.protection() {
            Protection::Tls(shown) => {
                self.ok(Area::Tls, format!("{mode}, verified for {}", self.account.server));
                if let Some(shown) = shown {
                    self.tell(&certificate(&shown, self.world.host.now()));
                }
            }
            Protection::Loopback => self.ok(Area::Tls, "none, and none is needed on this machine"),
            Protection::ClearText => {
                let finding = clear_text(self.account.allow_cleartext, &self.place);
                self.tell(&finding);
                return (finding.verdict != Verdict::Failed).then_some(());
            }
        }
        Some(())
    }

    fn log_in(
        &mut self,
        session: Session<'a, Authorization>,
        credentials: &Credentials,
    ) -> Option<Session<'a, Transaction>> {
        match session.authenticate(credentials) {
            Ok(session) => {
                self.ok(Area::Login, format!("{} by {}", self.account.user, session.mechanism()));
                Some(session)
            }
            Err(error) => {
                self.fail(Area::Login, &self.place.failure(error));
                None
            }
        }
    }

    /// Whether UIDL is there the listing tells, for a server need not announce it.
    fn listing(&mut self, session: &mut Session<'_, Transaction>) -> Option<Listing> {
        let listing = session.listing();
        if let Err(error @ SessionError::NoUidl { .. }) = listing {
            self.fail(Area::Capabilities, &self.place.failure(error));
            return None;
        }
        let Account { retention, intake, .. } = self.account;
        self.tell_all(&capabilities(session.capabilities(), retention, intake.oversize));
        listing.map_err(|error| self.fail(Area::Maildrop, &self.place.failure(error))).ok()
    }

    fn maildrop(&mut self, listing: &Listing, index: Option<&Index<'_>>) -> Option<()> {
        match index.map_or(Ok(Seen::default()), Index::seen) {
            Ok(seen) => {
                self.tell(&maildrop(listing, &seen));
                self.tell_all(&oddities(listing, self.place.naming()));
                Some(())
            }
            Err(error) => {
                self.fail(Area::Maildrop, &self.place.failure(FetchError::from(error)));
                None
            }
        }
    }

    fn quit(&mut self, session: Session<'_, Transaction>) {
        let unanswered = match session.quit() {
            Ok(Update::Committed) => return self.ok(Area::Quit, "answered"),
            Ok(Update::Rejected(text)) => {
                let problem = Problem::QuitRejected { text };
                return self.tell(&Finding::told(Area::Quit, problem.exit(), single(&problem, self.place.naming())));
            }
            Ok(Update::Unknown(error)) => error.to_string(),
            Err(unsettled) => unsettled.to_string(),
        };
        let hint = "deletions take effect by QUIT: a server that does not answer it may keep what was to be deleted";
        self.tell(&Finding::warning(Area::Quit, unanswered, hint));
    }
}

fn connected(endpoint: &Endpoint) -> String {
    format!("{} port {}", endpoint.host, endpoint.port)
}

/// Whether TLS failed before anything was connected.
fn is_of_this_machine(error: &SessionError) -> bool {
    use TlsError::{CaFile, NoCertificate, Setup};
    matches!(error, SessionError::Tls(CaFile { .. } | NoCertificate { .. } | Setup { .. }))
}

fn clear_text(is_allowed: bool, place: &Place) -> Finding {
    if !is_allowed {
        return failed(Area::Tls, &place.failure(AuthFailure::ClearText));
    }
    let what = "none, as `allow_cleartext` says: everyone on the way can read password and mail";
    let hint = "use TLS where the server has it: `tls = \"implicit\"` or `tls = \"starttls\"`";
    Finding::warning(Area::Tls, what, hint)
}

fn certificate(shown: &Certificate, now: Timestamp) -> Finding {
    let what = format!("certificate by {}, until {}", shown.issuer, day(shown.until));
    if shown.until < now.after(limits::CERTIFICATE_ENDS_SOON) {
        let hint = "the provider must renew it before that day; afterwards nothing is fetched";
        return Finding::warning(Area::Tls, what, hint);
    }
    Finding::ok(Area::Tls, what)
}

/// `a certificate for a.example.org, b.example.org and 3 more, by Example CA, until 2027-01-04`.
fn described(shown: &Certificate) -> String {
    let Certificate { names, issuer, until } = shown;
    let first = names.iter().take(SHOWN_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("a certificate for {first}{more}, by {issuer}, until {}", day(*until))
}

/// What the server can do, and what it does on its own.
fn capabilities(announced: &Capabilities, retention: &Retention, oversize: Oversize) -> Vec<Finding> {
    let area = Area::Capabilities;
    if !announced.known {
        return vec![Finding::ok(area, "none announced: the server does not know CAPA")];
    }
    let names = [(announced.uidl, "UIDL"), (announced.top, "TOP"), (announced.pipelining, "PIPELINING")];
    let names: Vec<&str> = names.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name).collect();
    let names = if names.is_empty() { "none that matters".to_owned() } else { names.join(", ") };
    let implementation = announced.implementation.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
    let mut findings = vec![Finding::ok(area, names + &implementation)];
    if !announced.top {
        let hint = "nothing to do: without TOP a message is fetched once more before it is deleted";
        findings.push(Finding::warning(area, "no TOP: deleting old mail costs a second download", hint));
    }
    if !announced.top && oversize == Oversize::Headers {
        let hint = "raise `max_size`, or look at what it leaves by `fetchonce list`";
        findings.push(Finding::warning(area, "no TOP: `oversize = \"headers\"` gets no headers", hint));
    }
    if let Some(seconds @ 1..) = announced.login_delay_seconds {
        let what = format!("LOGIN-DELAY: the server wants {seconds} seconds between two logins");
        findings.push(Finding::warning(area, what, "fetch less often than that"));
    }
    if let Some(Expire::Days(days)) = announced.expire {
        findings.push(expiry(days, retention.outlasts(days)));
    }
    findings
}

/// What a server deletes by itself (RFC 2449 §6.7), and whether `keep` asks for longer.
fn expiry(days: u64, is_too_early: bool) -> Finding {
    let area = Area::Capabilities;
    let what = match days {
        0 => "EXPIRE 0: the server may delete each message as soon as it was fetched".to_owned(),
        _ => format!("EXPIRE: the server may delete mail that is {} old, fetched or not", of_days(days)),
    };
    if !is_too_early {
        return Finding::ok(area, what + "; `keep` asks for no longer");
    }
    let hint = match days {
        0 => "`keep` holds no mail back there: have backups of your copies, or ask the provider",
        _ => "fetch more often than that; `keep` cannot hold mail back there, and your own copies stay",
    };
    Finding::warning(area, what + ", and `keep` asks for longer", hint)
}

/// What lies on the server, and how much of it is new.
fn maildrop(listing: &Listing, seen: &Seen) -> Finding {
    let messages = &listing.messages;
    let octets = messages.iter().map(|listed| listed.size.unwrap_or_default().0).fold(0, u64::saturating_add);
    let is_known = |uid: &Uid| seen.of(uid).any(|row| row.state != RowState::New);
    let new = messages.iter().filter(|listed| !is_known(&listed.uid)).count();
    let what = match messages.len() {
        0 => "no messages".to_owned(),
        count => format!("{} ({}), {new} of them new", counted(count), Octets(octets)),
    };
    Finding::ok(Area::Maildrop, what)
}

/// What is odd about a listing.
fn oddities(listing: &Listing, naming: Naming<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut warn = |what: String, hint| findings.push(Finding::warning(Area::Maildrop, what, hint));
    let mut copies: HashMap<&Uid, usize> = HashMap::new();
    for listed in &listing.messages {
        *copies.entry(&listed.uid).or_default() += 1;
    }
    let shared: usize = copies.values().filter(|count| **count > 1).sum();
    if shared > 0 {
        let hint = "nothing to do: they are fetched to be told apart by their content";
        warn(format!("{} share unique-ids with one another", counted(shared)), hint);
    }
    let odd = listing.messages.iter().filter(|listed| !is_as_the_rfc_says(&listed.uid)).count();
    if odd > 0 {
        let hint = "nothing to do: such unique-ids are kept as they are";
        warn(format!("{} with a unique-id that RFC 1939 does not allow", counted(odd)), hint);
    }
    if listing.unidentified > 0 {
        let unidentified = usize::try_from(listing.unidentified).unwrap_or(usize::MAX);
        let hint = "ask the provider: such mail is not fetched, and nothing is deleted as long as it lies there";
        warn(format!("{} without a unique-id that can be used", counted(unidentified)), hint);
    } else if !listing.complete {
        findings.push(Finding::told(Area::Maildrop, Exit::Fine, single(&Problem::PartialListing, naming)));
    }
    findings
}

/// 1 to 70 octets in 0x21–0x7E (RFC 1939 §7).
fn is_as_the_rfc_says(uid: &Uid) -> bool {
    uid.as_bytes().len() <= limits::RFC_UID_OCTETS && uid.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::accounts::Global;
    use super::*;
    use crate::policy::Keep;

    fn announced(lines: &[&str], keep: Keep) -> Vec<(Verdict, String)> {
        let mut announced = Capabilities { known: true, ..Capabilities::default() };
        for line in lines {
            announced.add_line(line.as_bytes());
        }
        let retention = Retention { keep, ..Retention::default() };
        capabilities(&announced, &retention, Oversize::Headers)
            .into_iter()
            .map(|finding| (finding.verdict, finding.what))
            .collect()
    }

    #[test]
    fn what_a_server_does_of_its_own_is_a_warning() {
        let plain = ["UIDL", "TOP", "PIPELINING", "EXPIRE NEVER", "LOGIN-DELAY 0", "IMPLEMENTATION Cyrus 3"];
        assert_eq!(announced(&plain, Keep::Forever), [(Verdict::Ok, "UIDL, TOP, PIPELINING (Cyrus 3)".to_owned())]);
        let found = announced(&["TOP", "EXPIRE 30 USER", "LOGIN-DELAY 900 USER"], Keep::Forever);
        assert_eq!(found[0], (Verdict::Ok, "TOP".to_owned()));
        assert_eq!(
            found[1],
            (Verdict::Warning, "LOGIN-DELAY: the server wants 900 seconds between two logins".to_owned())
        );
        assert!(found[2].0 == Verdict::Warning && found[2].1.contains("30 days old"), "{found:?}");
        let found = announced(&["EXPIRE 0", "X-OWN"], Keep::Days(1));
        assert_eq!(found[0].1, "none that matters");
        assert!(found.len() == 4 && found[3].1.starts_with("EXPIRE 0: "), "{found:?}");
        assert_eq!(found[2], (Verdict::Warning, "no TOP: `oversize = \"headers\"` gets no headers".to_owned()));
    }

    #[test]
    fn what_expires_no_sooner_than_it_is_to_go_is_no_warning() {
        for (line, keep, verdict) in [
            ("EXPIRE 0", Keep::None, Verdict::Ok),
            ("EXPIRE 0", Keep::Days(1), Verdict::Warning),
            ("EXPIRE 1", Keep::None, Verdict::Ok),
            ("EXPIRE 14", Keep::Days(13), Verdict::Ok),
            ("EXPIRE 14", Keep::Days(14), Verdict::Warning),
            ("EXPIRE 14", Keep::Forever, Verdict::Warning),
        ] {
            let found = announced(&["TOP", line], keep);
            assert_eq!((found.len(), found[1].0), (2, verdict), "{line} {keep}: {found:?}");
        }
    }

    /// I9.
    #[test]
    fn clear_text_to_another_machine_fails_unless_it_is_allowed() {
        let place = Global::default().place(Path::new("/state"), &"work".parse().unwrap(), &[]);
        let of = |is_allowed| {
            let finding = clear_text(is_allowed, &place);
            (finding.verdict, finding.exit)
        };
        assert_eq!(of(false), (Verdict::Failed, Exit::Config));
        assert_eq!(of(true), (Verdict::Warning, Exit::Fine));
    }

    #[test]
    fn a_certificate_that_ends_soon_is_a_warning() {
        let soon = i64::try_from(limits::CERTIFICATE_ENDS_SOON.as_secs()).unwrap();
        let shown = |until| Certificate { names: vec!["a".into()], issuer: "CA".into(), until: Timestamp(until) };
        assert_eq!(certificate(&shown(1000 + soon), Timestamp(1000)).verdict, Verdict::Ok);
        assert_eq!(certificate(&shown(1000 + soon - 1), Timestamp(1000)).verdict, Verdict::Warning);
        let many = Certificate { names: ["a", "b", "c", "d"].map(str::to_owned).into(), ..shown(0) };
        assert!(described(&many).starts_with("a certificate for a, b and 2 more, by CA, until "));
    }
}
