//! TLS against a real server on the loopback interface, with a certificate authority of the test's own.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use super::dialogue::credentials;
use crate::host::{Host as _, RealHost};
use crate::pop3::{
    Certificate, Distrust, Endpoint, Notes, Protection, SessionError, Timing, TlsError, TlsMode, Update, open,
    shown_certificate,
};

struct Authority {
    key: PKey<Private>,
    certificate: X509,
    directory: tempfile::TempDir,
}

/// What one certificate claims.
struct Claim {
    name: &'static str,
    days: std::ops::Range<i64>,
    self_signed: bool,
}

const GOOD: Claim = Claim { name: "localhost", days: -1..30, self_signed: false };

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(name: &str, key: &PKey<Private>, days: &std::ops::Range<i64>, issuer: Option<&Authority>) -> X509 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = |days: i64| Asn1Time::from_unix(i64::try_from(now).unwrap() + days * 86_400).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |ca| ca.certificate.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&day(days.start)).unwrap();
    builder.set_not_after(&day(days.end)).unwrap();
    if name.ends_with("authority") {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let context = builder.x509v3_context(issuer.map(|ca| &*ca.certificate), None);
        let names = SubjectAlternativeName::new().dns(name).build(&context).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(issuer.map_or(key, |ca| &ca.key), MessageDigest::sha256()).unwrap();
    builder.build()
}

impl Authority {
    fn new() -> Self {
        let key = key();
        let certificate = certificate("test authority", &key, &(-1..30), None);
        let directory = tempfile::tempdir().unwrap();
        let ca = Self { key, certificate, directory };
        // Ours is the second of the file: all of them count.
        let other = self::certificate("other authority", &self::key(), &(-1..30), None);
        let pem = [other.to_pem().unwrap(), ca.certificate.to_pem().unwrap()].concat();
        std::fs::write(ca.file(), pem).unwrap();
        ca
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn acceptor(&self, claim: &Claim, newest: Option<SslVersion>) -> SslAcceptor {
        let key = key();
        let issuer = (!claim.self_signed).then_some(self);
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        builder.set_private_key(&key).unwrap();
        builder.set_certificate(&certificate(claim.name, &key, &claim.days, issuer)).unwrap();
        if newest == Some(SslVersion::TLS1_1) {
            builder.set_min_proto_version(None).unwrap();
            builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        }
        builder.set_max_proto_version(newest).unwrap();
        builder.build()
    }
}

/// Answers each line that comes with the next reply; gives back what it heard.
fn converse<S: Read + Write>(stream: S, greeting: &str, replies: &[&str]) -> (S, String) {
    let mut stream = BufReader::new(stream);
    let mut heard = String::new();
    stream.get_mut().write_all(greeting.as_bytes()).unwrap();
    for reply in replies {
        stream.read_line(&mut heard).unwrap();
        stream.get_mut().write_all(reply.as_bytes()).unwrap();
    }
    (stream.into_inner(), heard)
}

fn serve<T: Send + 'static>(act: impl FnOnce(std::net::TcpStream) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || act(listener.accept().unwrap().0)))
}

fn connect(port: u16, tls: TlsMode, ca: Option<&Authority>) -> Result<Update, SessionError> {
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let timing = Timing { silence: Duration::from_secs(2), run_deadline: host.elapsed() + Duration::from_secs(20) };
    let ca_file = ca.map(Authority::file);
    let endpoint = Endpoint { host: "localhost".into(), port, tls, ca_file, allow_cleartext: false };
    let session = open(&host, &endpoint, timing, Notes::default())?;
    let mut session = session.authenticate(&credentials()).unwrap();
    session.noop()?;
    Ok(session.quit().unwrap())
}

const REPLIES: [&str; 6] = ["-ERR\r\n", "+OK\r\n", "+OK\r\n", "-ERR\r\n", "+OK\r\n", "+OK\r\n"];
const COMMANDS: &str = "CAPA\r\nUSER alice\r\nPASS secret\r\nCAPA\r\nNOOP\r\nQUIT\r\n";

/// A server with TLS from the start, and what the client makes of it.
fn implicit(ca: &Authority, acceptor: SslAcceptor, trusted: bool) -> (Result<Update, SessionError>, Option<String>) {
    let (port, server) = serve(move |stream| Some(converse(acceptor.accept(stream).ok()?, "+OK\r\n", &REPLIES).1));
    let result = connect(port, TlsMode::Implicit, trusted.then_some(ca));
    let heard = server.join().ok().flatten();
    (result, heard)
}

#[test]
fn implicit_tls_with_an_authority_of_ones_own() {
    let ca = Authority::new();
    for newest in [None, Some(SslVersion::TLS1_2)] {
        let (result, heard) = implicit(&ca, ca.acceptor(&GOOD, newest), true);
        assert!(matches!(result, Ok(Update::Committed)), "{result:?}");
        assert_eq!(heard.as_deref(), Some(COMMANDS));
    }
}

#[test]
fn i9_an_invalid_certificate_gets_no_octet() {
    let ca = Authority::new();
    let cases = [
        ("unknown authority", GOOD, false, Distrust::UnknownIssuer),
        ("wrong host", Claim { name: "pop.example.com", ..GOOD }, true, Distrust::WrongName),
        ("expired", Claim { days: -9..-1, ..GOOD }, true, Distrust::Expired),
        ("not yet valid", Claim { days: 1..9, ..GOOD }, true, Distrust::NotYetValid),
        ("self-signed", Claim { self_signed: true, ..GOOD }, true, Distrust::SelfSigned),
        ("too wide", Claim { name: "*host", ..GOOD }, true, Distrust::WrongName),
    ];
    for (case, claim, trusted, why) in cases {
        let (result, heard) = implicit(&ca, ca.acceptor(&claim, None), trusted);
        match result {
            Err(SessionError::Tls(TlsError::Certificate { distrust, .. })) => assert_eq!(distrust, why, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
        assert!(heard.is_none_or(|heard| heard.is_empty()), "{case}");
    }
}

/// I9: what tells of a refused certificate logs in nowhere.
#[test]
fn i9_a_certificate_is_told_whether_it_is_trusted_or_not() {
    let ca = Authority::new();
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let timing = Timing { silence: Duration::from_secs(2), run_deadline: host.elapsed() + Duration::from_secs(20) };
    let endpoint = |port| Endpoint {
        host: "localhost".into(),
        port,
        tls: TlsMode::Implicit,
        ca_file: Some(ca.file()),
        allow_cleartext: false,
    };
    let server = |claim: &Claim| {
        let acceptor = ca.acceptor(claim, None);
        serve(move |stream| converse(acceptor.accept(stream).unwrap(), "+OK\r\n", &["-ERR\r\n"]).1)
    };
    let now = host.now();
    let is_in_days = |certificate: &Certificate, days: i64| {
        (now.0 + days * 86_400 - 60..=now.0 + days * 86_400 + 60).contains(&certificate.until.0)
    };

    let (port, heard) = server(&GOOD);
    let Protection::Tls(Some(good)) = open(&host, &endpoint(port), timing, Notes::default()).unwrap().protection()
    else {
        panic!("no certificate")
    };
    assert_eq!((good.names.as_slice(), good.issuer.as_str()), (&["localhost".to_owned()][..], "test authority"));
    assert!(is_in_days(&good, 30), "{good:?}");
    assert_eq!(heard.join().unwrap(), "CAPA\r\n");

    let (port, heard) = server(&Claim { name: "pop.example.com", days: -9..-1, self_signed: true });
    let shown = shown_certificate(&host, &endpoint(port), timing, Notes::default()).unwrap();
    assert_eq!(
        (shown.names.as_slice(), shown.issuer.as_str()),
        (&["pop.example.com".to_owned()][..], "pop.example.com")
    );
    assert!(is_in_days(&shown, -1), "{shown:?}");
    assert_eq!(heard.join().unwrap(), "CAPA\r\n");
}

#[test]
fn tls_1_1_is_refused() {
    let ca = Authority::new();
    let (result, heard) = implicit(&ca, ca.acceptor(&GOOD, Some(SslVersion::TLS1_1)), true);
    match result {
        Err(SessionError::Tls(TlsError::Handshake { reason, .. })) => {
            assert!(reason.ends_with("still safe"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(heard, None);
}

#[test]
fn a_server_without_tls_is_told_from_a_silent_and_a_closing_one() {
    let (port, server) = serve(|mut stream| {
        stream.write_all(b"+OK POP3 ready in clear text\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let plain = connect(port, TlsMode::Implicit, None);
    match plain {
        Err(SessionError::Tls(TlsError::Handshake { reason, .. })) => {
            assert!(reason.contains("does not speak TLS"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    server.join().unwrap();

    let (port, server) = serve(|mut stream| stream.read_to_end(&mut Vec::new()));
    let silent = connect(port, TlsMode::Implicit, None);
    assert!(matches!(&silent, Err(error @ SessionError::Silence { .. }) if error.is_of_tls()), "{silent:?}");
    let _ = server.join();

    let (port, server) = serve(|mut stream| stream.read(&mut [0; 4096]));
    let closing = connect(port, TlsMode::Implicit, None);
    assert!(matches!(&closing, Err(error @ SessionError::Closed { .. }) if error.is_of_tls()), "{closing:?}");
    let _ = server.join();
}

#[test]
fn stls_protects_all_that_follows() {
    let ca = Authority::new();
    let acceptor = ca.acceptor(&GOOD, None);
    let (port, server) = serve(move |stream| {
        // PIPELINING is announced in clear text only: it must be forgotten.
        let replies = ["+OK\r\nSTLS\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n", "+OK go\r\n"];
        let (stream, clear) = converse(stream, "+OK\r\n", &replies);
        let (_, protected) = converse(acceptor.accept(stream).unwrap(), "", &REPLIES);
        (clear, protected)
    });
    let result = connect(port, TlsMode::StartTls, Some(&ca));
    assert!(matches!(result, Ok(Update::Committed)), "{result:?}");
    let (clear, protected) = server.join().unwrap();
    assert_eq!(clear, "CAPA\r\nSTLS\r\n");
    assert_eq!(protected, COMMANDS);
}

#[test]
fn a_broken_file_of_authorities_is_an_error_before_any_connection() {
    let directory = tempfile::tempdir().unwrap();
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let timing = Timing { silence: Duration::from_secs(2), run_deadline: Duration::from_secs(20) };
    for (content, missing) in [(None, true), (Some("no certificate"), false), (Some(""), false)] {
        let path = directory.path().join("ca.pem");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let (tls, ca_file) = (TlsMode::Implicit, Some(path));
        let endpoint = Endpoint { host: "localhost".into(), port: 1, tls, ca_file, allow_cleartext: false };
        match open(&host, &endpoint, timing, Notes::default()).unwrap_err() {
            SessionError::Tls(TlsError::CaFile { .. }) => assert!(missing),
            SessionError::Tls(TlsError::NoCertificate { .. }) => assert!(!missing),
            other => panic!("{other:?}"),
        }
    }
}
