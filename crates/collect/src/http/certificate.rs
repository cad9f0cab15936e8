//! When a certificate is good, read out of its DER (RFC 5280 section 4.1). Nothing else of it is
//! looked at here: whom it names and who signed it is the TLS library's to verify.

use calendar::civil_ms;
use model::Timestamp;

/// From when until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its notBefore.
    pub not_before: Timestamp,
    /// Its notAfter.
    pub not_after: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The validity of a certificate; none where it is no certificate.
pub fn validity(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = any(fields)?;
    }
    // serialNumber, signature, issuer
    for _ in 0..3 {
        (_, fields) = any(fields)?;
    }
    let (times, _) = element(fields, SEQUENCE)?;
    let (not_before, rest) = time(times)?;
    let (not_after, _) = time(rest)?;
    Some(Validity {
        not_before,
        not_after,
    })
}

/// An element of a tag: what is in it, and what follows.
fn element(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    (octets.first() == Some(&tag)).then(|| any(octets))?
}

/// An element of any tag. Lengths are definite, as DER has them.
fn any(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = octets.split_at_checked(2)?;
    let first = *head.get(1)?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        // Certificates have under 16 MiB.
        let (written, rest) = rest
            .split_at_checked(count)
            .filter(|_| (1..=3).contains(&count))?;
        let length = written
            .iter()
            .fold(0, |length, octet| length << 8 | usize::from(*octet));
        (length, rest)
    };
    rest.split_at_checked(length)
}

/// A Time: UTCTime `YYMMDDHHMMSSZ`, GeneralizedTime with four digits of the year.
fn time(octets: &[u8]) -> Option<(Timestamp, &[u8])> {
    let tag = *octets.first()?;
    let (text, rest) = any(octets)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest_of_text) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = digits(year)?;
            // RFC 5280 section 4.1.2.5.1.
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (digits(year)?, rest)
        }
        _ => return None,
    };
    if rest_of_text.len() != 10 {
        return None;
    }
    let part = |at: usize| digits(rest_of_text.get(at..at + 2)?);
    let ms = civil_ms(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?)?;
    Some((Timestamp::from_unix_ms(ms), rest))
}

fn digits(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Days and times of the Gregorian calendar, without a time zone.
mod calendar {
    /// Milliseconds since 1970 of a time in UTC; none where there is no such time.
    pub(super) fn civil_ms(
        year: i32,
        month: i32,
        day: i32,
        hour: i32,
        minute: i32,
        second: i32,
    ) -> Option<i64> {
        let sound = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 61;
        if !sound {
            return None;
        }
        // Months are counted from March, so that a leap day is the last of its year.
        let shifted = i64::from(year) - i64::from(month <= 2);
        let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
        let month = (i64::from(month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
        let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let days = era * 146_097 + of_era - 719_468;
        let secs = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        Some((days * 86_400 + secs) * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match u8::try_from(content.len()) {
            Ok(length) if length < 128 => out.push(length),
            _ => {
                out.push(0x82);
                out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        out.extend(content);
        out
    }

    fn certificate(times: &[u8], version: bool) -> Vec<u8> {
        let mut fields = if version {
            tlv(VERSION, &tlv(2, &[2]))
        } else {
            Vec::new()
        };
        fields.extend(tlv(2, &[7]));
        fields.extend(tlv(SEQUENCE, &[]));
        fields.extend(tlv(SEQUENCE, &[0x31; 200]));
        fields.extend(tlv(SEQUENCE, times));
        fields.extend(tlv(SEQUENCE, b"subject"));
        tlv(SEQUENCE, &tlv(SEQUENCE, &fields))
    }

    #[test]
    fn a_certificate_says_until_when_it_is_good() {
        for (from, until, expected) in [
            (
                tlv(UTC_TIME, b"240229123456Z"),
                tlv(UTC_TIME, b"490101000000Z"),
                ("2024-02-29T12:34:56.000Z", "2049-01-01T00:00:00.000Z"),
            ),
            (
                tlv(UTC_TIME, b"991231235959Z"),
                tlv(GENERALIZED_TIME, b"20500101000000Z"),
                ("1999-12-31T23:59:59.000Z", "2050-01-01T00:00:00.000Z"),
            ),
        ] {
            for version in [true, false] {
                let found = validity(&certificate(
                    &[from.clone(), until.clone()].concat(),
                    version,
                ));
                let found = found.unwrap();
                let words = (found.not_before.to_string(), found.not_after.to_string());
                assert_eq!((words.0.as_str(), words.1.as_str()), expected);
            }
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let good = certificate(&tlv(UTC_TIME, b"240229123456Z").repeat(2), true);
        assert!(validity(&good).is_some());
        for cut in 0..good.len() {
            // All behind the times may be missing: nothing reads it.
            let _ = validity(&good[..cut]);
        }
        for time in [
            b"241329123456Z",
            b"240229123456+",
            b"2402291234567",
            b"2402x9123456Z",
        ] {
            assert_eq!(
                validity(&certificate(&tlv(UTC_TIME, time).repeat(2), true)),
                None
            );
        }
        assert_eq!(validity(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
