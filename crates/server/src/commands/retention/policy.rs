//! Policies as a command sees them: which one is meant, what it is to be, and what is tried before it
//! is. Pure.

use crate::cli::SetPolicy;
use crate::commands::answer::{is_true, list, number, text};
use crate::exit::UsageError;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;

/// What a policy is made from.
const FIELDS: [&str; 7] = [
    "name",
    "metrics",
    "device_tags",
    "level",
    "keep_days",
    "priority",
    "without_archive",
];
/// The priority of one that says none.
const PRIORITY: u32 = 100;

/// The policy of that name or id.
pub(super) fn named<'a>(all: &'a [Value], name: &str) -> Option<&'a Value> {
    let by = |key: &str| all.iter().find(|policy| text(policy, key) == name);
    by("name").or_else(|| by("id"))
}

/// Where it stands among those that decide: the details in their order, of each the greatest first and the
/// built-in one last.
pub(super) fn place(policy: &Value) -> (usize, bool, Reverse<u64>, Reverse<u64>, String) {
    let levels = ["raw", "5m", "1h"];
    let level = levels
        .iter()
        .position(|level| *level == text(policy, "level"));
    (
        level.unwrap_or(levels.len()),
        is_true(policy, "built_in"),
        Reverse(number(policy, "priority")),
        Reverse(number(policy, "keep_days")),
        text(policy, "id").to_owned(),
    )
}

/// A policy in a line.
pub(super) fn line(policy: &Value) -> String {
    let priority = if is_true(policy, "built_in") {
        "last".to_owned()
    } else {
        number(policy, "priority").to_string()
    };
    let texts = |key: &str| -> Vec<&str> { list(policy, key).filter_map(Value::as_str).collect() };
    let (metrics, tags) = (texts("metrics"), texts("device_tags"));
    let mut line = format!(
        "{:<3} {:>6} days  priority {priority:>7}  {}: {}",
        text(policy, "level"),
        number(policy, "keep_days"),
        text(policy, "name"),
        if metrics.is_empty() {
            "all series".to_owned()
        } else {
            metrics.join(", ")
        },
    );
    if !tags.is_empty() {
        line.push_str(" of devices with ");
        line.push_str(&tags.join(" or "));
    }
    if is_true(policy, "without_archive") {
        line.push_str(", archived or not");
    }
    line
}

/// What the policy is to be: what is there of it, with what is given in its place.
pub(super) fn wished(there: Option<&Value>, asked: &SetPolicy) -> Result<Value, UsageError> {
    let mut wished = match there {
        Some(there) => made_from(there),
        None => json!({"name": asked.name, "metrics": [], "device_tags": [], "priority": PRIORITY,
            "without_archive": false}),
    };
    let is_built_in = there.is_some_and(|there| is_true(there, "built_in"));
    let level = asked.level.map(|level| json!(level.name()));
    for (key, given) in [
        ("level", level),
        ("keep_days", asked.keep_days.map(Value::from)),
        ("metrics", texts(&asked.metrics)),
        ("device_tags", texts(&asked.device_tags)),
        ("priority", asked.priority.map(Value::from)),
        ("without_archive", asked.without_archive.map(Value::from)),
    ] {
        let Some(given) = given else { continue };
        if is_built_in && key != "keep_days" {
            let text = "of a built-in policy only the days can be changed: --keep-days";
            return Err(UsageError(text.to_owned()));
        }
        if let Some(wished) = wished.as_object_mut() {
            wished.insert(key.to_owned(), given);
        }
    }
    for (key, flag) in [("level", "--level"), ("keep_days", "--keep-days")] {
        if wished.get(key).is_none() {
            let text = format!(
                "there is no policy `{}`; to make it say its {flag}",
                asked.name
            );
            return Err(UsageError(text));
        }
    }
    Ok(wished)
}

/// A list where one is given; of empty texts alone it is empty.
fn texts(given: &[String]) -> Option<Value> {
    let filled = given.iter().filter(|text| !text.is_empty());
    (!given.is_empty()).then(|| filled.cloned().collect::<Vec<_>>().into())
}

/// What is sent to change it: of a built-in one the days.
pub(super) fn patch(there: &Value, wished: &Value) -> Value {
    if is_true(there, "built_in") {
        json!({"keep_days": wished.get("keep_days")})
    } else {
        wished.clone()
    }
}

/// The change that a dry run tries.
pub(super) fn change(there: Option<&Value>, wished: &Value) -> Value {
    match there {
        Some(there) => json!({"policy_id": text(there, "id"), "patch": patch(there, wished)}),
        None => json!({"create": wished}),
    }
}

/// What is said of a policy to make it.
fn made_from(policy: &Value) -> Value {
    let given = FIELDS.iter().filter_map(|key| {
        let value = policy.get(key)?.clone();
        Some(((*key).to_owned(), value))
    });
    Value::Object(given.collect::<Map<_, _>>())
}

/// A fault of the change that was tried is one of what was asked for.
pub(super) fn of_the_change(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<UsageError>() {
        Ok(UsageError(text)) => {
            let own = ["change/create/", "change/patch/"];
            let own = own.iter().find_map(|place| text.strip_prefix(place));
            UsageError(own.unwrap_or(&text).to_owned()).into()
        }
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, Retention};
    use clap::Parser as _;

    fn policy(id: &str, level: &str, priority: u64, built_in: bool) -> Value {
        json!({"id": id, "name": format!("name of {id}"), "level": level, "keep_days": 30, "priority": priority,
            "metrics": [], "device_tags": ["lab"], "without_archive": false, "built_in": built_in, "revision": 1})
    }

    /// What `foretell retention set` with these arguments makes of policies.
    fn set(all: &[Value], arguments: &[&str]) -> Result<Value, String> {
        let all_arguments = [&["foretell", "retention", "set"][..], arguments].concat();
        let Command::Retention(Retention::Set(asked)) =
            Cli::try_parse_from(all_arguments).unwrap().command
        else {
            panic!("it is no setting");
        };
        let there = named(all, &asked.name);
        wished(there, &asked).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_is_there() {
        let all = [policy("a", "raw", 7, false), policy("b", "raw", 0, true)];
        let changed = set(&all, &["a", "--keep-days", "9", "--device-tag", ""]).unwrap();
        let expected = json!({"name": "name of a", "level": "raw", "keep_days": 9, "priority": 7,
            "metrics": [], "device_tags": [], "without_archive": false});
        assert_eq!(changed, expected);
        let made = ["new", "--level", "5m", "--keep-days", "9", "--metric", "x"];
        let made = set(&all, &made).unwrap();
        assert_eq!(
            (&made["name"], &made["level"]),
            (&json!("new"), &json!("5m"))
        );
        assert_eq!(
            (&made["metrics"], &made["priority"]),
            (&json!(["x"]), &json!(100))
        );
        let lacking = set(&all, &["new", "--keep-days", "9"]).unwrap_err();
        assert!(lacking.contains("--level"), "{lacking}");
        let built_in = set(&all, &["name of b", "--priority", "9"]).unwrap_err();
        assert!(built_in.contains("only the days"), "{built_in}");
        let days = set(&all, &["name of b", "--keep-days", "9"]).unwrap();
        assert_eq!(patch(&all[1], &days), json!({"keep_days": 9}));
    }

    #[test]
    fn a_dry_run_tries_what_is_sent_then() {
        let own = policy("a", "raw", 7, false);
        let wished = made_from(&own);
        assert_eq!(change(None, &wished), json!({"create": wished}));
        assert_eq!(
            change(Some(&own), &wished),
            json!({"policy_id": "a", "patch": wished})
        );
        let built_in = policy("b", "raw", 0, true);
        assert_eq!(
            change(Some(&built_in), &made_from(&built_in)),
            json!({"policy_id": "b", "patch": {"keep_days": 30}})
        );
    }

    #[test]
    fn policies_are_listed_as_they_decide() {
        let mut all = [
            policy("x", "1h", 9, false),
            policy("y", "raw", 0, true),
            policy("z", "raw", 5, false),
        ];
        all.sort_by_key(place);
        let ids: Vec<&str> = all.iter().map(|policy| text(policy, "id")).collect();
        assert_eq!(ids, ["z", "y", "x"]);
        assert_eq!(
            line(&all[0]),
            "raw     30 days  priority       5  name of z: all series of devices with lab"
        );
    }
}
