//! Metrics of users, files of samples in and out, and the jobs that they are.

use crate::harness::{Answer, Api, Client, NOW, request};
use axum::body::Body;
use axum::http::{Method, Request, header};
use foretell_api::Options;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::disk::{Disk, DiskFile, RESERVE_BYTES_MAX, RealDisk, Room, Space};

async fn send(client: &Client<'_>, method: Method, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", client.token))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(body.into())
        .unwrap();
    client.api.send(request).await
}

async fn followed(client: &Client<'_>, answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    for _ in 0..10_000 {
        let job = client.get(&path).await.json();
        if !["receiving", "waiting", "running"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{path} is not over");
}

fn text(rows: usize) -> String {
    let mut text = "time,value,metric,label:n\n".to_owned();
    for n in 0..rows {
        let at = NOW - 86_400_000 + i64::try_from(n).unwrap() * 60_000;
        writeln!(text, "{at},{n},sensor_other,{}", n % 3).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_and_exported_again() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let path = "/api/v1/imports/samples?format=csv";
    let mut rows = text(300);
    rows.push_str("never,1,sensor_other,x\n");
    let dry = send(
        &admin,
        Method::POST,
        &format!("{path}&dry_run=true"),
        rows.clone(),
    )
    .await;
    let dry = followed(&admin, &dry).await;
    assert_eq!(dry["result"]["rows"], 301, "{dry}");
    assert_eq!(dry["result"]["new_series"], 3);
    let answer = send(&admin, Method::POST, path, rows.clone()).await;
    let job = followed(&admin, &answer).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(
        (&job["kind"], &job["by"]),
        (&json!("import"), &json!("admin"))
    );
    let result = &job["result"];
    assert_eq!(
        (&result["added"], &result["refused"]),
        (&json!(300), &json!(1))
    );
    assert_eq!(result["faults"][0]["line"], 302);
    assert_eq!(result["reasons"], json!({"bad_time": 1}));
    let counted = admin.get("/metrics").await;
    let counted = String::from_utf8(counted.body.to_vec()).unwrap();
    assert!(
        counted.contains("foretell_pushed_refused_total{reason=\"bad_time\"} 1"),
        "{counted}"
    );
    assert!(counted.contains("foretell_jobs_ended_total{kind=\"import\",state=\"done\"} 2"));

    let asked = json!({"match": "sensor_other", "from": "2026-01-01T00:00:00Z", "format": "csv"});
    let answer = admin.post("/api/v1/exports", &asked).await;
    let job = followed(&admin, &answer).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["result"]["samples"], 300);
    let path = format!("/api/v1/exports/{}/content", job["id"].as_str().unwrap());
    let file = admin.get(&path).await;
    assert_eq!(file.status, 200);
    assert_eq!(job["result"]["bytes"], file.body.len());
    let length = file.body.len().to_string();
    assert_eq!(file.header("content-length"), Some(length.as_str()));
    assert!(file.header("content-disposition").unwrap().contains(".csv"));
    let mut part = request(Method::GET, &path, None);
    for (name, value) in [
        ("authorization", format!("Bearer {}", admin.token)),
        ("range", "bytes=5-9".to_owned()),
    ] {
        let name: axum::http::HeaderName = name.parse().unwrap();
        part.headers_mut().insert(name, value.parse().unwrap());
    }
    let part = api.send(part).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, file.body.slice(5..10));
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 5-9/{length}").as_str())
    );

    let again = send(
        &admin,
        Method::POST,
        "/api/v1/imports/samples?format=csv",
        file.body,
    )
    .await;
    let again = followed(&admin, &again).await;
    assert_eq!(again["result"]["same"], 300, "{again}");
    let audit = admin.get("/api/v1/audit").await.json();
    let told: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action"].clone(), entry["state"].clone()))
        .collect();
    let done = |action: &str| (json!(action), json!("done"));
    assert_eq!(
        told,
        [
            done("import_samples"),
            done("export_samples"),
            done("import_samples")
        ]
    );
    api.pass(Duration::from_hours(25));
    let admin = api.admin().await;
    let swept = send(
        &admin,
        Method::POST,
        "/api/v1/imports/samples?format=csv",
        text(1),
    )
    .await;
    followed(&admin, &swept).await;
    admin.get(&path).await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_in_pieces() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let text = text(100);
    let (first, rest) = text.split_at(1_000);
    let path = "/api/v1/imports/samples?format=csv&more=true";
    let answer = send(&admin, Method::POST, path, first.to_owned()).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let job = answer.json();
    assert_eq!(job["state"], "receiving");
    let id = job["id"].as_str().unwrap();
    let content = |offset: usize| format!("/api/v1/imports/{id}/content?offset={offset}");
    let early = send(&admin, Method::PUT, &content(2_000), rest.to_owned()).await;
    let problem = early.problem(409, "conflict");
    assert!(
        problem["detail"].as_str().unwrap().contains("1000 octets"),
        "{problem}"
    );
    for _ in 0..2 {
        let taken = send(&admin, Method::PUT, &content(1_000), rest.to_owned()).await;
        assert_eq!(taken.status, 200, "{:?}", taken.body);
        assert_eq!(taken.json()["bytes"], text.len());
    }
    let run = format!("/api/v1/imports/{id}/run");
    let answer = admin.post(&run, &json!({})).await;
    let job = followed(&admin, &answer).await;
    assert_eq!(job["result"]["added"], 100, "{job}");
    let again = admin.post(&run, &json!({})).await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (202.try_into().unwrap(), &json!("done"))
    );
    let late = send(&admin, Method::PUT, &content(0), "x").await;
    late.problem(409, "conflict");
    let cancelled = send(&admin, Method::POST, path, first.to_owned())
        .await
        .json();
    let cancel = format!("/api/v1/jobs/{}/cancel", cancelled["id"].as_str().unwrap());
    let cancelled = admin.post(&cancel, &json!({})).await;
    assert_eq!(cancelled.status, 202);
    let page = admin
        .get("/api/v1/jobs?kind=import&sort=made_at&limit=1")
        .await
        .json();
    assert_eq!(page["items"][0]["id"], id);
    assert!(page["next_cursor"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_or_no_question_is_refused() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let bad = send(
        &admin,
        Method::POST,
        "/api/v1/imports/samples?format=csv",
        "a,b\n",
    )
    .await;
    let job = followed(&admin, &bad).await;
    assert_eq!(
        (&job["state"], &job["result"]["added"]),
        (&json!("failed"), &json!(0))
    );
    assert!(
        job["error"]
            .as_str()
            .unwrap()
            .contains("no column is called `a`"),
        "{job}"
    );
    for (query, pointer) in [
        ("format=word", "?format"),
        (
            "format=csv&device_id=01931f5e-0000-7000-8000-000000000001",
            "?device_id",
        ),
        ("format=csv&colour=red", "?colour"),
    ] {
        let path = format!("/api/v1/imports/samples?{query}");
        let answer = send(&admin, Method::POST, &path, "").await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer]);
    }
    for (body, pointer) in [
        (
            json!({"match": "a{", "from": "2026-01-01T00:00:00Z", "format": "csv"}),
            "/match",
        ),
        (
            json!({"match": "nothing_known", "from": "2026-01-01T00:00:00Z", "format": "csv"}),
            "/match",
        ),
        (
            json!({"match": "icmp_rtt", "from": "2027-01-01T00:00:00Z", "format": "csv"}),
            "/to",
        ),
        (
            json!({"match": "icmp_rtt", "from": "2026-01-01T00:00:00Z", "format": "word"}),
            "/format",
        ),
    ] {
        let answer = admin.post("/api/v1/exports", &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let none = "/api/v1/exports/01931f5e-0000-7000-8000-000000000001/content";
    admin.get(none).await.problem(404, "not-found");
}

#[tokio::test]
async fn metrics_of_users_are_made_changed_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let path = "/api/v1/metric-types";
    let body =
        json!({"name": "api_queue_depth", "unit": "messages", "kind": "gauge", "help": "Waiting."});
    let answer = admin.post(path, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let made = answer.json();
    assert_eq!((&made["own"], &made["series"]), (&json!(true), &json!(0)));
    let one = answer.header("location").unwrap().to_owned();
    let etag = answer.header("etag").unwrap().to_owned();
    admin.post(path, &body).await.problem(409, "conflict");
    for (change, pointer) in [
        (json!({"name": "9"}), "/name"),
        (json!({"unit": ""}), "/unit"),
        (json!({"help": "a\nb"}), "/help"),
        (json!({"kind": "histogram"}), "/kind"),
    ] {
        let mut body = json!({"name": "api_other", "unit": "messages", "kind": "gauge"});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = admin.post(path, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer]);
    }
    let taken = json!({"name": "IFHCINOCTETS", "unit": "octets", "kind": "counter"});
    admin.post(path, &taken).await.problem(409, "conflict");
    let page = admin.get(&format!("{path}?own=true")).await.json();
    let names = page["items"].as_array().unwrap().iter();
    assert!(
        names
            .into_iter()
            .any(|row| row["name"] == "api_queue_depth"),
        "{page}"
    );
    let sorted = admin
        .get(&format!("{path}?own=false&sort=-name&limit=2"))
        .await
        .json();
    assert_eq!(sorted["items"].as_array().unwrap().len(), 2);
    let changed = admin
        .patch(&one, Some(&etag), &json!({"help": "They wait."}))
        .await;
    assert_eq!(changed.json()["help"], "They wait.", "{:?}", changed.body);
    admin.delete(&one, Some(&etag)).await.problem(412, "stale");
    let text = format!(
        "# TYPE api_queue_depth gauge\napi_queue_depth 5 {}\n# EOF\n",
        NOW / 1_000
    );
    let import = "/api/v1/imports/samples?format=openmetrics";
    let job = followed(
        &admin,
        &send(&admin, Method::POST, import, text.clone()).await,
    )
    .await;
    assert_eq!(job["result"]["added"], 1, "{job}");
    assert_eq!(admin.get(&one).await.json()["series"], 1);
    admin.delete(&one, Some("*")).await.problem(409, "conflict");
    let table = format!("{path}/ifHCInOctets");
    assert_eq!(admin.get(&table).await.json()["own"], false);
    admin
        .delete(&table, Some("*"))
        .await
        .problem(409, "conflict");
    let body = json!({"name": "api_unused", "kind": "state"});
    let unused = admin.post(path, &body).await;
    let one = unused.header("location").unwrap().to_owned();
    assert_eq!(admin.delete(&one, Some("*")).await.status, 204);
    admin.get(&one).await.problem(404, "not-found");
    let unknown = "# TYPE api_unused gauge\napi_unused 5 1\n# EOF\n";
    let job = followed(&admin, &send(&admin, Method::POST, import, unknown).await).await;
    assert_eq!(job["result"]["reasons"], json!({"unknown_metric": 1}));
}

/// A disk on which nothing more is to be written.
struct Full;

impl Disk for Full {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }
    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space {
            free_bytes: RESERVE_BYTES_MAX,
            all_bytes: 1 << 40,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_taken_or_made_where_the_disk_is_nearly_full() {
    let api = Api::with(Options {
        room: Room::of(Arc::new(Full)),
        ..Options::default()
    })
    .await;
    let admin = api.admin().await;
    let path = "/api/v1/imports/samples?format=csv";
    let sent = send(&admin, Method::POST, path, text(3)).await;
    let problem = sent.problem(507, "full");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("octets of free room"), "{detail}");
    let asked = json!({"match": "sensor_other", "from": "2026-01-01T00:00:00Z", "format": "csv"});
    let made = admin.post("/api/v1/exports", &asked).await;
    made.problem(507, "full");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_file_is_there_for_a_day() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let asked = json!({"match": "sensor_other", "from": "2026-01-01T00:00:00Z", "format": "lines"});
    let job = followed(&admin, &admin.post("/api/v1/exports", &asked).await).await;
    let path = format!("/api/v1/exports/{}/content", job["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.status, 200);
    api.pass(Duration::from_hours(24));
    let admin = api.admin().await;
    admin.get(&path).await.problem(404, "not-found");
}
