//! Whom we trust when we connect: the operating system's certificate authorities, Mozilla's list where it has none,
//! and extra ones from files. Read once and shared by all workers, because parsing them takes milliseconds; read at
//! the first TLS connection, because a start must not wait for it.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::tls::{TlsError, provider, read_certificates};

/// Client-side TLS settings; clones share them.
#[derive(Clone, Default)]
pub struct ClientTls {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    extra: Vec<CertificateDer<'static>>,
    configs: OnceLock<Result<Configs, String>>,
}

/// What we offer in the handshake.
#[derive(Clone)]
struct Configs {
    any_version: Arc<ClientConfig>,
    http1_only: Arc<ClientConfig>,
}

/// The HTTP versions to offer by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Versions {
    /// HTTP/2 where the server speaks it, else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1, as `Upgrade` needs it.
    Http1,
}

impl ClientTls {
    /// The system's authorities and those in the given PEM files.
    ///
    /// # Errors
    /// [`TlsError`] names the file that could not be read.
    pub fn with_authorities(files: &[PathBuf]) -> Result<Self, TlsError> {
        let mut extra = Vec::new();
        for file in files {
            extra.extend(read_certificates(file, "a certificate authority")?);
        }
        Ok(Self { shared: Arc::new(Shared { extra, configs: OnceLock::new() }) })
    }

    pub(crate) fn config(&self, versions: Versions) -> Result<Arc<ClientConfig>, TlsError> {
        let configs = self.shared.configs.get_or_init(|| build(&self.shared.extra));
        let configs = configs.as_ref().map_err(|reason| TlsError::Setup(reason.clone()))?;
        Ok(Arc::clone(match versions {
            Versions::Any => &configs.any_version,
            Versions::Http1 => &configs.http1_only,
        }))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("extra_authorities", &self.shared.extra.len()).finish_non_exhaustive()
    }
}

fn build(extra: &[CertificateDer<'static>]) -> Result<Configs, String> {
    let mut http1 = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(extra)?)
        .with_no_client_auth();
    let mut any = http1.clone();
    any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Configs { any_version: Arc::new(any), http1_only: Arc::new(http1) })
}

fn roots(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (known, _) = store.add_parsable_certificates(native.certs);
    if known == 0 {
        tracing::info!("the system has no certificate authorities, using Mozilla's list");
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for authority in extra {
        store.add(authority.clone()).map_err(|error| format!("an extra certificate authority is unusable: {error}"))?;
    }
    Ok(store)
}
