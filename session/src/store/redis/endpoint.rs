//! The address of one server, and the credentials for it.
//!
//! In: the parts of a URL, or of what a server says of other servers. Out: an address to connect to. Never: I/O, or a password in `Debug`.

use std::{fmt, path::Path, sync::Arc};

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Endpoint {
    Tcp { host: Arc<str>, port: u16 },
    Unix(Arc<Path>),
}

impl Endpoint {
    pub(super) fn tcp(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    /// Another server at the same address, as servers say that do not know their own name; `None` for a socket.
    pub(super) fn beside(&self, port: u16) -> Option<Self> {
        match self {
            Self::Tcp { host, .. } => Some(Self::Tcp { host: Arc::clone(host), port }),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
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
