//! What is counted of watching.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

/// Bounds of the histogram of lag, in seconds.
const LAG_BOUNDS_SECS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    /// Its name.
    pub kind: &'static str,
}

/// What is counted.
#[derive(Clone)]
pub struct Counts {
    /// Samples that were looked at as they came.
    pub points: Counter,
    /// Samples that were read of the store, since they were missed or are of the past.
    pub read_points: Counter,
    /// Seconds that looking at samples took.
    pub busy: Counter<f64, AtomicU64>,
    /// Series that are watched.
    pub series: Gauge,
    /// Series that there is no room for.
    pub left_out: Gauge,
    /// Devices whose series are behind.
    pub behind: Gauge,
    /// Anomalies that began, by kind.
    pub anomalies: Family<KindLabels, Counter>,
    /// Events that were missed, whose samples are read of the store.
    pub missed: Counter,
    /// Seconds from a sample to its verdict.
    pub lag: Histogram,
    /// Files of detectors that were written.
    pub written: Counter,
    /// Scores that were kept as series.
    pub scores: Counter,
    /// Scores that could not be kept, for the queue or the disk was full.
    pub scores_not_kept: Counter,
    /// Words that could not be kept.
    pub not_kept: Counter,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self {
            points: Counter::default(),
            read_points: Counter::default(),
            busy: Counter::default(),
            series: Gauge::default(),
            left_out: Gauge::default(),
            behind: Gauge::default(),
            anomalies: Family::default(),
            missed: Counter::default(),
            lag: Histogram::new(LAG_BOUNDS_SECS),
            written: Counter::default(),
            scores: Counter::default(),
            scores_not_kept: Counter::default(),
            not_kept: Counter::default(),
        };
        let rows: [(&str, &str, &Counter); 7] = [
            (
                "foretell_foresight_samples",
                "Samples that detectors looked at as they came",
                &counts.points,
            ),
            (
                "foretell_foresight_samples_read",
                "Samples that detectors were given of the store, of the past or missed",
                &counts.read_points,
            ),
            (
                "foretell_foresight_events_missed",
                "Events that came faster than detectors looked, whose samples are read of the store",
                &counts.missed,
            ),
            (
                "foretell_foresight_files_written",
                "Files of detectors that were written",
                &counts.written,
            ),
            (
                "foretell_foresight_not_kept",
                "Beginnings and ends of anomalies that could not be kept",
                &counts.not_kept,
            ),
            (
                "foretell_foresight_scores",
                "Scores that were kept as series",
                &counts.scores,
            ),
            (
                "foretell_foresight_scores_not_kept",
                "Scores that could not be kept, for the queue was full or the disk refused them",
                &counts.scores_not_kept,
            ),
        ];
        for (name, help, counter) in rows {
            registry.register(name, help, counter.clone());
        }
        let rows: [(&str, &str, &Gauge); 3] = [
            (
                "foretell_foresight_series",
                "Series that are watched",
                &counts.series,
            ),
            (
                "foretell_foresight_series_left_out",
                "Series that are not watched, for as many as may be are",
                &counts.left_out,
            ),
            (
                "foretell_foresight_devices_behind",
                "Devices whose samples are being read of the store or wait for that",
                &counts.behind,
            ),
        ];
        for (name, help, gauge) in rows {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "foretell_anomalies",
            "Anomalies that began, by kind",
            counts.anomalies.clone(),
        );
        registry.register_with_unit(
            "foretell_foresight_busy",
            "Time that detectors looked at samples",
            Unit::Seconds,
            counts.busy.clone(),
        );
        registry.register_with_unit(
            "foretell_foresight_lag",
            "From a sample to what its detector says of it",
            Unit::Seconds,
            counts.lag.clone(),
        );
        counts
    }
}
