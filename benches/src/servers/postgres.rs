//! A PostgreSQL server of this program's own, and what it tells about itself.

use std::{
    fs, io,
    os::unix::{fs::chown, process::CommandExt as _},
    path::PathBuf,
    process::Command,
};

use rustix::process::Signal;
use sqlx::{Connection as _, PgConnection};

use super::child::{Child, find, free_port, user};

pub(crate) struct Postgres {
    port: u16,
    _child: Child,
}

pub(crate) fn program() -> Option<PathBuf> {
    // Debian keeps the programs off the path, in a folder for each version.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<_> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.sort();
    find("initdb", folders.into_iter().rev()).and_then(|initdb| fs::canonicalize(initdb).ok())
}

impl Postgres {
    /// A server that does not wait for the disk: what is measured is the processor and the log, not the disk of this machine.
    pub(crate) fn start() -> io::Result<Self> {
        let initdb = program().ok_or_else(|| io::Error::other("initdb is missing"))?;
        let (folder, port, user) = (tempfile::tempdir()?, free_port()?, user("postgres")?);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let run_as_user = |command: &mut Command| {
            command.current_dir(folder.path());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
        };
        let data = folder.path().join("data");
        let mut init = Command::new(&initdb);
        run_as_user(
            init.args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "-U",
                "postgres",
                "-D",
            ])
            .arg(&data),
        );
        let output = init.output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let mut server = Command::new(initdb.with_file_name("postgres"));
        run_as_user(server.arg("-D").arg(&data));
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            // Nothing but the requests writes to the log.
            "autovacuum=off",
            "checkpoint_timeout=1d",
            "max_wal_size=8GB",
        ] {
            server.args(["-c", setting]);
        }
        let mut child = Child::server(server, Signal::QUIT, folder)?;
        child.until_it_listens(port)?;
        Ok(Self { port, _child: child })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database through `port`, which may be a proxy's.
    pub(crate) fn url(port: u16, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// A connection that belongs to no store. A server that is just starting refuses it, so it is tried for a while.
    pub(crate) async fn connection(&self, database: &str) -> sqlx::Result<PgConnection> {
        let mut attempts = 0;
        loop {
            match PgConnection::connect(&Self::url(self.port, database)).await {
                Err(_) if attempts < 200 => attempts += 1,
                connected => return connected,
            }
            actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Creates an empty database.
    pub(crate) async fn create(&self, database: &str) -> sqlx::Result<()> {
        let sql = format!("CREATE DATABASE {database}");
        let mut connection = self.connection("postgres").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
    }

    /// Does what autovacuum would do after a minute; this server has none.
    pub(crate) async fn analyze(&self, database: &str) -> sqlx::Result<()> {
        let mut connection = self.connection(database).await?;
        sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await.map(drop)
    }

    /// How far the write-ahead log has come, in bytes.
    pub(crate) async fn log_position(connection: &mut PgConnection) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetch_one(connection).await
    }
}
