//! A whole API over a store of its own, with a clock that stands still and a server that only
//! writes down what it is asked.

use crate::backups::Backups;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use foretell_api::expected::{BandsAsked, BandsTold};
use foretell_api::foresight::PlanStanding;
use foretell_api::{Command, DiscoveryRefused, Notice, Options, Readiness, Services, auth, router};
use model::credential::Secret;
use model::event::Event;
use model::flow::FlowStanding;
use model::webhook::{Delivery, DeliveryState};
use model::{Clock, Timestamp};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use store::archive::{ArchiveOptions, Place};
use store::disk::{Disk, DiskFile, RealDisk, Room, Space};
use store::series::{SeriesOptions, SyncPolicy};
use store::{Store, StoreOptions};
use tempfile::TempDir;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

pub const PASSWORD: &str = "correct horse battery";
/// When the clock stands: 2026-03-01T12:00:00Z.
pub const NOW: i64 = 1_772_366_400_000;
/// Room in the ring of events; small, so that a test can overrun it.
pub const RING: usize = 1_024;

/// A disk that always has room, however full that of the machine is.
pub struct Plenty;

impl Disk for Plenty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }
    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space {
            free_bytes: 1 << 40,
            all_bytes: 1 << 40,
        })
    }
}

/// Settings as they are where nobody says otherwise, on such a disk.
pub fn options() -> Options {
    Options {
        room: Room::of(Arc::new(Plenty)),
        ..Options::default()
    }
}

/// The API and what a test needs of what is behind it.
pub struct Api {
    pub router: axum::Router,
    pub services: Services,
    pub ready: watch::Sender<Readiness>,
    pub notices: watch::Sender<Arc<Vec<Notice>>>,
    pub flows: watch::Sender<Arc<FlowStanding>>,
    pub backups: Backups,
    asked: Arc<Mutex<Vec<String>>>,
    clock: Arc<AtomicI64>,
    _folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {:?}", self.status, self.body);
        })
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    /// Checks that this is a problem of this status and type, and gives it.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        let wanted = format!("https://foretell.dev/problems/{kind}");
        assert_eq!(problem["type"], wanted.as_str(), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        for field in ["title", "detail", "instance"] {
            assert!(!problem[field].as_str().unwrap().is_empty(), "{problem}");
        }
        assert!(problem["errors"].is_array(), "{problem}");
        problem
    }
    /// The pointers of a problem.
    pub fn pointers(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Api {
    pub async fn new() -> Self {
        Self::with(options()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::kept(options, false).await
    }

    /// With an archive in a folder; on a runtime of several threads.
    pub async fn archived() -> Self {
        Self::kept(options(), true).await
    }

    async fn kept(options: Options, is_archived: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(NOW));
        let clock = Clock::new({
            let time = time.clone();
            move || Timestamp::from_unix_ms(time.load(Ordering::SeqCst))
        });
        let mut kept = StoreOptions::new(folder.path());
        // The clock is moved by hours at once.
        kept.history.silence = Duration::from_hours(24);
        kept.series = SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        };
        if is_archived {
            let place = Place::Folder(folder.path().join("archive"));
            let mut archive = ArchiveOptions::new(place, folder.path().join("staging"));
            archive.rest_factor = 0;
            kept.archive = Some(archive);
        }
        let (store, _) = Store::open(kept, clock.clone()).await.unwrap();
        let series = store.series.clone();
        let given = Secret::new(PASSWORD.to_owned());
        assert!(
            auth::bootstrap_admin(&store, Some(given))
                .await
                .unwrap()
                .is_none()
        );
        let signer = auth::load_signer(&store).await.unwrap();
        let (events, _) = broadcast::channel(RING);
        let (commands, taken) = mpsc::channel(16);
        let (ready, readiness) = watch::channel(Readiness::default());
        let (notices, noticed) = watch::channel(Arc::default());
        let (flows, flowing) = watch::channel(Arc::default());
        let (backups, backed_up) = watch::channel(Arc::default());
        let backups = Backups::new(backups);
        let asked = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(server(taken, store.clone(), asked.clone(), backups.clone()));
        let (bands, bands_asked) = mpsc::channel(4);
        tokio::spawn(watcher(bands_asked));
        let services = Services {
            bands,
            store,
            series,
            events,
            commands,
            clock,
            readiness,
            notices: noticed,
            flows: flowing,
            plan: watch::channel(PlanStanding::default()).1,
            backups: backed_up,
            registry: Arc::new(RwLock::default()),
            signer: Arc::new(signer),
            options,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self {
            router: router(services.clone()),
            services,
            ready,
            notices,
            flows,
            backups,
            asked,
            clock: time,
            _folder: folder,
        }
    }

    /// Waits until the server was asked something that begins so; gives all it was asked.
    pub async fn asked(&self, last: &str) -> Vec<String> {
        for _ in 0..10_000 {
            let asked = self.asked.lock().unwrap().clone();
            if asked.iter().any(|command| command.starts_with(last)) {
                return asked;
            }
            tokio::task::yield_now().await;
        }
        panic!("the server was not asked {last}");
    }

    pub fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// A token of the administrator.
    pub async fn token(&self) -> String {
        let body = serde_json::json!({"username": "admin", "password": PASSWORD});
        let answer = self
            .send(request(Method::POST, "/api/v1/auth/login", Some(&body)))
            .await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Somebody signed in.
    pub async fn admin(&self) -> Client<'_> {
        Client {
            token: self.token().await,
            api: self,
        }
    }

    pub fn publish(&self, event: Event) {
        let _ = self.services.events.send(Arc::new(event));
    }
}

/// Somebody signed in by a token.
pub struct Client<'a> {
    pub api: &'a Api,
    pub token: String,
}

impl Client<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, None).await
    }
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, None, Some(body)).await
    }
    pub async fn patch(&self, path: &str, etag: Option<&str>, body: &Value) -> Answer {
        self.call(Method::PATCH, path, etag, Some(body)).await
    }
    pub async fn delete(&self, path: &str, etag: Option<&str>) -> Answer {
        self.call(Method::DELETE, path, etag, None).await
    }
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        etag: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = request(method, path, body);
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        if let Some(etag) = etag {
            request
                .headers_mut()
                .insert(header::IF_MATCH, etag.parse().unwrap());
        }
        self.api.send(request).await
    }
    /// Makes something and gives it.
    #[track_caller]
    pub fn make<'b>(&'b self, path: &'b str, body: Value) -> impl Future<Output = Value> + 'b {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.post(path, &body).await;
            assert_eq!(answer.status, 201, "{place}: {:?}", answer.body);
            answer.json()
        }
    }
}

pub fn request(method: Method, path: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// Whoever watches series: of each it expects 10 to 30, and of the hour before the first that is asked for
/// nothing.
async fn watcher(mut asked: mpsc::Receiver<BandsAsked>) {
    while let Some(question) = asked.recv().await {
        let bands = (0..question.times.len()).map(|at| (at > 0).then_some([10.0, 20.0, 30.0]));
        let _ = question.reply.send(Some(BandsTold {
            bands: bands.collect(),
            samples: 4_032,
            learned_from: question.times.last().copied(),
            learning: false,
            seen_at: question.times.first().copied(),
            model: "streaming",
            model_version: 1,
        }));
    }
}

/// A server that writes down what it is asked, and knows one bad target.
async fn server(
    mut commands: mpsc::Receiver<Command>,
    store: Store,
    asked: Arc<Mutex<Vec<String>>>,
    backups: Backups,
) {
    let mut bench = crate::bench::Bench::default();
    while let Some(command) = commands.recv().await {
        asked.lock().unwrap().push(format!("{command:?}"));
        let (discovery_id, request, reply) = match command {
            Command::StartDiscovery {
                discovery_id,
                request,
                reply,
            } => (discovery_id, request, reply),
            Command::CheckDiscovery { request, reply } => {
                let bad = request.targets.iter().position(|t| t == "nonsense");
                let _ = reply.send(bad.map_or(Ok(()), |index| {
                    Err(DiscoveryRefused::Target {
                        index,
                        detail: "`nonsense` is no network".to_owned(),
                    })
                }));
                continue;
            }
            Command::TestWebhook { reply, .. } => {
                let at = Timestamp::from_unix_ms(NOW);
                let mut delivery = Delivery::new(model::EventId::new(), at);
                delivery.state = DeliveryState::Delivered;
                delivery.status = Some(204);
                let _ = reply.send(Ok(Some(delivery)));
                continue;
            }
            Command::Workbench(question) => {
                bench.answer(question);
                continue;
            }
            Command::StartBackup { backup_id, reply } => {
                let _ = reply.send(backups.begin(backup_id));
                continue;
            }
            Command::ScheduleChanged { reply, .. } => {
                let _ = reply.send(());
                continue;
            }
            Command::RunSchedule {
                schedule_id,
                discovery_id,
                reply,
            } => {
                let schedule = store
                    .schedules
                    .get(schedule_id)
                    .await
                    .unwrap()
                    .unwrap()
                    .body;
                let run = store
                    .discoveries
                    .create_of(discovery_id, schedule.request, Some(schedule_id))
                    .await;
                let _ = reply.send(Ok(run.unwrap().body));
                continue;
            }
            _ => continue,
        };
        let bad = request
            .targets
            .iter()
            .position(|target| target == "nonsense");
        let answer = match bad {
            Some(index) => Err(DiscoveryRefused::Target {
                index,
                detail: "`nonsense` is no network".to_owned(),
            }),
            None if request.targets == ["too", "large"] => Err(DiscoveryRefused::Field {
                field: "targets",
                detail: "the targets hold too many addresses".to_owned(),
            }),
            None => Ok(store
                .discoveries
                .create(discovery_id, request)
                .await
                .unwrap()
                .body),
        };
        let _ = reply.send(answer);
    }
}
