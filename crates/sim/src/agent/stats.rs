//! What agents count: relaxed counters that only grow, read while they run.

use std::sync::atomic::{AtomicU64, Ordering};

/// One counter of a server.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of a server, as they grow.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// What happened since the server began. Every counter only grows.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.read(),)* }
            }
            /// Adds what one thread has counted, and begins anew.
            pub(crate) fn take(&self, tally: &mut Stats) {
                $(self.$name.add(tally.$name);)*
                *tally = Stats::default();
            }
        }
    };
}

stats! {
    /// Datagrams that came in.
    datagrams_in,
    /// Their octets.
    octets_in,
    /// Datagrams that went out: answers and reports.
    datagrams_out,
    /// Their octets.
    octets_out,
    /// Of `datagrams_out`, reports of SNMPv3.
    reports,
    /// Dropped: no SNMP, damaged, or no question.
    malformed,
    /// Dropped: a version that is none of 1, 2c and 3.
    bad_version,
    /// Dropped: a community that the agent does not know.
    bad_community,
    /// Dropped: no agent has this address.
    nobody_there,
    /// Dropped because the agent was told to be silent.
    silenced,
    /// Dropped because the agent was told to lose some.
    lost,
    /// Dropped because too many delayed requests were waiting.
    delayed_overflow,
    /// Answers that the system did not take, or that became too long or could not be enciphered.
    unsent,
    /// Answered with genErr because the [`Mib`](crate::Mib) panicked.
    mib_panics,
    /// Dropped by the system before we saw them, because its buffer was full.
    overflowed,
}
