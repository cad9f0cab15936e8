//! Lists the device profiles under `profiles/`, so that they are part of the program: their texts,
//! and for which devices they are, so that only those that are needed are read when it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};
use toml::{Table, Value};

fn main() -> io::Result<()> {
    let folder =
        Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("profiles");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    find(&folder, &mut files)?;
    files.sort_by_key(|file| stem(file));
    let mut tables = BTreeMap::new();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let table: Table = toml::from_str(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        if tables.insert(stem(file), table).is_some() {
            let name = stem(file);
            return Err(io::Error::other(format!("two profiles are named `{name}`")));
        }
    }
    let mut list = String::from("&[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = stem(file);
        let Some(table) = tables.get(&name) else {
            continue;
        };
        let _ = writeln!(
            list,
            "Embedded {{ name: {name:?}, summary: {:?}, extends: &{:?}, matches: &[{}], text: include_str!({:?}) }},",
            table.get("summary").and_then(Value::as_str).unwrap_or(""),
            texts(table, "extends"),
            matches(&name, &tables)?,
            file.display().to_string(),
        );
    }
    list.push(']');
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("profiles.rs"), list)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            find(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn texts(table: &Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The blocks that say for which devices a profile is, as code.
fn matches(name: &str, tables: &BTreeMap<String, Table>) -> io::Result<String> {
    let mut code = String::new();
    let blocks = tables[name].get("match").and_then(Value::as_array);
    for block in blocks.into_iter().flatten().filter_map(Value::as_table) {
        let wrong =
            |what: &str| io::Error::other(format!("profile `{name}`: `{what}` is no object"));
        let mut object_ids = Vec::new();
        for text in texts(block, "object_id") {
            object_ids.push(oid(&text).ok_or_else(|| wrong(&text))?);
        }
        let mut has = Vec::new();
        for text in texts(block, "has") {
            has.push(object(&text, name, tables, 0).ok_or_else(|| wrong(&text))?);
        }
        let _ = write!(
            code,
            "EmbeddedMatch {{ object_ids: &{}, descriptions: &{:?}, not_descriptions: &{:?}, has: &{} }},",
            slices(&object_ids),
            texts(block, "description"),
            texts(block, "not_description"),
            slices(&has),
        );
    }
    Ok(code)
}

fn slices(oids: &[Vec<u32>]) -> String {
    let each: Vec<String> = oids.iter().map(|oid| format!("&{oid:?}")).collect();
    format!("[{}]", each.join(", "))
}

/// An object by its OID, or by its name in the profile or in what it extends.
fn object(text: &str, name: &str, tables: &BTreeMap<String, Table>, depth: u8) -> Option<Vec<u32>> {
    // One object may stand on another, but not on itself.
    const DEPTH_MAX: u8 = 16;
    if let Some(oid) = oid(text) {
        return Some(oid);
    }
    let (first, rest) = text
        .split_once('.')
        .map_or((text, None), |(first, rest)| (first, Some(rest)));
    let table = tables.get(name)?;
    let own = table
        .get("objects")
        .and_then(Value::as_table)
        .and_then(|objects| objects.get(first));
    let found = match own.and_then(Value::as_str) {
        Some(text) if depth < DEPTH_MAX => object(text, name, tables, depth + 1),
        None if depth < DEPTH_MAX => texts(table, "extends")
            .iter()
            .find_map(|parent| object(first, parent, tables, depth + 1)),
        Some(_) | None => None,
    };
    // The standard names that a profile may ask for; `profile/names.rs` has them all.
    let standard = || match first {
        "prtGeneralSerialNumber" => oid("1.3.6.1.2.1.43.5.1.1.17"),
        "entPhySensorValue" => oid("1.3.6.1.2.1.99.1.1.1.4"),
        "hrStorageUsed" => oid("1.3.6.1.2.1.25.2.3.1.6"),
        "hrProcessorLoad" => oid("1.3.6.1.2.1.25.3.3.1.2"),
        _ => None,
    };
    let mut oid = found.or_else(standard)?;
    if let Some(rest) = rest {
        oid.extend(
            rest.split('.')
                .map(|arc| arc.parse().ok())
                .collect::<Option<Vec<u32>>>()?,
        );
    }
    Some(oid)
}

fn oid(text: &str) -> Option<Vec<u32>> {
    let arcs: Option<Vec<u32>> = text
        .trim_start_matches('.')
        .split('.')
        .map(|arc| arc.parse().ok())
        .collect();
    arcs.filter(|arcs| arcs.len() >= 2)
}
