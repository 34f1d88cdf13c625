//! The URL of a PostgreSQL store.
//!
//! In: text, and libpq's environment variables. Out: [`Target`], with the address, the credentials and the files for TLS, or [`OpenError`].
//! Never returns a value in an error, because it may be a password.

use std::{env, num::NonZeroU32, path::PathBuf, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::open_error::{OpenError, PARAMETERS};
use crate::store::{
    handshake,
    tls::{ClientFiles, TlsFiles},
};

/// The parts of a URL.
#[derive(Clone)]
pub(super) struct Target {
    /// The same but for the address, in the order in which they were named.
    pub(super) servers: Vec<PgConnectOptions>,
    pub(super) tls: Tls,
    pub(super) startup_timeout: Duration,
    pub(super) max_connections: Option<NonZeroU32>,
    pub(super) schema: Option<String>,
    pub(super) table: Option<String>,
}

/// How connections are encrypted. Not [`PgConnectOptions`], which verifies nothing in some modes although a file for it is named.
#[derive(Clone, Default, Debug)]
pub(super) struct Tls {
    /// `None`: as nobody said.
    pub(super) mode: Option<PgSslMode>,
    pub(super) files: TlsFiles,
    /// Whether the system's certificates are named as those to verify with.
    pub(super) system: bool,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(OpenError::Url);
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        // Otherwise a part of the password would be looked up as a host, or shown as the name of a parameter.
        if address.matches('@').count() > 1 || query.contains('@') {
            return Err(OpenError::AtSign);
        }
        let mut parameters = Parameters::parse(query)?;
        // The error of sqlx may quote the URL, so it is dropped.
        let server = |address: String| {
            let server = PgConnectOptions::from_str(&format!("{address}?{}", parameters.others));
            server.map(sqlx::ConnectOptions::disable_statement_logging)
        };
        let servers = addresses(address).into_iter().map(server).collect::<Result<Vec<_>, _>>();
        let servers = servers
            .map_err(|_| invalid_value(&parameters.others).map_or(OpenError::Url, OpenError::Value))?;
        parameters.complete_from_environment()?;
        let Parameters {
            mode, root, certificate, key, startup_timeout, max_connections, schema, table, ..
        } = parameters;
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(OpenError::ClientCertificate),
        };
        // As libpq has it since version 16.
        let system = root.as_ref().is_some_and(|root| root.as_os_str() == "system");
        let files = TlsFiles { ca: root.filter(|_| !system), client };
        let tls = Tls { mode, files, system };
        Ok(Self { servers, tls, startup_timeout, max_connections, schema, table })
    }
}

impl Tls {
    /// The mode that these settings mean.
    ///
    /// Whoever names the certificates to verify with wants them used. sqlx ignores them in all modes but two, and libpq in all but three.
    pub(super) fn effective(&self) -> Result<Option<PgSslMode>, OpenError> {
        let names_roots = self.system || self.files.ca.is_some();
        match self.mode {
            Some(mode @ (PgSslMode::VerifyCa | PgSslMode::VerifyFull)) if !self.system => Ok(Some(mode)),
            mode if !names_roots => Ok(mode),
            None | Some(PgSslMode::VerifyFull) => Ok(Some(PgSslMode::VerifyFull)),
            // As libpq has it.
            Some(PgSslMode::Require) if !self.system => Ok(Some(PgSslMode::VerifyCa)),
            Some(_) => Err(OpenError::Unverified),
        }
    }

    /// Adds the settings to those of a connection.
    pub(super) fn apply(&self, server: PgConnectOptions) -> Result<PgConnectOptions, OpenError> {
        // Who listens at a socket is decided by the rights on its folder, and PostgreSQL has no TLS there.
        if server.get_socket().is_some() || server.get_host().starts_with('/') {
            return Ok(server.ssl_mode(PgSslMode::Disable));
        }
        let mut server = match self.effective()? {
            Some(PgSslMode::Disable) => return Ok(server.ssl_mode(PgSslMode::Disable)),
            Some(PgSslMode::VerifyCa) => {
                handshake::install_provider();
                server.ssl_mode(PgSslMode::VerifyCa)
            }
            Some(mode) => server.ssl_mode(mode),
            None => server,
        };
        self.files.check()?;
        if let Some(file) = &self.files.ca {
            server = server.ssl_root_cert(file);
        }
        if let Some(ClientFiles { certificate, key }) = &self.files.client {
            server = server.ssl_client_cert(certificate).ssl_client_key(key);
        }
        Ok(server)
    }
}

#[derive(Default)]
struct Parameters {
    mode: Option<PgSslMode>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    startup_timeout: Duration,
    max_connections: Option<NonZeroU32>,
    schema: Option<String>,
    table: Option<String>,
    /// Those that sqlx reads, as they were written.
    others: String,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, OpenError> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // What is no parameter may be a part of a password.
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            // Otherwise sqlx would log the value, which may be a password under a misspelt name.
            if !PARAMETERS.contains(&name) && !name.starts_with("options[") {
                return Err(OpenError::Parameter(name.to_owned()));
            }
            let invalid = || OpenError::Value(name.to_owned());
            let text = || percent_decode_str(value).decode_utf8().map_err(|_| invalid());
            let file = || text().map(|text| Some(PathBuf::from(text.into_owned())));
            match name {
                "sslmode" | "ssl-mode" => parameters.mode = Some(text()?.parse().map_err(|_| invalid())?),
                "sslrootcert" | "ssl-ca" => parameters.root = file()?,
                "sslcert" | "ssl-cert" => parameters.certificate = file()?,
                "sslkey" | "ssl-key" => parameters.key = file()?,
                "startup_timeout" => {
                    let seconds = value.parse().map_err(|_| invalid())?;
                    parameters.startup_timeout = Duration::from_secs(seconds);
                }
                "max_connections" => {
                    parameters.max_connections = Some(value.parse().map_err(|_| invalid())?);
                }
                "schema" => parameters.schema = Some(text()?.into_owned()),
                "table" => parameters.table = Some(text()?.into_owned()),
                "target_session_attrs" => match value {
                    "read-write" | "primary" => {}
                    "any" | "read-only" | "standby" | "prefer-standby" => return Err(OpenError::Standbys),
                    _ => return Err(invalid()),
                },
                _ => {
                    parameters.others.push_str(pair);
                    parameters.others.push('&');
                }
            }
        }
        Ok(parameters)
    }

    /// Takes what the URL does not say from libpq's environment variables.
    fn complete_from_environment(&mut self) -> Result<(), OpenError> {
        let file = |name| env::var_os(name).map(PathBuf::from);
        if self.mode.is_none()
            && let Ok(mode) = env::var("PGSSLMODE")
        {
            self.mode = Some(mode.parse().map_err(|_| OpenError::Value("PGSSLMODE".to_owned()))?);
        }
        self.root = self.root.take().or_else(|| file("PGSSLROOTCERT"));
        self.certificate = self.certificate.take().or_else(|| file("PGSSLCERT"));
        self.key = self.key.take().or_else(|| file("PGSSLKEY"));
        Ok(())
    }
}

/// One URL for each of the hosts, which libpq separates by commas.
fn addresses(address: &str) -> Vec<String> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

/// The first parameter with an invalid value: sqlx refuses it even in a URL that has nothing else.
fn invalid_value(parameters: &str) -> Option<String> {
    let alone =
        |parameter: &&str| PgConnectOptions::from_str(&format!("postgres://localhost/?{parameter}")).is_err();
    let (name, _) = parameters.split('&').find(alone)?.split_once('=')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    /// What a URL that names certificates verifies, without libpq's environment variables.
    #[test]
    fn whoever_names_the_certificates_to_verify_with_gets_them_used() {
        use PgSslMode::{Disable, Require, VerifyCa, VerifyFull};
        let mode = |parameters: &str| {
            Target::parse(&format!("postgres://db/shop?{parameters}")).unwrap().tls.effective().ok()
        };
        let is = |seen: Option<Option<PgSslMode>>, expected: Option<PgSslMode>| {
            assert_eq!(seen.map(|mode| format!("{mode:?}")), Some(format!("{expected:?}")));
        };
        is(mode(""), None);
        is(mode("sslmode=require"), Some(Require));
        is(mode("sslmode=disable"), Some(Disable));
        is(mode("sslrootcert=ca.pem"), Some(VerifyFull));
        is(mode("sslrootcert=system"), Some(VerifyFull));
        is(mode("sslmode=verify-ca&sslrootcert=ca.pem"), Some(VerifyCa));
        is(mode("sslmode=require&ssl-ca=ca.pem"), Some(VerifyCa));
        for refused in [
            "sslmode=prefer&sslrootcert=ca.pem",
            "sslmode=disable&sslrootcert=ca.pem",
            "sslmode=require&sslrootcert=system",
            "sslmode=verify-ca&sslrootcert=system",
        ] {
            assert!(mode(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn several_hosts_are_one_server_each_and_only_the_primary_will_do() {
        let target =
            Target::parse("postgres://u:p@a,b:7,[::1]:8/shop?target_session_attrs=read-write").unwrap();
        let seen: Vec<_> = target
            .servers
            .iter()
            .map(|server| {
                (server.get_host(), server.get_port(), server.get_username(), server.get_database())
            })
            .collect();
        let is = |host, port| (host, port, "u", Some("shop"));
        assert_eq!(seen, [is("a", 5432), is("b", 7), is("[::1]", 8)]);
        let standbys = Target::parse("postgres://a,b/shop?target_session_attrs=prefer-standby");
        assert!(matches!(standbys, Err(OpenError::Standbys)));
        let misspelt = Target::parse("postgres://a,b/shop?target_session_attrs=master");
        assert!(matches!(misspelt, Err(OpenError::Value(name)) if name == "target_session_attrs"));
    }

    #[test]
    fn paths_are_decoded_and_belong_together() {
        let url = "postgres://db/shop?sslcert=/etc/a%20b.crt&sslkey=/etc/a%26b.key&sslmode=verify-full";
        let files = Target::parse(url).unwrap().tls.files;
        let client = ClientFiles { certificate: "/etc/a b.crt".into(), key: "/etc/a&b.key".into() };
        assert_eq!(files, TlsFiles { ca: None, client: Some(client) });
        let half = Target::parse("postgres://db/shop?sslcert=a.crt");
        assert!(matches!(half, Err(OpenError::ClientCertificate)));
    }
}
