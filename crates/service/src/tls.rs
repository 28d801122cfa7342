//! TLS between clients, routers and nodes. Certificates are read anew when their files change.
use crate::{ConfigError, pem};
use arc_swap::ArcSwap;
use clap::Args;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SignatureScheme,
    client::ResolvesClientCert,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
pub use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Options of who serves HTTPS: a router, a node.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerTls {
    /// Serve HTTPS with this certificate (PEM, with its chain); read anew when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Ask clients for a certificate signed by one of these (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
}

/// Options of who calls nodes: a router, another node, an operator's tool.
#[derive(Args, Clone, Debug, Default)]
pub struct NodeTls {
    /// Who may sign the certificates of nodes with an https URL (PEM); nobody else is trusted
    #[arg(long, global = true, value_name = "FILE")]
    pub node_ca: Option<PathBuf>,
    /// The own certificate for nodes that ask for one (PEM); a router and a node read it anew when it changes
    #[arg(long, global = true, value_name = "FILE")]
    pub node_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub node_key: Option<PathBuf>,
}

/// A certificate with its key, as its files have it now.
#[derive(Debug)]
pub struct Identity {
    option: &'static str,
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<[SystemTime; 2]>>,
    current: ArcSwap<CertifiedKey>,
}

impl Identity {
    fn open(option: &'static str, cert: &Path, key: &Path) -> Result<Arc<Identity>, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        Ok(Arc::new(Identity {
            option,
            cert: cert.to_owned(),
            key: key.to_owned(),
            seen: Mutex::new(changed(cert, key)),
            current: ArcSwap::from_pointee(read(option, cert, key, &provider)?),
            provider,
        }))
    }

    /// Reads the files again if they have changed. A pair that doesn't fit (one file is written after the other) is tried again.
    pub fn refresh(&self) {
        let changed = changed(&self.cert, &self.key);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.is_none() || changed == *seen {
            return;
        }
        match read(self.option, &self.cert, &self.key, &self.provider) {
            Ok(new) => {
                self.current.store(Arc::new(new));
                *seen = changed;
                tracing::info!(file = %self.cert.display(), "certificate read anew");
            }
            Err(error) => tracing::warn!(%error, "the certificate stays as it was"),
        }
    }

    /// The certificate that is shown now (DER).
    pub fn shown(&self) -> CertificateDer<'static> {
        self.current
            .load()
            .cert
            .first()
            .cloned()
            .unwrap_or_else(|| CertificateDer::from(Vec::new()))
    }

    /// Keeps the certificate as its files are, until dropped.
    pub async fn follow(self: Arc<Identity>) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.refresh();
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
    fn has_certs(&self) -> bool {
        true
    }
}

fn changed(cert: &Path, key: &Path) -> Option<[SystemTime; 2]> {
    let at = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    Some([at(cert)?, at(key)?])
}

fn wrong(option: &str, path: &Path, why: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(option, format!("{}: {why}", path.display()))
}

fn read(
    option: &str,
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConfigError> {
    let chain = pem::certificates(cert).map_err(|e| ConfigError::new(option, e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(option, key, e))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|e| wrong(option, cert, e))
}

fn roots(option: &str, path: &Path) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    pem::trust(&mut roots, path).map_err(|e| ConfigError::new(option, e))?;
    Ok(roots)
}

/// A pair of options of which both or none must be there.
fn pair<'o>(
    names: [&'static str; 2],
    cert: &'o Option<PathBuf>,
    key: &'o Option<PathBuf>,
) -> Result<Option<(&'o Path, &'o Path)>, ConfigError> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::new(
            names[1],
            format!("is missing: --{} is given", names[0]),
        )),
        (None, Some(_)) => Err(ConfigError::new(
            names[0],
            format!("is missing: --{} is given", names[1]),
        )),
    }
}

impl ServerTls {
    /// Whether HTTPS is served.
    pub fn is_on(&self) -> bool {
        self.tls_cert.is_some() || self.tls_key.is_some()
    }

    /// What takes connections, offering these protocols, and the certificate that it shows; none without `--tls-cert`.
    ///
    /// # Errors
    /// A file can't be read, key and certificate don't fit, or an option is missing.
    pub fn acceptor(&self, protocols: &[&str]) -> Result<Option<(TlsAcceptor, Arc<Identity>)>, ConfigError> {
        let Some((cert, key)) = pair(["tls-cert", "tls-key"], &self.tls_cert, &self.tls_key)? else {
            return match self.tls_client_ca {
                Some(_) => Err(ConfigError::new(
                    "tls-client-ca",
                    "needs --tls-cert and --tls-key",
                )),
                None => Ok(None),
            };
        };
        let identity = Identity::open("tls-cert", cert, key)?;
        let provider = identity.provider.clone();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong("tls-cert", cert, e))?;
        let builder = match &self.tls_client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots("tls-client-ca", path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|e| wrong("tls-client-ca", path, e))?)
            }
        };
        let mut config = builder.with_cert_resolver(identity.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Some((TlsAcceptor::from(Arc::new(config)), identity)))
    }
}

impl NodeTls {
    /// What connects to `https` nodes: it trusts `--node-ca` alone, and shows `--node-cert` to who asks.
    ///
    /// # Errors
    /// As [`ServerTls::acceptor`].
    pub fn client(&self) -> Result<(ClientConfig, Option<Arc<Identity>>), ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let roots = match &self.node_ca {
            Some(path) => roots("node-ca", path)?,
            None => RootCertStore::empty(),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| ConfigError::new("node-ca", e.to_string()))?
            .with_root_certificates(roots);
        Ok(
            match pair(["node-cert", "node-key"], &self.node_cert, &self.node_key)? {
                None => (builder.with_no_client_auth(), None),
                Some((cert, key)) => {
                    let identity = Identity::open("node-cert", cert, key)?;
                    (
                        builder.with_client_cert_resolver(identity.clone()),
                        Some(identity),
                    )
                }
            },
        )
    }
}
