//! Connecting to a server.
//!
//! In: a server, credentials, TLS. Out: a [`Connection`] whose server has answered, or [`NoConnection`]. Never sends a command about a record,
//! and never shows a password.

use std::{
    error::Error,
    io::{Error as IoError, ErrorKind as IoErrorKind},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use super::{
    connection::Connection,
    resp::{Commands, Reply, ServerError},
    url::{Credentials, Endpoint},
};

type Source = Box<dyn Error + Send + Sync>;

/// Why there is no connection. It is cheap to clone, because all callers that wait for one connection share the error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no connection to {endpoint}: {source}")]
pub(super) struct NoConnection {
    endpoint: Endpoint,
    source: Arc<dyn Error + Send + Sync>,
}

impl NoConnection {
    pub(super) fn new(endpoint: &Endpoint, source: impl Into<Source>) -> Self {
        Self { endpoint: endpoint.clone(), source: source.into().into() }
    }
}

/// The system's certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the system has no root certificates")]
pub(super) struct NoCertificates;

/// TLS with the system's root certificates. The crypto provider is named, because the application may have installed another one.
pub(super) fn tls() -> Result<TlsConnector, NoCertificates> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(NoCertificates);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| NoCertificates)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The settings for connecting to any of the servers.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) credentials: Credentials,
    pub(super) database: i64,
    pub(super) tls: Option<TlsConnector>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    /// Whether to refuse servers that are not masters, because the answers of Sentinels may be outdated.
    pub(super) master_only: bool,
}

impl Dialer {
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, NoConnection> {
        let late = || IoError::from(IoErrorKind::TimedOut).into();
        timeout(self.connect_timeout, self.connect(endpoint))
            .await
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| NoConnection::new(endpoint, error))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, Source> {
        let stream = TcpStream::connect((&*endpoint.host, endpoint.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.greet(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(endpoint.host.to_string())?;
                self.greet(tls.connect(name, stream).await?).await
            }
        }
    }

    /// Signs in, chooses the database, and has the server answer. A frozen server accepts connections too; if it does not answer this, no
    /// command about a record has been sent yet.
    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connection, Source> {
        let connection = Connection::open(stream, self.response_timeout, self.connect_timeout);
        let mut commands = Commands::default();
        match (&self.credentials.username, &self.credentials.password) {
            (Some(username), Some(password)) => commands.add(&["AUTH", username, password], &[]),
            (None, Some(password)) => commands.add(&["AUTH", password], &[]),
            (_, None) => {}
        }
        if self.database != 0 {
            commands.add(&["SELECT", &self.database.to_string()], &[]);
        }
        commands.add(&[if self.master_only { "ROLE" } else { "PING" }], &[]);
        let answers = connection.send(commands).await?;
        let error = answers
            .iter()
            .find_map(|answer| if let Reply::Error(error) = answer { Some(error) } else { None });
        if let Some(error) = error {
            return Err(self.refused(error));
        }
        if self.master_only && !answers.last().is_some_and(is_master) {
            return Err("the server is not the master".into());
        }
        Ok(connection)
    }

    /// A server that does not know AUTH repeats its arguments in the error.
    fn refused(&self, error: &ServerError) -> Source {
        match &self.credentials.password {
            Some(password) if error.text().contains(password) => {
                format!("the Redis server refused the credentials: {}", error.code()).into()
            }
            _ => error.clone().into(),
        }
    }
}

fn is_master(role: &Reply) -> bool {
    let Reply::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Reply::BulkString(role)) if *role == "master")
}
