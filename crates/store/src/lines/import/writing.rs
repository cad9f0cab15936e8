//! What is done with the documents of an import: they are written by the batch, and what they replace
//! is deleted.

use super::super::{Header, PAGE_LEN};
use super::{
    ImportError, ImportOptions, Imported, Mode, REFUSALS_LISTED_MAX, REPLACED_MAX, Refusal,
};
use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, CollectionSpec, Documents, Expect, Query};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;

/// Documents that are written together, and octets of them.
const BATCH_LEN_MAX: usize = 100;
const BATCH_BYTES_MAX: usize = 4 << 20;

/// What is known of the vault that the lines were sealed by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vault {
    /// It is the one of this folder.
    pub(super) same: bool,
    /// This folder has none.
    pub(super) none_here: bool,
}

/// Documents that wait for others to give way, and octets of them: they are written together. A file
/// in which more want what others have is of another folder.
const WAITING_MAX: usize = 1_000;
const WAITING_BYTES_MAX: usize = 8 << 20;

/// A document that is to be written.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) spec: &'static CollectionSpec,
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

impl Row {
    fn put(&self) -> Change {
        Change::Put {
            collection: self.spec,
            id: self.id.clone(),
            expect: Expect::Any,
            body: self.body.clone(),
        }
    }
}

/// A mark of a document that was in the file.
type Mark = [u8; 16];

fn mark(spec: &CollectionSpec, id: &str) -> Mark {
    let mut sum = Sha256::new();
    sum.update(spec.name.as_bytes());
    sum.update([0]);
    sum.update(id.as_bytes());
    let sum: [u8; 32] = sum.finalize().into();
    sum.first_chunk().copied().unwrap_or_default()
}

/// A document that waits until all of the file was taken.
struct Waiting {
    /// It is not there yet.
    created: bool,
    row: Row,
    /// Who has what it wants.
    holder: String,
}

/// An import at work.
pub(super) struct Import<'a> {
    documents: &'a dyn Documents,
    options: &'a ImportOptions,
    pub(super) vault: Vault,
    batch: Vec<Row>,
    batch_bytes: usize,
    /// Documents that were taken, where the file replaces.
    taken: usize,
    /// What was in the file and is as it was there, where it replaces.
    written: HashSet<Mark>,
    /// Documents that want what another has, which is to give way; each with that one's id.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// What was deleted for others to have its key, and did not come later in the file.
    given_way: HashSet<Mark>,
    pub(super) imported: Imported,
}

impl<'a> Import<'a> {
    pub(super) fn new(
        documents: &'a dyn Documents,
        options: &'a ImportOptions,
        vault: Vault,
    ) -> Self {
        Self {
            documents,
            options,
            vault,
            batch: Vec::new(),
            batch_bytes: 0,
            taken: 0,
            written: HashSet::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            given_way: HashSet::new(),
            imported: Imported {
                dry_run: options.dry_run,
                mode: options.mode,
                ..Imported::default()
            },
        }
    }

    pub(super) fn refuse(
        &mut self,
        line: u64,
        collection: Option<String>,
        id: Option<String>,
        reason: String,
    ) {
        self.imported.refused += 1;
        if self.imported.refusals.len() < REFUSALS_LISTED_MAX {
            self.imported.refusals.push(Refusal {
                line,
                collection,
                id,
                reason,
            });
        }
    }

    /// Takes a document, to be written with others.
    pub(super) fn take(&mut self, row: Row) -> Result<(), ImportError> {
        if row.spec == &catalog::VAULT && self.vault.none_here {
            // From here on what it sealed can be opened here.
            self.vault.same = true;
        }
        if self.options.mode == Mode::Replace {
            if self.taken >= REPLACED_MAX {
                return Err(ImportError::TooMany { line: row.line });
            }
            self.taken += 1;
        }
        self.batch_bytes += row.body.len();
        self.batch.push(row);
        Ok(())
    }

    /// Whether so many wait that they are to be written.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_LEN_MAX || self.batch_bytes >= BATCH_BYTES_MAX
    }

    /// Writes what waits: all at once, and one by one where one of them is refused.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        self.batch_bytes = 0;
        let mut new = Vec::new();
        for row in std::mem::take(&mut self.batch) {
            match self.documents.get(row.spec, &row.id).await {
                Ok(Some(there)) if there.body == row.body => {
                    self.imported.unchanged += 1;
                    self.remember(&row);
                }
                // Without it all that it sealed is lost.
                Ok(_) if row.spec == &catalog::VAULT && !self.vault.none_here => {
                    let (collection, id) = (row.spec.name.to_owned(), row.id);
                    let reason = "this folder has another vault".to_owned();
                    self.refuse(row.line, Some(collection), Some(id), reason);
                }
                Ok(there) => new.push((there.is_none(), row)),
                // It is set aside, and this one takes its place.
                Err(StoreError::Damaged { .. }) => new.push((true, row)),
                Err(e) => return Err(e),
            }
        }
        if !self.options.dry_run && !new.is_empty() {
            let all = new.iter().map(|(_, row)| row.put()).collect();
            match self.documents.write(all).await {
                Ok(_) => {
                    for (created, row) in new {
                        self.count(created, &row);
                    }
                    return Ok(());
                }
                Err(e) if !is_of_one(&e) => return Err(e),
                Err(_) => {}
            }
        }
        for (created, row) in new {
            self.write_one(created, row).await?;
        }
        Ok(())
    }

    /// Counts a document that was written.
    fn count(&mut self, created: bool, row: &Row) {
        let gave_way = self.given_way.remove(&mark(row.spec, &row.id));
        if created && !gave_way {
            self.imported.created += 1;
        } else {
            self.imported.changed += 1;
        }
        self.remember(row);
    }

    fn remember(&mut self, row: &Row) {
        if self.options.mode == Mode::Replace {
            self.written.insert(mark(row.spec, &row.id));
        }
    }

    /// Whether a document may be deleted for another to have its key: it is to be replaced, and what
    /// the file has of it, if anything, comes later. A dry run changes nothing and cannot tell.
    fn may_give_way(&self, spec: &CollectionSpec, id: &str) -> bool {
        let ours = self.options.dry_run || !self.written.contains(&mark(spec, id));
        self.options.mode == Mode::Replace && ours
    }

    /// Writes one. Where another document has what must be unique and may give way, this one waits
    /// until all of the file was taken: else that one would be lost to a file that is cut short.
    async fn write_one(&mut self, created: bool, row: Row) -> Result<(), StoreError> {
        let mut gone: Vec<String> = Vec::new();
        loop {
            let mut changes: Vec<Change> = gone
                .iter()
                .map(|id| deletion(row.spec, id.clone()))
                .collect();
            changes.push(row.put());
            if self.options.dry_run {
                // It is there after the change before, so that the whole is refused.
                changes.push(Change::Require {
                    collection: row.spec,
                    id: row.id.clone(),
                    expect: Expect::Absent,
                });
            }
            let refused = match self.documents.write(changes).await {
                Err(StoreError::RevisionConflict { .. }) if self.options.dry_run => None,
                written => written.err(),
            };
            match refused {
                None => {
                    self.count(created, &row);
                    return Ok(());
                }
                Some(StoreError::Duplicate { id: holder, .. })
                    if !self.options.dry_run && self.may_wait(&row, &holder) =>
                {
                    self.waiting_bytes += row.body.len();
                    self.waiting.push(Waiting {
                        created,
                        row,
                        holder,
                    });
                    return Ok(());
                }
                Some(StoreError::Duplicate { id: other, .. })
                    if self.options.dry_run
                        && gone.len() < row.spec.indexes.len()
                        && self.may_give_way(row.spec, &other) =>
                {
                    gone.push(other);
                }
                Some(e) if is_of_one(&e) => {
                    let (collection, id) = (row.spec.name.to_owned(), row.id);
                    self.refuse(row.line, Some(collection), Some(id), e.to_string());
                    return Ok(());
                }
                Some(e) => return Err(e),
            }
        }
    }

    fn may_wait(&self, row: &Row, holder: &str) -> bool {
        let has_room = self.waiting.len() < WAITING_MAX
            && self.waiting_bytes.saturating_add(row.body.len()) <= WAITING_BYTES_MAX;
        has_room && self.may_give_way(row.spec, holder)
    }

    /// Writes what waits, and deletes who gives way to it, all at once; or refuses it where that cannot
    /// be, or where not all of the file was taken.
    async fn write_waiting(&mut self) -> Result<(), StoreError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        // A later line may have told the same document.
        waiting.retain(|Waiting { row, .. }| !self.written.contains(&mark(row.spec, &row.id)));
        if waiting.is_empty() {
            return Ok(());
        }
        if self.imported.cut_short || self.imported.refused > 0 {
            let reason = "another document has what it must have alone, and gives way only to a file \
                of which every line was taken";
            self.refuse_all(waiting, reason);
            return Ok(());
        }
        // What came later in the file is as the file has it.
        let mut gone: Vec<(&'static CollectionSpec, String)> = Vec::new();
        for Waiting { row, holder, .. } in &waiting {
            let holder = (row.spec, holder.clone());
            if self.may_give_way(row.spec, &holder.1) && !gone.contains(&holder) {
                gone.push(holder);
            }
        }
        // Each turn finds one more.
        for _ in 0..=WAITING_MAX {
            let deletions = gone.iter().map(|(spec, id)| deletion(spec, id.clone()));
            let puts = waiting.iter().map(|waiting| waiting.row.put());
            let error = match self.documents.write(deletions.chain(puts).collect()).await {
                Ok(_) => {
                    let gone = gone.iter().map(|(spec, id)| mark(spec, id));
                    self.given_way.extend(gone);
                    for Waiting { created, row, .. } in &waiting {
                        self.count(*created, row);
                    }
                    return Ok(());
                }
                Err(error) if is_of_one(&error) => error,
                Err(error) => return Err(error),
            };
            let holder = match &error {
                StoreError::Duplicate { collection, id, .. } => {
                    catalog::named(collection).map(|spec| (spec, id.clone()))
                }
                _ => None,
            };
            // Where it was deleted before, it is one of these, and wants the same.
            let more = holder.filter(|(spec, id)| self.may_give_way(spec, id));
            let Some(holder) = more.filter(|holder| !gone.contains(holder)) else {
                self.refuse_all(waiting, &error.to_string());
                return Ok(());
            };
            gone.push(holder);
        }
        self.refuse_all(waiting, "others have what these must have alone");
        Ok(())
    }

    fn refuse_all(&mut self, waiting: Vec<Waiting>, reason: &str) {
        for Waiting { row, .. } in waiting {
            let collection = row.spec.name.to_owned();
            self.refuse(row.line, Some(collection), Some(row.id), reason.to_owned());
        }
    }

    /// Where the file replaces and all of it was taken, deletes what it has not, of the collections
    /// that it is of. Not of the vault: without it all that is sealed is lost.
    pub(super) async fn sweep(&mut self, header: &Header) -> Result<(), StoreError> {
        self.write_waiting().await?;
        self.imported.deleted = self.given_way.len() as u64;
        if self.options.mode != Mode::Replace
            || self.imported.cut_short
            || self.imported.refused > 0
        {
            return Ok(());
        }
        let named = header.collections.keys();
        let specs = named.filter_map(|name| catalog::named(name));
        let specs = specs.filter(|spec| self.options.wants(spec) && *spec != &catalog::VAULT);
        for spec in specs.collect::<Vec<_>>() {
            self.sweep_one(spec).await?;
        }
        self.imported.replaced = !self.options.dry_run;
        Ok(())
    }

    async fn sweep_one(&mut self, spec: &'static CollectionSpec) -> Result<(), StoreError> {
        let mut query = Query {
            limit: PAGE_LEN,
            ..Query::default()
        };
        loop {
            let page = self.documents.page(spec, query.clone()).await?;
            let ids = page.items.into_iter().map(|document| document.id);
            let others = ids.filter(|id| !self.written.contains(&mark(spec, id)));
            let changes: Vec<Change> = others.map(|id| deletion(spec, id)).collect();
            self.imported.deleted += changes.len() as u64;
            if !self.options.dry_run && !changes.is_empty() {
                self.documents.write(changes).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

fn deletion(collection: &'static CollectionSpec, id: String) -> Change {
    Change::Delete {
        collection,
        id,
        expect: Expect::Any,
    }
}

/// Whether one document is refused, and not the whole.
fn is_of_one(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Duplicate { .. } | StoreError::TooLarge { .. }
    )
}
