//! A MariaDB server of this program's own.

use std::{
    io,
    os::unix::{fs::chown, process::CommandExt as _},
    path::PathBuf,
    process::Command,
};

use rustix::process::Signal;
use sqlx::{Connection as _, MySqlConnection};

use super::child::{Child, find, free_port, user};

pub(crate) struct MariaDb {
    port: u16,
    _child: Child,
}

pub(crate) fn program() -> Option<PathBuf> {
    find("mariadbd", [PathBuf::from("/usr/sbin")])
}

impl MariaDb {
    /// A server that does not wait for the disk: what is measured is the processor, not the disk of this machine.
    pub(crate) fn start() -> io::Result<Self> {
        let missing = |name: &str| io::Error::other(format!("{name} is missing"));
        let program = program().ok_or_else(|| missing("mariadbd"))?;
        let installer = find("mariadb-install-db", []).ok_or_else(|| missing("mariadb-install-db"))?;
        let (folder, port, user) = (tempfile::tempdir()?, free_port()?, user("mysql")?);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let run_as_user = |command: &mut Command| {
            command.current_dir(folder.path());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
        };
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut install = Command::new(installer);
        run_as_user(install.args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            &data,
        ]));
        let output = install.output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let mut server = Command::new(program);
        run_as_user(server.args([
            "--no-defaults",
            &data,
            &format!("--port={port}"),
            "--bind-address=127.0.0.1",
            "--socket=socket",
            "--pid-file=pid",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=512M",
            "--innodb-flush-log-at-trx-commit=2",
        ]));
        let mut child = Child::server(server, Signal::KILL, folder)?;
        child.until_it_listens(port)?;
        Ok(Self { port, _child: child })
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}?ssl-mode=disabled", self.port)
    }

    /// Creates an empty database.
    pub(crate) async fn create(&self, database: &str) -> sqlx::Result<()> {
        let mut connection = MySqlConnection::connect(&self.url("")).await?;
        let sql = format!("CREATE DATABASE {database}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
    }
}
