//! The parameters of a MySQL URL.
//!
//! In: a URL. Out: the names of parameters that are unknown or have an invalid value. Never returns a value, which may be a password.

use std::str::FromStr as _;

use sqlx::mysql::MySqlConnectOptions;

/// The parameters that a URL may have. The store itself sets what sqlx's others are about.
pub(super) const PARAMETERS: [&str; 9] =
    ["socket", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode", "sslca", "sslcert", "sslkey", "sslmode"];

/// The first parameter that is unknown. sqlx would ignore it, and with it perhaps that the connection should be encrypted.
pub(super) fn unknown_parameter(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let mut names =
        parameters.split('&').map(|parameter| parameter.split_once('=').map_or("", |(name, _)| name));
    names.find(|name| !PARAMETERS.contains(name)).map(str::to_owned)
}

/// The first parameter with an invalid value: it is refused even in a URL that has nothing else.
pub(super) fn invalid_value(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let alone =
        |parameter: &&str| MySqlConnectOptions::from_str(&format!("mysql://localhost/?{parameter}")).is_err();
    let (name, _) = parameters.split('&').find(alone)?.split_once('=')?;
    Some(name.to_owned())
}
