//! Several old and new binaries use one session at once, while other requests write cells that neither knows. Property P15.

use std::{sync::Arc, thread, time::Duration};

use actix_typed_session::SessionState;
use actix_web::rt::{System, SystemRunner};
use futures_util::future::join;
use serde::{Deserialize, Serialize};
use tokio::{sync::Barrier, time::timeout};

use super::{
    kit::World,
    place::{Place, on_every_store},
    robust::ODD,
};

on_every_store! {
    ;
    fn nothing_is_lost_between_old_and_new_binaries_at_once
}

mod old {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "both", version = 1, lock = off)]
    pub(super) struct Both {
        #[session(default)]
        pub(super) hits: usize,
        pub(super) name: Option<String>,
        /// Set by old and new binaries.
        #[session(default)]
        pub(super) note: String,
        /// Set only by old binaries.
        #[session(default)]
        pub(super) of_old: String,
    }
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Hits {
    total: usize,
    by_new: usize,
}

fn counted(total: usize) -> Hits {
    Hits { total, by_new: 0 }
}

fn total(hits: Hits) -> usize {
    hits.total
}

fn recounted(total: usize, before: Hits) -> Hits {
    Hits { total, ..before }
}

type Parts = (Option<String>, Option<String>);

fn split(name: Option<String>) -> Parts {
    name.as_deref().and_then(|name| name.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).unzip()
}

fn join_parts((first, last): Parts) -> Option<String> {
    (first.is_some() || last.is_some())
        .then(|| format!("{} {}", first.unwrap_or_default(), last.unwrap_or_default()))
}

#[derive(SessionState)]
#[session(name = "both", version = 2, lock = off)]
#[session(step(since = 2, from(name: Option<String>), to(first, last), up = split, down = join_parts))]
struct Both {
    #[session(default, changed(since = 2, from = usize, up = counted, down = total, merge = recounted))]
    hits: Hits,
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
    #[session(default)]
    note: String,
    #[session(default)]
    of_old: String,
    /// Unknown to old binaries.
    #[session(since = 2, default)]
    of_new: String,
}

/// The values that an old or a new binary reads.
#[derive(PartialEq, Debug)]
struct Read {
    total: usize,
    name: Option<String>,
    note: String,
    of_old: String,
}

const THREADS: usize = 3;
const WORKERS: usize = 2 * THREADS;
const ROUNDS: usize = 12;
/// A time that only a broken library takes.
const BOUND: Duration = Duration::from_mins(2);

/// The text of an unknown cell after a round, different from the text after the round before.
fn odd(round: usize, writer: usize) -> &'static str {
    ODD[(round + writer) % ODD.len()]
}

/// A cell that no binary here knows, written by another request beside the worker's.
fn beside(worker: usize) -> String {
    format!("both.zz{worker}")
}

async fn all(loaded: &Barrier) {
    timeout(BOUND, loaded.wait()).await.expect("another worker is stuck");
}

/// Sends the requests of one worker. In each round all workers load before the first one commits, and another cell changes in between.
async fn work(tab: World, worker: usize, loaded: Arc<Barrier>) -> usize {
    for round in 0..ROUNDS {
        tab.write_before_next(&[(beside(worker).as_str(), odd(round, worker))]);
        let text = format!("{round} {worker}");
        let loaded = loaded.clone();
        if worker.is_multiple_of(2) {
            tab.visit::<old::Both, _>(async move |it| {
                it.update_hits(|hits| *hits += 1);
                it.set_name(text.clone());
                it.set_note(&text);
                it.set_of_old(&text);
                all(&loaded).await;
            })
            .await
            .unwrap();
        } else {
            tab.visit::<Both, _>(async move |it| {
                it.update_hits(|hits| {
                    hits.total += 1;
                    hits.by_new += 1;
                });
                it.set_first(round.to_string());
                it.set_last(worker.to_string());
                it.set_note(&text);
                it.set_of_new(&text);
                all(&loaded).await;
            })
            .await
            .unwrap();
        }
    }
    tab.conflicts()
}

fn nothing_is_lost_between_old_and_new_binaries_at_once(system: &SystemRunner, place: &Place) {
    const STRANGE: [&str; 4] = ["both.zz", "both.hits@9", "both.note@2", "other.of_nobody"];
    let world = place.world();
    system.block_on(world.visit::<old::Both, _>(async |it| it.set_of_old("begun"))).unwrap();
    let loaded = Arc::new(Barrier::new(WORKERS));
    let conflicts: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|nth| {
                let (one, other, loaded) = (world.twin(), world.twin(), loaded.clone());
                scope.spawn(move || {
                    let both = join(work(one, 2 * nth, loaded.clone()), work(other, 2 * nth + 1, loaded));
                    let (one, other) = System::new().block_on(both);
                    one + other
                })
            })
            .collect();
        system.block_on(async {
            for round in 0..ROUNDS {
                let cells: Vec<_> =
                    STRANGE.iter().enumerate().map(|(at, key)| (*key, odd(round, at))).collect();
                world.write(&cells).await;
            }
        });
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    system.block_on(read_by_both(&world));
    system.block_on(async {
        for (at, key) in STRANGE.iter().enumerate() {
            assert_eq!(world.cell(key).await.as_deref(), Some(odd(ROUNDS - 1, at)), "{key}");
        }
        for worker in 0..WORKERS {
            let key = beside(worker);
            assert_eq!(world.cell(&key).await.as_deref(), Some(odd(ROUNDS - 1, worker)), "{key}");
        }
    });
    assert!(conflicts >= ROUNDS * (WORKERS - 1), "only {conflicts} conflicts");
}

async fn read_by_both(world: &World) {
    let by_old = world.visit::<old::Both, _>(async |it| Read {
        total: it.hits(),
        name: it.name().map(str::to_owned),
        note: it.note().to_owned(),
        of_old: it.of_old().to_owned(),
    });
    let by_new = world.visit::<Both, _>(async |it| {
        let read = Read {
            total: it.hits().total,
            name: join_parts((it.first().map(str::to_owned), it.last().map(str::to_owned))),
            note: it.note().to_owned(),
            of_old: it.of_old().to_owned(),
        };
        (read, it.hits().by_new, it.of_new().to_owned())
    });
    let (by_old, (by_new, raised_by_new, of_new)) = (by_old.await.unwrap(), by_new.await.unwrap());
    assert_eq!(by_old, by_new);
    assert_eq!((by_old.total, raised_by_new), (ROUNDS * WORKERS, ROUNDS * THREADS));
    let last = |text: &str, by: &[usize]| {
        let (round, worker) = text.split_once(' ').unwrap();
        assert_eq!(round.parse(), Ok(ROUNDS - 1), "{text}");
        assert!(by.contains(&worker.parse().unwrap()), "{text}");
    };
    last(&by_old.name.unwrap(), &[0, 1, 2, 3, 4, 5]);
    last(&by_old.note, &[0, 1, 2, 3, 4, 5]);
    last(&by_old.of_old, &[0, 2, 4]);
    last(&of_new, &[1, 3, 5]);
}
