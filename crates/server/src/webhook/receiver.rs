//! A receiver of webhooks on loopback for tests: answers with the statuses it is given, one after another, the
//! last one from then on, and tells what it was sent.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A request as it was received.
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The value of a header, in lower case by its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// Listens; its URL, and what it receives.
pub(crate) async fn listen(statuses: &[u16]) -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel(64);
    let mut statuses = statuses.to_vec();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let status = if statuses.len() > 1 {
                statuses.remove(0)
            } else {
                statuses[0]
            };
            if let Some(received) = answer(stream, status).await
                && tell.send(received).await.is_err()
            {
                return;
            }
        }
    });
    (url, told)
}

async fn answer(mut stream: TcpStream, status: u16) -> Option<Received> {
    let mut read = Vec::new();
    let (head, mut body, length) = loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok()?;
        if count == 0 {
            return None;
        }
        read.extend_from_slice(&part[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().ok())?
            });
            break (head, read.split_off(end + 4), length.unwrap_or(0));
        }
    };
    while body.len() < length {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok()?;
        if count == 0 {
            return None;
        }
        body.extend_from_slice(&part[..count]);
    }
    let location = if (300..400).contains(&status) {
        "location: http://127.0.0.1:1/\r\n"
    } else {
        ""
    };
    let text = format!("HTTP/1.1 {status} x\r\n{location}content-length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    Some(Received { head, body })
}
