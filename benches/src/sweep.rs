//! What live traffic notices of a sweep: the latencies of loads and updates beside many expired records, before and during the sweep.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use actix_typed_session::{
    change::{CellWrite, Change, NewRecord},
    id::{Selector, VerifierHash},
    record::{Json, Limits},
    store::{PostgresStore, SessionStore, Sweeper},
};
use sqlx::{Connection, PgConnection};

const SESSIONS: u32 = 200;
const CLIENTS: u32 = 4;
const PHASE: Duration = Duration::from_secs(10);

/// The database must be empty; it is filled with expired records first.
pub(crate) async fn run(url: &str, expired: i64) -> Result<(), Box<dyn Error>> {
    let store = PostgresStore::options(url)?.sweep_every(None).open().await?;
    let mut outside = PgConnection::connect(url).await?;
    sqlx::query(
        "INSERT INTO typed_session (selector, format, verifier, generation, revision, created, touched, renewed,
             signed_in, idle, absolute, persistent, principal, cells, expires)
         SELECT decode(md5(n::text), 'hex'), 1, sha256('x'), 1, 1, 0, 0, 0, 0, 1, 1, false, 'shop.user=' || n,
             jsonb_build_object('shop.text', '1 \"' || repeat('x', 500) || '\"'), n FROM generate_series(1, $1) AS n",
    )
    .bind(expired)
    .execute(&mut outside)
    .await?;
    sqlx::query("ANALYZE typed_session").execute(&mut outside).await?;
    let day = Duration::from_hours(24);
    for n in 0..SESSIONS {
        let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(day, day));
        new.cells = (0..20).map(|cell| write(cell, &"x".repeat(90))).collect();
        store.create(&selector(n), &new).await?;
    }

    println!("{expired} expired records; milliseconds of a load and an update, {CLIENTS} clients\n");
    println!("| {:16} | {:>8} | {:>6} | {:>6} | {:>6} |", "", "calls", "p50", "p99", "max");
    println!("|{:-<18}|{:->10}|{:->8}|{:->8}|{:->8}|", "", "", "", "", "");
    print("no sweep", &live_traffic(&store).await);
    let sweeper = Sweeper::spawn(store.clone(), Duration::from_millis(1));
    print("sweep", &live_traffic(&store).await);
    sweeper.stop().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM typed_session").fetch_one(&mut outside).await?;
    println!("\nswept {} in {} s", expired + i64::from(SESSIONS) - left, PHASE.as_secs());
    Ok(())
}

fn selector(n: u32) -> Selector {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Selector::from_bytes(bytes)
}

fn write(cell: u32, text: &str) -> CellWrite {
    CellWrite::new(format!("shop.text{cell}").into(), Json::from_store(&format!("\"{text}\"")))
}

/// The latencies, sorted.
async fn live_traffic(store: &PostgresStore) -> Vec<Duration> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let store = store.clone();
            actix_web::rt::spawn(async move {
                let (end, mut times, mut n) = (Instant::now() + PHASE, Vec::new(), client);
                while Instant::now() < end {
                    n = (n + CLIENTS) % SESSIONS;
                    let begun = Instant::now();
                    let loaded = store.load(&selector(n)).await;
                    assert!(matches!(loaded, Ok(Some(_))), "{loaded:?}");
                    let mut change = Change::default();
                    change.write = vec![write(n % 20, "changed")];
                    change.touch = true;
                    let updated = store.update(&selector(n), &change).await;
                    assert!(updated.is_ok(), "{updated:?}");
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap_or_default());
    }
    all.sort_unstable();
    all
}

fn print(name: &str, times: &[Duration]) {
    let at = |share: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        // An index into the sorted latencies.
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len() - 1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!("| {name:16} | {:8} | {:6.2} | {:6.2} | {:6.2} |", times.len(), at(0.5), at(0.99), at(1.0));
}
