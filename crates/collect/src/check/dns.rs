//! A question to a name server (RFC 1035), over UDP, and over TCP where the answer is cut.

use super::{Question, address, within};
use model::Status;
use model::check::{DNS_PORT, DnsProbe, Outcome, Record};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Duration, Instant, sleep};

/// Longest name, in octets as it is sent (RFC 1035 section 2.3.4).
const NAME_LEN_MAX: usize = 255;
/// Most records that are looked at.
const RECORDS_MAX: usize = 1_000;
/// Octets that are told of one record.
const SHOWN_MAX: usize = 1_024;
/// Most pointers that a name may lead over (RFC 1035 section 4.1.4 has no bound).
const POINTERS_MAX: usize = 64;
/// When the question is put again over UDP, as a share of the time there is.
const AGAIN_AFTER: u32 = 3;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// RCODE: 0 none, 3 there is no such name.
    pub code: u8,
    /// It is cut, and to be asked for over TCP.
    pub cut: bool,
    /// The data of its records of the kind asked for.
    pub records: Vec<String>,
}

pub(super) async fn check(probe: &DnsProbe, asked: Question<'_>) -> Result<Outcome, String> {
    within(asked.time, async {
        let server = address(asked.target, Some(DNS_PORT)).await?;
        let id: u16 = rand::random();
        let wrong = || format!("`{}` is no name", probe.name);
        let query = question(id, probe).ok_or_else(wrong)?;
        let begun = Instant::now();
        let mut answer = over_udp(server, &query, probe.record, asked.time / AGAIN_AFTER).await?;
        if answer.cut {
            answer = over_tcp(server, &query, probe.record).await?;
        }
        Ok(judged(&answer, probe, begun.elapsed()))
    })
    .await
}

async fn over_udp(
    server: SocketAddr,
    query: &[u8],
    record: Record,
    again: Duration,
) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("{server} cannot be asked: {error}");
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let mut buffer = vec![0; 65_535];
    loop {
        socket.send(query).await.map_err(failed)?;
        let next = sleep(again);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                got = socket.recv(&mut buffer) => {
                    let len = got.map_err(failed)?;
                    // What answers something else was not asked for.
                    let octets = buffer.get(..len).unwrap_or_default();
                    if let Some(answer) = parse(octets, query, record) {
                        return Ok(answer);
                    }
                }
            }
        }
    }
}

async fn over_tcp(server: SocketAddr, query: &[u8], record: Record) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("{server} over TCP: {error}");
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let len = u16::try_from(query.len()).unwrap_or(u16::MAX);
    stream.write_u16(len).await.map_err(failed)?;
    stream.write_all(query).await.map_err(failed)?;
    let len = stream.read_u16().await.map_err(failed)?;
    let mut octets = vec![0; usize::from(len)];
    stream.read_exact(&mut octets).await.map_err(failed)?;
    parse(&octets, query, record).ok_or_else(|| format!("{server} answers no DNS over TCP"))
}

fn judged(answer: &Answer, probe: &DnsProbe, took: Duration) -> Outcome {
    let shown = answer.records.iter().take(5).cloned().collect::<Vec<_>>();
    let mut missing = probe
        .expected
        .iter()
        .filter(|wanted| !answer.records.iter().any(|found| same(found, wanted)));
    let (status, detail) = if answer.code != 0 {
        (Status::Down, format!("it answered {}", code(answer.code)))
    } else if answer.records.is_empty() {
        let kind = kind(probe.record).1;
        (Status::Down, format!("it has no {kind} of {}", probe.name))
    } else if let Some(missing) = missing.next() {
        let found = shown.join(", ");
        (
            Status::Down,
            format!("`{missing}` is not among the answers: {found}"),
        )
    } else {
        let ms = took.as_secs_f64() * 1e3;
        (
            Status::Up,
            format!("it answered {} in {ms:.1} ms", shown.join(", ")),
        )
    };
    Outcome {
        status,
        detail,
        duration_secs: Some(took.as_secs_f64()),
        ..Outcome::default()
    }
}

/// Names are the same in either case, with or without the dot at their end.
fn same(found: &str, wanted: &str) -> bool {
    let bare = |text: &str| text.trim().trim_end_matches('.').to_ascii_lowercase();
    bare(found) == bare(wanted)
}

fn code(code: u8) -> String {
    match code {
        1 => "that the question is malformed (FORMERR)".to_owned(),
        2 => "that it failed (SERVFAIL)".to_owned(),
        3 => "that there is no such name (NXDOMAIN)".to_owned(),
        4 => "that it cannot do this (NOTIMP)".to_owned(),
        5 => "that it refuses us (REFUSED)".to_owned(),
        other => format!("code {other}"),
    }
}

/// TYPE and its name. Source: RFC 1035 section 3.2.2, RFC 3596.
fn kind(record: Record) -> (u16, &'static str) {
    match record {
        Record::A => (1, "A"),
        Record::Ns => (2, "NS"),
        Record::Cname => (5, "CNAME"),
        Record::Ptr => (12, "PTR"),
        Record::Mx => (15, "MX"),
        Record::Txt => (16, "TXT"),
        Record::Aaaa => (28, "AAAA"),
    }
}

/// A question as it is sent; none where the name is none.
pub fn question(id: u16, probe: &DnsProbe) -> Option<Vec<u8>> {
    let mut query = Vec::with_capacity(64);
    query.extend(id.to_be_bytes());
    // Recursion desired; one question.
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let begins = query.len();
    let name = probe.name.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let len = u8::try_from(label.len())
            .ok()
            .filter(|len| (1..=63).contains(len))?;
        query.push(len);
        query.extend(label.as_bytes());
    }
    query.push(0);
    if query.len() - begins > NAME_LEN_MAX || !name.is_ascii() {
        return None;
    }
    query.extend(kind(probe.record).0.to_be_bytes());
    query.extend([0, 1]);
    Some(query)
}

/// Reads an answer to a query; none where it answers something else or breaks off.
pub fn parse(octets: &[u8], query: &[u8], record: Record) -> Option<Answer> {
    let head = octets.get(..12)?;
    let [_, _, flags, more, _, _, answers_high, answers_low, ..] = *head else {
        return None;
    };
    // The same id, an answer, and the same question behind it.
    let same = head.get(..2) == query.get(..2) && flags & 0x80 != 0;
    let question = query.get(12..)?;
    let asked = octets.get(12..12 + question.len())?;
    if !same || !asked.eq_ignore_ascii_case(question) {
        return None;
    }
    let mut answer = Answer {
        code: more & 0x0f,
        cut: flags & 0x02 != 0,
        records: Vec::new(),
    };
    let wanted = kind(record).0;
    let mut at = 12 + question.len();
    let count = usize::from(u16::from_be_bytes([answers_high, answers_low]));
    for _ in 0..count.min(RECORDS_MAX) {
        let Some((kind, data)) = next_record(octets, &mut at) else {
            // Cut, whatever its flag says.
            answer.cut = true;
            break;
        };
        if kind == wanted
            && let Some(text) = data_of(octets, record, data)
        {
            answer.records.push(text);
        }
    }
    Some(answer)
}

/// TYPE of a record, and where its data are.
fn next_record(octets: &[u8], at: &mut usize) -> Option<(u16, std::ops::Range<usize>)> {
    let (_, after) = name(octets, *at)?;
    let fixed: &[u8; 10] = octets.get(after..after + 10)?.try_into().ok()?;
    let [kind_high, kind_low, _, _, _, _, _, _, len_high, len_low] = *fixed;
    let begins = after + 10;
    let ends = begins + usize::from(u16::from_be_bytes([len_high, len_low]));
    octets.get(begins..ends)?;
    *at = ends;
    Some((u16::from_be_bytes([kind_high, kind_low]), begins..ends))
}

fn data_of(octets: &[u8], record: Record, place: std::ops::Range<usize>) -> Option<String> {
    let data = octets.get(place.clone())?;
    match record {
        Record::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string()),
        Record::Aaaa => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string()),
        Record::Ns | Record::Cname | Record::Ptr => Some(name(octets, place.start)?.0),
        Record::Mx => {
            let (preference, _) = data.split_first_chunk::<2>()?;
            let exchange = name(octets, place.start + 2)?.0;
            Some(format!("{} {exchange}", u16::from_be_bytes(*preference)))
        }
        Record::Txt => {
            let (mut text, mut rest) = (Vec::new(), data);
            while let Some((len, behind)) = rest.split_first() {
                let (part, behind) = behind.split_at_checked(usize::from(*len))?;
                text.extend(part);
                rest = behind;
            }
            text.truncate(SHOWN_MAX);
            Some(String::from_utf8_lossy(&text).into_owned())
        }
    }
}

/// A name, and what follows it. Pointers lead backwards only.
fn name(octets: &[u8], begins: usize) -> Option<(String, usize)> {
    let (mut text, mut at, mut after) = (String::new(), begins, None);
    for _ in 0..POINTERS_MAX + NAME_LEN_MAX {
        let len = *octets.get(at)?;
        match len {
            0 => return Some((text, after.unwrap_or(at + 1))),
            1..=63 => {
                let label = octets.get(at + 1..at + 1 + usize::from(len))?;
                if text.len() + label.len() > NAME_LEN_MAX * 4 {
                    return None;
                }
                for byte in label {
                    if byte.is_ascii_graphic() && *byte != b'.' {
                        text.push(char::from(*byte));
                    } else {
                        let _ = write!(text, "\\{byte:03}");
                    }
                }
                text.push('.');
                at += 1 + usize::from(len);
            }
            0xc0.. => {
                let low = *octets.get(at + 1)?;
                let to = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                after.get_or_insert(at + 2);
                if to >= at {
                    return None;
                }
                at = to;
            }
            _ => return None,
        }
    }
    None
}
