//! The schema of each collection against the type that its documents are read and written as.

use foretell_store::catalog;
use foretell_store::documents::{CollectionSpec, Document};
use foretell_store::shapes::rewritten;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Documents that are made of each schema.
const CASES: usize = 300;

/// Numbers that look random, from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap() % below
    }
    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Something that a schema takes. Texts without a format are addresses: where the type wants one that
/// is all it takes, and elsewhere they are texts like any other.
fn made(schema: &Value, whole: &Value, random: &mut Random) -> Value {
    if let Some(to) = schema["$ref"].as_str() {
        let pointer = to.strip_prefix('#').unwrap();
        return made(whole.pointer(pointer).unwrap(), whole, random);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(all) = schema[choice].as_array() {
            return made(random.one_of(all), whole, random);
        }
    }
    if let Some(all) = schema["enum"].as_array() {
        return random.one_of(all).clone();
    }
    let mut fields = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        match made(part, whole, random) {
            Value::Object(more) => fields.extend(more),
            other => panic!("{part} is a part and no object: {other}"),
        }
    }
    let kind = match &schema["type"] {
        Value::Array(all) => random.one_of(all).as_str().unwrap(),
        Value::String(kind) => kind,
        Value::Null if !fields.is_empty() => "object",
        Value::Null => return random.one_of(&[json!(1), json!({"any": [true]})]).clone(),
        other => panic!("{other} is no type"),
    };
    match kind {
        "null" => Value::Null,
        "boolean" => json!(random.below(2) == 0),
        "integer" => {
            let least = schema["minimum"].as_i64().unwrap_or(0);
            let most = schema["maximum"].as_i64().unwrap_or(least + 100);
            let span = usize::try_from(most - least).unwrap();
            json!(least + i64::try_from(random.below(span + 1)).unwrap())
        }
        "number" => random
            .one_of(&[json!(0.0), json!(-1.5e300), json!(0.1), json!(7.25)])
            .clone(),
        "string" => text(schema, random),
        "array" => {
            let len = random.below(3);
            let items = (0..len).map(|_| made(&schema["items"], whole, random));
            let mut items: Vec<Value> = items.collect();
            if schema["uniqueItems"] == json!(true) {
                items.dedup();
            }
            Value::Array(items)
        }
        "object" => {
            let required = schema["required"].as_array();
            let needed = |name: &str| required.is_some_and(|all| all.contains(&json!(name)));
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                if needed(name) || random.below(2) == 0 {
                    fields.insert(name.clone(), made(field, whole, random));
                }
            }
            Value::Object(fields)
        }
        other => panic!("nothing is made of {other}"),
    }
}

fn text(schema: &Value, random: &mut Random) -> Value {
    let format = schema["format"].as_str();
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    json!(match (format, pattern) {
        (Some("uuid"), _) => *random.one_of(&[
            "00000000-0000-7000-8000-000000000001",
            "0190a5b0-7c3f-7e21-9f0a-5d2c6b7a8e90",
        ]),
        (Some("date-time"), _) =>
            *random.one_of(&["2026-03-01T12:00:00Z", "1969-12-31T23:59:59.999Z"]),
        (_, pattern) if pattern.contains("0-9a-f") => *random.one_of(&["", "00ff"]),
        (_, pattern) if pattern.contains(':') => *random.one_of(&["03:30", "23:59"]),
        _ => *random.one_of(&["192.0.2.7", "2001:db8::7"]),
    })
}

fn validator(spec: &CollectionSpec) -> (Value, Validator) {
    let schema = (spec.shape.schema)();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    (schema, validator)
}

#[test]
fn each_schema_takes_what_its_type_writes_and_the_type_takes_what_the_schema_does() {
    let seed = 0x5eed_0000 + u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random(seed);
    for spec in catalog::ALL {
        let (schema, validator) = validator(spec);
        for _ in 0..CASES {
            let body = made(&schema, &schema, &mut random);
            let name = spec.name;
            assert!(validator.is_valid(&body), "{name}: {body} was made of it");
            if let Err(faults) = (spec.shape.check)(&body) {
                panic!("{name}: {body} is no document: {faults:?}");
            }
            let document = Document {
                id: "a".to_owned(),
                revision: 1,
                body: serde_json::to_vec(&body).unwrap(),
            };
            let written = rewritten(spec, document).unwrap();
            let written: Value = serde_json::from_slice(&written).unwrap();
            let wrong: Vec<String> = validator
                .iter_errors(&written)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{name}: {written} was written: {wrong:?}");
        }
    }
}

#[test]
fn what_is_no_document_is_refused_by_schema_and_check_with_its_place() {
    let state = json!({"status": "up", "since": "2026-03-01T12:00:00Z", "last_seen_at": null, "evidence": []});
    let check = json!({
        "id": "00000000-0000-7000-8000-000000000001", "device_id": null, "name": "n", "target": "t",
        "probe": {"kind": "http", "redirects_max": 3, "though_untrusted": false},
        "interval_secs": 60, "timeout_ms": 500, "slow_ms": null, "enabled": true,
        "created_at": "2026-03-01T12:00:00Z",
    });
    for (spec, sound, pointer, wrong, at) in [
        (
            &catalog::STATUSES,
            &state,
            "/status",
            json!("well"),
            "status",
        ),
        (
            &catalog::STATUSES,
            &state,
            "/evidence",
            json!({}),
            "evidence",
        ),
        (&catalog::STATUSES, &state, "", json!([]), "."),
        (
            &catalog::CHECKS,
            &check,
            "/probe",
            json!({"kind": "http", "redirect": 3}),
            "probe",
        ),
        (
            &catalog::CHECKS,
            &check,
            "/interval_secs",
            json!(-1),
            "interval_secs",
        ),
    ] {
        let (_, validator) = validator(spec);
        assert!(validator.is_valid(sound), "{sound}");
        assert_eq!((spec.shape.check)(sound), Ok(()));
        let mut body = sound.clone();
        *body.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&body), "{body}");
        let faults = (spec.shape.check)(&body).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].at.starts_with(at), "{faults:?}");
    }
}
