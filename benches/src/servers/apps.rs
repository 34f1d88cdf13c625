//! The measured servers, each a process of its own on the server's core.
//!
//! This library's is this program once more, with `--serve`. Those of the peers are in a package outside of the workspace, because
//! what they depend on takes longer to compile than everything else here; it is built when it is needed.

use std::{
    env,
    error::Error,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::child::Child;
use crate::{http::client::Client, size::Size};

/// Who answers the requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum App {
    BareActix,
    Ours,
    ActixSessionRedis,
    ActixSessionCookie,
    BareAxum,
    TowerMemory,
    TowerRedis,
    TowerPostgres,
}

impl App {
    /// Its name on the command line of the program that serves it.
    const fn argument(self) -> &'static str {
        match self {
            Self::BareActix => "bare",
            Self::Ours => "ours",
            Self::ActixSessionRedis => "actix-session-redis",
            Self::ActixSessionCookie => "actix-session-cookie",
            Self::BareAxum => "bare-axum",
            Self::TowerMemory => "tower-memory",
            Self::TowerRedis => "tower-redis",
            Self::TowerPostgres => "tower-postgres",
        }
    }
}

/// The program with the servers of the peers.
pub(crate) struct Peers(PathBuf);

impl Peers {
    /// Builds it, with all cores.
    pub(crate) fn build() -> Result<Self, Box<dyn Error>> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
        // Beside this program's folder, so that a clean removes it too.
        let exe = env::current_exe()?;
        let target = exe.ancestors().nth(2).ok_or("no target folder")?.join("peers");
        let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .status()?;
        if !status.success() {
            return Err("the servers of the peers cannot be built".into());
        }
        Ok(Self(target.join("release/session-bench-peers")))
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// Starts `app` on `store`, a URL, for sessions of `size`.
    pub(crate) fn start(peers: &Peers, app: App, store: &str, size: Size, core: usize) -> io::Result<Self> {
        let mut command = match app {
            App::Ours | App::BareActix => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("--serve");
                command
            }
            _ => Command::new(&peers.0),
        };
        command.args([app.argument(), store, &size.to_string(), &core.to_string()]);
        let (child, port) = Child::app(command)?;
        Ok(Self { port, child })
    }

    /// The CPU time that it has taken.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        self.child.cpu()
    }

    /// A client without a session.
    pub(crate) async fn stranger(&self) -> Result<Client, Box<dyn Error>> {
        Client::connect(self.port).await
    }

    /// A client with a session whose every field is set.
    pub(crate) async fn client(&self) -> Result<Client, Box<dyn Error>> {
        let mut client = self.stranger().await?;
        client.expect("/fill", "filled").await?;
        Ok(client)
    }
}
