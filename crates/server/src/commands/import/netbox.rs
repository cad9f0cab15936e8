//! Reads the devices of a NetBox over its REST API, page after page, and keeps of each what an import
//! reads: a device is a tenth of what NetBox says of it.

use crate::exit::UsageError;
use anyhow::{Context as _, bail};
use api::import::ROWS_MAX;
use collect::http::{self, Ask, Trust, Url};
use model::credential::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// Devices of a page that are asked for.
const PAGE_LEN: usize = 200;
/// Octets of one page that are read: a device with many custom fields has 10 kB.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// Most pages that are followed.
const PAGES_MAX: usize = 2 * ROWS_MAX / PAGE_LEN;
/// Time for one page: NetBox takes seconds for one where it is large.
const PAGE_TIME_MAX: Duration = Duration::from_mins(1);
/// What is kept of a device.
const FIELDS: [&str; 9] = [
    "name",
    "display",
    "status",
    "primary_ip",
    "primary_ip4",
    "primary_ip6",
    "site",
    "location",
    "tags",
];

/// The devices as one page, as an import takes them.
pub(super) async fn devices(trust: &Trust, url: &str, token: &Secret) -> anyhow::Result<String> {
    let wrong = || {
        UsageError(format!(
            "`{url}` is no NetBox, as https://netbox.example is"
        ))
    };
    let mut base: Url = url.parse().map_err(|_| wrong())?;
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    let first = format!("api/dcim/devices/?limit={PAGE_LEN}");
    let mut page = base.join(&first).map_err(|_| wrong())?;
    let mut devices = Vec::new();
    for _ in 0..PAGES_MAX {
        // The token goes nowhere else.
        if page.origin() != base.origin() {
            bail!("the next page is at {page}, which is another server than {base}");
        }
        let mut answer = get(trust, &page, token).await?;
        let results = answer.get_mut("results").map(Value::take);
        let Some(Value::Array(results)) = results else {
            bail!("what answers at {page} is no list of devices");
        };
        devices.extend(results.iter().map(kept));
        match answer.get("next").and_then(Value::as_str) {
            None => return Ok(json!({"results": devices}).to_string()),
            Some(next) => {
                page = base.join(next).context("the address of the next page")?;
            }
        }
    }
    bail!("there are more than {PAGES_MAX} pages");
}

async fn get(trust: &Trust, page: &Url, token: &Secret) -> anyhow::Result<Value> {
    let token = token.reveal();
    // Tokens of the second kind, which NetBox has since 4.5, begin so.
    let scheme = if token.starts_with("nbt_") {
        "Bearer"
    } else {
        "Token"
    };
    let ask = Ask {
        time: PAGE_TIME_MAX,
        body_len_max: PAGE_BYTES_MAX,
        ..super::super::session::ask_with(page, &format!("{scheme} {token}"))?
    };
    let answer = http::ask(trust, ask).await?;
    if !answer.status.is_success() {
        bail!("{page} answers {}", answer.status);
    }
    if answer.cut {
        bail!("the page {page} is longer than {PAGE_BYTES_MAX} bytes");
    }
    serde_json::from_slice(&answer.body).with_context(|| format!("{page} does not answer JSON"))
}

fn kept(device: &Value) -> Value {
    let fields = FIELDS.iter().filter_map(|name| {
        let value = device.get(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    Value::Object(fields.collect())
}
