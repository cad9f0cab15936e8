//! Backups as a resource; that they are taken is the server's affair.

use crate::harness::{Api, NOW, request};
use axum::http::{Method, header};
use foretell_api::BackupRefused;
use model::backup::{Backup, BackupPhase};
use model::{BackupId, Timestamp};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

const PATH: &str = "/api/v1/backups";

/// A server that begins backups and never ends them.
#[derive(Clone)]
pub struct Backups {
    shown: watch::Sender<Arc<Vec<Backup>>>,
    refuses: Arc<Mutex<Option<BackupRefused>>>,
}

impl Backups {
    pub fn new(shown: watch::Sender<Arc<Vec<Backup>>>) -> Self {
        Self {
            shown,
            refuses: Arc::default(),
        }
    }

    pub fn begin(&self, id: BackupId) -> Result<Backup, BackupRefused> {
        if let Some(refused) = *self.refuses.lock().unwrap() {
            return Err(refused);
        }
        let backup = backup(id, NOW);
        self.shown
            .send_modify(|all| Arc::make_mut(all).push(backup.clone()));
        Ok(backup)
    }
}

fn backup(id: BackupId, at_ms: i64) -> Backup {
    Backup {
        id,
        phase: BackupPhase::Running,
        started_at: Timestamp::from_unix_ms(at_ms),
        ended_at: None,
        encrypted: true,
        bytes_total: 10,
        bytes_done: 5,
        bytes_written: 3,
        samples: None,
        left_out: Vec::new(),
        error: None,
    }
}

#[tokio::test]
async fn a_backup_is_begun_once_followed_and_listed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let begin = || {
        let mut request = request(Method::POST, PATH, None);
        let bearer = format!("Bearer {}", admin.token).parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let key = "backup-of-today".parse().unwrap();
        request.headers_mut().insert("idempotency-key", key);
        api.send(request)
    };
    let first = begin().await;
    assert_eq!(first.status, 202, "{:?}", first.body);
    let path = first.header("location").unwrap().to_owned();
    let again = begin().await;
    assert_eq!(again.json(), first.json(), "sent twice it is done once");
    let read = admin.get(&path).await.json();
    assert_eq!(read, first.json());
    assert_eq!(
        (&read["phase"], &read["bytes_done"]),
        (&json!("running"), &json!(5))
    );

    let shown = (1..=3).map(|n| backup(BackupId::new(), NOW + n));
    api.backups
        .shown
        .send_modify(|all| Arc::make_mut(all).extend(shown));
    let mut started = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("{PATH}?limit=3{cursor}")).await.json();
        for row in page["items"].as_array().unwrap() {
            started.push(row["started_at"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(started.len(), 4);
    assert!(started.is_sorted_by(|a, b| a >= b), "{started:?}");
}

#[tokio::test]
async fn what_cannot_be_begun_says_why() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let running = BackupId::new();
    for (refused, detail) in [
        (BackupRefused::NoFolder, "set `backup.folder`".to_owned()),
        (
            BackupRefused::Running { backup_id: running },
            running.to_string(),
        ),
    ] {
        *api.backups.refuses.lock().unwrap() = Some(refused);
        let answer = admin.post(PATH, &json!({})).await;
        let problem = answer.problem(409, "conflict");
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains(&detail), "{told}");
    }
    let unknown = admin.get(&format!("{PATH}/{running}")).await;
    unknown.problem(404, "not-found");
    admin
        .get(&format!("{PATH}?sort=nonsense"))
        .await
        .problem(400, "bad-query");
}
