use super::*;
use crate::network::{LinkNo, Role};
use crate::scenario::{FaultDraft, Moment, Shape, Span as Lasting};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_unix_ms(1_795_000_000_000);

fn scenario(topology: Shape, devices: usize) -> Scenario {
    Scenario {
        topology,
        devices,
        ..Scenario::default()
    }
}

fn timeline(scenario: &Scenario) -> Timeline {
    let network = Arc::new(Network::new(scenario).unwrap());
    Timeline::new(network, scenario, START).unwrap()
}

fn draft(kind: &str, target: &str) -> FaultDraft {
    FaultDraft {
        kind: kind.to_owned(),
        target: target.to_owned(),
        ..FaultDraft::default()
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn after(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

/// A port of `a` on the link to `b`.
fn port(network: &Network, a: &str, b: &str) -> PortNo {
    let (a, b) = (network.by_name(a).unwrap(), network.by_name(b).unwrap());
    let link = network.link(network.between(a, b).unwrap());
    if link.a.device == a { link.a } else { link.b }
}

/// Octets out of a port in a minute that begins so many seconds after the start.
fn minute(timeline: &Timeline, port: PortNo, from_secs: u64) -> u64 {
    let then = timeline.octets(port, after(from_secs));
    let now = timeline.octets(port, after(from_secs + 60));
    now.out - then.out
}

fn every_shape() -> impl Iterator<Item = Scenario> {
    [
        (Shape::Campus, 50),
        (Shape::LeafSpine, 12),
        (Shape::Ring, 9),
        (Shape::HubAndSpoke, 20),
        (Shape::Fleet, 5),
    ]
    .into_iter()
    .map(|(shape, devices)| scenario(shape, devices))
}

/// What goes into a device less what comes out of it, summed over its plugged ports, in a minute; aggregates have
/// no plug.
fn kept(timeline: &Timeline, device: DeviceNo, from_secs: u64) -> i128 {
    let ports = 0..timeline.network().device(device).management_port();
    ports
        .map(|port| {
            let port = PortNo { device, port };
            let then = timeline.octets(port, after(from_secs));
            let now = timeline.octets(port, after(from_secs + 60));
            i128::from(now.into - then.into) - i128::from(now.out - then.out)
        })
        .sum()
}

#[test]
fn both_ends_of_a_link_agree() {
    for scenario in every_shape() {
        let timeline = timeline(&scenario);
        let network = Arc::clone(timeline.network());
        for link in network.links() {
            let there = minute(&timeline, link.a, 0);
            let then = timeline.octets(link.b, after(0)).into;
            let heard = timeline.octets(link.b, after(60)).into - then;
            assert_eq!(there, heard, "{:?}", scenario.topology);
        }
    }
}

#[test]
fn what_goes_into_a_device_comes_out_of_it() {
    for scenario in every_shape().filter(|scenario| scenario.topology != Shape::Fleet) {
        let mut timeline = timeline(&scenario);
        let network = Arc::clone(timeline.network());
        let through: Vec<DeviceNo> = network
            .device_numbers()
            .filter(|&device| network.device(device).role != Role::Server)
            .collect();
        for &device in &through {
            assert_eq!(kept(&timeline, device, 0), 0, "{:?}", scenario.topology);
        }
        // And still, when something is cut and something else surges.
        let link = network.link(LinkNo(0));
        let [a, b] = [link.a, link.b].map(|end| network.device(end.device).name.clone());
        let mut surge = draft("surge", &b);
        surge.factor = Some(2.7);
        timeline.add(&surge, after(100)).unwrap();
        timeline
            .add(&draft("link-down", &format!("{a} {b}")), after(130))
            .unwrap();
        for &device in &through {
            assert_eq!(kept(&timeline, device, 200), 0, "{:?}", scenario.topology);
            assert_eq!(kept(&timeline, device, 90), 0, "{:?}", scenario.topology);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_counters_and_another_seed_others() {
    let one = scenario(Shape::Campus, 30);
    let other = Scenario {
        seed: 8,
        ..one.clone()
    };
    let read = |scenario: &Scenario| {
        // A run that starts at another time and is asked at the same one.
        let network = Arc::new(Network::new(scenario).unwrap());
        let timeline = Timeline::new(network, scenario, after(86_400)).unwrap();
        let network = timeline.network();
        let ports = network.links().iter().map(|link| link.a);
        ports
            .map(|port| timeline.counters(port, after(500)))
            .collect::<Vec<_>>()
    };
    let timeline = timeline(&one);
    let links = timeline.network().links().iter();
    let here: Vec<Counters> = links
        .map(|link| timeline.counters(link.a, after(500)))
        .collect();
    assert_eq!(here, read(&one));
    assert_ne!(here, read(&other));
}

#[test]
fn a_cut_link_carries_nothing_and_its_traffic_goes_round() {
    let mut timeline = timeline(&scenario(Shape::Ring, 6));
    let network = Arc::clone(timeline.network());
    let cut = port(&network, "ring-1", "ring-2");
    let far = network.far_end(cut).unwrap();
    let round = port(&network, "ring-4", "ring-5");
    assert!(minute(&timeline, cut, 0) > 0);
    let mut fault = draft("link-down", "ring-1 ring-2");
    fault.lasts = Some(Lasting(secs(600)));
    let quiet = minute(&timeline, round, 120);
    timeline.add(&fault, after(60)).unwrap();
    assert_eq!(minute(&timeline, cut, 60), 0);
    assert_eq!(minute(&timeline, far, 60), 0);
    assert!(minute(&timeline, round, 120) > quiet);
    for end in [cut, far] {
        assert!(timeline.is_up(end, after(59)));
        assert!(!timeline.is_up(end, after(60)));
        assert!(timeline.is_up(end, after(660)));
        assert_eq!(timeline.last_change(end, after(300)), after(60));
        assert_eq!(timeline.last_change(end, after(700)), after(660));
    }
    assert!(minute(&timeline, cut, 660) > 0);
    assert_eq!(minute(&timeline, round, 700), {
        let usual = self::timeline(&scenario(Shape::Ring, 6));
        minute(&usual, round, 700)
    });
}

#[test]
fn a_rebooted_device_is_away_and_counts_from_nothing() {
    let mut timeline = timeline(&scenario(Shape::Campus, 50));
    let network = Arc::clone(timeline.network());
    let name = "b1-dist-1";
    let device = network.by_name(name).unwrap();
    let plug = port(&network, name, "core-1");
    let far = network.far_end(plug).unwrap();
    let boots = timeline.boots(device, after(0));
    timeline.add(&draft("reboot", name), after(60)).unwrap();
    assert!(timeline.manners(device, after(61)).silent);
    assert!(timeline.is_away(device, after(61)));
    assert!(!timeline.is_up(far, after(100)));
    assert!(!timeline.manners(device, after(150)).silent);
    assert!(timeline.is_up(far, after(150)));
    assert_eq!(timeline.booted(device, after(200)), after(150));
    assert_eq!(timeline.boots(device, after(200)), boots + 1);
    assert_eq!(timeline.octets(plug, after(150)), Octets::default());
    let now = timeline.octets(plug, after(210));
    let far_minute = minute(&timeline, far, 150);
    assert_eq!(now.into, far_minute, "the other end goes on counting");
    assert_eq!(timeline.numbering(device, after(200)), 0);
    timeline.add(&draft("renumber", name), after(300)).unwrap();
    assert_eq!(timeline.numbering(device, after(400)), 1);
}

#[test]
fn a_link_fills_up_in_steps_and_then_drops_packets() {
    let mut timeline = timeline(&scenario(Shape::Campus, 50));
    let network = Arc::clone(timeline.network());
    let plug = port(&network, "b2-dist-1", "core-1");
    let mut fault = draft("fill", "b2-dist-1 core-1");
    fault.over = Some(Lasting(secs(86_400)));
    fault.to = Some(1.0);
    let week = |timeline: &Timeline, from: u64| {
        let then = timeline.octets(plug, after(from));
        let now = timeline.octets(plug, after(from + 7 * 86_400));
        (now.into - then.into).max(now.out - then.out) as f64 * 8.0 / (7.0 * 86_400.0)
    };
    let usual = week(&timeline, 86_400);
    timeline.add(&fault, after(0)).unwrap();
    let full = week(&timeline, 86_400);
    let speed = 40e9;
    assert!(full > 2.0 * usual, "{usual} {full}");
    assert!((0.15..0.7).contains(&(full / speed)), "{}", full / speed);
    let half = after(43_200);
    assert!(
        timeline.counters(plug, half).out_discards
            <= timeline.counters(plug, after(200_000)).out_discards
    );
    let ends = [plug, network.far_end(plug).unwrap()];
    let dropped = |at| ends.map(|end| timeline.counters(end, at).out_discards);
    assert!(
        dropped(after(200_000)).iter().sum::<u64>() > dropped(after(0)).iter().sum::<u64>() + 1_000
    );
}

#[test]
fn errors_come_with_frames_and_stay_when_they_end() {
    let mut timeline = timeline(&scenario(Shape::Campus, 20));
    let network = Arc::clone(timeline.network());
    let plug = port(&network, "core-1", "edge-1");
    let before = timeline.counters(plug, after(60)).in_errors;
    let mut fault = draft("errors", "core-1 edge-1");
    fault.ratio = Some(0.01);
    fault.lasts = Some(Lasting(secs(60)));
    timeline.add(&fault, after(60)).unwrap();
    let counters = |at| timeline.counters(plug, at);
    let packets = counters(after(120)).in_packets - counters(after(60)).in_packets;
    let errors = counters(after(120)).in_errors - before;
    assert!(errors.abs_diff(packets / 100) <= 1, "{errors} {packets}");
    assert!(counters(after(3_600)).in_errors - before < errors + errors / 10 + 2);
}

#[test]
fn agents_misbehave_while_the_fault_lasts() {
    let mut timeline = timeline(&scenario(Shape::Fleet, 3));
    let device = timeline.network().by_name("node-2").unwrap();
    for kind in ["silent", "slow", "loss", "overheat"] {
        let mut fault = draft(kind, "node-2");
        fault.lasts = Some(Lasting(secs(7_200)));
        timeline.add(&fault, after(10)).unwrap();
    }
    assert_eq!(timeline.manners(device, after(9)), Manners::default());
    let manners = timeline.manners(device, after(11));
    assert!(manners.silent && manners.delay_ms == 3_000 && manners.loss > 0.2);
    assert!((timeline.overheat_celsius(device, after(1_810)) - 15.0).abs() < 0.1);
    assert!((timeline.overheat_celsius(device, after(5_000)) - 30.0).abs() < 0.1);
    assert!(timeline.overheat_celsius(device, after(7_300)).abs() < 0.1);
    assert_eq!(timeline.manners(device, after(7_300)), Manners::default());
}

#[test]
fn removing_a_fault_ends_it_and_keeps_what_was_counted() {
    let mut timeline = timeline(&scenario(Shape::Ring, 6));
    let network = Arc::clone(timeline.network());
    let cut = port(&network, "ring-1", "ring-2");
    let fault = timeline
        .add(&draft("link-down", "ring-1 ring-2"), after(60))
        .unwrap();
    let then = timeline.octets(cut, after(200));
    let later = timeline
        .add(&draft("silent", "ring-3"), after(200))
        .unwrap();
    assert_eq!((fault.id, later.id), (FaultId(1), FaultId(2)));
    assert_eq!(timeline.octets(cut, after(200)), then);
    let removed = timeline.remove(fault.id, after(300)).unwrap();
    assert_eq!(removed.ends_at, Some(after(300)));
    assert!(timeline.is_up(cut, after(301)));
    assert_eq!(timeline.octets(cut, after(200)), then);
    assert!(minute(&timeline, cut, 300) > 0);
    assert!(timeline.remove(FaultId(99), after(400)).is_none());
    timeline.remove(later.id, after(400)).unwrap();
    let states: Vec<&str> = timeline
        .faults(after(500))
        .iter()
        .map(|f| f.state)
        .collect();
    assert_eq!(states, ["over", "over"]);
    // One that has not begun is as if it had never been.
    let mut future = draft("device-down", "ring-1");
    future.at = Some(Moment::After(1_000_000));
    let id = timeline.add(&future, after(500)).unwrap().id;
    assert_eq!(id, FaultId(3), "ids follow each other whatever was removed");
    assert!(timeline.next_change(after(500)).is_some());
    timeline.remove(id, after(600)).unwrap();
    assert_eq!(timeline.next_change(after(500)), None);
}

#[test]
fn faults_that_make_no_sense_are_refused_by_field() {
    let mut timeline = timeline(&scenario(Shape::Campus, 20));
    let check = |timeline: &mut Timeline, draft: FaultDraft, words: &str| {
        let error = timeline.add(&draft, after(10)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let timeline = &mut timeline;
    check(
        timeline,
        draft("link-dwn", "core-1 edge-1"),
        "did you mean `link-down`?",
    );
    check(
        timeline,
        draft("link-down", "core-1"),
        "`target`: this kind befalls a link or a port",
    );
    check(
        timeline,
        draft("reboot", "core-1 edge-1"),
        "befalls a device",
    );
    check(timeline, draft("reboot", "cor-1"), "did you mean `core-1`?");
    check(
        timeline,
        draft("link-down", "srv-1 edge-1"),
        "there is no link between",
    );
    check(timeline, draft("", "core-1"), "`kind`: it is missing");
    check(timeline, draft("reboot", ""), "`target`");
    let mut past = draft("reboot", "core-1");
    past.at = Some(Moment::After(-5_000));
    check(timeline, past, "is past");
    let mut stranger = draft("silent", "core-1");
    stranger.ratio = Some(0.5);
    check(timeline, stranger, "`ratio`: `silent` has no such field");
    let mut absurd = draft("loss", "core-1");
    absurd.ratio = Some(7.0);
    check(timeline, absurd, "`ratio`: 7 is not within 0 to 1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever happens when, no counter goes back while its device stays up.
    #[test]
    fn counters_never_go_back(
        seed in 0_u64..50,
        faults in prop::collection::vec((0_usize..6, 0_usize..10, 0_u64..2_000, 1_u64..900), 0..6),
    ) {
        let base = Scenario { seed, ..scenario(Shape::Ring, 5) };
        let mut timeline = timeline(&base);
        let network = Arc::clone(timeline.network());
        let mut sorted = faults;
        sorted.sort_by_key(|fault| fault.2);
        for (kind, place, at, lasts) in sorted {
            let kinds = ["link-down", "surge", "fill", "errors", "device-down", "slow"];
            let link = network.links()[place % network.links().len()];
            let [a, b] = [link.a, link.b].map(|end| network.device(end.device).name.clone());
            let target = if kind > 3 { a } else { format!("{a} {b}") };
            let mut fault = draft(kinds[kind], &target);
            fault.lasts = Some(Lasting(secs(lasts)));
            if kind == 2 {
                fault.over = Some(Lasting(secs(lasts.div_ceil(2))));
            }
            timeline.add(&fault, after(at)).unwrap();
        }
        for link in network.links() {
            for port in [link.a, link.b] {
                let mut before = (timeline.booted(port.device, after(0)), timeline.counters(port, after(0)));
                for step in 1..60 {
                    let at = after(step * 53);
                    let now = (timeline.booted(port.device, at), timeline.counters(port, at));
                    if now.0 == before.0 {
                        let (a, b) = (before.1, now.1);
                        prop_assert!(a.in_octets <= b.in_octets && a.out_octets <= b.out_octets);
                        prop_assert!(a.in_packets <= b.in_packets && a.out_packets <= b.out_packets);
                        prop_assert!(a.in_errors <= b.in_errors && a.out_discards <= b.out_discards);
                    }
                    before = now;
                }
            }
        }
    }
}
