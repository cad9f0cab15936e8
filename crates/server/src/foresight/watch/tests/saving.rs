//! Detectors on disk.

use super::super::{saved, shards};
use super::*;

#[test]
fn what_is_written_is_read_to_the_bit_and_damage_is_known() {
    let (mut of, id) = learned();
    let rules = HashMap::new();
    assert!(row(&mut of, id, 0, 0.95, &quiet_ground(&rules)).is_some());
    of.uptime = Some((Timestamp::from_unix_ms(NOW), Value::F64(1.5)));
    let other = OfDevice {
        series: [(
            SeriesId::new(),
            Box::new(Watched::new(MetricKind::Counter, 7)),
        )]
        .into(),
        ..OfDevice::default()
    };
    let (first, second) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
    let bytes = saved::write([(first, &of), (second, &other)].into_iter());
    let (read, damage) = saved::read(&bytes);
    assert_eq!(damage, None);
    assert_eq!(read[&first], of);
    assert_eq!(read[&second], other);
    for length in 0..bytes.len() {
        let (_, damage) = saved::read(&bytes[..length]);
        assert!(damage.is_some(), "{length}");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let (read, damage) = saved::read(&flipped);
        assert!(damage.is_some(), "{at}");
        // What is taken is what was written.
        for (id, known) in read {
            assert_eq!(
                known,
                if id == first {
                    of.clone()
                } else {
                    other.clone()
                },
                "{at}"
            );
        }
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_told_and_the_rest_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (of, _) = learned();
    let (here, there) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
    for id in [here, there] {
        let bytes = saved::write([(id, &of)].into_iter());
        shards::write(folder.path(), shards::shard_of(id), &bytes).unwrap();
    }
    assert_eq!(shards::load(folder.path()).devices.len(), 2);
    let path = folder.path().join("watch-01");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let loaded = shards::load(folder.path());
    assert_eq!(loaded.devices.keys().copied().collect::<Vec<_>>(), [there]);
    assert_eq!(loaded.damage.len(), 1);
    assert!(
        loaded.damage[0].contains("watch-01"),
        "{}",
        loaded.damage[0]
    );
    assert!(folder.path().join("watch-01.damaged").exists());
    let again = shards::load(folder.path());
    assert!(again.damage.is_empty());
}
