//! One store and many runtimes: every actix worker has its own, and they come and go.

use std::{future::Future, thread};

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_store_outlives_the_runtimes_that_use_it() {
    let first = runtime();
    let Some((server, database, store)) = first.block_on(fresh()) else { return };
    first.block_on(store.create(&SELECTOR, &new_record())).unwrap();
    // The runtime that opened the store has ended, with calls under way.
    first.spawn({
        let store = store.clone();
        async move { store.load(&SELECTOR).await }
    });
    drop(first);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            thread::spawn(move || {
                // Some runtimes end while the others go on.
                for _ in 0..5 {
                    runtime().block_on(async {
                        for _ in 0..5 {
                            count(&store, &SELECTOR).await.unwrap();
                        }
                    });
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let last = runtime();
    assert_eq!(last.block_on(visits(&store, &SELECTOR)), 100);

    // Dropping the last clone, outside of any runtime, ends everything.
    drop(store);
    last.block_on(async {
        let mut connection = server.connection(&database).await;
        until_is(&mut connection, OTHERS, 0).await;
    });
}

#[test]
fn a_store_needs_no_runtime_of_the_caller() {
    let Some((.., store)) = runtime().block_on(fresh()) else { return };
    // An executor that is not tokio.
    assert_eq!(pollster(store.create(&SELECTOR, &new_record())).unwrap(), Created::Created);
}

/// Blocks this thread until the future is done.
fn pollster<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => thread::park(),
        }
    }
}
