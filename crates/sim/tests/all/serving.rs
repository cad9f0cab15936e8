//! Agents behind their socket: many addresses, misbehaviour, losses; asked by our own sessions.

use super::shelf::{self, text};
use foretell_sim::agent::{
    Access, Agent, Behaviour, ServeError, ServeOptions, Server, Shown, User, serve,
};
use snmp::{
    AuthProtocol, Credentials, Oid, PrivacyProtocol, Refusal, Session, SessionError,
    SessionOptions, Transport, WalkBounds, WalkEnd,
};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PHRASE: &str = "a phrase of the test";
const OTHER: &str = "not the phrase at all";

fn access() -> Arc<Access> {
    let user = User::new(
        "user",
        Some((AuthProtocol::Sha512, PHRASE)),
        Some((PrivacyProtocol::Aes256, PHRASE)),
    );
    Arc::new(Access::by_communities(["public"]).with_users([user.unwrap()]))
}

fn user(auth: &str, privacy: &str) -> Credentials {
    in_context(auth, privacy, "")
}

fn in_context(auth: &str, privacy: &str, context: &str) -> Credentials {
    let auth = Some((AuthProtocol::Sha512, auth.into()));
    let privacy = Some((PrivacyProtocol::Aes256, privacy.into()));
    Credentials::V3(snmp::User::new("user", auth, privacy, context).unwrap())
}

fn named(address: SocketAddr, name: &str, access: &Arc<Access>) -> Agent {
    let objects = BTreeMap::from([(vec![1, 3, 6, 1, 2, 1, 1, 5, 0], text(name))]);
    let shown = Shown::One(Arc::new(shelf::Shelf(objects)));
    Agent::new(address, shown, Arc::clone(access), Instant::now())
}

fn sys_name() -> Oid {
    Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 5, 0])
}

async fn name_of(
    transport: &Transport,
    address: SocketAddr,
    credentials: &Credentials,
) -> Result<String, SessionError> {
    let options = SessionOptions {
        timeout: Duration::from_millis(500),
        retries: 0,
    };
    let mut session = Session::open(transport, address, credentials, options);
    let found = session.get(&[sys_name()]).await?;
    match &found[0].1 {
        snmp::Value::Octets(octets) => Ok(String::from_utf8(octets.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Waits for a state of the counters, which threads add to after each batch.
fn until(server: &Server, what: &str, state: impl Fn(foretell_sim::agent::Stats) -> bool) {
    let begun = Instant::now();
    while !state(server.stats()) {
        let waited = begun.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "{what}: {:?}",
            server.stats()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_thousand_addresses_answer_for_themselves() {
    let access = access();
    let agents: Vec<_> = (0..1000u32)
        .map(|n| {
            let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 3, 0, 1)) + n);
            Arc::new(named(
                SocketAddr::from((ip, 0)),
                &format!("device {n}"),
                &access,
            ))
        })
        .collect();
    let options = ServeOptions {
        threads: NonZeroUsize::new(2).unwrap(),
        ..ServeOptions::default()
    };
    let server = serve(&agents, &options).unwrap();
    let transport = Transport::bind().unwrap();
    for n in [0, 1, 500, 999] {
        let address = server.address(n).unwrap();
        assert_ne!(address.port(), 0);
        let name = format!("device {n}");
        let public = Credentials::v2c("public");
        assert_eq!(
            name_of(&transport, address, &public).await,
            Ok(name.clone())
        );
        // Keys and engines are each device's own.
        let user = user(PHRASE, PHRASE);
        assert_eq!(name_of(&transport, address, &user).await, Ok(name));
    }
    let nobody = SocketAddr::from(([127, 4, 0, 1], server.address(0).unwrap().port()));
    let silence = name_of(&transport, nobody, &Credentials::v2c("public")).await;
    assert!(
        matches!(silence, Err(SessionError::Silent { .. })),
        "{silence:?}"
    );
    until(&server, "a stray request", |stats| stats.nobody_there == 1);
}

#[tokio::test]
async fn an_agent_of_ipv6() {
    let address = "[::1]:0".parse().unwrap();
    let Ok(server) = serve(
        &[Arc::new(named(address, "six", &access()))],
        &ServeOptions::default(),
    ) else {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: there is no IPv6 loopback here\n";
        return std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
    };
    let transport = Transport::bind().unwrap();
    let address = server.address(0).unwrap();
    let public = Credentials::v2c("public");
    assert_eq!(
        name_of(&transport, address, &public).await,
        Ok("six".to_owned())
    );
}

#[tokio::test]
async fn silence_loss_and_delay_are_switched_while_it_runs() {
    let behaviour = Arc::<Behaviour>::default();
    let agent = named("127.0.0.1:0".parse().unwrap(), "moody", &access());
    let agent = agent.with_behaviour(Arc::clone(&behaviour));
    let server = serve(&[Arc::new(agent)], &ServeOptions::default()).unwrap();
    let address = server.address(0).unwrap();
    let transport = Transport::bind().unwrap();
    let public = Credentials::v2c("public");
    let ask = || name_of(&transport, address, &public);

    assert_eq!(ask().await, Ok("moody".to_owned()));
    behaviour.set_silent(true);
    assert!(matches!(ask().await, Err(SessionError::Silent { .. })));
    behaviour.set_silent(false);
    behaviour.set_loss(1.0);
    assert!(matches!(ask().await, Err(SessionError::Silent { .. })));
    behaviour.set_loss(0.0);
    behaviour.set_delay(Duration::from_millis(200));
    let begun = Instant::now();
    assert_eq!(ask().await, Ok("moody".to_owned()));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    until(&server, "what was dropped", |stats| {
        (stats.silenced, stats.lost) == (1, 1)
    });
}

#[test]
fn what_is_lost_depends_on_the_seed_alone() {
    let lost = |seed| {
        let behaviour = Arc::<Behaviour>::default();
        behaviour.set_loss(0.5);
        let agent = named("127.0.0.1:0".parse().unwrap(), "lossy", &access());
        let agents = [Arc::new(agent.with_behaviour(behaviour))];
        let options = ServeOptions {
            seed,
            ..ServeOptions::default()
        };
        let server = serve(&agents, &options).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..200 {
            socket
                .send_to(b"whatever", server.address(0).unwrap())
                .unwrap();
        }
        until(&server, "all of them", |stats| stats.datagrams_in == 200);
        server.stats().lost
    };
    let first = lost(7);
    assert!((60..140).contains(&first), "{first}");
    assert_eq!(lost(7), first);
    assert_ne!(lost(8), first);
}

#[test]
fn a_flood_costs_datagrams_that_are_counted() {
    let behaviour = Arc::<Behaviour>::default();
    behaviour.set_delay(Duration::from_mins(1));
    let agent = named("127.0.0.1:0".parse().unwrap(), "flooded", &access());
    let agents = [Arc::new(agent.with_behaviour(behaviour))];
    let server = serve(&agents, &ServeOptions::default()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = vec![0x30; 4096];
    let mut sent = 0;
    // 16 MB of them are held back; what the system itself dropped is counted too, and is more where the
    // machine has other things to do.
    while server.stats().delayed_overflow == 0 && sent < 1_000_000 {
        for _ in 0..10_000 {
            let to = server.address(0).unwrap();
            socket.send_to(&datagram, to).unwrap();
        }
        sent += 10_000;
        until(&server, "all of them", |stats| {
            stats.datagrams_in + stats.overflowed == sent
        });
    }
    assert!(server.stats().delayed_overflow > 0);
    // Stopping does not wait for what was held back.
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn refusals_are_told_as_real_agents_tell_them() {
    let agent = Arc::new(named("127.0.0.1:0".parse().unwrap(), "strict", &access()));
    let server = serve(&[Arc::clone(&agent)], &ServeOptions::default()).unwrap();
    let address = server.address(0).unwrap();
    let transport = Transport::bind().unwrap();
    for (credentials, expected) in [
        (user(OTHER, PHRASE), Refusal::WrongDigest),
        (user(PHRASE, OTHER), Refusal::DecryptionError),
        (
            in_context(PHRASE, PHRASE, "elsewhere"),
            Refusal::UnknownContext,
        ),
        (
            Credentials::V3(snmp::User::new("nobody", None, None, "").unwrap()),
            Refusal::UnknownUser,
        ),
        (
            Credentials::V3(snmp::User::new("user", None, None, "").unwrap()),
            Refusal::AuthorizationError,
        ),
    ] {
        match name_of(&transport, address, &credentials).await {
            Err(SessionError::Refused { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    // Who knew its clock learns of a restart by a report, and asks again.
    let options = SessionOptions::default();
    let mut session = Session::open(&transport, address, &user(PHRASE, PHRASE), options);
    assert!(session.get(&[sys_name()]).await.is_ok());
    agent.engine().restart(Instant::now());
    assert!(session.get(&[sys_name()]).await.is_ok());
}

#[tokio::test]
async fn walks_agree_whatever_they_are_asked_by() {
    let agent = Agent::new(
        "127.0.0.1:0".parse().unwrap(),
        Shown::One(Arc::new(shelf::switch(48))),
        access(),
        Instant::now(),
    );
    let server = serve(&[Arc::new(agent)], &ServeOptions::default()).unwrap();
    let address = server.address(0).unwrap();
    let transport = Transport::bind().unwrap();
    let root = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 2]);
    let mut found = Vec::new();
    for credentials in [
        Credentials::v1("public"),
        Credentials::v2c("public"),
        user(PHRASE, PHRASE),
    ] {
        let options = SessionOptions::default();
        let mut session = Session::open(&transport, address, &credentials, options);
        let walk = session.walk(&root, WalkBounds::default()).await;
        assert_eq!(walk.end, WalkEnd::Complete);
        assert!(walk.defects.is_empty(), "{:?}", walk.defects);
        assert_eq!(walk.rows.len(), 48 * 4);
        found.push(walk.rows);
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[1], found[2]);
}

#[test]
fn agents_that_cannot_be_served_are_told() {
    let access = access();
    let at = |address: &str| Arc::new(named(address.parse().unwrap(), "x", &access));
    let check = |agents: &[Arc<Agent>], expected: &str| {
        let told = serve(agents, &ServeOptions::default()).err().unwrap();
        assert!(told.to_string().contains(expected), "{told}");
    };
    let twice = [at("127.0.0.1:0"), at("127.0.0.1:0")];
    check(&twice, "two agents are to answer for 127.0.0.1:0");
    let ports: Vec<_> = (2000..2065u16)
        .map(|port| at(&format!("127.0.0.1:{port}")))
        .collect();
    check(&ports, "65 sockets");
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = serve(&[at(&address.to_string())], &ServeOptions::default())
        .err()
        .unwrap();
    assert!(matches!(error, ServeError::Bind { .. }), "{error}");
}

#[tokio::test]
async fn every_cipher_with_keys_long_enough_and_with_keys_to_extend() {
    use PrivacyProtocol::{Aes128, Aes192, Aes192c, Aes256, Aes256c, Des, TripleDes};
    let ciphers = [Des, TripleDes, Aes128, Aes192, Aes256, Aes192c, Aes256c];
    let hashes = [AuthProtocol::Md5, AuthProtocol::Sha1, AuthProtocol::Sha512];
    let modes: Vec<_> = hashes
        .iter()
        .flat_map(|&hash| ciphers.map(|cipher| (hash, cipher)))
        .collect();
    let users = modes.iter().map(|&(hash, cipher)| {
        let name = format!("{hash:?}{cipher:?}");
        User::new(&name, Some((hash, PHRASE)), Some((cipher, PHRASE))).unwrap()
    });
    let access = Arc::new(Access::by_communities(["public"]).with_users(users));
    let at = SocketAddr::from(([127, 0, 0, 1], 0));
    let agents = [Arc::new(named(at, "ciphered", &access))];
    let server = serve(&agents, &ServeOptions::default()).unwrap();
    let transport = Transport::bind().unwrap();
    let address = server.address(0).unwrap();
    for (hash, cipher) in modes {
        let name = format!("{hash:?}{cipher:?}");
        let (auth, privacy) = (Some((hash, PHRASE.into())), Some((cipher, PHRASE.into())));
        let user = snmp::User::new(&name, auth, privacy, "").unwrap();
        let found = name_of(&transport, address, &Credentials::V3(user)).await;
        assert_eq!(found, Ok("ciphered".to_owned()), "{name}");
    }
}
