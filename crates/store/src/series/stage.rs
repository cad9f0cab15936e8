//! What a backup takes of the samples: the log as far as it is acknowledged, and the packs, both by
//! names of their own, so that sealing and merging go on. `backup` says why in which order.

use super::log::writer::Request;
use super::{SeriesError, SeriesStore};
use crate::disk;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::oneshot;

impl SeriesStore {
    /// Cuts the log and gives its segments up to there names in another folder too. All that was
    /// acknowledged before is in them or was sealed. Blocks.
    pub(crate) fn link_log(&self, into: &Path) -> Result<(), SeriesError> {
        let failed = |error: io::Error| SeriesError::Log(Arc::new(error));
        let log = self.0.threads.log().ok_or(SeriesError::Closed)?;
        let (reply, cut) = oneshot::channel();
        let asked = log.blocking_send(Request::Cut { reply });
        asked.map_err(|_| SeriesError::Closed)?;
        let cut = cut.blocking_recv().map_err(|_| SeriesError::Closed)?;
        let segments = &self.0.parts.segments;
        for number in segments.list().map_err(failed)? {
            // Those behind the cut are still written to.
            if number >= cut {
                continue;
            }
            let path = segments.path(number);
            let Some(name) = path.file_name() else {
                continue;
            };
            match disk::link(&path, &into.join(name)) {
                // All of it was sealed meanwhile, and is taken with patches or packs.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                linked => linked.map_err(failed)?,
            }
        }
        Ok(())
    }

    /// Gives the packs names in another folder too, as they are at one moment.
    pub(crate) fn link_packs(&self, into: &Path) -> Result<(), SeriesError> {
        Ok(self.0.parts.packs.link_to(into)?)
    }

    /// Samples in packs; one that lies over another counts twice.
    pub(crate) fn packed_samples(&self) -> u64 {
        let list = self.0.parts.packs.list();
        list.iter().map(|meta| meta.totals.samples).sum()
    }
}
