//! What is counted of scaling triggers.

use model::scaling::ScalingState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// What is counted.
#[derive(Clone, Default)]
pub struct Counts {
    triggers: Family<StateLabels, Gauge>,
    told: Family<StateLabels, Counter>,
    steps: Counter,
    failed: Counter,
    seconds: Counter<f64, AtomicU64>,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "foretell_scaling_triggers",
            "Scaling triggers that are enabled, by state",
            counts.triggers.clone(),
        );
        registry.register(
            "foretell_scaling_changes",
            "Times that scaling triggers were raised or cleared and it was told, by the state after it",
            counts.told.clone(),
        );
        registry.register(
            "foretell_scaling_looks",
            "Times that a scaling trigger was looked at",
            counts.steps.clone(),
        );
        registry.register(
            "foretell_scaling_looks_failed",
            "Of these, those where the samples could not be read or the state not be kept",
            counts.failed.clone(),
        );
        registry.register_with_unit(
            "foretell_scaling_busy",
            "Time that scaling triggers took, with reading and forecasting",
            Unit::Seconds,
            counts.seconds.clone(),
        );
        counts
    }

    pub(super) fn looked(&self, took: Duration) {
        self.steps.inc();
        self.seconds.inc_by(took.as_secs_f64());
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }

    pub(super) fn told(&self, state: ScalingState) {
        let labels = StateLabels {
            state: state.name(),
        };
        self.told.get_or_create(&labels).inc();
    }

    /// Shows how many there are.
    pub(super) fn show(&self, states: impl Iterator<Item = ScalingState>) {
        let mut numbers = [0i64; 3];
        let all = [
            ScalingState::Learning,
            ScalingState::Clear,
            ScalingState::Raised,
        ];
        for state in states {
            let place = all.iter().position(|other| *other == state);
            if let Some(number) = place.and_then(|place| numbers.get_mut(place)) {
                *number += 1;
            }
        }
        for (state, number) in all.iter().zip(numbers) {
            let labels = StateLabels {
                state: state.name(),
            };
            self.triggers.get_or_create(&labels).set(number);
        }
    }
}
