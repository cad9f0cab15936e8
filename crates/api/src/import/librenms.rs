//! A device of LibreNMS, as `GET /api/v0/devices` answers. `overwrite_ip` goes before `ip`, and an
//! address in `hostname` before none. Its secrets are not read.

use super::json::{address, text};
use super::{Read, Refused, Row, short};
use serde_json::Value;

pub(super) fn row(line: u64, device: &Value) -> Read {
    let hostname = text(device, "/hostname");
    let shown = text(device, "/display").filter(|name| !name.contains("{{"));
    let named = shown
        .or_else(|| hostname.clone())
        .filter(|name| address(name).is_none());
    let name = named.or_else(|| text(device, "/sysName"));
    let refused = |reason: String| Refused {
        line,
        name: name.as_deref().or(hostname.as_deref()).map(short),
        reason,
    };
    if !device.is_object() {
        return Err(refused("it is no device: an object is expected".to_owned()));
    }
    if is_set(device.get("disabled")) {
        return Err(refused("it is disabled in LibreNMS".to_owned()));
    }
    let written = ["/overwrite_ip", "/ip", "/hostname"];
    let found = written
        .iter()
        .find_map(|pointer| address(&text(device, pointer)?));
    let Some(found) = found else {
        return Err(refused(
            "it has no address: neither overwrite_ip nor ip nor hostname is one".to_owned(),
        ));
    };
    let mut row = Row::at(line, found);
    if let Some(port) = text(device, "/port") {
        let number = port.parse().ok().filter(|port| *port != 0);
        row.port =
            Some(number.ok_or_else(|| {
                refused(format!("`{}` is not a port from 1 to 65535", short(&port)))
            })?);
    }
    row.echo_alone = is_set(device.get("snmp_disable"));
    row.location = text(device, "/location");
    row.name = name;
    Ok(row)
}

/// A flag, which versions of it write as a number, as text or as a truth value.
fn is_set(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_i64().is_some_and(|number| number != 0),
        Some(Value::String(text)) => !["", "0", "false"].contains(&text.as_str()),
        _ => false,
    }
}
