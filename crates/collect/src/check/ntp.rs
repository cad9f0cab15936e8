//! The time of a server, asked as a client of NTP version 4 asks (RFC 5905).
//!
//! The offset is to the clock of this machine in full resolution, which the clock that the server
//! hands down does not have: here alone the machine's is read.

use super::{Question, address, degrade, within};
use model::Status;
use model::check::{NTP_PORT, NtpProbe, Outcome};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;

/// Octets of a packet without extensions (RFC 5905 section 7.3).
const PACKET_LEN: usize = 48;
/// Seconds from 1900 to 1970.
const EPOCH_SECS: u64 = 2_208_988_800;
/// Seconds of one era of NTP.
const ERA_SECS: f64 = 4_294_967_296.0;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// LI: 3 says that it is not synchronised.
    pub leap: u8,
    /// Steps from a clock of reference; 0 is a word for us (RFC 5905 section 7.4).
    pub stratum: u8,
    /// Its word, where the stratum is 0: `RATE`, `DENY`, ...
    pub word: Option<String>,
    /// Seconds to its clock of reference and back.
    pub root_delay_secs: f64,
    /// Seconds that its clock may be wrong by.
    pub root_dispersion_secs: f64,
    /// When it heard us, seconds of its era.
    pub received_secs: f64,
    /// When it answered, likewise.
    pub sent_secs: f64,
}

pub(super) async fn check(probe: &NtpProbe, asked: Question<'_>) -> Result<Outcome, String> {
    within(asked.time, async {
        let server = address(asked.target, Some(NTP_PORT)).await?;
        let failed = |error: std::io::Error| format!("{server} cannot be asked: {error}");
        let any: SocketAddr = if server.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any).await.map_err(failed)?;
        socket.connect(server).await.map_err(failed)?;
        // A number that nobody can guess, rather than our time: the server sends it back.
        let cookie: [u8; 8] = rand::random();
        let begun = seconds_of_era();
        socket.send(&question(cookie)).await.map_err(failed)?;
        let mut buffer = [0; 1_024];
        loop {
            let len = socket.recv(&mut buffer).await.map_err(failed)?;
            let heard = seconds_of_era();
            if let Some(answer) = parse(buffer.get(..len).unwrap_or_default(), cookie) {
                return Ok(judged(&answer, probe, begun, heard));
            }
        }
    })
    .await
}

fn judged(answer: &Answer, probe: &NtpProbe, begun: f64, heard: f64) -> Outcome {
    let round_trip = within_era(heard - begun).abs();
    // RFC 5905 section 8: half of what is left of both ways.
    let offset = f64::midpoint(
        within_era(answer.received_secs - begun),
        within_era(answer.sent_secs - heard),
    );
    let mut outcome = Outcome {
        status: Status::Up,
        detail: format!(
            "stratum {}, {:+.3} ms from our clock, root dispersion {:.3} ms",
            answer.stratum,
            offset * 1e3,
            answer.root_dispersion_secs * 1e3,
        ),
        duration_secs: Some(round_trip),
        ntp_offset_secs: Some(offset),
        ntp_stratum: Some(answer.stratum),
        ntp_root_dispersion_secs: Some(answer.root_dispersion_secs),
        ..Outcome::default()
    };
    if let Some(word) = &answer.word {
        // Its times mean nothing.
        return super::down(format!("it answers `{word}` and no time"));
    }
    if answer.leap == 3 || answer.stratum >= 16 {
        outcome.status = Status::Down;
        outcome.detail = format!("it is not synchronised; {}", outcome.detail);
        outcome.ntp_offset_secs = None;
        return outcome;
    }
    if let Some(most) = probe
        .offset_max_ms
        .filter(|most| offset.abs() * 1e3 > f64::from(*most))
    {
        degrade(&mut outcome, &format!("more than {most} ms"));
    }
    if let Some(most) = probe.stratum_max.filter(|most| answer.stratum > *most) {
        degrade(&mut outcome, &format!("stratum above {most}"));
    }
    let dispersion = answer.root_dispersion_secs * 1e3;
    let most = probe.root_dispersion_max_ms;
    if let Some(most) = most.filter(|most| dispersion > f64::from(*most)) {
        degrade(&mut outcome, &format!("root dispersion above {most} ms"));
    }
    outcome
}

/// A question: version 4, mode 3, and the number as our transmit timestamp.
fn question(cookie: [u8; 8]) -> [u8; PACKET_LEN] {
    let mut packet = [0; PACKET_LEN];
    if let Some(first) = packet.first_mut() {
        *first = 4 << 3 | 3;
    }
    if let Some(transmit) = packet.last_chunk_mut() {
        *transmit = cookie;
    }
    packet
}

/// Reads the answer to a question; none where it is none, or to another.
pub fn parse(octets: &[u8], cookie: [u8; 8]) -> Option<Answer> {
    let packet: &[u8; PACKET_LEN] = octets.first_chunk()?;
    let [first, stratum, ..] = *packet;
    // Mode 4: a server.
    if first & 7 != 4 || packet.get(24..32)? != cookie {
        return None;
    }
    let word = (stratum == 0).then(|| {
        let id = packet.get(12..16).unwrap_or_default().iter();
        let shown = id
            .filter(|byte| byte.is_ascii_graphic())
            .map(|byte| char::from(*byte));
        shown.collect::<String>()
    });
    Some(Answer {
        leap: first >> 6,
        stratum,
        word,
        root_delay_secs: short(packet.get(4..8)?)?,
        root_dispersion_secs: short(packet.get(8..12)?)?,
        received_secs: long(packet.get(32..40)?)?,
        sent_secs: long(packet.get(40..48)?)?,
    })
}

/// The short format: 16 bits of seconds, 16 of a fraction.
fn short(octets: &[u8]) -> Option<f64> {
    let bits = u32::from_be_bytes(octets.try_into().ok()?);
    Some(f64::from(bits) / 65_536.0)
}

/// The timestamp format: 32 bits of seconds, 32 of a fraction.
fn long(octets: &[u8]) -> Option<f64> {
    let (secs, fraction) = octets.split_first_chunk::<4>()?;
    let fraction = u32::from_be_bytes(fraction.try_into().ok()?);
    Some(f64::from(u32::from_be_bytes(*secs)) + f64::from(fraction) / ERA_SECS)
}

/// Our time as seconds of the present era. In 32 bits of seconds a double has 0.5 microseconds.
fn seconds_of_era() -> f64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let secs = (now.as_secs() + EPOCH_SECS) % (1 << 32);
    secs as f64 + f64::from(now.subsec_nanos()) / 1e9
}

/// A difference of two times, of which one may be in the next era.
fn within_era(difference: f64) -> f64 {
    (difference + ERA_SECS / 2.0).rem_euclid(ERA_SECS) - ERA_SECS / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, stratum: u8, word: [u8; 4], cookie: [u8; 8]) -> Vec<u8> {
        let mut packet = vec![first, stratum, 6, 0xe9, 0, 0, 0x80, 0, 0, 1, 0, 0];
        packet.extend(word);
        packet.extend([0; 8]);
        packet.extend(cookie);
        packet.extend([0, 0, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0]);
        packet
    }

    #[test]
    fn an_answer_is_read_and_judged() {
        let cookie = [7; 8];
        let answer = parse(&packet(0x24, 2, *b"GPS\0", cookie), cookie).unwrap();
        assert_eq!((answer.stratum, answer.root_dispersion_secs), (2, 1.0));
        assert_eq!((answer.received_secs, answer.sent_secs), (10.5, 11.0));
        // We sent at 9 and heard at 12: it is 0.25 s behind the middle of that.
        let judge = |probe: &NtpProbe| judged(&answer, probe, 9.0, 12.0);
        let well = judge(&NtpProbe::default());
        assert_eq!(
            (well.status, well.ntp_offset_secs),
            (Status::Up, Some(0.25))
        );
        let strict = NtpProbe {
            offset_max_ms: Some(200),
            stratum_max: Some(1),
            root_dispersion_max_ms: Some(500),
        };
        let bad = judge(&strict);
        assert_eq!(bad.status, Status::Degraded);
        assert!(
            bad.detail
                .ends_with("more than 200 ms; stratum above 1; root dispersion above 500 ms"),
            "{}",
            bad.detail
        );
        let unsynchronised = parse(&packet(0xe4, 0, *b"INIT", cookie), cookie).unwrap();
        let kissed = judged(&unsynchronised, &strict, 9.0, 12.0);
        assert_eq!(
            (kissed.status, kissed.detail.as_str()),
            (Status::Down, "it answers `INIT` and no time")
        );
        let unset = parse(&packet(0xe4, 16, *b"\0\0\0\0", cookie), cookie).unwrap();
        assert_eq!(judged(&unset, &strict, 9.0, 12.0).status, Status::Down);
    }

    #[test]
    fn what_answers_another_question_is_none() {
        let good = packet(0x24, 2, *b"GPS\0", [7; 8]);
        assert_eq!(parse(&good, [8; 8]), None);
        assert_eq!(parse(&packet(0x23, 2, *b"GPS\0", [7; 8]), [7; 8]), None);
        assert_eq!(parse(&good[..47], [7; 8]), None);
        assert!((within_era(5.0 - 4_294_967_294.0) - 7.0).abs() < 1e-9);
    }
}
