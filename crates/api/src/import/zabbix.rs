//! Hosts as Zabbix exports them, in YAML or JSON. What has its default value is left out of an export:
//! an interface without a type is one of the Zabbix agent, without `useip` it has an address. The
//! SNMP interface is the one that is taken over; a host that has none is asked by echo alone.

use super::json::{self, address, text};
use super::{ROWS_MAX, Read, Refused, Row, Unreadable, short, too_many};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

/// Most nodes of a YAML file: a host with its groups, tags, macros and interfaces has some hundred.
const EVENTS_MAX: usize = 6_000_000;

pub(super) fn read(text: &str) -> Result<Vec<Read>, Unreadable> {
    if text.trim_start().starts_with(['{', '[']) {
        return json::each(text, &["zabbix_export", "hosts"], row);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: EVENTS_MAX,
            max_nodes: EVENTS_MAX,
            // No export has any, and an alias of an alias is how small files become large.
            max_aliases: 0,
            max_anchors: 0,
        },
        with_snippet: false,
    };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or("it cannot be read");
        Unreadable {
            line,
            reason: format!("no export of hosts: {reason}"),
        }
    })?;
    let hosts = file.zabbix_export.hosts;
    if let Some(host) = hosts.get(ROWS_MAX) {
        return Err(too_many(host.referenced.line()));
    }
    let rows = hosts.iter();
    Ok(rows
        .map(|host| row(host.referenced.line(), &host.value))
        .collect())
}

#[derive(Deserialize)]
struct File {
    zabbix_export: Export,
}

#[derive(Deserialize)]
struct Export {
    hosts: Vec<Spanned<Value>>,
}

fn row(line: u64, host: &Value) -> Read {
    let name = text(host, "/name").or_else(|| text(host, "/host"));
    let refused = |reason: String| Refused {
        line,
        name: name.as_deref().map(short),
        reason,
    };
    if !host.is_object() {
        return Err(refused("it is no host: an object is expected".to_owned()));
    }
    if matches!(text(host, "/status").as_deref(), Some("DISABLED" | "1")) {
        return Err(refused("it is disabled in Zabbix".to_owned()));
    }
    let interfaces = host.get("interfaces").and_then(Value::as_array);
    let interfaces = interfaces.map(Vec::as_slice).unwrap_or_default();
    let snmp = interfaces.iter().filter(|one| is_snmp(one));
    let best = |one: &&Value| text(one, "/default").is_none_or(|flag| flag == "YES" || flag == "1");
    let chosen = snmp.clone().find(best).or_else(|| snmp.clone().next());
    let Some(interface) = chosen.or_else(|| interfaces.iter().find(best)) else {
        return Err(refused("it has no interface".to_owned()));
    };
    if matches!(text(interface, "/useip").as_deref(), Some("NO" | "0")) {
        let name = text(interface, "/dns").unwrap_or_default();
        return Err(refused(format!(
            "it is asked by the name `{}`; an address is needed",
            short(&name)
        )));
    }
    let written = text(interface, "/ip").unwrap_or_else(|| "127.0.0.1".to_owned());
    let Some(found) = address(&written) else {
        return Err(refused(format!("`{}` is not an address", short(&written))));
    };
    let mut row = Row::at(line, found);
    row.echo_alone = chosen.is_none();
    if let (Some(port), Some(_)) = (text(interface, "/port"), chosen) {
        let number = port.parse().ok().filter(|port| *port != 0);
        row.port =
            Some(number.ok_or_else(|| {
                refused(format!("`{}` is not a port from 1 to 65535", short(&port)))
            })?);
    }
    let tags = host.get("tags").and_then(Value::as_array);
    row.tags = tags
        .into_iter()
        .flatten()
        .filter_map(|tag| {
            let (name, value) = (text(tag, "/tag")?, text(tag, "/value"));
            Some(value.map_or(name.clone(), |value| format!("{name}:{value}")))
        })
        // A comma parts tags.
        .map(|tag| tag.replace(',', " "))
        .collect();
    row.location = text(host, "/inventory/location");
    row.name = name;
    Ok(row)
}

fn is_snmp(interface: &Value) -> bool {
    matches!(text(interface, "/type").as_deref(), Some("SNMP" | "2"))
}
