//! TLS to a relay: who is trusted to say that a certificate is the relay's.
//!
//! The public authorities are compiled in; an authority of one's own comes from a file and counts beside them. The file may
//! also hold the relay's own certificate, which then needs nobody else's signature. What the relay proves inside of TLS, the key that its users pin, does not depend on any of it.

use std::{io, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_name,
        },
        crypto::ring,
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
        server::ParsedCertificate,
    },
};

/// A file that holds no authority's certificate.
#[derive(Debug, thiserror::Error)]
#[error("it holds no certificate in PEM, or one that cannot be used")]
pub struct BadRoot;

/// Why a certificate is not taken for the relay's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untrusted {
    /// Nobody who is known signed it.
    #[error("it is signed by nobody whom this computer knows")]
    Issuer,
    /// It is for another address.
    #[error("it is for another address")]
    Name,
    /// Too late.
    #[error("it has run out")]
    Expired,
    /// Too early, or this computer's clock is wrong.
    #[error("it is not valid yet, by this computer's clock")]
    Early,
    /// Anything else.
    #[error("it cannot be used")]
    Other,
}

/// Looks whether a file's bytes hold an authority's certificate.
pub fn check(root: &[u8]) -> Result<(), BadRoot> {
    own(Some(root)).and_then(|own| store(&own)).map(drop)
}

/// Speaks TLS on a connection. `root` is PEM of an authority that counts beside the public ones.
pub async fn connect(host: &str, stream: TcpStream, root: Option<&[u8]>) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust::new(root).map_err(io::Error::other)?))
        .with_no_client_auth();
    // A proxy that would rather speak HTTP/2 has to be told.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What says whose certificate is a relay's. `root` is PEM of authorities that count beside the public ones.
pub fn verifier(root: Option<&[u8]>) -> Result<Arc<dyn ServerCertVerifier>, BadRoot> {
    Ok(Arc::new(Trust::new(root)?))
}

/// Why TLS did not come about, if it was for the certificate.
pub fn untrusted(error: &io::Error) -> Option<Untrusted> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(why) = error else { return None };
    Some(match why {
        CertificateError::UnknownIssuer => Untrusted::Issuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Untrusted::Name,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Untrusted::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Untrusted::Early,
        _ => Untrusted::Other,
    })
}

/// True if what answered does not speak TLS at all.
pub fn is_unspoken(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::InvalidMessage(_)))
}

/// Looks whether TLS is spoken at an address, with whatever certificate.
pub async fn is_spoken(host: &str, port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((host, port)).await else { return false };
    match connect(host, stream, None).await {
        Ok(_) => true,
        Err(error) => untrusted(&error).is_some(),
    }
}

/// Whoever signed a certificate is asked as always; one that is in the file of the person's own authority may also be the
/// relay's itself, as a self-signed one is that says of itself that it may sign others.
#[derive(Debug)]
struct Trust {
    signed: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn new(root: Option<&[u8]>) -> Result<Self, BadRoot> {
        let own = own(root)?;
        let roots = Arc::new(store(&own)?);
        let signed = WebPkiServerVerifier::builder_with_provider(roots, Arc::new(ring::default_provider()));
        Ok(Self { signed: signed.build().map_err(|_| BadRoot)?, own })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.signed.verify_server_cert(end, chain, name, ocsp, now) {
            // Its time was looked at before; that it is an authority's, which a relay's should not be, is what is left.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => {
                if !self.own.contains(end) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls12_signature(message, end, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls13_signature(message, end, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// The certificates of the person's own file; at least one, if there is a file.
fn own(root: Option<&[u8]>) -> Result<Vec<CertificateDer<'static>>, BadRoot> {
    let Some(pem) = root else { return Ok(Vec::new()) };
    let own: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| BadRoot)?;
    if own.is_empty() { Err(BadRoot) } else { Ok(own) }
}

fn store(own: &[CertificateDer<'static>]) -> Result<RootCertStore, BadRoot> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    own.iter().try_for_each(|certificate| store.add(certificate.clone())).map_err(|_| BadRoot)?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_no_authority() {
        for bad in [
            &b""[..],
            b"words",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(check(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(store(&[]).expect("the public ones").len() > 50);
    }
}
