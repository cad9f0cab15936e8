//! From the name of a host to a connection: every address that the name has is tried in turn, each for
//! its share of the time, so that one that is silent or refuses does not hide one that answers.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

/// Addresses of a name that are tried: as many as a large service has, and each of them has time to
/// answer.
const ADDRESSES_MAX: usize = 8;

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
    /// No connection; where several addresses were tried, to the last of them.
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

/// A connection to the first of these addresses that takes one, and which that is. The last may take
/// all the time that is left, and it is for the caller to end it.
pub async fn connect(
    addresses: &[SocketAddr],
    time: Duration,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let until = Instant::now() + time;
    let mut rest = addresses;
    loop {
        let Some((&address, others)) = rest.split_first() else {
            // No caller gives none.
            return Err(ConnectError::Name {
                name: String::new(),
                source: ErrorKind::NotFound.into(),
            });
        };
        rest = others;
        let connecting = TcpStream::connect(address);
        let connected = if others.is_empty() {
            connecting.await
        } else {
            let left = until.saturating_duration_since(Instant::now());
            timeout(share(left, others.len()), connecting)
                .await
                .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
        };
        match connected {
            Ok(stream) => return Ok((stream, address)),
            Err(source) if others.is_empty() => {
                return Err(ConnectError::Connect { address, source });
            }
            Err(_) => {}
        }
    }
}

/// The time of one address where others come after it: as much as each of them.
fn share(left: Duration, others: usize) -> Duration {
    left / u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hide_the_next_one() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refuses = gone.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let takes = listener.local_addr().unwrap();
        drop(gone);
        let time = Duration::from_secs(5);
        let (_, address) = connect(&[refuses, takes], time).await.unwrap();
        assert_eq!(address, takes);
        let failed = connect(&[refuses], time).await.unwrap_err().to_string();
        assert!(
            failed.starts_with(&format!("no connection to {refuses}: ")),
            "{failed}"
        );
        assert!(connect(&[], time).await.is_err());
    }

    #[tokio::test]
    async fn a_host_may_be_written_in_brackets() {
        let found = resolve("[::1]", 22).await.unwrap();
        assert_eq!(found, ["[::1]:22".parse().unwrap()]);
    }

    #[test]
    fn each_address_has_its_share_of_the_time() {
        let left = Duration::from_secs(6);
        assert_eq!(share(left, 1), Duration::from_secs(3));
        assert_eq!(share(left, 2), Duration::from_secs(2));
    }
}
