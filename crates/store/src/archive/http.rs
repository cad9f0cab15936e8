//! HTTP to an object store: HTTP/1.1 by hyper, TLS by rustls with ring (decision 0082), the trust anchors
//! of this machine. `object_store` has a client of its own only with another library of ciphers, or with
//! HTTP/2.

use super::ArchiveError;
use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Connector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Time for the head of an answer, from the beginning of the request on. A part of 16 MiB takes as long
/// at 2.2 Mbit/s.
const ANSWER_TIME: Duration = Duration::from_mins(1);
/// Time for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Connections that are kept for the next request, and how long.
const IDLE_MAX: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(30);

/// A client of HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: Client<HttpsConnector<Connector>, HttpRequestBody>,
}

impl Wire {
    /// A client that speaks TLS, and plain HTTP only where that is allowed. `more` are trusted besides
    /// what this machine trusts.
    pub(super) fn new(
        allow_http: bool,
        more: &[CertificateDer<'static>],
    ) -> Result<Self, ArchiveError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        // One that cannot be read keeps nobody from being trusted by the others.
        roots.add_parsable_certificates(found.certs.into_iter().chain(more.iter().cloned()));
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ArchiveError::Settings {
                what: format!("TLS cannot be spoken: {error}"),
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(config);
        let builder = if allow_http {
            builder.https_or_http()
        } else {
            builder.https_only()
        };
        let mut tcp = Connector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIME)
            .pool_timer(TokioTimer::new())
            .build(builder.enable_http1().wrap_connector(tcp));
        Ok(Self { client })
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = tokio::time::timeout(ANSWER_TIME, self.client.request(request)).await;
        let answer = answer.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?;
        let answer = answer.map_err(|error| {
            let kind = if error.is_connect() {
                HttpErrorKind::Connect
            } else {
                kind_of(&error)
            };
            HttpError::new(kind, error)
        })?;
        Ok(answer.map(|body| {
            let body = body.map_err(|error| HttpError::new(kind_of(&error), error));
            HttpResponseBody::new(body)
        }))
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Whether it is worth another try.
fn kind_of(error: &(dyn Error + 'static)) -> HttpErrorKind {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                std::io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
                _ => HttpErrorKind::Interrupted,
            };
        }
        next = error.source();
    }
    // What is left is a connection that was closed in the middle.
    HttpErrorKind::Interrupted
}
