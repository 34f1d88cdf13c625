//! A store of your own in one file: every session is a JSON file in a folder, and a lock file lets one writer in at a time.
//!
//! ```text
//! $ cargo run -p session-examples --bin custom_store
//! sessions: one file each, in the folder custom-store-sessions
//! http://127.0.0.1:8080
//! $ cargo test -p session-examples --bin custom_store
//! ```
//!
//! A store is four methods, each one atomic. It does not decide what `create` and `update` must leave behind: `Record::create` and
//! `Record::apply` are pure functions that return it. The work of a store is to run them where nothing interferes, here between lock and
//! unlock, in SQL between `BEGIN` and `COMMIT`. The tests at the end run the conformance suite, which fails on a store that gets
//! this wrong.

#![allow(clippy::print_stdout)] // a program for the terminal: this is how it speaks

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_typed_session::{
    Key, SessionMiddleware, SessionState, TypedSession,
    change::{Change, NewRecord},
    id::Selector,
    record::{Cell, Meta, Outcome, Principal, Record, WireKey},
    store::{Clock, Created, Loaded, SessionStore, StoreError, StoreErrorKind, SystemClock, Updated},
};
use actix_web::{App, HttpServer, Responder, get};
use serde::{Deserialize, Serialize};

/// Sessions as files in a folder: good for reading this example and for a few hundred visitors, on one machine.
#[derive(Clone, Debug)]
struct FolderStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

/// The contents of one file. The library writes meta and cells as text and reads them back; a store only keeps them.
#[derive(Serialize, Deserialize)]
struct Stored {
    meta: String,
    cells: Vec<(String, String)>,
}

impl FolderStore {
    fn open(folder: impl AsRef<Path>, clock: impl Clock) -> io::Result<Self> {
        let folder = folder.as_ref().to_path_buf();
        fs::create_dir_all(&folder)?;
        Ok(Self(Arc::new(Inner { folder, clock: Arc::new(clock) })))
    }

    /// Runs `work` on a thread that may wait for the disk, and excludes every other process that uses the folder.
    ///
    /// The work runs to its end even if the request is gone, so a file is never half written.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let locked_work = move || {
            let lock = File::create(inner.folder.join("lock")).map_err(nothing_changed)?;
            lock.lock().map_err(nothing_changed)?; // until `lock` is dropped, also by a crash
            work(&inner)
        };
        tokio::task::spawn_blocking(locked_work).await.map_err(|error| {
            StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error) // the work panicked
        })?
    }

    /// Removes the files of expired sessions, and returns how many. Call it from time to time.
    async fn sweep(&self) -> Result<usize, StoreError> {
        self.alone(|inner| {
            let mut swept = 0;
            for entry in fs::read_dir(&inner.folder).map_err(nothing_changed)? {
                let path = entry.map_err(nothing_changed)?.path();
                // A file that cannot be read stays, so that someone can look at it.
                if let Ok(Some(record)) = read(&path)
                    && record.is_expired(inner.clock.now())
                {
                    remove(&path)?;
                    swept += 1;
                }
            }
            Ok(swept)
        })
        .await
    }
}

impl Inner {
    /// The file of a session. Its name is made of the selector's bytes in hexadecimal, so a request cannot choose a path.
    fn path(&self, selector: &Selector) -> PathBuf {
        self.folder.join(format!("{:032x}.json", u128::from_be_bytes(*selector.as_bytes())))
    }
}

impl SessionStore for FolderStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        let selector = *selector;
        self.alone(move |inner| {
            // The clock is read under the lock, here and below, because waiting for the lock may have taken a while.
            let now = inner.clock.now();
            let record = read(&inner.path(&selector))?.filter(|record| !record.is_expired(now));
            Ok(record.map(|record| Loaded::new(record, now)))
        })
        .await
    }

    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let (selector, new) = (*selector, new.clone());
        self.alone(move |inner| {
            let (path, now) = (inner.path(&selector), inner.clock.now());
            if path.exists() {
                return Ok(Created::Exists);
            }
            let record = Record::create(&new, now);
            // A record without any time to live is over at once.
            if !record.is_expired(now) {
                write(&path, &record)?;
            }
            Ok(Created::Created)
        })
        .await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let (selector, change) = (*selector, change.clone());
        self.alone(move |inner| {
            let (path, now) = (inner.path(&selector), inner.clock.now());
            // Without a record nothing is written, which is what makes a logout final.
            let Some(record) = read(&path)? else { return Ok(Updated::Gone) };
            match record.apply(&change, now) {
                Outcome::Done(next) => {
                    write(&path, &next)?;
                    Ok(Updated::Done { revision: next.meta().revision })
                }
                Outcome::Conflict => Ok(Updated::Conflict(Loaded::new(record, now))),
                Outcome::Gone => {
                    remove(&path)?;
                    Ok(Updated::Gone)
                }
            }
        })
        .await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let (selector, only_if) = (*selector, only_if.cloned());
        self.alone(move |inner| {
            let path = inner.path(&selector);
            if only_if.is_some() {
                match read(&path)? {
                    Some(record) if record.meta().principal == only_if => {}
                    _ => return Ok(()),
                }
            }
            remove(&path)
        })
        .await
    }
}

/// `None` if there is no file. A file that is not a record is an error: unreadable is not empty.
fn read(path: &Path) -> Result<Option<Record>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(nothing_changed(error)),
    };
    let damaged = || StoreError::new(StoreErrorKind::Unreadable);
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let meta = Meta::from_text(&stored.meta)?; // knows a later release's from a damaged one
    let cell = |(wire_key, text): &(String, String)| {
        Some((WireKey::from(wire_key.as_str()), Cell::from_text(text)?))
    };
    let cells = stored.cells.iter().map(cell).collect::<Option<_>>().ok_or_else(damaged)?;
    Ok(Some(Record::from_parts(meta, cells)))
}

/// Writes another file and renames it, so that a reader, or a process that starts after a crash, finds the old record or the new one.
fn write(path: &Path, record: &Record) -> Result<(), StoreError> {
    let stored = Stored {
        meta: record.meta().to_text().map_err(nothing_changed)?,
        cells: record.cells().iter().map(|(wire_key, cell)| (wire_key.to_string(), cell.to_text())).collect(),
    };
    let text = serde_json::to_vec(&stored).map_err(nothing_changed)?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside).map_err(nothing_changed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(nothing_changed)?;
    fs::rename(&beside, path).map_err(nothing_changed)?;
    name_is_on_disk(path)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(nothing_changed)?,
    }
    name_is_on_disk(path)
}

/// Makes the rename or the removal survive a power cut. If this fails, the outcome is unknown.
fn name_is_on_disk(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error))
}

fn nothing_changed(error: impl Into<io::Error>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_source(error.into())
}

#[derive(SessionState)]
#[session(name = "counter", version = 1, lock = off)]
struct Counter {
    #[session(default)]
    visits: u32,
}

#[get("/")]
async fn index(mut counter: TypedSession<Counter>) -> impl Responder {
    counter.update_visits(|visits| *visits += 1);
    format!("visit {}\n", counter.visits())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FOLDER: &str = "custom-store-sessions";
    let store = FolderStore::open(FOLDER, SystemClock)?;
    store.sweep().await?;
    println!("sessions: one file each, in the folder {FOLDER}");
    let sessions = SessionMiddleware::builder(store, Key::generate()?).dangerous_insecure_cookie().build()?;
    let server = HttpServer::new(move || App::new().wrap(sessions.clone()).service(index));
    println!("http://127.0.0.1:8080");
    server.bind(("127.0.0.1", 8080))?.run().await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // in a test this is how to fail
#[allow(clippy::duration_suboptimal_units)] // it is copied by users of Rust 1.89, which has no `from_mins`
mod tests {
    use std::{future::Future, time::Duration};

    use actix_typed_session::{
        record::Timestamp,
        store::{
            ManualClock,
            conformance::{Damage, Harness},
        },
    };

    use super::*;

    /// What the suite needs to know about this store: how to make an empty one, and how to let time pass.
    struct Folder {
        runtime: tokio::runtime::Runtime,
        parent: tempfile::TempDir,
        clock: ManualClock,
    }

    impl Folder {
        fn new() -> Self {
            Self {
                runtime: tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap(),
                parent: tempfile::tempdir().unwrap(),
                clock: ManualClock::at(Timestamp::from_millis(1_700_000_000_000)),
            }
        }
    }

    impl Harness for Folder {
        type Store = FolderStore;

        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            self.runtime.block_on(future)
        }

        async fn store(&self) -> FolderStore {
            let folder = tempfile::tempdir_in(&self.parent).unwrap().keep();
            FolderStore::open(folder, self.clock.clone()).unwrap()
        }

        async fn pass(&self, _: &FolderStore, by: Duration) {
            self.clock.advance(by);
        }

        /// Opens the folder once more, as another process does.
        async fn sibling(&self, store: &FolderStore) -> Option<FolderStore> {
            FolderStore::open(&store.0.folder, self.clock.clone()).ok()
        }

        async fn raw(&self, store: &FolderStore, selector: &Selector) -> Option<Vec<u8>> {
            fs::read(store.0.path(selector)).ok()
        }

        async fn add_later(&self, store: &FolderStore, selector: &Selector) -> Option<Vec<u8>> {
            let path = store.0.path(selector);
            let mut stored: Stored = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            stored.meta.insert_str(1, "\"later\":7,");
            fs::write(path, serde_json::to_vec(&stored).unwrap()).unwrap();
            Some(br#"\"later\":7"#.to_vec()) // as JSON writes it within a text
        }

        async fn damage(&self, store: &FolderStore, selector: &Selector, damage: Damage) -> bool {
            let path = store.0.path(selector);
            let mut stored: Stored = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let bytes = match (damage, std::str::from_utf8(damage.bytes())) {
                (Damage::NoMeta, _) => serde_json::to_vec(&serde_json::json!({ "cells": stored.cells })),
                (Damage::WrongType, _) => Ok(b"[1, 2]".to_vec()),
                (Damage::Cell, Ok(text)) => {
                    stored.cells.first_mut().unwrap().1 = text.into();
                    serde_json::to_vec(&stored)
                }
                (_, Ok(text)) => {
                    stored.meta = text.into();
                    serde_json::to_vec(&stored)
                }
                // JSON cannot hold text that is not UTF-8, so the whole file becomes these bytes.
                (_, Err(_)) => Ok(damage.bytes().to_vec()),
            };
            fs::write(path, bytes.unwrap()).is_ok()
        }
    }

    actix_typed_session::conformance_tests!(Folder::new());

    #[test]
    fn the_sweep_removes_what_has_ended_and_nothing_else() {
        let harness = Folder::new();
        harness.block_on(async {
            let store = harness.store().await;
            let limits = |idle| actix_typed_session::record::Limits::new(idle, Duration::from_secs(3600));
            let new = |idle| {
                let verifier = actix_typed_session::id::VerifierHash::from_bytes([7; 32]);
                NewRecord::new(verifier, limits(idle))
            };
            let (ends, stays) = (Selector::from_bytes([1; 16]), Selector::from_bytes([2; 16]));
            store.create(&ends, &new(Duration::from_secs(1))).await.unwrap();
            store.create(&stays, &new(Duration::from_secs(60))).await.unwrap();
            harness.pass(&store, Duration::from_secs(1)).await;
            assert_eq!(store.sweep().await.unwrap(), 1);
            assert!(harness.raw(&store, &ends).await.is_none());
            assert!(store.load(&stays).await.unwrap().is_some());
        });
    }
}
