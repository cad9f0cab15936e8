use super::*;
use proptest::prelude::*;

fn labels(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    all.iter().map(owned).collect()
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

fn row(all: &[(&str, &str)], values: &[Option<f64>]) -> Row {
    Row {
        labels: labels(all),
        values: values.to_vec(),
    }
}

fn summed(across: Across, grouping: Grouping, rows: &[Row]) -> Vec<(Row, u64)> {
    let steps = rows.first().map_or(0, |row| row.values.len());
    let mut groups = Groups::new(across, grouping, steps);
    for row in rows {
        groups.add(row);
    }
    groups.rows()
}

fn some_rows() -> Vec<Row> {
    vec![
        row(
            &[("site", "a"), ("port", "1")],
            &[Some(1.0), None, Some(5.0)],
        ),
        row(&[("site", "a"), ("port", "2")], &[Some(3.0), None, None]),
        row(&[("site", "b"), ("port", "1")], &[Some(8.0), None, None]),
        row(&[("port", "9")], &[Some(2.0), None, None]),
    ]
}

#[test]
fn groups_are_by_the_labels_named() {
    let rows = some_rows();
    let by = |names_of: &[&str]| summed(Across::Sum, Grouping::By(names(names_of)), &rows);
    assert_eq!(
        by(&["site"]),
        [
            (row(&[("site", "")], &[Some(2.0), None, None]), 1),
            (row(&[("site", "a")], &[Some(4.0), None, Some(5.0)]), 2),
            (row(&[("site", "b")], &[Some(8.0), None, None]), 1),
        ]
    );
    assert_eq!(by(&[]), [(row(&[], &[Some(14.0), None, Some(5.0)]), 4)]);
    assert_eq!(
        by(&[]),
        summed(Across::Sum, Grouping::all(), &rows),
        "all is by none"
    );
    let without = summed(Across::Max, Grouping::Without(names(&["site"])), &rows);
    assert_eq!(
        without,
        [
            (row(&[("port", "1")], &[Some(8.0), None, Some(5.0)]), 2),
            (row(&[("port", "2")], &[Some(3.0), None, None]), 1),
            (row(&[("port", "9")], &[Some(2.0), None, None]), 1),
        ]
    );
}

#[test]
fn each_way_by_hand() {
    let rows = some_rows();
    let median = Across::Quantile(Quantile::MEDIAN);
    for (across, first, last) in [
        (Across::Avg, 3.5, Some(5.0)),
        (Across::Min, 1.0, Some(5.0)),
        (Across::Max, 8.0, Some(5.0)),
        (Across::Sum, 14.0, Some(5.0)),
        (Across::Count, 4.0, Some(1.0)),
        (Across::Stddev, 7.25_f64.sqrt(), Some(0.0)),
        (median, 2.5, Some(5.0)),
    ] {
        let told = summed(across, Grouping::all(), &rows);
        assert_eq!(told[0].0.values, [Some(first), None, last], "{across:?}");
    }
}

#[test]
fn rankings_keep_the_first() {
    let ranked = |k, end| {
        let mut ranking = Ranking::new(k, end);
        for (name, by) in [("a", 2.0), ("b", 5.0), ("c", 2.0), ("d", -1.0), ("e", 5.0)] {
            ranking.consider(by, || name);
        }
        assert_eq!(ranking.considered(), 5);
        ranking.ranked()
    };
    assert_eq!(ranked(3, End::Top), [(5.0, "b"), (5.0, "e"), (2.0, "a")]);
    assert_eq!(ranked(2, End::Bottom), [(-1.0, "d"), (2.0, "a")]);
    assert_eq!(ranked(9, End::Top).len(), 5);
    assert_eq!(ranked(0, End::Top), []);
}

proptest! {
    #[test]
    fn a_ranking_is_the_head_of_the_sorted(values in prop::collection::vec(-1e6..1e6f64, 0..200), k in 0..20usize) {
        let mut ranking = Ranking::new(k, End::Top);
        for (place, value) in values.iter().enumerate() {
            ranking.consider(*value, || place);
        }
        let mut sorted: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        sorted.truncate(k);
        prop_assert_eq!(ranking.ranked(), sorted);
    }

    /// Grouped by everything, and then by nothing, is grouped by nothing.
    #[test]
    fn sums_of_sums_are_sums(rows in prop::collection::vec((0..4u8, 0..4u8, prop::option::of(0..1_000u32)), 1..60)) {
        let rows: Vec<Row> = rows
            .iter()
            .map(|(site, port, value)| Row {
                labels: labels(&[("site", &site.to_string()), ("port", &port.to_string())]),
                values: vec![value.map(f64::from)],
            })
            .collect();
        for across in [Across::Sum, Across::Min, Across::Max] {
            let once = summed(across, Grouping::all(), &rows);
            let sites = summed(across, Grouping::By(names(&["site"])), &rows);
            prop_assert_eq!(sites.iter().map(|(_, rows)| rows).sum::<u64>(), rows.len() as u64);
            let sites: Vec<Row> = sites.into_iter().map(|(row, _)| row).collect();
            let twice = summed(across, Grouping::all(), &sites);
            prop_assert_eq!(&once[0].0, &twice[0].0);
        }
    }
}
