//! TLS over a wire: certificate and host name are always verified, TLS 1.2 is the least (RFC 8314, RFC 9325).

use std::error::Error as _;
use std::io;
use std::path::Path;

use native_tls::{HandshakeError, Protocol, TlsConnector, TlsStream};

use super::certificate::Certificate;
use super::error::{Distrust, SessionError, TlsError};
use crate::host::{Guard, Host};
use crate::model::{Octets, escaped, limits};

/// Largest file of CA certificates.
const CA_FILE_OCTETS: Octets = Octets(4 * 1024 * 1024);
/// The phase as errors name it.
pub(super) const HANDSHAKE: &str = "the TLS handshake";

/// A connector that trusts the system's roots and the certificates in `ca_file` (PEM, one or several).
pub(super) fn connector(host: &dyn Host, ca_file: Option<&Path>) -> Result<TlsConnector, TlsError> {
    let setup = |error: native_tls::Error| TlsError::Setup { reason: shown(&error) };
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Some(path) = ca_file {
        for certificate in read_certificates(host, path)? {
            builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(setup)
}

/// A connector that takes any certificate: what it connects must be told nothing, and believed nothing.
pub(super) fn connector_that_trusts_all() -> Result<TlsConnector, TlsError> {
    let mut builder = TlsConnector::builder();
    builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    builder.build().map_err(|error| TlsError::Setup { reason: shown(&error) })
}

/// What the other side's certificate says of itself.
pub(super) fn certificate(stream: &TlsStream<Guard<'_>>) -> Option<Certificate> {
    let der = stream.peer_certificate().ok()??.to_der().ok()?;
    Certificate::parse(&der)
}

fn read_certificates(host: &dyn Host, path: &Path) -> Result<Vec<native_tls::Certificate>, TlsError> {
    let unread = |source| TlsError::CaFile { path: path.to_owned(), source };
    let pem = host.read_file(path, CA_FILE_OCTETS).map_err(unread)?;
    match native_tls::Certificate::stack_from_pem(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::NoCertificate { path: path.to_owned() }),
    }
}

/// Shakes hands within [`limits::HANDSHAKE`] and proves that the other side is `host_name`.
pub(super) fn secure<'h>(
    connector: &TlsConnector,
    host_name: &str,
    mut guard: Guard<'h>,
) -> Result<TlsStream<Guard<'h>>, SessionError> {
    guard.start_waiting();
    guard.start_phase(limits::HANDSHAKE);
    let mut result = connector.connect(host_name, guard);
    loop {
        match result {
            Ok(mut stream) => {
                stream.get_mut().end_phase();
                return Ok(stream);
            }
            Err(HandshakeError::WouldBlock(unfinished)) => result = unfinished.handshake(),
            Err(HandshakeError::Failure(error)) => return Err(failure(host_name, &error)),
        }
    }
}

fn failure(host_name: &str, error: &native_tls::Error) -> SessionError {
    if let Some(error) = error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        return SessionError::of_lent_io(error, HANDSHAKE);
    }
    let (host, text) = (host_name.to_owned(), error.to_string());
    if is_end_of_stream(&text) {
        let source = io::Error::new(io::ErrorKind::UnexpectedEof, "end of stream");
        return SessionError::of_io(source, HANDSHAKE);
    }
    match text.split_once("certificate verify failed") {
        Some((_, detail)) => {
            let reason = detail.rsplit_once(" (").map_or(detail, |(_, why)| why.trim_end_matches(')'));
            TlsError::Certificate { host, distrust: distrust(reason) }.into()
        }
        None => TlsError::Handshake { host, reason: in_words(&text) }.into(),
    }
}

/// What OpenSSL means by the reason that it gives for refusing a certificate.
fn distrust(reason: &str) -> Distrust {
    let text = reason.to_ascii_lowercase();
    let says = |words: &str| text.contains(words);
    let of_issuer = ["in certificate chain", "issuer certificate", "unable to verify the first", "signature failure"];
    if of_issuer.into_iter().any(says) {
        Distrust::UnknownIssuer
    } else if says("self-signed") || says("self signed") {
        Distrust::SelfSigned
    } else if says("has expired") {
        Distrust::Expired
    } else if says("not yet valid") {
        Distrust::NotYetValid
    } else if says("hostname mismatch") || says("ip address mismatch") {
        Distrust::WrongName
    } else {
        Distrust::Other(escaped(reason.as_bytes(), limits::SHOWN_CHARS))
    }
}

/// What OpenSSL means by an error of the handshake; other libraries speak for themselves.
fn in_words(text: &str) -> String {
    // error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:350:
    let reason = if text.starts_with("error:") { text.split(':').nth(4).unwrap_or(text) } else { text };
    let says = |words: &[&str]| words.iter().any(|words| reason.to_ascii_lowercase().contains(words));
    if says(&["wrong version number", "packet length too long", "unknown protocol", "http request"]) {
        "the server does not speak TLS there".to_owned()
    } else if says(&["unsupported protocol", "protocol version", "version too low"]) {
        "the server speaks no version of TLS that is still safe".to_owned()
    } else {
        escaped(reason.as_bytes(), limits::SHOWN_CHARS)
    }
}

/// Whether the TLS library tells that the stream ended without its closing alert.
pub(super) fn is_end_of_stream(text: &str) -> bool {
    text.to_ascii_lowercase().contains("unexpected eof")
}

fn shown(error: &native_tls::Error) -> String {
    escaped(error.to_string().as_bytes(), limits::SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_handshake_is_told_in_words() {
        for (text, expected) in [
            (
                "error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:350:",
                "the server does not speak TLS there",
            ),
            (
                "error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:../x.c:1584:SSL alert number 70",
                "the server speaks no version of TLS that is still safe",
            ),
            (
                "error:0A000410:SSL routines:f:sslv3 alert\x1b handshake failure:x.c:1:",
                "sslv3 alert\\u{1b} handshake failure",
            ),
            ("something: else", "something: else"),
            ("error:", "error:"),
        ] {
            assert_eq!(in_words(text), expected);
        }
    }

    /// The words of OpenSSL 1.1 and 3.
    #[test]
    fn reasons_of_openssl_are_understood() {
        for (reason, expected) in [
            ("self-signed certificate", Distrust::SelfSigned),
            ("self signed certificate", Distrust::SelfSigned),
            ("self-signed certificate in certificate chain", Distrust::UnknownIssuer),
            ("unable to get local issuer certificate", Distrust::UnknownIssuer),
            ("unable to get issuer certificate", Distrust::UnknownIssuer),
            ("unable to verify the first certificate", Distrust::UnknownIssuer),
            // Another authority of the same name.
            ("certificate signature failure", Distrust::UnknownIssuer),
            ("certificate has expired", Distrust::Expired),
            ("certificate is not yet valid", Distrust::NotYetValid),
            ("hostname mismatch", Distrust::WrongName),
            ("IP address mismatch", Distrust::WrongName),
            ("EE certificate key too weak\x1b", Distrust::Other("EE certificate key too weak\\u{1b}".into())),
        ] {
            assert_eq!(distrust(reason), expected, "{reason}");
        }
    }
}
