//! What client and server say to each other on the stream, as JSON text frames. The AsyncAPI
//! document `asyncapi.yaml` describes the same; a test holds the names together.

use super::subscription::SUBSCRIPTIONS_MAX;
use crate::problem::{FieldError, Problem};
use crate::{body, problem::ProblemBody};
use model::discovery::{Discovery, DiscoveryResult};
use model::event::Event;
use model::forecast::{ForecastState, Outlook};
use model::foresight::Anomaly;
use model::interface::IfStatus;
use model::pattern::{PatternKind, TrafficPattern};
use model::scaling::ScalingTold;
use model::status::Evidence;
use model::{
    DeviceId, DiscoveryId, InterfaceId, ScheduleId, SeriesId, Status, StreamId, Timestamp, Value,
};
use serde::{Deserialize, Serialize};

/// Longest message that is read from a client, in bytes: a subscription to 1,000 series has 40,000.
pub const MESSAGE_LEN_MAX: usize = 64 << 10;
/// Most ids of one subscription.
const IDS_MAX: usize = 1_000;
/// Longest name of a subscription, in characters.
const NAME_LEN_MAX: usize = 64;

/// What a client may listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Devices that are made, changed or deleted.
    Devices,
    /// Statuses of devices and interfaces.
    Status,
    /// Runs of discovery.
    Discovery,
    /// Samples as they are synced.
    Series,
    /// Forecasts that are made, limits that come near, and scaling triggers that are raised and cleared.
    Forecasts,
    /// Anomalies that begin and end.
    Anomalies,
}

/// What a client says, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage {
    /// Tell me of this.
    Subscribe(Subscribe),
    /// No longer.
    Unsubscribe {
        /// The name it was subscribed under.
        id: String,
    },
    /// I was here before.
    Resume(Resume),
}

/// Where a client was when it lost its connection, and what it was subscribed to.
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// The life of the stream, as `hello` named it.
    pub stream: StreamId,
    /// The number up to which it was told all.
    pub seq: u64,
    /// What it wants to be told, from there on.
    pub subscriptions: Vec<Subscribe>,
}

/// What a client wants to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The client's name for it.
    pub id: String,
    /// What of.
    pub topic: Topic,
    /// Only of these devices; of all where it is empty.
    pub device_ids: Vec<DeviceId>,
    /// Only these series; all where it is empty. For the topic `series`.
    pub series_ids: Vec<SeriesId>,
    /// Only this run. For the topic `discovery`.
    pub discovery_id: Option<DiscoveryId>,
}

/// A message could not be read: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// The client's name for the subscription, where it could be read.
    pub id: Option<String>,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// Any message: what does not go with its type is refused by [`parse`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "type")]
    kind: Kind,
    id: Option<String>,
    topic: Option<Topic>,
    #[serde(default)]
    device_ids: Vec<DeviceId>,
    #[serde(default)]
    series_ids: Vec<SeriesId>,
    discovery_id: Option<DiscoveryId>,
    stream: Option<StreamId>,
    seq: Option<u64>,
    subscriptions: Option<Vec<RawSubscription>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubscription {
    id: Option<String>,
    topic: Option<Topic>,
    #[serde(default)]
    device_ids: Vec<DeviceId>,
    #[serde(default)]
    series_ids: Vec<SeriesId>,
    discovery_id: Option<DiscoveryId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Subscribe,
    Unsubscribe,
    Resume,
}

/// Reads a message of a client. Pure; any text is answered with a message or with what is wrong.
pub fn parse(text: &str) -> Result<ClientMessage, BadMessage> {
    let bad = |id: Option<&str>, fault: (&str, String)| BadMessage {
        id: id.map(|id| id.chars().take(NAME_LEN_MAX).collect()),
        errors: vec![FieldError {
            pointer: fault.0.to_owned(),
            detail: fault.1,
        }],
    };
    if text.len() > MESSAGE_LEN_MAX {
        let detail = format!("a message has at most {MESSAGE_LEN_MAX} bytes");
        return Err(bad(None, ("", detail)));
    }
    let raw: Raw = body::parse(text.as_bytes()).map_err(|problem| BadMessage {
        id: None,
        errors: problem.faults(),
    })?;
    let of_subscription = raw.topic.is_some()
        || !raw.device_ids.is_empty()
        || !raw.series_ids.is_empty()
        || raw.discovery_id.is_some();
    let of_resume = raw.stream.is_some() || raw.seq.is_some() || raw.subscriptions.is_some();
    if raw.kind == Kind::Resume {
        if of_subscription || raw.id.is_some() {
            let detail = "only `stream`, `seq` and `subscriptions` go with resume";
            return Err(bad(None, ("", detail.to_owned())));
        }
        let resume = resume(raw.stream, raw.seq, raw.subscriptions.unwrap_or_default());
        return resume
            .map(ClientMessage::Resume)
            .map_err(|(pointer, detail)| bad(None, (&pointer, detail)));
    }
    let name = name(raw.id).map_err(|fault| bad(None, fault))?;
    if of_resume {
        let detail = "`stream`, `seq` and `subscriptions` go with resume only";
        return Err(bad(Some(&name), ("", detail.to_owned())));
    }
    if raw.kind == Kind::Unsubscribe {
        if of_subscription {
            let detail = "only `id` goes with unsubscribe";
            return Err(bad(Some(&name), ("", detail.to_owned())));
        }
        return Ok(ClientMessage::Unsubscribe { id: name });
    }
    let wanted = RawSubscription {
        id: None,
        topic: raw.topic,
        device_ids: raw.device_ids,
        series_ids: raw.series_ids,
        discovery_id: raw.discovery_id,
    };
    subscribe(name.clone(), wanted)
        .map(ClientMessage::Subscribe)
        .map_err(|fault| bad(Some(&name), fault))
}

/// Where it is wrong, and why.
type Fault = (&'static str, String);

fn name(id: Option<String>) -> Result<String, Fault> {
    let named = 1..=NAME_LEN_MAX;
    let sane =
        |id: &String| named.contains(&id.chars().count()) && !id.chars().any(char::is_control);
    let detail = format!("a name of 1 to {NAME_LEN_MAX} characters is needed");
    id.filter(sane).ok_or(("/id", detail))
}

fn subscribe(id: String, raw: RawSubscription) -> Result<Subscribe, Fault> {
    let topic = raw
        .topic
        .ok_or(("/topic", "a topic is needed".to_owned()))?;
    for (pointer, count) in [
        ("/device_ids", raw.device_ids.len()),
        ("/series_ids", raw.series_ids.len()),
    ] {
        if count > IDS_MAX {
            return Err((pointer, format!("at most {IDS_MAX} ids are taken")));
        }
    }
    if !raw.series_ids.is_empty() && topic != Topic::Series {
        let detail = "it goes with the topic `series` only".to_owned();
        return Err(("/series_ids", detail));
    }
    if raw.discovery_id.is_some() && topic != Topic::Discovery {
        let detail = "it goes with the topic `discovery` only".to_owned();
        return Err(("/discovery_id", detail));
    }
    if !raw.device_ids.is_empty() && topic == Topic::Discovery {
        let detail = "it does not go with the topic `discovery`".to_owned();
        return Err(("/device_ids", detail));
    }
    Ok(Subscribe {
        id,
        topic,
        device_ids: raw.device_ids,
        series_ids: raw.series_ids,
        discovery_id: raw.discovery_id,
    })
}

fn resume(
    stream: Option<StreamId>,
    seq: Option<u64>,
    subscriptions: Vec<RawSubscription>,
) -> Result<Resume, (String, String)> {
    let needed = |pointer: &str| {
        (
            pointer.to_owned(),
            "it is needed, as the server said it".to_owned(),
        )
    };
    let stream = stream.ok_or_else(|| needed("/stream"))?;
    let seq = seq.ok_or_else(|| needed("/seq"))?;
    if subscriptions.len() > SUBSCRIPTIONS_MAX {
        let detail = format!("a connection has at most {SUBSCRIPTIONS_MAX} subscriptions");
        return Err(("/subscriptions".to_owned(), detail));
    }
    let each = subscriptions.into_iter().enumerate().map(|(at, mut raw)| {
        let read = name(raw.id.take()).and_then(|id| subscribe(id, raw));
        read.map_err(|(pointer, detail)| (format!("/subscriptions/{at}{pointer}"), detail))
    });
    Ok(Resume {
        stream,
        seq,
        subscriptions: each.collect::<Result<_, _>>()?,
    })
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    /// The first message.
    Hello {
        /// This life of the stream.
        stream: StreamId,
        /// The number of the latest event.
        seq: u64,
        heartbeat_secs: u64,
    },
    /// What becomes of a client that was here before.
    Resumed {
        /// Whether what it missed follows.
        resumed: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<NotResumed>,
        /// How many events are gone, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<u64>,
        stream: StreamId,
        /// The number behind which it goes on.
        seq: u64,
    },
    /// A subscription is in force.
    Subscribed { id: &'a str },
    /// A subscription has ended.
    Unsubscribed { id: &'a str },
    /// Something happened.
    Event {
        /// Its number in this life of the stream; those of events that are not told are left out.
        seq: u64,
        topic: Topic,
        event: &'static str,
        at: Timestamp,
        data: Data<'a>,
    },
    /// The server is there; all up to this number was told.
    Heartbeat { at: Timestamp, seq: u64 },
    /// So many events were dropped because this client was too slow; read again what it shows.
    Lagged { dropped: u64, seq: u64 },
    /// A message could not be acted on.
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        problem: ProblemBody,
    },
}

/// Why what a client missed cannot be told any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotResumed {
    /// The server was restarted, or it is another one.
    Restarted,
    /// The ring does not reach back so far.
    TooOld,
}

/// What an event says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Data<'a> {
    Device {
        device_id: DeviceId,
    },
    DeviceStatus {
        device_id: DeviceId,
        from: Status,
        to: Status,
        since: Timestamp,
        evidence: &'a [Evidence],
    },
    DeviceMaintenance {
        device_id: DeviceId,
        maintenance: bool,
        maintenance_since: Option<Timestamp>,
        maintenance_until: Option<Timestamp>,
        maintenance_reason: Option<&'a str>,
        at: Timestamp,
    },
    InterfaceStatus {
        device_id: DeviceId,
        interface_id: InterfaceId,
        from: Option<IfStatus>,
        to: Option<IfStatus>,
        at: Timestamp,
    },
    Samples {
        device_id: DeviceId,
        at: Timestamp,
        samples: Vec<SampleData>,
    },
    ForecastMade {
        device_id: DeviceId,
        series_id: SeriesId,
        state: ForecastState,
        made_at: Timestamp,
    },
    CapacityWarning {
        device_id: DeviceId,
        interface_id: Option<InterfaceId>,
        series_id: SeriesId,
        outlook: &'a Outlook,
        at: Timestamp,
    },
    PatternChanged {
        device_id: DeviceId,
        interface_id: Option<InterfaceId>,
        series_id: SeriesId,
        before: PatternKind,
        pattern: Option<&'a TrafficPattern>,
        at: Timestamp,
    },
    Scaling {
        device_id: DeviceId,
        #[serde(flatten)]
        told: &'a ScalingTold,
    },
    Anomaly(&'a Anomaly),
    Progress(&'a Discovery),
    Discovered {
        discovery_id: DiscoveryId,
        schedule_id: Option<ScheduleId>,
        result: &'a DiscoveryResult,
    },
    Found {
        discovery_id: DiscoveryId,
        result: &'a DiscoveryResult,
    },
}

/// One value as it was read.
#[derive(Debug, Serialize)]
pub(crate) struct SampleData {
    pub(crate) series_id: SeriesId,
    pub(crate) value: Value,
}

/// The topic and the name of an event.
pub(crate) fn name_of(event: &Event) -> (Topic, &'static str) {
    match event {
        Event::DeviceChanged { .. } => (Topic::Devices, "device_changed"),
        Event::DeviceDeleted { .. } => (Topic::Devices, "device_deleted"),
        Event::DeviceStatus { .. } => (Topic::Status, "device_status"),
        Event::DeviceMaintenance { .. } => (Topic::Status, "device_maintenance"),
        Event::InterfaceStatus { .. } => (Topic::Status, "interface_status"),
        Event::Samples { .. } => (Topic::Series, "samples"),
        Event::ForecastMade { .. } => (Topic::Forecasts, "forecast_made"),
        Event::CapacityWarning { .. } => (Topic::Forecasts, "capacity_warning"),
        Event::PatternChanged { .. } => (Topic::Forecasts, "pattern_changed"),
        Event::Scaling { .. } => (Topic::Forecasts, "scaling"),
        Event::AnomalyStarted(_) => (Topic::Anomalies, "anomaly_started"),
        Event::AnomalyEnded(_) => (Topic::Anomalies, "anomaly_ended"),
        Event::DiscoveryProgress(_) => (Topic::Discovery, "discovery_progress"),
        Event::DeviceDiscovered { .. } => (Topic::Discovery, "device_discovered"),
        Event::DiscoveryFound { .. } => (Topic::Discovery, "discovery_found"),
    }
}

/// The names of all events, for the test that holds `asyncapi.yaml` to them.
pub const EVENT_NAMES: [&str; 15] = [
    "device_changed",
    "device_deleted",
    "device_status",
    "device_maintenance",
    "interface_status",
    "samples",
    "forecast_made",
    "capacity_warning",
    "pattern_changed",
    "scaling",
    "anomaly_started",
    "anomaly_ended",
    "device_discovered",
    "discovery_progress",
    "discovery_found",
];

/// A message as it is sent.
pub(crate) fn write(message: &ServerMessage<'_>) -> String {
    // Every part is of a kind that JSON has.
    serde_json::to_string(message).unwrap_or_default()
}

/// The answer to a message that could not be acted on.
pub(crate) fn refusal(id: Option<&str>, problem: &Problem, request_id: &str) -> String {
    write(&ServerMessage::Error {
        id,
        problem: problem.body("/api/v1/stream", request_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01931f5e-0000-7000-8000-000000000001";

    fn refused(text: &str, pointer: &str) {
        let bad = parse(text).expect_err(text);
        assert_eq!(
            bad.errors.first().map(|e| e.pointer.as_str()),
            Some(pointer),
            "{text}"
        );
    }

    #[test]
    fn messages_are_read() {
        let text =
            format!(r#"{{"type":"subscribe","id":"a","topic":"series","device_ids":["{ID}"]}}"#);
        let Ok(ClientMessage::Subscribe(found)) = parse(&text) else {
            panic!("{text}");
        };
        assert_eq!((found.id.as_str(), found.topic), ("a", Topic::Series));
        assert_eq!(found.device_ids, [ID.parse().unwrap()]);
        assert_eq!(
            parse(r#"{"type":"unsubscribe","id":"a"}"#),
            Ok(ClientMessage::Unsubscribe { id: "a".to_owned() })
        );
        let text = format!(
            r#"{{"type":"resume","stream":"{ID}","seq":7,"subscriptions":[{{"id":"a","topic":"status"}}]}}"#
        );
        let Ok(ClientMessage::Resume(found)) = parse(&text) else {
            panic!("{text}");
        };
        assert_eq!((found.stream, found.seq), (ID.parse().unwrap(), 7));
        assert_eq!(found.subscriptions[0].topic, Topic::Status);
    }

    #[test]
    fn bad_messages_are_pointed_at() {
        refused("", "");
        refused("{", "");
        refused("[]", "");
        refused(r#"{"type":"shout","id":"a"}"#, "/type");
        refused(r#"{"type":"subscribe","id":7,"topic":"status"}"#, "/id");
        refused(r#"{"type":"subscribe","id":"","topic":"status"}"#, "/id");
        refused(r#"{"type":"subscribe","id":"a"}"#, "/topic");
        refused(r#"{"type":"subscribe","id":"a","topic":"all"}"#, "/topic");
        refused(
            r#"{"type":"subscribe","id":"a","topic":"status","x":1}"#,
            "/x",
        );
        refused(
            r#"{"type":"subscribe","id":"a","topic":"status","device_ids":["b"]}"#,
            "/device_ids/0",
        );
        let series =
            format!(r#"{{"type":"subscribe","id":"a","topic":"status","series_ids":["{ID}"]}}"#);
        refused(&series, "/series_ids");
        refused(
            &format!(r#"{{"type":"unsubscribe","id":"a","discovery_id":"{ID}"}}"#),
            "",
        );
        refused(r#"{"type":"resume","seq":1}"#, "/stream");
        refused(&format!(r#"{{"type":"resume","stream":"{ID}"}}"#), "/seq");
        refused(
            &format!(r#"{{"type":"resume","stream":"{ID}","seq":-1}}"#),
            "/seq",
        );
        refused(
            &format!(r#"{{"type":"resume","stream":"{ID}","seq":1,"id":"a"}}"#),
            "",
        );
        refused(
            r#"{"type":"subscribe","id":"a","topic":"status","seq":1}"#,
            "",
        );
        let among = |subscription: &str, pointer: &str| {
            let text = format!(
                r#"{{"type":"resume","stream":"{ID}","seq":1,"subscriptions":[{{"id":"a","topic":"status"}},{subscription}]}}"#
            );
            refused(&text, &format!("/subscriptions{pointer}"));
        };
        among(r#"{"topic":"status"}"#, "/1/id");
        among(r#"{"id":"b"}"#, "/1/topic");
        among(r#"{"id":"b","topic":"all"}"#, "/1/topic");
        among(
            &format!(r#"{{"id":"b","topic":"status","series_ids":["{ID}"]}}"#),
            "/1/series_ids",
        );
        let subscription = r#"{"id":"b","topic":"status"}"#;
        among(&[subscription; SUBSCRIPTIONS_MAX].join(","), "");
        let many = vec![format!("\"{ID}\""); 1_001].join(",");
        refused(
            &format!(r#"{{"type":"subscribe","id":"a","topic":"status","device_ids":[{many}]}}"#),
            "/device_ids",
        );
        refused(&" ".repeat(MESSAGE_LEN_MAX + 1), "");
    }
}
