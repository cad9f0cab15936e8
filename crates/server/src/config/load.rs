//! Reads settings from defaults, a file, the environment and flags, and tells what is wrong by
//! file and key.

use super::keys::{self, Key, Kind, whole};
use super::{Settings, SyslogSettings};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, providers};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The environment as far as it concerns us: variables that begin with `FORETELL_`.
pub type Environment = BTreeMap<String, String>;

/// Variables that are read by name and are no settings.
const BY_NAME: &[&str] = &[
    "FORETELL_ADMIN_PASSWORD",
    "FORETELL_ARCHIVE_S3_ACCESS_KEY_ID",
    "FORETELL_ARCHIVE_S3_SECRET_ACCESS_KEY",
    "FORETELL_ARCHIVE_S3_SESSION_TOKEN",
    "FORETELL_BACKUP_KEY",
    "FORETELL_CONFIG",
];

/// Seconds from one backup to the next at least: one looks over all files and syncs some hundred
/// folders, and where they follow each other without a pause nothing else is done.
const BACKUP_EVERY_SECS_MIN: u32 = 60;

/// What flags set.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

/// The settings, and what an operator should be warned of.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// The configuration is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {detail}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        detail: String,
    },
    /// Keys that do not exist.
    #[error("{}", unknown_keys(.path, .keys))]
    UnknownKeys {
        /// In which file.
        path: PathBuf,
        /// Each with the nearest known key.
        keys: Vec<(String, Option<String>)>,
    },
    /// A value that does not fit its key.
    #[error("{source_name}: `{key}`: {detail}")]
    Value {
        /// Where it was set.
        source_name: String,
        /// Which key.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
}

fn unknown_keys(path: &Path, keys: &[(String, Option<String>)]) -> String {
    let lines: Vec<String> = keys
        .iter()
        .map(|(key, nearest)| match nearest {
            Some(nearest) => {
                format!(
                    "{}: there is no key `{key}`; did you mean `{nearest}`?",
                    path.display()
                )
            }
            None => format!("{}: there is no key `{key}`", path.display()),
        })
        .collect();
    lines.join("\n")
}

/// The variables of this process that concern us.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("FORETELL_"))
        .collect()
}

/// Reads the settings.
pub fn load(
    file: Option<&Path>,
    environment: &Environment,
    flags: &Flags,
) -> Result<Loaded, ConfigError> {
    let Some(path) = file else {
        return parse(None, environment, flags);
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(Some((path, &text)), environment, flags)
}

/// Reads the settings, given the text of the file; its path is only told.
pub fn parse(
    file: Option<(&Path, &str)>,
    environment: &Environment,
    flags: &Flags,
) -> Result<Loaded, ConfigError> {
    let keys = keys::all();
    let mut figment = Figment::from(providers::Serialized::defaults(Settings::default()));
    if let Some((path, text)) = file {
        let table: toml::Table =
            text.parse()
                .map_err(|error: toml::de::Error| ConfigError::Syntax {
                    path: path.to_owned(),
                    detail: error.to_string(),
                })?;
        reject_unknown(path, &table, keys)?;
        figment = figment.merge(FromFile {
            path: path.to_owned(),
            table,
        });
    }
    let (variables, warnings) = from_environment(environment, keys);
    figment = figment.merge(variables).merge(from_flags(flags));
    let settings: Settings = figment.extract().map_err(|error| value_error(&error))?;
    check_bounds(&settings, keys, &figment)?;
    Ok(Loaded { settings, warnings })
}

fn reject_unknown(path: &Path, table: &toml::Table, keys: &[Key]) -> Result<(), ConfigError> {
    let mut found = Vec::new();
    leaves(table, "", keys, &mut found);
    let unknown: Vec<(String, Option<String>)> = found
        .into_iter()
        .filter(|leaf| !keys.iter().any(|key| key.path == *leaf))
        .map(|leaf| {
            let nearest = keys::nearest(&leaf, keys.iter().map(|key| key.path.as_str()));
            let nearest = nearest.map(str::to_owned);
            (leaf, nearest)
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(ConfigError::UnknownKeys {
        path: path.to_owned(),
        keys: unknown,
    })
}

/// Paths of all values; an empty section that is known is no value.
fn leaves(table: &toml::Table, prefix: &str, keys: &[Key], found: &mut Vec<String>) {
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner)
                if !inner.is_empty()
                    || keys
                        .iter()
                        .any(|key| key.path.starts_with(&format!("{path}."))) =>
            {
                leaves(inner, &path, keys, found);
            }
            _ => found.push(path),
        }
    }
}

struct FromFile {
    path: PathBuf,
    table: toml::Table,
}

impl Provider for FromFile {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.path.display().to_string())
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        providers::Serialized::defaults(&self.table).data()
    }
}

/// Values from one source other than a file, by key.
struct Values {
    source: &'static str,
    dict: Dict,
}

impl Provider for Values {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source)
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn from_environment(environment: &Environment, keys: &[Key]) -> (Values, Vec<String>) {
    let mut dict = Dict::new();
    let mut warnings = Vec::new();
    for (name, text) in environment {
        if BY_NAME.contains(&name.as_str()) {
            continue;
        }
        let Some(key) = keys
            .iter()
            .find(|key| key.variable() == *name || key.variable_by_rule() == *name)
        else {
            let variables: Vec<String> = keys.iter().map(Key::variable).collect();
            let nearest = keys::nearest(name, variables.iter().map(String::as_str));
            let hint = nearest
                .map(|n| format!("; did you mean {n}?"))
                .unwrap_or_default();
            warnings.push(format!(
                "the environment variable {name} is no setting{hint}"
            ));
            continue;
        };
        // A text stays a text even where it looks like a number.
        let value = match key.kind {
            Kind::Text | Kind::OneOf(_) => Value::from(text.as_str()),
            Kind::Texts if !text.trim_start().starts_with('[') => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Value::from(parts.collect::<Vec<_>>())
            }
            Kind::Number | Kind::Switch | Kind::Texts => {
                text.parse().unwrap_or_else(|never| match never {})
            }
        };
        insert(&mut dict, &key.path, value);
    }
    (
        Values {
            source: "environment",
            dict,
        },
        warnings,
    )
}

fn from_flags(flags: &Flags) -> Values {
    let mut dict = Dict::new();
    let data_dir = flags
        .data_dir
        .as_ref()
        .map(|path| path.display().to_string());
    for (key, value) in [
        ("data_dir", &data_dir),
        ("listen", &flags.listen),
        ("log.format", &flags.log_format),
    ] {
        if let Some(value) = value {
            insert(&mut dict, key, Value::from(value.as_str()));
        }
    }
    Values {
        source: "flag",
        dict,
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    let value = match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
            return;
        }
        Some((section, rest)) => {
            let mut inner = match dict.remove(section) {
                Some(Value::Dict(_, inner)) => inner,
                _ => Dict::new(),
            };
            insert(&mut inner, rest, value);
            (section.to_owned(), Value::from(inner))
        }
    };
    dict.insert(value.0, value.1);
}

fn value_error(error: &figment::Error) -> ConfigError {
    let source = error
        .metadata
        .as_ref()
        .map_or("defaults", |metadata| metadata.name.as_ref());
    ConfigError::Value {
        source_name: source.to_owned(),
        key: error.path.join("."),
        detail: error.kind.to_string(),
    }
}

/// Numbers within the bounds that the schema states, lists of networks that can be read.
fn check_bounds(settings: &Settings, keys: &[Key], figment: &Figment) -> Result<(), ConfigError> {
    let values = serde_json::to_value(settings).unwrap_or_default();
    let refuse = |key: &str, detail: String| {
        let source = figment
            .find_metadata(key)
            .map_or("defaults", |m| m.name.as_ref());
        ConfigError::Value {
            source_name: source.to_owned(),
            key: key.to_owned(),
            detail,
        }
    };
    for key in keys {
        let pointer = format!("/{}", key.path.replace('.', "/"));
        let number = values.pointer(&pointer).and_then(whole);
        if let (Some((least, most)), Some(number)) = (key.range, number)
            && !(least..=most).contains(&number)
        {
            return Err(refuse(
                &key.path,
                format!("{number} is not within {least} to {most}"),
            ));
        }
    }
    for network in &settings.discovery.allowed_networks {
        if network.parse::<ipnet::IpNet>().is_err() {
            let detail = format!("`{network}` is no network, as 192.0.2.0/24 is");
            return Err(refuse("discovery.allowed_networks", detail));
        }
    }
    for address in &settings.traps.listen {
        if address.parse::<SocketAddr>().is_err() {
            let detail = format!("`{address}` is no address with a port, as 0.0.0.0:162 is");
            return Err(refuse("traps.listen", detail));
        }
    }
    let every_secs = settings.backup.every_secs;
    if (1..BACKUP_EVERY_SECS_MIN).contains(&every_secs) {
        let detail = format!(
            "{every_secs} is too often: {BACKUP_EVERY_SECS_MIN} at least, or 0 for backups that are asked for alone"
        );
        return Err(refuse("backup.every_secs", detail));
    }
    settings
        .foresight
        .place()
        .map_err(|(key, detail)| refuse(key, detail))?;
    let archive = settings.archive.check(&settings.data_dir);
    archive.map_err(|(key, detail)| refuse(key, detail))?;
    check_syslog(&settings.syslog).map_err(|(key, detail)| refuse(key, detail))
}

/// Addresses that can be read, and a certificate where TLS is spoken.
fn check_syslog(syslog: &SyslogSettings) -> Result<(), (&'static str, String)> {
    for (key, addresses) in [
        ("syslog.listen_udp", &syslog.listen_udp),
        ("syslog.listen_tcp", &syslog.listen_tcp),
        ("syslog.listen_tls", &syslog.listen_tls),
    ] {
        for address in addresses {
            if address.parse::<SocketAddr>().is_err() {
                let detail = format!("`{address}` is no address and port, as 0.0.0.0:514 is");
                return Err((key, detail));
            }
        }
    }
    let has_no = |path: &Path| !syslog.listen_tls.is_empty() && path.as_os_str().is_empty();
    for (key, path) in [
        ("syslog.certificate_file", &syslog.certificate_file),
        ("syslog.key_file", &syslog.key_file),
    ] {
        if has_no(path) {
            let detail = "it is needed by `syslog.listen_tls`".to_owned();
            return Err((key, detail));
        }
    }
    Ok(())
}
