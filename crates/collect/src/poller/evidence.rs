//! What a poll saw, in sentences for an operator. Pure.

use super::poll::Asked;
use crate::icmp::{Echo, Skipped};
use crate::snmp::Groups;
use crate::status::Seen;
use model::Timestamp;
use model::status::CheckOutcome;
use snmp::SessionError;
use std::fmt::Write;
use std::time::Duration;

/// What SNMP saw. `incomplete` are the groups that were not read to their end when they were last
/// asked for, `limit` is what the poll was given.
pub(super) fn snmp(asked: &Asked, incomplete: Groups, limit: Duration, at: Timestamp) -> Seen {
    let (outcome, mut detail) = snmp_outcome(asked, incomplete, limit);
    if let Some(profile) = &asked.missing_profile {
        // Writing to a String cannot fail.
        let _ = write!(
            detail,
            " There is no profile `{profile}`, which was chosen for it: those that match are used."
        );
    }
    Seen {
        outcome,
        at,
        detail,
    }
}

fn snmp_outcome(asked: &Asked, incomplete: Groups, limit: Duration) -> (CheckOutcome, String) {
    use CheckOutcome::{Answered, Partial, Refused, Silent, Skipped};
    if !asked.any {
        return (
            Skipped,
            "No credential is set, so SNMP is not asked.".to_owned(),
        );
    }
    let ms = asked.took.as_millis();
    match &asked.look.error {
        Some(SessionError::Refused { reason, .. }) if asked.look.complete.is_empty() => {
            (Refused, format!("The agent refuses us: {reason}."))
        }
        Some(error) if asked.look.answered_at.is_none() && !error.is_answer() => {
            (Silent, format!("SNMP: {error}."))
        }
        Some(error) => (
            Partial,
            format!("It answered, but not to the end: {error}."),
        ),
        None if asked.late => {
            let detail = format!(
                "It answers slowly: not everything could be read within {} s ({}).",
                limit.as_secs(),
                names(incomplete)
            );
            (Partial, detail)
        }
        None if !incomplete.is_empty() => (
            Partial,
            format!(
                "It answered in {ms} ms, but some could not be read to the end: {}.",
                names(incomplete)
            ),
        ),
        None => (
            Answered,
            format!("SNMP answered; everything was read in {ms} ms."),
        ),
    }
}

/// What echo requests saw.
pub(super) fn icmp(echo: &Result<Echo, Skipped>, at: Timestamp) -> Seen {
    let (outcome, detail) = match echo {
        Err(skipped) => (CheckOutcome::Skipped, skipped.to_string()),
        Ok(echo) => {
            let outcome = if echo.received == 0 {
                CheckOutcome::Silent
            } else if echo.received < echo.sent {
                CheckOutcome::Partial
            } else {
                CheckOutcome::Answered
            };
            let mut detail = format!("{} of {} echoes came back", echo.received, echo.sent);
            if let Some(rtt) = echo.rtt {
                let ms = rtt.as_secs_f64() * 1000.0;
                // Writing to a String cannot fail.
                let _ = write!(detail, ", {ms:.1} ms on average");
                if let Some(jitter) = echo.jitter {
                    let _ = write!(detail, ", jitter {:.1} ms", jitter.as_secs_f64() * 1000.0);
                }
            }
            detail.push('.');
            (outcome, detail)
        }
    };
    Seen {
        outcome,
        at,
        detail,
    }
}

/// Groups in words.
fn names(groups: Groups) -> String {
    let name = |group| match group {
        Groups::SYSTEM => "system",
        Groups::INTERFACES => "interfaces",
        Groups::ADDRESSES => "addresses",
        Groups::PROCESSORS => "processors",
        Groups::MEMORY => "memory",
        Groups::STORAGE => "storage",
        Groups::SENSORS => "sensors",
        Groups::NEIGHBORS => "neighbours",
        Groups::VLANS => "VLANs",
        Groups::INVENTORY => "inventory",
        Groups::ROUTING => "routing neighbours",
        Groups::ARP => "ARP",
        Groups::WIRELESS => "wireless",
        _ => "counters of interfaces",
    };
    let names: Vec<&str> = groups.each().map(name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Look;
    use snmp::Refusal;
    use std::net::SocketAddr;

    fn agent() -> SocketAddr {
        ([192, 0, 2, 1], 161).into()
    }

    fn check(asked: &Asked, incomplete: Groups, outcome: CheckOutcome, words: &str) {
        let limit = Duration::from_secs(10);
        let seen = snmp(asked, incomplete, limit, Timestamp::default());
        assert_eq!(seen.outcome, outcome, "{}", seen.detail);
        assert!(seen.detail.contains(words), "{}", seen.detail);
        assert!(seen.detail.ends_with('.'), "{}", seen.detail);
    }

    #[test]
    fn snmp_in_sentences() {
        use CheckOutcome::{Answered, Partial, Refused, Silent, Skipped};
        let silent = SessionError::Silent {
            agent: agent(),
            waited: Duration::from_secs(2),
            attempts: 2,
        };
        let refused = SessionError::Refused {
            agent: agent(),
            reason: Refusal::UnknownUser,
        };
        let asked = |error: Option<&SessionError>, complete, answered: bool, late| Asked {
            look: Look {
                complete,
                error: error.cloned(),
                answered_at: answered.then(Timestamp::default),
                ..Look::default()
            },
            any: true,
            late,
            took: Duration::from_millis(12),
            missing_profile: None,
        };
        let (none, some) = (Groups::NONE, Groups::TRAFFIC);
        let parts = Groups::SENSORS | Groups::VLANS;
        check(&Asked::default(), none, Skipped, "No credential");
        let mut misread = asked(None, some, true, false);
        misread.missing_profile = Some("acme".into());
        check(&misread, none, Answered, "everything was read in 12 ms.");
        check(
            &misread,
            none,
            Answered,
            "There is no profile `acme`, which was chosen",
        );
        check(&asked(None, some, true, false), none, Answered, "12 ms");
        check(
            &asked(None, some, true, false),
            parts,
            Partial,
            "sensors, VLANs",
        );
        check(&asked(None, some, true, true), parts, Partial, "slowly");
        check(
            &asked(Some(&silent), none, false, false),
            none,
            Silent,
            "no answer",
        );
        check(
            &asked(Some(&silent), some, true, false),
            none,
            Partial,
            "not to the end",
        );
        // A refusal is an answer, but nothing was read.
        check(
            &asked(Some(&refused), none, true, false),
            none,
            Refused,
            "no such user",
        );
        check(
            &asked(Some(&refused), some, true, false),
            none,
            Partial,
            "no such user",
        );
    }

    #[test]
    fn icmp_in_sentences() {
        let echo = |sent, received| {
            Ok(Echo {
                sent,
                received,
                rtt: (received > 0).then(|| Duration::from_micros(1250)),
                jitter: None,
            })
        };
        let skipped = Err(Skipped {
            reason: "Not here.".into(),
        });
        for (echo, outcome, words) in [
            (
                echo(3, 3),
                CheckOutcome::Answered,
                "3 of 3 echoes came back, 1.2 ms on average.",
            ),
            (
                echo(3, 1),
                CheckOutcome::Partial,
                "1 of 3 echoes came back, 1.2 ms on average.",
            ),
            (echo(3, 0), CheckOutcome::Silent, "0 of 3 echoes came back."),
            (skipped, CheckOutcome::Skipped, "Not here."),
        ] {
            let seen = icmp(&echo, Timestamp::default());
            assert_eq!((seen.outcome, seen.detail.as_str()), (outcome, words));
        }
    }
}
