//! What is to be simulated: a TOML file, or the defaults and a few flags. A scenario and its seed
//! are all that a network follows from.
//!
//! Every key, its default and its bounds stand here; `scenario/sample.toml` shows them all.

mod error;
mod fault;
mod file;
mod text;

pub use error::ScenarioError;
pub(crate) use error::nearest;
pub use fault::{Effect, Fault, FaultDraft, FaultProblem, KINDS};
pub use file::{ScenarioFile, ScenarioFileError};
pub use text::{Moment, Span};

use crate::hash;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// Devices of one network. The addresses of 127/8 would hold more; ten thousand are what one
/// process is measured with, the rest is room.
pub const DEVICES_MAX: usize = 20_000;
/// Ports for hosts on one device: a full chassis of line cards.
pub const PORTS_MAX: u16 = 512;
/// Faults in one file. Each may change every path once, so they are bounded.
pub const FAULTS_MAX: usize = 1_000;
/// Octets of a scenario file: a thousand faults need a fifth of it.
pub const SCENARIO_LEN_MAX: usize = 1024 * 1024;

/// Where counters begin, and so the first date that can be simulated.
pub const ORIGIN: Timestamp = Timestamp::from_unix_ms(crate::traffic::ORIGIN_MS);
/// The last: with compound growth any later is more than links can carry.
pub const START_LAST: Timestamp = Timestamp::from_unix_ms(4_102_444_800_000);

/// A sample file with every key and its default.
pub const SAMPLE: &str = include_str!("scenario/sample.toml");

/// What is to be simulated.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Name of the network; places (sysLocation) are named after it.
    pub name: String,
    /// The same seed makes the same network and the same counters.
    pub seed: u64,
    /// Its shape.
    pub topology: Shape,
    /// How many devices; a graph file says it itself.
    pub devices: usize,
    /// Ports for hosts on each device that has hosts; none: what the shape has usually.
    pub ports: Option<u16>,
    /// A graph file, for the shape `graph`. A relative path is looked up beside the scenario.
    pub graph: Option<PathBuf>,
    /// Where agents answer.
    pub agents: Agents,
    /// What flows.
    pub traffic: Traffic,
    /// When it happens.
    pub time: Time,
    /// What goes wrong, and when.
    pub faults: Vec<FaultDraft>,
}

/// The shape of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Core, distribution, access, servers, one way out.
    Campus,
    /// Every leaf to every spine; servers on the leaves.
    LeafSpine,
    /// Routers in a ring.
    Ring,
    /// Branch offices on one or two hubs.
    HubAndSpoke,
    /// Devices without links, for load.
    Fleet,
    /// What a graph file says.
    Graph,
}

impl Shape {
    /// Every shape, in the order that help lists them.
    pub const ALL: [Self; 6] = [
        Self::Campus,
        Self::LeafSpine,
        Self::Ring,
        Self::HubAndSpoke,
        Self::Fleet,
        Self::Graph,
    ];

    /// Its word in files and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Campus => "campus",
            Self::LeafSpine => "leaf-spine",
            Self::Ring => "ring",
            Self::HubAndSpoke => "hub-and-spoke",
            Self::Fleet => "fleet",
            Self::Graph => "graph",
        }
    }
}

/// Where agents answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agents {
    /// The first address, within 127/8; the others follow.
    pub base: Ipv4Addr,
    /// UDP port of every agent; 0 takes any that is free.
    pub port: u16,
    /// Community of v1 and v2c.
    pub community: String,
}

/// What flows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Mean utilisation of the busiest link over a week, ratio 0 to 1. Peaks are about four times
    /// the mean.
    pub utilization: f64,
    /// Growth in a year, ratio: 0.3 is 30 %.
    pub growth_per_year: f64,
    /// How unsteady traffic is: 0 is none, 1 is usual, 2 is wild.
    pub noise: f64,
    /// Hours that the first site's clock is before UTC.
    pub utc_offset_hours: f64,
    /// Hours that the clocks of all sites spread over, to the east of the first.
    pub spread_hours: f64,
}

/// When it happens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Time {
    /// Simulated seconds in a second.
    pub speed: f64,
    /// The simulated time at the start; none is now.
    pub start: Option<Moment>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "demo".to_owned(),
            seed: 1,
            topology: Shape::Campus,
            devices: 50,
            ports: None,
            graph: None,
            agents: Agents::default(),
            traffic: Traffic::default(),
            time: Time::default(),
            faults: Vec::new(),
        }
    }
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            base: Ipv4Addr::new(127, 20, 0, 1),
            port: 1161,
            community: "public".to_owned(),
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            utilization: 0.15,
            growth_per_year: 0.3,
            noise: 1.0,
            utc_offset_hours: 0.0,
            spread_hours: 0.0,
        }
    }
}

impl Default for Time {
    fn default() -> Self {
        Self {
            speed: 1.0,
            start: None,
        }
    }
}

impl Scenario {
    /// Reads a scenario file. What is wrong is told by line and key.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > SCENARIO_LEN_MAX {
            return Err(ScenarioError::TooLong {
                len_max: SCENARIO_LEN_MAX,
            });
        }
        let scenario: Self = toml::from_str(text).map_err(|error| error::of_toml(text, &error))?;
        scenario.check().map_err(|problem| problem.in_text(text))?;
        Ok(scenario)
    }

    /// Whether every value is within its bounds.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let refuse = |key: &str, detail: String| Err(ScenarioError::value(key, detail));
        let within = |key: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            refuse(key, format!("{value} is not within {low} to {high}"))
        };
        if self.name.is_empty()
            || self.name.len() > 32
            || !self
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            let detail = "a name is 1 to 32 letters, digits and hyphens".to_owned();
            return refuse("name", detail);
        }
        if self.devices == 0 || self.devices > DEVICES_MAX {
            let detail = format!("{} is not within 1 to {DEVICES_MAX}", self.devices);
            return refuse("devices", detail);
        }
        if self.ports.is_some_and(|ports| ports > PORTS_MAX) {
            return refuse("ports", format!("a device has at most {PORTS_MAX} of them"));
        }
        if self.topology == Shape::Graph && self.graph.is_none() {
            let detail = "the topology `graph` needs a file: graph = \"FILE\"".to_owned();
            return refuse("topology", detail);
        }
        if self.topology != Shape::Graph && self.graph.is_some() {
            let detail = "a graph file needs topology = \"graph\"".to_owned();
            return refuse("graph", detail);
        }
        if !self.agents.base.is_loopback() {
            let detail = format!("{} is not within 127.0.0.0/8", self.agents.base);
            return refuse("agents.base", detail);
        }
        if self.agents.community.is_empty() || self.agents.community.len() > 255 {
            let detail = "a community is 1 to 255 octets".to_owned();
            return refuse("agents.community", detail);
        }
        let traffic = &self.traffic;
        within("traffic.utilization", traffic.utilization, 0.0, 1.0)?;
        within(
            "traffic.growth_per_year",
            traffic.growth_per_year,
            -0.9,
            10.0,
        )?;
        within("traffic.noise", traffic.noise, 0.0, 3.0)?;
        within(
            "traffic.utc_offset_hours",
            traffic.utc_offset_hours,
            -14.0,
            14.0,
        )?;
        within("traffic.spread_hours", traffic.spread_hours, 0.0, 24.0)?;
        within("time.speed", self.time.speed, 0.001, 10_000.0)?;
        match self.time.start {
            Some(Moment::After(_)) => {
                let detail = "a date is expected, as 2026-03-02T08:00:00Z".to_owned();
                return refuse("time.start", detail);
            }
            Some(Moment::On(at)) if !(ORIGIN..=START_LAST).contains(&at) => {
                let detail = format!("{at} is not within {ORIGIN} to {START_LAST}");
                return refuse("time.start", detail);
            }
            _ => {}
        }
        if self.faults.len() > FAULTS_MAX {
            return refuse("faults", format!("at most {FAULTS_MAX} are taken"));
        }
        for (place, fault) in self.faults.iter().enumerate() {
            fault
                .checked()
                .map_err(|problem| ScenarioError::fault(place, &problem))?;
        }
        Ok(())
    }

    /// Whether every fault begins at a date, and so at the same moment whenever the scenario is started.
    pub fn faults_have_dates(&self) -> Result<(), ScenarioError> {
        let undated = |fault: &FaultDraft| !matches!(fault.at, Some(Moment::On(_)));
        let Some(place) = self.faults.iter().position(undated) else {
            return Ok(());
        };
        let detail = "it counts from the start of the simulator, of which the past knows nothing; give \
                      a date, as 2026-03-02T08:00:00Z";
        Err(ScenarioError::fault(
            place,
            &FaultProblem::new("at", detail),
        ))
    }

    /// The simulated time at the start, where `now` is the real one.
    pub fn starts_at(&self, now: Timestamp) -> Timestamp {
        match self.time.start {
            Some(Moment::On(at)) => at,
            _ => now,
        }
    }

    /// Everything that chance decides begins here: the seed, and the name that makes two networks of
    /// one seed differ.
    pub(crate) fn root(&self) -> u64 {
        hash::mix(self.seed, hash::text(&self.name))
    }
}

/// How long a reboot takes where nothing is said.
const REBOOT_TAKES: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests;
