//! Certificates for etcd over TLS.
use crate::{Error, Result};
use etcd_client::{Certificate, Identity, TlsOptions};
use std::path::{Path, PathBuf};

/// Files (PEM) for `https` endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of who signed etcd's; no other signer is trusted.
    pub ca: PathBuf,
    /// This client's certificate and private key, if etcd asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Reads the files now, so that a wrong path is named at the start.
    pub(crate) async fn read(&self) -> Result<TlsOptions> {
        let mut options = TlsOptions::new().ca_certificate(Certificate::from_pem(read(&self.ca).await?));
        if let Some((cert, key)) = &self.identity {
            options = options.identity(Identity::from_pem(read(cert).await?, read(key).await?));
        }
        Ok(options)
    }
}

async fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = tokio::fs::read(path).await;
    let bytes = bytes.map_err(|e| Error::Refused(format!("{}, named by --topology: {e}", path.display())))?;
    if !bytes.windows(11).any(|part| part == b"-----BEGIN ") {
        return Err(Error::Refused(format!(
            "{}, named by --topology, isn't a PEM file",
            path.display()
        )));
    }
    Ok(bytes)
}
