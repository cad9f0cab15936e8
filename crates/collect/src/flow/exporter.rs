//! One exporter: the observation domains that it has, what it may take, and what was wrong with what
//! it sent.

use super::defects::Defects;
use super::record::Flow;
use super::template::Version;
use super::templated::{self, Domain, Shared};
use super::window::Metered;
use super::{Protocol, netflow5, sflow};
use model::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Observation domains, engines or sub-agents of an exporter. A large chassis has one a line card.
const DOMAINS_MAX: usize = 128;
/// A domain that is silent for so long makes room for the rates of another: an exporter that starts
/// anew sends from another port, which is another domain.
const DOMAIN_IDLE: Duration = Duration::from_mins(10);

/// One exporter.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) number: u32,
    pub(super) heard: Timestamp,
    pub(super) metered: Metered,
    pub(super) reader: Reader,
    first_heard: Timestamp,
}

/// What reads the datagrams of an exporter.
#[derive(Debug)]
pub(super) struct Reader {
    domains: HashMap<DomainKey, Domain>,
    shared: Shared,
    allowance: Allowance,
    datagrams: u64,
    flows: u64,
    unstated_flows: u64,
    rate: Option<u32>,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct DomainKey {
    /// Templates belong to a transport session (RFC 7011, 8), which over UDP is the port too.
    port: u16,
    format: Format,
    id: u32,
}

/// What an exporter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// NetFlow v5.
    Netflow5,
    /// NetFlow v9.
    Netflow9,
    /// IPFIX.
    Ipfix,
    /// sFlow v5.
    Sflow5,
}

impl Format {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Netflow5 => "netflow_v5",
            Self::Netflow9 => "netflow_v9",
            Self::Ipfix => "ipfix",
            Self::Sflow5 => "sflow_v5",
        }
    }
}

/// An exporter as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExporterState {
    /// Its address.
    pub address: IpAddr,
    /// What it spoke last.
    pub format: Option<Format>,
    /// When it was heard first since the server started.
    pub first_heard: Timestamp,
    /// When it was heard last.
    pub last_heard: Timestamp,
    /// Datagrams received.
    pub datagrams: u64,
    /// Flow records or sampled packets read.
    pub flows: u64,
    /// Of these, those of no stated sampling rate.
    pub unstated_flows: u64,
    /// The rate stated last: one packet in so many.
    pub rate: Option<u32>,
    /// Templates known.
    pub templates: u64,
    /// Templates that data came for and that are not known: domain, template, sets so far.
    pub templates_waited_for: Vec<(u32, u16, u64)>,
    /// What was wrong.
    pub defects: Defects,
}

/// A bucket of records.
// Invariant: never more than `burst`; below zero after one datagram that asked for more than there
// was.
#[derive(Debug)]
struct Allowance {
    records: i64,
    per_sec: i64,
    filled: Timestamp,
}

/// How long an exporter may send twice what it may in the long run.
const BURST_SECS: i64 = 2;

impl Allowance {
    fn new(per_sec: u32, now: Timestamp) -> Self {
        Self {
            records: i64::from(per_sec) * BURST_SECS,
            per_sec: i64::from(per_sec),
            filled: now,
        }
    }

    fn is_spent(&mut self, now: Timestamp) -> bool {
        let passed_ms = now.unix_ms().saturating_sub(self.filled.unix_ms());
        // A clock that was set back fills nothing until it goes on.
        if passed_ms != 0 {
            self.filled = now;
            let filled = passed_ms.clamp(0, BURST_SECS * 1_000) * self.per_sec / 1_000;
            self.records = (self.records + filled).min(self.per_sec * BURST_SECS);
        }
        self.records <= 0
    }

    fn spend(&mut self, records: u64) {
        // A datagram has far fewer than 2^32.
        self.records -= i64::try_from(records.max(1)).unwrap_or(i64::MAX >> 1);
    }
}

impl Exporter {
    pub(super) fn new(number: u32, flows_per_sec_max: u32, now: Timestamp) -> Self {
        Self {
            number,
            heard: now,
            first_heard: now,
            metered: Metered::default(),
            reader: Reader {
                domains: HashMap::new(),
                shared: Shared::default(),
                allowance: Allowance::new(flows_per_sec_max, now),
                datagrams: 0,
                flows: 0,
                unstated_flows: 0,
                rate: None,
                format: None,
            },
        }
    }

    pub(super) fn state(&self, address: IpAddr) -> ExporterState {
        let reader = &self.reader;
        let waited = reader.shared.waited.iter();
        ExporterState {
            address,
            format: reader.format,
            first_heard: self.first_heard,
            last_heard: self.heard,
            datagrams: reader.datagrams,
            flows: reader.flows,
            unstated_flows: reader.unstated_flows,
            rate: reader.rate,
            templates: reader.shared.templates as u64,
            templates_waited_for: waited
                .map(|((domain, id), sets)| (*domain, *id, *sets))
                .collect(),
            defects: reader.shared.defects,
        }
    }
}

impl Reader {
    pub(super) fn defects(&mut self) -> &mut Defects {
        &mut self.shared.defects
    }

    /// Whether anything could be read of what it sent.
    pub(super) fn has_spoken(&self) -> bool {
        self.format.is_some()
    }

    pub(super) fn counts(&self) -> (u64, u64, &Defects) {
        (self.datagrams, self.flows, &self.shared.defects)
    }

    /// Reads a datagram.
    pub(super) fn read(
        &mut self,
        protocol: Protocol,
        port: u16,
        datagram: &[u8],
        now: Timestamp,
        sink: &mut dyn FnMut(Flow),
    ) {
        self.datagrams += 1;
        if self.allowance.is_spent(now) {
            self.shared.defects.limited += 1;
            return;
        }
        let (mut flows, mut unstated, mut rate) = (0, 0, self.rate);
        let mut counting = |flow: Flow| {
            flows += 1;
            match flow.rate {
                Some(stated) => rate = Some(stated),
                None => unstated += 1,
            }
            sink(flow);
        };
        let records = self.records(protocol, port, datagram, now, &mut counting);
        self.flows += flows;
        self.unstated_flows += unstated;
        self.rate = rate;
        if records.is_none() {
            self.shared.defects.unreadable += 1;
        }
        // What cannot be read costs like what can.
        self.allowance.spend(records.unwrap_or(1));
    }

    /// How many records there were; none where it is nothing that is read here.
    fn records(
        &mut self,
        protocol: Protocol,
        port: u16,
        datagram: &[u8],
        now: Timestamp,
        sink: &mut dyn FnMut(Flow),
    ) -> Option<u64> {
        if protocol == Protocol::Sflow {
            let (header, rest) = sflow::header(datagram)?;
            let (domain, shared) = self.domain(Format::Sflow5, port, header.sub_agent, now);
            let sequence = &mut domain.sequence;
            return Some(sflow::read(
                header,
                rest,
                now,
                sequence,
                &mut shared.defects,
                sink,
            ));
        }
        let (version, format) = match datagram.first_chunk()? {
            [0, 5] => {
                let engine = netflow5::engine(datagram)?;
                let (domain, shared) = self.domain(Format::Netflow5, port, engine, now);
                let sequence = &mut domain.sequence;
                return netflow5::read(datagram, now, sequence, &mut shared.defects, sink);
            }
            [0, 9] => (Version::V9, Format::Netflow9),
            [0, 10] => (Version::Ipfix, Format::Ipfix),
            _ => return None,
        };
        let defects = &mut self.shared.defects;
        let (message, sets) = templated::header(version, datagram, now, defects)?;
        let (domain, shared) = self.domain(format, port, message.domain(), now);
        let records = domain.read(&message, sets, shared, sink);
        self.make_room_for_rates(now);
        Some(records)
    }

    /// Where a rate found no room, those of domains that are silent go. It is stated again.
    fn make_room_for_rates(&mut self, now: Timestamp) {
        let shared = &mut self.shared;
        shared.defects.rates_refused += std::mem::take(&mut shared.rates.refused);
        if !std::mem::take(&mut shared.rates.is_short) {
            return;
        }
        for domain in self.domains.values_mut() {
            if now.since(domain.heard) >= DOMAIN_IDLE {
                domain.forget_rates(shared);
            }
        }
    }

    fn domain(
        &mut self,
        format: Format,
        port: u16,
        id: u32,
        now: Timestamp,
    ) -> (&mut Domain, &mut Shared) {
        self.format = Some(format);
        let key = DomainKey { port, format, id };
        if self.domains.len() >= DOMAINS_MAX && !self.domains.contains_key(&key) {
            let oldest = self.domains.iter().min_by_key(|(_, domain)| domain.heard);
            if let Some(oldest) = oldest.map(|(key, _)| *key)
                && let Some(mut gone) = self.domains.remove(&oldest)
            {
                gone.end(&mut self.shared);
                self.shared.defects.domains_evicted += 1;
            }
        }
        let domain = self.domains.entry(key).or_default();
        domain.heard = now;
        (domain, &mut self.shared)
    }
}
