//! From the name of a host to a connection: the addresses that the name has are tried one after
//! another, the next beside those that have not answered yet, so that one that is silent or refuses
//! does not hide one that answers.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep};

/// Addresses of a name that are tried: as many as a large service has, and the last of them is tried
/// within two seconds.
const ADDRESSES_MAX: usize = 8;
/// How long an address is waited for before the next one is tried beside it. Source: RFC 8305 section
/// 5, the Connection Attempt Delay that is recommended.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("the name `{name}` has no address: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: Error,
    },
    /// No connection; where several addresses were tried, to the one that failed last.
    #[error("no connection to {address}: {source}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: Error,
    },
}

/// The addresses of a host, which is a name or an address with or without brackets; at least one, and
/// [`ADDRESSES_MAX`] at most.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let failed = |source| ConnectError::Name {
        name: host.to_owned(),
        source,
    };
    let bare = host.trim_matches(['[', ']']);
    let found = lookup_host((bare, port)).await.map_err(failed)?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if found.is_empty() {
        return Err(failed(ErrorKind::NotFound.into()));
    }
    Ok(found)
}

/// A connection that was made.
#[derive(Debug)]
pub struct Connection {
    /// The connection.
    pub stream: TcpStream,
    /// Where it leads.
    pub address: SocketAddr,
    /// When the attempt began that made it: those that failed or were too late are not counted in.
    pub begun: Instant,
}

/// A connection to one of these addresses: the first that is made. Each address has
/// [`ATTEMPT_DELAY`] before the next one is tried beside it; one that refuses makes way at once. It
/// ends when the last address has refused, which is long where one is silent: its caller has a time
/// for it, and by giving up ends every attempt.
pub async fn connect(addresses: &[SocketAddr]) -> Result<Connection, ConnectError> {
    let mut rest = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    // No caller gives no address.
    let mut failed = ConnectError::Name {
        name: String::new(),
        source: ErrorKind::NotFound.into(),
    };
    attempts.extend(rest.next().map(attempt));
    loop {
        let ended = tokio::select! {
            ended = attempts.next() => ended,
            () = sleep(ATTEMPT_DELAY), if rest.len() > 0 => {
                attempts.extend(rest.next().map(attempt));
                continue;
            }
        };
        match ended {
            Some(Ok(connection)) => return Ok(connection),
            Some(Err(error)) => {
                failed = error;
                attempts.extend(rest.next().map(attempt));
            }
            None => return Err(failed),
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<Connection, ConnectError> {
    let begun = Instant::now();
    match TcpStream::connect(address).await {
        Ok(stream) => Ok(Connection {
            stream,
            address,
            begun,
        }),
        Err(source) => Err(ConnectError::Connect { address, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::timeout;

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hide_the_next_one() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refuses = gone.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let takes = listener.local_addr().unwrap();
        drop(gone);
        let connection = connect(&[refuses, takes]).await.unwrap();
        assert_eq!(connection.address, takes);
        let failed = connect(&[refuses]).await.unwrap_err().to_string();
        assert!(
            failed.starts_with(&format!("no connection to {refuses}: ")),
            "{failed}"
        );
        assert!(connect(&[]).await.is_err());
    }

    #[tokio::test]
    async fn a_host_may_be_written_in_brackets() {
        let found = resolve("[::1]", 22).await.unwrap();
        assert_eq!(found, ["[::1]:22".parse().unwrap()]);
    }

    /// A listener that takes no more, so that whoever connects to it is left without an answer; and
    /// what fills it. None where this system answers all the same.
    async fn silent() -> Option<(TcpListener, Vec<TcpStream>)> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        for _ in 0..16 {
            match timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
                Ok(stream) => waiting.push(stream.unwrap()),
                Err(_) => return Some((listener, waiting)),
            }
        }
        None
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_takes_no_time_from_the_others() {
        let Some((silent, _waiting)) = silent().await else {
            let skipped = b"SKIPPED: a full listener answers on this system\n";
            std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
            return;
        };
        let silent = silent.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let takes = listener.local_addr().unwrap();
        let asked = Instant::now();
        // The last has not a share of the time, and what was in vain before it is not its own.
        let connection = connect(&[silent, silent, takes]).await.unwrap();
        assert_eq!(connection.address, takes);
        assert!(connection.begun - asked >= 2 * ATTEMPT_DELAY);
        // One that answers late is not given up for the next: here the next refuses.
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refuses = gone.local_addr().unwrap();
        drop(gone);
        let both = [silent, refuses];
        let waiting = connect(&both);
        let given_up = timeout(2 * ATTEMPT_DELAY, waiting).await;
        assert!(given_up.is_err(), "the first may still answer");
    }
}
