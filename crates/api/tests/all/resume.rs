//! Clients of the stream that come back, and those that do not read: what they are told, and what not.

use crate::harness::{Api, RING};
use crate::stream::{Socket, next, reopen, say, serve, serve_router, subscribe};
use model::event::Event;
use model::{DeviceId, SeriesId, Value};
use serde_json::{Value as Json, json};
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

fn changed(api: &Api, count: usize) -> Vec<String> {
    let ids: Vec<DeviceId> = (0..count).map(|_| DeviceId::new()).collect();
    for device_id in &ids {
        api.publish(Event::DeviceChanged {
            device_id: *device_id,
        });
    }
    ids.iter().map(ToString::to_string).collect()
}

async fn told(socket: &mut Socket, count: usize) -> (Vec<String>, u64) {
    let (mut ids, mut last) = (Vec::new(), 0);
    for _ in 0..count {
        let event = next(socket).await;
        assert_eq!(event["type"], "event", "{event}");
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        ids.push(event["data"]["device_id"].as_str().unwrap().to_owned());
    }
    (ids, last)
}

fn resume(stream: &Json, seq: u64) -> Json {
    json!({"type": "resume", "stream": stream, "seq": seq,
        "subscriptions": [{"id": "a", "topic": "devices"}]})
}

#[tokio::test]
async fn who_comes_back_is_told_what_it_missed_once_and_in_order() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let address = serve(&api).await;
    let (mut socket, hello) = reopen(address, &admin).await;
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "id": "a", "topic": "devices"}),
    )
    .await;
    let before = changed(&api, 3);
    let (seen, seq) = told(&mut socket, 3).await;
    assert_eq!(seen, before);
    drop(socket);
    // Missed, among others that nobody asked for.
    let mut missed = changed(&api, 40);
    api.publish(Event::Samples {
        device_id: DeviceId::new(),
        at: api.services.clock.now(),
        samples: vec![(SeriesId::new(), Value::U64(1))],
    });
    missed.extend(changed(&api, 60));

    let (mut socket, again) = reopen(address, &admin).await;
    assert_eq!(again["stream"], hello["stream"]);
    say(&mut socket, resume(&hello["stream"], seq)).await;
    let live = changed(&api, 5);
    let answer = next(&mut socket).await;
    assert_eq!(
        answer,
        json!({"type": "resumed", "resumed": true, "stream": hello["stream"], "seq": seq})
    );
    missed.extend(live);
    let (seen, last) = told(&mut socket, missed.len()).await;
    assert_eq!(seen, missed);
    // It goes on, and resumes no second time.
    let after = changed(&api, 1);
    assert_eq!(told(&mut socket, 1).await, (after, last + 1));
    say(&mut socket, resume(&hello["stream"], seq)).await;
    assert_eq!(next(&mut socket).await["problem"]["status"], 409);
    // Nothing was missed by who comes back at once.
    let (mut socket, _) = reopen(address, &admin).await;
    say(&mut socket, resume(&hello["stream"], last + 1)).await;
    assert_eq!(next(&mut socket).await["resumed"], true);
    let after = changed(&api, 1);
    assert_eq!(told(&mut socket, 1).await, (after, last + 2));
}

#[tokio::test]
async fn who_comes_back_too_late_or_to_another_server_is_told_so() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let address = serve(&api).await;
    let (socket, hello) = reopen(address, &admin).await;
    drop(socket);
    // The ring of events goes round before anybody has a turn.
    changed(&api, RING + 500);
    let (mut socket, now) = loop {
        let (socket, now) = reopen(address, &admin).await;
        if now["seq"].as_u64() == Some(RING as u64 + 500) {
            break (socket, now);
        }
    };
    say(&mut socket, resume(&hello["stream"], 0)).await;
    let answer = next(&mut socket).await;
    assert_eq!(answer["resumed"], false);
    assert_eq!(answer["reason"], "too_old", "{answer}");
    assert!(answer["missed"].as_u64().unwrap() >= 500, "{answer}");
    assert_eq!(answer["seq"], now["seq"]);
    let after = changed(&api, 1);
    assert_eq!(
        told(&mut socket, 1).await.0,
        after,
        "its subscriptions are in force"
    );

    // Over the same store, as after a restart.
    let restarted = foretell_api::router(api.services.clone());
    let address = serve_router(restarted).await;
    let (mut socket, other) = reopen(address, &admin).await;
    assert_ne!(other["stream"], hello["stream"]);
    say(&mut socket, resume(&hello["stream"], 0)).await;
    let answer = next(&mut socket).await;
    assert_eq!(
        (&answer["resumed"], &answer["reason"]),
        (&json!(false), &json!("restarted"))
    );
    assert_eq!(answer["stream"], other["stream"]);
    let after = changed(&api, 1);
    assert_eq!(told(&mut socket, 1).await.0, after);

    let (mut socket, other) = reopen(address, &admin).await;
    say(&mut socket, resume(&other["stream"], 1 << 40)).await;
    let answer = next(&mut socket).await;
    assert_eq!(
        answer["problem"]["errors"][0]["pointer"], "/seq",
        "{answer}"
    );
    say(
        &mut socket,
        resume(&other["stream"], other["seq"].as_u64().unwrap()),
    )
    .await;
    assert_eq!(next(&mut socket).await["resumed"], true, "it may try again");
    let metrics = String::from_utf8(admin.get("/metrics").await.body.to_vec()).unwrap();
    for line in [
        "foretell_stream_resumes_total{outcome=\"too_old\"} 1\n",
        "foretell_stream_resumes_total{outcome=\"restarted\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

/// It does not read while more happens than the ring holds: it is told all up to where its socket
/// and its queue were full, then how many it lost, then the rest, and nothing twice.
#[tokio::test]
async fn who_does_not_read_is_told_how_many_it_lost() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let address = serve(&api).await;
    let narrow = tokio::net::TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(8 << 10).unwrap();
    let narrow = MaybeTlsStream::Plain(narrow.connect(address).await.unwrap());
    let url = format!("ws://{address}/api/v1/stream");
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {}", admin.token).parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let opened = tokio_tungstenite::client_async(request, narrow).await;
    let mut socket = opened.unwrap().0;
    assert_eq!(next(&mut socket).await["type"], "hello");
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "id": "a", "topic": "devices"}),
    )
    .await;
    let sent = 40_000u64;
    for _ in 0..sent / 40 {
        changed(&api, 40);
        tokio::task::yield_now().await;
    }
    let (mut told, mut dropped, mut position) = (0u64, 0u64, 0u64);
    while position < sent {
        let message = next(&mut socket).await;
        match message["type"].as_str() {
            Some("heartbeat") => continue,
            Some("lagged") => dropped += message["dropped"].as_u64().unwrap(),
            _ => told += 1,
        }
        let seq = message["seq"].as_u64().unwrap();
        assert!(seq > position, "{message} after {position}");
        position = seq;
    }
    assert_eq!(told + dropped, sent);
    assert!(
        dropped > 0 && told > 16_000,
        "{told} told, {dropped} dropped"
    );
}
