//! Messages to addresses that operators typed: a body as CloudEvents has it, signed as Standard Webhooks has
//! it, sent again where that may help, and never for ever. What is told and to whom is the caller's affair.

#[cfg(test)]
pub(crate) mod receiver;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use collect::http::{Ask, HeaderMap, HeaderValue, HttpError, Method, Trust, Url, ask, header};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::credential::Secret;
use model::webhook::{Delivery, DeliveryState};
use model::{Clock, EventId, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Messages under way at a time, those that wait to be sent again among them. Beyond it they are given up at
/// once: a receiver that does not answer must not gather them without end.
pub const UNDER_WAY_MAX: usize = 256;
/// Messages on the wire at a time.
const SENDING_MAX: usize = 16;
/// Time for one attempt.
const ATTEMPT_TIME: Duration = Duration::from_secs(10);
/// Rests after an attempt that failed; behind the last it is given up.
const RESTS: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
];
/// Octets of an answer that are read; nothing is made of them.
const ANSWER_LEN_MAX: usize = 1_024;
/// What begins a secret that is base64, as Standard Webhooks has it.
const BASE64_SECRET: &str = "whsec_";

/// A message to one receiver.
#[derive(Clone)]
pub struct Message {
    /// The same each time that it is sent, so that a receiver may leave out what it has.
    pub event_id: EventId,
    /// Where.
    pub url: String,
    /// What signs it.
    pub secret: Option<Secret>,
    /// What kind of event it is, as `dev.foretell.scaling.raised`.
    pub kind: &'static str,
    /// What it is of, as a path of the API.
    pub subject: String,
    /// When that happened.
    pub at: Timestamp,
    /// What is told.
    pub data: Json,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// What is counted.
#[derive(Clone, Default)]
pub struct Counts {
    attempts: Family<OutcomeLabels, Counter>,
    messages: Family<OutcomeLabels, Counter>,
    under_way: Gauge,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "foretell_webhook_attempts",
            "Requests to webhooks by what came of them",
            counts.attempts.clone(),
        );
        registry.register(
            "foretell_webhook_messages",
            "Messages to webhooks that are done: delivered, given_up, or dropped where too many are under way",
            counts.messages.clone(),
        );
        registry.register(
            "foretell_webhook_messages_under_way",
            "Messages to webhooks that are being sent or wait to be sent again",
            counts.under_way.clone(),
        );
        counts
    }

    fn attempt(&self, outcome: &'static str) {
        let labels = OutcomeLabels { outcome };
        self.attempts.get_or_create(&labels).inc();
    }

    fn done(&self, outcome: &'static str) {
        let labels = OutcomeLabels { outcome };
        self.messages.get_or_create(&labels).inc();
    }
}

/// Who sends. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    trust: Arc<OnceLock<Trust>>,
    under_way: Arc<Semaphore>,
    sending: Arc<Semaphore>,
    rests: Arc<[Duration]>,
    clock: Clock,
    counts: Counts,
    stop: CancellationToken,
}

/// Room for a message under way.
pub struct Place {
    _room: OwnedSemaphorePermit,
    under_way: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.dec();
    }
}

/// What came of one attempt.
enum Attempt {
    Taken(u16),
    /// Another may help.
    Failed(Option<u16>, String),
    /// None would.
    Refused(Option<u16>, String),
}

impl Webhooks {
    /// One that sends with the usual rests.
    pub fn new(clock: Clock, counts: Counts, stop: CancellationToken) -> Self {
        Self::resting(&RESTS, clock, counts, stop)
    }

    /// One that sends as often as there are rests, and once more.
    pub fn resting(
        rests: &[Duration],
        clock: Clock,
        counts: Counts,
        stop: CancellationToken,
    ) -> Self {
        Self {
            trust: Arc::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            sending: Arc::new(Semaphore::new(SENDING_MAX)),
            rests: rests.into(),
            clock,
            counts,
            stop,
        }
    }

    /// Room for one more message; none where too many are under way, which is counted.
    pub fn place(&self) -> Option<Place> {
        let Ok(room) = Arc::clone(&self.under_way).try_acquire_owned() else {
            self.counts.done("dropped");
            return None;
        };
        let under_way = self.counts.under_way.clone();
        under_way.inc();
        Some(Place {
            _room: room,
            under_way,
        })
    }

    /// Sends a message until it is taken or given up, and tells how it fares after each attempt. Before it is
    /// sent again it is asked whether it is still wanted. Where the server stops, it is left as it is:
    /// [`DeliveryState::Waiting`].
    pub async fn deliver(
        &self,
        _place: Place,
        message: &Message,
        is_wanted: impl Fn() -> bool + Send,
        mut told: impl FnMut(&Delivery) + Send,
    ) -> Delivery {
        let mut delivery = Delivery::new(message.event_id, self.clock.now());
        let mut rests = self.rests.iter();
        loop {
            let done = tokio::select! {
                attempt = self.attempt(message) => self.take(&mut delivery, attempt, rests.next()),
                () = self.stop.cancelled() => return delivery,
            };
            told(&delivery);
            let Some(rest) = done else { return delivery };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = self.stop.cancelled() => return delivery,
            }
            if !is_wanted() {
                self.counts.done("given_up");
                delivery.state = DeliveryState::GivenUp;
                delivery
                    .detail
                    .push_str("; it is not sent again, for something else took its place");
                return delivery;
            }
        }
    }

    /// Sends a message once.
    pub async fn try_once(&self, _place: Place, message: &Message) -> Delivery {
        let mut delivery = Delivery::new(message.event_id, self.clock.now());
        let attempt = self.attempt(message).await;
        self.take(&mut delivery, attempt, None);
        delivery
    }

    /// Takes in what came of an attempt; how long to rest before the next one, where there is one.
    fn take(
        &self,
        delivery: &mut Delivery,
        attempt: Attempt,
        rest: Option<&Duration>,
    ) -> Option<Duration> {
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.at = self.clock.now();
        let (status, detail, again) = match attempt {
            Attempt::Taken(status) => {
                self.counts.attempt("delivered");
                self.counts.done("delivered");
                delivery.state = DeliveryState::Delivered;
                delivery.status = Some(status);
                delivery.detail = format!("taken with status {status}");
                return None;
            }
            Attempt::Failed(status, detail) => {
                self.counts.attempt("failed");
                (status, detail, rest.copied())
            }
            Attempt::Refused(status, detail) => {
                self.counts.attempt("refused");
                (status, detail, None)
            }
        };
        delivery.status = status;
        delivery.detail = detail;
        if again.is_none() {
            self.counts.done("given_up");
            delivery.state = DeliveryState::GivenUp;
        }
        again
    }

    async fn attempt(&self, message: &Message) -> Attempt {
        // It is never closed.
        let _turn = self.sending.acquire().await;
        let Ok(url) = message.url.parse::<Url>() else {
            return Attempt::Refused(None, "the address is no URL".to_owned());
        };
        let body = body_of(message);
        let headers = headers_of(message, body.as_bytes(), self.clock.now());
        let asked = Ask {
            method: Method::POST,
            url: &url,
            address: None,
            headers,
            body: body.into(),
            time: ATTEMPT_TIME,
            body_len_max: ANSWER_LEN_MAX,
            though_untrusted: false,
        };
        let trust = self.trust.get_or_init(Trust::of_this_machine);
        match ask(trust, asked).await {
            Ok(answered) => judged(answered.status.as_u16()),
            // The error names the URL, whose path may be a secret.
            Err(HttpError::Url { .. }) => {
                Attempt::Refused(None, "the address is no URL of a server".to_owned())
            }
            Err(error) => Attempt::Failed(None, crate::chain(&error)),
        }
    }
}

/// What a status says: 408, 425, 429 and those of the server's may be others later; a redirect is not
/// followed, for it could lead where the operator did not point.
fn judged(status: u16) -> Attempt {
    let detail = format!("answered with status {status}");
    match status {
        200..300 => Attempt::Taken(status),
        300..400 => Attempt::Refused(
            Some(status),
            format!("{detail}; redirects are not followed"),
        ),
        408 | 425 | 429 | 500.. => Attempt::Failed(Some(status), detail),
        _ => Attempt::Refused(Some(status), detail),
    }
}

/// The body: structured JSON of CloudEvents 1.0.
fn body_of(message: &Message) -> String {
    json!({
        "specversion": "1.0",
        "id": message.event_id,
        "source": "/api/v1",
        "type": message.kind,
        "subject": message.subject,
        "time": message.at,
        "datacontenttype": "application/json",
        "data": message.data,
    })
    .to_string()
}

fn headers_of(message: &Message, body: &[u8], now: Timestamp) -> HeaderMap {
    let id = message.event_id.to_string();
    let secs = now.unix_ms().div_euclid(1_000).to_string();
    let mut headers = HeaderMap::new();
    let media = HeaderValue::from_static("application/cloudevents+json");
    headers.insert(header::CONTENT_TYPE, media);
    let mut add = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    add("webhook-id", &id);
    add("webhook-timestamp", &secs);
    if let Some(secret) = &message.secret {
        add("webhook-signature", &signature(secret, &id, &secs, body));
    }
    headers
}

/// The signature of a message: `v1,` and HMAC-SHA-256 in base64 over id, time and body with dots between.
/// Source: Standard Webhooks 1.0. A secret that begins with `whsec_` is base64; any other is its octets.
pub fn signature(secret: &Secret, id: &str, secs: &str, body: &[u8]) -> String {
    let text = secret.reveal();
    let decoded = text.strip_prefix(BASE64_SECRET);
    let decoded = decoded.and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.as_deref().unwrap_or(text.as_bytes());
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", secs.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_standard_webhooks_has_it() {
        // The example of the reference libraries.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(&secret, id, "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_may_be_another_time_is_sent_again_and_nothing_else() {
        for (status, again) in [
            (500, Some(true)),
            (503, Some(true)),
            (429, Some(true)),
            (408, Some(true)),
            (404, Some(false)),
            (302, Some(false)),
            (101, Some(false)),
            (200, None),
            (204, None),
        ] {
            let found = match judged(status) {
                Attempt::Taken(_) => None,
                Attempt::Failed(..) => Some(true),
                Attempt::Refused(..) => Some(false),
            };
            assert_eq!(found, again, "{status}");
        }
    }

    fn message(url: String) -> Message {
        Message {
            event_id: EventId::new(),
            url,
            secret: Some(Secret::new("a secret of sixteen".to_owned())),
            kind: "dev.foretell.scaling.test",
            subject: "/api/v1/scaling/x".to_owned(),
            at: Timestamp::from_unix_ms(1_772_366_400_000),
            data: json!({"state": "clear"}),
        }
    }

    fn hooks() -> Webhooks {
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_772_366_400_999));
        let rests = [Duration::from_millis(1); 2];
        Webhooks::resting(&rests, clock, Counts::default(), CancellationToken::new())
    }

    /// Sends a message to a receiver that answers so; how it fared, and what was received.
    async fn sent(statuses: &[u16]) -> (Delivery, Vec<receiver::Received>) {
        let (url, mut told) = receiver::listen(statuses).await;
        let hooks = hooks();
        let place = hooks.place().unwrap();
        let done = hooks.deliver(place, &message(url), || true, |_| {}).await;
        let mut all = Vec::new();
        while all.len() < done.attempts as usize {
            all.push(told.recv().await.unwrap());
        }
        assert!(told.try_recv().is_err());
        (done, all)
    }

    #[tokio::test]
    async fn a_message_is_sent_again_after_503_under_the_same_id_and_signed() {
        let (done, all) = sent(&[503, 200]).await;
        assert_eq!((done.state, done.attempts), (DeliveryState::Delivered, 2));
        assert_eq!(done.status, Some(200));
        let (first, second) = (&all[0], &all[1]);
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        let id = second.header("webhook-id").unwrap();
        assert_eq!(id, done.event_id.to_string());
        let secs = second.header("webhook-timestamp").unwrap();
        assert_eq!(secs, "1772366400");
        let secret = Secret::new("a secret of sixteen".to_owned());
        let signed = signature(&secret, id, secs, &second.body);
        assert_eq!(second.header("webhook-signature"), Some(signed.as_str()));
        assert!(second.head.starts_with("POST /hook HTTP/1.1"));
        let body: Json = serde_json::from_slice(&second.body).unwrap();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(
            (&body["id"], &body["data"]),
            (&json!(id), &json!({"state": "clear"}))
        );
    }

    #[tokio::test]
    async fn what_does_not_arrive_is_given_up_after_its_bound_and_redirects_are_not_followed() {
        let (done, _) = sent(&[503]).await;
        assert_eq!((done.state, done.attempts), (DeliveryState::GivenUp, 3));
        for status in [302, 404] {
            let (done, _) = sent(&[status]).await;
            assert_eq!((done.state, done.attempts), (DeliveryState::GivenUp, 1));
            assert_eq!(done.status, Some(status));
        }
        // Nobody listens there.
        let hooks = hooks();
        let to_nobody = message("http://127.0.0.1:1/".to_owned());
        let place = hooks.place().unwrap();
        let done = hooks.deliver(place, &to_nobody, || true, |_| {}).await;
        assert_eq!((done.state, done.attempts), (DeliveryState::GivenUp, 3));
        assert_eq!(done.status, None);
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_is_not_sent_again_and_no_word_has_the_path() {
        let (url, mut told) = receiver::listen(&[503]).await;
        let hooks = hooks();
        let place = hooks.place().unwrap();
        let done = hooks.deliver(place, &message(url), || false, |_| {}).await;
        assert_eq!((done.state, done.attempts), (DeliveryState::GivenUp, 1));
        assert!(done.detail.contains("not sent again"), "{}", done.detail);
        assert!(told.recv().await.is_some() && told.try_recv().is_err());
        for url in [
            "ftp://127.0.0.1/token",
            "/token",
            "http://127.0.0.1:1/token",
        ] {
            let place = hooks.place().unwrap();
            let done = hooks.try_once(place, &message(url.to_owned())).await;
            assert!(!done.detail.contains("token"), "{}", done.detail);
        }
    }

    #[test]
    fn no_more_are_under_way_than_may_be() {
        let clock = Clock::new(Timestamp::default);
        let hooks = Webhooks::new(clock, Counts::default(), CancellationToken::new());
        let mut places: Vec<Place> = (0..UNDER_WAY_MAX).filter_map(|_| hooks.place()).collect();
        assert_eq!(places.len(), UNDER_WAY_MAX);
        assert!(hooks.place().is_none());
        places.pop();
        assert!(hooks.place().is_some());
        drop(places);
        assert_eq!(hooks.counts.under_way.get(), 0);
    }
}
