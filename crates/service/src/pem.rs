//! Certificates in PEM files: one reader for every role.
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::path::Path;

/// The certificates of a PEM file, in its order.
///
/// # Errors
/// The file can't be read, is damaged, or holds none; names the file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(format!("{}: no certificate in it", path.display())),
        Ok(list) => Ok(list),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Adds the certificate authorities of a PEM file to those that are trusted.
///
/// # Errors
/// As [`certificates`], or one of them can't be trusted.
pub fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_empty_or_damaged_is_named() {
        let dir = std::env::temp_dir().join(format!("stellwerk-pem-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("ca.pem");
        let tried = || trust(&mut RootCertStore::empty(), &path).unwrap_err();
        assert!(tried().contains("ca.pem"), "{}", tried());
        std::fs::write(&path, "nothing here").unwrap();
        assert!(tried().ends_with("ca.pem: no certificate in it"), "{}", tried());
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, damaged).unwrap();
        assert!(tried().contains("ca.pem: "), "{}", tried());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
