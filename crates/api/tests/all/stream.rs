//! The stream over a real port: who is let in, what is told, and what becomes of the slow.

use crate::harness::{Api, Client, RING};
use futures_util::{SinkExt as _, StreamExt as _};
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::event::Event;
use model::{DeviceId, DiscoveryId, SeriesId, Status, Value};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// Long enough for a loaded machine; no test waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn serve(api: &Api) -> SocketAddr {
    serve_router(api.router.clone()).await
}

pub async fn serve_router(router: axum::Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

pub async fn connect(
    address: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/api/v1/stream{query}")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            Err(response.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

pub async fn next(socket: &mut Socket) -> Json {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .expect("a message in time")
            .expect("the stream goes on")
            .unwrap();
        match message {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

pub async fn say(socket: &mut Socket, message: Json) {
    socket
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

pub async fn open(api: &Api, client: &Client<'_>) -> Socket {
    let address = serve(api).await;
    let bearer = format!("Bearer {}", client.token);
    let mut socket = connect(address, "", &[("authorization", &bearer)])
        .await
        .unwrap();
    let hello = next(&mut socket).await;
    assert_eq!(
        (&hello["type"], &hello["heartbeat_secs"]),
        (&json!("hello"), &json!(15))
    );
    assert!(
        hello["stream"].is_string() && hello["seq"].is_u64(),
        "{hello}"
    );
    socket
}

pub async fn subscribe(socket: &mut Socket, message: Json) {
    let id = message["id"].clone();
    say(socket, message).await;
    assert_eq!(next(socket).await, json!({"type": "subscribed", "id": id}));
}

#[tokio::test]
async fn who_is_let_in() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let address = serve(&api).await;
    assert_eq!(connect(address, "", &[]).await.err(), Some(401));
    assert_eq!(connect(address, "?ticket=x", &[]).await.err(), Some(401));

    let ticket = admin
        .post("/api/v1/stream/tickets", &json!(null))
        .await
        .json();
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    assert!(connect(address, &query, &[]).await.is_ok());
    assert_eq!(connect(address, &query, &[]).await.err(), Some(401), "used");
    let ticket = admin
        .post("/api/v1/stream/tickets", &json!(null))
        .await
        .json();
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    api.pass(Duration::from_secs(30));
    assert_eq!(
        connect(address, &query, &[]).await.err(),
        Some(401),
        "ended"
    );
    // A ticket opens nothing but a stream, nor with the headers of one.
    let ticket = admin
        .post("/api/v1/stream/tickets", &json!(null))
        .await
        .json();
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut posing = crate::harness::request(
        axum::http::Method::GET,
        &format!("/api/v1/devices{query}"),
        None,
    );
    let upgrade = axum::http::HeaderValue::from_static("websocket");
    posing.headers_mut().insert("upgrade", upgrade);
    api.send(posing).await.problem(401, "unauthenticated");
    let elsewhere = api.send(crate::harness::request(
        axum::http::Method::GET,
        &format!("/api/v1/devices{query}"),
        None,
    ));
    elsewhere.await.problem(401, "unauthenticated");

    let body = json!({"username": "admin", "password": crate::harness::PASSWORD});
    let path = "/api/v1/auth/session";
    let signed_in = api
        .send(crate::harness::request(
            axum::http::Method::POST,
            path,
            Some(&body),
        ))
        .await;
    let cookie = signed_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let ours = format!("http://{address}");
    for (origin, status) in [(ours.as_str(), None), ("http://evil.example", Some(403))] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        assert_eq!(
            connect(address, "", &headers).await.err(),
            status,
            "{origin}"
        );
    }
    assert_eq!(
        connect(address, "", &[("cookie", &cookie)]).await.err(),
        Some(403)
    );
    let plain = admin.get("/api/v1/stream").await;
    plain.problem(426, "upgrade-required");
}

#[tokio::test]
async fn what_is_subscribed_to_is_told() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut socket = open(&api, &admin).await;
    let (mine, other) = (DeviceId::new(), DeviceId::new());
    let series = SeriesId::new();
    let run = DiscoveryId::new();
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "id": "a", "topic": "devices"}),
    )
    .await;
    subscribe(&mut socket, json!({"type": "subscribe", "id": "b", "topic": "status", "device_ids": [mine.to_string()]})).await;
    subscribe(&mut socket, json!({"type": "subscribe", "id": "c", "topic": "series", "series_ids": [series.to_string()]})).await;
    subscribe(&mut socket, json!({"type": "subscribe", "id": "d", "topic": "discovery", "discovery_id": run.to_string()})).await;

    let at = api.services.clock.now();
    let status = |device_id| Event::DeviceStatus {
        device_id,
        from: Status::Up,
        to: Status::Down,
        since: at,
        evidence: Vec::new(),
    };
    let found = |discovery_id| Event::DiscoveryFound {
        discovery_id,
        result: DiscoveryResult {
            address: "192.0.2.1".parse().unwrap(),
            port: 161,
            via: "target".to_owned(),
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
        },
    };
    for event in [
        Event::DeviceChanged { device_id: other },
        status(other),
        status(mine),
        Event::Samples {
            device_id: other,
            at,
            samples: vec![
                (SeriesId::new(), Value::U64(1)),
                (series, Value::U64(u64::MAX)),
            ],
        },
        found(DiscoveryId::new()),
        found(run),
    ] {
        api.publish(event);
    }
    let told: Vec<Json> = {
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(next(&mut socket).await);
        }
        told
    };
    let names: Vec<&str> = told.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "device_changed",
            "device_status",
            "samples",
            "discovery_found"
        ]
    );
    let seqs: Vec<u64> = told.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    // What is not told to this client has its number too.
    assert_eq!(seqs, [1, 3, 4, 6]);
    assert_eq!(told[1]["data"]["to"], "down");
    assert_eq!(
        told[2]["data"]["samples"],
        json!([{"series_id": series.to_string(), "value": u64::MAX}])
    );

    say(&mut socket, json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(
        next(&mut socket).await,
        json!({"type": "unsubscribed", "id": "a"})
    );
    api.publish(Event::DeviceChanged { device_id: mine });
    api.publish(status(mine));
    assert_eq!(next(&mut socket).await["event"], "device_status");
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_stream_goes_on() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut socket = open(&api, &admin).await;
    for (message, pointer) in [
        ("nonsense", json!("")),
        (
            r#"{"type":"subscribe","id":"a","topic":"everything"}"#,
            json!("/topic"),
        ),
        (
            r#"{"type":"subscribe","id":"a","topic":"series","device_ids":["x"]}"#,
            json!("/device_ids/0"),
        ),
    ] {
        socket.send(Message::text(message)).await.unwrap();
        let answer = next(&mut socket).await;
        assert_eq!(answer["type"], "error", "{message}: {answer}");
        assert_eq!(answer["problem"]["status"], 422);
        assert_eq!(
            answer["problem"]["errors"][0]["pointer"], pointer,
            "{message}"
        );
    }
    socket.send(Message::binary(vec![0u8, 1])).await.unwrap();
    assert_eq!(next(&mut socket).await["problem"]["status"], 415);
    say(&mut socket, json!({"type": "unsubscribe", "id": "never"})).await;
    assert_eq!(next(&mut socket).await["problem"]["status"], 404);
    for n in 0..64 {
        subscribe(
            &mut socket,
            json!({"type": "subscribe", "id": n.to_string(), "topic": "devices"}),
        )
        .await;
    }
    say(
        &mut socket,
        json!({"type": "subscribe", "id": "more", "topic": "devices"}),
    )
    .await;
    let answer = next(&mut socket).await;
    assert_eq!(
        (&answer["problem"]["status"], &answer["id"]),
        (&json!(429), &json!("more"))
    );
}

/// Nothing is awaited between the events, so that the connection has no turn before the ring has
/// gone round: what it lost is counted and told, and the stream goes on.
#[tokio::test]
async fn the_slow_are_told_what_they_missed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut socket = open(&api, &admin).await;
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "id": "a", "topic": "devices"}),
    )
    .await;
    let sent = RING as u64 + 500;
    for _ in 0..sent {
        api.publish(Event::DeviceChanged {
            device_id: DeviceId::new(),
        });
    }
    let (mut told, mut dropped, mut last) = (0u64, 0u64, 0u64);
    while told + dropped < sent {
        let message = next(&mut socket).await;
        if message["type"] == "lagged" {
            dropped += message["dropped"].as_u64().unwrap();
        } else {
            told += 1;
            last = message["seq"].as_u64().unwrap();
        }
    }
    assert!(dropped >= 500, "{dropped}");
    api.publish(Event::DeviceChanged {
        device_id: DeviceId::new(),
    });
    assert_eq!(
        next(&mut socket).await["seq"].as_u64(),
        Some(sent + 1),
        "{last}"
    );
    let metrics = String::from_utf8(admin.get("/metrics").await.body.to_vec()).unwrap();
    assert!(
        metrics.contains(&format!("foretell_stream_events_dropped_total {dropped}\n")),
        "{metrics}"
    );
    assert!(metrics.contains("foretell_stream_clients 1\n"), "{metrics}");
}

/// A stream opened at an address, and its hello.
pub async fn reopen(address: SocketAddr, client: &Client<'_>) -> (Socket, Json) {
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(address, "", &headers).await.unwrap();
    let hello = next(&mut socket).await;
    (socket, hello)
}

#[tokio::test]
async fn a_stop_says_goodbye_and_leaves_no_task() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut socket = open(&api, &admin).await;
    api.services.stop.cancel();
    let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    match message {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    api.services.tasks.close();
    tokio::time::timeout(PATIENCE, api.services.tasks.wait())
        .await
        .unwrap();
}

/// The code that the stream is closed with.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Signs in by a session; its cookie.
async fn session(api: &Api, username: &str) -> String {
    let body = json!({"username": username, "password": crate::harness::PASSWORD});
    let (post, path) = (axum::http::Method::POST, "/api/v1/auth/session");
    let answer = api
        .send(crate::harness::request(post, path, Some(&body)))
        .await;
    let cookie = answer.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn sign_out(api: &Api, cookie: &str) {
    let path = "/api/v1/auth/session";
    let mut out = crate::harness::request(axum::http::Method::DELETE, path, None);
    let headers = out.headers_mut();
    headers.insert("cookie", cookie.parse().unwrap());
    headers.insert("host", "localhost".parse().unwrap());
    headers.insert("origin", "http://localhost".parse().unwrap());
    assert_eq!(api.send(out).await.status, 204);
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let address = serve(&api).await;
    let origin = format!("http://{address}");
    let bearer = format!("Bearer {}", admin.token);
    let by_cookie = async |cookie: &str| {
        let headers = [("cookie", cookie), ("origin", origin.as_str())];
        let mut socket = connect(address, "", &headers).await.unwrap();
        assert_eq!(next(&mut socket).await["type"], "hello");
        socket
    };
    let by_token = async || {
        let mut socket = connect(address, "", &[("authorization", &bearer)])
            .await
            .unwrap();
        assert_eq!(next(&mut socket).await["type"], "hello");
        socket
    };

    // A sign-out ends the streams of that session and no other.
    let (one, other) = (session(&api, "admin").await, session(&api, "admin").await);
    let (mut ended, mut staying) = (by_cookie(&one).await, by_cookie(&other).await);
    let mut token = by_token().await;
    sign_out(&api, &one).await;
    assert_eq!(closed(&mut ended).await, 4401);
    for socket in [&mut staying, &mut token] {
        let message = json!({"type": "subscribe", "id": "a", "topic": "devices"});
        subscribe(socket, message).await;
    }
    // A new password ends all, and a ticket of before opens none.
    let ticket = admin
        .post("/api/v1/stream/tickets", &json!(null))
        .await
        .json();
    api.pass(Duration::from_millis(1));
    let change =
        json!({"current_password": crate::harness::PASSWORD, "new_password": "another password"});
    let answer = admin.post("/api/v1/auth/password", &change).await;
    assert_eq!(answer.status, 204);
    assert_eq!(closed(&mut staying).await, 4401);
    assert_eq!(closed(&mut token).await, 4401);
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(connect(address, &query, &[]).await.err(), Some(401));
}

#[tokio::test]
async fn a_stream_ends_with_the_account() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut socket = open(&api, &admin).await;
    let accounts = &api.services.store.accounts;
    let mut account = accounts.named("admin").await.unwrap().unwrap();
    let hash = account.body.password_hash.clone();
    let roles = vec!["viewer".to_owned()];
    accounts
        .create("viewer".to_owned(), hash, roles)
        .await
        .unwrap();
    let cookie = session(&api, "viewer").await;
    account.body.disabled = true;
    accounts
        .update(account.body, store::documents::Expect::Any)
        .await
        .unwrap();
    // Somebody's sign-out has all looked at; else the next heartbeat would.
    sign_out(&api, &cookie).await;
    assert_eq!(closed(&mut socket).await, 4401);
}
