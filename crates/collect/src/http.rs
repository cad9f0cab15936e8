//! HTTP requests of our own to other machines: one connection a request, every length and time
//! bounded, redirects not followed by themselves. TLS is verified by rustls against the trust anchors
//! of this machine; what came of that is told, and whether it matters is the caller's to say.

pub mod certificate;

use crate::connect::{ConnectError, connect, resolve};
use bytes::Bytes;
use certificate::Validity;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
pub use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
pub use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
pub use url::Url;

/// Longest head of an answer, in octets; more is a fault of the server.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// Whom to trust. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    provider: Arc<CryptoProvider>,
    /// None where this machine has no trust anchors: nobody is trusted then.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

/// What is asked.
#[derive(Debug)]
pub struct Ask<'a> {
    /// GET, HEAD or POST.
    pub method: Method,
    /// Where.
    pub url: &'a Url,
    /// The address that is connected to; found by the name of the URL where there is none.
    pub address: Option<SocketAddr>,
    /// Headers besides Host and User-Agent.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Time for the whole.
    pub time: Duration,
    /// Octets of the body that are read.
    pub body_len_max: usize,
    /// Whether a server whose certificate is not trusted is asked nevertheless.
    pub though_untrusted: bool,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Bytes,
    /// The body is longer than was read.
    pub cut: bool,
    /// How the server proved who it is; none without TLS.
    pub tls: Option<Tls>,
    /// Time from finding the address to the last octet read, without what was spent on addresses
    /// that did not answer.
    pub took: Duration,
}

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// When it is good; none where that cannot be read.
    pub validity: Option<Validity>,
    /// Why it is not trusted; none where it is.
    pub distrust: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL names no http server.
    #[error("`{url}` is no address of a server: http://HOST or https://HOST is expected")]
    Url {
        /// As given, cut.
        url: String,
    },
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No TLS.
    #[error("no TLS with {address}: {source}")]
    Handshake {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate is not trusted, and nothing was sent.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Untrusted {
        /// Whose.
        host: String,
        /// Why.
        reason: String,
        /// What it says.
        tls: Tls,
    },
    /// The answer broke off or is no HTTP.
    #[error("no answer that is HTTP: {reason}")]
    Answer {
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("no answer within {} ms", time.as_millis())]
    Time {
        /// The time there was.
        time: Duration,
    },
}

impl Trust {
    /// The trust anchors of this machine; `SSL_CERT_FILE` names others.
    pub fn of_this_machine() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        Self::in_roots(roots)
    }

    /// These alone.
    pub fn in_roots(roots: RootCertStore) -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Self {
            provider,
            verifier: verifier.build().ok(),
        }
    }

    /// A connector that takes any certificate, and what it saw.
    fn connector(&self) -> Result<(TlsConnector, Arc<Watching>), rustls::Error> {
        let watching = Arc::new(Watching {
            trust: self.clone(),
            seen: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Watching>::clone(&watching))
            .with_no_client_auth();
        Ok((TlsConnector::from(Arc::new(config)), watching))
    }
}

/// Asks, and reads what is answered.
pub async fn ask(trust: &Trust, ask: Ask<'_>) -> Result<Answered, HttpError> {
    let time = ask.time;
    timeout(time, in_time(trust, ask))
        .await
        .unwrap_or(Err(HttpError::Time { time }))
}

async fn in_time(trust: &Trust, ask: Ask<'_>) -> Result<Answered, HttpError> {
    let until = Instant::now() + ask.time;
    let begun = Instant::now();
    let wrong = || HttpError::Url {
        url: ask.url.as_str().chars().take(200).collect(),
    };
    let host = ask.url.host_str().ok_or_else(wrong)?.to_owned();
    let secure = match ask.url.scheme() {
        "http" => false,
        "https" => true,
        _ => return Err(wrong()),
    };
    let port = ask.url.port_or_known_default().ok_or_else(wrong)?;
    let addresses = match ask.address {
        Some(address) => vec![address],
        None => resolve(&host, port).await?,
    };
    let resolved = Instant::now();
    let connection = connect(&addresses).await?;
    let (stream, address) = (connection.stream, connection.address);
    let begun = begun + (connection.begun - resolved);
    let _ = stream.set_nodelay(true);
    if !secure {
        let (parts, body, cut) = exchange(stream, &ask, until).await?;
        return Ok(answered(parts, body, cut, None, begun));
    }
    let handshake = |source| HttpError::Handshake { address, source };
    let (connector, watching) = trust
        .connector()
        .map_err(|error| handshake(std::io::Error::other(error)))?;
    let bare = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(bare).map_err(|_| wrong())?;
    let stream = connector.connect(name, stream).await.map_err(handshake)?;
    let tls = watching.seen();
    if let (Some(reason), false) = (&tls.distrust, ask.though_untrusted) {
        return Err(HttpError::Untrusted {
            host,
            reason: reason.clone(),
            tls,
        });
    }
    let (parts, body, cut) = exchange(stream, &ask, until).await?;
    Ok(answered(parts, body, cut, Some(tls), begun))
}

fn answered(
    parts: hyper::http::response::Parts,
    body: Bytes,
    cut: bool,
    tls: Option<Tls>,
    begun: Instant,
) -> Answered {
    Answered {
        status: parts.status,
        headers: parts.headers,
        body,
        cut,
        tls,
        took: begun.elapsed(),
    }
}

/// One request and its answer over a connection, which ends with it.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ask: &Ask<'_>,
    until: Instant,
) -> Result<(hyper::http::response::Parts, Bytes, bool), HttpError> {
    let failed = |error: hyper::Error| HttpError::Answer {
        reason: chain(&error),
    };
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_LEN_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let request = request(ask)?;
    let talk = async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let (parts, mut body) = answer.into_parts();
        let mut read = Vec::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(failed)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let room = ask.body_len_max - read.len();
            read.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            if data.len() > room {
                cut = true;
                break;
            }
        }
        Ok((parts, Bytes::from(read), cut))
    };
    let both = async {
        tokio::pin!(connection);
        tokio::pin!(talk);
        tokio::select! {
            biased;
            answer = &mut talk => answer,
            ended = &mut connection => match ended {
                // All was read, and the rest of it waits in its buffers.
                Ok(()) => talk.await,
                Err(error) => Err(failed(error)),
            },
        }
    };
    let time = ask.time;
    timeout_at(until, both)
        .await
        .unwrap_or(Err(HttpError::Time { time }))
}

fn request(ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, HttpError> {
    let url = ask.url;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let wrong = |_| HttpError::Url {
        url: url.as_str().chars().take(200).collect(),
    };
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(target)
        .body(Full::new(ask.body.clone()))
        .map_err(wrong)?;
    let host = HeaderValue::from_str(host).map_err(|_| HttpError::Url {
        url: url.as_str().chars().take(200).collect(),
    })?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static("foretell"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(ask.headers.clone());
    Ok(request)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Takes every certificate, and remembers what it says and whether it is to be trusted.
struct Watching {
    trust: Trust,
    seen: Mutex<Tls>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            validity: None,
            distrust: Some("it showed none".to_owned()),
        }
    }
}

impl Watching {
    fn seen(&self) -> Tls {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watching")
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let distrust = match &self.trust.verifier {
            None => Some("this machine has no trust anchors".to_owned()),
            Some(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .err()
                .map(|error| in_words(&error)),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Tls {
            validity: certificate::validity(end_entity),
            distrust,
        };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Why a certificate is not trusted, for an operator.
fn in_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not good yet".to_owned()
        }
        CertificateError::UnknownIssuer => "nobody that is trusted signed it".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}
