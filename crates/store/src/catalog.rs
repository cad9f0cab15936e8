//! The collections that there are, in one list. To add one, add a line below: a sentence on what it
//! holds and under which id, its name, the Rust type of its documents, its indexes; where its
//! documents hold what is sealed, `sealed`. To change what documents look like so that the old ones
//! are no longer read, add `=>` and a list of [`Migration`]s.
//!
//! `docs/formats/collections.md` is made of this list.

use crate::accounts::{Account, sessions, signing_keys};
use crate::anomalies::AlarmRecord;
use crate::archived_day::ArchivedDay;
use crate::audit::AuditEntry;
use crate::documents::{CollectionSpec, Index, Migration, Shape};
use crate::own_metrics::OwnMetric;
use crate::retention::{HeldSeries, Hold, Policy};
use crate::{credentials, idempotency, inventory, scaling, store};
use model::candidate::Ignored;
use model::check::{CheckState, ServiceCheck};
use model::device::Device;
use model::discovery::{Discovery, DiscoveryResult};
use model::facts::Facts;
use model::forecast::{ChosenSeries, KeptForecast};
use model::foresight::{Anomaly, BandLimits};
use model::interface::Interface;
use model::job::Job;
use model::link::Link;
use model::rule::Rule;
use model::scaling::ScalingStanding;
use model::schedule::{Schedule, ScheduleState};
use serde_json::Value;

macro_rules! collections {
    ($($(#[doc = $about:literal])+ $constant:ident $name:literal $shape:ty [$($index:expr),*]
        $($sealed:ident)? $(=> $migrations:expr)?;)*) => {
        $($(#[doc = $about])+ pub static $constant: CollectionSpec = CollectionSpec {
            name: $name,
            about: concat!($($about),+),
            version: version_after(migrations!($($migrations)?)),
            shape: Shape::of::<$shape>(),
            indexes: &[$($index),*],
            migrations: migrations!($($migrations)?),
            sealed: !stringify!($($sealed)?).is_empty(),
        };)*
        /// Every collection.
        pub static ALL: &[&CollectionSpec] = &[$(&$constant),*];
    };
}

macro_rules! migrations {
    () => {
        &[]
    };
    ($migrations:expr) => {
        $migrations
    };
}

/// The version that documents are of when all was done to them.
const fn version_after(migrations: &[Migration]) -> u32 {
    match migrations.last() {
        Some(last) => last.to,
        None => 1,
    }
}

/// The collection of that name.
pub fn named(name: &str) -> Option<&'static CollectionSpec> {
    ALL.iter().copied().find(|spec| spec.name == name)
}

const fn index(name: &'static str, pointers: &'static [&'static str]) -> Index {
    Index {
        name,
        pointers,
        unique: false,
    }
}

const fn unique(name: &'static str, pointers: &'static [&'static str]) -> Index {
    Index {
        name,
        pointers,
        unique: true,
    }
}

collections! {
    /// Devices as operators registered them and as they said of themselves, by the device's id.
    DEVICES "devices" Device [unique("address", &["/vantage", "/address", "/port"]), index("credential_id", &["/credential_id"])];
    /// Interfaces of devices, by the interface's id.
    INTERFACES "interfaces" Interface [index("device_id", &["/device_id"])];
    /// What a device said of itself, by the device's id: without interfaces, neighbours, ARP and what changes at each poll.
    FACTS "facts" Facts [];
    /// A device's neighbours, by the device's id.
    NEIGHBORS "neighbors" inventory::KeptNeighbors [];
    /// The latest known status of a device, by the device's id.
    STATUSES "statuses" inventory::KeptStatus [];
    /// Links between devices, by the link's id.
    LINKS "links" Link [index("a_device_id", &["/a/device_id"]), index("b_device_id", &["/b/device_id"])];
    /// What devices are asked with, with sealed secrets, by the credential's id.
    CREDENTIALS "credentials" credentials::Kept [unique("name", &["/credential/name"])] sealed;
    /// Runs of discovery, by the run's id.
    DISCOVERIES "discoveries" Discovery [index("schedule_id", &["/schedule_id"])];
    /// What a discovery found at an address, by the discovery's id and the address.
    DISCOVERY_RESULTS "discovery_results" DiscoveryResult [];
    /// Schedules of discoveries, by the schedule's id.
    SCHEDULES "schedules" Schedule [unique("name", &["/name"])];
    /// When a schedule ran and runs next, by the schedule's id.
    SCHEDULE_STATES "schedule_states" ScheduleState [];
    /// Rules for what discoveries find, by the rule's id.
    DISCOVERY_RULES "discovery_rules" Rule [unique("name", &["/name"])];
    /// Addresses that are not to be offered as candidates, by the address.
    IGNORED_CANDIDATES "ignored_candidates" Ignored [];
    /// Checks of services, by the check's id.
    CHECKS "checks" ServiceCheck [unique("name", &["/name"])];
    /// How a service is, as its status last changed, by the check's id.
    CHECK_STATES "check_states" CheckState [];
    /// What is forecast of a series and how good that was, by the series' id: made anew of the samples where it is lost.
    FORECASTS "forecasts" KeptForecast [];
    /// Series that operators want to be forecast, by the series' id.
    CHOSEN_SERIES "chosen_series" ChosenSeries [];
    /// Scaling triggers, with the sealed secrets of their webhooks, by the trigger's id.
    SCALING_TRIGGERS "scaling_triggers" scaling::Kept [unique("name", &["/trigger/name"])] sealed;
    /// How a scaling trigger stands and what it has learned, by the trigger's id: learned anew of the samples where it is lost.
    SCALING_STANDINGS "scaling_standings" ScalingStanding [];
    /// How long samples are kept, by the policy's id: those that operators made, and those of the built-in ones that they changed.
    RETENTION_POLICIES "retention_policies" Policy [unique("name", &["/name"])];
    /// What is kept whatever the policies say, by the hold's id.
    RETENTION_HOLDS "retention_holds" Hold [];
    /// The series that a hold meant when it was placed, by the hold's id.
    RETENTION_HELD "retention_held" HeldSeries [];
    /// What is known of the days in the archive, by the day: made anew of what lies there where it is lost.
    ARCHIVED_DAYS "archived_days" ArchivedDay [];
    /// Who changed or took what was measured, by the entry's id.
    AUDIT "audit" AuditEntry [index("state", &["/state"])];
    /// Long work that somebody asked for, by the job's id: how it stood when its state last changed.
    JOBS "jobs" Job [];
    /// What was out of the ordinary in a series, by the anomaly's id, which begins with the moment of its beginning.
    ANOMALIES "anomalies" Anomaly [index("device_id", &["/device_id"]), index("series_id", &["/series_id"]), index("state", &["/state"])];
    /// Bounds that operators gave to what is expected of a series, by the series' id.
    BAND_LIMITS "band_limits" BandLimits [index("device_id", &["/device_id"])];
    /// How operators judged the alarms of a series, by the series' id.
    ALARM_RECORDS "alarm_records" AlarmRecord [index("device_id", &["/device_id"])];
    /// Metrics that users made, by their names.
    METRICS "metrics" OwnMetric [];
    /// Who may sign in, by the user's id.
    USERS "users" Account [unique("name", &["/name"])];
    /// Who is signed in, by the hash of the session's token.
    SESSIONS "sessions" sessions::Session [index("user_id", &["/user_id"])];
    /// Keys that tokens are signed with, sealed, by key id.
    SIGNING_KEYS "signing_keys" signing_keys::Kept [] sealed;
    /// Idempotency keys of requests and what those were answered, by a digest of user, route and key.
    IDEMPOTENCY_KEYS "idempotency_keys" idempotency::Kept [] sealed;
    /// What is set once for the whole server, by name: of each the type that whoever sets it gives it.
    SETTINGS "settings" Value [];
    /// The vault's own: the data key, wrapped by that of the key file, twice.
    VAULT "vault" store::WrappedKey [];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_a_migration() {
        for spec in ALL {
            let made: Vec<u32> = spec.migrations.iter().map(|step| step.to).collect();
            let expected: Vec<u32> = (2..=spec.version).collect();
            assert_eq!(made, expected, "{}", spec.name);
        }
    }

    #[test]
    fn every_collection_says_what_it_is() {
        for spec in ALL {
            assert!(spec.about.trim().ends_with('.'), "{}", spec.name);
            let schema = (spec.shape.schema)();
            let any = spec.name == SETTINGS.name;
            assert_eq!(
                schema.get("properties").is_none() && schema.get("allOf").is_none(),
                any,
                "{schema}"
            );
        }
        assert_eq!(named("devices"), Some(&DEVICES));
        assert_eq!(named("nothing"), None);
    }
}
