//! Reports as CSV and as a page: names that are formulas or elements, and what is left out.

use crate::harness::{Answer, Api, Client, NOW, request};
use crate::reports::{DAY, HOSTILE, at, device, get, interface, lab};
use axum::http::{Method, header};
use serde_json::json;

async fn fetch(api: &Api, admin: &Client<'_>, path: &str, accept: &str) -> Answer {
    let mut request = request(Method::GET, &format!("/api/v1/reports/{path}"), None);
    let bearer = format!("Bearer {}", admin.token).parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    request
        .headers_mut()
        .insert(header::ACCEPT, accept.parse().unwrap());
    let answer = api.send(request).await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer
}

#[tokio::test]
async fn every_kind_is_written_as_csv_without_formulas() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    for kind in ["availability", "percentile95", "trend", "capacity"] {
        let answer = fetch(&api, &admin, kind, "text/csv").await;
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/csv")
        );
        let file = format!("attachment; filename=\"foretell-{kind}.csv\"");
        assert_eq!(answer.header("content-disposition"), Some(file.as_str()));
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let titles = reader.headers().unwrap().clone();
        let place = |title: &str| titles.iter().position(|own| own == title).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 4, "{kind}");
        assert!(rows.iter().all(|row| row.len() == titles.len()));
        let named: Vec<&str> = rows.iter().map(|row| &row[place("name")]).collect();
        assert!(named.contains(&format!("'{HOSTILE}").as_str()), "{named:?}");
        let first = &rows[0];
        assert_eq!(&first[place("partial")], "false");
        assert_eq!(&first[place("left_out (count)")], "0");
        assert_eq!(&first[place("to")], at(NOW).to_string());
        assert_eq!(&first[place("from")], at(NOW - 30 * DAY).to_string());
        assert!(
            titles.iter().any(|title| title == "measured_ratio (ratio)"),
            "{titles:?}"
        );
    }
    let answer = fetch(
        &api,
        &admin,
        "percentile95?format=csv&sort=name&site=west",
        "*/*",
    )
    .await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.lines()
            .next()
            .unwrap()
            .contains("percentile_bps (bit/s)")
    );
}

#[tokio::test]
async fn every_kind_is_a_page_that_names_cannot_leave() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for kind in [
        "availability",
        "percentile95",
        "trend",
        "capacity",
        "trend?by=site&site=east",
    ] {
        let answer = fetch(&api, &admin, kind, browser).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            page.contains("<meta http-equiv=\"Content-Security-Policy\""),
            "a saved page keeps it"
        );
        for forbidden in [
            "<script", "style=", "onload", "href=", "src=\"", "http:", "https:",
        ] {
            assert!(!page.contains(forbidden), "{kind}: {forbidden}");
        }
        assert_eq!(
            page.matches("</title>").count(),
            page.matches("<title>").count()
        );
        if !kind.contains("site=") {
            assert!(page.contains("&lt;script&gt;alert(1)"), "{kind}");
        }
        assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));
        if kind == "percentile95" {
            assert!(page.contains("<svg class=\"bars\"") && page.contains("<svg class=\"course\""));
            assert!(page.contains("8 kbit/s"), "{page}");
        }
    }
    // Other answers keep the policy of the API.
    let answer = fetch(&api, &admin, "trend", "application/json").await;
    let policy = answer.header("content-security-policy").unwrap();
    assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn a_network_without_devices_has_empty_reports() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for kind in ["availability", "percentile95", "trend", "capacity"] {
        for by in ["site", "tag", "device", "interface"] {
            let report = get(&admin, &format!("{kind}?by={by}")).await;
            assert_eq!((&report["rows"], &report["items"]), (&json!(0), &json!([])));
            let page = fetch(&api, &admin, &format!("{kind}?by={by}"), "text/html").await;
            assert!(String::from_utf8_lossy(&page.body).contains("There is nothing to tell of"));
        }
    }
}

/// More interfaces than a report has rows, and more rows than a page shows.
#[tokio::test]
async fn what_is_left_out_is_told() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let id = device(&api, &admin, 1, "r1", json!({})).await;
    let rows = (1..=10_001).map(|index| interface(id, index, "ethernetCsmacd"));
    let inventory = &api.services.store.inventory;
    inventory.set_interfaces(id, rows.collect()).await.unwrap();
    let path = format!(
        "percentile95?by=interface&from={}&to={}",
        at(NOW - DAY),
        at(NOW)
    );
    let report = get(&admin, &path).await;
    assert_eq!(
        (&report["partial"], &report["rows"], &report["left_out"]),
        (&json!(true), &json!(10_000), &json!(1))
    );
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("10000 rows"), "{note}");
    let page = fetch(&api, &admin, &path, "text/html").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("This report is partial: 1 rows are left out."));
    assert!(page.contains("The first 1000 of 10000 rows are shown here"));
    let text = fetch(&api, &admin, &path, "text/csv").await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 10_001);
    assert!(text.lines().last().unwrap().ends_with(",true,1"));
    let metrics = admin.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(
        metrics.contains("foretell_reports_partial_total 1"),
        "{metrics}"
    );
}
