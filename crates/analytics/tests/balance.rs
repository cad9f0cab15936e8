//! Balance over networks and groups: what is best is found, nothing gets worse, bad input is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

use foretell_analytics::balance::{
    BUCKETS_MAX, Balancer, Group, Link, Member, Network, Plan, ROUTES_MAX, Unbalanceable, group,
};
use proptest::prelude::*;

fn network(nodes: usize, links: &[(usize, usize, f64)]) -> Network {
    let links = links
        .iter()
        .map(|&(from, to, capacity)| Link { from, to, capacity })
        .collect();
    Network::new(nodes, links).unwrap()
}

fn planned(network: &Network, matrices: &[Vec<f64>]) -> Plan {
    let mut balancer = Balancer::new(network.clone());
    for matrix in matrices {
        balancer.observe(matrix).unwrap();
    }
    balancer.plan().unwrap()
}

/// Load of the worst link where these demands come.
fn worst(network: &Network, plan: &Plan, demands: &[f64]) -> f64 {
    let mut loads = vec![0.0; network.links().len()];
    for split in &plan.splits {
        for route in &split.routes {
            for &link in &route.links {
                loads[link] += route.share * demands[split.from * network.nodes() + split.to];
            }
        }
    }
    let loads = loads.iter().zip(network.links());
    loads
        .filter(|(load, _)| **load > 0.0)
        .map(|(load, link)| load / link.capacity)
        .fold(0.0, f64::max)
}

#[test]
fn what_is_best_is_found() {
    // Two ways of capacities 10 and 30 between 0 and 3: 20 are best split one to three, 0.5 on each.
    let two = network(4, &[(0, 1, 10.0), (1, 3, 10.0), (0, 2, 30.0), (2, 3, 30.0)]);
    let mut demands = vec![0.0; 16];
    demands[3] = 20.0;
    let plan = planned(&two, std::slice::from_ref(&demands));
    assert!((plan.worst_then - 0.5).abs() < 1e-3, "{plan:?}");
    assert!((plan.worst_shortest - 1.0).abs() < 1e-3);
    assert!((worst(&two, &plan, &demands) - plan.worst_then).abs() < 1e-3);
    let split = plan
        .splits
        .iter()
        .find(|split| (split.from, split.to) == (0, 3));
    assert_eq!(split.unwrap().routes[0].links, [2, 3]);
    // Links beside each other are ways of their own.
    let beside = network(2, &[(0, 1, 1.0), (0, 1, 3.0), (0, 1, 0.0)]);
    let plan = planned(&beside, &[vec![0.0, 2.0, 0.0, 0.0]]);
    assert!((plan.worst_then - 0.5).abs() < 1e-3, "{plan:?}");
}

#[test]
fn what_may_come_is_heeded() {
    // Each of two pairs sends much in every second step: best is a part for both on the way between.
    let ring = network(3, &[(0, 2, 10.0), (1, 2, 10.0), (0, 1, 10.0), (1, 0, 10.0)]);
    let matrix = |a: f64, b: f64| vec![0.0, 0.0, a, 0.0, 0.0, b, 0.0, 0.0, 0.0];
    let swings: Vec<Vec<f64>> = (0..12)
        .map(|n| {
            if n % 2 == 0 {
                matrix(10.0, 0.0)
            } else {
                matrix(0.0, 10.0)
            }
        })
        .collect();
    let plan = planned(&ring, &swings);
    assert!(plan.worst_then < 0.51, "{plan:?}");
    assert!(worst(&ring, &plan, &matrix(10.0, 0.0)) < 0.51);
    assert!(worst(&ring, &plan, &matrix(0.0, 10.0)) < 0.51);
}

#[test]
fn what_cannot_be_balanced_is_told() {
    let link = |from, to, capacity| vec![Link { from, to, capacity }];
    assert!(matches!(
        Network::new(0, vec![]),
        Err(Unbalanceable::Size { .. })
    ));
    assert!(matches!(
        Network::new(10_000, vec![]),
        Err(Unbalanceable::Size { .. })
    ));
    assert_eq!(
        Network::new(2, link(0, 2, 1.0)),
        Err(Unbalanceable::End { link: 0 })
    );
    for capacity in [-1.0, f64::NAN, f64::INFINITY, 1e200] {
        assert_eq!(
            Network::new(2, link(0, 1, capacity)),
            Err(Unbalanceable::Number { at: 0 })
        );
    }
    let mut balancer = Balancer::new(network(2, &[(0, 1, 1.0)]));
    assert_eq!(balancer.plan(), Err(Unbalanceable::Unmeasured));
    assert!(matches!(
        balancer.observe(&[1.0]),
        Err(Unbalanceable::Demands { .. })
    ));
    // A link that is down, and no way back.
    let plan = planned(
        &network(3, &[(0, 1, 1.0), (1, 2, 0.0)]),
        &[vec![0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, f64::NAN]],
    );
    assert_eq!(plan.unroutable, [(0, 2), (1, 0), (1, 2)]);
    assert_eq!(plan.splits.len(), 1);
    // Nothing is sent.
    let plan = planned(&network(2, &[(0, 1, 1.0)]), &[vec![0.0; 4]]);
    assert_eq!((plan.worst_then, plan.worst_shortest), (0.0, 0.0));
}

#[test]
fn what_was_not_measured_is_as_it_was() {
    let two = network(2, &[(0, 1, 1.0), (1, 0, 1.0)]);
    let with = planned(
        &two,
        &[
            vec![0.0, 0.4, 0.2, 0.0],
            vec![0.0, f64::NAN, -1.0, f64::INFINITY],
        ],
    );
    let without = planned(&two, &[vec![0.0, 0.4, 0.2, 0.0], vec![0.0, 0.4, 0.2, 0.0]]);
    assert_eq!(with, without);
}

#[test]
fn buckets_follow_capacity_and_what_is_carried_beside() {
    let member = |capacity, other, weight| Member {
        capacity,
        other,
        weight,
    };
    let advice = group(&[member(10.0, 0.0, 0), member(30.0, 0.0, 0)], 20.0, 64).unwrap();
    assert_eq!(advice.weights, [1, 3]);
    assert_eq!((advice.worst_now, advice.worst_then), (1.0, 0.5));
    let full = group(&[member(10.0, 9.0, 1), member(10.0, 0.0, 1)], 8.0, 8).unwrap();
    assert_eq!(full.weights, [0, 1]);
    // One that is down gets nothing.
    let down = group(&[member(0.0, 0.0, 1), member(10.0, 0.0, 1)], 5.0, 8).unwrap();
    assert_eq!(
        (down.weights.clone(), down.worst_now),
        (vec![0, 1], f64::INFINITY)
    );
    // What cannot be better is left as it is.
    let kept = group(&[member(10.0, 0.0, 2), member(10.0, 0.0, 2)], 5.0, 7).unwrap();
    assert_eq!((kept.weights.clone(), kept.gain()), (vec![1, 1], 0.0));
    assert!(matches!(
        group(&[], 1.0, 8),
        Err(Unbalanceable::Size { .. })
    ));
    assert_eq!(
        group(&[member(0.0, 0.0, 1)], 1.0, 8),
        Err(Unbalanceable::Down)
    );
    assert_eq!(
        group(&[member(1.0, -1.0, 1)], 1.0, 8),
        Err(Unbalanceable::Number { at: 0 })
    );
    assert_eq!(
        group(&[member(1.0, 0.0, 1)], f64::NAN, 8),
        Err(Unbalanceable::Number { at: 1 })
    );
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..1e3,
        1 => Just(0.0),
        1 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(1e-200), Just(1e99), Just(1e-99),
        ],
    ]
}

fn any_capacity() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 1.0..1e3, 1 => Just(0.0), 1 => Just(1e-120), 1 => Just(1e-90), 1 => Just(1e100)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_network_is_made_worse(
        nodes in 1_usize..9,
        links in proptest::collection::vec((0_usize..9, 0_usize..9, any_capacity()), 0..30),
        matrices in proptest::collection::vec(proptest::collection::vec(any_number(), 81), 1..15),
    ) {
        let links: Vec<_> = links.iter().map(|link| (link.0 % nodes, link.1 % nodes, link.2)).collect();
        let network = network(nodes, &links);
        let matrices: Vec<Vec<f64>> = matrices.iter().map(|of| of[..nodes * nodes].to_vec()).collect();
        let plan = planned(&network, &matrices);
        prop_assert_eq!(&plan, &planned(&network, &matrices));
        prop_assert!(plan.worst_then <= plan.worst_shortest, "{} {}", plan.worst_then, plan.worst_shortest);
        prop_assert!(plan.worst_shortest.is_finite());
        for split in &plan.splits {
            prop_assert!(!split.routes.is_empty() && split.routes.len() <= ROUTES_MAX);
            let total: f64 = split.routes.iter().map(|route| route.share).sum();
            prop_assert!((total - 1.0).abs() < 1e-9);
            for route in &split.routes {
                prop_assert!(route.share > 0.0);
                let mut at = split.from;
                for &link in &route.links {
                    prop_assert_eq!(network.links()[link].from, at);
                    prop_assert!(network.links()[link].capacity > 0.0);
                    at = network.links()[link].to;
                }
                prop_assert_eq!(at, split.to);
                prop_assert!(route.links.len() < nodes);
            }
        }
    }

    #[test]
    fn one_demand_is_balanced_as_said(
        links in proptest::collection::vec((0_usize..6, 0_usize..6, 1.0..100.0), 1..25),
        demands in proptest::collection::vec(0.0..100.0, 36),
    ) {
        let network = network(6, &links);
        let plan = planned(&network, std::slice::from_ref(&demands));
        let measured = worst(&network, &plan, &demands);
        prop_assert!((measured - plan.worst_then).abs() <= 1e-3 * plan.worst_then, "{} {}", measured, plan.worst_then);
        // What is told of the past does not change by what comes.
        let mut balancer = Balancer::new(network.clone());
        balancer.observe(&demands).unwrap();
        prop_assert_eq!(balancer.plan().unwrap(), plan);
    }

    #[test]
    fn no_group_is_made_worse(
        members in proptest::collection::vec((any_capacity(), 0.0..1e3, any::<u32>()), 1..20),
        demand in 0.0..1e4,
        buckets in any::<u32>(),
    ) {
        let members: Vec<Member> = members
            .iter()
            .map(|&(capacity, other, weight)| Member { capacity, other, weight })
            .collect();
        let advice: Result<Group, _> = group(&members, demand, buckets);
        prop_assert_eq!(&advice, &group(&members, demand, buckets));
        if let Ok(advice) = advice {
            prop_assert!(advice.gain() >= 0.0 && advice.worst_then.is_finite());
            prop_assert!(advice.weights.iter().any(|weight| *weight > 0));
            let total: u64 = advice.weights.iter().map(|&weight| u64::from(weight)).sum();
            let today: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
            prop_assert!(total <= u64::from(BUCKETS_MAX).max(today));
        }
    }
}
