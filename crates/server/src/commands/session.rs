//! The running server, asked over its API.

use crate::cli::ToServer;
use crate::exit::UsageError;
use anyhow::{Context as _, bail};
use collect::http::{self, Ask, HeaderMap, HeaderValue, Method, Trust, Url, header};
use model::credential::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// Time for an answer: 10,000 devices are made in seconds.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(2);
/// Octets of an answer that are read: that of an import tells of 10,000 rows.
const ANSWER_LEN_MAX: usize = 16 << 20;

/// Somebody signed in.
pub(super) struct Session {
    base: Url,
    token: String,
}

/// Signs in.
pub(super) async fn sign_in(
    trust: &Trust,
    to: &ToServer,
    password: &Secret,
) -> anyhow::Result<Session> {
    let wrong = || {
        UsageError(format!(
            "`{}` is no server, as http://127.0.0.1:8080 is",
            to.server
        ))
    };
    let base: Url = to.server.parse().map_err(|_| wrong())?;
    let url = base.join("api/v1/auth/login").map_err(|_| wrong())?;
    let body = json!({"username": to.user, "password": password.reveal()});
    let answer = post(trust, &url, None, body.to_string()).await;
    let answer = answer.with_context(|| format!("signing in at {base}"))?;
    let token = answer.get("token").and_then(Value::as_str);
    let token = token.unwrap_or_default().to_owned();
    Ok(Session { base, token })
}

impl Session {
    /// Posts to a path below `api/v1/`.
    pub(super) async fn post(
        &self,
        trust: &Trust,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        self.post_text(trust, path, body.to_string()).await
    }

    /// Posts JSON that is written already to a path below `api/v1/`.
    pub(super) async fn post_text(
        &self,
        trust: &Trust,
        path: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let url = self.base.join("api/v1/")?.join(path)?;
        post(trust, &url, Some(&self.token), body).await
    }

    /// Reads what is at a path below `api/v1/`.
    pub(super) async fn get(&self, trust: &Trust, path: &str) -> anyhow::Result<Value> {
        let url = self.base.join("api/v1/")?.join(path)?;
        let ask = ask_with(&url, &format!("Bearer {}", self.token))?;
        told(trust, &url, ask).await
    }
}

impl Session {
    /// Changes what is at a path below `api/v1/`, if it still is at the revision that was read.
    pub(super) async fn change(
        &self,
        trust: &Trust,
        method: Method,
        path: &str,
        revision: u64,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let url = self.base.join("api/v1/")?.join(path)?;
        let mut ask = ask_with(&url, &format!("Bearer {}", self.token))?;
        ask.method = method;
        let read = HeaderValue::from_str(&format!("\"{revision}\""))?;
        ask.headers.insert(header::IF_MATCH, read);
        if !body.is_null() {
            ask.body = body.to_string().into();
            let json = HeaderValue::from_static("application/json");
            ask.headers.insert(header::CONTENT_TYPE, json);
        }
        told(trust, &url, ask).await
    }

    /// Sends octets to a path below `api/v1/`.
    pub(super) async fn send(
        &self,
        trust: &Trust,
        method: Method,
        path: &str,
        octets: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let url = self.base.join("api/v1/")?.join(path)?;
        let mut ask = ask_with(&url, &format!("Bearer {}", self.token))?;
        ask.method = method;
        ask.body = octets.into();
        let kind = HeaderValue::from_static("application/octet-stream");
        ask.headers.insert(header::CONTENT_TYPE, kind);
        told(trust, &url, ask).await
    }

    /// Reads some octets of a file at a path below `api/v1/`, and says how many it has in all.
    pub(super) async fn octets(
        &self,
        trust: &Trust,
        path: &str,
        range: std::ops::Range<u64>,
    ) -> anyhow::Result<(Vec<u8>, u64)> {
        let url = self.base.join("api/v1/")?.join(path)?;
        let mut ask = ask_with(&url, &format!("Bearer {}", self.token))?;
        let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        ask.headers
            .insert(header::RANGE, HeaderValue::from_str(&asked)?);
        ask.headers
            .insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        let answer = http::ask(trust, ask).await?;
        if answer.status != http::StatusCode::PARTIAL_CONTENT {
            bail!("the file is not there any more");
        }
        let all = answer.headers.get(header::CONTENT_RANGE);
        let all = all.and_then(|value| value.to_str().ok()?.rsplit('/').next()?.parse().ok());
        let all = all.context("the answer does not say how long the file is")?;
        Ok((answer.body.to_vec(), all))
    }
}

/// A GET with this authorization.
pub(super) fn ask_with<'a>(url: &'a Url, authorization: &str) -> anyhow::Result<Ask<'a>> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(authorization);
    let mut value =
        value.map_err(|_| UsageError("the token is no text for a header".to_owned()))?;
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(Ask {
        method: Method::GET,
        url,
        address: None,
        headers,
        body: Vec::new().into(),
        time: ANSWER_TIME_MAX,
        body_len_max: ANSWER_LEN_MAX,
        though_untrusted: false,
    })
}

async fn post(
    trust: &Trust,
    url: &Url,
    token: Option<&str>,
    body: String,
) -> anyhow::Result<Value> {
    let mut ask = match token {
        Some(token) => ask_with(url, &format!("Bearer {token}"))?,
        None => Ask {
            headers: HeaderMap::new(),
            ..ask_with(url, "none")?
        },
    };
    ask.method = Method::POST;
    ask.body = body.into();
    let json = HeaderValue::from_static("application/json");
    ask.headers.insert(header::CONTENT_TYPE, json);
    told(trust, url, ask).await
}

/// What a server answers, where it does not refuse.
async fn told(trust: &Trust, url: &Url, ask: Ask<'_>) -> anyhow::Result<Value> {
    let answer = http::ask(trust, ask).await?;
    if answer.status == http::StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let told: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("what answers at {url} is no Foretell"))?;
    if answer.status.is_success() {
        return Ok(told);
    }
    let text = |pointer: &str| told.pointer(pointer).and_then(Value::as_str);
    let said = match (text("/errors/0/pointer"), text("/errors/0/detail")) {
        (Some(pointer), Some(detail)) => {
            format!("{}: {detail}", pointer.trim_start_matches('/'))
        }
        _ => text("/detail").unwrap_or("refused").to_owned(),
    };
    // A field or a parameter is wrong, and that came from the command line.
    let is_usage = answer.status == http::StatusCode::UNPROCESSABLE_ENTITY
        || (answer.status == http::StatusCode::BAD_REQUEST && text("/errors/0/pointer").is_some());
    if is_usage {
        return Err(UsageError(said).into());
    }
    bail!(said)
}
