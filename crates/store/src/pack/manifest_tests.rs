//! The manifest both ways, damaged, hostile, and as it was written before.

use super::*;
use crate::blocks::Level;
use crate::disk::RealDisk;
use crate::pack::{Kind, Totals};
use model::Timestamp;
use proptest::prelude::*;

fn meta(n: u64) -> PackMeta {
    PackMeta {
        id: PackId {
            start: Timestamp::from_unix_ms(1_772_366_400_000),
            level: Level::TwoHours,
            kind: Kind::Samples,
            class: 1,
            shard: 2,
            generation: n,
        },
        bytes: 1000 + n,
        totals: Totals {
            devices: 3,
            series: 30,
            samples: 900,
            first_ms: 1_772_366_400_000,
            last_ms: 1_772_366_460_000,
        },
        crc: 0xfeed,
    }
}

fn open(folder: &Path) -> (Manifest, Vec<Damage>) {
    let (manifest, _, damage) = Manifest::read(Arc::new(RealDisk), folder);
    (manifest, damage)
}

fn generations(manifest: &Manifest) -> Vec<u64> {
    manifest.packs().map(|meta| meta.id.generation).collect()
}

#[test]
fn what_was_committed_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manifest, damage) = open(folder.path());
    assert_eq!(damage, []);
    for n in 1..6 {
        assert_eq!(manifest.give_generation(), n - 1);
        manifest.commit(&[meta(n - 1)], &[]).unwrap();
    }
    manifest
        .commit(&[meta(5)], &[meta(1).id, meta(2).id])
        .unwrap();
    for anew in [false, true] {
        let (mut read, damage) = open(folder.path());
        assert_eq!(damage, []);
        assert_eq!(generations(&read), [0, 3, 4, 5]);
        assert_eq!(read.packs().next(), Some(&meta(0)));
        assert_eq!(read.removed(), [meta(1).id, meta(2).id]);
        assert_eq!(read.list, manifest.list);
        if anew {
            read.forget(&meta(1).id);
            read.rewrite().unwrap();
            let (mut again, _) = open(folder.path());
            assert_eq!(again.removed(), [meta(2).id]);
            assert_eq!(again.give_generation(), 6);
        }
    }
}

#[test]
fn a_damaged_frame_costs_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manifest, _) = open(folder.path());
    manifest.rewrite().unwrap();
    let path = folder.path().join(NAME);
    let length = || std::fs::metadata(&path).unwrap().len();
    let mut begins = vec![length()];
    for n in 0..4 {
        manifest.commit(&[meta(n)], &[]).unwrap();
        begins.push(length());
    }
    let good = std::fs::read(&path).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bad).unwrap();
        let (read, damage) = open(folder.path());
        let place = (bit / 8) as u64;
        let expected: Vec<u64> = (0..4)
            .filter(|n| {
                let n = usize::try_from(*n).unwrap();
                !(begins[n]..begins[n + 1]).contains(&place)
            })
            .collect();
        assert_eq!(generations(&read), expected, "bit {bit}");
        assert_eq!(damage.len(), 1, "bit {bit}: {damage:?}");
    }
    for cut in 0..good.len() {
        std::fs::write(&path, &good[..cut]).unwrap();
        let (read, damage) = open(folder.path());
        let whole = begins[1..].iter().filter(|end| **end <= cut as u64);
        assert_eq!(generations(&read).len(), whole.count(), "cut to {cut}");
        let told = !begins.contains(&(cut as u64)) && cut != HEADER_LEN;
        assert_eq!(!damage.is_empty(), told, "cut to {cut}: {damage:?}");
    }
}

/// Written by version 1; these octets must be read for ever.
const VERSION_1: &str = "46544d414e49010068b9b68a46546d667c0000002d5a4cf40108000000000000000201000101000200000a45a99c01000000dd6d00000000000700000000000000ef0300000000000003000000000000001e000000000000008403000000000000000a45a99c01000060f445a99c010000edfe000002000101000200000a45a99c01000000dd6d00000000000300000000000000";

#[test]
fn version_1_is_still_read() {
    let mut list = List::default();
    list.apply(Change::Add(meta(7)));
    list.apply(Change::Remove(meta(3).id));
    let now = list
        .write()
        .iter()
        .fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
    let mut read = List::default();
    let damage = read.read(&hex::decode(VERSION_1).unwrap());
    assert_eq!(damage, [""; 0], "today it is written {now}");
    assert_eq!(read, list);
}

#[test]
fn a_file_in_which_writing_failed_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manifest, _) = open(folder.path());
    manifest.commit(&[meta(0)], &[]).unwrap();
    manifest.file = Some(Box::new(Full));
    assert!(manifest.commit(&[meta(1)], &[meta(0).id]).is_err());
    assert_eq!(generations(&manifest), [0]);
    manifest.commit(&[meta(2)], &[]).unwrap();
    let (read, damage) = open(folder.path());
    assert_eq!((generations(&read), damage), (vec![0, 2], vec![]));
}

struct Full;

impl DiskFile for Full {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn cut(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

proptest! {
    #[test]
    fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = List::default().read(&bytes);
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut framed = FRAME_MAGIC.to_vec();
        framed.extend(length);
        framed.extend(checksum(length, &bytes).to_le_bytes());
        framed.extend(bytes);
        let _ = frame(&framed);
    }
}
