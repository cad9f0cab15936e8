//! How TLS is spoken: the server's certificate and, where senders must prove themselves, whose
//! certificates are believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, crypto};

/// TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has no certificate or key that can be read.
    #[error("{path} cannot be read as PEM")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A file has no certificate.
    #[error("{path} has no certificate")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Certificate and key do not belong together, or are of a kind that is not spoken.
    #[error("the certificate in {path} cannot be used")]
    Certificate {
        /// Of which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The certificates of authorities cannot be used.
    #[error("the authorities in {path} cannot be used")]
    Authorities {
        /// Of which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::server::VerifierBuilderError,
    },
}

/// Reads what TLS is spoken with: the chain of certificates, the key, and the authorities whose
/// certificates senders must show, where they must.
pub fn config(
    certificate: &Path,
    key: &Path,
    authorities: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::File {
        path: key.to_owned(),
        source,
    })?;
    let unusable = |source| TlsError::Certificate {
        path: certificate.to_owned(),
        source,
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.build().map_err(|source| TlsError::Authorities {
                path: path.to_owned(),
                source,
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(unusable)?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}
