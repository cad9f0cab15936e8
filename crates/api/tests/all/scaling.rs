//! Scaling triggers as a resource, and the number that an autoscaler reads; that they are raised is the
//! server's affair.

use crate::harness::{Answer, Api, Client, NOW, request};
use axum::http::Method;
use model::credential::Secret;
use model::scaling::{ScalingOutlook, ScalingRaise, ScalingStanding, ScalingState, ScalingVerdict};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, TriggerId};
use serde_json::{Value as Json, json};
use std::time::Duration;
use store::accounts::PasswordHash;

const PATH: &str = "/api/v1/scaling";

/// A device with a processor and a state.
async fn lab(admin: &Client<'_>) -> (SeriesId, SeriesId) {
    let body = json!({"address": "192.0.2.1", "name": "r1"});
    let device = admin.make("/api/v1/devices", body).await;
    let device: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let keys = vec![
        (Metric::PROCESSOR_UTILIZATION, labels.clone()),
        (Metric::IF_OPER_STATUS, labels),
    ];
    let series = &admin.api.services.series;
    let series = series.resolve(device, keys).await.unwrap();
    (series[0].id, series[1].id)
}

fn draft(series_id: SeriesId) -> Json {
    json!({
        "name": " web ", "series_id": series_id, "threshold": {"kind": "of_limit", "share": 0.8},
        "webhook": {"url": "https://hooks.example.net/x", "secret": "sixteen octets ok"},
    })
}

/// How a trigger stands that is raised, with what is expected.
async fn stands(api: &Api, made: &Json) -> ScalingStanding {
    let id: TriggerId = made["id"].as_str().unwrap().parse().unwrap();
    let at = |secs: i64| Timestamp::from_unix_ms(NOW + secs * 1_000);
    let (stored, _) = api.services.store.scaling.get(id).unwrap();
    let standing = ScalingStanding {
        state: ScalingState::Raised,
        since: Some(at(-120)),
        raises: vec![ScalingRaise {
            raised_at: at(-120),
            expected_at: at(900),
            probability: 0.6,
            cleared_at: None,
            verdict: ScalingVerdict::Waiting,
            overload_at: None,
            lead_secs: None,
            is_backcast: false,
        }],
        outlook: Some(ScalingOutlook {
            at: at(-120),
            latest: 0.5,
            threshold: 0.8,
            forecast_max: 0.9,
            forecast_max_upper80: 0.95,
            is_forecast: true,
        }),
        stepped_to: Some(at(-120)),
        learned_for: Some(stored.body.clone()),
        learned_threshold: Some(0.8),
        learned: "secret state".to_owned(),
        ..ScalingStanding::default()
    };
    let kept = api
        .services
        .store
        .scaling
        .keep(id, stored.revision, standing.clone());
    kept.await.unwrap();
    standing
}

#[tokio::test]
async fn a_trigger_is_made_read_changed_tried_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (series_id, _) = lab(&admin).await;
    let answer = admin.post(PATH, &draft(series_id)).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let (made, etag) = (answer.json(), answer.header("etag").unwrap().to_owned());
    assert_eq!(
        (&made["name"], &made["state"], &made["lead_min_secs"]),
        (&json!("web"), &json!("learning"), &json!(600))
    );
    let webhook = json!({"url": "https://hooks.example.net/x", "is_signed": true});
    assert_eq!(made["webhook"], webhook);
    assert_eq!(made["subject"]["device_name"], "r1");
    assert!(!answer.body.windows(7).any(|part| part == b"sixteen"));
    let again = admin.post(PATH, &draft(series_id)).await;
    again.problem(409, "conflict");
    assert_eq!(again.pointers(), ["/name"]);

    // How it stands makes no edit stale.
    stands(&api, &made).await;
    let read = admin.get(&path).await;
    assert_eq!(read.header("etag"), Some(etag.as_str()));
    let read = read.json();
    assert_eq!(read["raised"]["probability"], 0.6, "{read}");
    assert_eq!(read["raises"].as_array().unwrap().len(), 1);
    assert!(read.get("learned").is_none());
    let list = admin
        .get(&format!("{PATH}?state=raised&sort=-expected_at"))
        .await;
    assert_eq!(list.json()["items"][0]["id"], made["id"]);
    let none = admin.get(&format!("{PATH}?state=clear")).await;
    assert_eq!(none.json()["items"], json!([]));

    // The secret stays where it is not given, and goes where it is null.
    let patch = json!({"webhook": {"url": "http://192.0.2.9/y"}, "clear_below_share": 0.5});
    let changed = admin.patch(&path, Some(&etag), &patch).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    assert_eq!(changed.json()["webhook"]["is_signed"], true);
    assert_eq!(changed.json()["state"], "raised", "it learned for the same");
    let stale = admin.patch(&path, Some(&etag), &patch).await;
    stale.problem(412, "stale");
    let etag = changed.header("etag").unwrap().to_owned();
    let patch =
        json!({"webhook": {"url": "http://192.0.2.9/y", "secret": null}, "lead_max_secs": 3600});
    let changed = admin.patch(&path, Some(&etag), &patch).await;
    assert_eq!(changed.json()["webhook"]["is_signed"], false);
    assert_eq!(changed.json()["state"], "learning", "it learns anew");

    let tried = admin.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!(tried.status, 200, "{:?}", tried.body);
    assert_eq!(tried.json()["state"], "delivered");
    let etag = changed.header("etag").unwrap().to_owned();
    let changed = admin
        .patch(&path, Some(&etag), &json!({"webhook": null}))
        .await;
    assert_eq!(changed.json()["webhook"], json!(null));
    let tried = admin.post(&format!("{path}/test"), &json!({})).await;
    tried.problem(409, "conflict");

    let etag = changed.header("etag").unwrap().to_owned();
    assert_eq!(admin.delete(&path, Some(&etag)).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (series_id, state_id) = lab(&admin).await;
    let body = json!({"address": "192.0.2.2", "name": "r2", "interval_secs": 600});
    let seldom = admin.make("/api/v1/devices", body).await;
    let seldom: DeviceId = seldom["id"].as_str().unwrap().parse().unwrap();
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let keys = vec![(Metric::PROCESSOR_UTILIZATION, labels)];
    let seldom = api.services.series.resolve(seldom, keys).await.unwrap();
    let seldom_id = seldom[0].id;
    let with = |field: &str, value: Json| {
        let mut body = draft(series_id);
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (with("name", json!(" ")), "/name"),
        (with("series_id", json!(SeriesId::new())), "/series_id"),
        (with("series_id", json!(state_id)), "/series_id"),
        (
            with("threshold", json!({"kind": "value", "value": 0})),
            "/threshold/value",
        ),
        (
            with("threshold", json!({"kind": "value", "value": 1e200})),
            "/threshold/value",
        ),
        (
            with("threshold", json!({"kind": "of_limit", "share": 1.1})),
            "/threshold/share",
        ),
        (with("lead_min_secs", json!(60)), "/lead_min_secs"),
        (with("lead_max_secs", json!(20_000)), "/lead_max_secs"),
        (with("lead_max_secs", json!(300)), "/lead_max_secs"),
        (with("clear_below_share", json!(0)), "/clear_below_share"),
        (with("webhook", json!({"url": "ftp://x"})), "/webhook/url"),
        (
            with("webhook", json!({"url": "http://u:p@x/"})),
            "/webhook/url",
        ),
        (
            with("webhook", json!({"url": "http://x", "secret": "short"})),
            "/webhook/secret",
        ),
        (
            with(
                "webhook",
                json!({"url": "http://x", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"}),
            ),
            "/webhook/secret",
        ),
        (
            with(
                "webhook",
                json!({"url": "http://x", "secret": "whsec_MfKQ9r8GKYo="}),
            ),
            "/webhook/secret",
        ),
        (with("series_id", json!(seldom_id)), "/series_id"),
    ] {
        let answer = admin.post(PATH, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}

/// A metric as KEDA reads it: with the key of the trigger alone.
async fn as_keda(api: &Api, path: &str, key: &str) -> Answer {
    let mut asked = request(Method::GET, &format!("{path}/metric"), None);
    asked
        .headers_mut()
        .insert("x-api-key", key.parse().unwrap());
    api.send(asked).await
}

#[tokio::test]
async fn an_autoscaler_reads_numbers_or_503_by_a_key_that_opens_nothing_else() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (series_id, _) = lab(&admin).await;
    let made = admin.make(PATH, draft(series_id)).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let found = admin.get(&format!("{path}/key")).await.json();
    assert_eq!(found["header"], "X-API-Key");
    let key = found["key"].as_str().unwrap().to_owned();
    let learning = as_keda(&api, &path, &key).await;
    learning.problem(503, "busy");
    assert!(learning.header("retry-after").is_some());

    stands(&api, &made).await;
    let read = as_keda(&api, &path, &key).await;
    assert_eq!(read.status, 200, "{:?}", read.body);
    let read = read.json();
    // Each place that `valueLocation` may name is a number.
    for place in [
        "value",
        "forecast_max",
        "forecast_max_upper80",
        "latest",
        "threshold",
        "raised",
        "probability",
    ] {
        assert!(read[place].is_number(), "{place} of {read}");
    }
    assert!((read["value"].as_f64().unwrap() - 1.125).abs() < 1e-9);
    assert_eq!(
        (&read["raised"], &read["state"]),
        (&json!(1), &json!("raised"))
    );
    let signed_in = admin.get(&format!("{path}/metric")).await;
    assert_eq!(signed_in.json(), read);

    let other = "0".repeat(key.len());
    for wrong in [other.as_str(), "x", ""] {
        let answer = as_keda(&api, &path, wrong).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").is_some());
    }
    let mut elsewhere = request(Method::GET, &path, None);
    elsewhere
        .headers_mut()
        .insert("x-api-key", key.parse().unwrap());
    api.send(elsewhere).await.problem(401, "unauthenticated");
    let another =
        json!({"name": "b", "series_id": series_id, "threshold": {"kind": "value", "value": 1}});
    let another = admin.make(PATH, another).await;
    let another = format!("{PATH}/{}", another["id"].as_str().unwrap());
    as_keda(&api, &another, &key)
        .await
        .problem(401, "unauthenticated");

    // A forecast says nothing of now that was not made anew, though the series goes on.
    let mut frozen = stands(&api, &made).await;
    let outlook = frozen.outlook.as_mut().unwrap();
    outlook.at = Timestamp::from_unix_ms(NOW - 21 * 60 * 1_000);
    let id: TriggerId = made["id"].as_str().unwrap().parse().unwrap();
    let triggers = &api.services.store.scaling;
    let revision = triggers.get(id).unwrap().0.revision;
    triggers.keep(id, revision, frozen).await.unwrap();
    as_keda(&api, &path, &key).await.problem(503, "busy");
    stands(&api, &made).await;
    assert_eq!(as_keda(&api, &path, &key).await.status, 200);

    // What is old says nothing of now.
    api.pass(Duration::from_mins(20));
    as_keda(&api, &path, &key).await.problem(503, "busy");
}

#[tokio::test]
async fn who_may_not_change_a_trigger_sees_no_token_in_its_url() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (series_id, _) = lab(&admin).await;
    let mut body = draft(series_id);
    body["webhook"]["url"] = json!("https://hooks.example.net:8443/services/token?key=token");
    let made = admin.make(PATH, body.clone()).await;
    assert_eq!(made["webhook"]["url"], body["webhook"]["url"]);
    let secret = Secret::new("viewer password".to_owned());
    let hash: PasswordHash = foretell_api::auth::password::hash(&secret).unwrap();
    let accounts = &api.services.store.accounts;
    let roles = vec!["viewer".to_owned()];
    accounts
        .create("vera".to_owned(), hash, roles)
        .await
        .unwrap();
    let body = json!({"username": "vera", "password": "viewer password"});
    let asked = request(Method::POST, "/api/v1/auth/login", Some(&body));
    let vera = Client {
        token: api.send(asked).await.json()["token"]
            .as_str()
            .unwrap()
            .to_owned(),
        api: &api,
    };
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let (one, list) = (vera.get(&path).await, vera.get(PATH).await);
    let cut = "https://hooks.example.net:8443/…";
    assert_eq!(one.json()["webhook"]["url"], cut);
    assert_eq!(list.json()["items"][0]["webhook"]["url"], cut);
    for answer in [one, list] {
        assert!(!answer.body.windows(5).any(|part| part == b"token"));
    }
    let list = admin.get(PATH).await.json();
    assert_eq!(list["items"][0]["webhook"], made["webhook"]);
}
