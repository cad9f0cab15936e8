//! What was seen of an anomaly, in a sentence for an operator. Pure.

use super::series::Seen;
use model::Metric;
use model::foresight::AnomalyKind;
use model::metric::Kind as MetricKind;

/// The sentence.
pub fn of(metric: &str, kind: AnomalyKind, seen: &Seen) -> String {
    let unit = unit(metric);
    let number = |value: f64| number(value);
    let value = seen.value.map(|value| format!("{}{unit}", number(value)));
    let value = value.as_deref().unwrap_or("no value");
    let band = seen.expected.map(|[lower, expected, upper]| {
        let (lower, upper) = (number(lower), number(upper));
        format!(
            "{lower} to {upper}{unit}, about {}, are expected at this hour",
            number(expected)
        )
    });
    let band = band.unwrap_or_else(|| "nothing is known of this hour".to_owned());
    match kind {
        AnomalyKind::Level => format!("{metric} stays at {value}; {band}."),
        AnomalyKind::Spike => format!("{metric} rose to {value}; {band}."),
        AnomalyKind::Dip => format!("{metric} fell to {value}; {band}."),
        AnomalyKind::Drift => format!("{metric} went little by little to {value}; {band}."),
        AnomalyKind::FlatLine => format!("{metric} stands still at {value}; {band}."),
        AnomalyKind::Variance => {
            format!("{metric} moves more than it uses to, now {value}; {band}.")
        }
        AnomalyKind::Pattern => {
            format!("{metric} moves as at another hour, now {value}; {band}.")
        }
        AnomalyKind::Missing => {
            format!("{metric} does not come, though the device answers; {band}.")
        }
        AnomalyKind::AboveCeiling => {
            format!("{metric} is {value}, above the ceiling that was set for it.")
        }
        AnomalyKind::BelowFloor => {
            format!("{metric} is {value}, below the floor that was set for it.")
        }
        AnomalyKind::HeavyTalker => format!("{metric} is {value}, of a host that is new."),
    }
}

fn unit(metric: &str) -> String {
    let Ok(metric) = Metric::named(metric) else {
        return String::new();
    };
    let unit = metric.unit().replace('_', " ");
    match (metric.kind(), unit.is_empty()) {
        (_, true) => String::new(),
        (MetricKind::Counter, _) => format!(" {unit} a second"),
        _ => format!(" {unit}"),
    }
}

/// A number to four digits, with a letter for thousands where it is large.
fn number(value: f64) -> String {
    let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    let size = value.abs();
    for (from, letter) in steps {
        if size >= from {
            let unit = if letter == "k" { 1e3 } else { from };
            return format!("{}{letter}", digits(value / unit));
        }
    }
    digits(value)
}

fn digits(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let text = match size {
        size if size >= 1e3 => format!("{value:.0}"),
        size if size >= 1e2 => format!("{value:.1}"),
        size if size >= 1e1 => format!("{value:.2}"),
        size if size >= 1.0 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (12.5, "12.5"),
            (1_234.0, "1234"),
            (12_345.0, "12.35k"),
            (1_500_000.0, "1.5M"),
            (-2.5e9, "-2.5G"),
            (1e-9, "1.000e-9"),
            (7e12, "7T"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_sentence_says_what_was_seen_and_what_was_expected() {
        let seen = Seen {
            started_at_ms: 0,
            at_ms: 0,
            kind: AnomalyKind::Spike,
            score: 0.9,
            value: Some(2.5e6),
            expected: Some([1e5, 2e5, 3e5]),
            is_peak: true,
        };
        assert_eq!(
            of("ifHCInOctets", AnomalyKind::Spike, &seen),
            "ifHCInOctets rose to 2.5M octets a second; 100k to 300k octets a second, about 200k, are \
             expected at this hour."
        );
    }
}
