//! What may be wished of the maintenance of a device, checked and applied. One device by PATCH,
//! many by `routes::maintenance`.

use crate::merge::Change;
use crate::problem::{Answer, Faults};
use crate::text::objection;
use model::Timestamp;
use model::device::{Device, Maintenance};

/// What is wished; what is left away stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Whether an operator works on it.
    pub(crate) on: Option<bool>,
    /// When that is to end by itself.
    pub(crate) until: Change<Timestamp>,
    /// What for.
    pub(crate) reason: Change<String>,
}

/// Applies a wish to a device at `now`. An end or a reason needs maintenance to go with.
pub(crate) fn apply(device: &mut Device, wish: Wish, now: Timestamp) -> Answer<()> {
    let on = wish.on.unwrap_or(device.maintenance.is_some());
    let mut faults = Faults::default();
    if !on {
        for (pointer, given) in [
            ("/maintenance_until", matches!(wish.until, Some(Some(_)))),
            ("/maintenance_reason", matches!(wish.reason, Some(Some(_)))),
        ] {
            if given {
                faults.add(pointer, "it goes with maintenance, which is not on");
            }
        }
        device.maintenance = None;
        return faults.into_result();
    }
    let mut work = device.maintenance.take().unwrap_or(Maintenance {
        since: now,
        until: None,
        reason: None,
    });
    if let Some(until) = wish.until {
        if until.is_some_and(|until| until <= now) {
            faults.add("/maintenance_until", format!("it is over; now it is {now}"));
        }
        work.until = until;
    }
    if let Some(reason) = wish.reason {
        work.reason = reason
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        if let Some(objection) = work.reason.as_deref().and_then(objection) {
            faults.add("/maintenance_reason", objection);
        }
    }
    device.maintenance = Some(work);
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::Change;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_ms(secs * 1_000)
    }

    fn work(since: i64, until: Option<i64>, reason: Option<&str>) -> Maintenance {
        Maintenance {
            since: at(since),
            until: until.map(at),
            reason: reason.map(str::to_owned),
        }
    }

    fn check(
        before: Option<Maintenance>,
        (on, until, reason): (Option<bool>, Change<i64>, Change<&str>),
        wanted: Result<Option<Maintenance>, &str>,
    ) {
        let text = r#"{"id":"01931f5e-0000-7000-8000-000000000001","address":"192.0.2.1",
            "port":161,"vantage":"local","typed":{},"said":{},"identity":{},"credential_id":null,
            "interval_secs":60,"maintenance":false,"created_at":"2026-03-01T12:00:00Z"}"#;
        let mut device: Device = serde_json::from_str(text).unwrap();
        device.maintenance = before;
        let wish = Wish {
            on,
            until: until.map(|until| until.map(at)),
            reason: reason.map(|reason| reason.map(str::to_owned)),
        };
        let said = format!("{wish:?}");
        let done = apply(&mut device, wish, at(100));
        match wanted {
            Ok(wanted) => {
                assert!(done.is_ok(), "{said}");
                assert_eq!(device.maintenance, wanted, "{said}");
            }
            Err(pointer) => assert_eq!(done.unwrap_err().faults()[0].pointer, pointer, "{said}"),
        }
    }

    #[test]
    fn wishes_are_applied_or_pointed_at() {
        let on = Some(true);
        check(None, (on, None, None), Ok(Some(work(100, None, None))));
        check(
            None,
            (on, Some(Some(200)), Some(Some(" fan "))),
            Ok(Some(work(100, Some(200), Some("fan")))),
        );
        check(
            Some(work(50, Some(200), Some("fan"))),
            (on, None, Some(Some("power"))),
            Ok(Some(work(50, Some(200), Some("power")))),
        );
        check(
            Some(work(50, Some(200), None)),
            (None, Some(None), None),
            Ok(Some(work(50, None, None))),
        );
        check(
            Some(work(50, Some(200), None)),
            (Some(false), None, None),
            Ok(None),
        );
        check(None, (None, None, None), Ok(None));
        check(None, (Some(false), Some(None), Some(None)), Ok(None));
        check(None, (on, Some(Some(100)), None), Err("/maintenance_until"));
        check(
            None,
            (None, Some(Some(200)), None),
            Err("/maintenance_until"),
        );
        check(
            Some(work(50, None, None)),
            (Some(false), None, Some(Some("x"))),
            Err("/maintenance_reason"),
        );
        check(
            None,
            (on, None, Some(Some("a\nb"))),
            Err("/maintenance_reason"),
        );
    }
}
