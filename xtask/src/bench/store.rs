//! What the series store costs, part by part. The measuring is an example program of the store.
//! Beside its peers, and with more and more series, it is measured by benches of their own: [`peers`],
//! [`growth`].

mod chart;
pub(super) mod growth;
pub(super) mod peers;

use super::example;
use super::figure::{Bound, Outcome, Peer, Want};
use anyhow::Context as _;

pub(super) const PARTS: &[&str] = &[
    "append", "head", "start", "query", "year", "archive", "readers", "import",
];

pub(super) const WANTS: &[Want] = &[
    Want {
        name: "append_seal_samples_per_cpu_s",
        floor: Bound::Least(3_000_000.0),
        target: Some(5_000_000.0),
        peer: Peer::Known(700_000.0, "VictoriaMetrics 1.79"),
    },
    Want {
        name: "append_samples_per_cpu_s",
        floor: Bound::More,
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "two_hours_bytes_per_sample",
        floor: Bound::Most(1.8),
        target: Some(1.65),
        peer: Peer::Known(4.5, "VictoriaMetrics 1.79"),
    },
    Want {
        name: "head_memory_mib_per_1m_series",
        floor: Bound::Most(700.0),
        target: Some(500.0),
        peer: Peer::None,
    },
    Want {
        name: "start_cpu_s",
        floor: Bound::Most(30.0),
        target: Some(10.0),
        peer: Peer::None,
    },
    Want {
        name: "query_1_series_24_h_cpu_ms",
        floor: Bound::Most(1.0),
        target: Some(0.3),
        peer: Peer::None,
    },
    Want {
        name: "query_1000_series_1_h_cpu_ms",
        floor: Bound::Most(50.0),
        target: Some(20.0),
        peer: Peer::None,
    },
    Want {
        name: "query_top_10_of_100000_cpu_ms",
        floor: Bound::Most(1_000.0),
        target: Some(300.0),
        peer: Peer::None,
    },
    Want {
        name: "query_1_series_1_year_cpu_ms",
        floor: Bound::Most(10.0),
        target: Some(3.0),
        peer: Peer::None,
    },
    Want {
        name: "fold_samples_per_cpu_s",
        floor: Bound::More,
        target: Some(5_000_000.0),
        peer: Peer::None,
    },
    Want {
        name: "day_bytes_per_sample",
        floor: Bound::Most(1.6),
        target: Some(1.4),
        peer: Peer::None,
    },
    Want {
        name: "archive_bytes_per_sample",
        floor: Bound::Less,
        target: Some(3.0),
        peer: Peer::None,
    },
    Want {
        name: "archived_series_1_day_cpu_ms",
        floor: Bound::Less,
        target: Some(20.0),
        peer: Peer::None,
    },
    Want {
        name: "readers_ack_worst_s",
        floor: Bound::Most(1.0),
        target: None,
        peer: Peer::Measured("readers_ack_worst_alone_s"),
    },
    Want {
        name: "readers_writer_cpu_ratio",
        floor: Bound::Most(1.2),
        target: Some(1.05),
        peer: Peer::None,
    },
    told("csv_import_rows_per_cpu_s", Bound::More),
    told("csv_export_rows_per_cpu_s", Bound::More),
    told("csv_bytes_per_row", Bound::Less),
    told("lines_import_rows_per_cpu_s", Bound::More),
    told("lines_export_rows_per_cpu_s", Bound::More),
    told("lines_bytes_per_row", Bound::Less),
    told("openmetrics_import_rows_per_cpu_s", Bound::More),
    told("openmetrics_export_rows_per_cpu_s", Bound::More),
    told("openmetrics_bytes_per_row", Bound::Less),
    told("parquet_import_rows_per_cpu_s", Bound::More),
    told("parquet_export_rows_per_cpu_s", Bound::More),
    told("parquet_bytes_per_row", Bound::Less),
];

/// A figure that nothing is asked of.
const fn told(name: &'static str, floor: Bound) -> Want {
    Want {
        name,
        floor,
        target: None,
        peer: Peer::None,
    }
}

/// The example program that measures.
const EXAMPLE: (&str, &str) = ("foretell-store", "store_bench");

/// Runs all parts or one of them, each in a process of its own: memory is that of one alone.
pub(super) fn run(only: Option<&str>) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for part in PARTS {
        if only.is_none_or(|only| only == *part) {
            eprintln!("==> {part}");
            let measured = example::run(EXAMPLE.0, EXAMPLE.1, &[part]);
            let measured = measured.with_context(|| (*part).to_owned())?;
            outcome.figures.extend(measured.figures);
        }
    }
    Ok(outcome)
}
