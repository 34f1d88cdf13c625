//! The URL of a Redis store.
//!
//! In: text. Out: [`Target`], with servers, credentials and prefix, or [`UrlError`]. Never puts a part of the URL into an error, because
//! it could be the password.

use std::{fmt, sync::Arc};

use percent_encoding::percent_decode_str;

/// What is wrong with the URL of a Redis store. Messages show no part of the URL except the name of a parameter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The scheme is unknown.
    #[error(
        "the URL does not begin with a scheme of Redis; write `redis://`, `redis-sentinel://` or `redis-cluster://`, or \
         `rediss` in place of `redis` for TLS"
    )]
    Scheme,
    /// An `@` comes after the servers.
    #[error(
        "there is an `@` after the servers; write `/`, `?`, `#` and `@` in a password as `%2F`, `%3F`, `%23` and `%40`"
    )]
    Credentials,
    /// The URL has a `#`, after which other programs put options such as `insecure`.
    #[error(
        "the URL has a `#`, and there are no options to write after it (certificates are always verified); remove it, or write `%23` if it \
         belongs to a password"
    )]
    Fragment,
    /// The text before `@` is not `user:password` or `:password`.
    #[error("the text before the `@` is not `user:password`; write `:password` if there is no user")]
    User,
    /// The user or the password is not percent-encoded UTF-8.
    #[error("the user or the password is not percent-encoded UTF-8; write a `%` as `%25`")]
    Encoding,
    /// A server has no name; the number counts from 1.
    #[error("server {0} has no name; write `host:port`")]
    Host(usize),
    /// The port of a server is not valid; the number counts from 1.
    #[error(
        "the port of server {0} is not a number from 1 to 65535; write `host:port`, or `[address]:port` for IPv6"
    )]
    Port(usize),
    /// A `redis://` URL has more than one server.
    #[error("`redis://` names one server; write `redis-cluster://` or `redis-sentinel://` for several")]
    Servers,
    /// The path of a Sentinel URL is not a service, or a service and a database.
    #[error(
        "the path does not name the service that the Sentinels watch; write `/service` or `/service/database`"
    )]
    Service,
    /// The database is not a number.
    #[error("the database is not a number; write `/0`, or nothing")]
    Database,
    /// The URL of a cluster has a database other than 0.
    #[error("a cluster has only database 0; write no path, and separate applications with `?prefix=`")]
    ClusterDatabase,
    /// The parameter is unknown.
    #[error(
        "unknown parameter `{0}`; the parameters are `prefix`, and with Sentinels `sentinel_username` and `sentinel_password`"
    )]
    Parameter(String),
    /// The prefix is not valid.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

/// The prefix of Redis keys is empty, or has characters that mean something else in a Redis key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the prefix of Redis keys is empty, or has braces, white space or control characters; write for example `shop:`"
)]
pub struct PrefixError;

/// The name and the port of a server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Endpoint {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A user and a password; `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.password.is_some() { "Credentials(..)" } else { "none" })
    }
}

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
    pub(super) credentials: Credentials,
    pub(super) database: i64,
    pub(super) prefix: Option<String>,
}

/// Checks a prefix. Braces would choose the slots of Redis keys, and white space is easily overlooked.
pub(super) fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || c == '{' || c == '}';
    if prefix.is_empty() || prefix.contains(strange) { Err(PrefixError) } else { Ok(()) }
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let plain = scheme.strip_prefix("rediss").or_else(|| scheme.strip_prefix("redis"));
        let (default_port, sentinel, cluster) = match plain.ok_or(UrlError::Scheme)? {
            "" => (6379, false, false),
            "-sentinel" => (26379, true, false),
            "-cluster" => (6379, false, true),
            _ => return Err(UrlError::Scheme),
        };
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
        let servers = (1..)
            .zip(servers.split(','))
            .map(|(nth, server)| endpoint(nth, server, default_port))
            .collect::<Result<Vec<_>, _>>()?;
        if servers.len() > 1 && !sentinel && !cluster {
            return Err(UrlError::Servers);
        }
        let mut parameters = Parameters::parse(query)?;
        let (service, database) =
            if sentinel { path.split_once('/').unwrap_or((path, "")) } else { ("", path) };
        let kind = match (sentinel, cluster) {
            (true, _) if service.is_empty() || database.contains('/') => return Err(UrlError::Service),
            (true, _) => {
                let credentials = std::mem::take(&mut parameters.sentinel);
                Kind::Sentinel { service: decoded(service)?, credentials }
            }
            (_, true) => Kind::Cluster,
            _ => Kind::Single,
        };
        if parameters.sentinel != Credentials::default() {
            return Err(UrlError::Parameter("sentinel_password".to_owned()));
        }
        let database = match database.strip_suffix('/').unwrap_or(database) {
            "" => 0,
            number => i64::from(number.parse::<u32>().map_err(|_| UrlError::Database)?),
        };
        if kind == Kind::Cluster && database != 0 {
            return Err(UrlError::ClusterDatabase);
        }
        let tls = scheme.starts_with("rediss");
        Ok(Self { kind, servers, tls, credentials, database, prefix: parameters.prefix })
    }
}

#[derive(Default)]
struct Parameters {
    prefix: Option<String>,
    sentinel: Credentials,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, UrlError> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match name {
                "prefix" => {
                    check_prefix(&value)?;
                    parameters.prefix = Some(value);
                }
                "sentinel_username" => parameters.sentinel.username = Some(value),
                "sentinel_password" => parameters.sentinel.password = Some(value),
                _ => return Err(UrlError::Parameter(name.to_owned())),
            }
        }
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
    Ok(Endpoint { host: host.into(), port })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    fn parsed(url: &str) -> (Kind, Vec<String>, bool, i64) {
        let target = Target::parse(url).unwrap();
        (target.kind, target.servers.iter().map(ToString::to_string).collect(), target.tls, target.database)
    }

    #[test]
    fn every_form_of_a_url_is_read() {
        assert_eq!(parsed("redis://db"), (Kind::Single, vec!["db:6379".into()], false, 0));
        assert_eq!(parsed("redis://u:p@db:1/"), (Kind::Single, vec!["db:1".into()], false, 0));
        assert_eq!(parsed("rediss://[::1]:7/3"), (Kind::Single, vec!["::1:7".into()], true, 3));
        let (kind, servers, tls, database) = parsed("rediss-sentinel://:p@a,b:2,[::1]/main/4");
        assert_eq!(kind, Kind::Sentinel { service: "main".into(), credentials: Credentials::default() });
        assert_eq!((servers.join(" ").as_str(), tls, database), ("a:26379 b:2 ::1:26379", true, 4));
        let cluster = parsed("redis-cluster://a:1,b:2/0");
        assert_eq!(cluster, (Kind::Cluster, vec!["a:1".into(), "b:2".into()], false, 0));
    }

    #[test]
    fn credentials_and_prefix_are_decoded() {
        let target = Target::parse("redis://u%3A:p%40%2F@db?prefix=shop%3Aa:").unwrap();
        assert_eq!(target.credentials.username.as_deref(), Some("u:"));
        assert_eq!(target.credentials.password.as_deref(), Some("p@/"));
        assert_eq!(target.prefix.as_deref(), Some("shop:a:"));
        let sentinel = Target::parse("redis-sentinel://a/main?sentinel_password=s%23").unwrap();
        let Kind::Sentinel { credentials, .. } = sentinel.kind else { unreachable!() };
        assert_eq!(credentials.password.as_deref(), Some("s#"));
    }

    #[test]
    fn every_error_says_what_to_write_and_shows_no_password() {
        let cases = [
            ("db:6379", UrlError::Scheme),
            ("http://s3cret@db", UrlError::Scheme),
            ("redis-foo://db", UrlError::Scheme),
            ("redis://u:s3cret/x@db", UrlError::Credentials),
            ("redis://u:s3cret#x@db", UrlError::Credentials),
            ("rediss://u:s3cret@db#insecure", UrlError::Fragment),
            ("rediss://db/0?prefix=a:#insecure", UrlError::Fragment),
            ("redis://u:s3cret?x@db", UrlError::Credentials),
            ("redis://u:s3cret@x@db", UrlError::Credentials),
            ("redis://s3cret@db", UrlError::User),
            ("redis://u:@db", UrlError::User),
            ("redis://u:s3cret%ff@db", UrlError::Encoding),
            ("redis://u:s3cret@", UrlError::Host(1)),
            ("redis-cluster://a,,b", UrlError::Host(2)),
            ("redis-cluster://a,b:0", UrlError::Port(2)),
            ("redis://s3cret:x", UrlError::Port(1)),
            ("redis://[::1]x", UrlError::Port(1)),
            ("redis://a,b", UrlError::Servers),
            ("redis-sentinel://a", UrlError::Service),
            ("redis-sentinel://a/main/0/1", UrlError::Service),
            ("redis://db/x", UrlError::Database),
            ("redis-cluster://a/1", UrlError::ClusterDatabase),
            ("redis://db?timeout=3", UrlError::Parameter("timeout".into())),
            ("redis://db?sentinel_password=s3cret", UrlError::Parameter("sentinel_password".into())),
            ("redis://db?prefix=", UrlError::Prefix(PrefixError)),
            ("redis://db?prefix=a%7Bb", UrlError::Prefix(PrefixError)),
            ("redis://db?prefix=a%20b", UrlError::Prefix(PrefixError)),
        ];
        for (url, error) in cases {
            let seen = Target::parse(url).unwrap_err();
            assert_eq!(seen, error, "{url}");
            let shown = format!("{seen} {seen:?}");
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(seen.to_string().contains("write") || matches!(seen, UrlError::Parameter(_)), "{seen}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let target = Target::parse("redis-sentinel://u:s3cret@a/main?sentinel_password=s3cret").unwrap();
        assert!(!format!("{target:?}").contains("s3cret"));
    }
}
