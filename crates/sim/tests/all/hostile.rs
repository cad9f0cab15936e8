//! Datagrams that nobody should send: counted and dropped.

use super::shelf;
use foretell_sim::agent::{Access, Agent, Responder, Shown, Stats, User};
use foretell_sim::{Mib, Value};
use snmp::{AuthProtocol, PrivacyProtocol};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

fn agent(mib: impl Mib + 'static) -> Agent {
    let phrase = "a phrase of the test";
    let user = User::new(
        "user",
        Some((AuthProtocol::Sha256, phrase)),
        Some((PrivacyProtocol::Aes128, phrase)),
    );
    let plain = User::new("plain", None, None).unwrap();
    let access = Access::by_communities(["public"]).with_users([user.unwrap(), plain]);
    let address = "127.0.0.1:161".parse().unwrap();
    let shown = Shown::One(Arc::new(mib));
    Agent::new(address, shown, Arc::new(access), Instant::now())
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect()
}

/// A GetRequest of SNMPv2c for sysName.0.
const GET: &str = "30 29 02 01 01 04 06 70 75 62 6c 69 63 a0 1c 02 04 12 34 56 78 02 01 00 02 01 00 \
                   30 0e 30 0c 06 08 2b 06 01 02 01 01 05 00 05 00";
/// A discovery of SNMPv3.
const DISCOVERY: &str = "30 3b 02 01 03 30 10 02 03 01 00 00 02 03 00 ff e3 04 01 04 02 01 03 04 10 \
                         30 0e 04 00 02 01 00 02 01 00 04 00 04 00 04 00 30 12 04 00 04 00 \
                         a0 0c 02 02 37 f0 02 01 00 02 01 00 30 00";

#[test]
fn what_cannot_be_read_is_counted() {
    let agent = agent(shelf::switch(2));
    let check = |datagram: &[u8], expected: Stats| {
        let mut responder = Responder::default();
        let answer = responder.respond(&agent, datagram, Instant::now());
        let answered = u64::from(answer.is_some());
        let told = format!("{datagram:02x?}");
        let expects_answer = expected == Stats::default() || expected.reports == 1;
        assert_eq!(answered, u64::from(expects_answer), "{told}");
        assert_eq!(responder.stats(), expected, "{told}");
    };
    let malformed = |text: &str| {
        let expected = Stats {
            malformed: 1,
            ..Stats::default()
        };
        check(&hex(text), expected);
    };
    check(&hex(GET), Stats::default());
    let report = Stats {
        reports: 1,
        ..Stats::default()
    };
    check(&hex(DISCOVERY), report);
    let version = Stats {
        bad_version: 1,
        ..Stats::default()
    };
    check(&hex(&GET.replace("02 01 01 04", "02 01 02 04")), version);
    let community = Stats {
        bad_community: 1,
        ..Stats::default()
    };
    check(&hex(&GET.replace("70 75 62", "70 75 63")), community);

    malformed("");
    malformed("30");
    // A length without an end, without sense, of eight octets.
    malformed("30 80 02 01 01");
    malformed("30 ff 02 01 01");
    malformed("30 88 ff ff ff ff ff ff ff ff 02 01 01");
    malformed("30 84 ff ff ff ff 02 01 01");
    malformed(&format!("{GET} 00"));
    // An INTEGER of five octets, and one of none.
    malformed(&GET.replace("02 04 12 34 56 78", "02 05 12 34 56 78"));
    malformed(&GET.replace("02 01 00 02 01 00", "02 00 02 02 01 00"));
    // A Response, a trap, a PDU of no kind; GETBULK over SNMPv1.
    malformed(&GET.replace("a0 1c", "a2 1c"));
    malformed(&GET.replace("a0 1c", "a4 1c"));
    malformed(&GET.replace("a0 1c", "30 1c"));
    let v1 = GET.replace("02 01 01 04", "02 01 00 04");
    malformed(&v1.replace("a0 1c", "a5 1c"));
    // A name that does not end, a VarBind of three values, a value that is cut.
    malformed(&GET.replace("05 00 05 00", "05 80 05 00"));
    malformed(&GET.replace("06 08 2b 06 01 02", "06 04 2b 06 01 02 05 00"));
    malformed(&GET.replace("05 00 05 00", "05 00 05 01"));
    // Privacy without authentication, another model, a size below the least, negative boots.
    malformed(&DISCOVERY.replace("04 01 04 02", "04 01 06 02"));
    malformed(&DISCOVERY.replace("02 01 03 04 10", "02 01 02 04 10"));
    malformed(&DISCOVERY.replace("02 03 00 ff e3", "02 03 00 01 e3"));
    malformed(&DISCOVERY.replace("30 0e 04 00 02 01 00", "30 0e 04 00 02 01 ff"));

    // Sequences within sequences, as deep as a datagram is long: nothing is followed down.
    let deep = [0x30, 0x82, 0xff, 0xff].repeat(16_000);
    let expected = Stats {
        malformed: 1,
        ..Stats::default()
    };
    check(&deep, expected);
}

#[test]
fn every_octet_changed_and_every_end_cut() {
    let agent = agent(shelf::switch(2));
    let mut responder = Responder::default();
    let now = Instant::now();
    for whole in [hex(GET), hex(DISCOVERY)] {
        for at in 0..whole.len() {
            for octet in 0..=255 {
                let mut changed = whole.clone();
                changed[at] = octet;
                responder.respond(&agent, &changed, now);
            }
            assert!(responder.respond(&agent, &whole[..at], now).is_none());
        }
    }
    let stats = responder.stats();
    assert!(stats.malformed > 1000, "{stats:?}");
    assert_eq!(stats.mib_panics, 0);
}

#[test]
fn a_report_is_sent_only_to_who_takes_one() {
    let agent = agent(shelf::switch(2));
    let mut responder = Responder::default();
    let unreportable = hex(&DISCOVERY.replace("04 01 04 02", "04 01 00 02"));
    assert!(
        responder
            .respond(&agent, &unreportable, Instant::now())
            .is_none()
    );
    // The counter in the next report counts that one too.
    let report = responder
        .respond(&agent, &hex(DISCOVERY), Instant::now())
        .unwrap();
    assert_eq!(report.last(), Some(&2));
}

struct Faulty;

impl Mib for Faulty {
    fn get(&self, _: &[u32]) -> Option<Value<'_>> {
        panic!("a fault of the test");
    }
    fn walk(&self, _: &[u32], _: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        panic!("a fault of the test");
    }
}

#[test]
fn a_device_with_a_fault_says_gen_err() {
    let agent = agent(Faulty);
    let mut responder = Responder::default();
    let answer = responder
        .respond(&agent, &hex(GET), Instant::now())
        .unwrap();
    let expected = GET
        .replace("a0 1c", "a2 1c")
        .replace("02 01 00 02 01 00", "02 01 05 02 01 01");
    assert_eq!(answer, hex(&expected));
    assert_eq!(responder.stats().mib_panics, 1);
}

/// Long values, and how many of them were asked for.
struct Long(Arc<AtomicUsize>);

impl Mib for Long {
    fn get(&self, _: &[u32]) -> Option<Value<'_>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Some(Value::OctetString(vec![0; 1_000].into()))
    }
    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        let next = [oid, &[1]].concat();
        if let Some(value) = self.get(&next) {
            let _ = visit(&next, value);
        }
    }
}

fn sequence(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low], &contents[..]].concat()
}

#[test]
fn what_is_too_long_for_an_answer_is_not_written_to_its_end() {
    let asked = Arc::new(AtomicUsize::new(0));
    let agent = agent(Long(Arc::clone(&asked)));
    // sysName.0, a hundred times.
    let names = hex("30 0c 06 08 2b 06 01 02 01 01 05 00 05 00").repeat(100);
    for kind in [0xa0, 0xa1] {
        asked.store(0, Ordering::Relaxed);
        let head = hex("02 01 07 02 01 00 02 01 00");
        let pdu = sequence(kind, &[&head, &sequence(0x30, &[&names])]);
        let message = sequence(0x30, &[&hex("02 01 01 04 06 70 75 62 6c 69 63"), &pdu]);
        let mut responder = Responder::default();
        let answer = responder.respond(&agent, &message, Instant::now()).unwrap();
        // tooBig, without a name.
        assert!(answer.ends_with(&hex("02 01 07 02 01 01 02 01 00 30 00")));
        assert_eq!(asked.load(Ordering::Relaxed), 2, "{kind:x}");
    }
}
