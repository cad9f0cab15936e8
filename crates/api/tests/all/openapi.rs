//! The OpenAPI document: committed as it is generated, valid where it often is not, and true about
//! who may ask.

use crate::harness::{Api, request};
use axum::http::Method;
use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(foretell_api::openapi()).unwrap()
}

/// Method, path and description of every operation.
pub fn operations() -> Vec<(Method, String, Value)> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            all.push((method, path.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let generated = foretell_api::openapi().to_pretty_json().unwrap();
    let committed = include_str!("../../openapi.json");
    assert!(
        committed.trim_end() == generated,
        "run `cargo xtask codegen`: crates/api/openapi.json is not what the code says"
    );
}

#[test]
fn every_response_is_described_and_every_operation_has_a_name() {
    let mut names = std::collections::BTreeSet::new();
    for (method, path, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "{name} twice");
        assert!(operation["summary"].is_string(), "{method} {path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let described = response["description"]
                .as_str()
                .is_some_and(|d| !d.is_empty());
            assert!(described, "{method} {path} {status}");
        }
        let in_path = path.matches('{').count();
        let parameters = operation["parameters"].as_array();
        let described = parameters
            .iter()
            .flat_map(|all| all.iter())
            .filter(|p| p["in"] == "path")
            .count();
        assert_eq!(in_path, described, "{method} {path}");
    }
}

/// Everything but sign-in, health, the key set and the document itself needs a sign-in.
#[tokio::test]
async fn every_other_route_needs_a_sign_in() {
    const OPEN: [&str; 6] = [
        "/livez",
        "/readyz",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/api/v1/auth/login",
        "/api/v1/auth/session",
    ];
    let api = Api::new().await;
    for (method, path, operation) in operations() {
        let open = operation["security"].is_array();
        let expected = OPEN.contains(&path.as_str()) && method != Method::DELETE;
        assert_eq!(open, expected, "{method} {path}");
        if open {
            continue;
        }
        let at = path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "01931f5e-0000-7000-8000-000000000001"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        let answer = api.send(request(method.clone(), &at, None)).await;
        answer.problem(401, "unauthenticated");
        assert!(
            answer.header("www-authenticate").is_some(),
            "{method} {path}"
        );
        let mut forged = request(method.clone(), &at, None);
        forged
            .headers_mut()
            .insert("authorization", "Bearer a.b.c".parse().unwrap());
        api.send(forged).await.problem(401, "unauthenticated");
    }
}
