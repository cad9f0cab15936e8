//! Frames both ways, torn, flipped, hostile, and as they were written before.

use super::*;
use proptest::prelude::*;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn batch(n: u8, values: &[(u32, Value)]) -> Batch {
    Batch {
        device_id: device(n),
        at: Timestamp::from_unix_ms(1_772_366_400_000 + i64::from(n)),
        values: values
            .iter()
            .map(|(column, value)| (Column(*column), *value))
            .collect(),
    }
}

fn three() -> [Batch; 3] {
    [
        batch(
            1,
            &[
                (0, Value::U64(7)),
                (1, Value::F64(0.25)),
                (9, Value::U64(u64::MAX)),
            ],
        ),
        batch(2, &[]),
        batch(3, &[(4_000_000_000, Value::F64(-1.5))]),
    ]
}

/// The octets of some frames, and where each begins.
fn written(batches: &[Batch]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut begins) = (Vec::new(), Vec::new());
    for batch in batches {
        begins.push(bytes.len());
        encode(batch, &mut bytes);
    }
    (bytes, begins)
}

fn read(bytes: &[u8]) -> Vec<Found> {
    frames(bytes).collect()
}

#[test]
fn frames_both_ways() {
    let (bytes, _) = written(&three());
    assert_eq!(read(&bytes), three().map(Found::Batch));
    assert_eq!(read(&[]), []);
    assert_eq!(parse_header(&header(77)), Some(77));
    assert_eq!(parse_header(&header(77)[..19]), None);
}

/// What a scan tells must be what reading tells.
fn scanned(bytes: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    scan(bytes, |seen| {
        all.push(match seen {
            Seen::Frame {
                offset,
                length,
                device_id,
                at,
                columns,
            } => {
                let (batch, whole) = decode(&bytes[offset..]).unwrap();
                assert_eq!((batch.device_id, batch.at, whole), (device_id, at, length));
                let own: Vec<Column> = batch.values.iter().map(|(column, _)| *column).collect();
                assert_eq!(own, columns);
                Found::Batch(batch)
            }
            Seen::Damaged { offset, length } => Found::Damaged { offset, length },
            Seen::Torn { offset, length } => Found::Torn { offset, length },
        });
    });
    all
}

#[test]
fn a_scan_sees_what_is_read() {
    let (bytes, begins) = written(&three());
    for length in 0..=bytes.len() {
        assert_eq!(scanned(&bytes[..length]), read(&bytes[..length]));
    }
    for octet in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[octet] ^= 0x10;
        assert_eq!(
            scanned(&bad),
            read(&bad),
            "octet {octet}, frames at {begins:?}"
        );
    }
}

#[test]
fn a_torn_tail_leaves_the_frames_before_it() {
    let (bytes, begins) = written(&three());
    for length in 0..bytes.len() {
        let whole = begins
            .iter()
            .skip(1)
            .filter(|begin| **begin <= length)
            .count();
        let begin = begins[whole];
        let found = read(&bytes[..length]);
        let mut expected: Vec<Found> = three().into_iter().take(whole).map(Found::Batch).collect();
        if length > begin {
            expected.push(Found::Torn {
                offset: begin,
                length: length - begin,
            });
        }
        assert_eq!(found, expected, "cut to {length}");
    }
}

#[test]
fn a_flipped_bit_costs_one_frame() {
    let (bytes, begins) = written(&three());
    for bit in 0..begins[2] * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let hit = usize::from(bit / 8 >= begins[1]);
        let damaged = Found::Damaged {
            offset: begins[hit],
            length: begins[hit + 1] - begins[hit],
        };
        let mut expected = three().map(Found::Batch);
        expected[hit] = damaged;
        assert_eq!(read(&bad), expected, "bit {bit}");
    }
}

/// Written by version 1; these octets must be read for ever.
const VERSION_1: &str = "46544c4f470001000500000000000000592578aa46546672300000006cc05f810101010101010101010101010101010101010a45a99c01000003000703000000000000d03f10ffffffffffffffffff01465466721a0000004d8496790102020202020202020202020202020202020a45a99c0100000046546672270000002ae556630103030303030303030303030303030303030a45a99c0100000181a0d9e61d000000000000f8bf";

#[test]
fn version_1_is_still_read() {
    let (frames, _) = written(&three());
    let now = header(5)
        .iter()
        .chain(&frames)
        .fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
    let bytes: Vec<u8> = (0..VERSION_1.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&VERSION_1[i..i + 2], 16).unwrap())
        .collect();
    assert_eq!(parse_header(&bytes), Some(5), "today it is written {now}");
    assert_eq!(read(&bytes[HEADER_LEN..]), three().map(Found::Batch));
}

proptest! {
    #[test]
    fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let told: usize = read(&bytes).iter().map(|found| match found {
            Found::Batch(_) => 0,
            Found::Damaged { length, .. } | Found::Torn { length, .. } => *length,
        }).sum();
        prop_assert!(told <= bytes.len());
        prop_assert_eq!(scanned(&bytes), read(&bytes));
        let _ = parse_header(&bytes);
    }

    #[test]
    fn any_payload_behind_a_good_checksum_is_survived(
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let mut bytes = FRAME_MAGIC.to_vec();
        bytes.extend(length);
        bytes.extend(checksum(length, &payload).to_le_bytes());
        bytes.extend([&[SAMPLES], payload.as_slice()].concat());
        assert_eq!(scanned(&bytes), read(&bytes));
    }
}

#[test]
fn what_a_crash_cut_short_is_told_from_what_is_damaged() {
    let (bytes, begins) = written(&three());
    let frame = &bytes[..begins[1]];
    for length in 0..frame.len() {
        assert!(is_cut_short(&frame[..length]), "{length} octets");
    }
    for place in FRAME_HEAD_LEN..frame.len() {
        let mut altered = frame.to_vec();
        altered[place] ^= 1;
        assert!(!is_cut_short(&altered), "octet {place}");
    }
}
