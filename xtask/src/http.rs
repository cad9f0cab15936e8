//! Asking our own server on loopback, as a program would: HTTP/1.1 by hand, a connection a question,
//! so that the tasks need no client library, which would take longer to build than the tasks.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Octets of an answer that are read.
const ANSWER_LEN_MAX: u64 = 256 << 20;
/// A page of a list is asked for with this limit.
const PAGE_LEN: u32 = 500;
/// Pages of one list that are read at most.
const PAGES_MAX: usize = 1_000;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The JSON of a success.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("{}: {}", self.status, self.body.trim());
        }
        if self.body.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&self.body).with_context(|| self.body.clone())
    }
}

/// One question; `address` is as `127.0.0.1:8080`.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let authorization = authorization.unwrap_or_default();
    let length = body.len();
    let question = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(question.as_bytes())?;
    let mut octets = Vec::new();
    stream.take(ANSWER_LEN_MAX).read_to_end(&mut octets)?;
    parse(&octets).with_context(|| format!("{method} {path}"))
}

/// An answer that was read to its end.
fn parse(octets: &[u8]) -> anyhow::Result<Answer> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.context("the answer has no end of its headers")?;
    let (head, rest) = octets.split_at(end);
    let body = rest.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head)?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let chunked = head.lines().any(|line| {
        line.to_ascii_lowercase()
            .starts_with("transfer-encoding: chunked")
    });
    let body = if chunked {
        dechunked(body).context("chunks that cannot be put together")?
    } else {
        body.to_vec()
    };
    Ok(Answer {
        status: status.context("the answer has no status")?,
        body: String::from_utf8(body)?,
    })
}

/// Source: RFC 9112 section 7.1.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let len = std::str::from_utf8(rest.get(..line)?).ok()?;
        let len = usize::from_str_radix(len.split(';').next()?.trim(), 16).ok()?;
        if len == 0 {
            return Some(body);
        }
        let begin = line + 2;
        body.extend(rest.get(begin..begin.checked_add(len)?)?);
        rest = rest.get(begin + len + 2..)?;
    }
}

/// The API, signed in to.
pub(crate) struct Api {
    address: String,
    token: String,
}

impl Api {
    /// Signs in as the administrator.
    pub(crate) fn sign_in(address: &str, password: &str) -> anyhow::Result<Self> {
        let body = json!({"username": "admin", "password": password});
        let answer = ask(address, "POST", "/api/v1/auth/login", None, Some(&body))?.json();
        let answer = answer.context("the server does not take the password")?;
        Ok(Self {
            address: address.to_owned(),
            token: answer["token"].as_str().context("no token")?.to_owned(),
        })
    }

    /// GET of a path under /api/v1.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, None)
    }

    /// POST to a path under /api/v1.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("POST", path, Some(body))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let path = format!("/api/v1/{path}");
        let answer = ask(&self.address, method, &path, Some(&self.token), body)?;
        answer.json().with_context(|| format!("{method} {path}"))
    }

    /// `/metrics`, as text.
    pub(crate) fn metrics(&self) -> anyhow::Result<String> {
        Ok(ask(&self.address, "GET", "/metrics", Some(&self.token), None)?.body)
    }

    /// Every item of a list, page by page.
    pub(crate) fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit={PAGE_LEN}");
        let mut items = Vec::new();
        let mut page = self.get(&first)?;
        for _ in 0..PAGES_MAX {
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            let Some(cursor) = page["next_cursor"].as_str() else {
                return Ok(items);
            };
            page = self.get(&format!("{first}&cursor={cursor}"))?;
        }
        bail!("{path} has more than {PAGES_MAX} pages");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(octets: &str, status: u16, body: &str) {
        let answer = parse(octets.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    }

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}");
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
        check(
            "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            503,
            "abcde",
        );
        for cut in [
            "HTTP/1.1 200 OK",
            "HTTP/1.1 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nab",
        ] {
            assert!(parse(cut.as_bytes()).is_err(), "{cut}");
        }
    }
}
