//! How TLS is spoken: the server's certificate and, where senders must prove themselves, whose
//! certificates are believed. Files that change are read again for the next connection.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, crypto};
use zeroize::Zeroizing;

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

/// Files, in PEM, that TLS is spoken with.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain of the server's certificate, that of the server first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of whose certificates senders must show one, where they must.
    pub authorities: Option<PathBuf>,
}

/// What TLS is spoken with, as its files say.
pub struct Tls {
    files: TlsFiles,
    read: Mutex<Read>,
}

/// What was read last.
struct Read {
    /// Of what is in the files; it is no secret.
    fingerprint: u64,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let read = Read {
            fingerprint: files.fingerprint(),
            config: config(&files)?,
        };
        Ok(Self {
            files,
            read: Mutex::new(read),
        })
    }

    /// What the next connection is spoken with: the files are read again where something else is in
    /// them, as after a certificate was renewed. Where they cannot be used, which is told once, what
    /// was read before stays. That is so for a moment, too, while the certificate is written and the
    /// key is not. It reads files, so it is not for a task that must not wait.
    pub fn current(&self) -> Arc<ServerConfig> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what is written between the two is seen by the next connection.
        let fingerprint = self.files.fingerprint();
        if fingerprint != read.fingerprint {
            read.fingerprint = fingerprint;
            match config(&self.files) {
                Ok(config) => {
                    read.config = config;
                    tracing::info!("the certificate for syslog over TLS was read again");
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn Error,
                    "syslog over TLS goes on with the certificate of before"
                ),
            }
        }
        Arc::clone(&read.config)
    }
}

impl TlsFiles {
    /// Another number where something else is in a file, or one can be read no more. The files are
    /// small beside what a greeting costs, and a time of change would not tell of two writes at once.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for file in [
            Some(&self.certificate),
            Some(&self.key),
            self.authorities.as_ref(),
        ] {
            let octets = file
                .and_then(|file| fs::read(file).ok())
                .map(Zeroizing::new);
            octets
                .as_ref()
                .map(|octets| octets.as_slice())
                .hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Reads what TLS is spoken with: the chain of certificates, the key, and the authorities.
fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = (files.certificate.as_path(), files.key.as_path());
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
    let builder = match files.authorities.as_deref() {
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
