//! What traps are counted by, for `/metrics`.

use collect::TrapListener;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Weak};

/// What is counted as it happens.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Traps that are durable.
    pub kept: Counter,
    /// Traps that could not be kept.
    pub not_kept: Counter,
    /// Traps of senders that are no devices.
    pub unknown_senders: Counter,
    /// Polls that traps led to.
    pub polls: Counter,
}

/// What the listener has counted, where it still is.
#[derive(Clone)]
struct Heard(Weak<TrapListener>);

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heard")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Registers all of it.
pub fn register(registry: &mut Registry, listener: &Arc<TrapListener>, counts: &Counts) {
    for (name, help, counter) in [
        ("foretell_traps_kept", "Traps that are synced", &counts.kept),
        (
            "foretell_traps_not_kept",
            "Traps that could not be kept",
            &counts.not_kept,
        ),
        (
            "foretell_traps_unknown_senders",
            "Traps of senders that are no devices",
            &counts.unknown_senders,
        ),
        (
            "foretell_trap_polls",
            "Polls that traps led to",
            &counts.polls,
        ),
    ] {
        registry.register(name, help, counter.clone());
    }
    registry.register_collector(Box::new(Heard(Arc::downgrade(listener))));
}

impl Collector for Heard {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(listener) = self.0.upgrade() else {
            return Ok(());
        };
        let stats = listener.stats();
        for (name, help, value) in [
            (
                "foretell_trap_datagrams",
                "Datagrams at the trap sockets",
                stats.datagrams,
            ),
            (
                "foretell_traps_accepted",
                "Traps and informs that were believed",
                stats.accepted,
            ),
            (
                "foretell_traps_over_rate",
                "Datagrams of senders that sent more than their share",
                stats.over_rate,
            ),
            (
                "foretell_traps_over_sources",
                "Datagrams of senders beyond the bound on senders",
                stats.over_sources,
            ),
            (
                "foretell_traps_dropped",
                "Datagrams dropped since those of their sender before were not taken in yet",
                stats.queue_full,
            ),
            (
                "foretell_informs_repeated",
                "Informs that came again",
                stats.informs_repeated,
            ),
            (
                "foretell_informs_answered",
                "Informs that were answered",
                stats.informs_answered,
            ),
            (
                "foretell_inform_discoveries",
                "Senders of informs that asked for our engine",
                stats.discoveries,
            ),
            (
                "foretell_trap_defects",
                "Values of traps against the rules, and objects beyond the bound",
                stats.defects,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let descriptor = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(descriptor)?;
        }
        let sources = ConstGauge::new(i64::try_from(stats.sources).unwrap_or(i64::MAX));
        let descriptor = encoder.encode_descriptor(
            "foretell_trap_sources",
            "Senders of traps that have a share of their own",
            None,
            sources.metric_type(),
        )?;
        sources.encode(descriptor)?;
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family = encoder.encode_descriptor(
            "foretell_traps_refused",
            "Datagrams that were not believed, by why",
            None,
            kind,
        )?;
        for (reason, count) in stats.rejected {
            let labels = ReasonLabels {
                reason: reason.name(),
            };
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
