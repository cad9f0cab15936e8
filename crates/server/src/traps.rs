//! Traps: whose each is, kept as an event, and acted on.
//!
//! What is heard and believed is `collect`'s; whose it is, `topology`'s. Here the two meet the
//! inventory, and a device whose trap says that something changed is polled at once ([`nudge`]).
//! An inform is answered when it is durable.

mod engine;
mod metrics;
mod nudge;
mod record;

use crate::allowance::{Allowance, Taken, Verdict};
use crate::senders::Senders;
use crate::wire::Receiver;
use collect::trap::{Acknowledgement, BoundSocket, Consequence};
use collect::{Poller, TrapListener, TrapOptions, TrapReport};
use model::credential::{Credential, CredentialSecrets};
use model::{Clock, CredentialId, DeviceId, EventRecord};
use nudge::Nudges;
use snmp::{Credentials, LocalEngine};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::documents::Stored;
use store::{Store, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use topology::senders::Claims;
use tracing::{info, warn};

pub use engine::begin as begin_engine;
pub use metrics::{Counts, register};

/// Traps that are kept by one write at most.
const BATCH_MAX: usize = 256;
/// How often it is looked whether credentials changed.
const CREDENTIALS_INTERVAL: Duration = Duration::from_secs(2);
/// Senders that no device is known by which are logged, each once.
const UNKNOWN_LOGGED_MAX: usize = 1_024;

/// What traps are taken in with.
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// The present time.
    pub clock: Clock,
    /// Whose an address is.
    pub senders: Senders,
    /// What of each sender is kept.
    pub allowance: Allowance,
    /// Who polls.
    pub poller: Arc<Poller>,
    /// Whether traps of senders that are no devices are kept.
    pub accept_unknown_senders: bool,
    /// What was done.
    pub counts: Counts,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Binds what is to be listened at; what could not be, with the reason.
pub fn bind(addresses: &[SocketAddr]) -> (Vec<BoundSocket>, Vec<(SocketAddr, std::io::Error)>) {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for &address in addresses {
        match BoundSocket::bind(address) {
            Ok(socket) => bound.push(socket),
            Err(error) => failed.push((address, error)),
        }
    }
    (bound, failed)
}

/// Starts to listen. Call within the runtime of those who listen.
pub fn listen(
    options: TrapOptions,
    engine: LocalEngine,
    sockets: Vec<BoundSocket>,
    clock: Clock,
    reports: mpsc::Sender<TrapReport>,
    stop: &CancellationToken,
) -> std::io::Result<Arc<TrapListener>> {
    let listener = TrapListener::start(options, engine, sockets, clock, reports, stop);
    listener.map(Arc::new)
}

/// Takes traps in until the server stops.
pub async fn run(context: Context, listener: Arc<TrapListener>, mut reports: Receiver<TrapReport>) {
    let stop = context.stop.clone();
    let mut intake = Intake {
        context,
        nudges: Nudges::default(),
        begun: Instant::now(),
        unknown_logged: HashSet::new(),
        believed: Believed::default(),
        failing: false,
    };
    let mut look = tokio::time::interval(CREDENTIALS_INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let wake = intake.wake();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = look.tick() => intake.look_at_credentials(&listener).await,
            Some(first) = reports.recv() => {
                let mut batch = vec![first];
                while batch.len() < BATCH_MAX
                    && let Some(next) = reports.try_recv()
                {
                    batch.push(next);
                }
                intake.take(batch).await;
            }
            () = sleep_until(wake) => {}
        }
        intake.poll_due();
    }
    listener.join().await;
    let mut rest = Vec::new();
    while let Some(report) = reports.try_recv() {
        rest.push(report);
    }
    intake.take(rest).await;
}

struct Intake {
    context: Context,
    nudges: Nudges,
    begun: Instant,
    // Invariant: at most UNKNOWN_LOGGED_MAX.
    unknown_logged: HashSet<IpAddr>,
    believed: Believed,
    /// The last write failed: a full disk is told once.
    failing: bool,
}

/// The credentials that the listener has, so that one that did not change is not opened again: what
/// is derived from its pass phrases takes a while.
#[derive(Default)]
struct Believed {
    /// With the revision; none is one that is not believed for as long as it is as it is.
    known: HashMap<CredentialId, (u64, Option<Arc<Credentials>>)>,
    /// Those that could not be read for now. Each is told once, and read again at each look.
    put_off: HashSet<CredentialId>,
}

impl Intake {
    async fn take(&mut self, batch: Vec<TrapReport>) {
        let mut events = Vec::with_capacity(batch.len());
        let (mut taken, mut told) = (Vec::new(), Vec::new());
        let mut acknowledgements = Vec::new();
        for mut report in batch {
            let acknowledgement = report.acknowledgement.take();
            let Some((device_id, event)) = self.event(&report) else {
                continue;
            };
            if let (Some(device_id), Some(kind)) = (device_id, report.kind) {
                self.nudge(device_id, kind.consequence);
            }
            // An inform that is not kept is not answered either.
            match self.context.allowance.take(&event) {
                Verdict::Kept(octets) => {
                    taken.push(octets);
                    events.push(event);
                    acknowledgements.extend(acknowledgement);
                }
                Verdict::First(line) => told.push(*line),
                Verdict::Over => {}
            }
        }
        if !events.is_empty() {
            self.keep(events, &taken, acknowledgements).await;
        }
        // Apart from the traps: it is no trap that is counted. It is in our log already, and a disk
        // that fails is told by the traps.
        if !told.is_empty() {
            let _ = self.context.store.events.append(told).await;
        }
    }

    async fn keep(
        &mut self,
        events: Vec<EventRecord>,
        taken: &[Taken],
        acknowledgements: Vec<Acknowledgement>,
    ) {
        let count = events.len() as u64;
        let counts = &self.context.counts;
        match self.context.store.events.append(events).await {
            Ok(done) => {
                self.failing = false;
                counts.kept.inc_by(done.stored);
                counts.not_kept.inc_by(done.refused);
                self.context.allowance.give_back(taken, done.refused);
                // Refused are all of a batch or none: it is of one moment.
                if done.refused < count {
                    for acknowledgement in acknowledgements {
                        acknowledgement.send();
                    }
                }
            }
            Err(error) => {
                counts.not_kept.inc_by(count);
                self.context.allowance.give_back(taken, count);
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(error = %crate::chain(&error), "traps are not kept");
                }
            }
        }
    }

    /// What is kept of a trap, and whose it is; none where it is not kept.
    fn event(&mut self, report: &TrapReport) -> Option<(Option<DeviceId>, EventRecord)> {
        let (senders, claims) = (&self.context.senders, claims(report));
        let sender = senders
            .snapshot()
            .find(&claims)
            .or_else(|| senders.newer_snapshot().find(&claims));
        if sender.is_none() {
            self.context.counts.unknown_senders.inc();
            self.log_unknown(report.source.ip());
            if !self.context.accept_unknown_senders {
                return None;
            }
        }
        let record = sender.and_then(|(id, _)| self.context.store.inventory.device(id));
        let event = record::event(report, sender.map(|(_, by)| by), record.as_deref());
        Some((event.device_id, event))
    }

    fn log_unknown(&mut self, source: IpAddr) {
        if self.unknown_logged.len() < UNKNOWN_LOGGED_MAX && self.unknown_logged.insert(source) {
            info!(%source, "a trap came from where no device is");
        }
    }

    fn nudge(&mut self, device_id: DeviceId, consequence: Consequence) {
        let now = self.begun.elapsed();
        if let Some(due) = self.nudges.ask(device_id, consequence, now) {
            self.poll(device_id, due);
        }
    }

    fn poll_due(&mut self) {
        for (device_id, consequence) in self.nudges.take_due(self.begun.elapsed()) {
            self.poll(device_id, consequence);
        }
    }

    fn poll(&self, device_id: DeviceId, consequence: Consequence) {
        self.context.counts.polls.inc();
        match consequence {
            Consequence::None => {}
            Consequence::Poll => self.context.poller.poll_now(device_id),
            Consequence::Reread => self.context.poller.reread(device_id),
        }
    }

    /// When a device is to be polled next.
    fn wake(&self) -> Instant {
        let next = self.nudges.next_due();
        let far = || Instant::now() + CREDENTIALS_INTERVAL;
        next.map_or_else(far, |due| self.begun + due)
    }

    /// Gives the listener the credentials as they are kept now.
    async fn look_at_credentials(&mut self, listener: &TrapListener) {
        match self.believed.renew(&self.context.store).await {
            Ok(Some(credentials)) => listener.believe(credentials),
            Ok(None) => {}
            Err(error) => warn!(error = %crate::chain(&error), "credentials cannot be read"),
        }
    }
}

impl Believed {
    /// All credentials where one of them came, went or changed; none where all is as it was.
    async fn renew(
        &mut self,
        store: &Store,
    ) -> Result<Option<Vec<(CredentialId, Arc<Credentials>)>>, StoreError> {
        let list = store.credentials.list().await?;
        let same = list.len() == self.known.len() && list.iter().all(|stored| self.has(stored));
        if same {
            return Ok(None);
        }
        let mut read = HashMap::new();
        for stored in list.iter().filter(|stored| !self.has(stored)) {
            let id = stored.body.id;
            read.insert(id, store.credentials.secrets(id).await);
        }
        Ok(Some(self.take(list, read)))
    }

    fn has(&self, stored: &Stored<Credential>) -> bool {
        let known = self.known.get(&stored.body.id);
        known.is_some_and(|(revision, _)| *revision == stored.revision)
    }

    /// Takes in those that there are, with the secrets of those that are new or changed; who is
    /// believed then. One that was deleted just now or is damaged costs itself alone: were the rest
    /// not taken in, what was deleted would be believed for as long as it is there.
    fn take(
        &mut self,
        list: Vec<Stored<Credential>>,
        mut read: HashMap<CredentialId, Result<CredentialSecrets, StoreError>>,
    ) -> Vec<(CredentialId, Arc<Credentials>)> {
        let (mut known, mut put_off) = (HashMap::new(), HashSet::new());
        let mut believed = Vec::new();
        for stored in list {
            let id = stored.body.id;
            let entry = match read.remove(&id) {
                Some(Ok(secrets)) => {
                    let opened = collect::credentials(&stored.body.kind, &secrets);
                    let opened =
                        opened.inspect_err(|error| tell_unbelieved(id, &crate::chain(error)));
                    Some((stored.revision, opened.ok().map(Arc::new)))
                }
                Some(Err(error)) => {
                    let is_lasting = lasts(&error);
                    if is_lasting || !self.put_off.contains(&id) {
                        tell_unbelieved(id, &crate::chain(&error));
                    }
                    if !is_lasting {
                        put_off.insert(id);
                    }
                    is_lasting.then_some((stored.revision, None))
                }
                None => self.known.remove(&id),
            };
            let Some(entry) = entry else { continue };
            believed.extend(entry.1.clone().map(|credentials| (id, credentials)));
            known.insert(id, entry);
        }
        *self = Self { known, put_off };
        believed
    }
}

fn tell_unbelieved(id: CredentialId, error: &str) {
    warn!(credential.id = %id, "traps are not believed by a credential: {error}");
}

/// Whether secrets stay unreadable until the credential or the key is another. All else passes: a
/// database that is busy, a disk that does not answer.
fn lasts(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound { .. }
            | StoreError::Vault(_)
            | StoreError::Shape { .. }
            | StoreError::Damaged { .. }
    )
}

/// What a trap tells of its sender. An engine id counts only where it was authenticated.
fn claims(report: &TrapReport) -> Claims<'_> {
    let notification = &report.notification;
    let proven = notification.protection >= snmp::Protection::AuthNoPriv;
    Claims {
        engine_id: notification.engine_id.as_deref().filter(|_| proven),
        named: notification.agent_address.map(IpAddr::from),
        source: report.source.ip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::credential::{CredentialKind, Secret};
    use store::StoreOptions;
    use store::catalog::CREDENTIALS;
    use store::documents::{Change, Expect};

    #[tokio::test]
    async fn a_credential_that_cannot_be_read_leaves_no_deleted_one_believed() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_800_000_000_000));
        let opened = Store::open(StoreOptions::new(dir.path()), clock).await;
        let store = opened.unwrap().0;
        let secrets = CredentialSecrets {
            community: Some(Secret::new("public".to_owned())),
            ..CredentialSecrets::default()
        };
        let mut ids = Vec::new();
        for name in ["damaged", "deleted", "kept"] {
            let (id, name) = (CredentialId::new(), name.to_owned());
            let kind = CredentialKind::SnmpV2c;
            let made = store.credentials.create(id, name, kind, &secrets).await;
            ids.push(made.unwrap().body.id);
        }
        let mut believed = Believed::default();
        let first = believed.renew(&store).await.unwrap().unwrap();
        assert_eq!(first.len(), 3);
        // What is sealed for another document does not open.
        let body = async |id: CredentialId| {
            let document = store.documents.get(&CREDENTIALS, &id.to_string()).await;
            let body = document.unwrap().unwrap().body;
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let mut damaged = body(ids[0]).await;
        damaged["sealed"] = body(ids[1]).await["sealed"].clone();
        let put = Change::Put {
            collection: &CREDENTIALS,
            id: ids[0].to_string(),
            expect: Expect::Present,
            body: serde_json::to_vec(&damaged).unwrap(),
        };
        store.documents.write(vec![put]).await.unwrap();
        let deleted = store.credentials.delete(ids[1], Expect::Any).await;
        deleted.unwrap();
        let now = believed.renew(&store).await.unwrap().unwrap();
        let now: Vec<CredentialId> = now.into_iter().map(|(id, _)| id).collect();
        assert_eq!(now, [ids[2]]);
        // It is told once, not at every look.
        assert!(believed.renew(&store).await.unwrap().is_none());
    }

    #[test]
    fn traps_are_believed_again_once_a_secret_can_be_read_that_could_not_for_a_moment() {
        let stored = Stored {
            id: String::new(),
            revision: 1,
            body: Credential {
                id: CredentialId::new(),
                name: "core".to_owned(),
                kind: CredentialKind::SnmpV2c,
                created_at: Timestamp::default(),
            },
        };
        let secrets = CredentialSecrets {
            community: Some(Secret::new("public".to_owned())),
            ..CredentialSecrets::default()
        };
        let mut believed = Believed::default();
        let mut take = |read| {
            let read = HashMap::from([(stored.body.id, read)]);
            let count = believed.take(vec![stored.clone()], read).len();
            (count, believed.has(&stored))
        };
        assert_eq!(take(Err(StoreError::Closed)), (0, false));
        assert_eq!(take(Err(StoreError::Closed)), (0, false));
        assert_eq!(take(Ok(secrets)), (1, true));
    }
}
