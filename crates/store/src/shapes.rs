//! Reading whatever is on disk as what belongs into a collection, whichever that is. What belongs
//! where is in [`crate::catalog`]; who reads and writes it is not here, for each part of the store has
//! collections of its own.

use crate::StoreError;
use crate::documents::{CollectionSpec, Document};
use std::sync::Arc;

/// Reads a document as what belongs into its collection, and answers the JSON that would be
/// written of it. [`StoreError::Shape`] where it does not belong there. Public so that it can be
/// fuzzed.
pub fn rewritten(spec: &CollectionSpec, document: Document) -> Result<Vec<u8>, StoreError> {
    (spec.shape.rewrite)(&document.body).map_err(|source| StoreError::Shape {
        collection: spec.name,
        id: document.id,
        source: Arc::new(source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

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
}
