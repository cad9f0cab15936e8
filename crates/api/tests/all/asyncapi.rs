//! The AsyncAPI document against the stream: every message and every event that it names is seen on
//! a live one, and says what the document says. What it does not name is not said.

use crate::harness::{Api, RING};
use crate::stream::{Socket, next, open, reopen, say, serve, subscribe};
use model::device::Maintenance;
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::event::Event;
use model::forecast::{CapacityOf, ForecastState, Outlook};
use model::interface::IfStatus;
use model::pattern::{PatternEvidence, PatternKind, TrafficPattern};
use model::scaling::{ScalingState, ScalingTold};
use model::status::{Check, CheckOutcome, Evidence};
use model::{
    CredentialId, DeviceId, DiscoveryId, InterfaceId, ScheduleId, SeriesId, Status, Timestamp,
    TriggerId, Value,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The document, and which of its messages were seen.
struct Document {
    json: Json,
    seen: BTreeSet<String>,
}

impl Document {
    fn read() -> Self {
        let json = serde_saphyr::from_str(include_str!("../../asyncapi.yaml")).unwrap();
        Self {
            json,
            seen: BTreeSet::new(),
        }
    }

    /// Names of the messages of an operation.
    fn messages(&self, operation: &str) -> BTreeSet<String> {
        let messages = &self.json["operations"][operation]["messages"];
        let name = |message: &Json| {
            let reference = message["$ref"].as_str().unwrap();
            reference.rsplit('/').next().unwrap().to_owned()
        };
        messages.as_array().unwrap().iter().map(name).collect()
    }

    /// Checks what the server said against the message of its name.
    fn check(&mut self, said: &Json) {
        let name = match said["type"].as_str().unwrap() {
            "event" => said["event"].as_str().unwrap(),
            other => other,
        };
        assert!(self.messages("listen").contains(name), "not named: {said}");
        self.valid(name, said)
            .unwrap_or_else(|fault| panic!("{name}: {fault} in {said}"));
        self.seen.insert(name.to_owned());
    }

    /// Whether something is a message of that name.
    fn valid(&self, name: &str, said: &Json) -> Result<(), String> {
        let schema = json!({
            "$ref": format!("#/components/messages/{name}/payload"),
            "components": self.json["components"],
        });
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        validator
            .validate(said)
            .map_err(|error| format!("{} at {}", error, error.instance_path()))
    }
}

/// One of each event, as the server makes them.
fn events(api: &Api) -> Vec<Event> {
    let (device_id, at) = (DeviceId::new(), api.services.clock.now());
    let discovery_id = DiscoveryId::new();
    let evidence = |check, outcome| Evidence {
        check,
        outcome,
        at,
        detail: "no answer in 2 s".to_owned(),
    };
    let result = |snmp, name: Option<&str>| DiscoveryResult {
        address: "2001:db8::1".parse().unwrap(),
        port: 161,
        via: "target".to_owned(),
        hops: 1,
        icmp_answered: name.map(|_| true),
        snmp,
        name: name.map(str::to_owned),
        description: name.map(str::to_owned),
        vendor: name.map(str::to_owned),
        device_id: name.map(|_| device_id),
        identity_reason: name.map(str::to_owned),
        model: None,
        os: None,
        kind: None,
        object_id: None,
        rule_reason: None,
    };
    let maintenance = |maintenance| Event::DeviceMaintenance {
        device_id,
        maintenance,
        at,
    };
    let discovered = |schedule_id| Event::DeviceDiscovered {
        discovery_id,
        schedule_id,
        result: result(SnmpAnswer::Silent, Some("r1")),
    };
    let found = |snmp, name| Event::DiscoveryFound {
        discovery_id,
        result: result(snmp, name),
    };
    let warned = |interface_id, expected_at| Event::CapacityWarning {
        device_id,
        interface_id,
        series_id: SeriesId::new(),
        outlook: Outlook {
            of: CapacityOf::P95,
            threshold: 0.8,
            used: 0.7,
            expected_at,
            earliest_at: expected_at,
            latest_at: None,
            growth_a_day: 0.01,
        },
        at,
    };
    let changed = |interface_id, kind: Option<PatternKind>| Event::PatternChanged {
        device_id,
        interface_id,
        series_id: SeriesId::new(),
        before: PatternKind::OfficeHours,
        pattern: kind.map(|kind| TrafficPattern {
            kind,
            confidence: 0.75,
            evidence: vec![PatternEvidence {
                figure: "spread in parts of the median".to_owned(),
                value: 0.15,
                against: 0.3,
                wholly: 0.1,
                fits: 0.75,
            }],
        }),
        at,
    };
    let scaled = |state, expected_at: Option<Timestamp>| Event::Scaling {
        device_id,
        told: Arc::new(ScalingTold {
            trigger_id: TriggerId::new(),
            name: "web".to_owned(),
            series_id: SeriesId::new(),
            state,
            at,
            expected_at,
            probability: expected_at.map(|_| 0.5),
            threshold: Some(0.8),
            latest: Some(0.5),
            forecast_max: expected_at.map(|_| 0.9),
        }),
    };
    let work = Maintenance {
        since: at,
        until: Some(at),
        reason: Some("a new power supply".to_owned()),
    };
    let credential_id = Some(CredentialId::new());
    let mut ended = crate::anomalies::anomaly(device_id, 1);
    crate::anomalies::end(&mut ended, at);
    vec![
        Event::DeviceChanged { device_id },
        Event::DeviceDeleted { device_id },
        Event::DeviceStatus {
            device_id,
            from: Status::Up,
            to: Status::Degraded,
            since: at,
            evidence: vec![
                evidence(Check::Snmp, CheckOutcome::Silent),
                evidence(Check::Icmp, CheckOutcome::Answered),
            ],
        },
        Event::InterfaceStatus {
            device_id,
            interface_id: InterfaceId::new(),
            from: Some(IfStatus::Up),
            to: Some(IfStatus::LowerLayerDown),
            at,
        },
        Event::InterfaceStatus {
            device_id,
            interface_id: InterfaceId::new(),
            from: None,
            to: Some(IfStatus::NotPresent),
            at,
        },
        Event::Samples {
            device_id,
            at,
            samples: vec![
                (SeriesId::new(), Value::U64(u64::MAX)),
                (SeriesId::new(), Value::F64(-0.5)),
            ],
        },
        Event::ForecastMade {
            device_id,
            series_id: SeriesId::new(),
            state: ForecastState::Learning,
            made_at: at,
        },
        warned(Some(InterfaceId::new()), Some(at)),
        warned(None, None),
        changed(Some(InterfaceId::new()), Some(PatternKind::Flat)),
        changed(None, None),
        scaled(ScalingState::Raised, Some(at)),
        scaled(ScalingState::Clear, None),
        found(SnmpAnswer::Identified { credential_id }, Some("r1")),
        found(SnmpAnswer::Silent, None),
        maintenance(Some(work)),
        maintenance(None),
        discovered(Some(ScheduleId::new())),
        discovered(None),
        Event::AnomalyStarted(Arc::new(crate::anomalies::anomaly(device_id, 0))),
        Event::AnomalyEnded(Arc::new(ended)),
    ]
}

#[tokio::test]
async fn every_message_that_is_named_is_said_and_is_as_described() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut document = Document::read();
    let mut socket = open(&api, &admin).await;
    for topic in [
        "devices",
        "status",
        "series",
        "forecasts",
        "anomalies",
        "discovery",
    ] {
        subscribe(
            &mut socket,
            json!({"type": "subscribe", "id": topic, "topic": topic}),
        )
        .await;
    }
    document.check(&json!({"type": "subscribed", "id": "devices"}));
    let mut expected = 0;
    for event in events(&api) {
        api.publish(event);
        expected += 1;
    }
    // A run as it is kept, at its beginning and at its end.
    let body = json!({"targets": ["192.0.2.1"]});
    let run = admin.post("/api/v1/discoveries", &body).await.json();
    let id = run["id"].as_str().unwrap().parse().unwrap();
    let mut run = api
        .services
        .store
        .discoveries
        .get(id)
        .await
        .unwrap()
        .unwrap()
        .body;
    api.publish(Event::DiscoveryProgress(run.clone()));
    run.ended_at = Some(api.services.clock.now());
    run.notices.push("a notice".to_owned());
    api.publish(Event::DiscoveryProgress(run));
    for _ in 0..expected + 2 {
        document.check(&next(&mut socket).await);
    }

    say(&mut socket, json!({"type": "unsubscribe", "id": "status"})).await;
    document.check(&next(&mut socket).await);
    for bad in [
        json!({"type": "unsubscribe", "id": "status"}),
        json!({"type": "shout"}),
    ] {
        say(&mut socket, bad).await;
        document.check(&next(&mut socket).await);
    }
    for _ in 0..RING + 10 {
        api.publish(Event::DeviceChanged {
            device_id: DeviceId::new(),
        });
    }
    until(&mut socket, &mut document, "lagged").await;
    let address = serve(&api).await;
    let (mut socket, hello) = reopen(address, &admin).await;
    document.check(&hello);
    let other = json!(DeviceId::new().to_string());
    for (stream, resumed) in [(&other, false), (&hello["stream"], true)] {
        let resume = json!({"type": "resume", "stream": stream, "seq": hello["seq"],
            "subscriptions": [{"id": "a", "topic": "status"}]});
        document.valid("resume", &resume).unwrap();
        let (again, _) = reopen(address, &admin).await;
        socket = again;
        say(&mut socket, resume).await;
        let answer = next(&mut socket).await;
        assert_eq!(answer["resumed"], resumed, "{answer}");
        document.check(&answer);
    }
    until(&mut socket, &mut document, "heartbeat").await;

    let named = document.messages("listen");
    for event in foretell_api::stream::protocol::EVENT_NAMES {
        assert!(named.contains(event), "{event} is not named");
    }
    let missing: Vec<&String> = named.difference(&document.seen).collect();
    assert!(missing.is_empty(), "never said: {missing:?}");
}

/// Waits for a message, checking those on the way.
async fn until(socket: &mut Socket, document: &mut Document, name: &str) {
    while !document.seen.contains(name) {
        document.check(&next(socket).await);
    }
}

/// What the document says of what clients say is what the server takes: it refuses what the document
/// refuses, and takes the examples.
#[tokio::test]
async fn what_clients_say_is_described() {
    let document = Document::read();
    let api = Api::new().await;
    let admin = api.admin().await;
    let id = DeviceId::new().to_string();
    let mut cases: BTreeMap<String, (String, bool)> = BTreeMap::new();
    let mut case = |name: &str, said: Json, good: bool| {
        cases.insert(said.to_string(), (name.to_owned(), good));
    };
    for name in document.messages("ask") {
        let message = &document.json["components"]["messages"][&name];
        for example in message["examples"].as_array().into_iter().flatten() {
            case(&name, example["payload"].clone(), true);
        }
    }
    case(
        "subscribe",
        json!({"type": "subscribe", "id": "a", "topic": "series", "device_ids": [id]}),
        true,
    );
    case(
        "subscribe",
        json!({"type": "subscribe", "id": "", "topic": "series"}),
        false,
    );
    case(
        "subscribe",
        json!({"type": "subscribe", "id": "a", "topic": "all"}),
        false,
    );
    case("subscribe", json!({"type": "subscribe", "id": "a"}), false);
    case(
        "subscribe",
        json!({"type": "subscribe", "id": "a", "topic": "status", "x": 1}),
        false,
    );
    case("unsubscribe", json!({"type": "unsubscribe"}), false);
    case(
        "unsubscribe",
        json!({"type": "unsubscribe", "id": "a", "topic": "status"}),
        false,
    );
    case(
        "resume",
        json!({"type": "resume", "stream": id, "seq": 0}),
        true,
    );
    case(
        "resume",
        json!({"type": "resume", "stream": id, "seq": -1}),
        false,
    );
    case(
        "resume",
        json!({"type": "resume", "stream": "x", "seq": 0}),
        false,
    );
    for (said, (name, good)) in cases {
        let message: Json = serde_json::from_str(&said).unwrap();
        assert_eq!(
            document.valid(&name, &message).is_ok(),
            good,
            "the document: {said}"
        );
        let mut socket = open(&api, &admin).await;
        say(&mut socket, message).await;
        let answer = next(&mut socket).await;
        assert_eq!(
            answer["type"] != "error",
            good,
            "the server: {said}: {answer}"
        );
    }
}
