//! Signing in: tokens, sessions, their ends, and those who try passwords.

use crate::harness::{Answer, Api, Client, PASSWORD, request};
use axum::http::{Method, Request};
use foretell_api::Options;
use model::credential::Secret;
use serde_json::{Value, json};
use std::time::Duration;
use store::accounts::PasswordHash;

const HOST: &str = "monitor.example:8080";
const ORIGIN: &str = "http://monitor.example:8080";

fn sign_in(password: &str) -> Value {
    json!({"username": "admin", "password": password})
}

/// A request of a browser: with its cookie, and with where it comes from.
fn from_page(
    method: Method,
    path: &str,
    cookie: Option<&str>,
    origin: Option<&str>,
    body: Option<&Value>,
) -> Request<axum::body::Body> {
    let mut request = request(method, path, body);
    let headers = request.headers_mut();
    headers.insert("host", HOST.parse().unwrap());
    if let Some(cookie) = cookie {
        headers.insert("cookie", cookie.parse().unwrap());
    }
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().unwrap());
    }
    request
}

async fn session(api: &Api) -> (String, Answer) {
    let body = sign_in(PASSWORD);
    let path = "/api/v1/auth/session";
    let answer = api
        .send(from_page(
            Method::POST,
            path,
            None,
            Some(ORIGIN),
            Some(&body),
        ))
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (cookie, answer)
}

#[tokio::test]
async fn a_token_says_who_it_is_and_ends() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let me = admin.get("/api/v1/auth/me").await.json();
    assert_eq!(me["username"], "admin");
    assert_eq!(me["role"], "admin");
    assert_eq!(me["method"], "token");
    assert!(
        me["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("write_credentials"))
    );
    // It is signed with the key that is shown.
    let keys = api
        .send(request(Method::GET, "/.well-known/jwks.json", None))
        .await
        .json();
    let kid = keys["keys"][0]["kid"].as_str().unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    assert!(
        keys["keys"][0].get("d").is_none(),
        "the private key is not shown"
    );
    assert_eq!(kid, api.services.signer.jwk().kid());
    api.pass(Duration::from_mins(15));
    admin
        .get("/api/v1/auth/me")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn wrong_names_and_passwords_look_the_same() {
    let api = Api::new().await;
    let mut seen = Vec::new();
    for body in [
        json!({"username": "admin", "password": "wrong"}),
        json!({"username": "nobody", "password": PASSWORD}),
        json!({"username": "admin", "password": "x".repeat(5000)}),
    ] {
        let answer = api
            .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
            .await;
        let problem = answer.problem(401, "bad-password");
        seen.push((problem["detail"].clone(), problem["errors"].clone()));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn tries_are_limited() {
    let api = Api::new().await;
    let mut limited = None;
    for _ in 0..25 {
        let body = sign_in("wrong password");
        let answer = api
            .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
            .await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        answer.problem(401, "bad-password");
        assert!(
            answer
                .header("ratelimit")
                .unwrap()
                .starts_with("\"name\";r=")
        );
    }
    let answer = limited.expect("one of 25 tries is too many");
    answer.problem(429, "too-many");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    let standing = format!("\"name\";r=0;t={wait}");
    assert_eq!(answer.header("ratelimit"), Some(standing.as_str()));
    let policy = answer.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"name\";q=20;w=100"), "{policy}");
    // The right password has to wait too, or the limit would tell it.
    let body = sign_in(PASSWORD);
    let answer = api
        .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
        .await;
    answer.problem(429, "too-many");
}

#[tokio::test]
async fn a_session_is_a_strict_cookie() {
    let api = Api::new().await;
    let (cookie, answer) = session(&api).await;
    let set = answer.header("set-cookie").unwrap();
    for part in [
        "foretell_session=",
        "Path=/",
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
        "Max-Age=",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(answer.json()["method"], "session");
    let me = from_page(Method::GET, "/api/v1/auth/me", Some(&cookie), None, None);
    assert_eq!(api.send(me).await.json()["username"], "admin");

    let plain = Api::with(Options {
        secure_cookie: false,
        ..Options::default()
    })
    .await;
    let (_, answer) = session(&plain).await;
    assert!(!answer.header("set-cookie").unwrap().contains("Secure"));
}

#[tokio::test]
async fn changes_by_cookie_come_from_our_own_page() {
    let api = Api::new().await;
    let (cookie, _) = session(&api).await;
    let body = json!({"address": "192.0.2.1"});
    let path = "/api/v1/devices";
    for (origin, made) in [
        (None, false),
        (Some("http://evil.example"), false),
        (Some("null"), false),
        (Some("http://monitor.example"), false),
        (Some(ORIGIN), true),
    ] {
        let request = from_page(Method::POST, path, Some(&cookie), origin, Some(&body));
        let answer = api.send(request).await;
        if made {
            assert_eq!(answer.status, 201, "{origin:?}");
        } else {
            answer.problem(403, "foreign-origin");
        }
    }
    let body = sign_in(PASSWORD);
    let path = "/api/v1/auth/session";
    let foreign = from_page(
        Method::POST,
        path,
        None,
        Some("http://evil.example"),
        Some(&body),
    );
    api.send(foreign).await.problem(403, "foreign-origin");
}

#[tokio::test]
async fn sessions_end() {
    let api = Api::new().await;
    let (cookie, _) = session(&api).await;
    let me = || from_page(Method::GET, "/api/v1/auth/me", Some(&cookie), None, None);
    assert_eq!(api.send(me()).await.status, 200);
    let out = from_page(
        Method::DELETE,
        "/api/v1/auth/session",
        Some(&cookie),
        Some(ORIGIN),
        None,
    );
    let answer = api.send(out).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    api.send(me()).await.problem(401, "unauthenticated");

    let (cookie, _) = session(&api).await;
    api.pass(Duration::from_hours(24 * 7));
    let me = from_page(Method::GET, "/api/v1/auth/me", Some(&cookie), None, None);
    api.send(me).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_password_signs_out_everywhere() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (cookie, _) = session(&api).await;
    let path = "/api/v1/auth/password";
    let short = json!({"current_password": PASSWORD, "new_password": "short"});
    let answer = admin.post(path, &short).await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/new_password"]);
    let wrong = json!({"current_password": "wrong", "new_password": "another password"});
    let answer = admin.post(path, &wrong).await;
    answer.problem(403, "forbidden");
    assert_eq!(answer.pointers(), ["/current_password"]);

    api.pass(Duration::from_millis(1));
    let right = json!({"current_password": PASSWORD, "new_password": "another password"});
    assert_eq!(admin.post(path, &right).await.status, 204);
    admin
        .get("/api/v1/auth/me")
        .await
        .problem(401, "unauthenticated");
    let me = from_page(Method::GET, "/api/v1/auth/me", Some(&cookie), None, None);
    api.send(me).await.problem(401, "unauthenticated");
    // Kept with the account, and so good for a restarted server too.
    let again = foretell_api::router(api.services.clone());
    let mut me = request(Method::GET, "/api/v1/auth/me", None);
    let bearer = format!("Bearer {}", admin.token);
    me.headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let answer = tower::ServiceExt::oneshot(again, me).await.unwrap();
    assert_eq!(answer.status(), 401);
    let body = sign_in("another password");
    let answer = api
        .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let api = Api::new().await;
    let secret = Secret::new("viewer password".to_owned());
    let hash: PasswordHash = foretell_api::auth::password::hash(&secret).unwrap();
    let accounts = &api.services.store.accounts;
    accounts
        .create("vera".to_owned(), hash, vec!["viewer".to_owned()])
        .await
        .unwrap();
    let body = json!({"username": "vera", "password": "viewer password"});
    let answer = api
        .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
        .await;
    let vera = Client {
        api: &api,
        token: answer.json()["token"].as_str().unwrap().to_owned(),
    };
    assert_eq!(vera.get("/api/v1/devices").await.status, 200);
    vera.get("/api/v1/credentials")
        .await
        .problem(403, "forbidden");
    let body = json!({"address": "192.0.2.1"});
    vera.post("/api/v1/devices", &body)
        .await
        .problem(403, "forbidden");
}
