//! The time by which it is told how old something is that goes for its age: samples, history, events and
//! the audit.
//!
//! It follows the clock, by [`STEP_MAX`] at a time, so that a clock that is wrong for an hour does not
//! cost what was kept for a year. It does not follow a clock back at once either: while the clock is behind
//! nothing is old by more than the clock says, and once that is right again it goes on from where it was.
//! Begin with [`Ages::go_on`], which the server calls each hour; where nobody ever did, the clock itself
//! tells.

use crate::StoreError;
use crate::documents::Expect;
use crate::settings::Settings;
use model::{Clock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tracing::warn;

/// How far it goes on at once at most, whatever the clock says. Once an hour, this comes up with the clock
/// after a long stop in as long as that was; until then more is kept.
pub const STEP_MAX: Duration = Duration::from_hours(2);
/// How often in a row the clock must have been behind before it is followed back, once an hour a week: then
/// it is what was before that was wrong.
const BEHIND_MAX: u32 = 7 * 24;
/// A clock that shows less, in milliseconds, is wrong: this was written later. It is the beginning of 2026,
/// UTC; a clock whose battery is empty begins years before.
const EARLIEST: Timestamp = Timestamp::from_unix_ms(1_767_225_600_000);
/// The setting that it is kept in.
const SETTING: &str = "retention_clock";
/// The setting in which it is kept how often in a row the clock was behind.
const BEHIND_SETTING: &str = "retention_clock_behind";
/// It was never told how far it is.
const UNKNOWN: i64 = i64::MAX;

/// The time. Cheap to clone.
#[derive(Clone)]
pub struct Ages {
    settings: Settings,
    at_ms: Arc<AtomicI64>,
    /// How often in a row the clock was behind.
    behind: Arc<AtomicU32>,
}

impl Ages {
    /// As it was kept. What cannot be read is told, and begins anew; so does what a wrong clock told.
    pub(crate) async fn load(settings: Settings) -> Result<Self, StoreError> {
        let kept = match settings.get::<Timestamp>(SETTING).await {
            Err(error @ (StoreError::Damaged { .. } | StoreError::Shape { .. })) => {
                warn!(%error, "the time by which ages are told begins anew");
                None
            }
            kept => kept?,
        };
        let kept = kept.map(|kept| kept.body).filter(|at| *at >= EARLIEST);
        let behind = match settings.get::<u32>(BEHIND_SETTING).await {
            Err(StoreError::Damaged { .. } | StoreError::Shape { .. }) => None,
            behind => behind?,
        };
        let behind = behind.map_or(0, |behind| behind.body);
        let at_ms = kept.map_or(UNKNOWN, Timestamp::unix_ms);
        Ok(Self {
            settings,
            at_ms: Arc::new(AtomicI64::new(at_ms)),
            behind: Arc::new(AtomicU32::new(behind)),
        })
    }

    /// Goes on towards the clock, which says `now`; answers the time from now on. Where it cannot be kept
    /// it holds until the server stops: a disk that is full is no reason to remove nothing.
    pub async fn go_on(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        if now < EARLIEST {
            return Ok(now);
        }
        let before = match self.at_ms.load(Ordering::Acquire) {
            UNKNOWN => now,
            before => Timestamp::from_unix_ms(before),
        };
        let behind = self.behind.load(Ordering::Acquire);
        if now < before && behind < BEHIND_MAX {
            self.count_behind(behind + 1).await?;
            return Ok(now);
        }
        // Once it is followed back it is not behind any more.
        if behind > 0 {
            self.count_behind(0).await?;
        }
        let at = now.min(before.plus(STEP_MAX));
        self.at_ms.store(at.unix_ms(), Ordering::Release);
        match self.settings.set(SETTING, Expect::Any, &at).await {
            Err(StoreError::Full { .. }) | Ok(_) => Ok(at),
            Err(error) => Err(error),
        }
    }

    async fn count_behind(&self, behind: u32) -> Result<(), StoreError> {
        self.behind.store(behind, Ordering::Release);
        match self
            .settings
            .set(BEHIND_SETTING, Expect::Any, &behind)
            .await
        {
            Err(StoreError::Full { .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The same as a clock: what `clock` says, and no more than it has gone on to.
    pub fn clock(&self, clock: Clock) -> Clock {
        let at_ms = Arc::clone(&self.at_ms);
        Clock::new(move || {
            let most = Timestamp::from_unix_ms(at_ms.load(Ordering::Acquire));
            clock.now().min(most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::sqlite::SqliteOptions;
    use crate::{Store, StoreOptions};
    use std::path::Path;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_772_366_400_000 + hour * 3_600_000)
    }

    async fn open(folder: &Path, documents: SqliteOptions) -> Store {
        let options = StoreOptions {
            documents,
            ..StoreOptions::new(folder)
        };
        let opened = Store::open(options, Clock::new(|| at(0))).await;
        opened.unwrap().0
    }

    #[tokio::test]
    async fn a_clock_that_jumps_ahead_makes_nothing_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), SqliteOptions::default()).await;
        let year = 24 * 400;
        let clock = |shown: i64| Clock::new(move || at(shown));
        assert_eq!(store.ages.clock(clock(year)).now(), at(year), "never told");
        for (shown, told) in [(0, 0), (1, 1), (year, 3), (year, 5), (6, 6), (7, 7)] {
            assert_eq!(
                store.ages.go_on(at(shown)).await.unwrap(),
                at(told),
                "{shown}"
            );
            assert_eq!(store.ages.clock(clock(year)).now(), at(told));
            assert_eq!(store.ages.clock(clock(-1)).now(), at(-1));
        }
        store.close().await.unwrap();
        drop(store);
        let store = open(folder.path(), SqliteOptions::default()).await;
        assert_eq!(store.ages.clock(clock(year)).now(), at(7), "it was kept");
        assert_eq!(store.ages.go_on(at(year)).await.unwrap(), at(9));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_goes_back_for_a_while_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), SqliteOptions::default()).await;
        let ages = &store.ages;
        let year = 24 * 365;
        let empty = Timestamp::from_unix_ms(1);
        // At the first pass of all: it is known not to be the time.
        assert_eq!(ages.go_on(empty).await.unwrap(), empty);
        assert_eq!(ages.go_on(at(year)).await.unwrap(), at(year));
        for _ in 0..2 * BEHIND_MAX {
            assert_eq!(ages.go_on(empty).await.unwrap(), empty);
            assert_eq!(ages.clock(Clock::new(move || empty)).now(), empty);
        }
        for hour in 0..i64::from(BEHIND_MAX) {
            assert_eq!(ages.go_on(at(hour)).await.unwrap(), at(hour));
        }
        assert_eq!(ages.go_on(at(year + 1)).await.unwrap(), at(year + 1));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_stays_behind_is_right_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), SqliteOptions::default()).await;
        let ages = &store.ages;
        let years = 24 * 365 * 12;
        assert_eq!(ages.go_on(at(years)).await.unwrap(), at(years), "the first");
        for hour in 0..100 {
            assert_eq!(ages.go_on(at(hour)).await.unwrap(), at(hour));
        }
        store.close().await.unwrap();
        drop(store);
        // It counts on over restarts.
        let store = open(folder.path(), SqliteOptions::default()).await;
        let ages = &store.ages;
        for hour in 100..=i64::from(BEHIND_MAX) {
            assert_eq!(ages.go_on(at(hour)).await.unwrap(), at(hour));
        }
        let last = i64::from(BEHIND_MAX);
        assert_eq!(ages.go_on(at(years)).await.unwrap(), at(last + 2));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_a_wrong_clock_once_told_is_not_gone_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), SqliteOptions::default()).await;
        let empty = Timestamp::from_unix_ms(1);
        let set = store.settings.set(SETTING, Expect::Any, &empty).await;
        set.unwrap();
        store.close().await.unwrap();
        drop(store);
        let store = open(folder.path(), SqliteOptions::default()).await;
        assert_eq!(store.ages.go_on(at(1)).await.unwrap(), at(1));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn it_goes_on_where_there_is_no_room_to_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let documents = SqliteOptions {
            bytes_max: Some(1 << 20),
        };
        let store = open(folder.path(), documents).await;
        let mut large = 1 << 18;
        for n in 0.. {
            // To the last page.
            let (name, text) = (n.to_string(), "f".repeat(large));
            match store.settings.set(&name, Expect::Any, &text).await {
                Err(StoreError::Full { .. }) if large > 0 => large /= 2,
                Err(StoreError::Full { .. }) => break,
                set => assert!(set.is_ok(), "{set:?}"),
            }
        }
        for hour in [1, 3] {
            assert_eq!(store.ages.go_on(at(hour)).await.unwrap(), at(hour));
        }
        store.close().await.unwrap();
    }
}
