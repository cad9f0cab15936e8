//! How a message fares that is sent to an address that an operator typed.

use crate::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DeliveryState {
    /// It is being sent, or waits to be sent again.
    Waiting,
    /// It was taken: an answer of 200 to 299.
    Delivered,
    /// It was sent as often as it may be, or was refused for good.
    GivenUp,
}

/// How a message fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = WebhookDelivery))]
pub struct Delivery {
    /// The message's id, the same each time that it is sent.
    pub event_id: EventId,
    /// Whether it arrived.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was sent last, or made.
    pub at: Timestamp,
    /// The status that was answered last; null where nothing was.
    pub status: Option<u16>,
    /// What came of it, in one sentence.
    pub detail: String,
}

impl Delivery {
    /// One that was not sent yet.
    pub fn new(event_id: EventId, at: Timestamp) -> Self {
        Self {
            event_id,
            state: DeliveryState::Waiting,
            attempts: 0,
            at,
            status: None,
            detail: "not sent yet".to_owned(),
        }
    }
}
