//! Several processes on one file, and processes that are killed. The other processes are this test binary, started again with one
//! test and a job in the environment.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    time::Instant,
};

use super::*;

const JOB: &str = "SESSION_TESTS_JOB";
const FILE: &str = "SESSION_TESTS_FILE";
const WRITERS: u64 = 50;
const EACH: u64 = 2;

fn start(job: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sqlite::processes::the_other_process"])
        .env(JOB, job)
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn open(path: &Path) -> impl Future<Output = SqliteStore> {
    let options = SqliteStore::options(path).busy_timeout(Duration::from_mins(1));
    async { options.open().await.unwrap() }
}

/// One acknowledged increment.
async fn add_one(store: &SqliteStore) {
    let mut record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    loop {
        let from: u64 = record.cell("shop.visits").unwrap().json.as_str().parse().unwrap();
        match store.update(&SELECTOR, &increment(from, record.revision_of("shop.visits"))).await.unwrap() {
            Updated::Done { .. } => return,
            Updated::Conflict(current) => record = current.record,
            gone => panic!("nobody deleted it: {gone:?}"),
        }
    }
}

async fn visits(store: &SqliteStore) -> u64 {
    text(store, &SELECTOR, "shop.visits").await.unwrap().parse().unwrap()
}

/// Not a test by itself: the tests below run this in another process, which has a file in its environment.
#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        // All writers begin at once.
        while !path.with_extension("go").exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let store = open(&path).await;
        match std::env::var(JOB).unwrap().as_str() {
            "open" => {
                store.create(&SELECTOR, &new_record()).await.unwrap();
                assert!(store.load(&SELECTOR).await.unwrap().is_some());
            }
            "increments" => {
                let writers: Vec<_> = (0..WRITERS)
                    .map(|_| {
                        let store = store.clone();
                        tokio::spawn(async move {
                            for _ in 0..EACH {
                                add_one(&store).await;
                            }
                        })
                    })
                    .collect();
                for writer in writers {
                    writer.await.unwrap();
                }
            }
            "until killed" => {
                for _ in 0..4 {
                    let store = store.clone();
                    tokio::spawn(async move {
                        loop {
                            add_one(&store).await;
                            std::io::stdout().write_all(b"acknowledged\n").unwrap();
                            std::io::stdout().flush().unwrap();
                        }
                    });
                }
                std::future::pending::<()>().await;
            }
            other => panic!("no job {other}"),
        }
    });
}

#[tokio::test]
async fn increments_of_two_processes_with_fifty_writers_each_are_exact() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = open(&path).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let children = [start("increments", &path), start("increments", &path)];
    std::fs::write(path.with_extension("go"), "").unwrap();
    children.into_iter().for_each(finish);
    assert_eq!(visits(&store).await, 2 * WRITERS * EACH);
    let record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    assert_eq!(record.meta().revision, 2 * WRITERS * EACH + 1);
}

#[tokio::test]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    for _ in 0..3 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("sessions.db");
        let children: Vec<_> = (0..6).map(|_| start("open", &path)).collect();
        std::fs::write(path.with_extension("go"), "").unwrap();
        children.into_iter().for_each(finish);
        assert_eq!(visits(&open(&path).await).await, 0);
        disk::sound(&path).await;
    }
}

/// The same within one process, often enough that each stage of opening meets every other one.
#[test]
fn threads_that_open_a_new_file_at_once_all_succeed() {
    for _ in 0..40 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("sessions.db");
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    let store = block_on(open(&path));
                    block_on(store.create(&SELECTOR, &new_record())).unwrap();
                });
            }
        });
        assert_eq!(block_on(async { visits(&open(&path).await).await }), 0);
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = open(&path).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // In every other round the file stays open, so that the killed process is not always the last one to have it open.
    let mut witness = Some(store);
    std::fs::write(path.with_extension("go"), "").unwrap();
    let (mut before, mut acknowledged_in_all) = (0, 0);
    for round in 0..12_u64 {
        let mut child = start("until killed", &path);
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            stdout.read_to_end(&mut lines).unwrap();
            String::from_utf8(lines).unwrap().matches("acknowledged\n").count() as u64
        });
        // The process is killed at a different point every time, after its first increment.
        let store = witness.take();
        let begun = Instant::now();
        loop {
            let now = match &store {
                Some(store) => visits(store).await,
                None => visits(&open(&path).await).await,
            };
            if now > before {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "the other process does nothing");
        }
        std::thread::sleep(Duration::from_micros(round * 1_700));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = reader.join().unwrap();
        drop(store);

        let store = open(&path).await;
        let after = visits(&store).await;
        // Each of its four writers may have stored one increment that was not acknowledged.
        let possible = before + acknowledged..=before + acknowledged + 4;
        assert!(possible.contains(&after), "round {round}: {after}, and {possible:?} is possible");
        disk::sound(&path).await;
        add_one(&store).await;
        (before, acknowledged_in_all) = (after + 1, acknowledged_in_all + acknowledged);
        witness = (round % 2 == 0).then_some(store);
    }
    assert!(acknowledged_in_all > 12, "{acknowledged_in_all}: too few to prove anything");
}
