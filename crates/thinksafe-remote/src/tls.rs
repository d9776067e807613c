//! TLS: whom to trust, and whose cryptography.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls_platform_verifier::Verifier;

use crate::Error;

/// Trusts the system's authorities and these; computes with what the program has installed for itself, otherwise with
/// `ring`. Nothing of the process is changed.
pub(crate) fn settings(authorities: &[Vec<u8>]) -> Result<ClientConfig, Error> {
    let mut trusted = Vec::new();
    for (index, pem) in authorities.iter().enumerate() {
        trusted.extend(certificates(pem).map_err(|source| Error::Authority { index, source })?);
    }
    client(trusted).map_err(|source| Error::Tls { source })
}

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}

fn client(trusted: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let installed = CryptoProvider::get_default().cloned();
    let provider = installed.unwrap_or_else(|| Arc::new(ring::default_provider()));
    let verifier = Verifier::new_with_extra_roots(trusted, Arc::clone(&provider))?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // The verifier is the system's; rustls calls every verifier but its own dangerous.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // What the client for HTTP speaks as it is built here.
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_no_certificate_is_refused_by_its_place() {
        let authority = include_bytes!("../tests/claims/tls/authority.pem").to_vec();
        let key = include_bytes!("../tests/claims/tls/key.pem").to_vec();
        assert!(settings(std::slice::from_ref(&authority)).is_ok());
        for bad in [b"no certificate".to_vec(), key] {
            let error = settings(&[authority.clone(), bad]).unwrap_err();
            assert!(error.to_string().contains("`authorities[1]`"), "{error}");
        }
    }
}
