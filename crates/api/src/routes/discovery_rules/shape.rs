//! Rules as JSON: read, made, patched.

use crate::merge;
use crate::problem::{Answer, Faults};
use crate::routes::check_typed;
use crate::text::objection;
use model::rule::{Actions, Condition, ORDER_MAX, Rule};
use model::{RuleId, Timestamp};
use serde::{Deserialize, Serialize};
use store::documents::Stored;

/// A rule for what discoveries find.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DiscoveryRule)]
pub(crate) struct RuleResource {
    /// The id.
    id: RuleId,
    /// What people call it.
    name: String,
    /// Rules are tried from the lowest up.
    order: u32,
    /// Whether it is tried.
    enabled: bool,
    /// When it holds.
    condition: Condition,
    /// What is done then.
    actions: Actions,
    /// Whether later rules are tried where it holds.
    r#continue: bool,
    /// When it was made.
    created_at: Timestamp,
    /// Counts its changes; the ETag.
    revision: u64,
}

impl RuleResource {
    pub(super) fn of(stored: Stored<Rule>) -> Self {
        let rule = stored.body;
        Self {
            id: rule.id,
            name: rule.name,
            order: rule.order,
            enabled: rule.enabled,
            condition: rule.condition,
            actions: rule.actions,
            r#continue: rule.goes_on,
            created_at: rule.created_at,
            revision: stored.revision,
        }
    }
}

/// What a rule is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = DiscoveryRuleCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleCreate {
    /// What people call it; no other rule has the same.
    name: String,
    /// Rules are tried from the lowest up, those of one place in the order they were made.
    #[serde(default = "order")]
    #[schema(default = 100, maximum = 1_000_000)]
    order: u32,
    /// Whether it is tried.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// When it holds; always where it is not given.
    #[serde(default)]
    condition: Condition,
    /// What is done then.
    #[serde(default)]
    actions: Actions,
    /// Whether later rules are tried where it holds.
    #[serde(default)]
    r#continue: bool,
}

fn order() -> u32 {
    100
}
fn yes() -> bool {
    true
}

/// A merge patch (RFC 7396) of a rule. Condition and actions are replaced as a whole.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = DiscoveryRulePatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulePatch {
    /// What people call it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Rules are tried from the lowest up.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, maximum = 1_000_000)]
    order: Option<u32>,
    /// Whether it is tried.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// When it holds.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    condition: Option<Condition>,
    /// What is done then.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    actions: Option<Actions>,
    /// Whether later rules are tried where it holds.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    r#continue: Option<bool>,
}

impl RuleCreate {
    /// The rule, checked.
    pub(super) fn finish(self, id: RuleId, now: Timestamp) -> Answer<Rule> {
        let mut rule = Rule {
            id,
            name: self.name,
            order: self.order,
            enabled: self.enabled,
            condition: self.condition,
            actions: self.actions,
            goes_on: self.r#continue,
            created_at: now,
        };
        check(&mut rule)?;
        Ok(rule)
    }

    /// The rule, checked, where it is at `place` of its body.
    pub(super) fn finish_at(self, place: &str, id: RuleId, now: Timestamp) -> Answer<Rule> {
        self.finish(id, now).map_err(|problem| problem.at(place))
    }
}

impl RulePatch {
    /// Puts what is given in the place of what is there.
    pub(super) fn apply(self, rule: &mut Rule) -> Answer<()> {
        if let Some(name) = self.name {
            rule.name = name;
        }
        if let Some(order) = self.order {
            rule.order = order;
        }
        if let Some(enabled) = self.enabled {
            rule.enabled = enabled;
        }
        if let Some(condition) = self.condition {
            rule.condition = condition;
        }
        if let Some(actions) = self.actions {
            rule.actions = actions;
        }
        if let Some(goes_on) = self.r#continue {
            rule.goes_on = goes_on;
        }
        check(rule)
    }
}

/// Checks and tidies a rule.
fn check(rule: &mut Rule) -> Answer<()> {
    let mut faults = Faults::default();
    rule.name = rule.name.trim().to_owned();
    if rule.name.is_empty() {
        faults.add("/name", "a name is needed");
    } else if let Some(objection) = objection(&rule.name) {
        faults.add("/name", objection);
    }
    if rule.order > ORDER_MAX {
        let detail = format!("at most {ORDER_MAX} is taken");
        faults.add("/order", detail);
    }
    let Actions {
        tags,
        site,
        location,
        profile,
        interval_secs,
        ..
    } = &mut rule.actions;
    let texts = [("site", site), ("location", location), ("profile", profile)];
    check_typed("/actions", texts, tags, &mut faults);
    if let Some(detail) = interval_secs.and_then(crate::routes::objection_to_interval) {
        faults.add("/actions/interval_secs", detail);
    }
    for fault in topology::rules::faults(&rule.condition) {
        faults.add(fault.pointer, fault.detail);
    }
    faults.into_result()
}
