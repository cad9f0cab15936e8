//! Blocks both ways, damaged, hostile, and as they were written before.

use super::*;
use proptest::prelude::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn whole_range(view: &BlockView, column: Column) -> Vec<(Timestamp, Value)> {
    view.points(column, at(i64::MIN), at(i64::MAX)).unwrap()
}

/// Encodes, decodes, compares; also column by column. Returns the octets.
fn check(block: &Block) -> Vec<u8> {
    let bytes = encode(block).unwrap();
    assert_eq!(&decode(&bytes).unwrap(), block);
    let view = BlockView::parse(&bytes).unwrap();
    for column in block.columns() {
        let expected: Vec<_> = block.points(column, at(i64::MIN), at(i64::MAX)).collect();
        assert_eq!(whole_range(&view, column), expected);
    }
    bytes
}

/// A block of one column per list, a row a second.
fn block(columns: &[&[Value]]) -> Block {
    let mut block = Block::new();
    for (column, values) in (0u32..).zip(columns) {
        for (secs, value) in (0i64..).zip(*values) {
            block.set(
                at(1_772_366_400_000 + secs * 1000),
                &[(Column(column), *value)],
            );
        }
    }
    block
}

fn floats(values: &[f64]) -> Vec<Value> {
    values.iter().copied().map(Value::F64).collect()
}

fn whole(values: &[u64]) -> Vec<Value> {
    values.iter().copied().map(Value::U64).collect()
}

#[test]
fn every_encoding_is_exact() {
    check(&block(&[&whole(&[7; 9])]));
    check(&block(&[&whole(&[
        u64::MAX,
        0,
        u64::MAX - 1,
        1 << 53,
        (1 << 53) + 1,
    ])]));
    check(&block(&[&floats(&[0.25; 9])]));
    check(&block(&[&floats(&[0.001, 12.5, -3.25, 1e6])]));
    check(&block(&[&floats(&[
        0.1 + 0.2,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        f64::MAX,
    ])]));
    check(&block(&[&floats(&[0.0, -0.0, 1.0])]));
    check(&block(&[&floats(&[9_007_199_254_740_993.0, 1.5])]));
    check(&block(&[&[
        Value::U64(1),
        Value::F64(1.0),
        Value::U64(2),
        Value::F64(2.5),
    ]]));
    check(&block(&[
        &whole(&[1]),
        &whole(&[1, 2, 3]),
        &floats(&[1.0, 2.0]),
    ]));
}

#[test]
fn a_poll_a_minute_is_small() {
    let mut counters = Block::new();
    let mut octets = [1u64 << 40; 100];
    for minute in 0..120i64 {
        let values: Vec<_> = (0u32..)
            .zip(&mut octets)
            .map(|(column, octets)| {
                *octets +=
                    1_000_000 + (u64::from(column) * 7919 + minute.unsigned_abs() * 104_729) % 4096;
                (Column(column), Value::U64(*octets))
            })
            .collect();
        counters.set(
            at(1_772_366_400_000 + minute * 60_000 + minute % 7),
            &values,
        );
    }
    let bytes = check(&counters);
    assert!(
        bytes.len() < 12_000 * 2,
        "{} octets for 12,000 samples",
        bytes.len()
    );
}

#[test]
fn what_cannot_be_a_block_is_refused() {
    assert_eq!(encode(&Block::new()), Err(EncodeError::Empty));
    let good = check(&block(&[&whole(&[1, 2, 4]), &floats(&[1.5, 2.5, 1.0])]));
    for length in 0..good.len() {
        assert!(decode(&good[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bad).is_err(), "bit {bit}");
    }
    let mut newer = good.clone();
    newer[4] = 2;
    assert_eq!(decode(&newer), Err(DecodeError::Version { version: 2 }));
}

/// The body with a checksum that agrees, so that what lies behind it is reached.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"FTBK\x01".to_vec();
    bytes.extend(body);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

#[test]
fn claims_are_checked_before_they_cost_memory() {
    let mut rows = Vec::new();
    put_varint(&mut rows, u64::MAX);
    assert!(decode(&sealed(&rows)).is_err());
    // A column of constants for each of many columns.
    let mut many = Vec::new();
    put_length(&mut many, ROWS_MAX);
    put_length(&mut many, 1 << 20);
    put_section(
        &mut many,
        (0, &[0i64.to_le_bytes().as_slice(), &[1]].concat()),
    );
    assert!(matches!(
        decode(&sealed(&many)),
        Err(DecodeError::TooLarge { .. })
    ));
}

/// Written by format version 1; these octets must be read for ever.
const SHORT: &str = "4654424b010305000a000a45a99c010000e8070000010501800201010087040602643201060780897a81897a0801841103343333333333d33f555555555555d53f2da9bd8b";
const LONG: &str = "4654424b015002013a70636f21030006140401044f000010510200653e00000000000008a0e90300000000008000000a45a99c010080fbce01afbeefeefdbfaa3b000003027370636f21030006140401024f000010010180000000000000004004000000000000000000020406080a0c0e10121416181a1c1e20222426282a2c2e30323436383a3c3e40424446484a4c4e50525456585a5c5e60626466686a6c6e70727476787a7c7e80828486888a8c8e90929496989a9c000103370270636f21030006140401044f00001051020081ffffffffffffff07e00100000000000080000000000000000080894a056ea8208108004a7e96dd";

/// Few rows: differences.
fn short() -> Block {
    block(&[
        &whole(&[5, 5, 5]),
        &[Value::U64(1), Value::F64(0.5), Value::F64(0.75)],
        &whole(&[1_000_000, 18_446_744_073_709_551_615, 3]),
        &floats(&[0.1 + 0.2, 1.0 / 3.0]),
    ])
}

/// Many rows: pco, also for the times.
fn long() -> Block {
    let mut block = Block::new();
    for row in 0..80u32 {
        let values = [
            (Column(3), Value::U64(u64::from(row * row))),
            (Column(4), Value::F64(f64::from(row % 9) / 100.0)),
        ];
        block.set(
            at(1_772_366_400_000 + i64::from(row * 1000 + row % 3)),
            &values,
        );
    }
    block
}

#[test]
fn version_1_is_still_read() {
    for (expected, hex) in [(short(), SHORT), (long(), LONG)] {
        let now = check(&expected)
            .iter()
            .fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect();
        assert_eq!(decode(&bytes), Ok(expected), "today it is written {now}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::U64),
        (0u64..1000).prop_map(Value::U64),
        (-100_000i32..100_000).prop_map(|v| Value::F64(f64::from(v) / 1000.0)),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(Value::F64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_block_both_ways(
        cells in prop::collection::vec((0i64..100, 0u32..6, value()), 1..600),
        rows in 1i64..100,
        columns in prop::collection::vec(any::<u32>(), 6),
    ) {
        let mut block = Block::new();
        for (row, column, value) in cells {
            block.set(at(row % rows * 977 - 5000), &[(Column(columns[column as usize]), value)]);
        }
        check(&block);
    }

    #[test]
    fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode(&sealed(&bytes));
    }

    #[test]
    fn any_change_behind_a_good_checksum_is_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let good = encode(&block(&[
            &whole(&[1, 2, 4, 9, 11]), &floats(&[1.5, 2.5, 1.0]), &whole(&[7; 5]),
            &floats(&[0.1 + 0.2, 1.0 / 3.0]),
        ])).unwrap();
        let mut body = good[5..good.len() - 4].to_vec();
        for (index, octet) in changes {
            let place = index.index(body.len());
            body[place] = octet;
        }
        if let Ok(block) = decode(&sealed(&body)) {
            prop_assert!(block.times().windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
