//! TLS: a private authority is trusted if it is named, and not otherwise.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thinksafe_core::generate::Generate;
use thinksafe_remote::{Dialect, RemoteGenerator, RemoteOptions, Rendering, Server};

use crate::faults::{options, request};
use crate::server::{Seen, serve_one};

/// An authority and a certificate that it signed for `localhost`, made for this test alone.
const AUTHORITY: &[u8] = include_bytes!("tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

fn start() -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || {
                serve_one(rustls::StreamOwned::new(connection, stream), &Seen::default())
            });
        }
    });
    address
}

fn generate(authorities: Vec<Vec<u8>>) -> Result<u64, String> {
    let url = format!("https://localhost:{}/v1", start().port());
    let server = Server { authorities, ..Server::new(Dialect::OpenAi, url, "m") };
    let rendering = Rendering::Server { opening: String::new() };
    let options = RemoteOptions {
        tries: 2,
        answer_timeout: RemoteOptions::default().answer_timeout,
        ..options(4)
    };
    let mut engine = RemoteGenerator::new(&server, rendering, options).unwrap();
    let mut done = 0;
    let outcome = engine.generate(&mut (0..20).map(request), &mut |completion| {
        done += u64::from(completion.outcome.is_ok());
        Ok(())
    });
    outcome.map(|()| done).map_err(|error| crate::fatal::with_causes(&error))
}

#[test]
fn a_private_authority_is_trusted_if_it_is_named() {
    assert_eq!(generate(vec![AUTHORITY.to_vec()]), Ok(20));
    let error = generate(Vec::new()).unwrap_err();
    assert!(error.to_lowercase().contains("certificate"), "{error}");
}
