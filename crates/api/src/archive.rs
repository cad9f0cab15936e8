//! What came of work on the archive, as it is told: by the job of a server, and by the command that
//! works on the folder of one that is stopped.

use model::Timestamp;
use serde_json::{Map, Value, json};
use store::archive::{Checked, Restored};

/// What was brought back.
pub fn restored(restored: &Restored) -> Value {
    let refused: Map<String, Value> = restored
        .refused
        .iter()
        .map(|(reason, count)| (reason.clone(), json!(count)))
        .collect();
    json!({
        "days": restored.days,
        "devices": restored.devices,
        "series": restored.series,
        "samples": restored.samples,
        "refused": refused,
        "damaged": damaged(&restored.damaged),
    })
}

/// What a check found.
pub fn checked(checked: &Checked) -> Value {
    let damaged = damaged(&checked.damaged);
    json!({"days": checked.days, "bytes": checked.bytes, "damaged": damaged})
}

fn damaged(days: &[(Timestamp, String)]) -> Value {
    let days = days.iter();
    days.map(|(day, what)| json!({"day": day, "what": what}))
        .collect()
}
