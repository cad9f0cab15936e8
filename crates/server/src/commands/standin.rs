//! A server that answers what a test says, in the place of a real one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

/// A server that answers once each, in this order, and what it was asked.
pub(super) fn server(
    answers: Vec<(&'static str, &'static str)>,
) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let asked = answers.into_iter().map(|(head, body)| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut asked, mut length, mut token) = (String::new(), 0, String::new());
            reader.read_line(&mut asked).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if let Some(given) = line.strip_prefix("content-length: ") {
                    length = given.parse().unwrap();
                }
                if let Some(given) = line.strip_prefix("authorization: bearer ") {
                    given.clone_into(&mut token);
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).unwrap();
            let sent = String::from_utf8(sent).unwrap();
            let length = body.len();
            let kind = "content-type: application/json";
            write!(
                stream,
                "HTTP/1.1 {head}\r\n{kind}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            format!("{path} {token} {sent}")
        });
        asked.collect()
    });
    (url, asked)
}
