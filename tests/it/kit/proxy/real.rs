//! Tests of each mode of the proxy, against the real servers and with the drivers that the stores use.

use sqlx::{Connection as _, MySqlConnection, PgConnection};
use tokio::time::timeout;

use super::*;
use crate::servers::{
    Postgres, redis::connect, shared_mariadb, shared_postgres, shared_redis, unique_name, until,
};

#[derive(PartialEq, Debug)]
enum Told {
    Done,
    Failed,
    Nothing,
}

/// For each mode: what the client is told of a write, and whether the write is done.
fn modes(garbage: &[u8]) -> Vec<(Mode, Told, bool)> {
    let moment = Duration::from_micros(100);
    vec![
        (Mode::Pass, Told::Done, true),
        (Mode::Delay(moment), Told::Done, true),
        (Mode::BlackHole, Told::Nothing, false),
        (Mode::CutBeforeForward, Told::Failed, false),
        (Mode::CutAfterForward, Told::Failed, true),
        (Mode::SwallowReply, Told::Nothing, true),
        (Mode::Truncate(1), Told::Failed, true),
        (Mode::SlowDrip(moment), Told::Done, true),
        (Mode::Garbage(garbage.to_vec()), Told::Failed, true),
    ]
}

/// Waits for the answer to a call, and only briefly if none is expected.
async fn told<T, E>(call: impl Future<Output = Result<T, E>>, expected: &Told) -> Told {
    let patience = if *expected == Told::Nothing { SHORT } else { Duration::from_secs(20) };
    match timeout(patience, call).await {
        Ok(Ok(_)) => Told::Done,
        Ok(Err(_)) => Told::Failed,
        Err(_) => Told::Nothing,
    }
}

#[tokio::test]
async fn each_mode_works_with_redis() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let key = unique_name();
    let mut expected = 0;
    for (mode, tells, does) in modes(b"?\r\n") {
        let mut connection = connect(&proxy.url("")).await.unwrap();
        proxy.on_command(0, |command| command.name == "INCR", mode.clone());
        let mut command = ::redis::cmd("INCR");
        let call = command.arg(&key).query_async::<u64>(&mut connection);
        assert_eq!(told(call, &tells).await, tells, "{mode:?}");
        expected += u64::from(does);
        until("redis has done as it should", || async {
            let value: Option<u64> = redis.command(&["GET", &key]).await.unwrap();
            value.unwrap_or(0) == expected
        })
        .await;
    }
}

#[tokio::test]
async fn round_trips_to_redis_are_counted() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let mut connection = connect(&proxy.url("")).await.unwrap();
    proxy.reset_counts();
    ::redis::cmd("PING").query_async::<()>(&mut connection).await.unwrap();
    ::redis::pipe().cmd("PING").cmd("TIME").query_async::<()>(&mut connection).await.unwrap();
    let names: Vec<_> = proxy.commands().into_iter().map(|command| command.name).collect();
    assert_eq!(names, ["PING", "PING", "TIME"]);
    assert_eq!(proxy.round_trips(), 2);
}

async fn postgres_through(proxy: &Proxy, database: &str) -> sqlx::Result<PgConnection> {
    PgConnection::connect(&proxy.url(database)).await
}

const ADD: &str = "UPDATE counter SET value = value + 1";

async fn counted(postgres: &Postgres, database: &str) -> i32 {
    let mut connection = postgres.connection(database).await;
    sqlx::query_scalar("SELECT value FROM counter").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn each_mode_works_with_postgres() {
    let Some(postgres) = shared_postgres().await else { return };
    let database = postgres.database().await;
    let create = "CREATE TABLE counter (value int NOT NULL); INSERT INTO counter VALUES (0)";
    postgres.execute(&database, create).await;
    let proxy = Proxy::postgres(postgres.port());
    let mut expected = 0;
    // A message of a type that does not exist, without a body.
    for (mode, tells, does) in modes(b"?\0\0\0\x04") {
        let mut connection = postgres_through(&proxy, &database).await.unwrap();
        proxy.on_command(0, |command| command.name == ADD, mode.clone());
        assert_eq!(told(sqlx::query(ADD).execute(&mut connection), &tells).await, tells, "{mode:?}");
        expected += i32::from(does);
        until("postgres has done as it should", async || counted(postgres, &database).await == expected)
            .await;
    }
}

#[tokio::test]
async fn postgres_restarts_behind_the_proxy_and_round_trips_are_counted() {
    let Some(postgres) = Postgres::start().await else { return };
    let proxy = Proxy::postgres(postgres.port());
    let mut connection = postgres_through(&proxy, "postgres").await.unwrap();
    proxy.reset_counts();
    for _ in 0..2 {
        sqlx::query("SELECT 1").execute(&mut connection).await.unwrap();
    }
    sqlx::query("SELECT 2").persistent(false).execute(&mut connection).await.unwrap();
    let names: Vec<_> = proxy.commands().into_iter().map(|command| command.name).collect();
    assert_eq!(names, ["prepare SELECT 1", "SELECT 1", "SELECT 1", "prepare SELECT 2", "SELECT 2"]);
    assert_eq!(proxy.round_trips(), 5);

    postgres.stop_fast().await;
    connection.ping().await.unwrap_err();
    postgres_through(&proxy, "postgres").await.unwrap_err();
    postgres.restart().await;
    until("the proxy passes again", async || postgres_through(&proxy, "postgres").await.is_ok()).await;
}

#[tokio::test]
async fn each_mode_works_with_mariadb_and_round_trips_are_counted() {
    let Some(server) = shared_mariadb().await else { return };
    let database = server.database().await;
    let create = "CREATE TABLE counter (value int NOT NULL); INSERT INTO counter VALUES (0)";
    server.execute(&database, create).await;
    let proxy = Proxy::mariadb(server.port());
    let through = async || MySqlConnection::connect(&proxy.url(&database)).await.unwrap();
    let counted = async || -> i32 {
        let mut connection = server.connection(&database).await;
        sqlx::query_scalar("SELECT value FROM counter").fetch_one(&mut connection).await.unwrap()
    };
    let mut expected = 0;
    // An empty packet.
    for (mode, tells, does) in modes(b"\0\0\0\x01") {
        let mut connection = through().await;
        proxy.on_command(0, |command| command.name == ADD, mode.clone());
        assert_eq!(told(sqlx::raw_sql(ADD).execute(&mut connection), &tells).await, tells, "{mode:?}");
        expected += i32::from(does);
        until("mariadb has done as it should", async || counted().await == expected).await;
    }
    let mut connection = through().await;
    proxy.reset_counts();
    for sql in ["SELECT 1", "SELECT 2; SELECT 3; COMMIT"] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let names: Vec<_> = proxy.commands().into_iter().map(|command| command.name).collect();
    assert_eq!(names, ["SELECT 1", "SELECT 2; SELECT 3; COMMIT"]);
    assert_eq!(proxy.round_trips(), 2);
}
