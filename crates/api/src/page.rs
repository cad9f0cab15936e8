//! Pages of lists: keyset cursors that stay right while rows come and go.
//!
//! A page is taken by looking at every row once and keeping the smallest; nothing is sorted whole.

use crate::problem::{Answer, Kind, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Rows of a page where the client does not say.
pub(crate) const LIMIT_DEFAULT: u32 = 100;
/// Most rows of a page: a page of interfaces stays under 1 MB.
pub(crate) const LIMIT_MAX: u32 = 1_000;
/// Longest cursor that is read, in characters; a key is cut to less.
pub(crate) const CURSOR_LEN_MAX: usize = 4_096;
/// Most bytes of a text key that a cursor carries.
const KEY_LEN_MAX: usize = 256;

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
}

/// What a row is sorted by. Rows without a value come last, in either direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    /// A number, or a time in milliseconds.
    Number(i64),
    /// Text, lower-cased and cut.
    Text(String),
    /// No value.
    Absent,
}

impl Key {
    /// Text, for sorting as people do: without regard to case.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Self::cut(text.to_lowercase()))
    }
    /// Text cut to what a cursor carries.
    pub(crate) fn cut(mut text: String) -> String {
        text.truncate(text.floor_char_boundary(KEY_LEN_MAX));
        text
    }
    /// Text that may be missing.
    pub(crate) fn maybe_text(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }
    /// A measured number that may be missing, told apart to `parts` of one.
    #[allow(clippy::cast_possible_truncation)] // Beyond 2^63 it is cut to the largest.
    pub(crate) fn measured(value: Option<f64>, parts: f64) -> Self {
        let value = value.filter(|value| value.is_finite());
        value.map_or(Self::Absent, |value| Self::Number((value * parts) as i64))
    }
    /// A number that may be missing.
    pub(crate) fn maybe_number(number: Option<impl TryInto<i64>>) -> Self {
        number.map_or(Self::Absent, |n| {
            Self::Number(n.try_into().unwrap_or(i64::MAX))
        })
    }
}

/// Where a row stands in its list: its key, then its id.
pub(crate) type Place = (Key, String);

/// How a list is to be paged, checked.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: usize,
    descending: bool,
    /// Which sort and filters a cursor belongs to.
    list: String,
    after: Option<Place>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// The list that it belongs to.
    l: String,
    /// The place of the last row that was given out.
    p: Place,
}

/// A sort as it was asked for: the field, and the direction by a leading `-`.
pub(crate) fn sort_field<'a>(sort: Option<&'a str>, fields: &[&'a str]) -> Answer<(&'a str, bool)> {
    let first = fields.first().copied().unwrap_or("id");
    let Some(sort) = sort else {
        return Ok((first, false));
    };
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    if fields.contains(&name) {
        return Ok((name, descending));
    }
    Err(Problem::field(
        Kind::BadQuery,
        "?sort",
        format!(
            "sort by one of {}, or with a leading `-` the other way",
            fields.join(", ")
        ),
    ))
}

impl Paging {
    /// Checks what was asked for. `filters` is whatever else decides which rows are in the list: a
    /// cursor of another list is refused.
    pub(crate) fn new(
        limit: Option<u32>,
        cursor: Option<&str>,
        (field, descending): (&str, bool),
        filters: &str,
    ) -> Answer<Self> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::field(
                Kind::BadQuery,
                "?limit",
                format!("a page has 1 to {LIMIT_MAX} rows"),
            ));
        }
        let digest = Sha256::digest(format!("{field}\n{descending}\n{filters}").as_bytes());
        let list = URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default());
        let after = cursor.map(|text| read_cursor(text, &list)).transpose()?;
        Ok(Self {
            limit: limit as usize,
            descending,
            list,
            after,
        })
    }

    /// The place of the last row that was given out.
    pub(crate) fn after(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    /// The page of rows that come in the order that was asked for: no more are looked at than are
    /// needed.
    pub(crate) fn take_sorted<T>(&self, rows: impl Iterator<Item = (Place, T)>) -> Page<T> {
        let behind = rows.filter(|(place, _)| {
            let after = self.after.as_ref();
            after.is_none_or(|after| order(place, after, self.descending).is_gt())
        });
        self.take(behind.take(self.limit + 1))
    }

    /// The page of rows that a store took in the order that was asked for, from [`Paging::after`]
    /// on and no more than [`Paging::limit`]; `more` says whether there are others behind them.
    pub(crate) fn of_store<T>(&self, rows: Vec<(Place, T)>, more: bool) -> Page<T> {
        let last = rows.last().filter(|_| more);
        Page {
            next_cursor: last.map(|(place, _)| write_cursor(&self.list, place)),
            items: rows.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// The page of rows that a store took, which itself says where it goes on.
    pub(crate) fn going_on<T>(&self, items: Vec<T>, next: Option<&Place>) -> Page<T> {
        Page {
            items,
            next_cursor: next.map(|place| write_cursor(&self.list, place)),
        }
    }

    /// Most rows of the page.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the order is from the highest down.
    pub(crate) fn descending(&self) -> bool {
        self.descending
    }

    /// The page: the first rows behind the cursor.
    pub(crate) fn take<T>(&self, rows: impl Iterator<Item = (Place, T)>) -> Page<T> {
        // The largest of what is kept is on top, and goes when a smaller one comes.
        let mut kept: BinaryHeap<Kept<T>> = BinaryHeap::with_capacity(self.limit + 2);
        for (place, row) in rows {
            if self
                .after
                .as_ref()
                .is_some_and(|after| order(&place, after, self.descending).is_le())
            {
                continue;
            }
            if kept.len() > self.limit
                && kept
                    .peek()
                    .is_some_and(|top| order(&place, &top.place, self.descending).is_ge())
            {
                continue;
            }
            kept.push(Kept {
                place,
                row,
                descending: self.descending,
            });
            if kept.len() > self.limit + 1 {
                kept.pop();
            }
        }
        let mut rows = kept.into_sorted_vec();
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| write_cursor(&self.list, &last.place));
        Page {
            items: rows.into_iter().map(|kept| kept.row).collect(),
            next_cursor,
        }
    }
}

/// All rows in the order of their places.
pub(crate) fn in_order<T>(mut rows: Vec<(Place, T)>, descending: bool) -> Vec<T> {
    rows.sort_by(|(a, _), (b, _)| order(a, b, descending));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn order(a: &Place, b: &Place, descending: bool) -> Ordering {
    let absent = |place: &Place| place.0 == Key::Absent;
    match absent(a).cmp(&absent(b)) {
        Ordering::Equal if descending => b.cmp(a),
        Ordering::Equal => a.cmp(b),
        apart => apart,
    }
}

impl<T> Page<T> {
    /// The same page with each row made into another.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

struct Kept<T> {
    place: Place,
    row: T,
    descending: bool,
}
impl<T> Ord for Kept<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.place, &other.place, self.descending)
    }
}
impl<T> PartialOrd for Kept<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}
impl<T> Eq for Kept<T> {}

fn write_cursor(list: &str, place: &Place) -> String {
    let cursor = Cursor {
        l: list.to_owned(),
        p: place.clone(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

fn read_cursor(text: &str, list: &str) -> Answer<Place> {
    let bad = |detail: &str| Problem::field(Kind::BadCursor, "?cursor", detail);
    if text.len() > CURSOR_LEN_MAX {
        return Err(bad("it is longer than any of ours"));
    }
    let cursor = decode_cursor(text).ok_or_else(|| bad("it is not one of ours"))?;
    if cursor.l != list {
        return Err(bad(
            "it belongs to a list with another sort or other filters",
        ));
    }
    Ok(cursor.p)
}

fn decode_cursor(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether the text is a cursor of some list.
pub fn is_cursor(text: &str) -> bool {
    decode_cursor(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(rows: &[(&str, &str)], descending: bool, limit: u32) -> Vec<Vec<String>> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let paging =
                Paging::new(Some(limit), cursor.as_deref(), ("name", descending), "").unwrap();
            let page = paging.take(
                rows.iter()
                    .map(|(key, id)| ((Key::text(key), (*id).to_owned()), format!("{key}{id}"))),
            );
            all.push(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || all.len() > 20 {
                return all;
            }
        }
    }

    #[test]
    fn every_row_once_in_order() {
        let rows = [("b", "2"), ("A", "1"), ("b", "1"), ("c", "9"), ("a", "3")];
        assert_eq!(
            pages(&rows, false, 2),
            [vec!["A1", "a3"], vec!["b1", "b2"], vec!["c9"]]
        );
        assert_eq!(
            pages(&rows, true, 3),
            [vec!["c9", "b2", "b1"], vec!["a3", "A1"]]
        );
        assert_eq!(pages(&rows, false, 5).len(), 1);
        assert_eq!(pages(&[], false, 5), [Vec::<String>::new()]);
    }

    #[test]
    fn rows_without_a_value_come_last_in_either_direction() {
        for (descending, expected) in [(false, [1, 2, 0]), (true, [2, 1, 0])] {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let paging =
                    Paging::new(Some(1), cursor.as_deref(), ("bps", descending), "").unwrap();
                let rows = [0i64, 1, 2].map(|n| {
                    let value = (n > 0).then_some(n);
                    ((Key::maybe_number(value), n.to_string()), n)
                });
                let page = paging.take(rows.into_iter());
                found.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_cursor_stays_right_while_rows_come_and_go() {
        let of = |rows: &[&str], cursor: Option<&str>| {
            Paging::new(Some(2), cursor, ("name", false), "")
                .unwrap()
                .take(
                    rows.iter()
                        .map(|r| ((Key::text(r), String::new()), (*r).to_owned())),
                )
        };
        let first = of(&["b", "d", "f"], None);
        assert_eq!(first.items, ["b", "d"]);
        // One comes before, one behind, and the row of the cursor itself goes.
        let second = of(&["a", "b", "e", "f"], first.next_cursor.as_deref());
        assert_eq!(second.items, ["e", "f"]);
    }

    #[test]
    fn bad_cursors_are_refused() {
        let good = Paging::new(Some(1), None, ("name", false), "x")
            .unwrap()
            .take(
                ["a", "b"]
                    .iter()
                    .map(|r| ((Key::text(r), String::new()), *r)),
            )
            .next_cursor
            .unwrap();
        assert!(Paging::new(Some(1), Some(&good), ("name", false), "x").is_ok());
        assert!(Paging::new(Some(1), Some(&good), ("name", true), "x").is_err());
        assert!(Paging::new(Some(1), Some(&good), ("name", false), "y").is_err());
        for bad in ["x", "bm90IGpzb24", &"A".repeat(5_000)] {
            assert!(
                Paging::new(Some(1), Some(bad), ("name", false), "x").is_err(),
                "{bad}"
            );
        }
        for limit in [0, 1_001, u32::MAX] {
            assert!(Paging::new(Some(limit), None, ("name", false), "").is_err());
        }
    }
}
