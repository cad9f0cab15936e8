//! The samples of the load, given to a peer over HTTP by Prometheus' remote write: a request for each
//! poll of a device, one after the other.
//!
//! Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/>, version 0.1.0: protobuf within
//! snappy's block format. The text is not compressed, which snappy permits: a peer spends less on it
//! than on what a collector would send.

use super::beside::FROM_POLL;
use super::load::{Device, Network, SERIES};
use model::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a peer may take for one request: it may be merging.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);

pub(crate) fn run((address, path): (&str, &str), devices: usize, polls: i64) {
    let mut network = Network::new(devices);
    let labels: Vec<Vec<Vec<u8>>> = network.devices.iter().map(labels).collect();
    let mut peer = Peer::connect(address, path);
    let (begun, mut octets) = (Instant::now(), 0);
    for poll in FROM_POLL..FROM_POLL + polls {
        for (device, labels) in labels.iter().enumerate() {
            let (at, values) = network.said(device, poll);
            let request = request(labels, &values, at.unix_ms());
            octets += request.len();
            peer.post(&request);
        }
    }
    let samples = (devices * SERIES) as f64 * polls as f64;
    println!(
        "{}",
        serde_json::json!({
            "samples": samples,
            "send_wall_s": begun.elapsed().as_secs_f64(),
            "request_octets_per_sample": octets as f64 / samples,
        })
    );
}

/// A connection that is kept.
struct Peer {
    head: String,
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn connect(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Encoding: snappy\r\n\
             Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
        );
        Self {
            head,
            stream: BufReader::new(stream),
        }
    }

    fn post(&mut self, body: &[u8]) {
        let mut octets =
            format!("{}Content-Length: {}\r\n\r\n", self.head, body.len()).into_bytes();
        octets.extend_from_slice(body);
        self.stream.get_mut().write_all(&octets).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let is_taken = line.starts_with("HTTP/1.1 2");
        let (mut told, mut length) = (line.clone(), 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = given.trim().parse().unwrap();
            }
        }
        let mut rest = vec![0; length];
        self.stream.read_exact(&mut rest).unwrap();
        told.push_str(&String::from_utf8_lossy(&rest));
        assert!(is_taken, "{told}");
    }
}

/// The labels of each series of a device as protobuf, by name.
fn labels(device: &Device) -> Vec<Vec<u8>> {
    let series = device.keys().iter().map(|(metric, labels)| {
        let mut all: Vec<(String, String)> = labels.0.clone().into_iter().collect();
        all.push(("__name__".to_owned(), metric.name().to_owned()));
        all.push(("device".to_owned(), device.id.to_string()));
        all.sort();
        let mut octets = Vec::new();
        for (name, value) in all {
            let mut label = Vec::new();
            put_field(&mut label, 1, name.as_bytes());
            put_field(&mut label, 2, value.as_bytes());
            put_field(&mut octets, 1, &label);
        }
        octets
    });
    series.collect()
}

/// One value of each series: a `WriteRequest`, as snappy.
fn request(labels: &[Vec<u8>], values: &[Value], at_ms: i64) -> Vec<u8> {
    let mut write = Vec::new();
    for (labels, value) in labels.iter().zip(values) {
        let mut sample = vec![1 << 3 | 1];
        sample.extend(value.as_f64().to_le_bytes());
        sample.push(2 << 3);
        put_varint(&mut sample, at_ms.unsigned_abs());
        let mut series = labels.clone();
        put_field(&mut series, 2, &sample);
        put_field(&mut write, 1, &series);
    }
    snappy(&write)
}

/// A field of octets. Source: protobuf's encoding, wire type 2.
fn put_field(into: &mut Vec<u8>, number: u8, octets: &[u8]) {
    into.push(number << 3 | 2);
    put_varint(into, octets.len() as u64);
    into.extend_from_slice(octets);
}

fn put_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Octets as one literal, its length in four octets. Source: snappy's format_description.txt.
fn snappy(octets: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(octets.len() + 10);
    put_varint(&mut block, octets.len() as u64);
    block.push(63 << 2);
    block.extend((octets.len() as u32 - 1).to_le_bytes());
    block.extend_from_slice(octets);
    block
}
