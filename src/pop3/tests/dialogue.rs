//! What the sessions of these tests begin with.

use std::time::Duration;

pub(super) use crate::host::tests::script::Script;
use crate::pop3::{
    Authorization, Credentials, Endpoint, Notes, Session, SessionError, Timing, TlsMode, Transaction, open,
};

impl Script {
    pub(super) fn open(&self) -> Result<Session<'_, Authorization>, SessionError> {
        open(self, &endpoint(TlsMode::None), TIMING, Notes::default())
    }

    /// Logs in by the lines of [`LOGIN`].
    pub(super) fn login(&self) -> Session<'_, Transaction> {
        self.open().unwrap().authenticate(&credentials()).unwrap()
    }
}

pub(super) const TIMING: Timing = Timing { silence: Duration::from_secs(60), run_deadline: Duration::from_secs(3600) };

/// A login without any capability.
pub(super) const LOGIN: &str = "
    +OK ready
    C: CAPA
    -ERR what
    C: USER alice
    +OK
    C: PASS secret
    +OK
    C: CAPA
    -ERR what";

/// A login at a server that pipelines.
pub(super) const LOGIN_PIPELINING: &str = "
    +OK ready
    C: CAPA
    -ERR not yet
    C: USER alice
    +OK
    C: PASS secret
    +OK
    C: CAPA
    +OK
    PIPELINING
    UIDL
    TOP
    .";

/// A listing of two messages.
pub(super) const LISTING: &str = "
    C: UIDL
    +OK
    1 aaa
    2 bbb
    .
    C: STAT
    +OK 2 30
    C: LIST
    +OK
    1 10
    2 20
    .";

pub(super) fn endpoint(tls: TlsMode) -> Endpoint {
    Endpoint { host: "pop.example.com".to_owned(), port: 110, tls, ca_file: None, allow_cleartext: false }
}

pub(super) fn credentials() -> Credentials {
    Credentials { user: "alice".to_owned(), password: "secret".to_owned().into() }
}
