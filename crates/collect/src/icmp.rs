//! Round trip and loss by ICMP echo (RFC 792, RFC 4443), over one socket per address family for
//! all devices.
//!
//! Begin with [`Pinger::open`] and [`Pinger::ping`]. A ping asks in [`engine`]; the thread in [`line`]
//! sends and reads at the socket of [`socket`], many packets per call by [`batch`]; their bytes are in
//! [`packet`]. Whether silence means that a device is down is not decided here; see [`crate::status`].

mod batch;
mod engine;
mod line;
pub mod packet;
mod socket;

use engine::Engine;
use socket::Family;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How to ask one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echoes {
    /// How many requests to send.
    pub count: u8,
    /// Time from one request to the next.
    pub gap: Duration,
    /// How long each request waits for its reply.
    pub timeout: Duration,
    /// Whether one reply is enough: then nothing more is sent or waited for.
    pub one_reply_is_enough: bool,
}

impl Echoes {
    /// What a poll sends: enough to tell a lost packet from a dead device. The wait is longer than
    /// a round trip by satellite, and the whole shorter than 1 s: a poll's samples wait for it.
    pub const POLL: Self = Self {
        count: 3,
        gap: Duration::from_millis(50),
        timeout: Duration::from_millis(800),
        one_reply_is_enough: false,
    };
    /// What an address gets that was silent before.
    pub const SILENT: Self = Self {
        count: 1,
        ..Self::POLL
    };
    /// What a sweep sends: one request, and one more where nothing came of the first.
    pub const SWEEP: Self = Self {
        count: 2,
        gap: Duration::from_millis(300),
        timeout: Duration::from_millis(800),
        one_reply_is_enough: true,
    };
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Requests sent, or tried to send where the network is unreachable.
    pub sent: u8,
    /// Requests that were answered in time.
    pub received: u8,
    /// Mean round trip of those answered; none where none was.
    pub rtt: Option<Duration>,
    /// Mean absolute difference of the round trips of successive replies, which is what RFC 3550
    /// section 6.4.1 smooths over time; none where fewer than two came back.
    pub jitter: Option<Duration>,
}

impl Echo {
    /// Of the round trips of the replies, in the order in which they were asked for.
    pub(crate) fn of(sent: u8, round_trips: &[Duration]) -> Self {
        let mean = |sum: Duration, count: usize| {
            let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
            Some(sum / count)
        };
        let differences = round_trips.windows(2).filter_map(|pair| match pair {
            [a, b] => Some(a.abs_diff(*b)),
            _ => None,
        });
        Self {
            sent,
            received: u8::try_from(round_trips.len()).unwrap_or(u8::MAX),
            rtt: mean(round_trips.iter().sum(), round_trips.len()),
            jitter: mean(differences.sum(), round_trips.len().saturating_sub(1)),
        }
    }

    /// Share of requests that went unanswered, 0 to 1.
    pub fn loss(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        f64::from(self.sent.saturating_sub(self.received)) / f64::from(self.sent)
    }
}

/// ICMP says nothing about this address from here; why, in one sentence for an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Skipped {
    /// The reason.
    pub reason: Arc<str>,
}

/// Sends echo requests. Cheap to clone; all clones share the sockets and the bound on requests in
/// flight. The sockets close, and their threads end, with the last clone.
#[derive(Clone)]
pub struct Pinger {
    sockets: Arc<Sockets>,
    even_on_loopback: bool,
}

struct Sockets {
    v4: Result<Engine, Skipped>,
    v6: Result<Engine, Skipped>,
}

impl Pinger {
    /// Opens a datagram ICMP socket per address family, else a raw one, else none. Never fails:
    /// what could not be opened is skipped with the reason, see [`Pinger::notice`].
    pub fn open() -> Self {
        let skipped = |reason: String| Skipped {
            reason: reason.into(),
        };
        Self::of(Sockets {
            v4: Engine::open(Family::V4).map_err(|e| skipped(e.to_string())),
            v6: Engine::open(Family::V6).map_err(|e| skipped(e.to_string())),
        })
    }

    /// A pinger that skips every address, as where an operator switched ICMP off.
    pub fn disabled(reason: &str) -> Self {
        let skipped = Skipped {
            reason: reason.into(),
        };
        Self::of(Sockets {
            v4: Err(skipped.clone()),
            v6: Err(skipped),
        })
    }

    fn of(sockets: Sockets) -> Self {
        Self {
            sockets: Arc::new(sockets),
            even_on_loopback: false,
        }
    }

    /// One that asks loopback addresses as well, and so measures itself and the kernel.
    #[must_use]
    pub fn even_on_loopback(self) -> Self {
        Self {
            even_on_loopback: true,
            ..self
        }
    }

    /// Why ICMP is not measured, in one sentence for an operator; none where it is. IPv6 alone
    /// missing is no notice: many machines have none.
    pub fn notice(&self) -> Option<Arc<str>> {
        self.sockets
            .v4
            .as_ref()
            .err()
            .map(|e| Arc::clone(&e.reason))
    }

    /// Why `address` would be skipped; none where it can be asked.
    pub fn skips(&self, address: IpAddr) -> Option<Skipped> {
        self.engine(address).err()
    }

    /// Asks one address and waits for the replies, at most `gap * (count - 1) + timeout` beyond
    /// the wait for a free place among the requests in flight and, 5 s at most for all its requests
    /// together, for room in the kernel.
    pub async fn ping(&self, address: IpAddr, echoes: Echoes) -> Result<Echo, Skipped> {
        let echo = self.engine(address)?.ping(address, echoes).await;
        echo.map_err(|gone| Skipped {
            reason: gone.to_string().into(),
        })
    }

    fn engine(&self, address: IpAddr) -> Result<&Engine, Skipped> {
        if address.to_canonical().is_loopback() && !self.even_on_loopback {
            return Err(Skipped {
                reason: "ICMP proves nothing on loopback: the kernel itself answers for every such address."
                    .into(),
            });
        }
        let engine = match address {
            IpAddr::V4(_) => &self.sockets.v4,
            IpAddr::V6(_) => &self.sockets.v6,
        };
        engine.as_ref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_a_ratio() {
        for (sent, received, loss) in [(0, 0, 0.0), (3, 3, 0.0), (4, 3, 0.25), (2, 0, 1.0)] {
            let echo = Echo {
                sent,
                received,
                rtt: None,
                jitter: None,
            };
            assert!((echo.loss() - loss).abs() < 1e-9, "{echo:?}");
        }
    }

    #[test]
    fn jitter_is_the_mean_difference_of_successive_round_trips() {
        for (round_trips, rtt, jitter) in [
            (&[][..], None, None),
            (&[4], Some(4), None),
            (&[4, 4], Some(4), Some(0)),
            (&[4, 10, 1], Some(5), Some(7)),
        ] {
            let ms: Vec<Duration> = round_trips
                .iter()
                .map(|n| Duration::from_millis(*n))
                .collect();
            let echo = Echo::of(3, &ms);
            let ms = |time: Option<Duration>| time.map(|time| time.as_millis());
            assert_eq!(
                (ms(echo.rtt), ms(echo.jitter)),
                (rtt, jitter),
                "{round_trips:?}"
            );
        }
    }

    #[tokio::test]
    async fn loopback_is_skipped_with_the_reason() {
        let pinger = Pinger::open();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let skipped = pinger
                .ping(address.parse().unwrap(), Echoes::POLL)
                .await
                .unwrap_err();
            assert!(skipped.reason.contains("loopback"), "{address}: {skipped}");
        }
    }

    #[tokio::test]
    async fn a_disabled_pinger_says_why() {
        let pinger = Pinger::disabled("Switched off.");
        assert_eq!(pinger.notice().as_deref(), Some("Switched off."));
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(pinger.skips(address).unwrap().to_string(), "Switched off.");
        assert!(pinger.ping(address, Echoes::POLL).await.is_err());
    }
}
