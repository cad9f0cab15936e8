//! The first octets of a pack: what it is and which one. Pure, both ways.

use super::{Kind, PackId, Unsound};
use crate::blocks::Level;
use crate::blocks::octets::Octets;
use model::Timestamp;

/// Octets of a header.
pub(super) const HEADER_LEN: usize = 64;
const MAGIC: [u8; 8] = *b"FTPACK\0\0";
const VERSION: u16 = 1;
const CRC_AT: usize = HEADER_LEN - 4;

/// The header of a pack.
pub(super) fn write(id: &PackId) -> [u8; HEADER_LEN] {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    put_id(&mut bytes, id);
    bytes.resize(CRC_AT, 0);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes.try_into().expect("it was filled up to its length")
}

/// Which pack begins with this header.
pub(super) fn parse(bytes: &[u8; HEADER_LEN]) -> Result<PackId, Unsound> {
    let mut octets = Octets(bytes);
    if octets.array()? != MAGIC {
        return Err(Unsound::NotAPack);
    }
    // First, as a later version may have its checksum elsewhere.
    let version = u16::from_le_bytes(octets.array()?);
    if version != VERSION {
        return Err(Unsound::Version { version });
    }
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Unsound::NotAPack)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Unsound::Checksum { what: "the header" });
    }
    id(&mut octets)
}

/// Appends an id, 30 octets: kind, level, class, shard, start, length of the range, generation.
pub(super) fn put_id(bytes: &mut Vec<u8>, id: &PackId) {
    bytes.push(id.kind as u8);
    bytes.push(id.level as u8);
    bytes.extend(id.class.to_le_bytes());
    bytes.extend(id.shard.to_le_bytes());
    bytes.extend(id.start.unix_ms().to_le_bytes());
    bytes.extend(span_ms(id.level, id.start).to_le_bytes());
    bytes.extend(id.generation.to_le_bytes());
}

/// Reads an id.
pub(super) fn id(octets: &mut Octets) -> Result<PackId, Unsound> {
    let (kind, level) = (octets.u8()?, octets.u8()?);
    let class = u16::from_le_bytes(octets.array()?);
    let shard = u16::from_le_bytes(octets.array()?);
    let (start, span) = (octets.i64()?, octets.i64()?);
    let generation = octets.u64()?;
    let known = Kind::ALL.into_iter().find(|known| *known as u8 == kind);
    let kind = known.ok_or(Unsound::Unknown {
        what: "kind",
        number: kind,
    })?;
    let known = LEVELS.into_iter().find(|known| *known as u8 == level);
    let level = known.ok_or(Unsound::Unknown {
        what: "level",
        number: level,
    })?;
    let start = Timestamp::from_unix_ms(start);
    if span_ms(level, start) != span || level.start(start) != start {
        return Err(Unsound::Malformed {
            what: "the range of a pack",
        });
    }
    Ok(PackId {
        start,
        level,
        kind,
        class,
        shard,
        generation,
    })
}

/// Milliseconds from the start of a range to its end.
fn span_ms(level: Level, start: Timestamp) -> i64 {
    let end = level.end(start).unix_ms();
    end.saturating_sub(start.unix_ms())
}

const LEVELS: [Level; 4] = [Level::HalfHour, Level::TwoHours, Level::Day, Level::Month];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_both_ways() {
        for (n, level) in (0u16..).zip(LEVELS) {
            for kind in Kind::ALL {
                let id = PackId {
                    start: level.start(Timestamp::from_unix_ms(1_772_366_400_123)),
                    level,
                    kind,
                    class: n,
                    shard: 700 + n,
                    generation: u64::from(n) << 40,
                };
                let bytes = write(&id);
                assert_eq!(parse(&bytes), Ok(id));
                for bit in 0..HEADER_LEN * 8 {
                    let mut bad = bytes;
                    bad[bit / 8] ^= 1 << (bit % 8);
                    assert!(parse(&bad).is_err(), "bit {bit}");
                }
            }
        }
    }

    #[test]
    fn names_of_files() {
        let at: Timestamp = "2026-03-01T22:30:00Z".parse().unwrap();
        let name = |level: Level, kind| {
            let id = PackId {
                start: level.start(at),
                level,
                kind,
                class: 3,
                shard: 12,
                generation: 400,
            };
            format!("{}/{}", id.day(), id.file_name())
        };
        let cases = [
            (
                Level::HalfHour,
                Kind::Samples,
                "2026-03-01/h2230-c3-s12-g400.pack",
            ),
            (
                Level::TwoHours,
                Kind::Samples,
                "2026-03-01/t22-c3-s12-g400.pack",
            ),
            (Level::Day, Kind::Samples, "2026-03-01/day-c3-s12-g400.pack"),
            (Level::Day, Kind::Hours, "2026-03/1h-d01-c3-s12-g400.pack"),
            (
                Level::Month,
                Kind::FiveMinutes,
                "2026-03/5m-month-c3-s12-g400.pack",
            ),
        ];
        for (level, kind, expected) in cases {
            assert_eq!(name(level, kind), expected);
        }
    }
}
