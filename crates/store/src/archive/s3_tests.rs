//! A real S3 server, behind a relay that does what networks do. Run by `cargo xtask archive`, which starts
//! the server; `FORETELL_TEST_S3` names it.

use super::tests::{Kept, bits, day, on, read_day, run};
use super::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::thread;

/// What the relay does to one connection of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relays {
    All,
    /// It is answered that there is no room.
    Busy,
    /// The answer ends in the middle.
    Torn,
    /// The request is not heard to its end.
    Deaf,
    /// It takes a while.
    Late,
}

/// How many octets of an answer go through before it is torn.
const TORN_AFTER: usize = 700;

/// Tries until it is done.
fn again<T, E: fmt::Debug>(mut work: impl FnMut() -> Result<T, E>) -> T {
    for _ in 0..50 {
        if let Ok(done) = work() {
            return done;
        }
    }
    panic!("tried in vain: {:?}", work().err());
}

/// A relay to a server, on a port of its own.
fn relay(server: SocketAddr, how: Relays) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let faults = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&faults);
    thread::spawn(move || {
        for (n, client) in listener.incoming().enumerate() {
            let (mut client, wrong) = (client.unwrap(), n % 3 == 1 && how != Relays::All);
            if wrong {
                count.fetch_add(1, Ordering::SeqCst);
            }
            let busy = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            match how {
                Relays::Busy if wrong => {
                    let mut octets = vec![0; 65_536];
                    let _heard = client.read(&mut octets);
                    let _told = client.write_all(busy);
                    continue;
                }
                Relays::Deaf if wrong => {
                    let mut octets = [0; 1_000];
                    let _heard = client.read(&mut octets);
                    continue;
                }
                Relays::Late if wrong => thread::sleep(Duration::from_millis(400)),
                _ => {}
            }
            let server = TcpStream::connect(server).unwrap();
            let (to, from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pump(from, to, usize::MAX));
            let most = if wrong && how == Relays::Torn {
                TORN_AFTER
            } else {
                usize::MAX
            };
            thread::spawn(move || pump(server, client, most));
        }
    });
    (address, faults)
}

fn pump(mut from: TcpStream, mut to: TcpStream, most: usize) {
    let (mut octets, mut done) = (vec![0; 65_536], 0);
    while let Ok(read) = from.read(&mut octets) {
        let now = read.min(most - done);
        if read == 0 || to.write_all(&octets[..now]).is_err() {
            break;
        }
        done += now;
        if done >= most {
            break;
        }
    }
    let _shut = to.shutdown(std::net::Shutdown::Both);
    let _shut = from.shutdown(std::net::Shutdown::Both);
}

fn server() -> SocketAddr {
    let url = std::env::var("FORETELL_TEST_S3").expect("FORETELL_TEST_S3 names an S3 server");
    url.trim_start_matches("http://")
        .parse()
        .expect("http://ADDRESS:PORT")
}

fn place(address: SocketAddr, prefix: &str) -> S3Options {
    S3Options {
        endpoint: Some(format!("http://{address}")),
        bucket: "archive".to_owned(),
        prefix: prefix.to_owned(),
        region: "us-east-1".to_owned(),
        allow_http: true,
        checksums: true,
        credentials: Credentials::Keys {
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".to_owned().into(),
            session_token: None,
        },
        trusted: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 server: cargo xtask archive"]
async fn days_are_archived_in_an_object_store_and_read_there() {
    let kept = Kept::new(2, 3).await;
    let options = place(server(), "days/here");
    let archive = kept.archive(Place::S3(Box::new(options))).await;
    let done = run(&archive).await;
    assert_eq!((done.days, done.failed), (2, None));
    for n in 0..2 {
        let found = on(&archive, move |archive| read_day(archive, day(n))).await;
        assert_eq!(bits(&found.unwrap()), bits(&kept.of_day(day(n))));
    }
    assert_eq!(on(&archive, Archive::scan).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 server: cargo xtask archive"]
async fn a_bad_network_costs_time_and_no_octet() {
    let whole: Vec<u8> = (0..40_u32 << 18)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::write(&file, &whole).unwrap();
    for how in [
        Relays::All,
        Relays::Busy,
        Relays::Torn,
        Relays::Deaf,
        Relays::Late,
    ] {
        let (address, faults) = relay(server(), how);
        let options = place(address, &format!("{how:?}"));
        let (file, whole) = (file.clone(), whole.clone());
        let runtime = Handle::current();
        let work = move || {
            let depot = Depot::s3(&options, runtime).unwrap();
            // What is missing where the archive has no mark would be told as an archive that is away.
            again(|| depot.put(OWNER, b"{}".to_vec().into()));
            // A part that was not heard is not sent again by itself: the pass after it puts the day anew.
            let mut tries = 0;
            while let Err(error) = depot.put_file("large/one", &file) {
                tries += 1;
                assert!(tries < 20, "{how:?}: {error:?}");
            }
            for n in 0..20 {
                let (name, octets) = (format!("small/{n}"), whole[n..n + 5_000].to_vec());
                again(|| depot.put(&name, octets.clone().into()));
                let got = again(|| depot.get_all(&name, 1 << 20, None));
                assert_eq!(got, octets, "{how:?}");
            }
            let range = 1_000_000..30_000_001;
            let got = again(|| depot.get_range("large/one", range.clone(), None));
            assert!(got == whole[1_000_000..30_000_001], "{how:?}");
            assert_eq!(again(|| depot.list("small")).len(), 20);
            again(|| match depot.get_all("nothing", 9, None) {
                Err(error) if error.is_missing() => Ok(()),
                other => Err(other),
            });
        };
        tokio::task::spawn_blocking(work).await.unwrap();
        let found = faults.load(Ordering::SeqCst);
        println!("{how:?}: {found} connections went wrong");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_are_not_asked_of_the_network() {
    let mut options = place("127.0.0.1:9".parse().unwrap(), "");
    options.credentials = Credentials::Keys {
        access_key_id: String::new(),
        secret_access_key: String::new().into(),
        session_token: None,
    };
    let refused = Depot::s3(&options, Handle::current());
    assert!(matches!(refused, Err(ArchiveError::Settings { .. })));
    let told = format!(
        "{:?}",
        Place::S3(Box::new(place("127.0.0.1:9".parse().unwrap(), "a")))
    );
    assert_eq!(told, "http://127.0.0.1:9 bucket archive under a");
    let told = format!("{options:?}");
    assert!(!told.contains("secret\""), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_spoken_only_where_that_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = place(listener.local_addr().unwrap(), "");
    options.allow_http = false;
    let (runtime, heard) = (Handle::current(), listener);
    heard.set_nonblocking(true).unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        // What builds at all does not connect.
        Depot::s3(&options, runtime).and_then(|depot| {
            let soon = Instant::now() + Duration::from_secs(5);
            depot
                .get_all("owner.json", 10, Some(soon))
                .map_err(ArchiveError::from)
        })
    });
    assert!(asked.await.unwrap().is_err());
    assert!(heard.accept().is_err(), "somebody connected");
}

/// A server of TLS that answers each request with the same five octets; and its certificate.
fn tls_server() -> (SocketAddr, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2126, 3, 1);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], secret)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, client.unwrap());
            let mut octets = [0; 4_096];
            // Whoever does not trust it hangs up.
            if stream.read(&mut octets).is_ok() {
                let _told = stream.write_all(
                    b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-4/5\r\n\
                      content-length: 5\r\netag: \"1\"\r\nconnection: close\r\n\
                      last-modified: Sun, 01 Mar 2026 00:00:00 GMT\r\n\r\nhello",
                );
                stream.conn.send_close_notify();
                let _told = stream.flush();
            }
        }
    });
    (address, certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_that_is_trusted_is_asked() {
    let (address, certificate) = tls_server();
    let ask = |trusted: Vec<CertificateDer<'static>>| {
        let mut options = place(address, "");
        options.endpoint = Some(format!("https://{address}"));
        options.allow_http = false;
        options.trusted = trusted;
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let depot = Depot::s3(&options, runtime).unwrap();
            depot.get_range("one", 0..5, Some(Instant::now() + Duration::from_mins(1)))
        })
    };
    let told = ask(vec![certificate]).await.unwrap().unwrap();
    assert_eq!(told, "hello");
    let refused = ask(Vec::new()).await.unwrap().unwrap_err();
    let told = crate::series::chain(&refused);
    assert!(told.contains("certificate"), "{told}");
}
