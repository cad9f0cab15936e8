//! Profiles, MIBs, walks and trials: what the routes take, refuse and page.

use crate::harness::{Api, Client};
use axum::http::Method;
use serde_json::{Value, json};

fn draft(name: &str) -> Value {
    json!({"name": name, "text": format!("summary = \"{name}\"\n")})
}

async fn put(
    client: &Client<'_>,
    path: &str,
    etag: Option<&str>,
    text: &str,
) -> crate::harness::Answer {
    let body = json!({"text": text});
    client.call(Method::PUT, path, etag, Some(&body)).await
}

#[tokio::test]
async fn a_profile_is_made_read_changed_and_deleted_by_its_revision() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let made = admin.post("/api/v1/profiles", &draft("acme")).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(path, "/api/v1/profiles/acme");
    assert_eq!(made.header("etag"), Some("\"1\""));
    let read = admin.get(&path).await;
    assert_eq!(
        (&read.body, read.header("etag")),
        (&made.body, Some("\"1\""))
    );
    assert_eq!(read.json()["own"], true);

    put(&admin, &path, None, "a")
        .await
        .problem(428, "precondition-required");
    let stale = put(&admin, &path, Some("\"7\""), "a").await;
    stale.problem(412, "stale");
    assert_eq!(stale.header("etag"), Some("\"1\""));
    let changed = put(&admin, &path, Some("\"1\""), "summary = \"b\"").await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    assert_eq!(changed.header("etag"), Some("\"2\""));

    admin
        .delete(&path, None)
        .await
        .problem(428, "precondition-required");
    admin
        .delete(&path, Some("\"1\""))
        .await
        .problem(412, "stale");
    assert_eq!(admin.delete(&path, Some("\"2\"")).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
    admin
        .delete(&path, Some("*"))
        .await
        .problem(404, "not-found");
    put(&admin, &path, Some("*"), "a")
        .await
        .problem(404, "not-found");
    let built_in = "/api/v1/profiles/built-in";
    admin
        .delete(built_in, Some("*"))
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn the_same_profile_twice_is_one_and_another_of_its_name_is_refused() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let first = admin.post("/api/v1/profiles", &draft("acme")).await;
    let again = admin.post("/api/v1/profiles", &draft("acme")).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let mut other = draft("acme");
    other["text"] = json!("summary = \"other\"");
    let refused = admin.post("/api/v1/profiles", &other).await;
    refused.problem(409, "conflict");
}

#[tokio::test]
async fn mistakes_are_told_by_line() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let bad = json!({"name": "acme", "text": "[[sensor]]\nkind = \"bad\"\n"});
    let checked = admin.post("/api/v1/profile-checks", &bad).await;
    assert_eq!(checked.status, 200, "{:?}", checked.body);
    assert_eq!(checked.json()["mistakes"][0]["line"], 2);
    let right = admin.post("/api/v1/profile-checks", &draft("acme")).await;
    assert_eq!(right.json(), json!({"mistakes": []}));
    let refused = admin.post("/api/v1/profiles", &bad).await;
    let problem = refused.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/text"]);
    let detail = problem["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("line 2: sensor[0].kind"), "{detail}");

    let many = json!({"name": "acme", "text": "bad\n".repeat(500)});
    let refused = admin.post("/api/v1/profiles", &many).await;
    assert_eq!(refused.pointers().len(), 32, "no more are told at once");

    for name in ["", "-a", "a b", "../a", "ä", &"a".repeat(65)] {
        let answer = admin.post("/api/v1/profiles", &draft(name)).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), ["/name"], "{name}");
    }
    let long = json!({"name": "acme", "text": "x".repeat(256 * 1024 + 1)});
    for path in ["profiles", "profile-checks"] {
        let answer = admin.post(&format!("/api/v1/{path}"), &long).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), ["/text"]);
    }
}

#[tokio::test]
async fn odd_names_in_the_path_are_problems() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for name in ["%FF", "%2e%2e%2fsecret", "a%00b", "%E2%82%AC", "a.toml"] {
        for path in ["profiles", "mibs"] {
            let path = format!("/api/v1/{path}/{name}");
            let answer = admin.delete(&path, Some("*")).await;
            let is_bad = name == "%FF";
            let (status, kind) = if is_bad {
                (400, "malformed")
            } else {
                (404, "not-found")
            };
            answer.problem(status, kind);
        }
    }
    let answer = put(&admin, "/api/v1/profiles/a%2Fb", Some("*"), "x").await;
    answer.problem(422, "invalid");
}

#[tokio::test]
async fn lists_are_paged_searched_and_sorted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for name in ["acme", "Beta", "zulu"] {
        admin.make("/api/v1/profiles", draft(name)).await;
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/profiles?limit=2".to_owned();
    loop {
        let page = admin.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        names.extend(
            items
                .iter()
                .map(|row| row["name"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/profiles?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["acme", "Beta", "built-in", "zulu"]);
    let found = admin.get("/api/v1/profiles?q=BET&sort=-name").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let wrong = admin.get("/api/v1/profiles?sort=oid").await;
    wrong.problem(400, "bad-query");

    for name in ["A-MIB", "B-MIB"] {
        let text = json!({"text": format!("{name} DEFINITIONS ::= BEGIN END")});
        let kept = admin.post("/api/v1/mibs", &text).await;
        assert_eq!(
            (kept.status.as_u16(), &kept.json()["objects"]),
            (201, &json!(3))
        );
    }
    let objects = |query: &'static str| {
        let path = format!("/api/v1/mibs/A-MIB/objects{query}");
        let admin = &admin;
        async move {
            let page = admin.get(&path).await.json();
            let items = page["items"].as_array().unwrap().clone();
            let names = items
                .iter()
                .map(|row| row["name"].as_str().unwrap().to_owned());
            (names.collect::<Vec<_>>(), page["next_cursor"].clone())
        }
    };
    assert_eq!(objects("").await.0, ["zebra", "apple", "melon"]);
    assert_eq!(objects("?sort=-oid").await.0, ["melon", "apple", "zebra"]);
    assert_eq!(objects("?sort=name").await.0, ["apple", "melon", "zebra"]);
    assert_eq!(objects("?q=what%20MELON").await.0, ["melon"]);
    let (_, cursor) = objects("?limit=1").await;
    let cursor = cursor.as_str().unwrap();
    let other = format!("/api/v1/mibs/B-MIB/objects?limit=1&cursor={cursor}");
    admin.get(&other).await.problem(400, "bad-cursor");
    let mibs = admin.get("/api/v1/mibs?q=b-").await.json();
    assert_eq!(mibs["items"][0]["missing"], json!(["ACME-SMI"]));
    assert_eq!(admin.delete("/api/v1/mibs/A-MIB", None).await.status, 204);
    let gone = admin.get("/api/v1/mibs/A-MIB/objects").await;
    gone.problem(404, "not-found");
    let nameless = admin.post("/api/v1/mibs", &json!({"text": "x"})).await;
    nameless.problem(422, "invalid");
    let long = json!({"text": "x".repeat(1024 * 1024 + 1)});
    let long = admin.post("/api/v1/mibs", &long).await;
    long.problem(422, "invalid");
}

#[tokio::test]
async fn a_walk_and_a_trial_are_of_a_device() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device = admin
        .make("/api/v1/devices", json!({"address": "192.0.2.1"}))
        .await;
    let device = format!("/api/v1/devices/{}", device["id"].as_str().unwrap());
    let walk = |object: &'static str| {
        let path = format!("{device}/walk");
        let admin = &admin;
        async move { admin.post(&path, &json!({"object": object})).await }
    };
    let found = walk("sysName").await;
    assert_eq!(found.status, 200, "{:?}", found.body);
    assert_eq!(found.json()["items"][0]["value"], "core");
    let wrong = walk("nothing").await;
    wrong.problem(422, "invalid");
    assert_eq!(wrong.pointers(), ["/object"]);
    walk("silent").await.problem(409, "conflict");
    let busy = walk("busy").await;
    busy.problem(503, "busy");
    assert_eq!(busy.header("retry-after"), Some("5"));
    walk("broken").await.problem(500, "internal");
    for (body, pointer) in [
        (json!({"object": "x", "limit": 0}), "/limit"),
        (json!({"object": "x", "limit": 2001}), "/limit"),
        (json!({"object": "x".repeat(513)}), "/object"),
    ] {
        let answer = admin.post(&format!("{device}/walk"), &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer]);
    }
    let tried = admin
        .post(&format!("{device}/profile-trial"), &draft("acme"))
        .await;
    assert_eq!(tried.status, 200, "{:?}", tried.body);
    assert_eq!(tried.json()["profiles"], json!(["acme"]));
    let nobody = "/api/v1/devices/01900000-0000-7000-8000-000000000000";
    let answer = admin
        .post(&format!("{nobody}/walk"), &json!({"object": "x"}))
        .await;
    answer.problem(404, "not-found");
    let answer = admin
        .post(&format!("{nobody}/profile-trial"), &draft("a"))
        .await;
    answer.problem(404, "not-found");
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so() {
    let api = Api::new().await;
    let nobody = Client {
        api: &api,
        token: "a.b.c".to_owned(),
    };
    for path in ["profiles", "profiles/built-in", "mibs", "mibs/A/objects"] {
        let answer = nobody.get(&format!("/api/v1/{path}")).await;
        answer.problem(401, "unauthenticated");
    }
    for path in ["profiles", "profile-checks", "mibs"] {
        let answer = nobody.post(&format!("/api/v1/{path}"), &draft("a")).await;
        answer.problem(401, "unauthenticated");
    }
}
