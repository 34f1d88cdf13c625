//! What can be wrong with the URL of a Redis store.
//!
//! In: the kind of the mistake. Out: a message that says what to write. Never puts a part of the URL into an error, because it could be the
//! password.

/// What is wrong with the URL of a Redis store. Messages show no part of the URL except the name of a parameter.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
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
    #[error("the database is not a number; write `/0`, or nothing; with a socket `?db=0`")]
    Database,
    /// The URL of a Unix socket has no path, or a host.
    #[error("the URL does not name a Unix socket; write `redis+unix:///run/redis/redis.sock`")]
    Socket,
    /// The URL of a cluster has a database other than 0.
    #[error("a cluster has only database 0; write no path, and separate applications with `?prefix=`")]
    ClusterDatabase,
    /// The parameter is unknown, or not for this kind of URL.
    #[error(
        "unknown parameter `{0}`; the parameters are `prefix`, `startup_timeout` and `max_connections`, with TLS `cacert`, `cert` and `key`, with Sentinels `sentinel_username` \
         and `sentinel_password`, and with a Unix socket `db`"
    )]
    Parameter(String),
    /// The time to wait for a server that comes up is not a number.
    #[error("`startup_timeout` is not a number of seconds; write for example `startup_timeout=30`")]
    StartupTimeout,
    /// The maximum of connections is not a number, or 0.
    #[error("`max_connections` is not a number from 1 on; write for example `max_connections=16`")]
    MaxConnections,
    /// The URL has parameters for TLS, and its scheme asks for none.
    #[error("`{0}` is for TLS, which the URL does not ask for; write `rediss` in place of `redis`")]
    WithoutTls(&'static str),
    /// The certificate of the client is named without its key, or the key without the certificate.
    #[error("`cert` and `key` belong together; write both, or neither")]
    ClientCertificate,
    /// The prefix is not valid.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

crate::message::debug_is_the_message!(UrlError);

/// The prefix of Redis keys is empty, or has characters that mean something else in a Redis key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the prefix of Redis keys is empty, or has braces, white space or control characters; write for example `shop:`"
)]
pub struct PrefixError;
