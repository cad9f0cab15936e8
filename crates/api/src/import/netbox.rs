//! A device of NetBox, as `GET /api/dcim/devices/` answers. Its primary address is the one it is asked
//! at; site, location and tags are taken over.

use super::json::{address, text};
use super::{Read, Refused, Row, short};
use serde_json::Value;

/// States of a device that is there, or is to be any moment.
const THERE: [&str; 3] = ["active", "staged", "failed"];

pub(super) fn row(line: u64, device: &Value) -> Read {
    let name = text(device, "/name").or_else(|| text(device, "/display"));
    let refused = |reason: String| Refused {
        line,
        name: name.as_deref().map(short),
        reason,
    };
    if !device.is_object() {
        return Err(refused("it is no device: an object is expected".to_owned()));
    }
    if let Some(status) = text(device, "/status/value").or_else(|| text(device, "/status"))
        && !THERE.contains(&status.as_str())
    {
        return Err(refused(format!("it is `{}` in NetBox", short(&status))));
    }
    let primary = [
        "/primary_ip/address",
        "/primary_ip4/address",
        "/primary_ip6/address",
    ];
    let Some(written) = primary.iter().find_map(|pointer| text(device, pointer)) else {
        return Err(refused("it has no primary IP address".to_owned()));
    };
    let Some(found) = address(&written) else {
        return Err(refused(format!("`{}` is not an address", short(&written))));
    };
    let mut row = Row::at(line, found);
    row.site = text(device, "/site/name").or_else(|| text(device, "/site/display"));
    row.location = text(device, "/location/name").or_else(|| text(device, "/location/display"));
    let tags = device.get("tags").and_then(Value::as_array);
    row.tags = tags
        .into_iter()
        .flatten()
        .filter_map(|tag| text(tag, "/name").or_else(|| text(tag, "")))
        .collect();
    row.name = name;
    Ok(row)
}
