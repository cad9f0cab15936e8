//! Discovery: what is found, what is refused, what is followed, and where it stops.

use super::agent::{Agent, COMMUNITY, PASSPHRASE, USER, free_port};
use super::relay::silent;
use foretell_collect::discovery::{DiscoveryPlan, Found, run};
use foretell_collect::{Pinger, credentials};
use model::credential::{AuthProtocol, CredentialKind, CredentialSecrets, Secret};
use model::discovery::{DiscoveryRequest, DiscoveryResult, Method, SnmpAnswer};
use model::{Clock, CredentialId, Timestamp};
use snmp::{Credentials, Transport};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

fn request(targets: &[&str], allowed: &[&str], port: u16) -> DiscoveryRequest {
    let own = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    DiscoveryRequest {
        targets: own(targets),
        methods: vec![Method::Icmp, Method::Snmp, Method::Neighbors],
        credential_ids: Vec::new(),
        allowed_networks: own(allowed),
        port,
        max_hops: 8,
        register: false,
    }
}

fn v3(user: &str, passphrase: &str) -> Credentials {
    let kind = CredentialKind::SnmpV3 {
        user: user.to_owned(),
        auth: Some(AuthProtocol::Sha256),
        privacy: None,
        context: String::new(),
    };
    let secrets = CredentialSecrets {
        community: None,
        auth: Some(Secret::new(passphrase.to_owned())),
        privacy: None,
    };
    credentials(&kind, &secrets).unwrap()
}

#[derive(Default)]
struct Heard {
    results: Vec<(DiscoveryResult, bool, Option<CredentialId>)>,
    notices: Vec<String>,
    progress: Vec<(u64, u64, u64)>,
    finished: Option<bool>,
}

impl Heard {
    fn at(&self, address: &str) -> &DiscoveryResult {
        let found = self
            .results
            .iter()
            .find(|r| r.0.address.to_string() == address);
        &found.unwrap_or_else(|| panic!("nothing of {address}")).0
    }
}

async fn discover(
    request: &DiscoveryRequest,
    with: Vec<(Option<CredentialId>, Credentials)>,
    cancel: CancellationToken,
) -> Heard {
    let plan = DiscoveryPlan::parse(request, with).unwrap();
    let clock = Clock::new(|| Timestamp::from_unix_ms(1_800_000_000_000));
    let transport = Transport::bind().unwrap();
    let (send, mut found) = mpsc::channel(4);
    let task = tokio::spawn(run(plan, transport, Pinger::open(), clock, send, cancel));
    let mut heard = Heard::default();
    let listen = async {
        while let Some(found) = found.recv().await {
            match found {
                Found::Progress {
                    total,
                    done,
                    answered,
                } => heard.progress.push((total, done, answered)),
                Found::Address {
                    result,
                    look,
                    credential,
                } => heard.results.push((*result, look.is_some(), credential)),
                Found::Notice(text) => heard.notices.push(text),
                Found::Finished { cancelled } => heard.finished = Some(cancelled),
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("an end");
    task.await.unwrap();
    heard
}

/// Rows of CISCO-CDP-MIB that name neighbours by address.
fn cdp(neighbors: &[&str]) -> String {
    let mut lines = String::new();
    let column = ".1.3.6.1.4.1.9.9.23.1.2.1.1";
    for (n, address) in neighbors.iter().enumerate() {
        let row = n + 1;
        let address: Ipv4Addr = address.parse().unwrap();
        let hex = format!("{:08x}", address.to_bits());
        writeln!(lines, "override {column}.3.2.{row} integer 1").unwrap();
        writeln!(lines, "override {column}.4.2.{row} octet_str 0x{hex}").unwrap();
        writeln!(lines, "override {column}.6.2.{row} octet_str n{row}").unwrap();
        writeln!(lines, "override {column}.7.2.{row} octet_str eth0").unwrap();
    }
    lines
}

async fn agent(ip: &str, port: u16, neighbors: &[&str]) -> Option<Agent> {
    let address: SocketAddr = format!("{ip}:{port}").parse().unwrap();
    let name = format!("sysName r-{ip}\n");
    Agent::start(address, &(name + &cdp(neighbors))).await
}

#[tokio::test]
async fn a_chain_of_neighbours_is_followed_within_bounds() {
    let port = free_port("127.77.0.1");
    let Some(_first) = agent("127.77.0.1", port, &["127.77.0.2", "127.99.0.1"]).await else {
        return;
    };
    // The second tells of the first again, of itself, and of an address where nobody is.
    let neighbors = ["127.77.0.1", "127.77.0.2", "127.77.0.3", "127.77.0.9"];
    let _second = agent("127.77.0.2", port, &neighbors).await;
    let _third = agent("127.77.0.3", port, &["127.77.0.2", "127.77.0.4"]).await;
    let _fourth = agent("127.77.0.4", port, &[]).await;
    let id = CredentialId::new();
    let with = || {
        vec![
            (None, Credentials::v2c("wrong")),
            (Some(id), Credentials::v2c(COMMUNITY)),
        ]
    };
    let mut request = request(&["127.77.0.1"], &["127.77.0.0/24"], port);
    let began = Instant::now();
    let heard = discover(&request, with(), CancellationToken::new()).await;
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(heard.finished, Some(false));
    for (address, hops, via) in [
        ("127.77.0.1", 0, "target"),
        ("127.77.0.2", 1, "neighbour of r-127.77.0.1"),
        ("127.77.0.3", 2, "neighbour of r-127.77.0.2"),
        ("127.77.0.4", 3, "neighbour of r-127.77.0.3"),
    ] {
        let result = heard.at(address);
        let credential_id = Some(id);
        assert_eq!(result.snmp, SnmpAnswer::Identified { credential_id });
        assert_eq!(result.hops, hops, "{address}");
        assert!(result.via.starts_with(via), "{address}: {}", result.via);
        assert_eq!(
            result.name.as_deref(),
            Some(format!("r-{address}").as_str())
        );
        // ICMP proves nothing on loopback.
        assert_eq!(result.icmp_answered, None);
    }
    assert_eq!(heard.at("127.77.0.9").snmp, SnmpAnswer::Silent);
    assert_eq!(heard.results.len(), 5, "each address once");
    assert_eq!(heard.progress.last(), Some(&(5, 5, 4)));
    let outside = heard.notices.iter().find(|n| n.contains("outside"));
    assert!(
        outside.unwrap().contains("127.99.0.1"),
        "{:?}",
        heard.notices
    );

    request.max_hops = 1;
    let heard = discover(&request, with(), CancellationToken::new()).await;
    assert_eq!(heard.results.len(), 2);
}

#[tokio::test]
async fn a_refusal_is_told_from_silence() {
    let port = free_port("127.0.0.1");
    let Some(agent) = Agent::start(([127, 0, 0, 1], port).into(), "rouser ops auth").await else {
        return;
    };
    let quiet = silent().await;
    let targets = [agent.address.to_string(), quiet.address.to_string()];
    let mut request = request(&[&targets[0], &targets[1]], &[], 161);
    let with = vec![
        (None, Credentials::v2c("wrong")),
        (None, v3(USER, "not the right phrase")),
        (None, v3("nobody", PASSPHRASE)),
    ];
    let heard = discover(&request, with, CancellationToken::new()).await;
    let of = |port| {
        let result = heard.results.iter().find(|r| r.0.port == port);
        result.unwrap().0.snmp.clone()
    };
    let SnmpAnswer::Refused { reasons } = of(port) else {
        panic!("{:?}", of(port));
    };
    assert_eq!(
        reasons,
        [
            "Credential 1 (SNMPv2c) is not answered in time.".to_owned(),
            format!(
                "Credential 2 (SNMPv3, user {USER}) is refused: the authentication pass phrase or \
                 protocol is wrong."
            ),
            "Credential 3 (SNMPv3, user nobody) is refused: it knows no such user.".to_owned(),
        ]
    );
    assert_eq!(of(quiet.address.port()), SnmpAnswer::Silent);
    assert!(!format!("{reasons:?}").contains("right phrase"));

    // With the right phrase last it is identified after all.
    request.targets.truncate(1);
    let with = vec![
        (None, v3(USER, "not the right phrase")),
        (None, v3(USER, PASSPHRASE)),
    ];
    let heard = discover(&request, with, CancellationToken::new()).await;
    let (result, looked, _) = &heard.results[0];
    let credential_id = None;
    assert_eq!(result.snmp, SnmpAnswer::Identified { credential_id });
    assert!(looked);
}

#[tokio::test]
async fn a_sweep_counts_the_silent_and_lists_the_rest() {
    let port = free_port("127.78.0.1");
    let Some(_agent) = agent("127.78.0.33", port, &[]).await else {
        return;
    };
    let request = request(&["127.78.0.0/24", "no-such-host.invalid"], &[], port);
    let with = vec![(None, Credentials::v2c(COMMUNITY))];
    let began = Instant::now();
    let heard = discover(&request, with, CancellationToken::new()).await;
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(heard.results.len(), 1);
    assert_eq!(heard.progress.last(), Some(&(254, 254, 1)));
    let name = heard
        .notices
        .iter()
        .find(|n| n.contains("no-such-host.invalid"));
    assert!(name.is_some(), "{:?}", heard.notices);
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_and_says_so() {
    let request = request(&["127.79.0.0/16"], &[], free_port("127.79.0.1"));
    let with = vec![(None, Credentials::v2c(COMMUNITY))];
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let began = Instant::now();
    tokio::join!(
        async {
            let heard = discover(&request, with, cancel).await;
            assert_eq!(heard.finished, Some(true));
        },
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            canceller.cancel();
        }
    );
    assert!(began.elapsed() < Duration::from_secs(3));
}
