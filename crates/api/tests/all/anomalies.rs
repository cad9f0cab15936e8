//! Anomalies and bands: listed, judged, bounded.

use crate::harness::{Api, Client, NOW};
use axum::http::Method;
use model::device::Device;
use model::flow::FlowDirection;
use model::foresight::{
    Anomaly, AnomalyGroup, AnomalyKind, AnomalyState, GroupScope, Judgement, Talker, Usefulness,
};
use model::{AnomalyId, DeviceId, InterfaceId, Labels, Metric, SeriesId, Timestamp, UserId};
use serde_json::{Value, json};
use std::time::Duration;
use store::documents::Expect;

/// An anomaly that began `minutes` after the clock stands.
pub fn anomaly(device_id: DeviceId, minutes: u64) -> Anomaly {
    let at = Timestamp::from_unix_ms(NOW).plus(Duration::from_secs(minutes * 60));
    let series_id = SeriesId::new();
    let id = AnomalyId::of_series(series_id, at);
    Anomaly {
        id,
        series_id,
        device_id,
        interface_id: Some(InterfaceId::new()),
        metric: "ifHCInOctets".to_owned(),
        labels: Labels::default().with(Labels::INTERFACE, "eth0"),
        kind: AnomalyKind::Spike,
        state: AnomalyState::Open,
        started_at: at,
        last_seen_at: at,
        ended_at: None,
        peak_score: 0.9,
        value: Some(50.0),
        expected: Some(20.0),
        lower: Some(10.0),
        upper: Some(30.0),
        model: "streaming".to_owned(),
        model_version: 1,
        group: Some(AnomalyGroup {
            id,
            scope: GroupScope::Device,
        }),
        evidence: "50 is above the 10 to 30 that are expected.".to_owned(),
        judgement: None,
        talker: None,
    }
}

/// The same, over and judged.
pub fn end(anomaly: &mut Anomaly, at: Timestamp) {
    anomaly.state = AnomalyState::Ended;
    anomaly.ended_at = Some(at);
    anomaly.group = None;
    anomaly.interface_id = None;
    anomaly.value = None;
    anomaly.talker = Some(Talker {
        address: "192.0.2.9".parse().unwrap(),
        direction: FlowDirection::Ingress,
        share: 0.4,
        rate_bps: 4e7,
        peer: Some("192.0.2.10".parse().unwrap()),
        application: Some("tcp/443".to_owned()),
    });
    anomaly.judgement = Some(Judgement {
        verdict: Usefulness::Noise,
        user_id: UserId::new(),
        by: "admin".to_owned(),
        at,
    });
}

async fn ids(admin: &Client<'_>, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("/api/v1/anomalies?limit=2{query}{cursor}"))
            .await;
        assert_eq!(page.status, 200, "{query}: {:?}", page.body);
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        found.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn anomalies_are_listed_by_what_is_asked_for_and_in_pages() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.1", "site": "Lyon", "tags": ["core"]});
    let device = admin.make("/api/v1/devices", body).await;
    let here: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let there = DeviceId::new();
    let mut all: Vec<Anomaly> = (0..5).map(|minutes| anomaly(here, minutes)).collect();
    all[1].kind = AnomalyKind::FlatLine;
    all[2].peak_score = 0.6;
    all[3].device_id = there;
    let ended_at = all[4].started_at.plus(Duration::from_mins(1));
    end(&mut all[4], ended_at);
    let store = &api.services.store.anomalies;
    for anomaly in &all {
        assert!(store.begin(anomaly).await.unwrap());
        assert!(!store.begin(anomaly).await.unwrap(), "it was there");
    }
    let id = |at: usize| all[at].id.to_string();
    let minute = |minutes: u64| {
        let at = Timestamp::from_unix_ms(NOW).plus(Duration::from_secs(minutes * 60));
        at.to_string()
    };
    let cases = [
        (String::new(), vec![4, 3, 2, 1, 0]),
        ("&sort=-started_at".to_owned(), vec![4, 3, 2, 1, 0]),
        (format!("&device_id={there}"), vec![3]),
        (format!("&series_id={}", all[0].series_id), vec![0]),
        (
            format!("&interface_id={}", all[1].interface_id.unwrap()),
            vec![1],
        ),
        ("&site=lyon".to_owned(), vec![4, 2, 1, 0]),
        (format!("&tag=core&device_id={there}"), vec![]),
        ("&kind=flat_line".to_owned(), vec![1]),
        ("&metric=icmp_rtt".to_owned(), vec![]),
        ("&open=true".to_owned(), vec![3, 2, 1, 0]),
        ("&open=false".to_owned(), vec![4]),
        ("&score_min=0.7".to_owned(), vec![4, 3, 1, 0]),
        (format!("&until={}", minute(2)), vec![1, 0]),
        (format!("&from={}&open=false", minute(10)), vec![]),
        (format!("&from={}&open=false", minute(5)), vec![4]),
        ("&verdict=noise".to_owned(), vec![4]),
        ("&judged=false".to_owned(), vec![3, 2, 1, 0]),
    ];
    for (query, expected) in cases {
        let expected: Vec<String> = expected.into_iter().map(id).collect();
        assert_eq!(ids(&admin, &query).await, expected, "{query}");
    }
    let long = format!("metric={}", "x".repeat(129));
    for (query, pointer) in [
        (long.as_str(), "?metric"),
        ("sort=peak_score", "?sort"),
        ("score_min=2", "?score_min"),
        ("kind=odd", "?kind"),
        ("limit=0", "?limit"),
    ] {
        let answer = admin.get(&format!("/api/v1/anomalies?{query}")).await;
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
    let one = admin
        .get(&format!("/api/v1/anomalies/{}", id(0)))
        .await
        .json();
    assert_eq!(one["device_name"], "192.0.2.1");
    assert_eq!(one["unit"], "octets_per_second");
    assert_eq!(one["group"]["scope"], "device");
    let none = admin
        .get(&format!("/api/v1/anomalies/{}", DeviceId::new()))
        .await;
    none.problem(404, "not-found");
}

#[tokio::test]
async fn a_verdict_is_kept_with_who_said_it_and_noise_raises_the_threshold() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (first, mut second) = (anomaly(DeviceId::new(), 0), anomaly(DeviceId::new(), 1));
    second.series_id = first.series_id;
    for anomaly in [&first, &second] {
        api.services.store.anomalies.begin(anomaly).await.unwrap();
    }
    let say = |id: AnomalyId, verdict: Value| {
        let path = format!("/api/v1/anomalies/{id}/verdict");
        let admin = &admin;
        async move {
            let body = json!({"verdict": verdict});
            let answer = admin.call(Method::PUT, &path, None, Some(&body)).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            answer.json()
        }
    };
    let told = say(first.id, json!("noise")).await;
    assert_eq!((&told["useful"], &told["noise"]), (&json!(0), &json!(1)));
    assert_eq!(told["threshold"], 0.625);
    assert!(told["effect"].as_str().unwrap().contains("0.62"), "{told}");
    let judgement = &told["anomaly"]["judgement"];
    assert_eq!(judgement["by"], "admin");
    assert_eq!(judgement["verdict"], "noise");
    // The same again counts once.
    assert_eq!(say(first.id, json!("noise")).await["noise"], 1);
    assert_eq!(say(second.id, json!("noise")).await["threshold"], 0.71875);
    let turned = say(second.id, json!("useful")).await;
    assert_eq!(turned["precision"], 0.5);
    assert_eq!(turned["threshold"], 0.5);
    let precision = admin.get("/api/v1/anomalies/precision").await.json();
    let expected = json!([{"detector": "streaming/1", "useful": 1, "noise": 1, "precision": 0.5}]);
    assert_eq!(precision["detectors"], expected);
    let back = say(first.id, Value::Null).await;
    assert_eq!(back["noise"], 0);
    assert!(back["anomaly"]["judgement"].is_null());
    let nobody = format!("/api/v1/anomalies/{}/verdict", DeviceId::new());
    let answer = admin
        .call(
            Method::PUT,
            &nobody,
            None,
            Some(&json!({"verdict": "noise"})),
        )
        .await;
    answer.problem(404, "not-found");
    // What grows meanwhile does not lose the verdict.
    let store = &api.services.store.anomalies;
    store
        .update(second.id, |anomaly| anomaly.peak_score = 0.95)
        .await
        .unwrap();
    let kept = store.get(second.id).await.unwrap().unwrap().body;
    assert_eq!(kept.judgement.unwrap().verdict, Usefulness::Useful);
}

async fn series_of(api: &Api, admin: &Client<'_>) -> (Device, SeriesId) {
    let device = admin
        .make("/api/v1/devices", json!({"address": "192.0.2.1"}))
        .await;
    let id = device["id"].as_str().unwrap().parse().unwrap();
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let keys = vec![(Metric::ICMP_RTT, labels)];
    let known = api.services.series.resolve(id, keys).await.unwrap();
    let record = api.services.store.inventory.device(id).unwrap();
    (record.device.body.clone(), known[0].id)
}

#[tokio::test]
async fn bands_are_told_within_what_an_operator_set() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (device, series) = series_of(&api, &admin).await;
    let path = format!("/api/v1/bands?series_id={series}");
    let told = admin.get(&path).await;
    assert_eq!(told.header("etag"), Some("\"0\""));
    let told = told.json();
    assert_eq!(told["device_id"], json!(device.id));
    assert_eq!(
        (&told["watched"], &told["learning"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(told["threshold"], 0.5);
    assert_eq!(told["samples"], 4_032);
    assert!(told["learned_from"].is_string(), "{told}");
    assert_eq!(told["points"][0]["upper"], 30.0);
    assert_eq!(told["points"].as_array().unwrap().len(), 255);

    let limits = format!("/api/v1/bands/{series}");
    let put = |etag: &'static str, body: Value| {
        let (admin, limits) = (&admin, limits.clone());
        async move {
            admin
                .call(Method::PUT, &limits, Some(etag), Some(&body))
                .await
        }
    };
    let bad = put("\"0\"", json!({"floor": 5, "ceiling": 5})).await;
    assert_eq!(bad.pointers(), ["/ceiling"]);
    put("\"0\"", json!({})).await.problem(422, "invalid");
    let set = put("\"0\"", json!({"floor": 12.0, "ceiling": 25.0})).await;
    assert_eq!(set.status, 200, "{:?}", set.body);
    assert_eq!(set.header("etag"), Some("\"1\""));
    assert_eq!(set.json()["by"], "admin");
    put("\"0\"", json!({"floor": 1.0}))
        .await
        .problem(412, "stale");
    let told = admin.get(&path).await;
    assert_eq!(told.header("etag"), Some("\"1\""));
    let point = &told.json()["points"][0];
    assert_eq!(
        (&point["lower"], &point["upper"]),
        (&json!(12.0), &json!(25.0))
    );
    assert_eq!(put("\"1\"", json!({"ceiling": 28.0})).await.status, 200);
    assert!(admin.get(&path).await.json()["floor"].is_null());
    assert_eq!(admin.delete(&limits, Some("\"1\"")).await.status, 412);
    assert_eq!(admin.delete(&limits, Some("\"2\"")).await.status, 204);
    assert_eq!(admin.delete(&limits, Some("\"2\"")).await.status, 404);
    assert!(admin.get(&path).await.json()["ceiling"].is_null());
}

#[tokio::test]
async fn ranges_of_bands_are_bounded() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (_, series) = series_of(&api, &admin).await;
    let now = Timestamp::from_unix_ms(NOW);
    let later = |hours| now.plus(Duration::from_hours(hours));
    let day = later(24);
    for (query, pointer) in [
        (format!("&until={}", later(24 * 7 + 1)), "?until"),
        (format!("&from={now}&until={now}"), "?until"),
        (
            format!("&from={}", now.minus(Duration::from_hours(24 * 500))),
            "",
        ),
        (
            format!(
                "&from={}&until={day}",
                now.minus(Duration::from_hours(24 * 500))
            ),
            "?from",
        ),
        (
            format!("&from={now}&until={day}&step_secs=10"),
            "?step_secs",
        ),
    ] {
        let answer = admin
            .get(&format!("/api/v1/bands?series_id={series}{query}"))
            .await;
        if pointer.is_empty() {
            assert_eq!(answer.status, 200, "{query}");
        } else {
            assert_eq!(answer.pointers(), [pointer], "{query}");
        }
    }
    let other = SeriesId::new();
    admin
        .get(&format!("/api/v1/bands?series_id={other}"))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn bounds_and_counted_verdicts_go_with_their_device() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (device, series) = series_of(&api, &admin).await;
    let body = json!({"ceiling": 1.0});
    let path = format!("/api/v1/bands/{series}");
    let set = admin.call(Method::PUT, &path, Some("*"), Some(&body)).await;
    assert_eq!(set.status, 200, "{:?}", set.body);
    let mut noisy = anomaly(device.id, 0);
    noisy.series_id = series;
    let store = &api.services.store.anomalies;
    store.begin(&noisy).await.unwrap();
    let judgement = Judgement {
        verdict: Usefulness::Noise,
        user_id: UserId::new(),
        by: "admin".to_owned(),
        at: Timestamp::from_unix_ms(NOW),
    };
    store.judge(noisy.id, Some(judgement)).await.unwrap();
    store.forget_device(device.id).await.unwrap();
    assert_eq!(store.judged(series).noise, 0);
    assert!(store.limits(series).is_none());
    assert!(store.get(noisy.id).await.unwrap().is_some());
    let again = store.put_limits(
        model::foresight::BandLimits {
            series_id: series,
            device_id: device.id,
            floor: None,
            ceiling: Some(1.0),
            by: "admin".to_owned(),
            at: Timestamp::from_unix_ms(NOW),
        },
        Expect::Absent,
    );
    assert!(again.await.is_ok());
}
