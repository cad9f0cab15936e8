//! A disk on which something goes wrong at the n-th call, over the real one.

use foretell_store::disk::{Disk, DiskFile, RealDisk};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tempfile::TempDir;

/// What goes wrong at the n-th call. Of what is appended then, half gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// That call fails.
    Once,
    /// That call, where it is the syncing of a file, fails; what was to be synced is lost with the power,
    /// though syncing the file again succeeds. So a kernel does that gives up pages it could not write.
    LostSync,
    /// From that call on there is no room: making and appending fail.
    Full,
    /// The same until a pack is removed.
    FullUntilRemoved,
    /// That call is the last: the process is gone, and what it did until then stays.
    Kill,
    /// The same, and what was not synced is lost: see [`FaultyDisk::cut_power`].
    PowerCut,
}

#[derive(Clone)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

struct State {
    fault: Fault,
    at: u64,
    calls: u64,
    files: Vec<Tracked>,
    /// What was done to names and is not yet durable.
    unsynced: Vec<Undo>,
    /// Holds files whose names were removed or given to others.
    spare: TempDir,
    spares: u64,
}

/// A file that was made here.
struct Tracked {
    path: PathBuf,
    length: u64,
    synced: u64,
    /// Nothing of it becomes durable any more.
    is_lost: bool,
}

enum Undo {
    Rename {
        from: PathBuf,
        to: PathBuf,
        replaced: Option<PathBuf>,
    },
    Remove {
        path: PathBuf,
        spare: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Write,
    Sync,
    Other,
}

impl FaultyDisk {
    /// For files where a folder is: those that are removed are kept beside it.
    pub(crate) fn beside(fault: Fault, at: u64, folder: &Path) -> Self {
        let spare = tempfile::tempdir_in(folder.parent().unwrap());
        Self(Arc::new(Mutex::new(State {
            fault,
            at,
            calls: 0,
            files: Vec::new(),
            unsynced: Vec::new(),
            spare: spare.unwrap(),
            spares: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Whether the n-th call has come.
    pub(crate) fn was_hit(&self) -> bool {
        let state = self.state();
        state.calls >= state.at
    }

    /// How many calls have come.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// From the next call on there is no room, until a pack is removed.
    pub(crate) fn fill(&self) {
        let mut state = self.state();
        state.fault = Fault::FullUntilRemoved;
        state.at = state.calls + 1;
    }

    /// There is room again, and nothing else goes wrong.
    pub(crate) fn make_room(&self) {
        self.state().fault = Fault::None;
    }

    /// What was not synced is lost.
    pub(crate) fn cut_power(&self) {
        let state = &mut *self.state();
        for undo in std::mem::take(&mut state.unsynced).into_iter().rev() {
            match undo {
                Undo::Rename { from, to, replaced } => {
                    fs::rename(&to, &from).unwrap();
                    state.moved(&to, &from);
                    if let Some(spare) = replaced {
                        fs::rename(&spare, &to).unwrap();
                        state.moved(&spare, &to);
                    }
                }
                Undo::Remove { path, spare } => {
                    fs::rename(&spare, &path).unwrap();
                    state.moved(&spare, &path);
                }
            }
        }
        for file in &state.files {
            if let Ok(open) = OpenOptions::new().write(true).open(&file.path) {
                open.set_len(file.synced).unwrap();
            }
        }
    }

    /// Counts a call; answers whether it goes wrong.
    fn call(&self, call: Call) -> io::Result<()> {
        let mut state = self.state();
        state.calls += 1;
        let (calls, at) = (state.calls, state.at);
        let wrong = match state.fault {
            Fault::None => false,
            Fault::Once => calls == at,
            Fault::LostSync => calls == at && call == Call::Sync,
            Fault::Full | Fault::FullUntilRemoved => calls >= at && call == Call::Write,
            Fault::Kill | Fault::PowerCut => calls >= at,
        };
        match (wrong, state.fault) {
            (false, _) => Ok(()),
            (true, Fault::Full | Fault::FullUntilRemoved) => Err(io::ErrorKind::StorageFull.into()),
            (true, _) => Err(io::Error::other("the disk is gone")),
        }
    }
}

impl State {
    fn moved(&mut self, from: &Path, to: &Path) {
        for file in self.files.iter_mut().filter(|file| file.path == from) {
            to.clone_into(&mut file.path);
        }
    }

    /// Keeps a file that is about to lose its name.
    fn spare(&mut self, path: &Path) -> PathBuf {
        self.spares += 1;
        let spare = self.spare.path().join(self.spares.to_string());
        fs::hard_link(path, &spare).unwrap();
        spare
    }

    fn synced(&mut self, folder: &Path) {
        self.unsynced.retain(|undo| {
            let (Undo::Rename { to: path, .. } | Undo::Remove { path, .. }) = undo;
            path.parent() != Some(folder)
        });
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.call(Call::Write)?;
        let file = RealDisk.create(path)?;
        let mut state = self.state();
        state.synced(path.parent().unwrap());
        state.files.push(Tracked {
            path: path.to_owned(),
            length: 0,
            synced: 0,
            is_lost: false,
        });
        Ok(Box::new(FaultyFile {
            file,
            number: state.files.len() - 1,
            disk: self.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Other)?;
        let mut state = self.state();
        let replaced = to.exists().then(|| state.spare(to));
        fs::rename(from, to)?;
        if let Some(spare) = &replaced {
            state.moved(to, spare);
        }
        state.moved(from, to);
        let (from, to) = (from.to_owned(), to.to_owned());
        state.unsynced.push(Undo::Rename { from, to, replaced });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Other)?;
        if !path.exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut state = self.state();
        let is_pack = path.extension().is_some_and(|end| end == "pack");
        if is_pack && state.fault == Fault::FullUntilRemoved && state.calls > state.at {
            state.fault = Fault::None;
        }
        let spare = state.spare(path);
        fs::remove_file(path)?;
        state.moved(path, &spare);
        let path = path.to_owned();
        state.unsynced.push(Undo::Remove { path, spare });
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Write)?;
        RealDisk.make_folder(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.call(Call::Other)?;
        RealDisk.sync_folder(folder)?;
        self.state().synced(folder);
        Ok(())
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    number: usize,
    disk: FaultyDisk,
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_full = matches!(
            self.disk.state().fault,
            Fault::Full | Fault::FullUntilRemoved
        );
        let dead = self.disk.was_hit() && !is_full;
        let called = self.disk.call(Call::Write);
        let part = match (&called, dead) {
            (Ok(()), _) => bytes,
            (Err(_), false) => &bytes[..bytes.len() / 2],
            (Err(_), true) => &[],
        };
        self.file.append(part)?;
        self.disk.state().files[self.number].length += part.len() as u64;
        called
    }

    fn sync(&mut self) -> io::Result<()> {
        let called = self.disk.call(Call::Sync);
        let mut state = self.disk.state();
        let fault = state.fault;
        let file = &mut state.files[self.number];
        file.is_lost |= called.is_err() && fault == Fault::LostSync;
        called?;
        self.file.sync()?;
        if !file.is_lost {
            file.synced = file.length;
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.call(Call::Other)?;
        self.file.cut(length)?;
        self.disk.state().files[self.number].length = length;
        Ok(())
    }
}
