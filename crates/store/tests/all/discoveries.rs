//! Runs of discovery.

use crate::fixture::Fixture;
use foretell_store::discoveries::{RESTARTED, RUNS_KEPT};
use foretell_store::{Store, StoreError};
use model::DiscoveryId;
use model::discovery::{DiscoveryPhase, DiscoveryRequest, DiscoveryResult, Method, SnmpAnswer};

fn request() -> DiscoveryRequest {
    DiscoveryRequest {
        targets: vec!["192.0.2.0/24".to_owned()],
        methods: vec![Method::Snmp],
        credential_ids: vec![],
        allowed_networks: vec![],
        port: 161,
        max_hops: 8,
        register: true,
    }
}

fn result(n: u8) -> DiscoveryResult {
    DiscoveryResult {
        address: [192, 0, 2, n].into(),
        port: 161,
        via: "192.0.2.0/24".to_owned(),
        hops: 0,
        icmp_answered: None,
        snmp: SnmpAnswer::Silent,
        name: None,
        description: None,
        vendor: None,
        device_id: None,
        identity_reason: None,
        model: None,
        os: None,
        kind: None,
        object_id: None,
        rule_reason: None,
    }
}

async fn begin(store: &Store) -> DiscoveryId {
    let id = DiscoveryId::new();
    store.discoveries.create(id, request()).await.unwrap();
    id
}

async fn addresses(store: &Store, id: DiscoveryId, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .discoveries
            .results(id, after, false, limit)
            .await
            .unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items.iter().map(|r| r.body.address.to_string()));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn results_are_paged_by_address_and_written_over() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let (one, two) = (begin(&store).await, begin(&store).await);
    let results: Vec<_> = [10, 9, 2, 100, 1].map(result).into();
    store.discoveries.add_results(one, &results).await.unwrap();
    store
        .discoveries
        .add_results(two, &[result(7)])
        .await
        .unwrap();
    store
        .discoveries
        .add_results(one, &[result(9)])
        .await
        .unwrap();
    for limit in [1, 2, 5, 100] {
        let expected = [1, 2, 9, 10, 100].map(|n| format!("192.0.2.{n}"));
        assert_eq!(addresses(&store, one, limit).await, expected);
    }
    store.discoveries.delete(one).await.unwrap();
    assert_eq!(addresses(&store, one, 10).await, [""; 0]);
    assert_eq!(addresses(&store, two, 10).await, ["192.0.2.7"]);
    let late = store.discoveries.add_results(one, &[result(1)]).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
}

#[tokio::test]
async fn a_run_does_not_outlive_the_server() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let (running, done) = (begin(&store).await, begin(&store).await);
    let mut run = store.discoveries.get(done).await.unwrap().unwrap().body;
    run.phase = DiscoveryPhase::Done;
    store.discoveries.update(&run).await.unwrap();
    drop(store);
    let (store, recovery) = fixture.try_open().await.unwrap();
    assert_eq!(recovery.discoveries_interrupted, 1);
    let ended = store.discoveries.get(running).await.unwrap().unwrap().body;
    assert_eq!(ended.phase, DiscoveryPhase::Failed);
    assert_eq!(ended.notices, [RESTARTED]);
    assert_eq!(ended.ended_at, Some(fixture.now()));
    let kept = store.discoveries.get(done).await.unwrap().unwrap().body;
    assert_eq!(kept.phase, DiscoveryPhase::Done);
    let latest = store.discoveries.page(None, None, true, 1).await.unwrap();
    assert_eq!(latest.items[0].body.id, done, "the latest first");
}

#[tokio::test]
async fn old_runs_are_forgotten_with_their_results() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let at_work = begin(&store).await;
    let mut oldest = None;
    for _ in 0..RUNS_KEPT {
        let id = begin(&store).await;
        let mut run = store.discoveries.get(id).await.unwrap().unwrap().body;
        run.phase = DiscoveryPhase::Cancelled;
        store.discoveries.update(&run).await.unwrap();
        if oldest.is_none() {
            store
                .discoveries
                .add_results(id, &[result(1)])
                .await
                .unwrap();
            oldest = Some(id);
        }
    }
    begin(&store).await;
    let gone = oldest.unwrap();
    assert!(store.discoveries.get(gone).await.unwrap().is_none());
    assert_eq!(addresses(&store, gone, 10).await, [""; 0]);
    assert!(
        store.discoveries.get(at_work).await.unwrap().is_some(),
        "still at work"
    );
}

#[tokio::test]
async fn candidates_that_are_accepted_push_no_run_of_a_network_out() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let of_a_network = begin(&store).await;
    let mut first = None;
    for host in 0..=RUNS_KEPT {
        let one = DiscoveryRequest {
            targets: vec![format!("198.51.100.{host}:161")],
            max_hops: 0,
            ..request()
        };
        let id = DiscoveryId::new();
        store.discoveries.create(id, one).await.unwrap();
        first = first.or(Some(id));
        for id in [of_a_network, id] {
            let mut run = store.discoveries.get(id).await.unwrap().unwrap().body;
            run.phase = DiscoveryPhase::Done;
            store.discoveries.update(&run).await.unwrap();
        }
    }
    let is_kept = |id| {
        let store = store.clone();
        async move { store.discoveries.get(id).await.unwrap().is_some() }
    };
    assert!(is_kept(of_a_network).await);
    assert!(!is_kept(first.unwrap()).await);
}
