//! `foretell import`: reads an inventory from a file or from a NetBox, and has the running server take
//! it in. How the formats are read is in `api::import`.

mod netbox;

use super::answer::{plain, told};
use super::client::with_server;
use crate::cli::{self, ImportFormat};
use crate::exit::{Exit, UsageError};
use crate::{complain, secrets};
use anyhow::Context as _;
use api::import::TEXT_LEN_MAX;
use serde_json::{Value, json};
use std::io::{Read as _, Write};
use std::path::Path;

/// Runs it.
pub fn run(import: &cli::Import) -> anyhow::Result<Exit> {
    if import.url.is_some() && import.format != ImportFormat::Netbox {
        let text = "--url reads a NetBox; for other formats name a file";
        return Err(UsageError(text.to_owned()).into());
    }
    let token = secrets::from(import.token_env.as_deref(), None)?;
    let text = match &import.file {
        Some(file) if import.url.is_none() => Some(read(file)?),
        _ => None,
    };
    let answer = with_server(&import.to, async |server| {
        let text = match (&import.url, token, text) {
            (Some(url), Some(token), _) => netbox::devices(server.trust(), url, &token).await?,
            (_, _, Some(text)) => text,
            _ => anyhow::bail!(UsageError("name a file, or a NetBox by --url".to_owned())),
        };
        server.post("imports", &body(import, &text)).await
    })?;
    tell(import, &answer)
}

fn body(import: &cli::Import, text: &str) -> Value {
    let format = match import.format {
        ImportFormat::Csv => "csv",
        ImportFormat::Netbox => "netbox",
        ImportFormat::Librenms => "librenms",
        ImportFormat::Zabbix => "zabbix",
    };
    json!({
        "format": format, "text": text, "dry_run": import.dry_run,
        "credential": import.credential, "interval_secs": import.interval_secs,
    })
}

/// The file, no longer than the server takes.
fn read(file: &Path) -> anyhow::Result<String> {
    let source: Box<dyn std::io::Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = std::fs::File::open(file);
        Box::new(opened.with_context(|| format!("{} cannot be read", file.display()))?)
    };
    let mut octets = Vec::new();
    source
        .take(TEXT_LEN_MAX as u64 + 1)
        .read_to_end(&mut octets)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    if octets.len() > TEXT_LEN_MAX {
        let text = format!(
            "{} is longer than {TEXT_LEN_MAX} bytes; split it",
            file.display()
        );
        return Err(UsageError(text).into());
    }
    String::from_utf8(octets)
        .map_err(|_| UsageError(format!("{} is not UTF-8 text", file.display())).into())
}

fn tell(import: &cli::Import, answer: &Value) -> anyhow::Result<Exit> {
    let mut out = told();
    if import.json {
        writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?;
    } else {
        let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
        for row in rows {
            line(&mut out, row)?;
        }
        let number = |key: &str| answer[key].as_u64().unwrap_or(0);
        let verb = if import.dry_run {
            "would be created"
        } else {
            "created"
        };
        writeln!(
            out,
            "{} {verb}, {} known already, {} refused",
            number("created"),
            number("known"),
            number("refused"),
        )?;
    }
    match answer["refused"].as_u64() {
        Some(0) => Ok(Exit::Done),
        Some(count) => {
            complain(&format!("{count} rows were refused"));
            Ok(Exit::Failed)
        }
        None => anyhow::bail!("the server's answer is not that of an import"),
    }
}

fn line(out: &mut impl Write, row: &Value) -> std::io::Result<()> {
    let word = |key: &str| plain(row[key].as_str().unwrap_or("-"));
    let detail = row["detail"].as_str().unwrap_or_default();
    writeln!(
        out,
        "line {:>5}  {:<8}  {:<22}  {:<24}  {}",
        row["line"],
        word("outcome"),
        word("address"),
        word("name"),
        plain(detail),
    )
}
