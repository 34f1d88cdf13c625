//! TLS with servers.
//!
//! In: the files that an operator names. Out: settings of rustls, connections, and what to do when a handshake fails. Never trusts a server whose
//! certificate is not verified.

use std::{error::Error, fmt, io::Error as IoError, path::Path, sync::Arc};

#[cfg(not(feature = "tls-rustls-ring"))]
use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
// As sqlx chooses if both are there.
#[cfg(feature = "tls-rustls-ring")]
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, InvalidMessage, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem, pem::PemObject as _},
    server::ParsedCertificate,
};

use super::tls::{ClientFiles, TlsFileError, TlsFiles, Words};

impl TlsFiles {
    /// Whether the files that are named can be used. The system's certificates are not looked at, since not every mode needs them.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn check(&self) -> Result<(), TlsFileError> {
        if *self == Self::default() { Ok(()) } else { self.config().map(drop) }
    }

    /// The settings for connections that verify the server against these files, or against the system's certificates.
    fn config(&self) -> Result<ClientConfig, TlsFileError> {
        let named = self.ca.as_deref().map(certificates).transpose()?;
        let mut roots = RootCertStore::empty();
        match (&self.ca, &named) {
            (Some(file), Some(named)) => {
                for certificate in named {
                    roots.add(certificate.clone()).map_err(|error| damaged(file, &error))?;
                }
            }
            _ => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        // The provider is named, because the application may have installed another one.
        let provider = Arc::new(provider::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let inner = verifier.build().map_err(|_| TlsFileError::NoSystemRoots)?;
        let verifier = Arc::new(Verifier { inner, named: named.unwrap_or_default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsFileError::NoSystemRoots)?
            // `dangerous` is the name of every verifier that is not rustls' own; this one asks that one first.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let Some(ClientFiles { certificate, key }) = &self.client else {
            return Ok(config.with_no_client_auth());
        };
        config.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(|error| {
            match error {
                TlsError::InconsistentKeys(_) => {
                    TlsFileError::OtherKey { key: key.clone(), certificate: certificate.clone() }
                }
                error => damaged(key, &error),
            }
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsFileError> {
    std::fs::read(file).map_err(|why| TlsFileError::Read { file: file.to_owned(), why })
}

fn damaged(file: &Path, why: &dyn fmt::Display) -> TlsFileError {
    TlsFileError::Damaged { file: file.to_owned(), why: why.to_string() }
}

/// The certificates in a file, at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| damaged(file, &error))?;
    if found.is_empty() { Err(TlsFileError::NoCertificate(file.to_owned())) } else { Ok(found) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsFileError::NoKey(file.to_owned()),
        error => damaged(file, &error),
    })
}

/// Verifies as rustls does, and also accepts a server that shows one of the named certificates itself.
///
/// A lone certificate that signs itself is usually marked as one of an authority, because that is how `openssl req -x509` makes it, and no
/// server may show such a certificate (RFC 5280 4.2.1.9). If it is named, it is trusted nevertheless: nobody else has its key.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.inner.verify_server_cert(shown, intermediates, name, ocsp, now) {
            // The times are checked before the kind of the certificate, which has no variant of its own, and the name after it.
            Err(TlsError::InvalidCertificate(CertificateError::Other(_))) if self.named.contains(shown) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Has sqlx verify an authority without the name of the server: for this it asks rustls for the provider of the process, which panics if two are
/// compiled in and none was installed. One that the application has installed stays.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(super) fn install_provider() {
    drop(provider::default_provider().install_default());
}

/// Makes connections with TLS.
#[cfg(feature = "redis")]
#[derive(Clone)]
pub(super) struct Connector {
    files: TlsFiles,
    connector: tokio_rustls::TlsConnector,
}

#[cfg(feature = "redis")]
impl Connector {
    pub(super) fn with(files: TlsFiles) -> Result<Self, TlsFileError> {
        Ok(Self { connector: connector(&files)?, files })
    }

    /// Reads named files again for each connection, because certificates are replaced while a process runs.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: tokio::net::TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>, Box<dyn Error + Send + Sync>> {
        let name = ServerName::try_from(host.to_owned())?;
        let connector = if self.files == TlsFiles::default() {
            self.connector.clone()
        } else {
            let files = self.files.clone();
            tokio::task::spawn_blocking(move || connector(&files)).await??
        };
        Ok(connector.connect(name, stream).await?)
    }
}

#[cfg(feature = "redis")]
fn connector(files: &TlsFiles) -> Result<tokio_rustls::TlsConnector, TlsFileError> {
    Ok(Arc::new(files.config()?).into())
}

/// What to do about an error that a handshake caused; `None` if none did.
pub(super) fn advice(error: &(dyn Error + 'static), words: Words) -> Option<String> {
    let Words { ca, client, lone, plain } = words;
    Some(match handshake_error(error)? {
        TlsError::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => format!(
                "the server's certificate is not signed by an authority that is trusted here; name the file with the certificate of its \
                 authority, or with the server's own certificate, in `{ca}`"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "connect to the server by a name that its certificate has as a subjectAltName (a common name does not count)".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "give the server a new certificate, and check the clocks of both machines".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "check the clocks of both machines".to_owned()
            }
            CertificateError::Other(_) => format!("the server shows a certificate of an authority as its own; {lone}"),
            _ => "the server needs another certificate".to_owned(),
        },
        TlsError::AlertReceived(_) => format!(
            "the server ended the handshake; if it asks for a certificate of the client, name one that it trusts in {client}"
        ),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("the server does not speak TLS at this address; {plain}")
        }
        _ => return None,
    })
}

/// The error of TLS among the reasons of an error.
fn handshake_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let io = error
        .downcast_ref::<IoError>()
        .or_else(|| error.downcast_ref::<Arc<IoError>>().map(|error| &**error));
    // The source of an I/O error is that of the error inside.
    let inside = io.and_then(|error| error.get_ref()).map(|inside| inside as &(dyn Error + 'static));
    error
        .downcast_ref()
        .or_else(|| inside.and_then(handshake_error))
        .or_else(|| error.source().and_then(handshake_error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    #[test]
    fn the_error_of_a_handshake_is_found_below_other_errors() {
        let words = Words { ca: "cacert", client: "`cert` and `key`", lone: "", plain: "write `redis://`" };
        let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = Arc::new(IoError::other(IoError::other(unknown)));
        assert!(advice(&error, words).unwrap().ends_with("in `cacert`"));
        let alert = TlsError::AlertReceived(tokio_rustls::rustls::AlertDescription::CertificateRequired);
        assert!(advice(&alert, words).unwrap().contains("`cert` and `key`"));
        assert_eq!(advice(&IoError::other("no handshake"), words), None);
    }
}
