//! Log lines: what devices say of what happens to them, as syslog over UDP (RFC 5426), each from its
//! own address and in the words of its make.
//!
//! What is said is what the timeline has: ports that go up or down, a device that boots or grows hot;
//! between that, what people and programs do on a device all day. Begin with [`export`]; [`line`]
//! has the words.

mod line;

use crate::exporting::{self, Exported, Exporter, Turns};
use crate::hash::{self, purpose};
use crate::network::{DeviceNo, PortNo};
use crate::simulation::Simulation;
use crate::timeline::Timeline;
use line::{Happening, Line};
use model::{Clock, Timestamp};
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon a device says what happened.
const TURNS: Turns = Turns {
    interval: Duration::from_secs(2),
    steps: 20,
};
/// In how many of its turns a device says something of no consequence: one in ten minutes.
const ROUTINE_IN: u64 = 300;
/// Degrees Celsius above what is usual at which a device complains.
const HOT_BY_CELSIUS: f64 = 15.0;

/// Lets every device send its log lines to one collector, until it is cancelled.
pub async fn export(
    simulation: &Arc<Simulation>,
    collector: SocketAddrV4,
    clock: &Clock,
    cancel: &CancellationToken,
) -> io::Result<Exported> {
    let devices = simulation.network().device_numbers();
    let exporters: Vec<LogExporter> = devices.map(LogExporter::new).collect();
    exporting::export(exporters, TURNS, simulation, collector, clock, cancel).await
}

/// The log of one device.
struct LogExporter {
    device: DeviceNo,
    /// Until when everything was said, in simulated time.
    until: Option<Timestamp>,
    /// Lines said so far, which some makes count.
    said: u64,
}

impl LogExporter {
    fn new(device: DeviceNo) -> Self {
        Self {
            device,
            until: None,
            said: 0,
        }
    }

    /// What there is to say of the time since it spoke last; nothing of the time before it first did.
    fn happenings(&mut self, simulation: &Simulation, timeline: &Timeline) -> Vec<Happening> {
        let now = simulation.pace().now();
        if timeline.is_away(self.device, now) {
            return Vec::new();
        }
        let Some(from) = self.until.replace(now) else {
            return Vec::new();
        };
        if timeline.booted(self.device, now) > from {
            return vec![Happening::Restart];
        }
        let mut happenings = Vec::new();
        let ports = 0..simulation.network().device(self.device).management_port();
        for port in ports.map(|port| PortNo {
            device: self.device,
            port,
        }) {
            if timeline.last_change(port, now) > from {
                let is_up = timeline.is_up(port, now);
                happenings.push(Happening::Port { port, is_up });
            }
        }
        let heat = |at| timeline.overheat_celsius(self.device, at);
        if heat(now) >= HOT_BY_CELSIUS && heat(from) < HOT_BY_CELSIUS {
            happenings.push(Happening::Hot);
        }
        let place = u64::from(self.device.0) << 32 ^ now.unix_ms().cast_unsigned();
        let chance = hash::mix2(simulation.network().root, purpose::LOG, place);
        if now > from && chance.is_multiple_of(ROUTINE_IN) {
            happenings.push(Happening::Routine {
                chance: hash::mix(chance, 1),
            });
        }
        happenings
    }
}

impl Exporter for LogExporter {
    fn device(&self) -> DeviceNo {
        self.device
    }

    fn datagrams(
        &mut self,
        simulation: &Arc<Simulation>,
        timeline: &Timeline,
        real: Timestamp,
    ) -> Vec<Vec<u8>> {
        let device = simulation.network().device(self.device);
        let mut datagrams = Vec::new();
        for happening in self.happenings(simulation, timeline) {
            self.said += 1;
            let line = Line {
                device,
                number: self.said,
                at: real,
            };
            datagrams.extend(line.datagrams(happening));
        }
        datagrams
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{FaultDraft, Scenario};
    use std::sync::atomic::{AtomicI64, Ordering};

    const START: i64 = 1_795_000_000_000;

    /// What a device says when something befalls it and, where it can, when that is over.
    fn said(kind: &str, target: &str, name: &str) -> Vec<String> {
        let now = Arc::new(AtomicI64::new(START));
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
        };
        let simulation = Simulation::new(&Scenario::default(), clock.clone()).unwrap();
        let device = simulation.network().by_name(name).unwrap();
        let mut exporter = LogExporter::new(device);
        let mut said = Vec::new();
        let mut fault = None;
        for second in [1, 2, 3, 4, 5] {
            now.store(START + second * 1000, Ordering::Relaxed);
            match second {
                2 => {
                    let draft = FaultDraft {
                        kind: kind.to_owned(),
                        target: target.to_owned(),
                        by_celsius: (kind == "overheat").then_some(40.0),
                        ..FaultDraft::default()
                    };
                    fault = Some(simulation.add_fault(&draft).unwrap().id);
                }
                4 => assert!(simulation.remove_fault(fault.unwrap()).is_some()),
                _ => {}
            }
            let timeline = simulation.timeline();
            let lines = exporter.datagrams(&simulation, &timeline, clock.now());
            said.extend(lines.into_iter().map(|it| String::from_utf8(it).unwrap()));
        }
        said
    }

    #[test]
    fn both_ends_of_a_link_say_that_it_is_cut_and_that_it_is_back() {
        for name in ["core-1", "b1-dist-1"] {
            let said = said("link-down", "core-1 b1-dist-1", name);
            let states: Vec<bool> = said.iter().map(|line| line.contains("down")).collect();
            assert!(
                states.contains(&true) && states.contains(&false),
                "{said:?}"
            );
            assert!(states.is_sorted_by(|a, b| a >= b), "{said:?}");
            assert!(said.iter().all(|line| line.starts_with('<')), "{said:?}");
        }
    }

    #[test]
    fn a_device_without_power_says_nothing_until_it_has_booted() {
        let said = said("device-down", "b1-acc-1", "b1-acc-1");
        assert_eq!(said.len(), 1, "{said:?}");
    }

    #[test]
    fn every_make_has_words_for_everything() {
        let clock = Clock::new(|| Timestamp::from_unix_ms(START));
        let simulation = Simulation::new(&Scenario::default(), clock.clone()).unwrap();
        for number in simulation.network().device_numbers() {
            let port = PortNo {
                device: number,
                port: 0,
            };
            for happening in [
                Happening::Restart,
                Happening::Port { port, is_up: false },
                Happening::Hot,
                Happening::Routine { chance: 7 },
            ] {
                let line = Line {
                    device: simulation.network().device(number),
                    number: 1,
                    at: clock.now(),
                };
                for said in line.datagrams(happening) {
                    let said = String::from_utf8(said).unwrap();
                    assert!(said.contains("18") && said.len() < 480, "{said}");
                }
            }
        }
    }
}
