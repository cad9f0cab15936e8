//! A running server that somebody signed in to: one way to sign in, to read a list page by page, and to
//! follow a job. How a request is sent is in `session`.

use super::answer::{Rows, number, text};
use super::session::{Session, sign_in};
use crate::cli::ToServer;
use crate::exit::UsageError;
use crate::secrets;
use anyhow::{Context as _, bail};
use collect::http::{Method, Trust, Url};
use indicatif::{ProgressBar, ProgressStyle};
use model::job::JobState;
use serde_json::Value;
use std::ops::Range;
use std::time::Duration;

/// How often the server is asked how far a job is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Rows of a page that are asked for: as many as a server gives.
const PAGE_ROWS: u64 = 1_000;
/// Pages of one list: no server has a hundred million rows, so one that still gives a cursor is no server
/// of ours.
const PAGES_MAX: u64 = 100_000;

/// A server that somebody signed in to.
pub(super) struct Client {
    trust: Trust,
    session: Session,
}

/// Signs in to a server, and asks it.
pub(super) fn with_server<T>(
    to: &ToServer,
    ask: impl AsyncFnOnce(&Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let password = secrets::from(to.password_env.as_deref(), to.password_file.as_deref())?;
    let password = password.ok_or_else(|| {
        let text = "name the password: --password-env VAR or --password-file FILE";
        UsageError(text.to_owned())
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let trust = Trust::of_this_machine();
    runtime.block_on(async {
        let session = sign_in(&trust, to, &password).await?;
        ask(&Client { trust, session }).await
    })
}

/// A list that is asked for.
pub(super) struct List<'a> {
    /// The path below `api/v1/`.
    path: &'a str,
    /// Its query, without `limit` and `cursor`.
    query: Vec<(&'static str, String)>,
    /// Most rows that are read; all where it is none.
    rows_max: Option<u64>,
}

impl<'a> List<'a> {
    /// All of it.
    pub(super) fn all(path: &'a str) -> Self {
        Self {
            path,
            query: Vec::new(),
            rows_max: None,
        }
    }

    /// The same with a parameter, where there is a value for it.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        let value = value.map(|value| value.to_string());
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    /// The same, of no more rows than that.
    pub(super) fn at_most(mut self, rows: Option<u64>) -> Self {
        self.rows_max = rows;
        self
    }
}

impl Client {
    /// Whom this machine trusts.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Reads what is at a path below `api/v1/`.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.session.get(&self.trust, path).await
    }

    /// Posts to a path below `api/v1/`.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.session.post(&self.trust, path, body).await
    }

    /// Posts JSON that is written already to a path below `api/v1/`.
    pub(super) async fn post_text(&self, path: &str, body: String) -> anyhow::Result<Value> {
        self.session.post_text(&self.trust, path, body).await
    }

    /// Changes what is at a path below `api/v1/`, if it still is at the revision that was read.
    pub(super) async fn patch(
        &self,
        path: &str,
        revision: u64,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let change = self
            .session
            .change(&self.trust, Method::PATCH, path, revision, body);
        change.await
    }

    /// Deletes what is at a path below `api/v1/`, if it still is at the revision that was read.
    pub(super) async fn delete(&self, path: &str, revision: u64) -> anyhow::Result<()> {
        let body = Value::Null;
        let change = self
            .session
            .change(&self.trust, Method::DELETE, path, revision, &body);
        change.await.map(|_| ())
    }

    /// Sends octets to a path below `api/v1/`.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        octets: Vec<u8>,
    ) -> anyhow::Result<Value> {
        self.session.send(&self.trust, method, path, octets).await
    }

    /// Reads some octets of a file at a path below `api/v1/`, and says how many it has in all.
    pub(super) async fn octets(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> anyhow::Result<(Vec<u8>, u64)> {
        self.session.octets(&self.trust, path, range).await
    }

    /// Reads what is at a path below `api/v1/` as it is, whatever it is written as.
    pub(super) async fn octets_of(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.session.octets_of(&self.trust, path).await
    }

    /// Reads a list, page after page, and gives `each` its rows for as long as it wants more of them.
    pub(super) async fn rows(
        &self,
        list: &List<'_>,
        mut each: impl FnMut(Value) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut left = list.rows_max.unwrap_or(u64::MAX);
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = list.query.clone();
            query.push(("limit", left.clamp(1, PAGE_ROWS).to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page = self.get(&with_query(list.path, &query)).await?;
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                bail!("the server's answer is not that of a list");
            };
            for row in items {
                if left == 0 || !each(row)? {
                    return Ok(());
                }
                left -= 1;
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) if left > 0 => cursor = Some(next.to_owned()),
                _ => return Ok(()),
            }
        }
        bail!("the list does not end")
    }

    /// All rows of a list that is short.
    pub(super) async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut all, list) = (Vec::new(), List::all(path));
        let read = self.rows(&list, |row| {
            all.push(row);
            Ok(true)
        });
        read.await?;
        Ok(all)
    }

    /// Prints a list as it comes: each row in words, or one JSON array.
    pub(super) async fn print(
        &self,
        list: &List<'_>,
        as_json: bool,
        words: impl Fn(&Value) -> String,
    ) -> anyhow::Result<()> {
        let mut rows = Rows::begin(as_json);
        let read = self.rows(list, |row| {
            rows.row(&row, &words)?;
            Ok(true)
        });
        read.await?;
        Ok(rows.end()?)
    }

    /// Begins a job by a POST, and waits until it is over.
    pub(super) async fn done(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let begun = self.post(path, body).await?;
        self.follow(&id_of(&begun)?).await
    }

    /// The job when it is over; until then a bar shows how far it is where a person looks on.
    pub(super) async fn follow(&self, id: &str) -> anyhow::Result<Value> {
        let path = format!("jobs/{id}");
        let bar = ProgressBar::new(0);
        loop {
            let job = self.get(&path).await?;
            let state = job.get("state").cloned().unwrap_or_default();
            let state: JobState = serde_json::from_value(state)
                .context("the server's answer is not that of a job")?;
            if state.is_over() {
                bar.finish_and_clear();
                return Ok(job);
            }
            bar.set_style(style(text(&job, "unit")));
            bar.set_length(number(&job, "total"));
            bar.set_position(number(&job, "done"));
            bar.set_message(format!("{}, {}", text(&job, "kind"), state.name()));
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The id of a job that was begun.
pub(super) fn id_of(job: &Value) -> anyhow::Result<String> {
    let id = job.get("id").and_then(Value::as_str).map(str::to_owned);
    id.context("the server's answer is not that of a job")
}

/// A path with a query, whose values are escaped.
pub(super) fn with_query(path: &str, query: &[(&str, String)]) -> String {
    // An address for the sake of its query.
    let mut url: Url = "http://localhost/".parse().expect("it is an address");
    url.query_pairs_mut()
        .extend_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
    match url.query() {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// How a bar of this unit looks.
fn style(unit: &str) -> ProgressStyle {
    let template = match unit {
        "octets" => "{bar:40} {binary_bytes} of {binary_total_bytes}  {msg} {elapsed}",
        "samples" => "{bar:40} {pos} of {len} samples  {msg} {elapsed}",
        "series" => "{bar:40} {pos} of {len} series  {msg} {elapsed}",
        "days" => "{bar:40} {pos} of {len} days  {msg} {elapsed}",
        _ => "{bar:40} {pos} of {len}  {msg} {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_escaped() {
        let query = |value: &str| with_query("series", &[("match", value.to_owned())]);
        assert_eq!(
            query(r#"a{b="c&d"}"#),
            "series?match=a%7Bb%3D%22c%26d%22%7D"
        );
        assert_eq!(with_query("series", &[]), "series");
    }
}
