//! What the server measures of itself, for `/metrics`. Requests and streams are the API's.
//!
//! [`Ingested`] is counted as it happens; [`Sampled`] is asked when somebody looks.

mod encoder;
mod scrub;

pub(crate) use encoder::Encoder;

use crate::logs::LogCounts;
use crate::process::{self, UdpDropped};
use crate::threads::Ended;
use crate::wire::Gauge;
use collect::Poller;
use collect::syslog::Syslog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Weak;
use store::Store;
use store::series::SeriesStore;

/// Upper bounds of how late a poll began, in seconds: from on time to a whole interval late.
const LAG_BUCKETS_SECS: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// `answered`, `partial`, `silent`, `refused` or `skipped`: what came of SNMP.
    pub outcome: &'static str,
}

/// What ingest counts.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// Polls by outcome.
    pub polls: Family<OutcomeLabels, Counter>,
    /// How much later than due polls began.
    pub lag: Histogram,
    /// Samples that are synced and were told.
    pub samples_kept: Counter,
    /// Samples of polls that could not be kept.
    pub samples_refused: Counter,
    /// Readings of interfaces that are not known yet.
    pub without_interface: Counter,
    /// How often another device began to answer at a device's address.
    pub identity_conflicts: Counter,
}

impl Ingested {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            polls: Family::default(),
            lag: Histogram::new(LAG_BUCKETS_SECS),
            samples_kept: Counter::default(),
            samples_refused: Counter::default(),
            without_interface: Counter::default(),
            identity_conflicts: Counter::default(),
        };
        registry.register(
            "foretell_polls",
            "Polls by what came of SNMP",
            metrics.polls.clone(),
        );
        registry.register_with_unit(
            "foretell_poll_lag",
            "How much later than due polls began",
            Unit::Seconds,
            metrics.lag.clone(),
        );
        for (name, help, counter) in [
            (
                "foretell_samples_kept",
                "Samples that are synced",
                &metrics.samples_kept,
            ),
            (
                "foretell_samples_refused",
                "Samples of polls that could not be kept",
                &metrics.samples_refused,
            ),
            (
                "foretell_readings_without_interface",
                "Readings of interfaces that are not known yet",
                &metrics.without_interface,
            ),
            (
                "foretell_identity_conflicts",
                "How often another device began to answer at a device's address",
                &metrics.identity_conflicts,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        metrics
    }
}

/// What is asked when somebody looks.
pub struct Sampled {
    /// How full the arrows are.
    pub gauges: Vec<Gauge>,
    /// The poller, where it still is: looking must not keep it from ending.
    pub poller: Weak<Poller>,
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// The sockets that devices are asked from.
    pub transport: snmp::Transport,
    /// What the kernel drops.
    pub udp_dropped: UdpDropped,
    /// What the parts have used of the processors.
    pub ended: Ended,
    /// What lines of logs come by.
    pub syslog: Syslog,
    /// What became of lines of logs.
    pub logs: LogCounts,
}

impl fmt::Debug for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sampled")
    }
}

/// Registers what is sampled, and what this build is.
pub fn register(registry: &mut Registry, sampled: Sampled) {
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    registry.register("foretell_build", "Which build this is", Info::new(version));
    registry.register_collector(Box::new(sampled));
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ArrowLabels {
    arrow: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SocketLabels {
    address: String,
}

impl SocketLabels {
    fn of(address: Option<SocketAddr>) -> Self {
        let address = address.map_or_else(|| "other".to_owned(), |address| address.to_string());
        Self { address }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DefectLabels {
    pub(crate) kind: &'static str,
}

impl Collector for Sampled {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Encoder(&mut encoder);
        if let Some(seconds) = process::cpu_seconds() {
            out.counter_f64("process_cpu_seconds", "CPU time used", seconds)?;
        }
        out.counters_f64(
            "foretell_cpu_seconds",
            "CPU time used, by part",
            self.ended
                .cpu_seconds_by_part()
                .into_iter()
                .map(|(part, seconds)| (PartLabels { part }, seconds)),
        )?;
        if let Some(bytes) = process::resident_bytes() {
            out.gauge("process_resident_memory_bytes", "Memory in RAM", bytes)?;
        }
        if let Some(fds) = process::open_fds() {
            out.gauge("process_open_fds", "Open file descriptors", fds)?;
        }
        self.arrows(&mut out)?;
        if let Some(poller) = self.poller.upgrade() {
            poll(&poller, &mut out)?;
        }
        self.series(&mut out)?;
        self.documents(&mut out)?;
        self.history(&mut out)?;
        self.events(&mut out)?;
        crate::retention::encode(&self.store.retention.stats(), &mut out)?;
        if let Some(archive) = &self.store.archive {
            crate::archive::encode(&archive.status(), &mut out)?;
        }
        self.syslog(&mut out)?;
        datagrams(&self.transport, &mut out)?;
        let dropped = self.udp_dropped.look().into_iter();
        out.counters(
            "foretell_udp_dropped_datagrams",
            "Datagrams that the kernel dropped since the buffer of a socket was full",
            dropped.map(|(address, count)| (SocketLabels::of(address), count)),
        )?;
        out.gauge(
            "foretell_devices",
            "Devices registered",
            self.store.inventory.device_count() as u64,
        )
    }
}

impl Sampled {
    fn arrows(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let labels = |gauge: &Gauge| ArrowLabels { arrow: gauge.name };
        let of = |value: fn(&Gauge) -> u64| {
            self.gauges
                .iter()
                .map(move |gauge| (labels(gauge), value(gauge)))
        };
        out.gauges(
            "foretell_queue_depth",
            "Messages waiting between parts",
            of(Gauge::depth),
        )?;
        let capacity = |gauge: &Gauge| gauge.capacity as u64;
        out.gauges(
            "foretell_queue_capacity",
            "The most that may wait",
            of(capacity),
        )?;
        out.counters(
            "foretell_queue_full",
            "How often the bound was hit",
            of(Gauge::times_full),
        )
    }

    fn documents(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let stats = self.store.documents.stats();
        for (name, help, value) in [
            (
                "foretell_document_writes",
                "Writes of documents that are durable",
                stats.writes,
            ),
            (
                "foretell_document_writes_refused",
                "Writes of documents that were refused or failed",
                stats.writes_refused,
            ),
            (
                "foretell_document_commits",
                "Transactions those went in",
                stats.commits,
            ),
            ("foretell_document_reads", "Reads of documents", stats.reads),
            (
                "foretell_document_write_queue_full",
                "How often a write waited since the queue was full",
                stats.write_queue_full,
            ),
            (
                "foretell_document_read_queue_full",
                "How often a read waited since the queue was full",
                stats.read_queue_full,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        out.gauge(
            "foretell_documents_damaged",
            "Documents that are damaged or missing",
            stats.damaged,
        )
    }

    fn events(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let stats = self.store.events.stats();
        for (name, help, value) in [
            (
                "foretell_events_kept",
                "Events (lines of logs, traps, tops of flows) that are durable",
                stats.stored,
            ),
            (
                "foretell_events_duplicates",
                "Events that were kept before",
                stats.duplicates,
            ),
            (
                "foretell_events_commits",
                "Transactions those went in",
                stats.commits,
            ),
            (
                "foretell_events_out_of_time",
                "Events of a time that is not kept",
                stats.out_of_time,
            ),
            (
                "foretell_events_over_size",
                "Events that were not kept since there is no more room for this day",
                stats.over_size,
            ),
            (
                "foretell_events_cut",
                "Texts and bodies of events that were longer than is kept",
                stats.cut,
            ),
            (
                "foretell_events_failed",
                "Writes of events that failed",
                stats.failed,
            ),
            (
                "foretell_events_damaged",
                "Events and files of them that are damaged",
                stats.damaged,
            ),
            (
                "foretell_events_saved",
                "Events that were saved from damaged files",
                stats.saved,
            ),
            (
                "foretell_events_days_deleted",
                "Days of events that were deleted for their age or for room",
                stats.days_deleted,
            ),
            (
                "foretell_events_queries",
                "Queries of events",
                stats.queries,
            ),
            (
                "foretell_events_queries_cut_short",
                "Queries of events that ended at the bound of what one looks at",
                stats.queries_cut_short,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        for (name, help, value) in [
            (
                "foretell_events_days",
                "Days of events that are kept",
                stats.days,
            ),
            (
                "foretell_events_queue_depth",
                "Batches of events waiting to be written",
                stats.queue_depth,
            ),
        ] {
            out.gauge(name, help, value)?;
        }
        out.gauge(
            "foretell_events_size_bytes",
            "Octets of all files of events",
            stats.size,
        )
    }

    fn syslog(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let stats = self.syslog.stats();
        let [udp, tcp, tls] = stats.received;
        for (name, help, value) in [
            (
                "foretell_syslog_received_udp",
                "Lines of logs that came by datagram",
                udp,
            ),
            (
                "foretell_syslog_received_tcp",
                "Lines of logs that came by connection",
                tcp,
            ),
            (
                "foretell_syslog_received_tls",
                "Lines of logs that came over TLS",
                tls,
            ),
            (
                "foretell_syslog_dropped_of_source",
                "Lines of senders that brought more than one may",
                stats.dropped_of_source,
            ),
            (
                "foretell_syslog_dropped_full",
                "Lines by datagram dropped since those of their sender before were not read yet",
                stats.dropped_full,
            ),
            (
                "foretell_syslog_not_kept",
                "Lines that could not be written",
                self.logs.not_kept(),
            ),
            (
                "foretell_syslog_without_device",
                "Lines of senders that are no device's address",
                self.logs.without_device(),
            ),
            (
                "foretell_syslog_no_priority",
                "Lines without a PRI",
                stats.no_priority,
            ),
            (
                "foretell_syslog_malformed",
                "Lines that begin as RFC 5424 and do not go on so",
                stats.malformed,
            ),
            (
                "foretell_syslog_not_utf8",
                "Lines that are no UTF-8, and were read as Latin-1",
                stats.not_utf8,
            ),
            (
                "foretell_syslog_cut",
                "Lines that were longer than is read",
                stats.cut,
            ),
            (
                "foretell_syslog_connections_refused",
                "Connections that were one too many, of one address or of all",
                stats.connections_refused,
            ),
            (
                "foretell_syslog_connections_idle",
                "Connections that were closed since they brought nothing",
                stats.connections_idle,
            ),
            (
                "foretell_syslog_connections_failed",
                "Connections that could not be accepted, or whose TLS failed",
                stats.connections_failed,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        out.gauge(
            "foretell_syslog_connections",
            "Connections of senders that are open",
            stats.connections,
        )?;
        out.gauge(
            "foretell_syslog_sources",
            "Senders that are told apart",
            stats.sources,
        )
    }

    fn history(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let stats = self.store.history.stats();
        for (name, help, value) in [
            (
                "foretell_history_changes",
                "Changes of status that are durable",
                stats.kept,
            ),
            (
                "foretell_history_commits",
                "Transactions those went in",
                stats.commits,
            ),
            (
                "foretell_history_failed",
                "Changes of status that could not be kept, and are tried again",
                stats.failed,
            ),
            (
                "foretell_history_over_bound",
                "Changes of status beyond the bound of a day",
                stats.over_bound,
            ),
            (
                "foretell_history_out_of_time",
                "Changes of status for a time far from the present",
                stats.out_of_time,
            ),
            (
                "foretell_history_damaged",
                "Changes of status and files of them that are damaged",
                stats.damaged,
            ),
            (
                "foretell_history_months_deleted",
                "Months of history that were deleted for their age",
                stats.months_deleted,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        out.gauge(
            "foretell_history_months",
            "Months of history that are kept",
            stats.months,
        )?;
        out.gauge(
            "foretell_history_queue_depth",
            "Changes of status waiting to be written",
            stats.queue_depth,
        )
    }

    fn series(&self, out: &mut Encoder<'_, '_>) -> fmt::Result {
        let stats = self.series.stats();
        for (name, help, value) in [
            ("foretell_series", "Series registered", stats.series),
            (
                "foretell_log_segments",
                "Segments of the log",
                stats.log_segments,
            ),
            (
                "foretell_head_rows",
                "Polls in memory that are not yet in blocks",
                stats.head_rows,
            ),
            (
                "foretell_head_values",
                "Samples in memory that are not yet in blocks",
                stats.head_values,
            ),
            (
                "foretell_log_queue_depth",
                "Batches waiting for the log",
                stats.queue_depth,
            ),
            (
                "foretell_log_queue_high_water",
                "The most that ever waited",
                stats.queue_high_water,
            ),
            (
                "foretell_log_queue_capacity",
                "The most that may wait",
                stats.queue_max,
            ),
        ] {
            out.gauge(name, help, value)?;
        }
        for (name, help, value) in [
            (
                "foretell_samples_appended",
                "Samples given to the log",
                stats.samples_appended,
            ),
            (
                "foretell_samples_synced",
                "Samples synced to the disk",
                stats.samples_synced,
            ),
            (
                "foretell_log_samples_refused",
                "Samples that were refused since the log could not be written",
                stats.log_samples_refused,
            ),
            (
                "foretell_log_bytes",
                "Octets written to the log",
                stats.log_bytes,
            ),
            ("foretell_log_syncs", "Syncs of the log", stats.log_syncs),
            (
                "foretell_blocks_sealed",
                "Half-hour blocks written",
                stats.blocks_sealed,
            ),
            (
                "foretell_block_bytes_sealed",
                "Octets of these",
                stats.block_bytes_sealed,
            ),
            (
                "foretell_blocks_merged",
                "Two-hour blocks written",
                stats.blocks_merged,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        scrub::encode(&stats, out)?;
        let seconds = stats.log_sync_micros as f64 / 1e6;
        out.counter_f64(
            "foretell_log_sync_seconds",
            "Time spent in syncs of the log",
            seconds,
        )?;
        let defects = stats
            .defects
            .iter()
            .map(|(kind, count)| (DefectLabels { kind }, *count));
        out.counters(
            "foretell_series_defects",
            "What was found wrong in samples",
            defects,
        )
    }
}

fn datagrams(transport: &snmp::Transport, out: &mut Encoder<'_, '_>) -> fmt::Result {
    let stats = transport.stats();
    for (name, help, value) in [
        (
            "foretell_snmp_datagrams",
            "SNMP datagrams received",
            stats.datagrams,
        ),
        (
            "foretell_snmp_datagrams_from_strangers",
            "Of these, from addresses that are not asked",
            stats.from_strangers,
        ),
        (
            "foretell_snmp_datagrams_overflowed",
            "Of these, dropped since a request held its fill of answers",
            stats.overflowed,
        ),
    ] {
        out.counter(name, help, value)?;
    }
    Ok(())
}

fn poll(poller: &Poller, out: &mut Encoder<'_, '_>) -> fmt::Result {
    let stats = poller.stats();
    for (name, help, value) in [
        (
            "foretell_poller_devices",
            "Devices that are polled",
            stats.devices,
        ),
        (
            "foretell_polls_in_flight",
            "Polls in flight",
            stats.in_flight,
        ),
        (
            "foretell_polls_waiting",
            "Devices due that wait for their poll",
            stats.waiting,
        ),
    ] {
        out.gauge(name, help, value)?;
    }
    for (name, help, value) in [
        (
            "foretell_poll_overruns",
            "Polls left out, the one before being under way",
            stats.overruns,
        ),
        (
            "foretell_polls_postponed",
            "Polls that began so late that only what changes was read",
            stats.postponed,
        ),
        (
            "foretell_poll_deadlines",
            "Polls that ran into their deadline",
            stats.deadlines,
        ),
        (
            "foretell_polls_in_flight_full",
            "How often the bound on polls in flight was hit",
            stats.in_flight_bound_hits,
        ),
        (
            "foretell_poll_reports_waited",
            "Reports that waited for ingest",
            stats.reports_waited,
        ),
        (
            "foretell_poll_panics",
            "Polls that ended in a mistake of ours",
            stats.panics,
        ),
    ] {
        out.counter(name, help, value)?;
    }
    out.gauge_f64(
        "foretell_poll_lag_max_seconds",
        "The latest that any poll began",
        stats.lag_max.as_secs_f64(),
    )?;
    out.gauge_f64(
        "foretell_poll_lag_latest_seconds",
        "How late the latest poll began",
        stats.lag.as_secs_f64(),
    )
}
