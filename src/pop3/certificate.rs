//! What a server's certificate says of itself (RFC 5280). For people: whether it is to be trusted, TLS decides.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::name::Name;

use crate::model::{Timestamp, escaped, limits};

/// A server's certificate. Its words are escaped and cut (I9).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The host names and addresses that it is for; without any the name of its subject.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// The last second in which it is valid.
    pub until: Timestamp,
}

impl Certificate {
    /// Reads a certificate in DER; `None` when it is none that is understood.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        let alternatives = content.get_extension::<SubjectAltName>().ok().flatten();
        let mut names: Vec<String> =
            alternatives.iter().flat_map(|(_, names)| &names.0).filter_map(host_name).collect();
        if names.is_empty() {
            names.push(shown(content.subject()));
        }
        let until = content.validity().not_after.to_unix_duration().as_secs();
        Some(Self { names, issuer: shown(content.issuer()), until: Timestamp(i64::try_from(until).ok()?) })
    }
}

fn host_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(escaped(name.as_bytes(), limits::SHOWN_CHARS)),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).to_string())).ok()
}

/// Organisation and common name; all of it where it has neither.
fn shown(name: &Name) -> String {
    let text = |part: Option<_>| part.map(|part: DirectoryString| part.value().into_owned());
    let organisation = text(name.organization().ok().flatten());
    let common = text(name.common_name().ok().flatten());
    let whole = match (organisation, common) {
        (Some(organisation), Some(common)) if !common.contains(&organisation) => format!("{organisation} {common}"),
        (_, Some(name)) | (Some(name), None) => name,
        (None, None) => name.to_string(),
    };
    escaped(whole.as_bytes(), limits::SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509Name};

    use super::*;

    fn name(parts: &[(Nid, &str)]) -> X509Name {
        let mut name = X509Name::builder().unwrap();
        for (kind, value) in parts {
            name.append_entry_by_nid(*kind, value).unwrap();
        }
        name.build()
    }

    fn certificate(subject: &X509Name, issuer: &X509Name, alternatives: Option<&SubjectAlternativeName>) -> Vec<u8> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(subject).unwrap();
        builder.set_issuer_name(issuer).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(2_000_000_000).unwrap()).unwrap();
        if let Some(alternatives) = alternatives {
            let extension = alternatives.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    #[test]
    fn it_says_for_whom_by_whom_and_until_when() {
        let subject = name(&[(Nid::COMMONNAME, "pop.example.com")]);
        let issuer =
            name(&[(Nid::COUNTRYNAME, "US"), (Nid::ORGANIZATIONNAME, "Let's Encrypt"), (Nid::COMMONNAME, "R11")]);
        let mut alternatives = SubjectAlternativeName::new();
        alternatives.dns("*.example.com").email("a@example.com").ip("192.0.2.1").ip("2001:db8::1");
        let der = certificate(&subject, &issuer, Some(&alternatives));
        let expected = Certificate {
            names: ["*.example.com", "192.0.2.1", "2001:db8::1"].map(str::to_owned).into(),
            issuer: "Let's Encrypt R11".to_owned(),
            until: Timestamp(2_000_000_000),
        };
        assert_eq!(Certificate::parse(&der), Some(expected));
        for end in 0..der.len() {
            assert_eq!(Certificate::parse(&der[..end]), None, "cut after {end}");
        }
    }

    /// I9.
    #[test]
    fn a_certificate_without_names_shows_its_subject_and_nothing_that_a_terminal_obeys() {
        let subject = name(&[(Nid::ORGANIZATIONNAME, "Acme"), (Nid::COMMONNAME, "Acme\x1b[2J mail")]);
        let issuer = name(&[(Nid::ORGANIZATIONALUNITNAME, "cellar")]);
        let read = Certificate::parse(&certificate(&subject, &issuer, None)).unwrap();
        assert_eq!((read.names, read.issuer), (vec!["Acme\\u{1b}[2J mail".to_owned()], "OU=cellar".to_owned()));
    }
}
