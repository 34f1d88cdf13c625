//! The URL of a Redis store.
//!
//! In: text. Out: [`Target`], with servers, credentials, prefix and files for TLS, or [`UrlError`]. Never: I/O.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use percent_encoding::percent_decode_str;

use super::{
    endpoint::{Credentials, Endpoint},
    url_error::{PrefixError, UrlError},
};
use crate::store::tls::{ClientFiles, TlsFiles};

#[cfg(test)]
mod tests;

/// How the servers work together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Single,
    Sentinel { service: String, credentials: Credentials },
    Cluster,
}

/// The parts of a URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) servers: Vec<Endpoint>,
    pub(super) tls: bool,
    pub(super) files: TlsFiles,
    pub(super) credentials: Credentials,
    pub(super) database: i64,
    pub(super) prefix: Option<String>,
    pub(super) startup_timeout: Duration,
    pub(super) max_connections: Option<NonZeroUsize>,
}

/// Checks a prefix. Braces would choose the slots of Redis keys, and white space is easily overlooked.
pub(super) fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || c == '{' || c == '}';
    if prefix.is_empty() || prefix.contains(strange) { Err(PrefixError) } else { Ok(()) }
}

/// What the scheme says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Single,
    Sentinel,
    Cluster,
    Socket,
}

impl Form {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "redis" | "rediss" => Some(Self::Single),
            "redis-sentinel" | "rediss-sentinel" => Some(Self::Sentinel),
            "redis-cluster" | "rediss-cluster" => Some(Self::Cluster),
            "redis+unix" | "unix" => Some(Self::Socket),
            _ => None,
        }
    }

    const fn port(self) -> u16 {
        if matches!(self, Self::Sentinel) { 26379 } else { 6379 }
    }
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let form = Form::of(scheme).ok_or(UrlError::Scheme)?;
        match rest.split_once('#') {
            Some((_, after)) if !after.contains('@') => return Err(UrlError::Fragment),
            _ => {}
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains('@') || query.contains('@') || rest.contains('#') || query.contains('#') {
            return Err(UrlError::Credentials);
        }
        let (user, servers) = authority.rsplit_once('@').map_or((None, authority), |(u, s)| (Some(u), s));
        if user.is_some_and(|user| user.contains('@')) {
            return Err(UrlError::Credentials);
        }
        let credentials = user.map(credentials).transpose()?.unwrap_or_default();
        let (servers, path) = match form {
            Form::Socket => (vec![socket(servers, path)?], ""),
            _ => (endpoints(form, servers)?, path),
        };
        let tls = scheme.starts_with("rediss");
        let parameters = Parameters::parse(query, form, tls)?;
        let (service, database) =
            if form == Form::Sentinel { path.split_once('/').unwrap_or((path, "")) } else { ("", path) };
        let kind = match form {
            Form::Sentinel if service.is_empty() || database.contains('/') => return Err(UrlError::Service),
            Form::Sentinel => Kind::Sentinel { service: decoded(service)?, credentials: parameters.sentinel },
            Form::Cluster => Kind::Cluster,
            Form::Single | Form::Socket => Kind::Single,
        };
        let database = match parameters.database.as_deref().unwrap_or(database.trim_end_matches('/')) {
            "" => 0,
            number => i64::from(number.parse::<u32>().map_err(|_| UrlError::Database)?),
        };
        if kind == Kind::Cluster && database != 0 {
            return Err(UrlError::ClusterDatabase);
        }
        let Parameters { prefix, startup_timeout, max_connections, files, .. } = parameters;
        Ok(Self {
            kind,
            servers,
            tls,
            files,
            credentials,
            database,
            prefix,
            startup_timeout,
            max_connections,
        })
    }
}

#[derive(Default)]
struct Parameters {
    prefix: Option<String>,
    startup_timeout: Duration,
    max_connections: Option<NonZeroUsize>,
    sentinel: Credentials,
    database: Option<String>,
    files: TlsFiles,
}

impl Parameters {
    fn parse(query: &str, form: Form, tls: bool) -> Result<Self, UrlError> {
        let mut parameters = Self::default();
        let (mut certificate, mut key) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match (name, form) {
                ("prefix", _) => {
                    check_prefix(&value)?;
                    parameters.prefix = Some(value);
                }
                ("startup_timeout", _) => {
                    let seconds = value.parse().map_err(|_| UrlError::StartupTimeout)?;
                    parameters.startup_timeout = Duration::from_secs(seconds);
                }
                ("max_connections", _) => {
                    parameters.max_connections = Some(value.parse().map_err(|_| UrlError::MaxConnections)?);
                }
                ("sentinel_username", Form::Sentinel) => parameters.sentinel.username = Some(value),
                ("sentinel_password", Form::Sentinel) => parameters.sentinel.password = Some(value),
                ("db", Form::Socket) => parameters.database = Some(value),
                // As redis-cli calls them.
                ("cacert", _) if tls => parameters.files.ca = Some(value.into()),
                ("cert", _) if tls => certificate = Some(PathBuf::from(value)),
                ("key", _) if tls => key = Some(PathBuf::from(value)),
                ("cacert", _) => return Err(UrlError::WithoutTls("cacert")),
                ("cert", _) => return Err(UrlError::WithoutTls("cert")),
                ("key", _) => return Err(UrlError::WithoutTls("key")),
                _ => return Err(UrlError::Parameter(name.to_owned())),
            }
        }
        parameters.files.client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(UrlError::ClientCertificate),
        };
        Ok(parameters)
    }
}

fn decoded(text: &str) -> Result<String, UrlError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| UrlError::Encoding)
}

fn credentials(text: &str) -> Result<Credentials, UrlError> {
    let (user, password) =
        text.split_once(':').filter(|(_, password)| !password.is_empty()).ok_or(UrlError::User)?;
    let username = Some(decoded(user)?).filter(|user| !user.is_empty());
    Ok(Credentials { username, password: Some(decoded(password)?) })
}

fn socket(host: &str, path: &str) -> Result<Endpoint, UrlError> {
    if !host.is_empty() || path.is_empty() {
        return Err(UrlError::Socket);
    }
    Ok(Endpoint::Unix(Path::new(&format!("/{}", decoded(path)?)).into()))
}

fn endpoints(form: Form, servers: &str) -> Result<Vec<Endpoint>, UrlError> {
    let each = (1..).zip(servers.split(',')).map(|(nth, server)| endpoint(nth, server, form.port()));
    let servers = each.collect::<Result<Vec<_>, _>>()?;
    if servers.len() > 1 && form == Form::Single { Err(UrlError::Servers) } else { Ok(servers) }
}

fn endpoint(nth: usize, text: &str, default_port: u16) -> Result<Endpoint, UrlError> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(UrlError::Port(nth))?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(UrlError::Host(nth));
    }
    let port = match port {
        None => default_port,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port(nth))?,
    };
    Ok(Endpoint::tcp(host, port))
}
