//! The pages of a damaged file, and the rows that are still on them, read without the database:
//! whatever else is lost, a row on a sound page is found, and its own checksum proves it.
//!
//! Source of the layout: <https://sqlite.org/fileformat2.html>. Every length and number here comes
//! from damaged bytes, so each is checked before it is used. The log beside the file is in
//! [`super::log`].

use crate::documents::DOCUMENT_BYTES_MAX;

/// Octets of a page, as the file was made. No octet of a page is reserved.
pub(super) const PAGE_LEN: usize = 4096;
/// Octets before the first page's tree.
const FILE_HEADER_LEN: usize = 100;
/// First octet of a leaf of a table.
const LEAF: u8 = 0x0d;
/// Octets of a leaf's header.
const LEAF_HEADER_LEN: usize = 8;
/// Octets of a row's content that a leaf holds at most; more goes to overflow pages.
const LOCAL_MAX: usize = PAGE_LEN - 35;
/// Octets that stay on the leaf at least where there are overflow pages.
const LOCAL_MIN: usize = (PAGE_LEN - 12) * 32 / 255 - 23;
/// Octets of content on an overflow page, behind the number of the next.
const OVERFLOW_LEN: usize = PAGE_LEN - 4;
/// Octets of content that a row may have: a document, its id and the record's header.
const CONTENT_MAX: usize = DOCUMENT_BYTES_MAX + PAGE_LEN;

/// Pages by their number, from 1.
pub(super) trait Pages {
    /// A page; none beyond the end.
    fn page(&self, number: u32) -> Option<&[u8; PAGE_LEN]>;
    /// How many pages there are.
    fn count(&self) -> u32;
}

/// A value of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Column<'a> {
    /// NULL, or a kind that no document has.
    Other,
    /// A number.
    Integer(i64),
    /// A text or blob.
    Bytes(&'a [u8]),
}

/// Hands the columns of each row of any table to `take`, `N` of them: rows with fewer are left
/// out.
pub(super) fn rows<const N: usize>(pages: &impl Pages, mut take: impl FnMut([Column<'_>; N])) {
    for number in 1..=pages.count() {
        let Some(page) = pages.page(number) else {
            continue;
        };
        let start = if number == 1 { FILE_HEADER_LEN } else { 0 };
        for cell in cells(page, start) {
            let Some(content) = content(pages, page, cell) else {
                continue;
            };
            if let Some(columns) = columns(&content) {
                take(columns);
            }
        }
    }
}

/// Where the cells of a leaf begin; of any other page, none.
fn cells(page: &[u8; PAGE_LEN], start: usize) -> Vec<usize> {
    let Some(header) = page.get(start..start + LEAF_HEADER_LEN) else {
        return Vec::new();
    };
    let &[LEAF, _, _, high, low, ..] = header else {
        return Vec::new();
    };
    let count = usize::from(u16::from_be_bytes([high, low]));
    let pointers = page.get(start + LEAF_HEADER_LEN..).unwrap_or_default();
    pointers
        .as_chunks::<2>()
        .0
        .iter()
        .take(count)
        .map(|pointer| usize::from(u16::from_be_bytes(*pointer)))
        .collect()
}

/// The whole content of a cell, gathered from its overflow pages.
fn content(pages: &impl Pages, page: &[u8; PAGE_LEN], at: usize) -> Option<Vec<u8>> {
    let cell = page.get(at..)?;
    let (len, cell) = varint(cell)?;
    let (_row_number, cell) = varint(cell)?;
    let len = usize::try_from(len)
        .ok()
        .filter(|len| *len <= CONTENT_MAX)?;
    if len <= LOCAL_MAX {
        return cell.get(..len).map(<[u8]>::to_vec);
    }
    let fitting = LOCAL_MIN + (len - LOCAL_MIN) % OVERFLOW_LEN;
    let local = if fitting <= LOCAL_MAX {
        fitting
    } else {
        LOCAL_MIN
    };
    let (here, rest) = cell.split_at_checked(local)?;
    let mut content = here.to_vec();
    let mut next = u32::from_be_bytes(*rest.first_chunk::<4>()?);
    // Ends: each page adds octets, and there are no more than `len`.
    while content.len() < len {
        let (number, octets) = pages.page(next)?.split_first_chunk::<4>()?;
        next = u32::from_be_bytes(*number);
        let wanted = (len - content.len()).min(OVERFLOW_LEN);
        content.extend_from_slice(octets.get(..wanted)?);
    }
    Some(content)
}

/// The first `N` columns of a record.
fn columns<const N: usize>(record: &[u8]) -> Option<[Column<'_>; N]> {
    let (header_len, kinds) = varint(record)?;
    let header_len = usize::try_from(header_len).ok()?;
    let mut values = record.get(header_len..)?;
    let mut kinds = kinds.get(..header_len.checked_sub(record.len() - kinds.len())?)?;
    let mut columns = [const { Column::Other }; N];
    for column in &mut columns {
        let kind;
        (kind, kinds) = varint(kinds)?;
        let len = match kind {
            0 | 8..=11 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let octets;
        (octets, values) = values.split_at_checked(len)?;
        *column = match kind {
            1..=6 => Column::Integer(integer(octets)),
            8 => Column::Integer(0),
            9 => Column::Integer(1),
            12.. => Column::Bytes(octets),
            _ => Column::Other,
        };
    }
    Some(columns)
}

/// A big-endian number in two's complement of up to 8 octets.
fn integer(octets: &[u8]) -> i64 {
    let negative = octets.first().is_some_and(|octet| *octet >= 0x80);
    octets
        .iter()
        .fold(if negative { -1 } else { 0 }, |number, octet| {
            (number << 8) | i64::from(*octet)
        })
}

/// A number of 1 to 9 octets, and what is behind it.
fn varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (position, octet) in octets.iter().take(9).enumerate() {
        let rest = octets.get(position + 1..)?;
        if position == 8 {
            return Some(((number << 8) | u64::from(*octet), rest));
        }
        number = (number << 7) | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    struct File(Vec<u8>);

    impl Pages for File {
        fn page(&self, number: u32) -> Option<&[u8; PAGE_LEN]> {
            let number = usize::try_from(number).unwrap().checked_sub(1)?;
            self.0.as_chunks().0.get(number)
        }
        fn count(&self) -> u32 {
            u32::try_from(self.0.len() / PAGE_LEN).unwrap()
        }
    }

    /// A file with rows of such lengths, and their numbers.
    fn file(lengths: &[usize]) -> File {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA page_size = 4096; CREATE TABLE t (n INTEGER PRIMARY KEY, id TEXT, number INTEGER, body BLOB)")
            .unwrap();
        for (n, len) in lengths.iter().enumerate() {
            let number = i64::try_from(n).unwrap().pow(7) * if n % 2 == 0 { 1 } else { -1 };
            connection
                .execute(
                    "INSERT INTO t (id, number, body) VALUES (?1, ?2, ?3)",
                    rusqlite::params![format!("row {n}"), number, vec![b'x'; *len]],
                )
                .unwrap();
        }
        drop(connection);
        File(std::fs::read(path).unwrap())
    }

    fn found(file: &File) -> Vec<(String, i64, usize)> {
        let mut found = Vec::new();
        rows(file, |columns: [Column<'_>; 4]| {
            if let [
                _,
                Column::Bytes(id),
                Column::Integer(number),
                Column::Bytes(body),
            ] = columns
            {
                found.push((String::from_utf8_lossy(id).into_owned(), number, body.len()));
            }
        });
        found
    }

    #[test]
    fn every_row_is_found_whatever_its_length() {
        let lengths: Vec<usize> = (0..40)
            .chain(4000..4120)
            .chain([8_000, 8_192, 100_000, 1_000_000])
            .collect();
        let file = file(&lengths);
        // The table's own declaration is a row too, of other columns.
        let found: Vec<_> = found(&file)
            .into_iter()
            .filter(|r| r.0.starts_with("row"))
            .collect();
        assert_eq!(found.len(), lengths.len());
        for (n, (id, number, len)) in found.into_iter().enumerate() {
            let sign = if n % 2 == 0 { 1 } else { -1 };
            let expected = i64::try_from(n).unwrap().pow(7) * sign;
            assert_eq!(
                (id, number, len),
                (format!("row {n}"), expected, lengths[n])
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200)
        ) {
            let mut file = file(&[10, 5000, 20, 9000]);
            for (at, octet) in changes {
                let at = at.index(file.0.len());
                file.0[at] = octet;
            }
            prop_assert!(found(&file).len() <= 4096);
        }
    }
}
