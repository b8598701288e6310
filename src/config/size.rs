//! How sizes are written.

use super::error::ValueError;
use crate::model::Octets;

/// Reads a size with its unit, such as `25 MB` or `1.5 GiB`; none of nothing.
pub fn parse_size(text: &str) -> Result<Octets, ValueError> {
    const UNITS: [(&str, u64); 9] = [
        ("b", 1),
        ("kb", 1000),
        ("mb", 1000_u64.pow(2)),
        ("gb", 1000_u64.pow(3)),
        ("tb", 1000_u64.pow(4)),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
    ];
    const FRACTION_DIGITS: usize = 9;
    let wrong = |what: &'static str| ValueError::new(what).with_hint("write for example \"25 MB\" or \"1.5 GiB\"");
    let not_a_size = || wrong("expected a size with its unit");
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(not_a_size)?;
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(not_a_size)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, tenths): (u64, u64) = whole
        .parse()
        .ok()
        .zip(fraction.parse().ok())
        .filter(|_| fraction.len() <= FRACTION_DIGITS)
        .ok_or_else(not_a_size)?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let octets = u128::from(whole) * u128::from(*unit) + u128::from(tenths) * u128::from(*unit) / scale;
    match u64::try_from(octets) {
        Ok(0) => Err(wrong("must be more than nothing")),
        Ok(octets) => Ok(Octets(octets)),
        Err(_) => Err(wrong("larger than any mailbox")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, octets) in [
            ("1 B", 1),
            ("25 MB", 25_000_000),
            ("25MB", 25_000_000),
            ("500 kb", 500_000),
            ("1.5 GiB", 3 << 29),
            ("0.5 KiB", 512),
            ("1.999999999 kB", 1999),
            ("10  TiB", 10 << 40),
            ("18446744073709551615 B", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(Octets(octets)), "{text}");
        }
        for text in [
            "",
            "25",
            "MB",
            "25 M",
            "25 mega",
            "-1 MB",
            "+1 MB",
            " 1 MB",
            "1e3 kB",
            "1,5 MB",
            ".5 MB",
            "5. MB",
            "1.2.3 MB",
            "0 B",
            "0.0 MB",
            "0.1 B",
            "1.0000000001 MB",
            "18446744073709551616 B",
            "99999999 TiB",
            "１ MB",
            "1 MB MB",
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.hint().unwrap().contains("25 MB"), "{text}: {error}");
        }
    }
}
