//! Opening and authenticating.

use super::dialogue::{Script, TIMING, credentials, endpoint};
use crate::pop3::{AuthFailure, Credentials, Mechanism, Notes, Protection, ResponseCode, SessionError, TlsMode, open};

/// Logs in after the greeting, CAPA with these lines, and `rest`.
fn login(capabilities: &str, rest: &str) -> (Script, Result<Mechanism, AuthFailure>) {
    let script = Script::new("+OK ready\nC: CAPA\n+OK").then(capabilities).then(".").then(rest);
    let result = script.open().unwrap().authenticate(&credentials()).map(|session| session.mechanism());
    (script, result)
}

const NO_CAPA: &str = "C: CAPA\n-ERR";

#[test]
fn plain_with_an_initial_response_where_announced() {
    let (script, result) = login("SASL LOGIN PLAIN\nUSER", "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n+OK\nC: CAPA\n-ERR");
    assert_eq!(result.unwrap(), Mechanism::Plain);
    script.assert_done();
}

#[test]
fn plain_in_two_steps_when_too_long_for_one_line() {
    let long = Credentials { user: "alice".into(), password: "x".repeat(300).into() };
    let script = Script::new("+OK\nC: CAPA\n+OK\nSASL PLAIN\n.\nC: AUTH PLAIN").raw(b"+ \r\n");
    let result = script.open().unwrap().authenticate(&long);
    assert!(matches!(result, Err(AuthFailure::Session(SessionError::Silence { .. }))), "{result:?}");
    let last = script.heard();
    let last = last.lines().last().unwrap();
    assert!(last.starts_with("AGFsaWNlAHh4") && last.len() > 255, "{last}");
}

#[test]
fn a_dropped_initial_response_is_given_once_more_and_no_oftener() {
    let asked = "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n+ go on\nC: AGFsaWNlAHNlY3JldA==";
    let (script, result) = login("SASL PLAIN", &format!("{asked}\n+OK\n{NO_CAPA}"));
    result.unwrap();
    script.assert_done();
    let (_, result) = login("SASL PLAIN", &format!("{asked}\n+ more"));
    assert!(matches!(result, Err(AuthFailure::Session(SessionError::Protocol { .. }))));
}

#[test]
fn user_and_pass_after_a_refused_mechanism_only() {
    let auth = "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==";
    let (script, result) =
        login("SASL PLAIN\nUSER", &format!("{auth}\n-ERR no\nC: USER alice\n+OK\nC: PASS secret\n+OK\n{NO_CAPA}"));
    assert_eq!(result.unwrap(), Mechanism::UserAndPass);
    script.assert_done();
    let (script, result) = login("SASL PLAIN\nUSER", &format!("{auth}\n-ERR [AUTH] no"));
    assert!(matches!(result, Err(AuthFailure::Rejected { .. })));
    assert!(!script.heard().contains("PASS"));
    let (script, result) = login("SASL PLAIN", &format!("{auth}\n-ERR no"));
    assert!(matches!(result, Err(AuthFailure::Rejected { .. })));
    assert!(!script.heard().contains("PASS"));
}

#[test]
fn refused_logins_are_told_apart() {
    let refused = |capabilities: &str, answer: &str| {
        login(capabilities, &format!("C: USER alice\n+OK\nC: PASS secret\n{answer}")).1.unwrap_err()
    };
    assert!(matches!(refused("USER", "-ERR bad password"), AuthFailure::Rejected { .. }));
    assert!(matches!(refused("USER", "-ERR [AUTH] bad"), AuthFailure::Rejected { .. }));
    assert!(matches!(refused("USER", "-ERR account locked"), AuthFailure::Rejected { .. }));
    for (answer, expected) in [
        ("-ERR [in-use] wait", Some(ResponseCode::InUse)),
        ("-ERR [LOGIN-DELAY] wait", Some(ResponseCode::LoginDelay)),
        ("-ERR [SYS/TEMP] wait", Some(ResponseCode::SysTemp)),
        ("-ERR unable to lock maildrop", None),
    ] {
        match refused("USER", answer) {
            AuthFailure::Busy { code, .. } => assert_eq!(code, expected),
            other => panic!("{answer}: {other:?}"),
        }
    }
    assert!(matches!(refused("USER", "-ERR [SYS/PERM] gone"), AuthFailure::Unavailable { .. }));
    assert!(matches!(refused("USER\nAUTH-RESP-CODE", "-ERR moved"), AuthFailure::Unavailable { .. }));
    assert!(matches!(login("SASL SCRAM-SHA-256", "").1, Err(AuthFailure::NoMechanism { .. })));
}

#[test]
fn i9_no_password_goes_in_clear_text_to_another_machine() {
    for capabilities in ["USER", "SASL PLAIN"] {
        let script = Script::new("+OK\nC: CAPA\n+OK").then(capabilities).then(".").remote();
        let session = script.open().unwrap();
        assert_eq!(session.protection(), Protection::ClearText);
        assert!(matches!(session.authenticate(&credentials()), Err(AuthFailure::ClearText)));
        assert_eq!(script.heard(), "CAPA\r\n");
    }
    let script = Script::new(super::dialogue::LOGIN).remote();
    let mut allowed = endpoint(TlsMode::None);
    allowed.allow_cleartext = true;
    open(&script, &allowed, TIMING, Notes::default()).unwrap().authenticate(&credentials()).unwrap();
    script.assert_done();
}

#[test]
fn i9_a_secret_that_the_server_repeats_is_in_no_error() {
    let pass = "C: USER alice\n+OK\nC: PASS secret";
    let auth = "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==";
    for (capabilities, rest) in [
        ("USER", format!("{pass}\n-ERR [AUTH] unknown command PASS secret")),
        ("USER", format!("{pass}\n-ERR {}secret", "x".repeat(252))),
        ("USER", format!("{pass}\nPASS secret")),
        ("USER", format!("{pass}\n+ secret\nCLOSE")),
        ("SASL PLAIN", format!("{auth}\n-ERR [AUTH] AUTH PLAIN AGFsaWNlAHNlY3JldA==")),
        ("SASL PLAIN", format!("{auth}\nAUTH PLAIN AGFsaWNlAHNlY3JldA==")),
    ] {
        let error = login(capabilities, &rest).1.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(["sec", "AGFsaWNl"].iter().all(|canary| !shown.contains(canary)), "{rest}: {shown}");
    }
    assert!(matches!(login("USER", &format!("{pass}\n-ERR [AUTH] secret")).1, Err(AuthFailure::Rejected { .. })));
}

#[test]
fn credentials_cannot_smuggle_commands() {
    for (user, password) in [("alice\r\nDELE 1", "x"), ("alice", "x\r\nQUIT"), ("alice", "x\0y")] {
        for capabilities in ["USER", "SASL PLAIN"] {
            let script = Script::new("+OK\nC: CAPA\n+OK").then(capabilities).then(".");
            let bad = Credentials { user: user.into(), password: password.to_owned().into() };
            let result = script.open().unwrap().authenticate(&bad);
            if capabilities == "USER" || password.contains('\0') {
                assert!(matches!(result, Err(AuthFailure::Credentials(_))), "{result:?}");
                assert_eq!(script.heard(), "CAPA\r\n");
            } else {
                assert!(!script.heard().contains("DELE") && !script.heard().contains("QUIT"));
            }
        }
    }
}

#[test]
fn a_bad_greeting_is_an_error() {
    let refused = Script::new("-ERR [SYS/TEMP] go away").open().unwrap_err();
    assert!(matches!(refused, SessionError::Refused { code: Some(ResponseCode::SysTemp), .. }), "{refused:?}");
    let garbage = Script::new("SSH-2.0-\x1b[2J").open().unwrap_err();
    assert_eq!(garbage.to_string(), "protocol error during the greeting: no status line but SSH-2.0-\\u{1b}[2J");
    assert!(matches!(Script::new("CLOSE").open().unwrap_err(), SessionError::Closed { .. }));
    let twice = Script::new("").raw(b"+OK\r\n+OK\r\n").open().unwrap_err();
    assert!(matches!(twice, SessionError::Protocol { .. }), "{twice:?}");
    let bare = Script::new("").raw(b"+OK\n").open().unwrap_err();
    assert!(matches!(bare, SessionError::Protocol { .. }), "{bare:?}");
    let odd = Script::new("+ go on").open().unwrap_err();
    assert!(matches!(odd, SessionError::Protocol { .. }), "{odd:?}");
}

/// Every way in which STLS may fail, with and without a CAPA that works: nothing secret was sent, and no session came.
#[test]
fn i9_stls_fails_closed() {
    let capa = "+OK hi\nC: CAPA\n+OK\nSTLS\nUSER\nSASL PLAIN\n.\nC: STLS";
    let no_capa = "+OK hi\nC: CAPA\n-ERR\nC: STLS";
    let stls =
        |script: Script| (open(&script, &endpoint(TlsMode::StartTls), TIMING, Notes::default()).unwrap_err(), script);
    let mut results = vec![("not offered", stls(Script::new("+OK hi\nC: CAPA\n+OK\nUSER\nSASL PLAIN\n.")))];
    assert!(matches!(results[0].1.0, SessionError::NoStls));
    for start in [capa, no_capa] {
        let script = || Script::new(start);
        let refused = stls(script().then("-ERR no"));
        assert!(matches!(&refused.0, SessionError::StlsRefused { text } if text == "no"));
        let garbage = stls(script().then("hello"));
        assert!(matches!(garbage.0, SessionError::Protocol { .. }));
        let ended = stls(script().then("CLOSE"));
        assert!(matches!(ended.0, SessionError::Closed { .. }));
        let silent = stls(script());
        assert!(matches!(silent.0, SessionError::Silence { .. }));
        let injected = stls(script().raw(b"+OK\r\n+OK injected\r\n"));
        assert!(matches!(injected.0, SessionError::StlsInjected));
        let late = stls(script().raw(b"+OK\r\n").raw(b"+OK injected\r\n+OK\r\n").in_chunks(7));
        assert!(matches!(late.0, SessionError::StlsInjected | SessionError::Tls(_)), "{:?}", late.0);
        let dripped = stls(script().raw(b"+OK\r\n+OK injected\r\n").in_chunks(1));
        assert!(matches!(dripped.0, SessionError::Tls(_) | SessionError::Silence { .. }), "{:?}", dripped.0);
        let hanging = stls(script().raw(b"+OK\r\n"));
        assert!(matches!(hanging.0, SessionError::Silence { .. }), "{:?}", hanging.0);
        let closed = stls(script().raw(b"+OK\r\n").then("CLOSE"));
        assert!(matches!(closed.0, SessionError::Closed { .. }), "{:?}", closed.0);
        results.extend([("refused", refused), ("garbage", garbage), ("ended", ended), ("silent", silent)]);
        results.extend([("injected", injected), ("late", late), ("dripped", dripped), ("hanging", hanging)]);
        results.push(("closed", closed));
    }
    for (case, (_, script)) in results {
        let heard = script.heard();
        let clear = heard.strip_prefix("CAPA\r\n").unwrap();
        // What follows STLS, if anything, is the first record of a handshake.
        let after = clear.strip_prefix("STLS\r\n").unwrap_or(clear);
        assert!(after.is_empty() || after.starts_with('\x16'), "{case}: {after:?}");
        assert!(["USER", "PASS", "AUTH"].iter().all(|secret| !heard.contains(secret)), "{case}: {heard:?}");
    }
}
