//! Sampling as NetFlow v9 and IPFIX state it.

use super::{Bench, FIELDS, be, ipfix, options_template, record, set, template, v9};
use crate::flow::Format;
use model::flow::FlowDirection;

/// Octets of a flow of 100 after options that state a rate.
fn check_sampling(name: &str, options: &[Vec<u8>], expected: u64) {
    let mut bench = Bench::new();
    let mut sets = options.to_vec();
    sets.push(set(2, &template(256, FIELDS)));
    sets.push(set(256, &record(100)));
    bench.netflow(&ipfix(1, 0, &sets));
    assert_eq!(
        bench.octets(),
        [(3, FlowDirection::Ingress, expected)],
        "{name}"
    );
    assert_eq!(
        bench.state().rate,
        (expected > 100).then_some(expected as u32 / 100),
        "{name}"
    );
    assert_eq!(bench.defects(), [], "{name}");
}

#[test]
fn sampling_that_options_of_ipfix_state_is_honoured() {
    let options = |fields: &[(u16, u16)], record: &[u8]| {
        vec![set(3, &options_template(300, 1, fields)), set(300, record)]
    };
    let domain = (149, 4);
    check_sampling(
        "samplingInterval",
        &options(&[domain, (34, 4), (35, 1)], &be(&[(1, 4), (10, 4), (1, 1)])),
        1_000,
    );
    check_sampling(
        "samplerRandomInterval of the only sampler",
        &options(&[domain, (48, 1), (50, 4)], &be(&[(1, 4), (5, 1), (20, 4)])),
        2_000,
    );
    check_sampling(
        "one packet taken, 99 left out",
        &options(
            &[(302, 8), (304, 2), (305, 4), (306, 4)],
            &be(&[(9, 8), (1, 2), (1, 4), (99, 4)]),
        ),
        10_000,
    );
    check_sampling(
        "samplingSize of samplingPopulation",
        &options(
            &[(302, 8), (309, 4), (310, 4)],
            &be(&[(9, 8), (2, 4), (100, 4)]),
        ),
        5_000,
    );
    check_sampling(
        "samplingProbability",
        &options(
            &[(302, 8), (311, 8)],
            &be(&[(9, 8), (0.25_f64.to_bits(), 8)]),
        ),
        400,
    );
    check_sampling(
        "of this interface",
        &options(&[(10, 4), (34, 4)], &be(&[(3, 4), (2, 4)])),
        200,
    );
    check_sampling(
        "of another interface",
        &options(&[(10, 4), (34, 4)], &be(&[(4, 4), (2, 4)])),
        100,
    );
    check_sampling(
        "a rate of zero is none",
        &options(&[domain, (34, 4)], &be(&[(1, 4), (0, 4)])),
        100,
    );
}

#[test]
fn the_sampler_that_a_record_names_decides() {
    let mut bench = Bench::new();
    let options = set(3, &options_template(300, 1, &[(302, 1), (50, 4)]));
    let samplers = [be(&[(1, 1), (10, 4)]), be(&[(2, 1), (100, 4)])].concat();
    let fields = [(10, 4), (48, 1), (1, 4)];
    let data = [be(&[(3, 4), (1, 1), (1, 4)]), be(&[(3, 4), (2, 1), (1, 4)])].concat();
    bench.netflow(&ipfix(
        1,
        0,
        &[
            options,
            set(300, &samplers),
            set(2, &template(256, &fields)),
            set(256, &data),
        ],
    ));
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 110)]);
}

#[test]
fn sampling_that_options_of_netflow_9_state_is_honoured() {
    let mut bench = Bench::new();
    // Scope interface (2) in four octets; SAMPLING_INTERVAL.
    let options = be(&[
        (300, 2),
        (4, 2),
        (4, 2),
        (2, 2),
        (4, 2),
        (34, 2),
        (4, 2),
        (0, 2),
    ]);
    let rate = be(&[(3, 4), (50, 4)]);
    // IN_BYTES, INPUT_SNMP in two octets, LAST_SWITCHED.
    let fields = [(1, 4), (10, 2), (21, 4)];
    let data = be(&[(100, 4), (3, 2), (4_990_000, 4), (0, 2)]);
    bench.netflow(&v9(
        1,
        0,
        &[
            set(1, &options),
            set(300, &rate),
            set(0, &template(256, &fields)),
            set(256, &data),
        ],
    ));
    assert_eq!(bench.state().format, Some(Format::Netflow9));
    assert_eq!(bench.defects(), []);
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 5_000)]);
}
