//! The key file at the start, and secrets that are never kept in the clear.

use crate::fixture::{Fixture, device, open_unlocked};
use foretell_store::vault::VaultError;
use foretell_store::{Expect, OpenError, Store, StoreError};
use model::CredentialId;
use model::credential::{CredentialKind, CredentialSecrets, Secret};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn secrets(community: &str) -> CredentialSecrets {
    CredentialSecrets {
        community: Some(Secret::new(community.to_owned())),
        ..CredentialSecrets::default()
    }
}

async fn kept(store: &Store, name: &str, community: &str) -> CredentialId {
    let kept = store
        .credentials
        .create(
            CredentialId::new(),
            name.to_owned(),
            CredentialKind::SnmpV2c,
            &secrets(community),
        )
        .await
        .unwrap();
    kept.body.id
}

async fn refusal(fixture: &Fixture) -> String {
    match fixture.try_open().await {
        Err(OpenError::Vault(e)) => e.to_string(),
        Err(e) => panic!("{e:?}"),
        Ok(_) => panic!("opened"),
    }
}

#[tokio::test]
async fn secrets_are_sealed_on_disk_and_come_back() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = kept(&store, "core", "a very \"secret\" name\u{1}").await;
    let listed = store.credentials.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    store.close().await.unwrap();
    drop(store);
    for entry in fs::read_dir(fixture.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(6).any(|w| w == b"secret");
            assert!(!found, "in the clear in {}", path.display());
        }
    }
    let store = fixture.open().await;
    let back = store.credentials.secrets(id).await.unwrap();
    assert_eq!(
        back.community.unwrap().reveal(),
        "a very \"secret\" name\u{1}"
    );
    assert!(back.auth.is_none() && back.privacy.is_none());
}

#[tokio::test]
async fn no_start_without_the_key() {
    let fixture = Fixture::new();
    drop(fixture.open().await);
    let key = fixture.dir.path().join("secret.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let good = fs::read(&key).unwrap();

    fs::remove_file(&key).unwrap();
    let said = refusal(&fixture).await;
    assert!(
        said.contains("is missing") && said.contains("secret.key"),
        "{said}"
    );
    assert!(!key.exists(), "no new key is made where data is encrypted");

    fs::write(&key, "00".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let said = refusal(&fixture).await;
    assert!(said.contains("is not the one"), "{said}");

    fs::write(&key, &good).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refusal(&fixture).await;
    assert!(said.contains("may be read by others (mode 0644)"), "{said}");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fixture.open().await;
}

#[tokio::test]
async fn a_named_key_file_is_used_and_never_made() {
    let fixture = Fixture::new();
    let named = fixture.dir.path().join("elsewhere.key");
    let mut options = fixture.options();
    options.key_file = Some(named.clone());
    let refused = open_unlocked(options.clone(), fixture.clock()).await;
    assert!(matches!(
        refused,
        Err(OpenError::Vault(VaultError::KeyFileNotFound { .. }))
    ));
    fs::write(&named, format!("{}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&named, fs::Permissions::from_mode(0o600)).unwrap();
    fixture.open_as(&options).await;
    assert!(!fixture.dir.path().join("secret.key").exists());
}

#[tokio::test]
async fn one_lost_copy_of_the_data_key_is_made_good() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = kept(&store, "core", "public").await;
    store.close().await.unwrap();
    drop(store);
    let file = fixture.dir.path().join("documents.sqlite3");
    for copy in ["data_key", "data_key_copy"] {
        let sql = format!("UPDATE doc_vault SET body = CAST('{{}}' AS BLOB) WHERE id = '{copy}'");
        rusqlite::Connection::open(&file)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let (store, recovery) = fixture.try_open().await.unwrap();
        assert_eq!(recovery.damaged[0].id.as_deref(), Some(copy));
        store.credentials.secrets(id).await.unwrap();
        store.close().await.unwrap();
    }
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch("UPDATE doc_vault SET body = CAST('{}' AS BLOB)")
        .unwrap();
    let said = refusal(&fixture).await;
    assert!(
        said.contains("both copies of its data key are lost"),
        "{said}"
    );
}

#[tokio::test]
async fn a_credential_in_use_is_not_deleted() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = kept(&store, "core", "public").await;
    let mut devices = Vec::new();
    for n in 1..=3 {
        let mut device = device(n, fixture.now());
        device.credential_id = Some(id);
        devices.push(device.id);
        store.inventory.create(device).await.unwrap();
    }
    assert_eq!(store.inventory.devices_using(id), devices);
    let refused = store.credentials.delete(id, Expect::Any).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("credentials {id} is in use by 3 of devices")
    );
    for device in devices {
        store.delete_device(device, Expect::Any).await.unwrap();
    }
    store
        .credentials
        .delete(id, Expect::Revision(1))
        .await
        .unwrap();
    assert!(store.credentials.get(id).await.unwrap().is_none());
    let mut device = device(9, fixture.now());
    device.credential_id = Some(id);
    let refused = store.inventory.create(device).await;
    assert!(matches!(
        refused,
        Err(StoreError::NotFound {
            collection: "credentials",
            ..
        })
    ));
}

#[tokio::test]
async fn a_credential_is_changed_in_part() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = kept(&store, "core", "public").await;
    kept(&store, "edge", "private").await;
    let update = |name: &str, expect, secrets: Option<&'static str>| {
        let credentials = store.credentials.clone();
        let name = name.to_owned();
        async move {
            let secrets = secrets.map(self::secrets);
            credentials
                .update(id, expect, name, CredentialKind::SnmpV1, secrets.as_ref())
                .await
        }
    };
    let renamed = update("core 2", Expect::Revision(1), None).await.unwrap();
    assert_eq!(
        (renamed.revision, renamed.body.name.as_str()),
        (2, "core 2")
    );
    let community = |secrets: CredentialSecrets| secrets.community.unwrap().reveal().to_owned();
    assert_eq!(
        community(store.credentials.secrets(id).await.unwrap()),
        "public"
    );
    update("core 2", Expect::Any, Some("other")).await.unwrap();
    assert_eq!(
        community(store.credentials.secrets(id).await.unwrap()),
        "other"
    );
    let taken = update("edge", Expect::Any, None).await;
    assert!(matches!(
        taken,
        Err(StoreError::Duplicate { index: "name", .. })
    ));
    let stale = update("core 3", Expect::Revision(1), None).await;
    assert!(matches!(
        stale,
        Err(StoreError::RevisionConflict { found: Some(3), .. })
    ));
}
