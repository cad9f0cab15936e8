//! What is counted of flows, for `/metrics`.

use crate::metrics::{DefectLabels, Encoder};
use collect::flow::Flows;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::fmt;

/// What became of tops.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Durable.
    pub(super) durable: Counter,
    /// Not kept, for the store refused or failed.
    pub(super) lost: Counter,
    /// Not kept, for the exporter is no device that is known.
    pub(super) of_strangers: Counter,
}

impl Kept {
    /// Registers them, and what the collector counts.
    pub(super) fn register(registry: &mut Registry, flows: Flows) -> Self {
        let counts = Self {
            durable: Counter::default(),
            lost: Counter::default(),
            of_strangers: Counter::default(),
        };
        for (name, help, counter) in [
            (
                "foretell_flow_tops_kept",
                "Tops of flows that are durable",
                &counts.durable,
            ),
            (
                "foretell_flow_tops_lost",
                "Tops of flows that could not be kept",
                &counts.lost,
            ),
            (
                "foretell_flow_tops_of_strangers",
                "Tops of flows of exporters that are no known device",
                &counts.of_strangers,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_collector(Box::new(Taken(flows)));
        counts
    }
}

/// What was taken in; asked when somebody looks.
#[derive(Debug)]
struct Taken(Flows);

impl Collector for Taken {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Encoder(&mut encoder);
        let totals = self.0.totals();
        out.gauge(
            "foretell_flow_exporters",
            "Exporters of flows that are remembered",
            totals.exporters,
        )?;
        for (name, help, value) in [
            (
                "foretell_flow_datagrams",
                "Datagrams of flows received",
                totals.datagrams,
            ),
            (
                "foretell_flow_records",
                "Flow records and sampled packets read",
                totals.flows,
            ),
            (
                "foretell_flow_datagrams_dropped",
                "Datagrams of flows dropped since those of their exporter before were not read yet",
                totals.without_room,
            ),
            (
                "foretell_flow_exporters_refused",
                "Datagrams of exporters beyond as many as are remembered",
                totals.exporters_refused,
            ),
            (
                "foretell_flow_exporters_forgotten",
                "Silent exporters that made room for others",
                totals.exporters_forgotten,
            ),
            (
                "foretell_flow_windows_dropped",
                "Minutes of flows that nobody took in time",
                totals.windows_dropped,
            ),
        ] {
            out.counter(name, help, value)?;
        }
        let defects = totals.defects.named().into_iter();
        out.counters(
            "foretell_flow_defects",
            "What was wrong with flows, by kind",
            defects.map(|(kind, count)| (DefectLabels { kind }, count)),
        )
    }
}
