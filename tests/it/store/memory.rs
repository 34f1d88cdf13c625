//! What the memory store promises beyond the contract.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_typed_session::{
    change::{CellWrite, Change, MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal, Timestamp},
    store::{
        Clock, Created, ManualClock, MemoryStore, PrincipalIndex, Scan, SessionStore, StoreErrorKind, Updated,
    },
};

use super::conformance::{BEGIN, block_on};

fn new_record(idle: Duration) -> NewRecord {
    NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(idle, Duration::from_hours(24)))
}

fn selector(n: u32) -> Selector {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Selector::from_bytes(bytes)
}

fn create(store: &MemoryStore, n: u32, idle: Duration) -> Result<Created, StoreErrorKind> {
    block_on(store.create(&selector(n), &new_record(idle))).map_err(|error| error.kind())
}

fn alive(store: &MemoryStore, n: u32) -> bool {
    block_on(store.load(&selector(n))).unwrap().is_some()
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_page_of_a_scan_has_no_more_than_was_asked_for() {
    let store = MemoryStore::unbounded();
    for n in 0..1000 {
        // All in one shard.
        create(&store, n << 8, MINUTE).unwrap();
    }
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = block_on(store.scan(from.as_ref(), 7)).unwrap();
        assert!(page.selectors.len() <= 7);
        found.extend(page.selectors);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    found.sort();
    let mut all: Vec<Selector> = (0..1000).map(|n| selector(n << 8)).collect();
    all.sort();
    assert!(found == all, "each once");
}

/// How many bytes a record of [`new_record`] counts as.
fn one() -> usize {
    let store = MemoryStore::unbounded();
    create(&store, 0, MINUTE).unwrap();
    store.bytes()
}

/// A change that writes a text of this length.
fn write(bytes: usize) -> Change {
    let mut change = Change::default();
    let text = Json::encode(&"x".repeat(bytes)).unwrap();
    change.write = vec![CellWrite::new("shop.text".into(), text)];
    change
}

#[test]
fn a_full_store_refuses_and_ends_no_live_session() {
    let clock = ManualClock::at(BEGIN);
    let store = MemoryStore::with_max_bytes(50 * one()).with_clock(clock.clone());
    for n in 0..50 {
        assert_eq!(create(&store, n, if n == 7 { MINUTE } else { 10 * MINUTE }), Ok(Created::Created));
    }
    assert_eq!(create(&store, 50, MINUTE), Err(StoreErrorKind::Full));
    assert!((0..50).all(|n| alive(&store, n)), "nobody was put out to make room");
    assert!(!alive(&store, 50));
    // Writes to existing sessions go on, unless they make one larger.
    assert!(matches!(
        block_on(store.update(&selector(3), &Change::default())),
        Ok(Updated::Done { revision: 2 })
    ));
    let grows = block_on(store.update(&selector(3), &write(9))).unwrap_err();
    assert_eq!(grows.kind(), StoreErrorKind::Full);
    assert_eq!(block_on(store.load(&selector(3))).unwrap().unwrap().record.meta().revision, 2);
    // Expired sessions make room, in whichever shard they are.
    clock.advance(MINUTE);
    assert_eq!(create(&store, 51, MINUTE), Ok(Created::Created));
    assert_eq!(create(&store, 52, MINUTE), Err(StoreErrorKind::Full));
    block_on(store.delete(&selector(0), None)).unwrap();
    assert_eq!(create(&store, 52, MINUTE), Ok(Created::Created));
    assert_eq!((store.len(), store.bytes()), (50, 50 * one()));
}

/// A large session counts for more than a small one, and what it no longer holds is free again.
#[test]
fn the_limit_counts_bytes() {
    let store = MemoryStore::with_max_bytes(100 * one());
    create(&store, 0, MINUTE).unwrap();
    let large = 90 * one();
    assert!(matches!(block_on(store.update(&selector(0), &write(large))), Ok(Updated::Done { .. })));
    assert!((large..100 * one()).contains(&store.bytes()));
    assert_eq!((1..100).filter(|n| create(&store, *n, MINUTE).is_ok()).count(), 8);
    assert!(matches!(block_on(store.update(&selector(0), &write(1))), Ok(Updated::Done { .. })));
    assert!((100..200).filter(|n| create(&store, *n, MINUTE).is_ok()).count() > 80);
    for n in 0..200 {
        block_on(store.delete(&selector(n), None)).unwrap();
    }
    assert_eq!((store.len(), store.bytes()), (0, 0));
}

/// A session of `user`; the name of each has the same length.
fn signed_in(user: u32) -> NewRecord {
    let mut new = new_record(10 * MINUTE);
    new.principal = Some(Principal::from_store(&format!("shop.user={}", 1000 + user)));
    new.authenticated = true;
    new
}

/// Whoever begins sessions without signing in must not keep users from signing in.
#[test]
fn anonymous_sessions_make_room_for_a_user_and_a_user_for_nobody() {
    let of_user = {
        let store = MemoryStore::unbounded();
        block_on(store.create(&selector(0), &signed_in(0))).unwrap();
        store.bytes()
    };
    let store = MemoryStore::with_max_bytes(50 * of_user);
    let sign_in =
        |at: u32, n: u32| block_on(store.create(&selector(at), &signed_in(n))).map_err(|error| error.kind());
    let anonymous = (0..100).take_while(|n| create(&store, *n, 10 * MINUTE).is_ok()).count();
    assert!(anonymous >= 50);
    for n in 0..50 {
        let before = store.len();
        assert_eq!(sign_in(200 + n, n), Ok(Created::Created), "{n}");
        assert!(store.bytes() <= 50 * of_user);
        assert!(store.len() >= before - 1, "no more sessions end than must");
        // A sign-in that is not made ends nobody's session.
        let before = store.len();
        assert_eq!(sign_in(200 + n, n), Ok(Created::Exists));
        assert_eq!(store.len(), before);
    }
    assert_eq!(sign_in(300, 50), Err(StoreErrorKind::Full));
    assert!((200..250).all(|n| alive(&store, n)));
}

/// What a user stores is not refused because of visitors who have not signed in.
#[test]
fn anonymous_sessions_make_room_for_a_session_of_a_user_that_grows() {
    let store = MemoryStore::with_max_bytes(50 * one());
    block_on(store.create(&selector(100), &signed_in(0))).unwrap();
    block_on(store.create(&selector(101), &signed_in(1))).unwrap();
    let anonymous = (0..50).take_while(|n| create(&store, *n, MINUTE).is_ok()).count();
    assert!(matches!(block_on(store.update(&selector(100), &write(10 * one()))), Ok(Updated::Done { .. })));
    let left = (0..50).filter(|n| alive(&store, *n)).count();
    assert!((anonymous - 12..anonymous - 9).contains(&left), "{left} of {anonymous}");
    // Also for the session that a visitor signs in to, which is not ended for itself.
    let mut sign_in = write(10 * one());
    sign_in.principal = Some(signed_in(2).principal);
    assert!(
        matches!(block_on(store.update(&selector(0), &sign_in)), Ok(Updated::Done { .. }))
            || !alive(&store, 0)
    );
    // There is no room for this, whoever ends.
    let refused = block_on(store.update(&selector(100), &write(50 * one()))).unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Full);
    assert!(alive(&store, 100) && alive(&store, 101));
    assert!(store.bytes() <= 50 * one());
}

#[test]
fn expired_records_leave_memory_when_other_sessions_are_created() {
    let clock = ManualClock::at(BEGIN);
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    for n in 0..1000 {
        create(&store, n, MINUTE).unwrap();
    }
    clock.advance(MINUTE);
    assert_eq!(store.len(), 1000, "nobody has looked yet");
    for n in 0..32 {
        create(&store, 1000 + n * 256, MINUTE).unwrap();
    }
    assert_eq!(store.len(), 32);
}

#[test]
fn expired_records_leave_memory_when_other_sessions_are_only_written() {
    let clock = ManualClock::at(BEGIN);
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    create(&store, 0, 10 * MINUTE).unwrap();
    for n in 1..1000 {
        create(&store, n, MINUTE).unwrap();
    }
    clock.advance(MINUTE);
    for _ in 0..32 {
        assert!(matches!(block_on(store.update(&selector(0), &Change::default())), Ok(Updated::Done { .. })));
    }
    assert_eq!(store.len(), 1);
    assert!(alive(&store, 0));
}

/// spring-session #93.
#[test]
fn a_touched_record_is_not_swept_at_its_first_end() {
    let clock = ManualClock::at(BEGIN);
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    create(&store, 0, MINUTE).unwrap();
    clock.advance(MINUTE / 2);
    let mut touch = Change::default();
    touch.touch = true;
    assert!(matches!(block_on(store.update(&selector(0), &touch)), Ok(Updated::Done { .. })));
    clock.advance(MINUTE / 2);
    assert_eq!(store.sweep(), 0);
    assert!(alive(&store, 0));
    clock.advance(MINUTE / 2);
    assert_eq!(store.sweep(), 1);
    assert!(store.is_empty());
}

#[test]
fn a_record_whose_life_was_shortened_leaves_memory_at_its_new_end() {
    let clock = ManualClock::at(BEGIN);
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    create(&store, 0, 10 * MINUTE).unwrap();
    let mut shorten = Change::default();
    shorten.limits = Some(new_record(MINUTE).limits);
    assert!(matches!(block_on(store.update(&selector(0), &shorten)), Ok(Updated::Done { .. })));
    clock.advance(MINUTE);
    assert_eq!((store.sweep(), store.len()), (1, 0));
}

/// A clock that notes whether it is asked while the store is locked, by whether another thread gets at the record in the meantime.
#[derive(Clone, Debug, Default)]
struct Watching(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    store: Option<MemoryStore>,
    locked: Vec<bool>,
}

impl Clock for Watching {
    fn now(&self) -> Timestamp {
        // Taken out, so that the load below is not watched too.
        let taken = self.0.lock().unwrap().store.take();
        if let Some(store) = taken {
            let other = store.clone();
            let load = std::thread::spawn(move || alive(&other, 0));
            // A thread that is not locked out is done in microseconds; one that is locked out never is.
            let patience = std::time::Instant::now() + Duration::from_millis(200);
            while !load.is_finished() && std::time::Instant::now() < patience {
                std::thread::yield_now();
            }
            let mut watched = self.0.lock().unwrap();
            watched.locked.push(!load.is_finished());
            watched.store = Some(store);
        }
        BEGIN
    }
}

/// A writer that waited for the lock must not use the time at which it came: it would touch a session back to life that a reader has
/// already seen expired.
#[test]
fn a_write_uses_the_time_at_which_it_got_its_lock() {
    let clock = Watching::default();
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    create(&store, 0, MINUTE).unwrap();
    let last_was_locked = |write: &dyn Fn()| {
        clock.0.lock().unwrap().store = Some(store.clone());
        write();
        let mut watched = clock.0.lock().unwrap();
        watched.store = None;
        watched.locked.pop()
    };
    assert_eq!(
        last_was_locked(&|| assert!(block_on(store.update(&selector(0), &Change::default())).is_ok())),
        Some(true)
    );
    assert_eq!(last_was_locked(&|| assert_eq!(create(&store, 0, MINUTE), Ok(Created::Exists))), Some(true));
}

#[test]
fn clones_share_the_records() {
    let store = MemoryStore::with_max_bytes(one());
    create(&store.clone(), 0, MINUTE).unwrap();
    assert!(alive(&store, 0));
    assert_eq!(create(&store.clone(), 1, MINUTE), Err(StoreErrorKind::Full));
}

#[test]
fn many_threads_never_pass_the_limit() {
    let store = MemoryStore::with_max_bytes(100 * one());
    let created: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16u32)
            .map(|thread| {
                let store = store.clone();
                scope.spawn(move || {
                    let fits = |n: &u32| create(&store, *n, MINUTE) == Ok(Created::Created);
                    (thread * 100..thread * 100 + 100).filter(fits).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((created, store.len()), (100, 100));
    let alive = (0..1600).filter(|n| alive(&store, *n)).count();
    assert_eq!(alive, 100, "whoever was told `Created` is there");
}

#[test]
fn debug_shows_no_session() {
    let store = MemoryStore::with_max_bytes(5000);
    create(&store, 1, MINUTE).unwrap();
    let said = format!("MemoryStore {{ len: 1, bytes: {}, max_bytes: 5000, .. }}", one());
    assert_eq!(format!("{store:?}"), said);
}

/// While the many sessions of one user end, others sign in.
#[test]
fn delete_all_lets_others_in_between() {
    let store = MemoryStore::unbounded();
    let principal = |name: &str| Principal::new("shop.user", &Json::from_store(name));
    block_on(async {
        let seven = principal("7");
        let mut new = new_record(10 * MINUTE);
        new.principal = Some(seven.clone());
        for n in 0..2000 {
            store.create(&selector(n), &new).await.unwrap();
        }
        let mut all = std::pin::pin!(store.delete_all(&seven, None));
        let begun =
            std::future::poll_fn(|context| std::task::Poll::Ready(all.as_mut().poll(context).is_pending()));
        assert!(begun.await, "it ends some, and goes on later");
        assert!((1..2000).contains(&store.len()));
        new.principal = Some(principal("8"));
        assert_eq!(store.create(&selector(3000), &new).await.unwrap(), Created::Created);
        assert_eq!(all.await.unwrap(), 2000);
        assert_eq!(store.len(), 1);
    });
}

/// Counts how often it is asked: the store asks for the time whenever it looks at a record.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU64>);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millis(BEGIN.as_millis() + asked)
    }
}

#[test]
fn a_sign_in_looks_only_at_the_sessions_that_must_go() {
    let clock = Counting::default();
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    let most = |most, when_full| Some(MaxSessions::new(NonZeroU32::new(most).unwrap(), when_full));
    let mut new = signed_in(7);
    new.limits = Limits::new(Duration::from_hours(24), Duration::from_hours(24));
    for n in 0..5_000 {
        block_on(store.create(&selector(n), &new)).unwrap();
    }
    let looked = |new: &NewRecord, n, answer| {
        let before = clock.0.load(Ordering::SeqCst);
        assert_eq!(block_on(store.create(&selector(n), new)).unwrap(), answer);
        clock.0.load(Ordering::SeqCst) - before
    };
    for (maximum, answer) in [
        (most(5_000, WhenFull::RejectNew), Created::TooMany),
        (most(20, WhenFull::RejectNew), Created::TooMany),
        (most(5_000, WhenFull::EvictOldest), Created::Created),
    ] {
        new.max_sessions = maximum;
        let looked = looked(&new, 5_000, answer);
        assert!(looked < 20, "{looked} times for {maximum:?}");
    }
    assert!(!alive(&store, 0) && alive(&store, 1), "the oldest has ended");
    // Who signs in again is not the oldest any more.
    let mut again = Change::default();
    again.authenticated = true;
    block_on(store.update(&selector(1), &again)).unwrap();
    new.max_sessions = most(5_000, WhenFull::EvictOldest);
    assert!(looked(&new, 5_001, Created::Created) < 20);
    assert!(alive(&store, 1) && !alive(&store, 2));
}

#[test]
fn the_sessions_that_are_too_many_end_some_at_a_time() {
    let store = MemoryStore::unbounded();
    let mut new = signed_in(7);
    for n in 0..2_000 {
        block_on(store.create(&selector(n), &new)).unwrap();
    }
    new.max_sessions = Some(MaxSessions::new(NonZeroU32::new(3).unwrap(), WhenFull::EvictOldest));
    block_on(async {
        let signs_in = selector(2_000);
        let mut signing_in = std::pin::pin!(store.create(&signs_in, &new));
        let begun = std::future::poll_fn(|context| {
            std::task::Poll::Ready(signing_in.as_mut().poll(context).is_pending())
        });
        assert!(begun.await, "it ends some, and goes on later");
        assert!((1_000..2_000).contains(&store.len()));
        assert_eq!(signing_in.await.unwrap(), Created::Created);
        assert_eq!(store.len(), 3);
    });
    create(&store, 3_000, MINUTE).unwrap();
    for n in 0..2_000 {
        block_on(store.create(&selector(n), &signed_in(7))).unwrap();
    }
    let mut change = Change::default();
    (change.principal, change.authenticated) = (Some(signed_in(7).principal), true);
    change.max_sessions = new.max_sessions;
    assert!(matches!(block_on(store.update(&selector(3_000), &change)).unwrap(), Updated::Done { .. }));
    assert_eq!(store.len(), 3);
    assert!(alive(&store, 3_000));
}
