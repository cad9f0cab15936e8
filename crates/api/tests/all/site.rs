//! The page's files, the documentation, and the headers around them.

use crate::harness::{Answer, Api, request};
use axum::http::Method;

async fn get(api: &Api, path: &str, accept: &str) -> Answer {
    let mut asked = request(Method::GET, path, None);
    asked
        .headers_mut()
        .insert("accept", accept.parse().unwrap());
    api.send(asked).await
}

#[tokio::test]
async fn every_place_in_the_page_is_the_page() {
    let api = Api::new().await;
    let html = "text/html,*/*";
    let index = get(&api, "/", html).await;
    assert_eq!(index.status, 200);
    assert_eq!(
        index.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(index.header("cache-control"), Some("no-cache"));
    for place in ["/devices", "/devices/123?range=1h", "/index.html"] {
        assert_eq!(get(&api, place, html).await.body, index.body, "{place}");
    }
    get(&api, "/devices", "application/json")
        .await
        .problem(404, "not-found");
    get(&api, "/assets/gone.js", html)
        .await
        .problem(404, "not-found");
    get(&api, "/api/nothing", html)
        .await
        .problem(404, "not-found");
    let tag = index.header("etag").unwrap().to_owned();
    let mut again = request(Method::GET, "/index.html", None);
    again
        .headers_mut()
        .insert("if-none-match", tag.parse().unwrap());
    assert_eq!(api.send(again).await.status, 304);
}

#[tokio::test]
async fn headers_keep_browsers_safe() {
    let api = Api::new().await;
    for (path, policy) in [
        ("/", "script-src 'self'"),
        ("/docs/", "script-src 'self'"),
        ("/api/v1/devices", "default-src 'none'"),
    ] {
        let answer = get(&api, path, "text/html").await;
        let found = answer.header("content-security-policy").unwrap();
        assert!(
            found.contains(policy) && found.contains("frame-ancestors 'none'"),
            "{path}: {found}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_documentation_needs_no_network() {
    let api = Api::new().await;
    let page = get(&api, "/docs/", "text/html").await;
    assert_eq!(page.status, 200);
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(text.contains("swagger-ui"), "{text}");
    assert!(!text.contains("https://"), "{text}");
    let start = get(&api, "/docs/swagger-initializer.js", "*/*").await;
    assert!(String::from_utf8_lossy(&start.body).contains("/openapi.json"));
    let document = get(&api, "/openapi.json", "*/*").await.json();
    assert_eq!(document["openapi"], "3.1.0");
}
