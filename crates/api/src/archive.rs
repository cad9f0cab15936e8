//! What came of work on the archive, as it is told: by the job of a server, and by the command that
//! works on the folder of one that is stopped.

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
    })
}

/// What a check found.
pub fn checked(checked: &Checked) -> Value {
    let damaged = checked.damaged.iter();
    let damaged: Vec<Value> = damaged
        .map(|(day, what)| json!({"day": day, "what": what}))
        .collect();
    json!({"days": checked.days, "bytes": checked.bytes, "damaged": damaged})
}
