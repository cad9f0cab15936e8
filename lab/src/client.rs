//! Asking the server over HTTP, signed in, as a program would.

use crate::wait::until_async;
use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A page of a list is asked for with this limit.
const PAGE_LEN: u32 = 500;
/// Pages of one list that are read at most: the lab has no list so long.
const PAGES_MAX: usize = 100;
/// How often a change is tried anew because somebody else was first.
const PATCHES_MAX: u32 = 5;
/// How long one request may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// A discovery of the lab that takes this long has hung.
const DISCOVERY_WITHIN: Duration = Duration::from_mins(1);

/// A signed-in client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// Signs in as the administrator.
    pub async fn sign_in(base: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_WITHIN)
            .no_proxy()
            .build()?;
        let mut client = Self {
            http,
            base: base.to_owned(),
            token: String::new(),
        };
        let body = json!({"username": "admin", "password": password});
        let answer = client.post("auth/login", &body).await?;
        let token = answer["token"].as_str().context("no token")?;
        token.clone_into(&mut client.token);
        Ok(client)
    }

    /// Where the server is: `http://ADDRESS:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET of a path under /api/v1.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.request(Method::GET, path, None, None).await
    }

    /// POST to a path under /api/v1.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.request(Method::POST, path, Some(body), None).await
    }

    /// Merge patch of a resource, as it is now. Where it changes in between (a device that is
    /// polled for the first time tells more of itself), it is read again.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut tries = 0;
        loop {
            let revision = self.get(path).await?["revision"].as_u64();
            let change = self.request(Method::PATCH, path, Some(body), revision);
            match change.await {
                Err(error) if error.to_string().contains("412") && tries < PATCHES_MAX => {
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Every item of a list, page by page.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit={PAGE_LEN}");
        let mut items = Vec::new();
        let mut page = self.get(&first).await?;
        for _ in 0..PAGES_MAX {
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return Ok(items);
            };
            page = self.get(&format!("{first}&cursor={cursor}")).await?;
        }
        bail!("{path} has more than {PAGES_MAX} pages");
    }

    /// Stores a credential; gives its id.
    pub async fn add_credential(&self, credential: &Value) -> anyhow::Result<String> {
        let answer = self.post("credentials", credential).await?;
        id_of(&answer)
    }

    /// Starts a discovery and waits until it ended. Gives it and its results.
    pub async fn discover(&self, request: &Value) -> anyhow::Result<(Value, Vec<Value>)> {
        let id = id_of(&self.post("discoveries", request).await?)?;
        let path = format!("discoveries/{id}");
        until_async("end of the discovery", DISCOVERY_WITHIN, async || {
            let discovery = self.get(&path).await?;
            Ok(if discovery["phase"] == "running" {
                Err(discovery.to_string())
            } else {
                Ok(())
            })
        })
        .await?;
        let results = self.list(&format!("{path}/results")).await?;
        Ok((self.get(&path).await?, results))
    }

    /// All devices, by name.
    pub async fn devices(&self) -> anyhow::Result<BTreeMap<String, Value>> {
        by_name(self.list("devices").await?)
    }

    /// The interfaces of a device, by name.
    pub async fn interfaces(&self, device: &str) -> anyhow::Result<BTreeMap<String, Value>> {
        let path = format!("devices/{device}/interfaces");
        by_name(self.list(&path).await?)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        revision: Option<u64>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = self.http.request(method.clone(), &url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(revision) = revision {
            request = request.header("If-Match", format!("\"{revision}\""));
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {text}");
        }
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path}: {text}"))
    }
}

/// The id of a resource.
pub fn id_of(resource: &Value) -> anyhow::Result<String> {
    let id = resource["id"].as_str();
    Ok(id
        .with_context(|| format!("no id in {resource}"))?
        .to_owned())
}

fn by_name(items: Vec<Value>) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut named = BTreeMap::new();
    for item in items {
        let name = item["name"].as_str().unwrap_or_default().to_owned();
        if named.insert(name.clone(), item).is_some() {
            bail!("two are named {name}");
        }
    }
    Ok(named)
}
