//! The processes of a run: databases, measured servers, and the core that each of them has.

pub(crate) mod child;
pub(crate) mod cores;
pub(crate) mod redis;
pub(crate) mod postgres;
pub(crate) mod mariadb;
pub(crate) mod apps;

use std::{error::Error, io};

use self::{
    apps::{App, Peers, Server},
    cores::Cores,
    postgres::Postgres,
    redis::Redis,
};
use crate::size::Size;

/// The databases of this run. One whose programs are not installed is left out, and is missing by name.
pub(crate) struct Databases {
    pub(crate) redis: Option<Redis>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) cores: Cores,
    folder: tempfile::TempDir,
    made: u32,
}

impl Databases {
    pub(crate) fn start(cores: Cores) -> io::Result<Self> {
        let redis = redis::program().map(|_| Redis::start()).transpose()?;
        let postgres = postgres::program().map(|_| Postgres::start()).transpose()?;
        Ok(Self { redis, postgres, cores, folder: tempfile::tempdir()?, made: 0 })
    }

    /// The packages that Debian has what is missing in.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let redis = self.redis.is_none().then_some("redis-server");
        let postgres = self.postgres.is_none().then_some("postgresql");
        redis.into_iter().chain(postgres).collect()
    }

    /// The URL of an empty store of this kind, or of the Redis that all servers share; `None` if it is not installed.
    pub(crate) async fn url(&mut self, store: &str) -> Result<Option<String>, Box<dyn Error>> {
        self.made += 1;
        let name = format!("bench{}", self.made);
        Ok(match store {
            "memory" => Some("memory:".to_owned()),
            "SQLite" => Some(format!("sqlite:{}", self.folder.path().join(name).display())),
            "Redis" => self.redis.as_ref().map(Redis::url),
            "PostgreSQL" => match &self.postgres {
                Some(postgres) => {
                    postgres.create(&name).await?;
                    Some(Postgres::url(postgres.port(), &name))
                }
                None => None,
            },
            _ => Some("none".to_owned()),
        })
    }

    /// Starts a server on its core.
    pub(crate) fn serve(&self, peers: &Peers, app: App, url: &str, size: Size) -> io::Result<Server> {
        Server::start(peers, app, url, size, self.cores.for_server())
    }
}
