//! A certificate authority for one test, and a server that shows what it issued.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use fetchonce::demo::{self, Connection, Credentials, Event, Faults};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};

const DAY: i64 = 24 * 3600;

pub(crate) struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = new_key();
        let mut builder = start("test authority", &key, -1..30);
        let name = name("test authority");
        builder.set_issuer_name(&name).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    /// Writes the authority's own certificate.
    pub(crate) fn write(&self, path: &Path) {
        fs::write(path, self.certificate.to_pem().unwrap()).unwrap();
    }

    /// Writes a server's certificate for these names and addresses, valid for a range of days counted from now, and its
    /// key: `PATH.pem` and `PATH.key`.
    pub(crate) fn issue(&self, path: &Path, names: &[&str], days: Range<i64>) {
        certify(path, names, days, Some(self));
    }
}

/// The same for a certificate that nobody vouches for but itself.
pub(crate) fn self_signed(path: &Path, names: &[&str], days: Range<i64>) {
    certify(path, names, days, None);
}

fn certify(path: &Path, names: &[&str], days: Range<i64>, issuer: Option<&Authority>) {
    let key = new_key();
    let mut builder = start(names[0], &key, days);
    let own_name = name(names[0]);
    let issuer_name = issuer.map_or(own_name.as_ref(), |authority| authority.certificate.subject_name());
    builder.set_issuer_name(issuer_name).unwrap();
    let mut alternatives = SubjectAlternativeName::new();
    for name in names {
        if name.parse::<IpAddr>().is_ok() {
            alternatives.ip(name)
        } else {
            alternatives.dns(name)
        };
    }
    let context = builder.x509v3_context(issuer.map(|authority| &*authority.certificate), None);
    let alternatives = alternatives.build(&context).unwrap();
    builder.append_extension(alternatives).unwrap();
    builder.append_extension(BasicConstraints::new().critical().build().unwrap()).unwrap();
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap()).unwrap();
    builder.sign(issuer.map_or(&key, |authority| &authority.key), MessageDigest::sha256()).unwrap();
    fs::write(path.with_extension("pem"), builder.build().to_pem().unwrap()).unwrap();
    fs::write(path.with_extension("key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
}

/// The demonstration server with TLS from the start; dropping it ends it.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    log: Mutex<Vec<Event>>,
}

impl TlsServer {
    /// Shows the certificate `PATH.pem`.
    pub(crate) fn start(path: &Path, credentials: Credentials) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_certificate_chain_file(path.with_extension("pem")).unwrap();
        acceptor.set_private_key_file(path.with_extension("key"), SslFiletype::PEM).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept()
                && !for_thread.stopping.load(Ordering::SeqCst)
            {
                // A client that refuses the certificate goes away.
                let Ok(mut stream) = acceptor.accept(stream) else { continue };
                let mut connection = Connection::new(Faults::default(), Some(credentials.clone()));
                let _ = demo::serve(&mut stream, &mut connection, &Mutex::default(), |events| {
                    for_thread.log.lock().unwrap().extend_from_slice(events);
                    true
                });
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Everything that happened so far.
    pub(crate) fn log(&self) -> Vec<Event> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn name(common: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, common).unwrap();
    name.build()
}

/// A certificate that lacks its issuer, its extensions and its signature.
fn start(common: &str, key: &PKey<Private>, days: Range<i64>) -> X509Builder {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let mut serial = [0; 8];
    openssl::rand::rand_bytes(&mut serial).unwrap();
    let serial = BigNum::from_slice(&serial).unwrap().to_asn1_integer().unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name(common)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now + days.start * DAY).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + days.end * DAY).unwrap()).unwrap();
    builder
}
