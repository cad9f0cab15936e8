//! What the rules for new devices say of one: rules are read once, and then held against any number
//! of devices. Who registers and tags is not here.

use model::network::Network;
use model::rule::{
    Actions, CONDITION_LIST_MAX, Condition, Decision, Matched, PATTERN_LEN_MAX, Rule, Source,
    Verdict,
};
use model::{CredentialId, RuleId, ScheduleId};
use regex::{Regex, RegexBuilder};
use std::net::IpAddr;

/// Most octets that a pattern may compile to: a class of letters of any script fits, a repetition of
/// repetitions does not.
const PATTERN_SIZE_MAX: usize = 256 * 1024;

/// What is known of a device that the rules are asked of. What is not known fits no condition on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The address that it was asked at.
    pub address: Option<IpAddr>,
    /// sysName.
    pub name: Option<&'a str>,
    /// Vendor.
    pub vendor: Option<&'a str>,
    /// Model.
    pub model: Option<&'a str>,
    /// Operating system.
    pub os: Option<&'a str>,
    /// router, switch, server, ...
    pub kind: Option<&'a str>,
    /// sysObjectID, dotted.
    pub object_id: Option<&'a str>,
    /// sysDescr.
    pub description: Option<&'a str>,
    /// What it answered to.
    pub credential_id: Option<CredentialId>,
    /// How it was met.
    pub source: Option<Source>,
    /// The schedule whose run found it.
    pub schedule_id: Option<ScheduleId>,
}

/// A part of a rule that cannot be read. Display is the sentence that an operator reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct RuleFault {
    /// Where, as a JSON pointer within the rule: `/condition/vendor`.
    pub pointer: String,
    /// What is the matter.
    pub detail: String,
}

/// Rules ready to be held against devices.
#[derive(Clone, Debug, Default)]
// Invariant: ascending by order and id, each one enabled.
pub struct RuleSet(Vec<Ready>);

#[derive(Clone, Debug)]
struct Ready {
    id: RuleId,
    name: String,
    place: (u32, RuleId),
    goes_on: bool,
    actions: Actions,
    tests: Tests,
}

/// A condition, read.
#[derive(Clone, Debug, Default)]
struct Tests {
    networks: Vec<Network>,
    patterns: Vec<(Field, Pattern)>,
    credential_ids: Vec<CredentialId>,
    sources: Vec<Source>,
    schedule_ids: Vec<ScheduleId>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    regex: Regex,
}

/// A field that a pattern is held against.
#[derive(Clone, Copy, Debug)]
struct Field {
    key: &'static str,
    words: &'static str,
    given: fn(&Condition) -> Option<&String>,
    said: for<'a> fn(&Subject<'a>) -> Option<&'a str>,
}

static FIELDS: [Field; 7] = [
    Field {
        key: "name",
        words: "name",
        given: |condition| condition.name.as_ref(),
        said: |subject| subject.name,
    },
    Field {
        key: "vendor",
        words: "vendor",
        given: |condition| condition.vendor.as_ref(),
        said: |subject| subject.vendor,
    },
    Field {
        key: "model",
        words: "model",
        given: |condition| condition.model.as_ref(),
        said: |subject| subject.model,
    },
    Field {
        key: "os",
        words: "operating system",
        given: |condition| condition.os.as_ref(),
        said: |subject| subject.os,
    },
    Field {
        key: "kind",
        words: "kind",
        given: |condition| condition.kind.as_ref(),
        said: |subject| subject.kind,
    },
    Field {
        key: "object_id",
        words: "sysObjectID",
        given: |condition| condition.object_id.as_ref(),
        said: |subject| subject.object_id,
    },
    Field {
        key: "description",
        words: "description",
        given: |condition| condition.description.as_ref(),
        said: |subject| subject.description,
    },
];

/// What is wrong with a condition; empty where nothing is.
pub fn faults(condition: &Condition) -> Vec<RuleFault> {
    read(condition).1
}

impl RuleSet {
    /// Reads rules. One that cannot be read or is not enabled is left out: it was checked when it
    /// was written, so that only a rule of a newer version gets here.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let ready = |rule: &Rule| {
            let (tests, faults) = read(&rule.condition);
            (rule.enabled && faults.is_empty()).then(|| Ready {
                id: rule.id,
                name: rule.name.clone(),
                place: (rule.order, rule.id),
                goes_on: rule.goes_on,
                actions: rule.actions.clone(),
                tests,
            })
        };
        let mut rules: Vec<Ready> = rules.into_iter().filter_map(ready).collect();
        rules.sort_by_key(|rule| rule.place);
        Self(rules)
    }

    /// What the rules say of a device.
    pub fn decide(&self, subject: &Subject<'_>) -> Decision {
        let mut decision = Decision::default();
        let mut verdict = None;
        for rule in &self.0 {
            let Some(because) = rule.tests.hold(subject) else {
                continue;
            };
            let actions = &rule.actions;
            verdict = verdict.or(actions.verdict);
            decision.tags.extend(actions.tags.iter().cloned());
            decision.interval_secs = decision.interval_secs.or(actions.interval_secs);
            let first = |kept: &mut Option<String>, said: &Option<String>| {
                if kept.is_none() {
                    kept.clone_from(said);
                }
            };
            first(&mut decision.site, &actions.site);
            first(&mut decision.location, &actions.location);
            first(&mut decision.profile, &actions.profile);
            decision.matched.push(Matched {
                rule_id: rule.id,
                name: rule.name.clone(),
                because,
            });
            if !rule.goes_on {
                break;
            }
        }
        decision.verdict = verdict.unwrap_or(Verdict::Register);
        decision
    }
}

impl Tests {
    /// What holds, in words; none where anything does not.
    fn hold(&self, subject: &Subject<'_>) -> Option<Vec<String>> {
        let mut because = Vec::new();
        if !self.networks.is_empty() {
            let address = subject.address?;
            let network = self.networks.iter().find(|n| n.contains(address))?;
            because.push(format!("address {address} in {network}"));
        }
        for (field, pattern) in &self.patterns {
            let said = (field.said)(subject)?;
            if !pattern.regex.is_match(said) {
                return None;
            }
            let said: String = said.chars().take(80).collect();
            because.push(format!("{} `{said}` fits `{}`", field.words, pattern.text));
        }
        if !self.credential_ids.is_empty() {
            let credential = subject.credential_id?;
            if !self.credential_ids.contains(&credential) {
                return None;
            }
            because.push(format!("it answers to credential {credential}"));
        }
        if !self.sources.is_empty() {
            let source = subject.source?;
            if !self.sources.contains(&source) {
                return None;
            }
            because.push(match source {
                Source::Target => "it is a target".to_owned(),
                Source::Neighbor => "a neighbour told of it".to_owned(),
            });
        }
        if !self.schedule_ids.is_empty() {
            let schedule = subject.schedule_id?;
            if !self.schedule_ids.contains(&schedule) {
                return None;
            }
            because.push(format!("a run of schedule {schedule} found it"));
        }
        if because.is_empty() {
            because.push("it holds for every device".to_owned());
        }
        Some(because)
    }
}

/// Reads a condition; what could not be read of it is told.
fn read(condition: &Condition) -> (Tests, Vec<RuleFault>) {
    let mut tests = Tests {
        credential_ids: condition.credential_ids.clone(),
        sources: condition.sources.clone(),
        schedule_ids: condition.schedule_ids.clone(),
        ..Tests::default()
    };
    let mut faults = Vec::new();
    let mut fault = |pointer: String, detail: String| {
        let pointer = format!("/condition/{pointer}");
        faults.push(RuleFault { pointer, detail });
    };
    for (key, len) in [
        ("networks", condition.networks.len()),
        ("credential_ids", condition.credential_ids.len()),
        ("sources", condition.sources.len()),
        ("schedule_ids", condition.schedule_ids.len()),
    ] {
        if len > CONDITION_LIST_MAX {
            let detail = format!("at most {CONDITION_LIST_MAX} are taken");
            fault(key.to_owned(), detail);
        }
    }
    let networks = condition.networks.iter().take(CONDITION_LIST_MAX);
    for (index, text) in networks.enumerate() {
        match text.parse() {
            Ok(network) => tests.networks.push(network),
            Err(error) => fault(format!("networks/{index}"), format!("{error}")),
        }
    }
    for field in FIELDS {
        let Some(text) = (field.given)(condition) else {
            continue;
        };
        match pattern(text) {
            Ok(regex) => {
                let text = text.clone();
                tests.patterns.push((field, Pattern { text, regex }));
            }
            Err(detail) => fault(field.key.to_owned(), detail),
        }
    }
    (tests, faults)
}

/// A pattern as a regular expression; else what is wrong with it. It takes time in proportion to
/// what it is held against, whatever was written.
fn pattern(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("it is empty, which nothing fits; leave it out to take any".to_owned());
    }
    if text.chars().count() > PATTERN_LEN_MAX {
        return Err(format!("at most {PATTERN_LEN_MAX} characters are taken"));
    }
    let inner = text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
        .filter(|_| text.len() > 1);
    let regex = inner.map_or_else(|| of_wildcards(text), str::to_owned);
    RegexBuilder::new(&regex)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
            // The last line says what is wrong, those before draw where.
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or("it cannot be read");
                format!(
                    "no regular expression: {}",
                    last.trim_start_matches("error: ")
                )
            }
        })
}

fn of_wildcards(text: &str) -> String {
    let mut regex = String::from("^");
    for character in text.chars() {
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests;
