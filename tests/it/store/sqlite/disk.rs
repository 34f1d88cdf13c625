//! A full disk: an error, the old record unchanged, and writes again as soon as there is room.

use std::{io::Write as _, path::Path, process::Command};

use super::*;

const BALLAST: &str = "shop.ballast";

fn heavy(bytes: usize) -> Change {
    write(BALLAST, &format!("\"{}\"", "x".repeat(bytes)))
}

async fn fill(store: &SqliteStore) -> u32 {
    for n in 0..100_000_u32 {
        let mut new = new_record();
        new.cells = heavy(9_000).write;
        match store.create(&Selector::from_bytes(u128::from(n).to_le_bytes()), &new).await {
            Ok(answer) => assert_eq!(answer, Created::Created),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
                return n;
            }
        }
    }
    panic!("the file never got full")
}

/// Nothing more fits, and everything is unchanged and can be read.
async fn refuses_and_keeps(store: &SqliteStore, path: &Path, records: u32) {
    let before = store.load(&SELECTOR).await.unwrap().unwrap().record;
    for _ in 0..3 {
        assert_eq!(kind(store.update(&SELECTOR, &heavy(300_000)).await), StoreErrorKind::Full);
        let after = store.load(&SELECTOR).await.unwrap().unwrap().record;
        assert_eq!(after, before, "a refused change leaves the old record");
    }
    for n in 0..records {
        let selector = Selector::from_bytes(u128::from(n).to_le_bytes());
        assert_eq!(text(store, &selector, BALLAST).await.map(|text| text.len()), Some(9_002), "record {n}");
    }
    sound(path).await;
}

pub(super) async fn sound(path: &Path) {
    let mut connection = raw(path).await;
    let check: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(check, "ok");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_file_at_its_limit_refuses_and_recovers() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::options(&path).max_bytes(400 * 1024).open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let records = fill(&store).await;
    assert!((10..100).contains(&records), "{records}");
    refuses_and_keeps(&store, &path, records).await;

    // A sign-out needs no room, and frees some.
    for n in 0..records {
        store.delete(&Selector::from_bytes(u128::from(n).to_le_bytes()), None).await.unwrap();
    }
    assert_eq!(store.update(&SELECTOR, &heavy(300_000)).await.unwrap(), Updated::Done { revision: 2 });
    assert!(path.metadata().unwrap().len() <= 400 * 1024);
}

/// A disk of one megabyte, if this process may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let Some(disk) = SmallDisk::new() else {
        writeln!(
            std::io::stderr(),
            "skipped: a_full_disk_refuses_and_recovers needs the right to mount a tmpfs"
        )
        .unwrap();
        return;
    };
    let path = disk.0.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for revision in 2..5 {
        // Another program's file takes the rest.
        let other = disk.0.path().join("other");
        let mut file = std::fs::File::create(&other).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        drop(file);
        refuses_and_keeps(&store, &path, 0).await;
        // A process that starts now can still read.
        let late = SqliteStore::open(&path).await.unwrap();
        assert!(text(&late, &SELECTOR, "shop.visits").await.is_some(), "revision {revision}");
        drop(late);

        std::fs::remove_file(&other).unwrap();
        assert_eq!(
            store.update(&SELECTOR, &heavy(5_000)).await.unwrap(),
            Updated::Done { revision },
            "revision {revision}"
        );
    }
    sound(&path).await;
}
