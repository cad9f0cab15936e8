//! How things were and how much of it they were there, as data: times are seconds.

use foretell_topology::availability::{Piece, Range, State, of_device, of_interface, sum_up};
use model::history::{Availability, DeviceFound, IfStates, InterfaceFound, MaintenanceWindow, Run};
use model::interface::IfStatus;
use model::{Status, Timestamp};

fn at(secs: &str) -> Timestamp {
    Timestamp::from_unix_ms(secs.parse::<i64>().unwrap() * 1_000)
}

fn spans(text: &str) -> Vec<(Timestamp, Timestamp)> {
    text.split_whitespace()
        .map(|span| span.split_once('-').unwrap())
        .map(|(from, to)| (at(from), at(to)))
        .collect()
}

fn runs(text: &str) -> Vec<Run> {
    let run = |(from, until)| Run { from, until };
    spans(text).into_iter().map(run).collect()
}

fn windows(text: &str) -> Vec<MaintenanceWindow> {
    let window = |(from, to)| MaintenanceWindow {
        from,
        to,
        reason: None,
    };
    spans(text).into_iter().map(window).collect()
}

/// `0:up 10:down`; an interface's states are not read where the status has a `-` behind it, or is
/// not up.
fn device(text: &str) -> Vec<DeviceFound> {
    text.split_whitespace()
        .map(|found| {
            let (when, status) = found.split_once(':').unwrap();
            DeviceFound {
                at: at(when),
                status: match status.trim_end_matches('-') {
                    "up" => Status::Up,
                    "degraded" => Status::Degraded,
                    "down" => Status::Down,
                    _ => Status::Unknown,
                },
                interfaces_read: status == "up",
                evidence: Vec::new(),
            }
        })
        .collect()
}

fn states(text: &str) -> IfStates {
    let status = |text: &str| match text {
        "up" => Some(IfStatus::Up),
        "down" => Some(IfStatus::Down),
        "testing" => Some(IfStatus::Testing),
        "lower" => Some(IfStatus::LowerLayerDown),
        _ => None,
    };
    let (oper, admin) = text.split_once('/').unwrap_or((text, "up"));
    IfStates {
        oper: status(oper),
        admin: status(admin),
    }
}

/// `10:down 20:down/down`: oper, and admin where it is not up.
fn interface(text: &str) -> Vec<InterfaceFound> {
    text.split_whitespace()
        .map(|found| {
            let (when, to) = found.split_once(':').unwrap();
            InterfaceFound {
                at: at(when),
                before: None,
                now: states(to),
            }
        })
        .collect()
}

fn range(text: &str) -> Range {
    let (from, to) = spans(text)[0];
    Range { from, to }
}

/// `0-10 up, 10-20 down*`: `*` is maintenance.
fn told<T>(pieces: &[Piece<T>]) -> String {
    let piece = |piece: &Piece<T>| {
        let state = match piece.state {
            State::Up => "up",
            State::Degraded => "degraded",
            State::Down => "down",
            State::Unknown => "unknown",
            State::Shut => "shut",
        };
        let (from, to) = (piece.range.from.unix_ms(), piece.range.to.unix_ms());
        let work = if piece.maintenance { "*" } else { "" };
        format!("{}-{} {state}{work}", from / 1_000, to / 1_000)
    };
    pieces.iter().map(piece).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn of(within: &str, ran: &str, found: &str, work: &str, wanted: &str) {
    let pieces = of_device(range(within), &runs(ran), &device(found), &windows(work));
    assert_eq!(told(&pieces), wanted, "{ran} | {found} | {work}");
}

#[test]
fn a_device_is_as_it_was_found_until_it_is_found_otherwise() {
    of(
        "0-100",
        "0-100",
        "0:up 10:down 30:up",
        "",
        "0-10 up, 10-30 down, 30-100 up",
    );
    // Found before the range, and after it.
    of("20-40", "0-100", "0:up 10:down 60:up", "", "20-40 down");
    of("20-40", "0-100", "0:up", "", "20-40 up");
    // Not yet asked, and never.
    of("0-100", "0-100", "30:up", "", "0-30 unknown, 30-100 up");
    of("0-100", "0-100", "", "", "0-100 unknown");
    // Twice the same is no change.
    of("0-100", "0-100", "0:up 10:up 20:up-", "", "0-100 up");
    // The poller fell behind.
    of(
        "0-100",
        "0-100",
        "0:up 50:unknown 60:up",
        "",
        "0-50 up, 50-60 unknown, 60-100 up",
    );
    // Ends of ranges are not in them.
    of("0-10", "0-100", "0:up 10:down", "", "0-10 up");
}

#[test]
fn a_stopped_server_knows_nothing() {
    // Stopped at 40, started at 50, asked at 55.
    of(
        "0-100",
        "0-40 50-100",
        "0:up 55:up",
        "",
        "0-40 up, 40-55 unknown, 55-100 up",
    );
    // It was down before and after: what was between is not known.
    of(
        "0-100",
        "0-40 50-100",
        "0:up 30:down 55:down",
        "",
        "0-30 up, 30-40 down, 40-55 unknown, 55-100 down",
    );
    // What was found before it stopped does not hold over the next start.
    of("45-100", "0-40 50-100", "0:up", "", "45-100 unknown");
    // It has not run at all, or only later.
    of("0-100", "", "0:up", "", "0-100 unknown");
    of("0-100", "200-300", "0:up 205:up", "", "0-100 unknown");
    // A run that was cut in two without a break goes on.
    of(
        "0-100",
        "0-40 40-100",
        "0:up 60:down",
        "",
        "0-60 up, 60-100 down",
    );
    // A run of no length, and one with a sign of life at the very change.
    of(
        "0-100",
        "0-30 50-50 60-100",
        "0:up 30:down 61:up",
        "",
        "0-30 up, 30-61 unknown, 61-100 up",
    );
}

#[test]
fn maintenance_is_laid_over() {
    of(
        "0-100",
        "0-100",
        "0:up 30:down 70:up",
        "20-50",
        "0-20 up, 20-30 up*, 30-50 down*, 50-70 down, 70-100 up",
    );
    // Windows that meet, overlap, begin before or end after the range, or are of no length.
    of(
        "10-100",
        "0-100",
        "0:up",
        "0-20 20-30 25-40 60-60 90-200",
        "10-40 up*, 40-90 up, 90-100 up*",
    );
    of(
        "0-100",
        "0-50",
        "0:up",
        "40-60",
        "0-40 up, 40-50 up*, 50-60 unknown*, 60-100 unknown",
    );
}

#[test]
fn an_interface_is_known_while_its_device_is_read() {
    let check = |found: &str, first: Option<&str>, of: &str, wanted: &str| {
        let pieces = of_interface(
            range("0-100"),
            &runs("0-60 70-100"),
            &device(found),
            first.map(states),
            &interface(of),
            &[],
        );
        assert_eq!(told(&pieces), wanted, "{found} | {of}");
    };
    let steady = "0:up 70:up";
    check(steady, Some("up"), "", "0-60 up, 60-70 unknown, 70-100 up");
    check(
        steady,
        Some("up"),
        "10:down 20:up",
        "0-10 up, 10-20 down, 20-60 up, 60-70 unknown, 70-100 up",
    );
    // It changed while nobody looked.
    check(
        steady,
        Some("up"),
        "70:down",
        "0-60 up, 60-70 unknown, 70-100 down",
    );
    // First seen at 20.
    check(
        steady,
        None,
        "20:up",
        "0-20 unknown, 20-60 up, 60-70 unknown, 70-100 up",
    );
    // The device answers in part, or not at all.
    check(
        "0:up 10:degraded 20:down 30:up 70:up-",
        Some("down"),
        "",
        "0-10 down, 10-30 unknown, 30-60 down, 60-100 unknown",
    );
    // Shut on purpose; then opened while nothing is plugged in.
    check(
        "0:up 70:unknown",
        Some("up"),
        "10:down/down 20:down 30:lower 40:testing 50:none",
        "0-10 up, 10-20 shut, 20-30 down, 30-40 down, 40-50 degraded, 50-100 unknown",
    );
}

fn sum(within: &str, ran: &str, found: &str, work: &str) -> Availability {
    let within = range(within);
    let pieces = of_device(within, &runs(ran), &device(found), &windows(work));
    sum_up(within, &pieces, false)
}

#[test]
fn sums_by_hand() {
    let told = sum(
        "0-1000",
        "0-1000",
        "0:up 100:degraded 150:down 250:up 500:down 600:up",
        "",
    );
    let wanted = Availability {
        from: at("0"),
        to: at("1000"),
        up_ratio: Some(0.75),
        available_ratio: Some(0.8),
        measured_secs: 1_000.0,
        up_secs: 750.0,
        degraded_secs: 50.0,
        down_secs: 200.0,
        unknown_secs: 0.0,
        maintenance_secs: 0.0,
        shut_secs: None,
        outages: 2,
        longest_outage_secs: Some(100.0),
        mean_time_to_repair_secs: Some(100.0),
        mean_time_between_failures_secs: Some(400.0),
    };
    assert_eq!(told, wanted);
}

#[test]
fn what_is_not_measured_takes_no_part() {
    // Half of the range was not measured: the other half decides.
    let told = sum("0-100", "0-25 50-75", "0:up 50:up 65:down", "");
    assert_eq!((told.measured_secs, told.unknown_secs), (50.0, 50.0));
    assert_eq!((told.up_ratio, told.outages), (Some(0.8), 1));
    // Nothing was: there is no number rather than a good one.
    let told = sum("0-100", "", "", "");
    assert_eq!((told.up_ratio, told.available_ratio), (None, None));
    assert_eq!(
        (told.unknown_secs, told.mean_time_to_repair_secs),
        (100.0, None)
    );
    // All of it was maintenance, and down.
    let told = sum("0-100", "0-100", "0:down", "0-100");
    assert_eq!(
        (told.up_ratio, told.maintenance_secs, told.outages),
        (None, 100.0, 0)
    );
    // Without an outage there is no time between failures.
    let told = sum("0-100", "0-100", "0:up", "");
    assert_eq!(
        (told.up_ratio, told.mean_time_between_failures_secs),
        (Some(1.0), None)
    );
}

#[test]
fn outages_end_when_something_better_is_measured() {
    let outages = |ran: &str, found: &str, work: &str| {
        let told = sum("0-100", ran, found, work);
        (told.outages, told.longest_outage_secs)
    };
    let all = "0-100";
    assert_eq!(outages(all, "0:down", ""), (1, Some(100.0)));
    assert_eq!(
        outages(all, "0:down 40:degraded 50:down", ""),
        (2, Some(50.0))
    );
    // Over a restart: one, with what was measured of it.
    assert_eq!(
        outages("0-40 50-100", "0:up 30:down 60:down", ""),
        (1, Some(50.0))
    );
    assert_eq!(
        outages("0-40 50-100", "0:up 30:down 60:up 70:down", ""),
        (2, Some(30.0))
    );
    // Over maintenance in which it came up unseen: still one.
    assert_eq!(
        outages(all, "0:down 45:up 50:down", "40-60"),
        (1, Some(80.0))
    );
    // It went down under maintenance and stayed down.
    assert_eq!(outages(all, "0:up 30:down", "20-50"), (1, Some(50.0)));
}

#[test]
fn shut_ports_have_no_outages() {
    let within = range("0-100");
    let pieces = of_interface(
        within,
        &runs("0-100"),
        &device("0:up"),
        Some(states("up")),
        &interface("20:down/down 60:up 90:down"),
        &[],
    );
    let told = sum_up(within, &pieces, true);
    assert_eq!((told.outages, told.shut_secs), (1, Some(40.0)));
    assert_eq!(
        (told.measured_secs, told.up_secs, told.down_secs),
        (60.0, 50.0, 10.0)
    );
}

/// Whatever was found and whenever the server ran: pieces fill the range, and the sums its length.
#[test]
fn pieces_fill_the_range_and_sums_its_length() {
    let mut seed = 7u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for case in 0..2_000 {
        let mut times: Vec<u64> = (0..8).map(|_| random(120)).collect();
        times.sort_unstable();
        times.dedup();
        let ran: Vec<String> = times
            .chunks_exact(2)
            .map(|pair| format!("{}-{}", pair[0], pair[1]))
            .collect();
        let mut found: Vec<u64> = (0..random(12)).map(|_| random(120)).collect();
        found.sort_unstable();
        let found: Vec<String> = found
            .iter()
            .map(|at| {
                let status = match random(4) {
                    0 => "up",
                    1 => "down",
                    2 => "degraded",
                    _ => "unknown",
                };
                format!("{at}:{status}")
            })
            .collect();
        let work: Vec<String> = (0..random(3))
            .map(|_| {
                let from = random(120);
                format!("{from}-{}", from + random(40))
            })
            .collect();
        let (from, long) = (random(100), 1 + random(60));
        let within = format!("{from}-{}", from + long);
        let pieces = of_device(
            range(&within),
            &runs(&ran.join(" ")),
            &device(&found.join(" ")),
            &windows(&work.join(" ")),
        );
        let said = format!("case {case}: {within} | {ran:?} | {found:?} | {work:?}");
        let mut reached = range(&within).from;
        for piece in &pieces {
            assert_eq!(piece.range.from, reached, "{said}: {}", told(&pieces));
            assert!(piece.range.from < piece.range.to, "{said}");
            reached = piece.range.to;
        }
        assert_eq!(reached, range(&within).to, "{said}");
        let sums = sum_up(range(&within), &pieces, false);
        let all = sums.measured_secs + sums.unknown_secs + sums.maintenance_secs;
        assert!((all - long as f64).abs() < 1e-6, "{said}: {sums:?}");
    }
}
