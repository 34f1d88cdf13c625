//! TLS in a build that has none: what `handshake` has, refused.
//!
//! In: what `handshake` takes. Out: [`TlsFileError::NotBuiltIn`]. Never a connection, so nothing goes unencrypted where TLS was asked for.

use std::error::Error;

use super::tls::{TlsFileError, TlsFiles, Words};

#[cfg(any(feature = "mysql", feature = "postgres"))]
impl TlsFiles {
    #[allow(clippy::unused_self)] // as with TLS
    pub(super) const fn check(&self) -> Result<(), TlsFileError> {
        Err(TlsFileError::NotBuiltIn)
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(super) const fn install_provider() {}

/// There is none.
#[cfg(feature = "redis")]
#[derive(Clone)]
pub(super) enum Connector {}

#[cfg(feature = "redis")]
impl Connector {
    #[allow(clippy::needless_pass_by_value)] // as with TLS
    pub(super) fn with(_: TlsFiles) -> Result<Self, TlsFileError> {
        Err(TlsFileError::NotBuiltIn)
    }

    #[allow(clippy::unused_async)] // as with TLS
    pub(super) async fn connect(
        &self,
        _: &str,
        _: tokio::net::TcpStream,
    ) -> Result<tokio::net::TcpStream, Box<dyn Error + Send + Sync>> {
        match *self {}
    }
}

pub(super) const fn advice(_: &(dyn Error + 'static), _: Words) -> Option<String> {
    None
}

#[cfg(all(test, feature = "mysql", feature = "postgres", feature = "redis"))]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use crate::store::open::open;

    #[tokio::test]
    async fn without_tls_a_connection_is_not_encrypted_only_if_the_url_says_so() {
        const ABSENT: &str = "this build has no TLS";
        for (url, plain) in [
            ("rediss://localhost:1", "redis://localhost:1"),
            ("postgres://localhost:1/db", "postgres://localhost:1/db?sslmode=disable"),
            ("postgres://localhost:1/db?sslmode=prefer", "postgres://%2Fnowhere/db"),
            ("mysql://localhost:1/db", "mysql://localhost:1/db?ssl-mode=disabled"),
            ("mysql://localhost:1/db?ssl-mode=required", "mysql://localhost:1/db?socket=/nowhere"),
        ] {
            let error = open(url).await.unwrap_err().to_string();
            assert!(error.contains(ABSENT), "{url}: {error}");
            let error = open(plain).await.unwrap_err().to_string();
            assert!(!error.contains(ABSENT), "{plain}: {error}");
        }
    }
}
