//! The files of detectors: a folder of some shards, each with the devices whose ids end so, so that writing one is
//! short and none is written twice for a change in another. Each is written beside itself, synced and renamed.

use super::device::OfDevice;
use super::saved;
use model::DeviceId;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How many there are.
pub const SHARDS: usize = 16;
/// Longest file that is read, in octets: a million series of half a KiB in sixteen shards, eight times over.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// In which shard a device is.
pub fn shard_of(id: DeviceId) -> usize {
    let last = id.as_bytes().last().copied().unwrap_or(0);
    usize::from(last) % SHARDS
}

fn path(folder: &Path, shard: usize) -> PathBuf {
    folder.join(format!("watch-{shard:02}"))
}

/// Writes one shard, whole or not at all. Waits for the disk.
pub fn write(folder: &Path, shard: usize, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = path(folder, shard);
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What is known of devices.
    pub devices: BTreeMap<DeviceId, OfDevice>,
    /// What was wrong, each in a sentence; the files are set aside.
    pub damage: Vec<String>,
}

/// Reads all that are there. A file that is damaged is set aside under another name, in the place of the one that
/// was before; the devices in it that prove themselves are taken. Waits for the disk.
pub fn load(folder: &Path) -> Loaded {
    let mut loaded = Loaded::default();
    for shard in 0..SHARDS {
        let path = path(folder, shard);
        let read = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(known) if known.len() > FILE_BYTES_MAX => {
                Err(io::Error::other("it is longer than any of ours"))
            }
            _ => fs::read(&path),
        };
        let wrong = match read {
            Ok(bytes) => {
                let (devices, damage) = saved::read(&bytes);
                loaded.devices.extend(devices);
                damage.map(|damage| damage.to_string())
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(wrong) = wrong {
            let aside = path.with_extension("damaged");
            let set = fs::rename(&path, &aside);
            let more = set.map_or_else(
                |error| format!(", and could not be: {error}"),
                |()| String::new(),
            );
            let (path, aside) = (path.display(), aside.display());
            loaded.damage.push(format!(
                "the file of detectors {path} is damaged: {wrong}; it is set aside as {aside}{more}"
            ));
        }
    }
    loaded
}
