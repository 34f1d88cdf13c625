//! The settings of TLS for connections to servers.
//!
//! In: the files that an operator names. Out: why they cannot be used. What uses them is `handshake`. Every server's certificate is verified:
//! nothing here can switch that off.

use std::{io::Error as IoError, path::PathBuf};

/// The files that an operator names.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct TlsFiles {
    /// The certificates that are trusted, in place of the system's.
    pub(super) ca: Option<PathBuf>,
    /// The certificate that this client shows, and its key.
    pub(super) client: Option<ClientFiles>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClientFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What is wrong with a file for TLS. The message names the file.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        #[source]
        why: IoError,
    },
    /// The file has no certificate.
    #[error("{} has no certificate; it must have a PEM block `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    /// The file has no private key.
    #[error("{} has no private key; it must have a PEM block such as `-----BEGIN PRIVATE KEY-----`, without a passphrase", .0.display())]
    NoKey(PathBuf),
    /// The contents of the file cannot be understood.
    #[error("{} is damaged: {why}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    OtherKey {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// TLS is not part of this build.
    #[error(
        "this build has no TLS; enable the feature `tls-rustls-ring` or `tls-rustls-aws-lc-rs`, or write that the connection need not be \
         encrypted: `sslmode=disable` for PostgreSQL, `ssl-mode=disabled` for MySQL, `redis` in place of `rediss`"
    )]
    NotBuiltIn,
    /// No certificates are named, and the system has none.
    #[error("the system has no root certificates; install them, or name a file with the server's authority")]
    NoSystemRoots,
}

crate::message::debug_is_the_message!(TlsFileError);

/// How the settings of an engine are called.
#[cfg_attr(not(feature = "_tls"), allow(dead_code))] // without handshakes, there is little advice about them
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// The parameter that names the trusted certificates.
    pub(super) ca: &'static str,
    /// The parameters that name the client's certificate and its key.
    pub(super) client: &'static str,
    /// What to do about a server that shows the certificate of an authority.
    pub(super) lone: &'static str,
    /// What to write for a server that has no TLS at this address.
    pub(super) plain: &'static str,
}
