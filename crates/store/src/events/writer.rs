//! The one thread that writes. What waits together shares a transaction, and so a sync of the disk.

use super::day::Day;
use super::error::EventsError;
use super::file::{DayWriter, Written, is_damage};
use super::{Appended, Parts, add};
use model::{EventRecord, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Events that are committed together, give or take a request: their words are sorted as one, which
/// is the cheaper the more there are, and a commit of these takes a tenth of a second.
const GROUP_MAX: usize = 8_192;
/// Days that are open to write at once: events come for the present day, around midnight for two,
/// and for others only where a past is brought here.
const OPEN_MAX: usize = 3;
/// How far ahead of the clock an event may be; as for samples.
const AHEAD_MAX: std::time::Duration = crate::series::AHEAD_MAX;

pub(super) type Reply<T> = oneshot::Sender<Result<T, EventsError>>;

/// What the thread is asked.
pub(super) enum Request {
    /// Keep events.
    Append {
        events: Vec<EventRecord>,
        reply: Reply<Appended>,
    },
    /// Delete what is old, end what is over, mend what is damaged.
    Tend { reply: Reply<()> },
    /// Take what waits already, and no more.
    Close { reply: Reply<()> },
}

/// The thread.
pub(super) struct Writer {
    parts: Arc<Parts>,
    /// Those written last are last.
    open: Vec<(Day, DayWriter)>,
    /// Something was to be deleted and could not be: told once.
    stuck: bool,
    /// The present day alone is too large: told once a day.
    full: Option<Day>,
}

/// The events of a group that are to be written, by day.
type Batch<'a> = BTreeMap<Day, Vec<(i64, &'a EventRecord)>>;

/// Events of one request that are not kept.
#[derive(Clone, Copy, Default)]
struct Refused {
    out_of_time: u64,
    over_size: u64,
}

impl Writer {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self {
            parts,
            open: Vec::new(),
            stuck: false,
            full: None,
        }
    }

    /// Runs until every sender is gone or it is asked to close.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut left_over = None;
        while let Some(first) = left_over.take().or_else(|| requests.blocking_recv()) {
            match first {
                Request::Append { events, reply } => {
                    left_over = self.append_all((events, reply), &mut requests);
                }
                Request::Tend { reply } => {
                    let _ = reply.send(self.tend());
                }
                Request::Close { reply } => {
                    requests.close();
                    let _ = reply.send(Ok(()));
                }
            }
        }
        self.parts.days.rest();
        for (_, writer) in self.open {
            writer.end();
        }
    }

    /// Commits an append and those that wait behind it; answers the first other request.
    fn append_all(
        &mut self,
        first: (Vec<EventRecord>, Reply<Appended>),
        requests: &mut mpsc::Receiver<Request>,
    ) -> Option<Request> {
        let mut count = first.0.len();
        let (mut group, mut left_over) = (vec![first], None);
        while count < GROUP_MAX {
            match requests.try_recv() {
                Ok(Request::Append { events, reply }) => {
                    count += events.len();
                    group.push((events, reply));
                }
                Ok(other) => {
                    left_over = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        // Room is made before it is needed; a failure is told by the write that lacks it.
        self.make_room();
        let (mut refused, mut batch) = (Vec::with_capacity(group.len()), Batch::new());
        let span = self.span();
        for (events, _) in &group {
            let mut of_request = Refused::default();
            for event in events {
                self.take(event, &span, &mut batch, &mut of_request);
            }
            let counters = &self.parts.counters;
            add(&counters.out_of_time, of_request.out_of_time);
            add(&counters.over_size, of_request.over_size);
            refused.push(of_request);
        }
        // The index takes words of ascending numbers together, and writes itself out at each other one.
        for events in batch.values_mut() {
            events.sort_by_key(|(number, _)| *number);
        }
        let written = self.commit(&batch);
        drop(batch);
        self.answer(group, refused, &written);
        left_over
    }

    /// Says what became of each request. Duplicates are rare and told of the group as a whole where
    /// it is one request, else of the first ones of it.
    fn answer(
        &self,
        group: Vec<(Vec<EventRecord>, Reply<Appended>)>,
        refused: Vec<Refused>,
        written: &Result<Written, EventsError>,
    ) {
        let counters = &self.parts.counters;
        let mut duplicates = 0;
        match written {
            Ok(written) => {
                add(&counters.stored, written.stored);
                add(&counters.duplicates, written.duplicates);
                add(&counters.cut, written.cut);
                add(&counters.commits, 1);
                duplicates = written.duplicates;
            }
            Err(_) => add(&counters.failed, group.len() as u64),
        }
        for ((events, reply), refused) in group.into_iter().zip(refused) {
            let Refused {
                out_of_time,
                over_size,
            } = refused;
            let refused = out_of_time + over_size;
            let taken = events.len() as u64 - refused;
            let own = duplicates.min(taken);
            duplicates -= own;
            let _ = reply.send(written.as_ref().map_err(Clone::clone).map(|_| Appended {
                stored: taken - own,
                duplicates: own,
                refused,
                over_size,
            }));
        }
    }

    /// The times of which events are kept at present.
    fn span(&self) -> Range<Timestamp> {
        let now = self.parts.clock.now();
        let oldest = Day::of(now.minus(self.parts.options.retention)).start();
        oldest.max(Timestamp::default())..now.plus(AHEAD_MAX)
    }

    /// Puts an event into the batch, where it may be kept; else counts why not.
    fn take<'a>(
        &self,
        event: &'a EventRecord,
        span: &Range<Timestamp>,
        batch: &mut Batch<'a>,
        refused: &mut Refused,
    ) {
        if !span.contains(&event.at) {
            refused.out_of_time += 1;
            return;
        }
        if self.full.is_some() {
            refused.over_size += 1;
            return;
        }
        let day = Day::of(event.at);
        let events = batch.entry(day).or_default();
        events.push((day.number(event), event));
    }

    fn commit(&mut self, batch: &Batch) -> Result<Written, EventsError> {
        let mut total = Written::default();
        for (day, events) in batch {
            let written = match self.write(*day, events) {
                Err(error) if is_damage(&error) => {
                    self.close(*day);
                    self.parts.days.set_aside(*day, &error)?;
                    self.write(*day, events)?
                }
                written => written?,
            };
            self.parts.days.grown(*day);
            total.stored += written.stored;
            total.duplicates += written.duplicates;
            total.cut += written.cut;
        }
        Ok(total)
    }

    fn write(&mut self, day: Day, events: &[(i64, &EventRecord)]) -> Result<Written, EventsError> {
        let at = self.open.iter().position(|(open, _)| *open == day);
        let mut writer = match at {
            Some(at) => self.open.remove(at).1,
            None => self.parts.days.open_to_write(day)?,
        };
        let written = writer.write(events);
        self.open.push((day, writer));
        if self.open.len() > OPEN_MAX {
            self.open.remove(0).1.end();
        }
        written
    }

    fn close(&mut self, day: Day) {
        self.open.retain(|(open, _)| *open != day);
    }

    fn tend(&mut self) -> Result<(), EventsError> {
        let parts = Arc::clone(&self.parts);
        let now = parts.clock.now();
        let mut done = parts.days.look_through();
        for day in parts.days.suspect() {
            self.close(day);
            let source = Arc::new(rusqlite::Error::InvalidQuery);
            let (operation, path) = ("reading events", day.file_name().into());
            let error = EventsError::File {
                operation,
                path,
                source,
            };
            // Where one cannot be, all else is done.
            done = done.and(parts.days.set_aside(day, &error).map(|_| ()));
        }
        let today = Day::of(now);
        let (over, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|(day, _)| *day < today);
        self.open = open;
        let over: Vec<(Day, DayWriter)> = over;
        if !over.is_empty() {
            parts.days.rest();
        }
        for (_, writer) in over {
            writer.end();
        }
        let oldest = parts.ages.now().minus(parts.options.retention);
        let old = parts.days.before(oldest)?;
        self.delete(&old);
        parts.days.measure()?;
        self.make_room();
        done
    }

    /// Deletes the oldest days for as long as there is too much, but never the newest.
    fn make_room(&mut self) {
        let parts = Arc::clone(&self.parts);
        while parts.days.size() > parts.options.size_max {
            let days = parts.days.of(..);
            let (Some(oldest), Some(newest)) = (days.first(), days.last()) else {
                break;
            };
            if oldest == newest {
                if self.full != Some(*newest) {
                    self.full = Some(*newest);
                    warn!(
                        size_bytes = parts.days.size(),
                        "this day's events alone are as large as all may be: no more are kept until it ends"
                    );
                }
                // Another day has a file of its own, to which this one gives way.
                if Day::of(parts.clock.now()) <= *newest {
                    return;
                }
                break;
            }
            if !self.delete(&[*oldest]) {
                break;
            }
        }
        self.full = None;
    }

    /// Deletes days; answers whether all are gone.
    fn delete(&mut self, days: &[Day]) -> bool {
        for day in days {
            self.close(*day);
            if let Err(error) = self.parts.days.delete(*day) {
                if !self.stuck {
                    warn!(%error, cause = ?error, "a day of events could not be deleted");
                }
                self.stuck = true;
                return false;
            }
            add(&self.parts.counters.days_deleted, 1);
        }
        self.stuck = false;
        true
    }
}
