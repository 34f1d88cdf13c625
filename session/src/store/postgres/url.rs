//! The parameters of a PostgreSQL URL.
//!
//! In: a URL. Out: the names of parameters that are unknown or have an invalid value. Never returns a value, which may be a password.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

/// The parameters that a URL may have.
pub(super) const PARAMETERS: [&str; 16] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// The first parameter that sqlx does not know. sqlx would log its value, which may be a password under a misspelt name.
pub(super) fn unknown_parameter(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let names = parameters.split('&').map(|parameter| parameter.split_once('=').map_or("", |(name, _)| name));
    let unknown =
        names.into_iter().find(|name| !PARAMETERS.contains(name) && !name.starts_with("options["))?;
    Some(unknown.to_owned())
}

/// The first parameter with an invalid value: it is refused even in a URL that has nothing else.
pub(super) fn invalid_value(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let alone =
        |parameter: &&str| PgConnectOptions::from_str(&format!("postgres://localhost/?{parameter}")).is_err();
    let (name, _) = parameters.split('&').find(alone)?.split_once('=')?;
    Some(name.to_owned())
}
