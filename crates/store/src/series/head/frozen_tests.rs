//! Frozen polls both ways, and what they take.

use super::super::row::layout_of;
use super::*;
use proptest::prelude::*;

/// Rows of one layout, a millisecond apart, of columns of values with gaps.
fn rows(columns: &[Vec<Option<Value>>]) -> Vec<Row> {
    let count = columns.iter().map(Vec::len).min().unwrap_or(0);
    let all: Vec<(Column, Value)> = (0..)
        .zip(columns)
        .map(|(n, _)| (Column(n), Value::U64(0)))
        .collect();
    let layout = layout_of(&all);
    let row = |n: usize| {
        let cells = (0..).zip(columns);
        let values: Vec<_> = cells
            .filter_map(|(column, values)| Some((Column(column), values[n]?)))
            .collect();
        Row::new(i64::try_from(n).unwrap(), &layout, &values)
    };
    (0..count).map(row).collect()
}

fn check(columns: &[Vec<Option<Value>>]) -> Frozen {
    let rows = rows(columns);
    let frozen = Frozen::of(&rows).unwrap();
    let bits = |value: Value| match value {
        Value::U64(value) => (false, value),
        Value::F64(value) => (true, value.to_bits()),
    };
    for (place, column) in columns.iter().enumerate() {
        for (from, to) in [(0, 100), (1, 3)] {
            let mut points = Vec::new();
            frozen.points(place, from, to, &mut points);
            let told: Vec<_> = points
                .into_iter()
                .map(|(at, value)| (at.unix_ms(), bits(value)))
                .collect();
            let expected: Vec<_> = (0..)
                .zip(column.iter().take(rows.len()))
                .filter(|(at, _)| (from..to).contains(at))
                .filter_map(|(at, value)| Some((at, bits((*value)?))))
                .collect();
            assert_eq!(told, expected, "column {place} of {columns:?}");
        }
    }
    let thawed = frozen.rows();
    assert_eq!(thawed.len(), rows.len());
    for ((at, values), row) in thawed.iter().zip(&rows) {
        let told: Vec<_> = values.iter().map(|(c, value)| (*c, bits(*value))).collect();
        let expected: Vec<_> = row.values().map(|(c, value)| (c, bits(value))).collect();
        assert_eq!((*at, told), (row.at, expected));
    }
    frozen
}

fn whole(values: &[u64]) -> Vec<Option<Value>> {
    values
        .iter()
        .map(|value| Some(Value::U64(*value)))
        .collect()
}

fn float(values: &[f64]) -> Vec<Option<Value>> {
    values
        .iter()
        .map(|value| Some(Value::F64(*value)))
        .collect()
}

#[test]
fn what_is_even_takes_little() {
    for (column, octets) in [
        (whole(&[0; 10]), 2),
        (whole(&[5, 12, 19, 26, 33, 40, 47, 54, 61, 68]), 3 + 8),
        (
            whole(&[1 << 40, (1 << 40) + 900, (1 << 40) + 1_800]),
            1 + 6 + 2,
        ),
        (whole(&[u64::MAX, 0, u64::MAX, 0]), 1 + 1 + 4 * 8),
        (float(&[0.25, 0.5, 0.125]), 1 + 2 + 3 * 2),
        (float(&[7.0; 10]), 2),
        (float(&[0.1 + 0.2; 4]), 1 + 9),
    ] {
        let frozen = check(std::slice::from_ref(&column));
        assert!(
            frozen.octets.len() <= octets,
            "{column:?}: {}",
            frozen.octets.len()
        );
    }
    // What is left out costs nothing but its marks.
    let mut gaps = whole(&[1_000_000; 10]);
    gaps[0] = None;
    gaps[7] = None;
    assert!(check(&[gaps]).octets.len() <= 1 + 3 + 3);
    check(&[float(&[-0.0, 0.0, f64::MAX, f64::MIN_POSITIVE, -1.5e-9])]);
    check(&[vec![None; 3], whole(&[1, 2, 3])]);
}

fn a_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        3 => (0u64..2_000).prop_map(|n| Some(Value::U64(n))),
        1 => any::<u64>().prop_map(|n| Some(Value::U64(n))),
        2 => (-3_000i32..3_000).prop_map(|n| Some(Value::F64(f64::from(n) / 1_000.0))),
        1 => (-1e300f64..1e300).prop_map(|n| Some(Value::F64(n))),
        1 => Just(None),
    ]
}

proptest! {
    #[test]
    fn both_ways(columns in (1usize..=ROWS).prop_flat_map(|rows| {
        prop::collection::vec(prop::collection::vec(a_value(), rows), 1..40)
    })) {
        check(&columns);
    }

    #[test]
    fn decimals_both_ways(values in prop::collection::vec(-1_000_000i64..1_000_000, 1..=ROWS), scale in 0usize..10) {
        let scale = 10f64.powi(i32::try_from(scale).unwrap());
        #[allow(clippy::cast_precision_loss)]
        let values: Vec<f64> = values.iter().map(|n| *n as f64 / scale).collect();
        check(&[float(&values)]);
    }
}
