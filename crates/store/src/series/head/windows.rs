//! A half-hour of one device.
//!
//! Polls that have the same columns are a *track*: the newest of them as they came, the older ones
//! frozen. A poll that is newer than all before it goes to a track; what comes out of order, or again
//! for a time, goes to the *late* rows, which lie over the tracks. So a track never has a time that
//! another one has, and what is late was always written after what it lies over.

use super::frozen::{Frozen, FrozenColumns, ROWS};
use super::row::{Layout, Row, has_most_of, is_of, layout_of, short};
use crate::blocks::{Block, Dense, DenseError, Values};
use crate::series::read::newest_of_each_time;
use crate::series::{Column, Points};
use model::{Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lists of columns of which polls are kept as tracks. A device is asked for its counters each
/// minute, for its parts each hour, and for its round trip in between; what changes its columns
/// more often than that is kept as rows, as what is late.
const TRACKS_MAX: usize = 8;

/// The samples of half an hour. A clone shares all that it holds.
#[derive(Clone, Debug, Default)]
// Invariant: the times of the tracks are all different; `late` ascends strictly in time and holds
// nothing newer than `last`.
pub(super) struct Window {
    tracks: Vec<Track>,
    late: Vec<Row>,
    /// The newest time.
    last: i64,
    /// Different times.
    rows: usize,
    /// Values, each time of each column once.
    values: usize,
}

#[derive(Clone, Debug)]
// Invariant: `frozen` and then `rows` ascend in time; the rows have this layout and are at most
// `ROWS`.
struct Track {
    layout: Layout,
    frozen: Vec<Arc<Frozen>>,
    rows: Vec<Row>,
}

impl Track {
    fn push(&mut self, row: Row) {
        if self.rows.len() >= ROWS {
            self.freeze();
        }
        self.rows.push(row);
    }

    fn freeze(&mut self) {
        if let Some(frozen) = Frozen::of(&self.rows) {
            self.frozen.push(Arc::new(frozen));
            self.rows.clear();
        }
    }

    /// Every time that it has.
    fn times(&self) -> impl Iterator<Item = i64> {
        let frozen = self
            .frozen
            .iter()
            .flat_map(|frozen| frozen.times().iter().copied());
        frozen.chain(self.rows.iter().map(|row| row.at))
    }

    /// Its poll of a time.
    fn row(&self, at: i64) -> Option<Row> {
        if let Some(row) = self.rows.iter().find(|row| row.at == at) {
            return Some(row.clone());
        }
        let place = self
            .frozen
            .partition_point(|frozen| frozen.times().last().is_some_and(|last| *last < at));
        let frozen = self.frozen.get(place)?;
        let row = frozen.times().binary_search(&at).ok()?;
        let (_, values) = frozen.rows().into_iter().nth(row)?;
        Some(Row::new(at, &self.layout, &values))
    }
}

/// The columns of a track, one after the other, and the rows of all times that it has.
struct Columns<'a> {
    track: &'a Track,
    frozen: Vec<FrozenColumns<'a>>,
    rows: Vec<usize>,
    /// In its layout, of the next column.
    place: usize,
}

impl<'a> Columns<'a> {
    fn of(track: &'a Track, times: &[i64]) -> Self {
        Self {
            track,
            frozen: track.frozen.iter().map(|frozen| frozen.columns()).collect(),
            rows: track
                .times()
                .filter_map(|at| times.binary_search(&at).ok())
                .collect(),
            place: 0,
        }
    }

    /// The next column; none behind the last.
    fn column(&self) -> Option<Column> {
        self.track.layout.get(self.place).copied()
    }

    /// Appends the words and marks of the next column, one for each row.
    fn next(&mut self, words: &mut Vec<u64>, marks: &mut Vec<u8>) {
        for frozen in &mut self.frozen {
            frozen.next(words, marks);
        }
        for row in &self.track.rows {
            let (word, mark) = row.cell(self.place);
            words.push(word);
            marks.push(short(mark));
        }
        self.place += 1;
    }
}

/// By how much a window has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grown {
    pub(super) rows: usize,
    pub(super) values: usize,
}

impl Window {
    /// One that holds what a block holds.
    pub(super) fn of(block: &Block) -> Self {
        let ever = (
            Timestamp::from_unix_ms(i64::MIN),
            Timestamp::from_unix_ms(i64::MAX),
        );
        let mut rows: BTreeMap<i64, Vec<(Column, Value)>> = BTreeMap::new();
        for column in block.columns() {
            for (at, value) in block.points(column, ever.0, ever.1) {
                rows.entry(at.unix_ms()).or_default().push((column, value));
            }
        }
        let mut window = Self::default();
        for (at, values) in rows {
            window.add(at, &values, std::iter::empty());
        }
        window
    }

    /// Adds the values of a poll, ascending by column. Its layout is taken from `others` where they
    /// have it, so that the windows of a device share theirs.
    pub(super) fn add<'a>(
        &mut self,
        at: i64,
        values: &[(Column, Value)],
        others: impl Iterator<Item = &'a Self>,
    ) -> Grown {
        let newest = self.rows == 0 || self.last < at;
        let track = if newest {
            self.track(values, others)
        } else {
            None
        };
        let grown = if let Some(track) = track {
            let row = Row::new(at, &track.layout, values);
            track.push(row);
            Grown {
                rows: 1,
                values: values.len(),
            }
        } else {
            self.add_late(at, values)
        };
        if newest {
            self.last = at;
        }
        self.rows += grown.rows;
        self.values += grown.values;
        grown
    }

    /// The track for these values; `None` where there are too many already.
    fn track<'a>(
        &mut self,
        values: &[(Column, Value)],
        others: impl Iterator<Item = &'a Self>,
    ) -> Option<&mut Track> {
        let exact = self
            .tracks
            .iter()
            .position(|track| is_of(&track.layout, values));
        let most = || {
            let mut tracks = self.tracks.iter();
            tracks.position(|track| has_most_of(&track.layout, values))
        };
        let place = match exact.or_else(most) {
            Some(place) => place,
            None if self.tracks.len() >= TRACKS_MAX => return None,
            None => {
                let known = others.flat_map(|other| &other.tracks);
                let mut known = known.map(|track| &track.layout);
                let layout = known.find(|layout| is_of(layout, values));
                self.tracks.push(Track {
                    layout: layout.map_or_else(|| layout_of(values), Arc::clone),
                    frozen: Vec::new(),
                    rows: Vec::new(),
                });
                self.tracks.len() - 1
            }
        };
        self.tracks.get_mut(place)
    }

    fn add_late(&mut self, at: i64, values: &[(Column, Value)]) -> Grown {
        let tracks = self.tracks.iter().map(|track| &track.layout);
        let mut known = tracks.chain(self.late.last().map(|row| &row.layout));
        let layout = known.find(|layout| is_of(layout, values));
        let layout = layout.map_or_else(|| layout_of(values), Arc::clone);
        let row = Row::new(at, &layout, values);
        let under = self.tracks.iter().find_map(|track| track.row(at));
        let found = self.late.binary_search_by_key(&at, |row| row.at);
        let late = found.ok().and_then(|place| self.late.get(place));
        let is_new = |column: Column| {
            let mut before = under.iter().chain(late);
            !before.any(|row| row.find(column).is_some())
        };
        let grown = Grown {
            rows: usize::from(under.is_none() && late.is_none()),
            values: values.iter().filter(|(column, _)| is_new(*column)).count(),
        };
        match found {
            Err(place) => self.late.insert(place, row),
            Ok(place) => {
                if let Some(older) = self.late.get_mut(place) {
                    *older = older.overlaid_by(&row);
                }
            }
        }
        grown
    }

    /// Freezes all polls: no more are expected.
    pub(super) fn freeze(&mut self) {
        for track in self
            .tracks
            .iter_mut()
            .filter(|track| !track.rows.is_empty())
        {
            track.freeze();
            track.rows = Vec::new();
            track.frozen.shrink_to_fit();
        }
    }

    /// Different times that it holds.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Values that it holds.
    pub(super) fn values(&self) -> usize {
        self.values
    }

    /// What a reader of `[from, to)` needs of it, shared.
    pub(super) fn slice(&self, from: i64, to: i64) -> Self {
        let within = |row: &&Row| (from..to).contains(&row.at);
        let track = |track: &Track| Track {
            layout: Arc::clone(&track.layout),
            frozen: (track.frozen.iter().filter(|frozen| frozen.meets(from, to)))
                .cloned()
                .collect(),
            rows: track.rows.iter().filter(within).cloned().collect(),
        };
        Self {
            tracks: self.tracks.iter().map(track).collect(),
            late: self.late.iter().filter(within).cloned().collect(),
            ..*self
        }
    }

    /// The values of a column in `[from, to)`, ascending, each time once.
    pub(super) fn points(&self, column: Column, from: i64, to: i64) -> Points {
        let mut points = Points::new();
        let within = |row: &&Row| (from..to).contains(&row.at);
        for track in &self.tracks {
            let Ok(place) = track.layout.binary_search(&column) else {
                continue;
            };
            for frozen in track.frozen.iter().filter(|frozen| frozen.meets(from, to)) {
                frozen.points(place, from, to, &mut points);
            }
            let rows = track.rows.iter().filter(within);
            points.extend(rows.filter_map(|row| Some((row.time(), row.get(place)?))));
        }
        let late = self.late.iter().filter(within);
        points.extend(late.filter_map(|row| Some((row.time(), row.find(column)?))));
        newest_of_each_time(&mut points);
        points
    }

    /// All of it by column; a column without a value is left out.
    pub(super) fn dense(&self) -> Result<Dense, DenseError> {
        if !self.late.is_empty() {
            return Dense::try_from(&self.block());
        }
        let mut times: Vec<i64> = self.tracks.iter().flat_map(Track::times).collect();
        times.sort_unstable();
        let mut tracks: Vec<Columns<'_>> = self
            .tracks
            .iter()
            .map(|track| Columns::of(track, &times))
            .collect();
        let mut dense = Dense::new(times)?;
        let rows = dense.times().len();
        let (mut some_words, mut some_marks) = (Vec::new(), Vec::new());
        while let Some(column) = tracks.iter().filter_map(Columns::column).min() {
            let (mut words, mut marks) = (vec![0; rows], vec![0; rows]);
            for track in tracks
                .iter_mut()
                .filter(|track| track.column() == Some(column))
            {
                some_words.clear();
                some_marks.clear();
                track.next(&mut some_words, &mut some_marks);
                if track.rows.len() == rows {
                    // No other track has a row.
                    std::mem::swap(&mut words, &mut some_words);
                    std::mem::swap(&mut marks, &mut some_marks);
                    continue;
                }
                let cells = some_words.iter().zip(&some_marks);
                for (row, (word, mark)) in track.rows.iter().zip(cells) {
                    if let (Some(to_word), Some(to_mark)) =
                        (words.get_mut(*row), marks.get_mut(*row))
                    {
                        (*to_word, *to_mark) = (*word, *mark);
                    }
                }
            }
            if let Some(values) = Values::of_words(words, &marks) {
                dense.push(column, values)?;
            }
        }
        Ok(dense)
    }

    /// All of it as a block.
    pub(super) fn block(&self) -> Block {
        let mut times: BTreeSet<i64> = self.tracks.iter().flat_map(Track::times).collect();
        times.extend(self.late.iter().map(|row| row.at));
        let mut block = Block::new();
        // All rows first: one that is put between others moves what is behind it.
        for at in times {
            block.set(Timestamp::from_unix_ms(at), &[]);
        }
        let mut values = Vec::new();
        for track in &self.tracks {
            for (at, values) in track.frozen.iter().flat_map(|frozen| frozen.rows()) {
                block.set(Timestamp::from_unix_ms(at), &values);
            }
        }
        for row in self
            .tracks
            .iter()
            .flat_map(|track| &track.rows)
            .chain(&self.late)
        {
            values.clear();
            values.extend(row.values());
            block.set(row.time(), &values);
        }
        block
    }
}
