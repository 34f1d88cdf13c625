//! Servers for tests: private ones to kill and freeze, shared ones for all other tests, and a proxy that injects faults.
//!
//! In: the servers' programs, as Linux distributions install them. Out: URLs, and control of each process. Never listens anywhere but on
//! loopback, and never leaves a process or a folder behind.
//!
//! A test begins with `let Some(redis) = Redis::start().await else { return };`. If the program is missing, the test is skipped and says so; if
//! the environment has `CI`, it fails. In `conformance_tests!`, the harness can be
//! `match harness() { Some(harness) => harness, None => return }`.

mod cluster;
pub(crate) mod guarded;
mod mariadb;
mod nginx;
mod pgbouncer;
mod postgres;
pub(crate) mod proxy;
pub(crate) mod redis;
mod replicated;

use std::{
    env, io,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use tokio::time::{Instant, sleep};

pub(crate) use self::{
    cluster::{RedisCluster, free_ports, shared_cluster},
    mariadb::{MariaDb, shared_mariadb},
    nginx::Nginx,
    pgbouncer::PgBouncer,
    postgres::{Postgres, shared_postgres},
    redis::{Redis, shared_redis},
    replicated::{Replicated, shared_replicated},
};

/// Waits until `is_so` answers `true`, and panics after a time that only a fault takes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A name that is unique in this process: of a database, or as the prefix of one test's Redis keys.
pub(crate) fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port on which nothing listens at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The path of a program, on the path or else in one of these folders.
pub(crate) fn find(
    program: &str,
    package: &str,
    folders: impl IntoIterator<Item = PathBuf>,
) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).chain(folders).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let why = format!("{program} is missing; run: apt-get install {package}");
        assert!(env::var_os("CI").is_none(), "{why}");
        // Not `eprintln!`, which the test harness hides for tests that pass.
        let test = thread::current();
        let line = format!("SKIPPED {}: {why}\n", test.name().unwrap_or("a test"));
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}
