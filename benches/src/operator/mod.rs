//! What an operator of many sessions asks: one user's sessions when there are very many, on every store, and what others notice meanwhile.
//!
//! In: how many. Out: a page of Markdown. Never: a server that this program did not start.

mod watch;
mod user;
mod facts;
mod asked;

use std::{error::Error, fmt::Write as _, fs, path::Path, time::Instant};

use actix_typed_session::store::{AnyStore, MemoryStore, SqliteStore, open, sqlite::Synchronous};

use self::{
    asked::Asked,
    user::{Row, fill, measure},
};
use crate::{
    report::{machine, table},
    servers::{cores::Cores, mariadb, mariadb::MariaDb, postgres, postgres::Postgres, redis, redis::Redis},
};

/// As many as a service account may have, or a user whose client forgets its cookie.
const MANY: u32 = 100_000;

/// How many sessions of one user end in Redis, for each of the others.
const TIMES_AS_MANY: u32 = 10;

/// Measures with `sessions` sessions of one user; as many as the page is about by default, which is then written.
pub(crate) async fn run(sessions: Option<u32>) -> Result<(), Box<dyn Error>> {
    let many = sessions.unwrap_or(MANY);
    let (folder, cores) = (tempfile::tempdir()?, Cores::all()?);
    let mut text = format!("{HEAD}{}\n", machine::describe(&cores));
    cores.leave_server_alone()?;
    let mut redis = redis::program().map(|_| Redis::start()).transpose()?;
    let postgres = postgres::program().map(|_| Postgres::start()).transpose()?;
    let mariadb = mariadb::program().map(|_| MariaDb::start()).transpose()?;
    // As the other servers here, SQLite does not wait for the disk.
    let sqlite = SqliteStore::options(folder.path().join("sessions.db")).synchronous(Synchronous::Normal);
    let mut stores = vec![
        ("memory", AnyStore::new(MemoryStore::unbounded())),
        ("SQLite", AnyStore::new(sqlite.open().await?)),
    ];
    if let Some(postgres) = &postgres {
        postgres.create("many").await?;
        stores.push(("PostgreSQL", open(&Postgres::url(postgres.port(), "many")).await?));
    }
    if let Some(mariadb) = &mariadb {
        mariadb.create("many").await?;
        stores.push(("MariaDB", open(&mariadb.url("many")).await?));
    }
    if let Some(redis) = &redis {
        stores.push(("Redis", open(&redis.url()).await?));
    }

    // A server that shares its core with who asks would be charged for the time in which it does not run.
    let share =
        |name: &str| if matches!(name, "memory" | "SQLite") { cores.use_all() } else { cores.join_server() };
    let mut rows = Vec::new();
    for (name, store) in &stores {
        share(name)?;
        let begun = Instant::now();
        fill(store, many).await?;
        if let Some(postgres) = postgres.as_ref().filter(|_| *name == "PostgreSQL") {
            postgres.analyze("many").await?;
        }
        rows.push(measure(name, store, many).await?);
        println!("{name}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    let mut asked = Asked::of_users(&rows, many);
    let mut facts = Vec::new();
    if let Some(redis) = &mut redis {
        share("Redis")?;
        let connections = facts::connections(redis).await?;
        asked.push(Asked::connections(connections.figure));
        facts.extend(connections.facts);
        if let Some((_, store)) = stores.iter().find(|(name, _)| *name == "Redis") {
            let doomed = facts::doomed(redis, store, many * TIMES_AS_MANY).await?;
            asked.push(Asked::doomed(doomed.figure, many * TIMES_AS_MANY));
            facts.extend(doomed.facts);
        }
    }
    let mut slowest = ("", 0.0);
    for (name, store) in &stores {
        share(name)?;
        let sign_ins = facts::sign_ins(name, store).await?;
        // SQLite has one writer at a time, for whom all others wait; that is no lock of one user.
        if *name != "SQLite" && sign_ins.figure > slowest.1 {
            slowest = (name, sign_ins.figure);
        }
        facts.extend(sign_ins.facts);
    }
    asked.push(Asked::sign_ins(slowest));
    drop(stores);
    share("memory")?;
    let memory = facts::memory().await?;
    asked.push(Asked::memory(memory.figure));
    facts.extend(memory.facts);
    let releases = facts::releases().await?;
    asked.push(Asked::releases(releases.figure));
    facts.extend(releases.facts);
    let _ = writeln!(text, "{}", Asked::table(&asked));
    let words = user::WORDS.replace("{many}", &many.to_string());
    let _ = writeln!(text, "{words}{}", Row::table(&rows, many));
    let _ = writeln!(text, "## Other figures\n\n{}", table(&["What", "Figure"], 1, &facts));
    print!("{text}");
    if sessions.is_none() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/many-sessions.md");
        fs::write(&page, text)?;
        println!("written to {}", page.display());
    }
    Ok(())
}

/// Milliseconds since then.
fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

const HEAD: &str = "\
# Many sessions

Written by `cargo run --release -p session-bench -- --operator`, which measures everything on this page in one run. It starts Redis,
PostgreSQL and MariaDB; what is not installed is left out. The first core is for this program, and the others are for the servers.

";
