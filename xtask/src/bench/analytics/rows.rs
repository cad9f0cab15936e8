//! What is wanted of accuracy and cost: floors fail the bench, targets are what a good design should reach, aims
//! are records. Figures of small sets have an interval and fail nothing.

use crate::bench::figure::{Bound, Peer, Want};

/// A score or a cost.
pub(super) struct Row {
    /// What it is of.
    pub(super) task: &'static str,
    /// What is told of it.
    pub(super) score: &'static str,
    /// The name of the figure, which ends in its unit. Where there are others of this name with `_low` and
    /// `_high` at its end, they are its interval.
    pub(super) figure: &'static str,
    pub(super) floor: Bound,
    pub(super) target: Option<f64>,
    pub(super) aim: Option<f64>,
    /// What others reach, in words.
    pub(super) others: &'static str,
}

impl Row {
    pub(super) const fn want(&self) -> Want {
        Want {
            name: self.figure,
            floor: self.floor,
            target: self.target,
            peer: Peer::None,
        }
    }

    const fn others(self, others: &'static str) -> Self {
        Self { others, ..self }
    }
}

const fn row(
    task: &'static str,
    score: &'static str,
    figure: &'static str,
    (floor, target, aim): (Bound, Option<f64>, Option<f64>),
) -> Row {
    Row {
        task,
        score,
        figure,
        floor,
        target,
        aim,
        others: "",
    }
}

type Wanted = (Bound, Option<f64>, Option<f64>);

/// More is better.
const fn more(floor: f64, target: f64, aim: f64) -> Wanted {
    (Bound::Least(floor), Some(target), Some(aim))
}

/// Less is better.
const fn less(floor: f64, target: f64, aim: f64) -> Wanted {
    (Bound::Most(floor), Some(target), Some(aim))
}

/// More is better, and nothing fails.
const fn aloud(target: f64) -> Wanted {
    (Bound::More, Some(target), None)
}

/// A share that is to lie between two: its lower end, and its upper end.
const fn from(floor: f64, target: f64) -> Wanted {
    (Bound::Least(floor), Some(target), None)
}

const fn to(floor: Bound, target: f64) -> Wanted {
    (floor, Some(target), None)
}

const fn told(better: Bound) -> Wanted {
    (better, None, None)
}

pub(super) const ACCURACY: &[Row] = &[
    row(
        "NAB, threshold 0.5 for all files",
        "standard profile",
        "nab_standard_points",
        more(48.0, 60.0, 70.0),
    )
    .others("windowed Gaussian 29.8, random cut forest 46.5, HTM 70.3, ARTime 70.2"),
    row(
        "",
        "the same at the best threshold of the set",
        "nab_standard_best_points",
        told(Bound::More),
    ),
    row(
        "",
        "low false positives, threshold 0.5",
        "nab_low_fp_points",
        told(Bound::More),
    ),
    row(
        "",
        "low false negatives, threshold 0.5",
        "nab_low_fn_points",
        told(Bound::More),
    ),
    row(
        "injected network anomalies",
        "VUS-PR",
        "netinj_vus_pr_share",
        more(0.30, 0.45, 0.60),
    )
    .others("0.23"),
    row(
        "",
        "event F1",
        "netinj_event_f1_share",
        more(0.50, 0.70, 0.80),
    )
    .others("0.46"),
    row(
        "",
        "false alarms per 1,000 points",
        "netinj_false_alarms_per_1000_points",
        less(2.0, 1.0, 0.5),
    )
    .others("1.4"),
    row(
        "",
        "median delay, points",
        "netinj_median_delay_points",
        told(Bound::Less),
    ),
    row(
        "M4 hourly",
        "OWA",
        "m4_hourly_owa_ratio",
        less(0.60, 0.50, 0.44),
    )
    .others("seasonal naive 0.627, MSTL 0.605, ES-RNN 0.440"),
    row("", "MSIS", "m4_hourly_msis_ratio", less(11.7, 8.0, 6.2)),
    row(
        "",
        "inside the 95 % band, from",
        "m4_hourly_coverage_share",
        from(0.90, 0.93),
    ),
    row(
        "",
        "and to",
        "m4_hourly_coverage_share",
        to(Bound::Less, 0.97),
    ),
    row(
        "M4 weekly",
        "OWA",
        "m4_weekly_owa_ratio",
        less(0.96, 0.90, 0.80),
    )
    .others("AutoETS 0.934"),
    row(
        "real traffic",
        "geometric mean of MASE over Naive2's",
        "traffic_mase_ratio",
        less(1.00, 0.92, 0.85),
    )
    .others("MSTL 1.07"),
    row(
        "bands on real traffic",
        "inside the 95 % band, from",
        "traffic_coverage_share",
        from(0.90, 0.94),
    ),
    row(
        "",
        "and to",
        "traffic_coverage_share",
        to(Bound::Most(0.98), 0.96),
    ),
    row(
        "capacity",
        "exhaustion F1",
        "capacity_f1_share",
        more(0.79, 0.85, 0.90),
    )
    .others("0.80"),
    row(
        "",
        "median relative error of the day",
        "capacity_error_share",
        less(0.43, 0.35, 0.25),
    )
    .others("0.43"),
    row(
        "structure",
        "period F1",
        "structure_period_f1_share",
        more(0.80, 0.90, 0.95),
    )
    .others("0.80"),
    row(
        "",
        "change-point F1",
        "structure_change_f1_share",
        more(0.35, 0.60, 0.75),
    )
    .others("0.19"),
    row(
        "",
        "trend accuracy",
        "structure_trend_share",
        more(0.88, 0.93, 0.96),
    )
    .others("0.88"),
    row(
        "balance, abilene_cmu",
        "worst link over the clairvoyant optimum, mean",
        "balance_mean_ratio",
        less(1.03, 1.02, 1.015),
    )
    .others("1.028; OSPF 1.82"),
    row(
        "",
        "the same, 95th percentile",
        "balance_95th_ratio",
        less(1.11, 1.06, 1.04),
    )
    .others("1.107"),
    row(
        "balance, abilene_hourly",
        "mean",
        "balance_hourly_mean_ratio",
        told(Bound::Less),
    ),
    row(
        "",
        "95th percentile",
        "balance_hourly_95th_ratio",
        told(Bound::Less),
    ),
    row(
        "balance, attmpls",
        "mean",
        "balance_attmpls_mean_ratio",
        told(Bound::Less),
    ),
    row(
        "",
        "95th percentile",
        "balance_attmpls_95th_ratio",
        told(Bound::Less),
    ),
    row("KPI, 2 series", "VUS-PR", "kpi_vus_pr_share", aloud(0.35)).others("0.24"),
    row("scaling, 8 series", "F1", "scaling_f1_share", aloud(0.50)).others("0.42"),
    row(
        "PetShop, 16 issues",
        "top 1",
        "petshop_top1_share",
        aloud(0.45),
    )
    .others("0.31"),
    row("", "top 3", "petshop_top3_share", aloud(0.75)).others("0.56"),
];

pub(super) const COST: &[Row] = &[
    row(
        "detector and band",
        "CPU a point, µs",
        "detector_us_per_point",
        (Bound::Most(5.0), Some(1.0), None),
    ),
    row(
        "",
        "state of a series in memory, octets",
        "detector_state_bytes",
        (Bound::Most(1_024.0), Some(512.0), None),
    ),
    row(
        "forecast of 1,000 hourly values",
        "CPU with selection and calibration, ms",
        "forecast_1000_hours_cpu_ms",
        (Bound::Most(40.0), Some(10.0), None),
    ),
    row(
        "M4 hourly, beside statsforecast's MSTL",
        "its CPU over ours",
        "mstl_over_ours_cpu_ratio",
        (Bound::Least(10.0), None, None),
    ),
    row(
        "",
        "our OWA over its",
        "ours_over_mstl_owa_ratio",
        (Bound::Most(1.0), None, None),
    ),
    row(
        "100,000 series with full selection once a day",
        "CPU a day, s",
        "selection_100k_cpu_s",
        told(Bound::Less),
    ),
    row(
        "",
        "cost of a series among 4,000 over that among 1,000",
        "selection_growth_ratio",
        told(Bound::Less),
    ),
    row(
        "5,000,000 series, a sample of each a minute",
        "CPU of detectors a day, s",
        "detector_5m_cpu_s",
        told(Bound::Less),
    ),
    row(
        "both",
        "share of two cores",
        "day_share",
        (Bound::Less, Some(0.2), None),
    ),
];
