//! Scaling triggers as JSON: read, made, patched.

use crate::foresight::subject::Subject;
use crate::merge::{self, Change};
use crate::problem::{Answer, Faults};
use crate::services::Services;
use crate::text::objection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::check::objection_to_url;
use model::credential::Secret;
use model::scaling::{
    LEAD_SECS, STALE_AFTER, ScalingOutlook, ScalingRaise, ScalingStanding, ScalingState,
    ScalingTally, ScalingThreshold, ScalingTrigger, ScalingWebhook, URL_LEN_MAX,
};
use model::webhook::Delivery;
use model::{DeviceId, SeriesId, Timestamp, TriggerId};
use serde::{Deserialize, Serialize};
use store::documents::Stored;
use store::scaling::SecretChange;

/// Lengths of a secret that signs, in bytes: Standard Webhooks asks for 24 to 64 of randomness, which are 32 to
/// 88 in base64.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 16..=128;
/// What begins a secret that is base64, as Standard Webhooks has it.
const BASE64_SECRET: &str = "whsec_";
/// Least octets that such a secret stands for.
const BASE64_SECRET_LEN_MIN: usize = 16;
/// The greatest threshold, as `analytics::scaling` has it.
const THRESHOLD_MAX: f64 = 1e100;

/// A scaling trigger, and how it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ScalingTrigger)]
pub(crate) struct TriggerResource {
    /// The id.
    pub(super) id: TriggerId,
    /// What people call it.
    pub(super) name: String,
    /// The series that it watches.
    series_id: SeriesId,
    /// What the series is of; null where it is gone.
    subject: Option<Subject>,
    /// Over this is overload.
    threshold: ScalingThreshold,
    /// The same in the unit of the series; null where it is not known yet.
    threshold_value: Option<f64>,
    /// The least seconds between raising and overload that are of use.
    lead_min_secs: u32,
    /// The most seconds between them.
    lead_max_secs: u32,
    /// It is cleared only where the value is below this share of the threshold.
    clear_below_share: f64,
    /// Whom it tells; null where nobody. The secret is never shown, and who may not change the trigger sees of
    /// the URL no more than scheme and host: what follows may be a token.
    webhook: Option<ScalingWebhook>,
    /// Whether it watches.
    enabled: bool,
    /// Learning, clear or raised, as it was seen last.
    pub(super) state: ScalingState,
    /// Why it is learning, in one sentence; null where it is not.
    reason: Option<String>,
    /// Since when it is so.
    since: Option<Timestamp>,
    /// Nothing is known of late: what is said is of when it was.
    is_stale: bool,
    /// When the last step ended that was taken in.
    stepped_to: Option<Timestamp>,
    /// The raise that counts; null where it is not raised.
    raised: Option<ScalingRaise>,
    /// What is expected within the lead; null where nothing is known yet.
    outlook: Option<ScalingOutlook>,
    /// How often what came of it.
    tally: ScalingTally,
    /// The last times that it was raised, the latest first, at most 50.
    raises: Vec<ScalingRaise>,
    /// How the last message to its webhook fared; null where none was sent.
    delivery: Option<Delivery>,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// Counts its changes by operators; the ETag.
    revision: u64,
}

impl TriggerResource {
    pub(super) fn of(
        services: &Services,
        stored: &Stored<ScalingTrigger>,
        standing: &ScalingStanding,
    ) -> Self {
        let typed = stored.body.clone();
        // Between a change and the look after it, what is known is of the trigger as it was.
        let is_of_it = |other: &ScalingTrigger| typed.watches_as(other);
        let is_known = standing.learned_for.as_ref().is_none_or(is_of_it);
        let standing = if is_known {
            standing.clone()
        } else {
            ScalingStanding::default()
        };
        Self {
            id: typed.id,
            subject: Subject::of(&services.ground(), typed.series_id),
            name: typed.name,
            series_id: typed.series_id,
            threshold: typed.threshold,
            threshold_value: standing.learned_threshold,
            lead_min_secs: typed.lead_min_secs,
            lead_max_secs: typed.lead_max_secs,
            clear_below_share: typed.clear_below_share,
            webhook: typed.webhook,
            enabled: typed.enabled,
            state: standing.state,
            reason: standing.reason.clone(),
            since: standing.since,
            is_stale: is_stale(&standing, services.clock.now()),
            stepped_to: standing.stepped_to,
            raised: standing.raise().copied(),
            outlook: standing.outlook,
            tally: standing.tally,
            raises: standing.raises.iter().rev().copied().collect(),
            delivery: standing.delivery,
            created_at: typed.created_at,
            revision: stored.revision,
        }
    }

    /// The same for who may not change it: a URL may carry a token.
    pub(super) fn without_token(mut self) -> Self {
        if let Some(webhook) = &mut self.webhook {
            let (scheme, rest) = webhook.url.split_once("://").unwrap_or_default();
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            webhook.url = format!("{scheme}://{host}/…");
        }
        self
    }

    /// Whose series it watches; none where that is gone.
    pub(super) fn device_id(&self) -> Option<DeviceId> {
        self.subject.as_ref().map(|subject| subject.device_id)
    }

    /// When an overload is expected.
    pub(super) fn expected_at(&self) -> Option<Timestamp> {
        self.raised.map(|raise| raise.expected_at)
    }
}

/// Whether nothing was taken in of late.
pub(super) fn is_stale(standing: &ScalingStanding, now: Timestamp) -> bool {
    let last = standing.stepped_to;
    last.is_none_or(|last| now.since(last) > STALE_AFTER)
}

/// What a scaling trigger is made from.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ScalingTriggerCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerCreate {
    /// What people call it; no other trigger has the same.
    name: String,
    /// The series that it watches.
    series_id: SeriesId,
    /// Over this is overload.
    threshold: ScalingThreshold,
    /// The least seconds between raising and overload that are of use: how long it takes to add what is
    /// needed.
    #[serde(default = "lead_min")]
    #[schema(default = 600, minimum = 300, maximum = 14400)]
    lead_min_secs: u32,
    /// The most seconds between them.
    #[serde(default = "lead_max")]
    #[schema(default = 2400, minimum = 300, maximum = 14400)]
    lead_max_secs: u32,
    /// It is cleared only where the value is below this share of the threshold.
    #[serde(default = "clear_below")]
    #[schema(default = 0.9, exclusive_minimum = 0.0, maximum = 1.0)]
    clear_below_share: f64,
    /// Whom to tell.
    #[serde(default)]
    webhook: Option<WebhookDraft>,
    /// Whether it watches.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

/// Whom to tell.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ScalingWebhookDraft)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookDraft {
    /// `http` or `https`, without a password.
    #[schema(max_length = 2000, example = "https://hooks.example.net/foretell")]
    url: String,
    /// What signs the messages, 16 to 128 bytes; what begins with `whsec_` is base64. Left away in a patch,
    /// the one there is stays; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>, write_only, format = Password, min_length = 16, max_length = 128)]
    secret: Change<String>,
}

fn lead_min() -> u32 {
    600
}
fn lead_max() -> u32 {
    2_400
}
fn clear_below() -> f64 {
    0.9
}
fn yes() -> bool {
    true
}

/// A merge patch (RFC 7396) of a scaling trigger. Which series it watches cannot be changed: make another.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ScalingTriggerPatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Over this is overload.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    threshold: Option<ScalingThreshold>,
    /// The least seconds between raising and overload that are of use.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 300, maximum = 14400)]
    lead_min_secs: Option<u32>,
    /// The most seconds between them.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 300, maximum = 14400)]
    lead_max_secs: Option<u32>,
    /// It is cleared only where the value is below this share of the threshold.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, exclusive_minimum = 0.0, maximum = 1.0)]
    clear_below_share: Option<f64>,
    /// Whom to tell; null: nobody.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<WebhookDraft>)]
    webhook: Change<WebhookDraft>,
    /// Whether it watches.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl TriggerCreate {
    /// The trigger, looked through, and what becomes of its secret.
    pub(super) fn finish(
        self,
        id: TriggerId,
        now: Timestamp,
    ) -> Answer<(ScalingTrigger, SecretChange)> {
        let mut trigger = ScalingTrigger {
            id,
            name: self.name,
            series_id: self.series_id,
            threshold: self.threshold,
            lead_min_secs: self.lead_min_secs,
            lead_max_secs: self.lead_max_secs,
            clear_below_share: self.clear_below_share,
            webhook: None,
            enabled: self.enabled,
            created_at: now,
        };
        let mut secret = SecretChange::Set(None);
        if let Some(draft) = self.webhook {
            secret = take_webhook(&mut trigger, Some(draft));
        }
        look_through(&mut trigger, &secret)?;
        Ok((trigger, secret))
    }
}

impl TriggerPatch {
    /// Puts what is given in the place of what is there; what becomes of the secret.
    pub(super) fn apply(self, trigger: &mut ScalingTrigger) -> Answer<SecretChange> {
        if let Some(name) = self.name {
            trigger.name = name;
        }
        if let Some(threshold) = self.threshold {
            trigger.threshold = threshold;
        }
        if let Some(secs) = self.lead_min_secs {
            trigger.lead_min_secs = secs;
        }
        if let Some(secs) = self.lead_max_secs {
            trigger.lead_max_secs = secs;
        }
        if let Some(share) = self.clear_below_share {
            trigger.clear_below_share = share;
        }
        if let Some(enabled) = self.enabled {
            trigger.enabled = enabled;
        }
        let mut secret = SecretChange::Keep;
        if let Some(draft) = self.webhook {
            secret = take_webhook(trigger, draft);
        }
        look_through(trigger, &secret)?;
        Ok(secret)
    }
}

fn take_webhook(trigger: &mut ScalingTrigger, draft: Option<WebhookDraft>) -> SecretChange {
    let Some(draft) = draft else {
        trigger.webhook = None;
        return SecretChange::Set(None);
    };
    trigger.webhook = Some(ScalingWebhook {
        url: draft.url.trim().to_owned(),
        // The store says.
        is_signed: false,
    });
    match draft.secret {
        None => SecretChange::Keep,
        Some(secret) => SecretChange::Set(secret.map(Secret::new)),
    }
}

fn look_through(trigger: &mut ScalingTrigger, secret: &SecretChange) -> Answer<()> {
    let mut faults = Faults::default();
    trigger.name = trigger.name.trim().to_owned();
    if trigger.name.is_empty() {
        faults.add("/name", "a name is needed");
    } else if let Some(objection) = objection(&trigger.name) {
        faults.add("/name", objection);
    }
    match trigger.threshold {
        ScalingThreshold::Value { value } => {
            if !(value > 0.0 && value <= THRESHOLD_MAX) {
                faults.add("/threshold/value", "a number over 0 is expected, to 1e100");
            }
        }
        ScalingThreshold::OfLimit { share } => {
            if !is_share(share) {
                faults.add("/threshold/share", "a share is over 0, to 1");
            }
        }
    }
    for (pointer, secs) in [
        ("/lead_min_secs", trigger.lead_min_secs),
        ("/lead_max_secs", trigger.lead_max_secs),
    ] {
        if !LEAD_SECS.contains(&secs) {
            let (least, most) = (LEAD_SECS.start(), LEAD_SECS.end());
            faults.add(pointer, format!("{least} to {most} seconds are expected"));
        }
    }
    if trigger.lead_max_secs < trigger.lead_min_secs {
        faults.add("/lead_max_secs", "it is not less than lead_min_secs");
    }
    if !is_share(trigger.clear_below_share) {
        faults.add("/clear_below_share", "a share is over 0, to 1");
    }
    if let Some(webhook) = &trigger.webhook {
        if let Some(objection) = objection_to_url(&webhook.url) {
            faults.add("/webhook/url", objection);
        } else if webhook.url.len() > URL_LEN_MAX {
            faults.add(
                "/webhook/url",
                format!("at most {URL_LEN_MAX} bytes are expected"),
            );
        }
    }
    if let SecretChange::Set(Some(secret)) = secret {
        let text = secret.reveal();
        if !SECRET_LEN.contains(&text.len()) || text.chars().any(char::is_control) {
            faults.add("/webhook/secret", "16 to 128 bytes of text are expected");
        } else if let Some(encoded) = text.strip_prefix(BASE64_SECRET) {
            let octets = STANDARD.decode(encoded).map_or(0, |octets| octets.len());
            if octets < BASE64_SECRET_LEN_MIN {
                let detail = "behind whsec_ the base64 of 16 octets or more is expected";
                faults.add("/webhook/secret", detail);
            }
        }
    }
    faults.into_result()
}

fn is_share(share: f64) -> bool {
    share > 0.0 && share <= 1.0
}
