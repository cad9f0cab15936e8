//! Configuration: order of sources, unknown keys, bounds, and the generated pages.

use foretell_server::config::keys;
use foretell_server::config::load::{Environment, Flags, load};
use foretell_server::config::{LogFormat, Settings, Sync, reference};
use std::fs;
use std::path::Path;

/// `file` is TOML, `environment` is `NAME=VALUE` by `;`. Answers the settings or the error's words.
fn check(file: &str, environment: &str, flags: &Flags) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foretell.toml");
    fs::write(&path, file).unwrap();
    let environment: Environment = environment
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .collect();
    load(Some(&path), &environment, flags)
        .map(|loaded| loaded.settings)
        .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"))
}

fn refused(file: &str, environment: &str, words: &[&str]) {
    let error = check(file, environment, &Flags::default()).expect_err(file);
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let none = Flags::default();
    let listen =
        |file, environment, flags: &Flags| check(file, environment, flags).unwrap().listen.port();
    let flags = Flags {
        listen: Some("127.0.0.1:4".to_owned()),
        ..Flags::default()
    };
    let file = "listen = \"127.0.0.1:2\"";
    assert_eq!(listen("", "", &none), 8080);
    assert_eq!(listen(file, "", &none), 2);
    assert_eq!(listen(file, "FORETELL_LISTEN=127.0.0.1:3", &none), 3);
    assert_eq!(listen(file, "FORETELL_LISTEN=127.0.0.1:3", &flags), 4);
}

#[test]
fn backups_are_a_minute_apart_or_asked_for_alone() {
    for every_secs in [1, 59] {
        let file = format!("[backup]\nevery_secs = {every_secs}");
        let words = ["`backup.every_secs`", "is too often: 60 at least, or 0"];
        refused(&file, "", &words);
    }
    for every_secs in [0, 60, 86_400] {
        let file = format!("[backup]\nevery_secs = {every_secs}");
        let settings = check(&file, "", &Flags::default()).unwrap();
        assert_eq!(settings.backup.every_secs, every_secs);
    }
}

#[test]
fn the_environment_reaches_every_level() {
    let settings = check(
        "[poll]\nconcurrency_max = 7",
        "FORETELL_STORE__SYNC=batch;FORETELL_POLL__TIMEOUT_MS=700;FORETELL_POLL__ICMP=false;\
         FORETELL_LOG=debug;FORETELL_LOG__FORMAT=json;FORETELL_DATA_DIR=1234;\
         FORETELL_DISCOVERY__ALLOWED_NETWORKS=192.0.2.0/24, 2001:db8::/32",
        &Flags::default(),
    )
    .unwrap();
    assert_eq!(settings.store.sync, Sync::Batch);
    assert_eq!(
        (settings.poll.timeout_ms, settings.poll.concurrency_max),
        (700, 7)
    );
    assert!(!settings.poll.icmp);
    assert_eq!(
        (settings.log.filter.as_str(), settings.log.format),
        ("debug", LogFormat::Json)
    );
    assert_eq!(
        settings.data_dir,
        Path::new("1234"),
        "a text that looks like a number"
    );
    assert_eq!(
        settings.discovery.allowed_networks,
        ["192.0.2.0/24", "2001:db8::/32"]
    );
}

#[test]
fn an_unknown_key_names_the_nearest() {
    refused(
        "[poll]\ntimeout = 3",
        "",
        &["FILE", "`poll.timeout`", "`poll.timeout_ms`"],
    );
    refused("liste = \"x\"", "", &["`liste`", "`listen`"]);
    refused("timeout_ms = 3", "", &["`timeout_ms`", "`poll.timeout_ms`"]);
    refused("[poll]\nzzz = 1\n[qqq]", "", &["`poll.zzz`", "`qqq`"]);
    refused(
        "[stores]\nsync = \"batch\"",
        "",
        &["`stores.sync`", "`store.sync`"],
    );
}

#[test]
fn a_wrong_value_names_source_and_key() {
    refused(
        "[poll]\nconcurrency_max = 10001",
        "",
        &["FILE", "`poll.concurrency_max`", "1 to 10000"],
    );
    refused(
        "[poll]\nretries = \"many\"",
        "",
        &["FILE", "`poll.retries`"],
    );
    refused(
        "",
        "FORETELL_POLL__DEFAULT_INTERVAL_SECS=4",
        &["environment", "5 to 86400"],
    );
    refused(
        "[foresight]\ntime_zone = \"Europe/Berln\"",
        "",
        &[
            "FILE",
            "`foresight.time_zone`",
            "`Europe/Berln`",
            "`Europe/Berlin`",
        ],
    );
    refused(
        "",
        "FORETELL_FORESIGHT__TIME_ZONE=new york",
        &["environment", "`foresight.time_zone`", "`America/New_York`"],
    );
    refused(
        "[foresight]\nholidays = [\"12-25\", \"02-30\"]",
        "",
        &["FILE", "`foresight.holidays`", "`02-30`"],
    );
    refused(
        "",
        "FORETELL_FORESIGHT__HOLIDAYS=12-25, whitsun",
        &["environment", "`whitsun`", "`easter-2`"],
    );
    refused("", "FORETELL_LISTEN=nowhere", &["environment", "`listen`"]);
    refused("[store]\nsync = \"never\"", "", &["`store.sync`", "batch"]);
    refused(
        "[discovery]\nallowed_networks = [\"all\"]",
        "",
        &["allowed_networks", "`all`"],
    );
    refused("listen = ", "", &["FILE is not TOML"]);
    let missing = load(
        Some(Path::new("/no/such/file")),
        &Environment::new(),
        &Flags::default(),
    );
    assert!(missing.unwrap_err().to_string().contains("/no/such/file"));
}

#[test]
fn an_unknown_variable_is_warned_of() {
    let environment = Environment::from([
        ("FORETELL_LISTENN".to_owned(), "x".to_owned()),
        ("FORETELL_ADMIN_PASSWORD".to_owned(), "x".to_owned()),
        // What an orchestrator makes for a service of our name.
        ("FORETELL_SERVICE_HOST".to_owned(), "x".to_owned()),
    ]);
    let warnings = load(None, &environment, &Flags::default())
        .unwrap()
        .warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("FORETELL_LISTENN") && warnings[0].contains("FORETELL_LISTEN?"));
}

#[test]
fn every_key_is_documented() {
    for key in keys::all() {
        assert!(key.help.len() > 20, "{} has no words", key.path);
        let number = key.default.is_u64();
        assert!(!number || key.range.is_some(), "{} has no bounds", key.path);
        let unit = ["_secs", "_minutes", "_days", "_ms", "_max", "_percent"]
            .iter()
            .any(|unit| key.path.ends_with(unit));
        assert!(!number || unit, "{} has no unit", key.path);
    }
}

#[test]
fn the_sample_parses_with_every_key() {
    let sample = reference::sample();
    assert_eq!(
        check(&sample, "", &Flags::default()).unwrap(),
        Settings::default()
    );
    let taken_away: Vec<String> = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.split_once(" = ").is_some_and(|(key, _)| {
                    key.chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                }) =>
            {
                rest.to_owned()
            }
            _ => line.to_owned(),
        })
        .collect();
    let text = taken_away.join("\n");
    assert_eq!(
        check(&text, "", &Flags::default()).unwrap(),
        Settings::default()
    );
    let keys = keys::all().len();
    let set = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains(" = "))
        .count();
    assert_eq!(set, keys);
}

#[test]
fn generated_pages_are_fresh() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    for (file, text, command) in [
        ("configuration.md", reference::page(), "reference"),
        ("foretell.sample.toml", reference::sample(), "sample"),
    ] {
        let kept = fs::read_to_string(guide.join(file)).unwrap_or_default();
        assert!(
            kept == text,
            "docs/guide/{file} is stale: foretell config {command} > docs/guide/{file}"
        );
    }
}
