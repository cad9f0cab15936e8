//! What was read of packs of roll-ups while days are gone through.

use super::read::{Loaded, Rolls, Wanted};
use crate::blocks::Level;
use crate::pack::PackId;
use crate::series::parts::Parts;
use crate::series::read::chain;
use model::{DeviceId, Timestamp};

/// Packs of roll-ups whose fields are kept while days are gone through: of a month, and of a day that
/// was made anew since.
const LOADED_MAX: usize = 4;

/// What was read of packs of roll-ups.
pub(super) struct Cache<'a> {
    pub(super) parts: &'a Parts,
    pub(super) wanted: Wanted,
    /// Nothing is wanted from there on.
    pub(super) end: Timestamp,
    pub(super) device_id: DeviceId,
    /// The last packs, those too that have nothing of the device.
    pub(super) loaded: Vec<(PackId, Option<Loaded>)>,
    /// One was asked for that is not listed any more.
    pub(super) is_stale: bool,
}

impl Cache<'_> {
    pub(super) fn get(&self, id: &PackId) -> Option<&Loaded> {
        let found = self.loaded.iter().find(|(other, _)| other == id);
        found.and_then(|(_, loaded)| loaded.as_ref())
    }

    /// Reads what a pack has of the device from a day on; says whether it has anything. Days ascend.
    pub(super) fn load(&mut self, id: &PackId, day: Timestamp) -> bool {
        if let Some((_, loaded)) = self.loaded.iter().find(|(other, _)| other == id) {
            return loaded.is_some();
        }
        let opened = self.open(id);
        let loaded = opened.map(|rolls| {
            let to = rolls.id().end().min(self.end.max(Level::Day.end(day)));
            let (loaded, damage) = rolls.load(&self.wanted, day, to);
            for damage in damage {
                self.parts.lost(&damage.to_string());
            }
            loaded
        });
        if self.loaded.len() >= LOADED_MAX {
            self.loaded.remove(0);
        }
        let has = loaded.is_some();
        self.loaded.push((*id, loaded));
        has
    }

    /// Forgets what is not there; answers whether one was asked for that went after it was listed.
    pub(super) fn was_stale(&mut self) -> bool {
        self.loaded.retain(|(_, loaded)| loaded.is_some());
        std::mem::take(&mut self.is_stale)
    }

    fn open(&mut self, id: &PackId) -> Option<Rolls> {
        let pack = match self.parts.packs.pack(id) {
            Ok(pack) => pack,
            Err(error) => {
                let list = self.parts.packs.list();
                if list.iter().any(|meta| meta.id == *id) {
                    self.parts.lost(&chain(&error));
                } else {
                    self.is_stale = true;
                }
                return None;
            }
        };
        let entry = pack.find(self.device_id)?;
        match pack.head_of(&entry, &self.wanted.columns) {
            Ok(head) => Some(Rolls::new(pack, entry, head)),
            Err(error) => {
                self.parts.lost(&chain(&error));
                None
            }
        }
    }

    /// Whether a pack of samples may have any of the device.
    pub(super) fn has_device(&self, id: &PackId) -> bool {
        let pack = self.parts.packs.pack(id);
        pack.map_or(true, |pack| pack.find(self.device_id).is_some())
    }
}
