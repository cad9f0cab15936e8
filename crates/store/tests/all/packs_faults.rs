//! A disk that fails at each call between the first octet of a pack and the last of the manifest:
//! nothing that was acknowledged is lost, and the folder opens soundly.

use crate::faulty_disk::{Fault, FaultyDisk};
use crate::packs::Model;
use crate::packs_folder::{finish, id_of, open, read, samples};
use crate::series_fixture::quick_folder;
use foretell_store::blocks::Level;
use foretell_store::pack::{Damage, PackError, PackFolder, PackMeta};
use std::path::Path;
use std::sync::Arc;

/// What is done: two half-hours are sealed, merged, and a third is sealed. Each step may be tried
/// again, as the server does.
#[derive(Default)]
struct Work {
    step: usize,
    /// Finished by the step that is under way, and not yet added.
    finished: Option<PackMeta>,
    added: Vec<PackMeta>,
    /// What was acknowledged.
    acknowledged: Model,
}

impl Work {
    const STEPS: usize = 4;

    fn step(&mut self, packs: &PackFolder) -> Result<(), PackError> {
        let (id, model) = match self.step {
            half @ (0 | 1) => {
                let half = i64::try_from(half).unwrap();
                (id_of(Level::HalfHour, half), samples(half, 1))
            }
            2 => (id_of(Level::TwoHours, 0), samples(0, 2)),
            _ => (id_of(Level::HalfHour, 2), samples(2, 1)),
        };
        let meta = match self.finished {
            Some(meta) => meta,
            None => finish(packs, id, &model)?,
        };
        self.finished = Some(meta);
        let merged = self.step == 2;
        let remove: Vec<_> = self.added.iter().filter(|_| merged).map(|m| m.id).collect();
        packs.commit(&[meta], &remove)?;
        self.finished = None;
        self.added.push(meta);
        self.acknowledged.extend(model);
        self.step += 1;
        Ok(())
    }
}

/// Does the work on a disk that fails at the n-th call; answers whether it came to that.
fn check(fault: Fault, at: u64, folder: &Path) -> bool {
    let disk = FaultyDisk::beside(fault, at, folder);
    let mut work = Work::default();
    let mut failures = 0;
    if let Ok(packs) = PackFolder::open(Arc::new(disk.clone()), folder) {
        while work.step < Work::STEPS {
            if work.step(&packs).is_ok() {
                continue;
            }
            failures += 1;
            let (model, damage) = read(&packs);
            assert_eq!(model, work.acknowledged, "{fault:?} at {at}");
            assert_eq!(damage, [], "{fault:?} at {at}");
            match fault {
                Fault::Kill | Fault::PowerCut => break,
                Fault::Full if failures < 3 => {}
                _ => disk.make_room(),
            }
            assert!(failures < 5, "{fault:?} at {at}: it does not go on");
        }
    } else {
        assert_ne!(fault, Fault::None);
    }
    if matches!(fault, Fault::PowerCut | Fault::LostSync) {
        disk.cut_power();
    }
    let (packs, damage) = open(folder);
    // What a crash tore off the manifest is told, and nothing else.
    let torn = |damage: &Damage| {
        let at_end = "at the end of the manifest were torn off";
        damage.path.ends_with("MANIFEST") && damage.what.contains(at_end)
    };
    let crashed = matches!(fault, Fault::Kill | Fault::PowerCut | Fault::LostSync);
    let expected = damage.is_empty() || crashed && damage.len() == 1 && damage.iter().all(torn);
    assert!(expected, "{fault:?} at {at}: {damage:?}");
    let (model, damage) = read(&packs);
    assert_eq!(damage, [], "{fault:?} at {at}");
    for (key, value) in &work.acknowledged {
        assert_eq!(model.get(key), Some(value), "{fault:?} at {at}: {key:?}");
    }
    let all = samples(0, 3);
    let written = model.iter().all(|(key, value)| all.get(key) == Some(value));
    assert!(written, "{fault:?} at {at}");
    if work.step == Work::STEPS {
        assert_eq!(model, all, "{fault:?} at {at}");
        assert_eq!(
            packs.list().len(),
            2,
            "{fault:?} at {at}: {:?}",
            packs.list()
        );
    }
    disk.was_hit()
}

#[test]
fn no_acknowledged_pack_is_lost_wherever_the_disk_fails() {
    for fault in [
        Fault::Once,
        Fault::LostSync,
        Fault::Full,
        Fault::Kill,
        Fault::PowerCut,
    ] {
        let mut at = 1;
        loop {
            let folder = quick_folder();
            if !check(fault, at, folder.path()) {
                break;
            }
            at += 1;
        }
        assert!(at > 30, "{fault:?}: {at} calls are too few");
    }
}
