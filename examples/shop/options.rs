//! The command line.
//!
//! In: the arguments. Out: [`Options`], or a message that names the mistake and the valid choices. Never: opens a store.

use std::{fmt, path::Path};

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
A small shop whose visitors have typed sessions.

Usage: shop [--store STORE] [--port PORT] [--behind-tls]

  --store sqlite:PATH   sessions in this SQLite file (default: sqlite:shop.db)
  --store memory:       sessions in memory; they end with the program
  --store postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE
  --store redis://HOST, redis-sentinel://HOST,HOST/SERVICE, redis-cluster://HOST,HOST
  --port PORT           the port on 127.0.0.1 (default: 8080; 0: any free one)
  --behind-tls          a proxy in front of the shop speaks TLS: the cookie is `Secure`, and named `__Host-sid`
  --help                print this help

The key that protects the cookies comes from SESSION_KEY (`openssl rand -base64 32` makes one).
Without it, the shop makes a key at the first start, and keeps it beside the SQLite file or in shop.key.
";

/// What the command line asks for.
pub(crate) enum Request {
    Run(Options),
    Help,
}

pub(crate) struct Options {
    pub(crate) store: StoreUrl,
    pub(crate) port: u16,
    pub(crate) is_behind_tls: bool,
}

/// The URL of the session store, for `store::open`. `Display` leaves out the password.
pub(crate) struct StoreUrl(pub(crate) String);

impl StoreUrl {
    pub(crate) fn is_memory(&self) -> bool {
        self.0.starts_with("memory:")
    }

    /// The path of the SQLite file, if the store is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.0.strip_prefix("sqlite:").map(Path::new)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file(), self.0.split_once("://")) {
            (Some(file), _) => write!(f, "the SQLite file {}", file.display()),
            (None, Some((scheme, rest))) => {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(f, "{scheme}://{}", host.split('?').next().unwrap_or(host))
            }
            (None, None) => f.write_str("in memory; they end with the program"),
        }
    }
}

pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Request, String> {
    let mut options = Options { store: StoreUrl("sqlite:shop.db".into()), port: 8080, is_behind_tls: false };
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            Long("store") => options.store = StoreUrl(text(&mut arguments, "--store")?),
            Long("port") => options.port = port(&text(&mut arguments, "--port")?)?,
            Long("behind-tls") => options.is_behind_tls = true,
            Long("help") | Short('h') => return Ok(Request::Help),
            other => return Err(unknown(&other)),
        }
    }
    Ok(Request::Run(options))
}

fn text(arguments: &mut lexopt::Parser, flag: &str) -> Result<String, String> {
    let value = arguments.value().map_err(|_| format!("{flag} needs a value; see --help"))?;
    value.into_string().map_err(|value| format!("{flag} {} is not UTF-8", value.display()))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("--port {text} is not a port; choose a number from 0 to 65535"))
}

fn unknown(argument: &lexopt::Arg<'_>) -> String {
    let name = match argument {
        Short(letter) => format!("-{letter}"),
        Long(word) => format!("--{word}"),
        // The argument may be a URL with a password, so only its scheme is shown.
        Value(value) => value.to_string_lossy().split("://").next().unwrap_or_default().to_owned(),
    };
    format!("unknown argument `{name}`; there are --store, --port, --behind-tls and --help")
}
