//! `server`: the configuration that operators write.

use foretell_server::config::load::{ConfigError, Environment, Flags, parse};
use std::path::Path;

/// Text of a file, then, after a zero octet, variables as `NAME=value`, one a line. What is wrong
/// is told by its key or its place.
pub(crate) fn load(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (file, variables) = text.split_once('\0').unwrap_or((text, ""));
    let environment: Environment = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let path = Path::new("foretell.toml");
    match parse(Some((path, file)), &environment, &Flags::default()) {
        Ok(_) => {}
        Err(error @ ConfigError::Read { .. }) => panic!("no file was read: {error}"),
        Err(ConfigError::Syntax { detail, .. }) => {
            assert!(detail.contains("line"), "no place is named: {detail}");
        }
        Err(ConfigError::UnknownKeys { keys, .. }) => assert!(!keys.is_empty()),
        Err(ConfigError::Value {
            source_name, key, ..
        }) => {
            assert!(!key.is_empty(), "no key is named");
            assert!(!source_name.is_empty(), "no source is named");
        }
    }
}
