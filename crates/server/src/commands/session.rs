//! The running server, asked over its API.

use crate::cli::ToServer;
use crate::exit::UsageError;
use anyhow::{Context as _, bail};
use collect::http::{self, Ask, HeaderMap, HeaderValue, Method, Trust, Url, header};
use hyper::body::Bytes;
use model::credential::Secret;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time for an answer: 10,000 devices are made in seconds.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(2);
/// Octets of an answer that are read: that of an import tells of 10,000 rows.
const ANSWER_LEN_MAX: usize = 16 << 20;

/// How often something is asked again of a server that is busy: some minutes in all.
const BUSY_TIMES_MAX: u32 = 60;
/// Longest that is waited before, whatever the server says.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Somebody signed in, for as long as it takes: a token ends after some minutes, and another is had with
/// the password.
pub(super) struct Session {
    base: Url,
    user: String,
    password: Secret,
    /// The token that is good now.
    // Never held across an await.
    token: Mutex<Secret>,
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
            to.server()
        ))
    };
    let base: Url = to.server().parse().map_err(|_| wrong())?;
    let session = Session {
        base,
        user: to.user().to_owned(),
        password: password.clone(),
        token: Mutex::new(Secret::new(String::new())),
    };
    session.sign_in(trust).await?;
    Ok(session)
}

/// What is asked, as often as it takes.
struct Question {
    method: Method,
    url: Url,
    /// What the body is, and the body.
    body: Option<(&'static str, Bytes)>,
    accept: &'static str,
    range: Option<String>,
    /// The revision that it must still be at.
    revision: Option<u64>,
}

impl Question {
    fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            body: None,
            accept: "application/json",
            range: None,
            revision: None,
        }
    }

    fn ask(&self, token: Option<&Secret>) -> anyhow::Result<Ask<'_>> {
        let mut ask = match token {
            Some(token) => ask_with(&self.url, &format!("Bearer {}", token.reveal()))?,
            None => Ask {
                headers: HeaderMap::new(),
                ..ask_with(&self.url, "none")?
            },
        };
        ask.method = self.method.clone();
        let accept = HeaderValue::from_static(self.accept);
        ask.headers.insert(header::ACCEPT, accept);
        if let Some((kind, body)) = &self.body {
            let kind = HeaderValue::from_static(kind);
            ask.headers.insert(header::CONTENT_TYPE, kind);
            ask.body = body.clone();
        }
        if let Some(range) = &self.range {
            ask.headers
                .insert(header::RANGE, HeaderValue::from_str(range)?);
        }
        if let Some(revision) = self.revision {
            let read = HeaderValue::from_str(&format!("\"{revision}\""))?;
            ask.headers.insert(header::IF_MATCH, read);
        }
        Ok(ask)
    }
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
        let mut question = Question::new(Method::POST, self.url(path)?);
        question.body = Some(("application/json", body.into()));
        self.told(trust, &question).await
    }

    /// Changes what is at a path below `api/v1/`, if it still is at the revision that was read.
    pub(super) async fn change(
        &self,
        trust: &Trust,
        method: Method,
        path: &str,
        revision: u64,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let mut question = Question::new(method, self.url(path)?);
        question.revision = Some(revision);
        if !body.is_null() {
            question.body = Some(("application/json", body.to_string().into()));
        }
        self.told(trust, &question).await
    }

    /// Reads what is at a path below `api/v1/`.
    pub(super) async fn get(&self, trust: &Trust, path: &str) -> anyhow::Result<Value> {
        let question = Question::new(Method::GET, self.url(path)?);
        self.told(trust, &question).await
    }

    /// Sends octets to a path below `api/v1/`.
    pub(super) async fn send(
        &self,
        trust: &Trust,
        method: Method,
        path: &str,
        octets: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let mut question = Question::new(method, self.url(path)?);
        question.body = Some(("application/octet-stream", octets.into()));
        self.told(trust, &question).await
    }

    /// Reads some octets of a file at a path below `api/v1/`, and says how many it has in all.
    pub(super) async fn octets(
        &self,
        trust: &Trust,
        path: &str,
        range: std::ops::Range<u64>,
    ) -> anyhow::Result<(Vec<u8>, u64)> {
        let mut question = Question::new(Method::GET, self.url(path)?);
        let last = range.end.saturating_sub(1);
        question.range = Some(format!("bytes={}-{last}", range.start));
        question.accept = "*/*";
        let answer = self.answer(trust, &question).await?;
        if answer.status == http::StatusCode::RANGE_NOT_SATISFIABLE {
            // It has nothing at all, or no more.
            return Ok((Vec::new(), length_of(&answer)?));
        }
        if answer.status != http::StatusCode::PARTIAL_CONTENT {
            bail!("the file is not there any more");
        }
        Ok((answer.body.to_vec(), length_of(&answer)?))
    }

    /// Reads what is at a path below `api/v1/` as it is, whatever it is written as.
    pub(super) async fn octets_of(&self, trust: &Trust, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut question = Question::new(Method::GET, self.url(path)?);
        question.accept = "*/*";
        let answer = self.answer(trust, &question).await?;
        if !answer.status.is_success() {
            told(&question.url, &answer)?;
        }
        Ok(answer.body.to_vec())
    }

    fn url(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.base.join("api/v1/")?.join(path)?)
    }

    async fn told(&self, trust: &Trust, question: &Question) -> anyhow::Result<Value> {
        told(&question.url, &self.answer(trust, question).await?)
    }

    /// What a server answers: signed in anew where the token ended, and asked again where it is busy, which
    /// says that nothing is known to be done. What is asked must be as well done twice.
    async fn answer(&self, trust: &Trust, question: &Question) -> anyhow::Result<http::Answered> {
        let (mut signed_in, mut busy) = (false, 0);
        loop {
            let token = self.token().clone();
            let answer = http::ask(trust, question.ask(Some(&token))?).await?;
            let wait = answer.headers.get(header::RETRY_AFTER);
            match (answer.status, wait) {
                (http::StatusCode::UNAUTHORIZED, _) if !signed_in => {
                    signed_in = true;
                    self.sign_in(trust).await?;
                }
                (http::StatusCode::SERVICE_UNAVAILABLE, Some(wait)) if busy < BUSY_TIMES_MAX => {
                    busy += 1;
                    let secs = wait.to_str().ok().and_then(|secs| secs.parse().ok());
                    let wait = Duration::from_secs(secs.unwrap_or(1)).min(BUSY_WAIT_MAX);
                    tokio::time::sleep(wait).await;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn sign_in(&self, trust: &Trust) -> anyhow::Result<()> {
        let base = &self.base;
        let mut question = Question::new(Method::POST, self.url("auth/login")?);
        let body = json!({"username": self.user, "password": self.password.reveal()});
        question.body = Some(("application/json", body.to_string().into()));
        let signed_in = async {
            let answer = http::ask(trust, question.ask(None)?).await?;
            told(&question.url, &answer)
        };
        let answer = signed_in.await;
        let answer = answer.with_context(|| format!("signing in at {base}"))?;
        let token = answer.get("token").and_then(Value::as_str);
        *self.token() = Secret::new(token.unwrap_or_default().to_owned());
        Ok(())
    }

    fn token(&self) -> MutexGuard<'_, Secret> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a file is of which a part was answered.
fn length_of(answer: &http::Answered) -> anyhow::Result<u64> {
    let all = answer.headers.get(header::CONTENT_RANGE);
    let all = all.and_then(|value| value.to_str().ok()?.rsplit('/').next()?.parse().ok());
    all.context("the answer does not say how long the file is")
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

/// What a server answered, where it does not refuse.
fn told(url: &Url, answer: &http::Answered) -> anyhow::Result<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::standin::server;

    #[tokio::test]
    async fn who_follows_for_longer_than_a_token_is_good_signs_in_anew() {
        let (first, second) = (r#"{"token":"one"}"#, r#"{"token":"two"}"#);
        let (url, asked) = server(vec![
            ("200 OK", first),
            ("401 Unauthorized", "{}"),
            ("200 OK", second),
            ("200 OK", r#"{"state":"done"}"#),
            ("503 Service Unavailable\r\nretry-after: 0", "{}"),
            ("200 OK", r#"{"bytes":3}"#),
            ("401 Unauthorized", "{}"),
            ("200 OK", second),
            ("401 Unauthorized", r#"{"detail":"no"}"#),
        ]);
        let to = ToServer {
            server: Some(url),
            user: None,
            password_env: None,
            password_file: None,
        };
        let (trust, password) = (Trust::of_this_machine(), Secret::new("hunter2".to_owned()));
        let session = sign_in(&trust, &to, &password).await.unwrap();
        let job = session.get(&trust, "jobs/1").await.unwrap();
        assert_eq!(job["state"], "done");
        let piece = session.send(&trust, Method::PUT, "imports/1", b"abc".to_vec());
        assert_eq!(piece.await.unwrap()["bytes"], 3);
        let refused = session.get(&trust, "jobs/1").await.unwrap_err();
        assert_eq!(refused.to_string(), "no", "once for each question");
        let login = "/api/v1/auth/login  {\"password\":\"hunter2\",\"username\":\"admin\"}";
        assert_eq!(
            asked.join().unwrap(),
            [
                login,
                "/api/v1/jobs/1 one ",
                login,
                "/api/v1/jobs/1 two ",
                "/api/v1/imports/1 two abc",
                "/api/v1/imports/1 two abc",
                "/api/v1/jobs/1 two ",
                login,
                "/api/v1/jobs/1 two ",
            ]
        );
    }
}
