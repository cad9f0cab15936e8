//! Ranking of causes: what began it is found behind those it passes through; bad input is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

use foretell_analytics::rank::{Kind, Metric, Node, Unrankable, rank};
use proptest::prelude::*;

/// A node that is asked 100 times a step, and is bad by so much in the third of five steps.
fn node(kind: Kind, usual: f64, bad: f64) -> Node {
    let values = |n: usize| usual * (1.0 + 0.01 * ((n * 7 % 11) as f64 - 5.0));
    let mut during: Vec<f64> = (0..5).map(values).collect();
    during[2] += bad;
    Node {
        metrics: vec![
            Metric {
                kind,
                normal: (0..200).map(values).collect(),
                during,
            },
            Metric {
                kind: Kind::Traffic,
                normal: vec![100.0; 200],
                during: vec![100.0; 5],
            },
        ],
    }
}

#[test]
fn what_callees_explain_is_no_cause() {
    // 0 calls 1 and 2, 1 calls 3: it begins at 3 and is waited for at 1 and 0.
    let calls = [(0, 1), (0, 2), (1, 3)];
    let slow = |bad: [f64; 5]| -> Vec<Node> {
        bad.iter()
            .map(|bad| node(Kind::Latency, 1.0, *bad))
            .collect()
    };
    let first = |nodes: &[Node]| rank(nodes, &calls, 0, Kind::Latency).unwrap()[0].node;
    assert_eq!(first(&slow([2.0, 2.0, 0.0, 2.0, 0.0])), 3);
    assert_eq!(first(&slow([2.0, 2.0, 0.0, 0.0, 0.0])), 1);
    assert_eq!(first(&slow([2.0, 0.0, 0.0, 0.0, 0.0])), 0);
    // What nobody on the way calls is not asked, however bad it is.
    assert_eq!(first(&slow([2.0, 2.0, 0.0, 0.0, 90.0])), 1);
    // What is a little bad is not taken for what is bad by as much as is seen.
    assert_eq!(first(&slow([2.0, 2.0, 0.3, 0.0, 0.0])), 1);
}

#[test]
fn what_was_so_before_is_no_cause() {
    let calls = [(0, 1), (0, 2)];
    let mut nodes = vec![
        node(Kind::Availability, 99.0, -20.0),
        node(Kind::Availability, 99.0, -20.0),
        node(Kind::Availability, 99.0, 0.0),
    ];
    // It stands still since longer than the incident.
    nodes[2].metrics[0].during = vec![0.0; 5];
    let found = rank(&nodes, &calls, 0, Kind::Availability).unwrap();
    assert_eq!(found[0].node, 1);
    assert!(found[0].likelihood > 0.8, "{found:?}");
}

#[test]
fn a_call_in_a_circle_ends() {
    let calls = [(0, 1), (1, 0), (1, 1), (1, 2), (1, 2)];
    let nodes: Vec<Node> = [2.0, 2.0, 2.0]
        .iter()
        .map(|bad| node(Kind::Errors, 5.0, *bad))
        .collect();
    let found = rank(&nodes, &calls, 0, Kind::Errors).unwrap();
    assert_eq!(found[0].node, 2);
}

#[test]
fn what_cannot_be_ranked_is_told() {
    assert!(matches!(
        rank(&[], &[], 0, Kind::Errors),
        Err(Unrankable::Size { .. })
    ));
    let one = [Node::default()];
    assert_eq!(
        rank(&one, &[], 1, Kind::Errors),
        Err(Unrankable::Node { node: 1 })
    );
    assert_eq!(
        rank(&one, &[(0, 7)], 0, Kind::Errors),
        Err(Unrankable::Node { node: 7 })
    );
    assert!(matches!(
        rank(&one, &vec![(0, 0); 20_001], 0, Kind::Errors),
        Err(Unrankable::Size { .. })
    ));
    assert_eq!(rank(&one, &[], 0, Kind::Errors).unwrap().len(), 1);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0,
        1 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX), Just(f64::MIN),
            Just(1e99), Just(-1e99), Just(1e-300), Just(0.0),
        ],
    ]
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Latency),
        Just(Kind::Errors),
        Just(Kind::Availability),
        Just(Kind::Traffic),
        Just(Kind::Saturation),
    ]
}

fn any_node() -> impl Strategy<Value = Node> {
    let values = || proptest::collection::vec(any_value(), 0..20);
    let metric = (any_kind(), values(), values()).prop_map(|(kind, normal, during)| Metric {
        kind,
        normal,
        during,
    });
    proptest::collection::vec(metric, 0..4).prop_map(|metrics| Node { metrics })
}

proptest! {
    #[test]
    fn whatever_is_measured_all_are_ranked(
        nodes in proptest::collection::vec(any_node(), 1..8),
        calls in proptest::collection::vec((0_usize..8, 0_usize..8), 0..20),
        target in 0_usize..8,
        symptom in any_kind(),
    ) {
        let many = nodes.len();
        let calls: Vec<_> = calls.iter().map(|call| (call.0 % many, call.1 % many)).collect();
        let found = rank(&nodes, &calls, target % many, symptom).unwrap();
        prop_assert_eq!(&found, &rank(&nodes, &calls, target % many, symptom).unwrap());
        let mut places: Vec<usize> = found.iter().map(|of| of.node).collect();
        places.sort_unstable();
        prop_assert_eq!(places, (0..many).collect::<Vec<_>>());
        let total: f64 = found.iter().map(|of| of.likelihood).sum();
        prop_assert!((total - 1.0).abs() < 1e-9, "{}", total);
        prop_assert!(found.iter().all(|of| (0.0..=1.0).contains(&of.anomaly)));
        prop_assert!(found.windows(2).all(|two| two[0].likelihood >= two[1].likelihood));
    }
}
