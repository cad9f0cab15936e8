//! Rules for what discoveries find: a condition, and what is done where it holds. How they are
//! decided is in `topology::rules`.

use crate::{CredentialId, RuleId, ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most rules: every new device is held against each.
pub const RULES_MAX: usize = 500;
/// Longest pattern, in characters.
pub const PATTERN_LEN_MAX: usize = 256;
/// Most entries of a list in a condition.
pub const CONDITION_LIST_MAX: usize = 256;
/// Greatest place in the order of rules.
pub const ORDER_MAX: u32 = 1_000_000;

/// A rule as an operator typed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// The id.
    pub id: RuleId,
    /// What people call it.
    pub name: String,
    /// Rules are tried from the lowest up; those of one place in the order they were made.
    pub order: u32,
    /// Whether it is tried.
    pub enabled: bool,
    /// When it holds.
    pub condition: Condition,
    /// What is done then.
    pub actions: Actions,
    /// Whether later rules are tried where it holds.
    pub goes_on: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// When a rule holds: all that is given must. One that gives nothing holds for every device.
///
/// A pattern is text in which `*` stands for any characters and `?` for one; between slashes, as
/// `/^C9[23]00/`, it is a regular expression. Upper and lower case are the same. What a device does
/// not say fits no pattern.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoveryRuleCondition))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its address is in one of these: CIDRs, ranges or addresses.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Pattern of sysName.
    #[serde(default)]
    pub name: Option<String>,
    /// Pattern of the vendor.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Pattern of the model.
    #[serde(default)]
    pub model: Option<String>,
    /// Pattern of the operating system.
    #[serde(default)]
    pub os: Option<String>,
    /// Pattern of the kind: router, switch, server, ...
    #[serde(default)]
    pub kind: Option<String>,
    /// Pattern of sysObjectID, dotted.
    #[serde(default)]
    pub object_id: Option<String>,
    /// Pattern of sysDescr.
    #[serde(default)]
    pub description: Option<String>,
    /// It answered to one of these.
    #[serde(default)]
    pub credential_ids: Vec<CredentialId>,
    /// It was met in one of these ways.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// A run of one of these schedules found it.
    #[serde(default)]
    pub schedule_ids: Vec<ScheduleId>,
}

/// How a discovery came to ask a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoverySource))]
pub enum Source {
    /// It is among the targets.
    Target,
    /// A neighbour told of it.
    Neighbor,
}

/// What is done with a new device. Tags of all rules that hold are put together; of all else the
/// first rule that says something counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoveryRuleActions))]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// Whether it is registered; where no rule says so, it is.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Tags that it is given.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Seconds from poll to poll.
    #[serde(default)]
    pub interval_secs: Option<u32>,
    /// The site it belongs to.
    #[serde(default)]
    pub site: Option<String>,
    /// A place to go before sysLocation.
    #[serde(default)]
    pub location: Option<String>,
    /// Name of the device profile that it is read by, rather than those that match it.
    #[serde(default)]
    pub profile: Option<String>,
}

/// Whether a new device is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoveryVerdict))]
pub enum Verdict {
    /// It is registered, where the run registers anything.
    #[default]
    Register,
    /// It is not.
    Ignore,
}

/// What the rules say of one device, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoveryRuleDecision))]
pub struct Decision {
    /// Whether it is registered.
    pub verdict: Verdict,
    /// Tags that it is given.
    pub tags: BTreeSet<String>,
    /// Seconds from poll to poll; null: as the server has it.
    pub interval_secs: Option<u32>,
    /// The site it belongs to.
    pub site: Option<String>,
    /// A place to go before sysLocation.
    pub location: Option<String>,
    /// Name of the device profile that it is read by; null: by those that match it.
    #[serde(default)]
    pub profile: Option<String>,
    /// The rules that hold, in the order they were tried; none: no rule says anything of it.
    pub matched: Vec<Matched>,
}

/// A rule that holds, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DiscoveryRuleMatch))]
pub struct Matched {
    /// The rule.
    pub rule_id: RuleId,
    /// What people call it.
    pub name: String,
    /// What of its condition holds, in words.
    pub because: Vec<String>,
}

impl Decision {
    /// One sentence for an operator; none where no rule holds.
    pub fn reason(&self) -> Option<String> {
        let named = |rule: &Matched| format!("`{}` ({})", rule.name, rule.because.join(", "));
        let rules: Vec<String> = self.matched.iter().map(named).collect();
        let done = match self.verdict {
            Verdict::Register => "registered",
            Verdict::Ignore => "ignored",
        };
        (!rules.is_empty()).then(|| format!("{done} by the rule {}", rules.join(" and ")))
    }
}
