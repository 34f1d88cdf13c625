//! Tests of the kit that other tests rely on: the servers and the proxy.

mod fleets;
mod proxy;

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use sqlx::Connection as _;
use tokio::time::timeout;

use crate::servers::{
    guarded::{SERVER, lives},
    *,
};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_redis_is_frozen_thawed_killed_and_started_again() {
    let Some(redis) = Redis::start().await else { return };
    redis.command::<()>(&["SET", "key", "value"]).await.unwrap();
    redis.freeze().await;
    assert!(timeout(SHORT, redis.command::<String>(&["GET", "key"])).await.is_err());
    redis.thaw();
    assert_eq!(redis.command::<String>(&["GET", "key"]).await.unwrap(), "value");

    let mut connection = redis.connection().await;
    redis.kill().await;
    ::redis::cmd("PING").query_async::<()>(&mut connection).await.unwrap_err();
    redis.command::<()>(&["PING"]).await.unwrap_err();
    redis.restart().await;
    assert_eq!(redis.command::<Option<String>>(&["GET", "key"]).await.unwrap(), None);
}

#[tokio::test]
async fn a_persistent_redis_keeps_what_it_acknowledged() {
    let Some(redis) = Redis::persistent().await else { return };
    redis.config_set("maxmemory-policy", "allkeys-lru").await;
    redis.command::<()>(&["SET", "key", "value"]).await.unwrap();
    redis.kill().await;
    redis.restart().await;
    assert_eq!(redis.command::<String>(&["GET", "key"]).await.unwrap(), "value");
    let policy: Vec<String> = redis.command(&["CONFIG", "GET", "maxmemory-policy"]).await.unwrap();
    assert_eq!(policy, ["maxmemory-policy", "noeviction"]);
    redis.stop().await;
    redis.command::<()>(&["PING"]).await.unwrap_err();
}

async fn numbers(postgres: &Postgres, database: &str) -> i64 {
    let mut connection = postgres.connection(database).await;
    let (count,) = sqlx::query_as("SELECT count(*) FROM numbers").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}

#[tokio::test]
async fn a_postgres_is_frozen_stopped_killed_and_started_again() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = postgres.database().await;
    postgres.execute(&database, "CREATE TABLE numbers (number int)").await;
    let mut old = postgres.connection(&database).await;
    postgres.freeze().await;
    assert!(timeout(SHORT, old.ping()).await.is_err());
    assert!(timeout(SHORT, postgres.connection(&database)).await.is_err());
    postgres.thaw();
    assert_eq!(numbers(&postgres, &database).await, 0);

    for round in 0..3 {
        let mut open = postgres.connection(&database).await;
        postgres.execute(&database, "INSERT INTO numbers VALUES (1)").await;
        match round {
            0 => postgres.stop_immediate().await,
            1 => postgres.stop_fast().await,
            _ => postgres.kill().await,
        }
        open.ping().await.unwrap_err();
        postgres.restart().await;
        assert_eq!(numbers(&postgres, &database).await, round + 1);
    }
}

#[tokio::test]
async fn a_mariadb_is_frozen_stopped_killed_and_started_again() {
    let Some(server) = MariaDb::start().await else { return };
    let database = server.database().await;
    server.execute(&database, "CREATE TABLE numbers (number int)").await;
    let mut old = server.connection(&database).await;
    server.freeze().await;
    assert!(timeout(SHORT, old.ping()).await.is_err());
    server.thaw();
    for round in 0..2 {
        let mut open = server.connection(&database).await;
        server.execute(&database, "INSERT INTO numbers VALUES (1)").await;
        if round == 0 {
            server.stop().await;
        } else {
            server.kill().await;
        }
        open.ping().await.unwrap_err();
        server.restart().await;
        let mut connection = server.connection(&database).await;
        let (count,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM numbers").fetch_one(&mut connection).await.unwrap();
        assert_eq!(count, round + 1);
    }
}

#[tokio::test]
async fn all_tests_share_the_servers_and_have_names_of_their_own() {
    let (Some(redis), Some(postgres)) = tokio::join!(shared_redis(), shared_postgres()) else { return };
    assert_eq!(redis.port(), shared_redis().await.unwrap().port());
    assert_eq!(postgres.port(), shared_postgres().await.unwrap().port());
    assert!(redis.url().ends_with(&redis.port().to_string()));
    let (one, other) = tokio::join!(postgres.database(), postgres.database());
    postgres.execute(&one, "CREATE TABLE only_here ()").await;
    let mut connection = sqlx::PgConnection::connect(&postgres.url(&other)).await.unwrap();
    sqlx::query("SELECT FROM only_here").execute(&mut connection).await.unwrap_err();
}

const FOLLOWED: &str = "SESSION_TESTS_FOLLOWED";

/// Not a test by itself: the process that the next test starts and kills. One server is frozen, because a frozen server is the hardest to
/// end. Both servers are shared, so they are not dropped at a normal end of the process either.
#[tokio::test]
async fn a_process_with_servers() {
    let Ok(how) = env::var(FOLLOWED) else { return };
    let (Some(redis), Some(postgres), Some(mariadb)) =
        tokio::join!(shared_redis(), shared_postgres(), shared_mariadb())
    else {
        return;
    };
    let _open = postgres.connection("postgres").await;
    postgres.freeze().await;
    let mut out = io::stdout();
    for server in [redis.guarded(), postgres.guarded(), mariadb.guarded()] {
        for process in server.processes() {
            writeln!(out, "follow {process} {}", server.folder().display()).unwrap();
        }
    }
    writeln!(out, "ready").unwrap();
    if how == "until killed" {
        std::future::pending::<()>().await;
    }
    assert_eq!(how, "to its end");
}

#[tokio::test]
async fn no_server_outlives_the_test_process() {
    for how in ["until killed", "to its end"] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kit::a_process_with_servers", "--nocapture"])
            .env(FOLLOWED, how)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut followed = Vec::new();
        for line in lines.by_ref().take_while(|line| line != "ready") {
            let mut words = line.split(' ').skip_while(|word| *word != "follow").skip(1).map(str::to_owned);
            followed.extend(words.next().zip(words.next()));
        }
        if followed.is_empty() {
            return assert!(child.wait().unwrap().success()); // The child was skipped, and said so.
        }
        assert!(followed.len() > 3, "the servers and the children of PostgreSQL: {followed:?}");
        assert!(followed.iter().all(|(process, _)| lives(process.parse().unwrap())));
        if how == "until killed" {
            child.kill().unwrap();
        }
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().success(), how == "to its end");
        until("the servers and their folders are gone", || async {
            followed.iter().all(|(process, folder)| {
                let gone = format!("{folder}.gone");
                !lives(process.parse().unwrap()) && !Path::new(folder).exists() && !Path::new(&gone).exists()
            })
        })
        .await;
    }
}

/// The guardian has moved the folder, and looked for a server there before this server had written its process id.
#[test]
fn a_server_that_comes_after_its_guardian_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    for (known_as, starts) in [("moved", false), ("", true)] {
        let mut server = Command::new("sh");
        server.args(["-c", SERVER]).arg(folder.path().join(known_as)).args(["touch", "started"]);
        assert_eq!(server.current_dir(&folder).status().unwrap().success(), starts);
        assert_eq!(folder.path().join("started").exists(), starts);
    }
}

#[test]
fn a_missing_server_is_named_and_fails_in_ci() {
    let empty = tempfile::tempdir().unwrap();
    for ci in [false, true] {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "kit::a_persistent_redis_keeps_what_it_acknowledged"]);
        command.env("PATH", empty.path()).env_remove("CI").envs(ci.then_some(("CI", "true")));
        let output = command.output().unwrap();
        assert_eq!(output.status.success(), !ci);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("redis-server is missing; run: apt-get install redis-server"), "{said}");
        assert_eq!(said.contains("SKIPPED kit::a_persistent_redis"), !ci, "{said}");
    }
}

/// Tests may start and harm servers in spawned tasks.
#[tokio::test]
async fn servers_can_be_started_and_harmed_in_tasks() {
    let task = tokio::spawn(async {
        let (Some(redis), Some(postgres)) = tokio::join!(Redis::start(), Postgres::start()) else { return };
        tokio::join!(redis.restart(), postgres.restart());
        postgres.database().await;
    });
    task.await.unwrap();
}
