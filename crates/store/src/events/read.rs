//! Reading what is kept: pages, newest first, across the files of days.

use super::day::Day;
use super::error::EventsError;
use super::row;
use super::words::Search;
use super::{Parts, add};
use model::{DeviceId, EventKind, EventRecord, Timestamp};
use rusqlite::{Connection, params};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Events of a page.
pub const LIMIT_MAX: usize = 1_000;
/// Candidates that one query reads before it answers what it has and where to go on: the index names
/// few that are not wanted, but a word of signs only is not in it. A fifth of a second.
const LOOKED_AT_MAX: usize = 20_000;

/// Candidates of the filters alone that are read before the index is asked for words: a word that is
/// in many lines fills the page with these, and the index would gather all of its lines of a day.
const SCANNED_MAX: usize = 2_000;

/// What is asked for. What is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only of this device.
    pub device_id: Option<DeviceId>,
    /// Only from this sender.
    pub source: Option<IpAddr>,
    /// Only of this severity or a worse one (a lower number). Events without one are left out, but
    /// not where it is 7 or more.
    pub severity_max: Option<u8>,
    /// Words that must all be in the text, in any order and case; what is typed is never syntax. A
    /// word of three letters or more is found as the beginning of longer ones too.
    pub text: String,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Older than the page before: its [`EventPage::next`].
    pub cursor: Option<Cursor>,
    /// Events of the page, 1 to [`LIMIT_MAX`].
    pub limit: usize,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// Newest first.
    pub items: Vec<EventRecord>,
    /// Where the next page begins; none where nothing older is kept.
    pub next: Option<Cursor>,
    /// It ended at the bound of what one query looks at, perhaps with fewer than were asked for:
    /// `next` goes on.
    pub cut_short: bool,
}

/// A place in the order of events: those before it are older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    day_start: Timestamp,
    number: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.day_start.unix_ms(), self.number)
    }
}

impl FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (day, number) = text.split_once('.').ok_or(())?;
        Ok(Self {
            day_start: Timestamp::from_unix_ms(day.parse().map_err(|_| ())?),
            number: number.parse().map_err(|_| ())?,
        })
    }
}

/// Reads a page.
pub(super) fn page(parts: &Parts, query: &EventQuery) -> Result<EventPage, EventsError> {
    let limit = query.limit.clamp(1, LIMIT_MAX);
    let search = Search::new(
        &query.text,
        query.kind,
        query.device_id,
        query.source,
        query.severity_max,
    );
    let mut reading = Reading {
        query,
        search,
        limit,
        page: EventPage::default(),
        looked_at: 0,
        scan_left: SCANNED_MAX,
        damaged: 0,
    };
    let first = query.from.map(Day::of);
    for day in parts.days.of(..).into_iter().rev() {
        if first.is_some_and(|first| day < first) || reading.is_done() {
            break;
        }
        let Some((low, high)) = bounds(query, day) else {
            continue;
        };
        parts
            .days
            .read(day, |connection| reading.day(connection, day, low, high))?;
    }
    parts.days.count_damaged(reading.damaged);
    add(&parts.counters.queries, 1);
    let page = reading.page;
    add(&parts.counters.queries_cut_short, u64::from(page.cut_short));
    Ok(page)
}

/// The numbers of a day that are asked for, from the first to before the second; none where there
/// are none.
fn bounds(query: &EventQuery, day: Day) -> Option<(i64, i64)> {
    let low = query.from.map_or(0, |from| day.first_number(from));
    let mut high = query.to.map_or(i64::MAX, |to| day.first_number(to));
    if let Some(cursor) = query.cursor {
        let at = Day::of(cursor.day_start);
        if day > at {
            return None;
        }
        if day == at {
            high = high.min(cursor.number);
        }
    }
    (low < high).then_some((low, high))
}

/// A page in the making.
struct Reading<'a> {
    query: &'a EventQuery,
    search: Search,
    limit: usize,
    page: EventPage,
    looked_at: usize,
    /// Candidates that are still read without asking the index for words.
    scan_left: usize,
    damaged: u64,
}

impl Reading<'_> {
    fn is_done(&self) -> bool {
        self.page.next.is_some()
    }

    /// Reads of a day, from before a number down to one.
    fn day(
        &mut self,
        connection: &Connection,
        day: Day,
        low: i64,
        mut high: i64,
    ) -> rusqlite::Result<()> {
        if self.search.has_words() && self.scan_left > 0 {
            let filters = self.search.filters().to_owned();
            let ended = self.select(connection, (day, low, high), &filters, true)?;
            match ended {
                Some(number) if !self.is_done() => high = number,
                _ => return Ok(()),
            }
        }
        let expression = self.search.expression().to_owned();
        self.select(connection, (day, low, high), &expression, false)?;
        Ok(())
    }

    /// Reads the candidates of an expression. Where it scans, answers the number at which that ended
    /// before all of them were read.
    fn select(
        &mut self,
        connection: &Connection,
        (day, low, high): (Day, i64, i64),
        expression: &str,
        scans: bool,
    ) -> rusqlite::Result<Option<i64>> {
        let columns = row::COLUMNS_OF_EVENT;
        let select = if expression.is_empty() {
            format!(
                "SELECT {columns} FROM event WHERE number >= ?1 AND number < ?2
                 AND ?3 = '' ORDER BY number DESC"
            )
        } else {
            format!(
                "SELECT {columns} FROM words CROSS JOIN event ON event.number = words.rowid
                 WHERE words MATCH ?3 AND words.rowid >= ?1 AND words.rowid < ?2
                 ORDER BY words.rowid DESC"
            )
        };
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query(params![low, high, expression])?;
        while let Some(found) = rows.next()? {
            self.looked_at += 1;
            let number: i64 = found.get(0)?;
            match row::read(found)? {
                None => self.damaged += 1,
                Some(event) if self.wants(&event) => self.page.items.push(event),
                Some(_) => {}
            }
            let full = self.page.items.len() >= self.limit;
            if full || self.looked_at >= LOOKED_AT_MAX {
                self.page.cut_short = !full;
                self.page.next = Some(Cursor {
                    day_start: day.start(),
                    number,
                });
                return Ok(None);
            }
            if scans {
                self.scan_left -= 1;
                if self.scan_left == 0 {
                    return Ok(Some(number));
                }
            }
        }
        Ok(None)
    }

    fn wants(&self, event: &EventRecord) -> bool {
        let query = self.query;
        query.kind.is_none_or(|kind| event.kind == kind)
            && query.device_id.is_none_or(|id| event.device_id == Some(id))
            && query
                .source
                .is_none_or(|source| event.source == source.to_canonical())
            && query.severity_max.is_none_or(|max| {
                max >= 7 || event.severity.is_some_and(|severity| severity <= max)
            })
            && query.from.is_none_or(|from| event.at >= from)
            && query.to.is_none_or(|to| event.at < to)
            && self.search.holds(&event.text)
    }
}
