//! The URL of a MySQL store.
//!
//! In: text. Out: [`Target`], with the address, the credentials and the files for TLS, or [`OpenError`]. Never returns a value in an error,
//! because it may be a password.

use std::{num::NonZeroU32, path::PathBuf, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::{
    ConnectOptions as _,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use super::open_error::{OpenError, PARAMETERS};
use crate::store::{
    handshake,
    tls::{ClientFiles, TlsFiles},
};

/// The parts of a URL.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) server: MySqlConnectOptions,
    pub(super) tls: Tls,
    pub(super) startup_timeout: Duration,
    pub(super) max_connections: Option<NonZeroU32>,
    pub(super) table: Option<String>,
}

/// How connections are encrypted. Not [`MySqlConnectOptions`], which verifies nothing in some modes although a file for it is named.
#[derive(Clone, Default, Debug)]
pub(super) struct Tls {
    /// `None`: as nobody said.
    mode: Option<MySqlSslMode>,
    pub(super) files: TlsFiles,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        if !["mysql://", "mariadb://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(OpenError::Url);
        }
        // Otherwise a part of the password would be looked up as a host, or shown as the name of a parameter.
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        if address.matches('@').count() > 1 || query.contains('@') {
            return Err(OpenError::AtSign);
        }
        let Parameters { mode, ca, certificate, key, socket, startup_timeout, max_connections, table } =
            Parameters::parse(query)?;
        // The error of sqlx may quote the URL, so it is dropped.
        let server = MySqlConnectOptions::from_str(address).map_err(|_| OpenError::Url)?;
        if server.get_database().is_none() {
            return Err(OpenError::NoDatabase);
        }
        // The store's first statements set what sqlx would set with a round trip of its own.
        let server = server
            .disable_statement_logging()
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false);
        let server = match socket {
            Some(socket) => server.socket(socket),
            None => server,
        };
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(OpenError::ClientCertificate),
        };
        let tls = Tls { mode, files: TlsFiles { ca, client } };
        Ok(Self { server, tls, startup_timeout, max_connections, table })
    }
}

impl Tls {
    /// The mode that these settings mean. Whoever names the certificates to verify with wants them used.
    fn effective(&self) -> Result<MySqlSslMode, OpenError> {
        match (self.mode, &self.files.ca) {
            (None, Some(_)) => Ok(MySqlSslMode::VerifyIdentity),
            (Some(MySqlSslMode::Disabled | MySqlSslMode::Preferred | MySqlSslMode::Required), Some(_)) => {
                Err(OpenError::Unverified)
            }
            (mode, _) => Ok(mode.unwrap_or_default()),
        }
    }

    /// Adds the settings to those of a connection.
    pub(super) fn apply(&self, server: MySqlConnectOptions) -> Result<MySqlConnectOptions, OpenError> {
        let mode = self.effective()?;
        // Who listens at a socket is decided by the rights on its folder.
        if server.get_socket().is_some() || matches!(mode, MySqlSslMode::Disabled) {
            return Ok(server.ssl_mode(MySqlSslMode::Disabled));
        }
        if matches!(mode, MySqlSslMode::VerifyCa) {
            handshake::install_provider();
        }
        self.files.check()?;
        let mut server = server.ssl_mode(mode);
        if let Some(file) = &self.files.ca {
            server = server.ssl_ca(file);
        }
        if let Some(ClientFiles { certificate, key }) = &self.files.client {
            server = server.ssl_client_cert(certificate).ssl_client_key(key);
        }
        Ok(server)
    }
}

#[derive(Default)]
struct Parameters {
    mode: Option<MySqlSslMode>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    socket: Option<PathBuf>,
    startup_timeout: Duration,
    max_connections: Option<NonZeroU32>,
    table: Option<String>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, OpenError> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // What is no parameter may be a part of a password.
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            // sqlx would ignore it, and with it perhaps that the connection should be encrypted.
            if !PARAMETERS.contains(&name) {
                return Err(OpenError::Parameter(name.to_owned()));
            }
            let invalid = || OpenError::Value(name.to_owned());
            let text = percent_decode_str(value).decode_utf8().map_err(|_| invalid())?;
            let file = || Some(PathBuf::from(&*text));
            match name {
                "ssl-ca" | "sslca" => parameters.ca = file(),
                "ssl-cert" | "sslcert" => parameters.certificate = file(),
                "ssl-key" | "sslkey" => parameters.key = file(),
                "socket" => parameters.socket = file(),
                "startup_timeout" => {
                    let seconds = value.parse().map_err(|_| invalid())?;
                    parameters.startup_timeout = Duration::from_secs(seconds);
                }
                "max_connections" => {
                    parameters.max_connections = Some(value.parse().map_err(|_| invalid())?);
                }
                "table" => parameters.table = Some(text.into_owned()),
                _ => parameters.mode = Some(text.parse().map_err(|_| invalid())?),
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    fn parsed(parameters: &str) -> Result<Target, OpenError> {
        Target::parse(&format!("mysql://u:p@db/shop?{parameters}"))
    }

    #[test]
    fn whoever_names_the_certificates_to_verify_with_gets_them_used() {
        use MySqlSslMode::{Preferred, Required, VerifyCa, VerifyIdentity};
        for (parameters, expected) in [
            ("", Preferred),
            ("ssl-mode=REQUIRED", Required),
            ("ssl-ca=ca.pem", VerifyIdentity),
            ("sslmode=verify_identity", VerifyIdentity),
            ("ssl-mode=verify_ca&sslca=ca.pem", VerifyCa),
        ] {
            let mode = parsed(parameters).unwrap().tls.effective().unwrap();
            assert_eq!(format!("{mode:?}"), format!("{expected:?}"), "{parameters}");
        }
        for mode in ["disabled", "preferred", "required"] {
            let tls = parsed(&format!("ssl-mode={mode}&ssl-ca=ca.pem")).unwrap().tls;
            assert!(matches!(tls.effective(), Err(OpenError::Unverified)), "{mode}");
        }
    }

    #[test]
    fn paths_are_decoded_and_belong_together() {
        let target = parsed("ssl-cert=/etc/a%20b.crt&ssl-key=/etc/a%26b.key&socket=/run/a%2Bb").unwrap();
        let client = ClientFiles { certificate: "/etc/a b.crt".into(), key: "/etc/a&b.key".into() };
        assert_eq!(target.tls.files, TlsFiles { ca: None, client: Some(client) });
        assert_eq!(target.server.get_socket().unwrap(), &PathBuf::from("/run/a+b"));
        assert!(matches!(parsed("ssl-key=a.key"), Err(OpenError::ClientCertificate)));
    }

    #[test]
    fn a_time_to_wait_for_the_server_is_a_number_of_seconds() {
        assert_eq!(parsed("startup_timeout=30").unwrap().startup_timeout, Duration::from_secs(30));
        let wrong = parsed("startup_timeout=30s").map(drop);
        assert!(matches!(wrong, Err(OpenError::Value(name)) if name == "startup_timeout"));
    }
}
