//! The desk: acts on the wishes of the API and keeps what runs of discovery find. One task, so that
//! two runs never register one device twice.
//!
//! What a run looks for is in `collect`; who a found device is, in `topology`; here the two meet the
//! inventory.

mod register;
mod runs;
mod schedules;

use crate::backups::Backups;
use crate::foresight::scale;
use crate::webhook::Webhooks;
use crate::wire::{Receiver, RunWord};
use crate::workbench::Bench;
use api::{Command, DiscoveryRefused, WebhookBusy};
use collect::{Pinger, Poller, Profiles, Target};
use model::credential::Credential;
use model::device::Device;
use model::discovery::{Discovery, DiscoveryRequest};
use model::event::Event;
use model::webhook::Delivery;
use model::{Clock, CredentialId, DeviceId, EventId, TriggerId};
use runs::Runs;
use schedules::Schedules;
use snmp::{Credentials, Transport};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::series::SeriesStore;
use store::{Store, StoreError};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often what runs found is written and told.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// What the desk works with.
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// Who polls.
    pub poller: Arc<Poller>,
    /// What discoveries ask from.
    pub transport: Transport,
    /// What discoveries send echoes from.
    pub pinger: Pinger,
    /// What is known of makes of devices.
    pub profiles: Profiles,
    /// Who answers questions about that.
    pub bench: Bench,
    /// Who takes backups.
    pub backups: Backups,
    /// Who sends to webhooks.
    pub webhooks: Webhooks,
    /// Where runs put their words.
    pub found: mpsc::Sender<RunWord>,
    /// Who joins the runs.
    pub tasks: TaskTracker,
    /// Seconds from poll to poll of what is registered.
    pub interval_secs: u32,
    /// Networks that every discovery may follow neighbours into.
    pub allowed_networks: Vec<String>,
    /// Runs at work at the same time.
    pub runs_max: usize,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// How a device is asked beside its polls.
#[derive(Clone)]
pub struct Access {
    /// Where devices are kept.
    pub store: Store,
    /// Who polls.
    pub poller: Arc<Poller>,
    /// Who joins what goes on in the background.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// What it is asked from.
    pub transport: Transport,
    /// The present time.
    pub clock: Clock,
}

impl Access {
    /// Where a device is asked and with what; else one sentence for an operator.
    pub async fn of(&self, device_id: DeviceId) -> Result<(SocketAddr, Credentials), String> {
        let record = self
            .store
            .inventory
            .device(device_id)
            .ok_or("There is no such device.")?;
        let device = &record.device.body;
        let id = device
            .credential_id
            .ok_or("The device has no credential to be asked with over SNMP.")?;
        let credentials = open(&self.store, id).await?;
        Ok((SocketAddr::new(device.address, device.port), credentials))
    }
}

/// Gives the poller every device that is kept. To be called before [`run`].
pub async fn begin_polling(context: &Context) {
    let mut opened = Opened::default();
    for record in context.store.inventory.devices() {
        context.poll(&record.device.body, &mut opened).await;
    }
}

/// Runs until the server stops.
pub async fn run(context: Context, mut commands: Receiver<Command>, mut found: Receiver<RunWord>) {
    let stop = context.stop.clone();
    let mut desk = Desk {
        runs: Runs::default(),
        schedules: Schedules::load(&context).await,
        deleting: Arc::new(Semaphore::new(1)),
        context,
    };
    let mut flush = tokio::time::interval(FLUSH_INTERVAL);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // A sweep with thousands of answers must not keep an operator waiting.
            biased;
            () = stop.cancelled() => break,
            Some(command) = commands.recv() => desk.act(command).await,
            _ = flush.tick() => {
                desk.flush().await;
                desk.schedules.begin_due(&desk.context, &mut desk.runs).await;
            }
            Some(word) = found.recv() => desk.hear(word).await,
        }
    }
    desk.flush().await;
}

struct Desk {
    context: Context,
    runs: Runs,
    schedules: Schedules,
    /// Whose turn it is to delete series.
    deleting: Arc<Semaphore>,
}

impl Desk {
    async fn act(&mut self, command: Command) {
        match command {
            Command::StartDiscovery {
                discovery_id,
                request,
                reply,
            } => {
                self.start(discovery_id, request, reply).await;
            }
            Command::CheckDiscovery { request, reply } => {
                let _ = reply.send(runs::check(&self.context, &request).await);
            }
            Command::ScheduleChanged { schedule_id, reply } => {
                self.schedules
                    .changed(&self.context, &mut self.runs, schedule_id)
                    .await;
                let _ = reply.send(());
            }
            Command::RunSchedule {
                schedule_id,
                discovery_id,
                reply,
            } => {
                let (context, runs) = (&self.context, &mut self.runs);
                let begun = self
                    .schedules
                    .run_now(context, runs, schedule_id, discovery_id)
                    .await;
                let _ = reply.send(begun);
            }
            Command::CancelDiscovery { discovery_id } => self.runs.cancel(discovery_id),
            Command::DeviceChanged { device_id } => self.device_changed(device_id).await,
            Command::DeviceDeleted { device_id } => {
                self.context.poller.remove(device_id);
                self.delete_series(device_id);
            }
            Command::CredentialChanged { credential_id } => {
                let mut opened = Opened::default();
                for id in self.context.store.inventory.devices_using(credential_id) {
                    if let Some(record) = self.context.store.inventory.device(id) {
                        self.context.poll(&record.device.body, &mut opened).await;
                    }
                }
            }
            Command::IdentityAccepted { device_id } => self.context.poller.reread(device_id),
            Command::StartBackup { backup_id, reply } => {
                // Where nobody waits any more it is taken all the same.
                let _ = reply.send(self.context.backups.begin(backup_id));
            }
            Command::TestWebhook { trigger_id, reply } => self.test_webhook(trigger_id, reply),
            Command::Workbench(question) => {
                let (bench, access) = (self.context.bench.clone(), self.context.access());
                self.context
                    .tasks
                    .spawn(async move { bench.answer(&access, question).await });
            }
            Command::PollNow { device_id } => self.context.poller.poll_now(device_id),
        }
    }

    /// Deletes the series of a device in a task of its own: blocks are taken out of many files, for
    /// which nobody else who wishes something should wait. There are as many tasks as deleted
    /// devices at most, and one of them works at a time.
    fn delete_series(&self, device_id: DeviceId) {
        let series = self.context.series.clone();
        let turn = Arc::clone(&self.deleting);
        self.context.tasks.spawn(async move {
            // An error cannot be: it is never closed.
            let _turn = turn.acquire_owned().await;
            if let Err(error) = series.delete_device(device_id).await {
                warn!(device.id = %device_id, error = %crate::chain(&error), "series of a deleted device not deleted");
            }
        });
    }

    /// Sends one message to a trigger's webhook, once, in a task of its own.
    fn test_webhook(
        &self,
        id: TriggerId,
        reply: oneshot::Sender<Result<Option<Delivery>, WebhookBusy>>,
    ) {
        let (store, hooks) = (self.context.store.clone(), self.context.webhooks.clone());
        let now = self.context.clock.now();
        self.context.tasks.spawn(async move {
            let event_id = EventId::new();
            let message = match scale::test_message(&store, id, event_id, now).await {
                Ok(message) => message,
                Err(error) => {
                    warn!(trigger.id = %id, error = %crate::chain(&error), "a webhook could not be tried");
                    // Whoever asked hears that nothing was answered.
                    return;
                }
            };
            let answer = match (message, hooks.place()) {
                (None, _) => Ok(None),
                (Some(_), None) => Err(WebhookBusy),
                (Some(message), Some(place)) => {
                    Ok(Some(hooks.try_once(place, &message).await))
                }
            };
            let _ = reply.send(answer);
        });
    }

    async fn device_changed(&self, device_id: DeviceId) {
        match self.context.store.inventory.device(device_id) {
            Some(record) => {
                self.context
                    .poll(&record.device.body, &mut Opened::default())
                    .await;
            }
            None => self.context.poller.remove(device_id),
        }
    }

    async fn start(
        &mut self,
        id: model::DiscoveryId,
        request: DiscoveryRequest,
        reply: oneshot::Sender<Result<Discovery, DiscoveryRefused>>,
    ) {
        let begun = self.runs.begin(&self.context, id, request, None).await;
        match &begun {
            Ok(run) => {
                info!(discovery.id = %run.id, targets = ?run.request.targets, "discovery begun");
            }
            Err(refused) => info!("discovery refused: {refused:?}"),
        }
        // An error means that the request was given up meanwhile; the run goes on and is listed.
        let _ = reply.send(begun);
    }

    async fn hear(&mut self, word: RunWord) {
        self.runs.hear(&self.context, word).await;
    }

    async fn flush(&mut self) {
        self.runs.flush(&self.context).await;
    }
}

async fn open(store: &Store, id: CredentialId) -> Result<Credentials, String> {
    let failed = |error: StoreError| crate::chain(&error);
    let stored = store.credentials.get(id).await.map_err(failed)?;
    let Credential { kind, .. } = stored.ok_or("there is no such credential")?.body;
    let secrets = store.credentials.secrets(id).await.map_err(failed)?;
    collect::credentials(&kind, &secrets).map_err(|error| error.to_string())
}

/// Credentials that were opened for one purpose, so that 10,000 devices do not open one 10,000
/// times. Dropped with the purpose.
#[derive(Default)]
struct Opened(HashMap<CredentialId, Option<Arc<Credentials>>>);

impl Context {
    /// Gives a device to the poller as it is now.
    async fn poll(&self, device: &Device, opened: &mut Opened) {
        let credentials = match device.credential_id {
            None => None,
            Some(id) => {
                if let Some(known) = opened.0.get(&id) {
                    known.clone()
                } else {
                    let credentials = self.open_or_warn(id).await;
                    opened.0.insert(id, credentials.clone());
                    credentials
                }
            }
        };
        self.poller.set(Target {
            device_id: device.id,
            address: SocketAddr::new(device.address, device.port),
            credentials,
            interval: Duration::from_secs(u64::from(device.interval_secs)),
            profile: device.typed.profile.as_deref().map(Arc::from),
        });
    }

    async fn open_or_warn(&self, id: CredentialId) -> Option<Arc<Credentials>> {
        match self.open(id).await {
            Ok(credentials) => Some(Arc::new(credentials)),
            Err(error) => {
                warn!(credential.id = %id, "credential cannot be used, devices with it are asked by ICMP alone: {error}");
                None
            }
        }
    }

    /// A credential as sessions take it; else one sentence for an operator.
    async fn open(&self, id: CredentialId) -> Result<Credentials, String> {
        open(&self.store, id).await
    }

    fn access(&self) -> Access {
        Access {
            store: self.store.clone(),
            poller: self.poller.clone(),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
        }
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(event));
    }
}
