//! `store`: what is read back from disk, which may have been damaged or tampered with there.

use crate::input::Input;
use ::store::archive::Manifest;
use ::store::backup::snapshot;
use ::store::blocks::codec;
use ::store::catalog;
use ::store::documents::sqlite::row;
use ::store::documents::{CollectionSpec, Document};
use ::store::exchange::{Format, read};
use ::store::history;
use ::store::pack;
use ::store::series::Selector;
use ::store::series::log::frame;
use ::store::shapes::rewritten;
use ::store::vault::{Key, Sealed, Vault};
use model::{BackupId, Timestamp};
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// A snapshot of a backup: its id, then its octets; and the two JSON texts of one, with a nought
/// between, in sound boxes. What is read is written and read to the same again.
pub(crate) fn backup(data: &[u8]) {
    let id = BackupId::from_bytes([7; 16]);
    let again = |octets: &[u8]| {
        if let Some(written) = snapshot::rewritten(id, octets) {
            assert_eq!(snapshot::rewritten(id, &written).as_ref(), Some(&written));
        }
    };
    again(data);
    let end = data.iter().position(|octet| *octet == 0);
    let (summary, files) = data.split_at(end.unwrap_or(data.len()));
    let mut octets = Vec::new();
    // The checksum keeps chance out, so that nothing behind it would be tried.
    for (part, content) in [(0, summary), (1, files.get(1..).unwrap_or_default())] {
        let length = u32::try_from(content.len()).expect("inputs are short");
        let mut head = b"FTSN\x01\0\0\0".to_vec();
        head.extend(length.to_le_bytes());
        let about = [&id.as_bytes()[..], &[part]].concat();
        let crc = crc32c::crc32c(&[&head[..], &about, content].concat());
        octets.extend(head);
        octets.extend(content);
        octets.extend(crc.to_le_bytes());
    }
    again(&octets);
}

/// A manifest of the archive, and its first line alone, as the checksum keeps chance out. What is read is
/// written and read to the same again.
pub(crate) fn archive_manifest(data: &[u8]) {
    for manifest in [Manifest::parse(data), Manifest::parse_said(data)]
        .into_iter()
        .flatten()
    {
        let written = manifest.to_octets().expect("what was JSON becomes JSON");
        assert_eq!(Manifest::parse(&written), Ok(manifest));
    }
}

/// A block; what decodes is encoded and decoded to the same again.
pub(crate) fn block(data: &[u8]) {
    let _ = codec::decode(data);
    // The checksum keeps chance out, so that nothing behind it would be tried.
    let mut sealed = data.to_vec();
    sealed.extend(crc32c::crc32c(data).to_le_bytes());
    if let Ok(block) = codec::decode(&sealed) {
        let encoded = codec::encode(&block).expect("what was decoded is no larger than may be");
        assert_eq!(codec::decode(&encoded), Ok(block));
    }
}

/// A pack, as it is and as what stands between two sound checksums: the first octet says how much of
/// the rest is the head of a device, the others are its sections.
pub(crate) fn pack(data: &[u8]) {
    if let Ok(whole) = pack::from_octets(data.to_vec()) {
        read_pack(&whole);
    }
    if let Ok((part, damage)) = pack::salvage_octets(data.to_vec()) {
        assert!(!damage.is_empty() || pack::from_octets(data.to_vec()).is_ok());
        read_pack(&part);
    }
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let (directory, sections) = rest.split_at(usize::from(first).min(rest.len()));
    let length = |octets: usize| {
        u32::try_from(octets)
            .expect("inputs are short")
            .to_le_bytes()
    };
    let head_len = 24 + directory.len() + 4;
    let mut head = vec![7; 16];
    head.extend(length(head_len));
    head.extend(length(head_len + sections.len()));
    head.extend(directory);
    head.extend(crc32c::crc32c(&head).to_le_bytes());
    let mut octets = pack_header();
    octets.extend(head);
    octets.extend(sections);
    let (part, damage) = pack::salvage_octets(octets).expect("its header is sound");
    assert!(!damage.is_empty());
    read_pack(&part);
}

fn pack_header() -> Vec<u8> {
    let mut header = b"FTPACK\0\0\x01\0\0\x02\0\0\0\0".to_vec();
    header.extend(0i64.to_le_bytes());
    header.extend(86_400_000i64.to_le_bytes());
    header.resize(60, 0);
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    header
}

/// Reads all of a pack. What is read of a device and what is damaged are all that its head names.
fn read_pack(pack: &pack::Pack) {
    for entry in pack.entries() {
        let Ok(head) = pack.head(entry) else {
            continue;
        };
        let Ok((dense, damage)) = pack.dense(entry) else {
            continue;
        };
        assert_eq!(dense.columns().len() + damage.len(), head.columns().count());
    }
    let mut from = Some(pack::Cursor::default());
    while let Some(cursor) = from {
        from = pack.verify(cursor, 4096).next;
    }
}

/// A row of the documents: the first octet says of which collection, then come the lengths of its
/// id and its revision. A body that belongs there is written and read to the same again.
pub(crate) fn document(data: &[u8]) {
    let mut input = Input(data);
    let at = usize::from(input.u8()) % catalog::ALL.len();
    let collection: &CollectionSpec = catalog::ALL[at];
    let id_len = usize::from(input.u8());
    let (revision, crc) = (input.i64(), input.i64());
    let (id, body) = (input.take(id_len), input.0);
    let lossy = String::from_utf8_lossy(id).into_owned();
    let Ok(number) = u64::try_from(revision) else {
        assert_eq!(
            row::proven(collection, id, Some(revision), body, Some(crc)),
            None
        );
        return;
    };
    let sum = row::checksum(collection.name, collection.version, &lossy, number, body).into();
    if crc != sum {
        assert_eq!(
            row::proven(collection, id, Some(revision), body, Some(crc)),
            None
        );
    }
    // Chance would hardly ever find the checksum, so that nothing behind it would be tried.
    let document = row::proven(collection, id, Some(revision), body, Some(sum));
    let document = document.expect("its checksum holds");
    let _ = row::key_of(collection, &document.body);
    if let Ok(written) = rewritten(collection, document.clone()) {
        let keys = row::key_of(collection, &written);
        let again = Document {
            body: written.clone(),
            ..document
        };
        let again = rewritten(collection, again).expect("what was written can be read");
        assert!(
            again == written,
            "{} became {}",
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(&again)
        );
        assert_eq!(row::key_of(collection, &again), keys);
    }
}

/// A damaged file of documents and the log over it: the first two octets say where the one ends.
pub(crate) fn salvage(data: &[u8]) {
    let Some((&[high, low], octets)) = data.split_first_chunk() else {
        return;
    };
    let end = usize::from(u16::from_be_bytes([high, low])).min(octets.len());
    let (file, log) = octets.split_at(end);
    let _ = ::store::documents::sqlite::salvage::rows_shown(file, log);
}

/// A segment of the log: damage is skipped, and what is told covers it from end to end.
pub(crate) fn log(data: &[u8]) {
    let _ = frame::parse_header(data);
    let mut octets_told = 0;
    for found in frame::frames(data) {
        match found {
            frame::Found::Batch(_) => {}
            frame::Found::Damaged { offset, length } | frame::Found::Torn { offset, length } => {
                assert!(offset >= octets_told && length > 0);
                octets_told = offset + length;
            }
        }
    }
    assert!(octets_told <= data.len());
    // As for blocks: a frame whose checksum agrees.
    let mut framed = b"FTfr".to_vec();
    let length = u32::try_from(data.len())
        .expect("inputs are short")
        .to_le_bytes();
    framed.extend(length);
    framed.extend(crc32c::crc32c_append(crc32c::crc32c(&length), data).to_le_bytes());
    framed.extend(data);
    if let Some((batch, length)) = frame::decode(&framed) {
        assert_eq!(length, framed.len());
        let mut encoded = Vec::new();
        frame::encode(&batch, &mut encoded);
        // Not compared as batches: NaN differs from itself.
        let (again, _) = frame::decode(&encoded).expect("what was decoded can be written");
        let mut twice = Vec::new();
        frame::encode(&again, &mut twice);
        assert_eq!(encoded, twice);
    }
}

/// A row of the history: its kind, its time and its value, then its text. What it says is written and
/// read to the same again.
pub(crate) fn history(data: &[u8]) {
    let mut input = Input(data);
    let (kind, at, value) = (i64::from(input.u8()) % 6, input.i64(), input.i64());
    let text = std::str::from_utf8(input.0).ok().map(str::to_owned);
    let at = Timestamp::from_unix_ms(at);
    let Some(record) = history::row_told(kind, [7; 16], at, value, text) else {
        return;
    };
    let (kind, id, at, value, text) = history::row_of(&record);
    let again = history::row_told(kind, id, at, value, text);
    assert_eq!(again, Some(record));
}

/// A selector of series, and behind a zero octet a value to hold it against: what is read is written
/// and read to the same again, and holds for the same values.
pub(crate) fn selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (text, value) = text.split_once('\0').unwrap_or((text, ""));
    match text.parse::<Selector>() {
        Ok(selector) => {
            let written = selector.to_string();
            let again: Selector = written.parse().expect("what was written can be read");
            assert_eq!(again, selector);
            for (matcher, again) in selector.matchers().iter().zip(again.matchers()) {
                assert_eq!(matcher.holds([value]), again.holds([value]));
            }
        }
        Err(error) => assert!(error.character <= text.chars().count() + 1),
    }
}

/// A file of samples: what is told of it is finite and within bounds, and every line at most once or for
/// as many points as it has.
fn samples(format: Format, data: &[u8]) {
    let (mut rows, mut before) = (0_usize, 0);
    let _ = read(format, &mut &*data, &mut |row| {
        rows += 1;
        let line = match &row {
            Ok(row) => {
                assert!(row.value.as_f64().is_finite());
                row.line
            }
            Err(refused) => refused.line,
        };
        assert!(before <= line, "lines are told in their order");
        before = line;
        ControlFlow::Continue(())
    });
    assert!(rows <= data.len() + 1);
}

/// Samples as CSV.
pub(crate) fn csv(data: &[u8]) {
    samples(Format::Csv, data);
}

/// Samples as JSON lines.
pub(crate) fn lines_samples(data: &[u8]) {
    samples(Format::Lines, data);
}

/// Samples as OpenMetrics text.
pub(crate) fn openmetrics(data: &[u8]) {
    samples(Format::Openmetrics, data);
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| Vault::new(Key::from_bytes([7; 32])));

/// A sealed secret: nothing that was not sealed opens.
pub(crate) fn vault(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(sealed) = Sealed::try_from(text.to_owned()) {
        assert!(VAULT.open("credentials", "id", &sealed).is_err());
    }
}
