//! TLS of what this node calls: the web's roots, and those of a file.
use rustls::{ClientConfig, RootCertStore};
use std::{path::Path, sync::Arc};

/// A client's side of TLS; `roots`: a PEM file with certificate authorities to be trusted besides the web's.
///
/// # Errors
/// The file can't be read, or holds no certificate that can be trusted.
pub fn client(roots: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut store = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = roots {
        service::pem::trust(&mut store, path)?;
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(store).with_no_client_auth())
}
