//! What is said beforehand: forecasts, when limits are reached, what a series' past says.

use crate::harness::{Api, Client, NOW};
use axum::http::Method;
use foretell_api::foresight::make::make;
use foretell_api::foresight::matter::matter;
use model::forecast::{ForecastWhy, Lead};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;
use store::series::Batch;

const HOUR_MS: i64 = 3_600_000;
/// Hours that are known.
const HOURS: i64 = 42 * 24;
/// Octets of the storage.
const SIZE: f64 = 1e9;

/// A device with a storage that grows by 1 % a day from 40 % on, a processor that works by day, a temperature of
/// which three hours are known, and a state.
struct Lab {
    device: DeviceId,
    used: SeriesId,
    processor: SeriesId,
    temperature: SeriesId,
    state: SeriesId,
}

fn used(hour: i64) -> f64 {
    0.4 * SIZE * 1.01f64.powf(hour as f64 / 24.0)
}

/// By day more, with a little that looks like chance (splitmix64).
fn busy(hour: i64) -> f64 {
    let by_day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
    let mut bits = hour.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let chance = (bits >> 33) as f64 / f64::from(1u32 << 31) - 0.5;
    0.4 + 0.2 * by_day + 0.05 * chance
}

async fn lab(api: &Api) -> Lab {
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.1", "name": "r1", "interval_secs": 3600});
    let device = admin.make("/api/v1/devices", body).await;
    let device: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let storage = labels.clone().with("storage", "/var");
    let keys = vec![
        (Metric::STORAGE_USED, storage.clone()),
        (Metric::STORAGE_SIZE, storage),
        (Metric::PROCESSOR_UTILIZATION, labels.clone()),
        (Metric::SENSOR_TEMPERATURE, labels.clone()),
        (Metric::IF_OPER_STATUS, labels),
    ];
    let series = api.services.series.resolve(device, keys).await.unwrap();
    let lab = Lab {
        device,
        used: series[0].id,
        processor: series[2].id,
        temperature: series[3].id,
        state: series[4].id,
    };
    append(api, &lab, -HOURS..0).await;
    lab
}

/// Samples of the middle of each hour, counted from now.
async fn append(api: &Api, lab: &Lab, hours: std::ops::Range<i64>) {
    let series = api.services.series.series_of(lab.device);
    let keys = series
        .into_iter()
        .map(|one| (one.key.metric, one.key.labels));
    let keys: Vec<_> = keys.collect();
    let known = api.services.series.resolve(lab.device, keys.clone()).await;
    let known = known.unwrap();
    let batch = |hour: i64| {
        let value = |metric: Metric| match metric {
            Metric::STORAGE_USED => Some(Value::F64(used(hour + HOURS))),
            Metric::STORAGE_SIZE => Some(Value::F64(SIZE)),
            Metric::FLOW_OCTET_RATE => Some(Value::F64(1e6 * busy(hour))),
            Metric::PROCESSOR_UTILIZATION => Some(Value::F64(busy(hour))),
            Metric::SENSOR_TEMPERATURE => (hour >= -3).then_some(Value::F64(30.0)),
            _ => Some(Value::U64(1)),
        };
        let values = keys.iter().zip(&known);
        let values = values.filter_map(|((metric, _), one)| Some((one.column, value(*metric)?)));
        Batch {
            device_id: lab.device,
            at: Timestamp::from_unix_ms(NOW + hour * HOUR_MS + HOUR_MS / 2),
            values: values.collect(),
        }
    };
    let appended = api
        .services
        .series
        .append_at_any_age(hours.map(batch).collect());
    for done in appended.await {
        done.unwrap();
    }
}

/// Forecasts a series as the plan does.
async fn plan(api: &Api, id: SeriesId) {
    let (ground, now) = (api.services.ground(), api.services.clock.now());
    let series = api.services.series.series(id).unwrap();
    let before = ground.store.forecasts.get(id).await.unwrap();
    let made = make(&ground, &series, (ForecastWhy::Metric, before), (now, None)).unwrap();
    ground.store.forecasts.put(made.kept).await.unwrap();
}

async fn items(admin: &Client<'_>, path: &str) -> Vec<Json> {
    let page = admin.get(&format!("/api/v1/{path}")).await;
    assert_eq!(page.status, 200, "{:?}", page.body);
    page.json()["items"].as_array().unwrap().clone()
}

fn of_lead(forecast: &Json, lead: &str) -> Json {
    let all = forecast["accuracy"].as_array().unwrap();
    let found = all.iter().find(|one| one["lead"] == lead);
    found
        .unwrap_or_else(|| panic!("no {lead} in {forecast}"))
        .clone()
}

#[tokio::test]
async fn a_series_is_forecast_when_somebody_asks() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    for (horizon, step, least) in [(86_400, 3_600, 24), (300 * 86_400, 86_400, 300)] {
        let path = format!("/api/v1/forecasts/{}?horizon_secs={horizon}", lab.processor);
        let answer = admin.get(&path).await.json();
        assert_eq!(answer["state"], "ready", "{answer}");
        assert_eq!(
            (&answer["is_kept"], &answer["step_secs"]),
            (&json!(false), &json!(step))
        );
        assert_eq!(
            (&answer["unit"], &answer["device_name"]),
            (&json!("ratio"), &json!("r1"))
        );
        let points = answer["points"].as_array().unwrap();
        assert!(points.len() >= least, "{}", points.len());
        for point in points {
            let number = |at: usize| point[at].as_f64().unwrap();
            assert!(number(4) <= number(2) && number(2) <= number(1), "{point}");
            assert!(number(1) <= number(3) && number(3) <= number(5), "{point}");
            assert!(number(4) >= 0.0 && number(5) <= 1.0, "a share: {point}");
        }
    }
    let path = format!("/api/v1/forecasts/{}", lab.processor);
    let points = admin.get(&path).await.json()["points"].clone();
    for point in points.as_array().unwrap() {
        let hour = (point[0].as_i64().unwrap() - NOW) / HOUR_MS;
        let error = (point[1].as_f64().unwrap() - busy(hour)).abs();
        assert!(error < 0.06, "{hour}: {point}");
    }
    for (id, state) in [(lab.temperature, "learning"), (lab.state, "unforecastable")] {
        let answer = admin.get(&format!("/api/v1/forecasts/{id}")).await.json();
        assert_eq!(answer["state"], state, "{answer}");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
        assert_eq!(answer["points"], json!([]));
    }
    for query in [
        "horizon_secs=3599",
        "horizon_secs=31622401",
        "horizon_secs=x",
    ] {
        let refused = admin.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.pointers(), ["?horizon_secs"]);
    }
    let none = format!("/api/v1/forecasts/{}", SeriesId::new());
    admin.get(&none).await.problem(404, "not-found");
    assert!(
        items(&admin, "forecasts").await.is_empty(),
        "asking keeps nothing"
    );
}

#[tokio::test]
async fn forecasts_are_scored_by_what_came_true() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    plan(&api, lab.processor).await;
    plan(&api, lab.temperature).await;
    let admin = api.admin().await;
    let rows = items(&admin, "forecasts?state=ready").await;
    assert_eq!(rows.len(), 1);
    // Before anything came true it was tried on the days before.
    let day = of_lead(&rows[0], "day");
    assert_eq!(day["count"], day["backcast"]);
    assert!(day["count"].as_u64().unwrap() > 150, "{day}");
    assert!(day["mase"].as_f64().unwrap() < 1.0, "{day}");
    assert!(day["coverage"].as_f64().unwrap() > 0.8, "{day}");
    assert!(of_lead(&rows[0], "week")["count"].as_u64().unwrap() >= 24);
    let path = format!("/api/v1/forecasts/{}", lab.processor);
    let kept = admin.get(&path).await.json();
    assert_eq!(kept["is_kept"], true);
    assert_eq!(kept["points"].as_array().unwrap().len(), 25);
    // A day later what was forecast has come.
    api.pass(Duration::from_hours(24));
    append(&api, &lab, 0..24).await;
    let admin = api.admin().await;
    let late = admin.get(&path).await.json();
    assert_eq!(late["is_kept"], true, "it reaches a week");
    assert_eq!(late["points"][0][0].as_i64(), Some(NOW + 24 * HOUR_MS));
    plan(&api, lab.processor).await;
    let rows = items(&admin, "forecasts?state=ready").await;
    let again = of_lead(&rows[0], "day");
    let live = |day: &Json| day["count"].as_u64().unwrap() - day["backcast"].as_u64().unwrap();
    assert_eq!((live(&day), live(&again)), (0, 24), "{again}");
    assert_eq!(live(&of_lead(&rows[0], "hour")), 1);
    let models = items(&admin, "models").await;
    assert_eq!(
        (&models[0]["name"], &models[0]["series"]),
        (&json!("pool"), &json!(2))
    );
    assert_eq!(
        (&models[0]["ready"], &models[0]["learning"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(of_lead(&models[0], "day")["count"], again["count"]);
    let plan = admin.get("/api/v1/models/plan").await.json();
    assert_eq!(plan["series"], 0, "no server plans here");
}

#[tokio::test]
async fn a_storage_that_grows_is_full_when_it_is() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    plan(&api, lab.used).await;
    plan(&api, lab.processor).await;
    let admin = api.admin().await;
    let rows = items(&admin, "capacity?of=avg").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0]["series_id"],
        lab.used.to_string(),
        "the soonest is first"
    );
    assert_eq!(rows[0]["limit_kind"], "storage_size");
    assert_eq!(rows[0]["outlooks"].as_array().unwrap().len(), 6);
    // 40 % by 1 % a day is 90 % after 81.5 days, 39.5 from now; the mean over a week is 3.5 later.
    let days = |outlook: &Json| {
        let at: Timestamp = outlook["expected_at"].as_str().unwrap().parse().unwrap();
        at.since(Timestamp::from_unix_ms(NOW)).as_secs_f64() / 86_400.0
    };
    let expected = days(&rows[0]["outlook"]);
    assert!((expected - 43.0).abs() < 2.0, "{expected}");
    assert!((rows[0]["outlook"]["growth_a_day"].as_f64().unwrap() - 0.01).abs() < 1e-3);
    assert!(rows[1]["outlook"]["expected_at"].is_null(), "{}", rows[1]);
    assert_eq!(
        items(&admin, "capacity?of=avg&within_days=30").await.len(),
        0
    );
    assert_eq!(
        items(&admin, "capacity?of=avg&within_days=60").await.len(),
        1
    );
    assert_eq!(
        items(&admin, "capacity?metric=processor_utilization")
            .await
            .len(),
        1
    );
    assert_eq!(items(&admin, "capacity?site=nowhere").await.len(), 0);
    // What if.
    let base = format!("/api/v1/capacity/{}/what-if", lab.used);
    for (query, least, most) in [
        ("", 41.0, 45.0),
        ("?added_capacity=500000000", 81.5, 85.5),
        ("?demand_factor=1.2", 22.5, 26.5),
        ("?growth_factor=2", 20.5, 22.5),
    ] {
        let answer = admin.get(&format!("{base}{query}")).await.json();
        let after = answer["after"].as_array().unwrap();
        let of_avg = after
            .iter()
            .find(|one| one["of"] == "avg" && one["threshold"] == 0.9);
        let found = days(of_avg.unwrap());
        assert!((least..most).contains(&found), "{query}: {found}");
    }
    let none = admin
        .get(&format!("/api/v1/capacity/{}/what-if", lab.temperature))
        .await;
    none.problem(409, "conflict");
    for query in [
        "demand_factor=0",
        "growth_factor=-1",
        "added_capacity=-1",
        "added_links=65",
    ] {
        let refused = admin.get(&format!("{base}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

#[tokio::test]
async fn an_operator_chooses_what_is_forecast() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/forecasts/{}", lab.state);
    let put = async || admin.call(Method::PUT, &path, None, None).await.status;
    assert_eq!(put().await, 204);
    assert_eq!(put().await, 204, "twice is once");
    assert_eq!(admin.get(&path).await.json()["is_chosen"], true);
    let ground = api.services.ground();
    let now = api.services.clock.now();
    let all = matter(&ground, now, 100).series;
    // That somebody asked is known too.
    assert_eq!(all[0], (lab.state, ForecastWhy::Chosen));
    assert_eq!(all.len(), 4, "{all:?}");
    let few = matter(&ground, now, 1);
    assert_eq!((few.series.len(), few.left_out), (1, 3));
    plan(&api, lab.state).await;
    assert_eq!(items(&admin, "forecasts?is_chosen=true").await.len(), 1);
    assert_eq!(items(&admin, "forecasts?is_chosen=false").await.len(), 0);
    assert_eq!(admin.delete(&path, None).await.status, 204);
    admin.delete(&path, None).await.problem(404, "not-found");
    assert_eq!(items(&admin, "forecasts?is_chosen=true").await.len(), 0);
    let unknown = format!("/api/v1/forecasts/{}", SeriesId::new());
    let unknown = admin.call(Method::PUT, &unknown, None, None).await;
    unknown.problem(404, "not-found");
}

#[tokio::test]
async fn applications_of_interfaces_are_forecast_last_and_told_by_their_names() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let port = crate::reports::interface(lab.device, 1, "ethernetCsmacd");
    let interface = port.id;
    let inventory = &api.services.store.inventory;
    inventory
        .set_interfaces(lab.device, vec![port])
        .await
        .unwrap();
    let labels = Labels::default()
        .with(Labels::VANTAGE, "local")
        .with(Labels::INTERFACE_ID, interface.to_string())
        .with(Labels::INTERFACE, "eth1")
        .with(Labels::DIRECTION, "ingress")
        .with(Labels::APPLICATION, "tcp/443");
    let keys = vec![(Metric::FLOW_OCTET_RATE, labels)];
    let series = api.services.series.resolve(lab.device, keys).await.unwrap();
    append(&api, &lab, -HOURS..0).await;
    let now = api.services.clock.now();
    let all = matter(&api.services.ground(), now, 100).series;
    assert_eq!(all.last(), Some(&(series[0].id, ForecastWhy::Application)));
    plan(&api, series[0].id).await;
    let told = admin
        .get(&format!("/api/v1/forecasts/{}", series[0].id))
        .await
        .json();
    assert_eq!(
        (
            &told["application_name"],
            &told["interface_name"],
            &told["state"]
        ),
        (&json!("https"), &json!("eth1"), &json!("ready")),
        "{told}"
    );
    assert_eq!(told["capacity"], json!(null), "an application has no limit");
}

#[tokio::test]
async fn what_a_past_says() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let ask = async |what: &str, id: SeriesId| {
        let path = format!("/api/v1/analysis/{what}?series_id={id}");
        admin.get(&path).await
    };
    let seasons = ask("seasonality", lab.processor).await.json();
    assert_eq!(seasons["seasons"][0]["length_secs"], 86_400, "{seasons}");
    assert_eq!(
        seasons["seasons"][0]["profile"].as_array().unwrap().len(),
        24
    );
    assert!(seasons["seasons"][0]["explained"].as_f64().unwrap() > 0.8);
    assert_eq!(
        (&seasons["step_secs"], &seasons["missing"]),
        (&json!(3600), &json!(0))
    );
    let trend = ask("trend", lab.used).await.json();
    assert_eq!(trend["direction"], "up", "{trend}");
    let slope = trend["slope_a_day"].as_f64().unwrap();
    assert!((slope / (0.0053 * SIZE) - 1.0).abs() < 0.2, "{slope}");
    assert_eq!(
        ask("trend", lab.processor).await.json()["direction"],
        "flat"
    );
    let changes = ask("changes", lab.processor).await.json();
    assert_eq!(changes["changes"], json!([]), "{changes}");
    ask("trend", lab.temperature).await.problem(409, "conflict");
    assert_eq!(ask("trend", lab.state).await.status, 400);
    ask("trend", SeriesId::new())
        .await
        .problem(404, "not-found");
    assert_eq!(admin.get("/api/v1/analysis/trend").await.status, 400);
    assert_eq!(Lead::Week.hours(), (144, 168));
}

#[tokio::test]
async fn patterns_are_told_with_their_evidence() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/analysis/patterns?series_id={}", lab.processor);
    let told = admin.get(&path).await.json();
    assert_eq!(told["step_secs"], 3_600, "{told}");
    assert_eq!(told["time_zone"], "UTC");
    let kinds = told["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 8);
    assert!(kinds[0]["fits"].as_f64() >= kinds[7]["fits"].as_f64());
    if let Some(pattern) = told["pattern"].as_object() {
        assert_eq!(pattern["kind"], kinds[0]["kind"]);
        assert!(!pattern["evidence"].as_array().unwrap().is_empty());
    } else {
        assert_eq!(told["pattern_reason"], "no kind fits");
    }
    assert_eq!(told["day"].as_array().unwrap().len(), 24);
    assert_eq!(told["week"].as_array().unwrap().len(), 168);
    // A sine of a day is busy in one half of it, on all days.
    let windows = &told["business_hours"]["windows"];
    assert!(windows.as_array().unwrap().len() >= 7, "{told}");
    assert_eq!(told["business_hours"]["quiet_days"], json!([]));
    let motif = &told["motifs"][0];
    assert!(motif["likeness"].as_f64().unwrap() > 0.9, "{motif}");
    assert_ne!(motif["from"], motif["like"]);
    assert_eq!(told["discords"], json!([]), "every day is as the others");
    // Of two days no week is known.
    let from = Timestamp::from_unix_ms(NOW - 48 * HOUR_MS);
    let short = admin.get(&format!("{path}&from={from}")).await.json();
    assert!(short["pattern"].is_null() && short["business_hours"].is_null());
    let reason = short["pattern_reason"].as_str().unwrap();
    assert!(reason.contains("84 are needed"), "{reason}");
    assert_eq!(short["step_secs"], 3_600);
    let of = |id: SeriesId| format!("/api/v1/analysis/patterns?series_id={id}");
    let learning = admin.get(&of(lab.temperature)).await;
    learning.problem(409, "conflict");
    assert_eq!(admin.get(&of(lab.state)).await.status, 400);
}

#[tokio::test]
async fn series_that_move_alike_are_found() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    // Another processor that goes three hours behind the first, and one that does not move with it.
    let body = json!({"address": "192.0.2.2", "name": "r2", "interval_secs": 3600});
    let other = admin.make("/api/v1/devices", body).await;
    let other: DeviceId = other["id"].as_str().unwrap().parse().unwrap();
    let labels = |core: &str| {
        let labels = Labels::default().with(Labels::VANTAGE, "local");
        labels.with("processor", core)
    };
    let keys = vec![
        (Metric::PROCESSOR_UTILIZATION, labels("0")),
        (Metric::PROCESSOR_UTILIZATION, labels("1")),
    ];
    let known = api.services.series.resolve(other, keys).await.unwrap();
    let batch = |hour: i64| Batch {
        device_id: other,
        at: Timestamp::from_unix_ms(NOW + hour * HOUR_MS + HOUR_MS / 2),
        values: vec![
            (known[0].column, Value::F64(0.5 * busy(hour - 3))),
            (
                known[1].column,
                Value::F64(busy(hour.wrapping_mul(7_919) % 500)),
            ),
        ],
    };
    let appended = api
        .services
        .series
        .append_at_any_age((-HOURS..0).map(batch).collect());
    for done in appended.await {
        done.unwrap();
    }
    let path = format!("/api/v1/analysis/similar?series_id={}", lab.processor);
    let told = admin.get(&path).await.json();
    assert_eq!(
        (&told["among"], &told["compared"]),
        (&json!("metric"), &json!(2))
    );
    assert_eq!(told["left_out"], 0);
    let first = &told["items"][0];
    assert_eq!(first["series_id"], known[0].id.to_string(), "{told}");
    assert_eq!(
        (&first["lag_secs"], &first["device_name"]),
        (&json!(3 * 3_600), &json!("r2"))
    );
    assert!(first["correlation"].as_f64().unwrap() > 0.95, "{first}");
    assert!(told["items"][1]["correlation"].as_f64() < first["correlation"].as_f64());
    assert!(told["cluster"]["size"].as_u64().unwrap() >= 1, "{told}");
    let one = admin.get(&format!("{path}&limit=1")).await.json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let own = admin.get(&format!("{path}&among=device")).await.json();
    let items = own["items"].as_array().unwrap();
    assert!(items.iter().all(|one| one["device_name"] == "r1"), "{own}");
    let site = admin.get(&format!("{path}&among=site")).await.json();
    assert_eq!(site["compared"], 0, "it has no site and one processor");
    for query in ["limit=0", "limit=51", "among=nothing"] {
        let refused = admin.get(&format!("{path}&{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

#[tokio::test]
async fn the_kind_of_a_series_is_kept_with_its_forecast() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    plan(&api, lab.used).await;
    plan(&api, lab.temperature).await;
    let admin = api.admin().await;
    let rows = items(&admin, "forecasts?pattern=growing,flat").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["series_id"], lab.used.to_string());
    let pattern = &rows[0]["pattern"];
    // Half as much again in six weeks.
    assert_eq!(pattern["kind"], "growing", "{pattern}");
    assert!(pattern["confidence"].as_f64().unwrap() >= 0.5);
    let since = rows[0]["pattern_since"].clone();
    assert_eq!(since, rows[0]["made_at"]);
    assert!(items(&admin, "forecasts?pattern=idle").await.is_empty());
    let of_short = items(&admin, "forecasts?state=learning").await;
    assert!(of_short[0]["pattern"].is_null());
    // It is still the same an hour later.
    api.pass(Duration::from_hours(1));
    plan(&api, lab.used).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/forecasts/{}", lab.used);
    let kept = admin.get(&path).await.json();
    assert_eq!(
        (&kept["pattern"]["kind"], &kept["pattern_since"]),
        (&json!("growing"), &since)
    );
    assert_eq!(
        admin.get("/api/v1/forecasts?pattern=none").await.status,
        400
    );
}
