//! What can go wrong, as a scenario, a command or a request says it. What follows from it is the
//! timeline's business.

use super::text::{Moment, Span};
use crate::agent::DELAY_MAX;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fault as it is written; [`FaultDraft::checked`] tells what it means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultDraft {
    /// Which kind, as `link-down`; [`KINDS`] has them all.
    pub kind: String,
    /// What it befalls: a device, two devices with a link between them, or a device and its port.
    pub target: String,
    /// When it begins; now, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// How long it lasts; until it is removed, where nothing is said.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// How long it takes to come on, for what comes on slowly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Span>,
    /// Of `slow`: real milliseconds that every answer waits, 0 to 60,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u32>,
    /// Of `loss` and `errors`: the share that is lost, ratio 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Of `surge`: how many times the traffic becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Of `fill`: the utilisation that the busy hour of the week comes to, ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// Of `overheat`: degrees Celsius that the temperatures rise by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_celsius: Option<f64>,
}

/// A fault that makes sense by itself. Whether its target exists, the network tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub effect: Effect,
    /// To what.
    pub target: String,
    /// When; now, where nothing is said.
    pub at: Option<Moment>,
    /// How long; until it is removed, where nothing is said.
    pub lasts: Option<Duration>,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// The link carries nothing, and both its ports are down.
    LinkDown,
    /// The device is without power; it boots when the fault ends.
    DeviceDown,
    /// The device is away for as long as the fault lasts, and its counters begin again.
    Reboot,
    /// As a reboot, and every interface has another ifIndex after it.
    Renumber,
    /// The agent does not answer; the device works on.
    Silent,
    /// The agent answers late.
    Slow {
        /// By so many real milliseconds.
        delay_ms: u32,
    },
    /// Requests get lost on the way to the agent.
    Loss {
        /// This share of them.
        ratio: f64,
    },
    /// Frames arrive damaged.
    Errors {
        /// This share of them.
        ratio: f64,
    },
    /// What flows over the link grows, in equal steps.
    Fill {
        /// Until the utilisation of the busy hour of the week is this ratio.
        to: f64,
        /// In this time.
        over: Duration,
    },
    /// What flows over the link, or from and to the device, is multiplied.
    Surge {
        /// By this.
        factor: f64,
    },
    /// The temperatures of the device rise.
    Overheat {
        /// By so many degrees Celsius.
        by_celsius: f64,
        /// In this time.
        over: Duration,
    },
}

/// The kinds of fault: word, what is befallen, what happens.
pub const KINDS: [(&str, &str, &str); 11] = [
    (
        "link-down",
        "a link or a port",
        "carries nothing, down at both ends",
    ),
    (
        "device-down",
        "a device",
        "without power; boots when it ends",
    ),
    (
        "reboot",
        "a device",
        "away for a while (90s), counters begin again",
    ),
    (
        "renumber",
        "a device",
        "a reboot after which every ifIndex is another",
    ),
    ("silent", "a device", "its agent does not answer"),
    (
        "slow",
        "a device",
        "its agent answers late (delay_ms = 3000)",
    ),
    (
        "loss",
        "a device",
        "requests to its agent get lost (ratio = 0.3)",
    ),
    (
        "errors",
        "a link or a port",
        "frames arrive damaged (ratio = 0.01)",
    ),
    (
        "fill",
        "a link",
        "fills up, to a utilisation in the busy hour (to = 0.9, over = 3d)",
    ),
    (
        "surge",
        "a link or a device",
        "traffic is multiplied (factor = 3)",
    ),
    (
        "overheat",
        "a device",
        "temperatures rise (by_celsius = 30, over = 1h)",
    ),
];

/// A fault that makes no sense, by field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {detail}")]
pub struct FaultProblem {
    /// The field, as `ratio`.
    pub field: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

impl FaultProblem {
    pub(crate) fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field,
            detail: detail.into(),
        }
    }
}

impl FaultDraft {
    /// What it means, where it means something.
    pub fn checked(&self) -> Result<Fault, FaultProblem> {
        let effect = self.effect()?;
        self.reject_strangers(&effect)?;
        if self.target.trim().is_empty() {
            let detail = "what it befalls is missing, as \"acc-1\" or \"acc-1 dist-1\"";
            return Err(FaultProblem::new("target", detail));
        }
        let lasts = self.lasts.map(|span| span.0);
        if lasts.is_some_and(|lasts| lasts.is_zero()) {
            return Err(FaultProblem::new("for", "it must last for some time"));
        }
        let lasts = match effect {
            Effect::Reboot | Effect::Renumber => lasts.or(Some(super::REBOOT_TAKES)),
            _ => lasts,
        };
        Ok(Fault {
            effect,
            target: self.target.split_whitespace().collect::<Vec<_>>().join(" "),
            at: self.at,
            lasts,
        })
    }

    fn effect(&self) -> Result<Effect, FaultProblem> {
        let over = |otherwise: u64| self.over.map_or(Duration::from_secs(otherwise), |o| o.0);
        Ok(match self.kind.as_str() {
            "link-down" => Effect::LinkDown,
            "device-down" => Effect::DeviceDown,
            "reboot" => Effect::Reboot,
            "renumber" => Effect::Renumber,
            "silent" => Effect::Silent,
            "slow" => Effect::Slow {
                delay_ms: self.delay_within()?,
            },
            "loss" => Effect::Loss {
                ratio: within("ratio", self.ratio, 0.3, 0.0, 1.0)?,
            },
            "errors" => Effect::Errors {
                ratio: within("ratio", self.ratio, 0.01, 0.0, 1.0)?,
            },
            "fill" => Effect::Fill {
                to: within("to", self.to, 0.9, 0.0, 2.0)?,
                over: over(3 * 86_400),
            },
            "surge" => Effect::Surge {
                factor: within("factor", self.factor, 3.0, 0.0, 100.0)?,
            },
            "overheat" => Effect::Overheat {
                by_celsius: within("by_celsius", self.by_celsius, 30.0, -100.0, 200.0)?,
                over: over(3_600),
            },
            "" => return Err(FaultProblem::new("kind", "it is missing")),
            other => {
                let known: Vec<&str> = KINDS.iter().map(|(word, ..)| *word).collect();
                let hint = match super::error::nearest(other, &known) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("there are {}", known.join(", ")),
                };
                let other: String = other.chars().take(64).collect();
                return Err(FaultProblem::new(
                    "kind",
                    format!("there is no kind `{other}`; {hint}"),
                ));
            }
        })
    }

    /// What agents can wait.
    fn delay_within(&self) -> Result<u32, FaultProblem> {
        let delay_ms = self.delay_ms.unwrap_or(3_000);
        let most = DELAY_MAX.as_millis();
        if u128::from(delay_ms) > most {
            let detail = format!("{delay_ms} is not within 0 to {most}");
            return Err(FaultProblem::new("delay_ms", detail));
        }
        Ok(delay_ms)
    }

    /// A field that the kind does not have would be lost in silence.
    fn reject_strangers(&self, effect: &Effect) -> Result<(), FaultProblem> {
        let fits = |field: &str| match effect {
            Effect::Slow { .. } => field == "delay_ms",
            Effect::Loss { .. } | Effect::Errors { .. } => field == "ratio",
            Effect::Fill { .. } => matches!(field, "to" | "over"),
            Effect::Surge { .. } => field == "factor",
            Effect::Overheat { .. } => matches!(field, "by_celsius" | "over"),
            _ => false,
        };
        let given = [
            ("over", self.over.is_some()),
            ("delay_ms", self.delay_ms.is_some()),
            ("ratio", self.ratio.is_some()),
            ("factor", self.factor.is_some()),
            ("to", self.to.is_some()),
            ("by_celsius", self.by_celsius.is_some()),
        ];
        match given.iter().find(|(field, is)| *is && !fits(field)) {
            Some((field, _)) => Err(FaultProblem::new(
                field,
                format!("`{}` has no such field", self.kind),
            )),
            None => Ok(()),
        }
    }
}

fn within(
    field: &'static str,
    value: Option<f64>,
    otherwise: f64,
    low: f64,
    high: f64,
) -> Result<f64, FaultProblem> {
    let value = value.unwrap_or(otherwise);
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        let detail = format!("{value} is not within {low} to {high}");
        Err(FaultProblem::new(field, detail))
    }
}
