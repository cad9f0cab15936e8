//! Which Rust type the documents of each collection have, in one list, so that reading whatever
//! is on disk can be tried for all of them at once. Who reads and writes them is not here: each
//! part of the store has collections of its own.

use crate::accounts::{Account, sessions, signing_keys};
use crate::catalog;
use crate::documents::{CollectionSpec, Document, typed, written};
use crate::{StoreError, credentials, idempotency, inventory, store};
use model::candidate::Ignored;
use model::check::{CheckState, ServiceCheck};
use model::device::Device;
use model::discovery::{Discovery, DiscoveryResult};
use model::facts::Facts;
use model::interface::Interface;
use model::link::Link;
use model::rule::Rule;
use model::schedule::{Schedule, ScheduleState};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a document and writes it as it would be kept.
type Rewrite = fn(&CollectionSpec, Document) -> Result<Vec<u8>, StoreError>;

static SHAPES: &[(&CollectionSpec, Rewrite)] = &[
    (&catalog::DEVICES, rewrite::<Device>),
    (&catalog::INTERFACES, rewrite::<Interface>),
    (&catalog::FACTS, rewrite::<Facts>),
    (&catalog::NEIGHBORS, rewrite::<inventory::KeptNeighbors>),
    (&catalog::STATUSES, rewrite::<inventory::KeptStatus>),
    (&catalog::LINKS, rewrite::<Link>),
    (&catalog::CREDENTIALS, rewrite::<credentials::Kept>),
    (&catalog::DISCOVERIES, rewrite::<Discovery>),
    (&catalog::DISCOVERY_RESULTS, rewrite::<DiscoveryResult>),
    (&catalog::SCHEDULES, rewrite::<Schedule>),
    (&catalog::SCHEDULE_STATES, rewrite::<ScheduleState>),
    (&catalog::DISCOVERY_RULES, rewrite::<Rule>),
    (&catalog::IGNORED_CANDIDATES, rewrite::<Ignored>),
    (&catalog::CHECKS, rewrite::<ServiceCheck>),
    (&catalog::CHECK_STATES, rewrite::<CheckState>),
    (&catalog::USERS, rewrite::<Account>),
    (&catalog::SESSIONS, rewrite::<sessions::Session>),
    (&catalog::SIGNING_KEYS, rewrite::<signing_keys::Kept>),
    (&catalog::IDEMPOTENCY_KEYS, rewrite::<idempotency::Kept>),
    // A setting has the type that whoever sets it gives it.
    (&catalog::SETTINGS, rewrite::<serde_json::Value>),
    (&catalog::VAULT, rewrite::<store::WrappedKey>),
];

/// Reads a document as what belongs into its collection, and answers the JSON that would be
/// written of it. [`StoreError::Shape`] where it does not belong there. Public so that it can be
/// fuzzed.
pub fn rewritten(spec: &CollectionSpec, document: Document) -> Result<Vec<u8>, StoreError> {
    let shape = SHAPES.iter().find(|(of, _)| *of == spec);
    match shape {
        Some((_, rewrite)) => rewrite(spec, document),
        None => rewrite::<serde_json::Value>(spec, document),
    }
}

fn rewrite<T: Serialize + DeserializeOwned>(
    spec: &CollectionSpec,
    document: Document,
) -> Result<Vec<u8>, StoreError> {
    let stored = typed::<T>(spec, document)?;
    written(spec, &stored.id, &stored.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_read_is_the_one_that_was_written() {
        let body = b"[-8.11739916120635e+295,9.525102111858401e-254]";
        let document = Document {
            id: "numbers".to_owned(),
            revision: 1,
            body: body.to_vec(),
        };
        let written = rewritten(&catalog::SETTINGS, document).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(body)
        );
    }

    #[test]
    fn a_device_and_a_rule_of_before_profiles_could_be_chosen_are_read() {
        let device = r#"{"id":"00000000-0000-7000-8000-000000000001","address":"192.0.2.1","port":161,
            "vantage":"local","typed":{"name":null,"location":null,"site":"HQ","tags":["a"]},
            "said":{},"identity":{},"credential_id":null,"interval_secs":60,"created_at":"2026-03-01T12:00:00Z"}"#;
        let rule = r#"{"id":"00000000-0000-7000-8000-000000000002","name":"r","order":1,"enabled":true,
            "condition":{},"actions":{"site":"HQ"},"goes_on":false,"created_at":"2026-03-01T12:00:00Z"}"#;
        for (spec, body, place) in [
            (&catalog::DEVICES, device, "typed"),
            (&catalog::DISCOVERY_RULES, rule, "actions"),
        ] {
            let document = Document {
                id: "00000000-0000-7000-8000-000000000001".to_owned(),
                revision: 1,
                body: body.as_bytes().to_vec(),
            };
            let written = rewritten(spec, document).unwrap();
            let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(written[place]["site"], "HQ", "{written}");
            assert!(written[place]["profile"].is_null(), "{written}");
        }
    }

    #[test]
    fn every_collection_has_a_shape() {
        let of: Vec<_> = SHAPES.iter().map(|(spec, _)| *spec).collect();
        assert_eq!(of, catalog::ALL);
    }
}
