//! What the list of one user's sessions costs when there are many.

use std::{error::Error, future::Future, time::Instant};

use actix_typed_session::{
    change::NewRecord,
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{self, AnyStore, PrincipalIndex, SessionStore},
};

/// How many sessions begin at the same time.
const TOGETHER: u32 = 64;

/// What a page shows.
const PAGE: u32 = 50;

/// The store at `url` must be empty; it is filled with `sessions` sessions of one user first.
pub(crate) async fn run(url: &str, sessions: u32) -> Result<(), Box<dyn Error>> {
    let store = store::open(url).await?;
    let principal = Principal::new("shop.user", &Json::from_store("1"));
    let writers = (0..TOGETHER).map(|first| {
        let (store, principal) = (store.clone(), principal.clone());
        actix_web::rt::spawn(async move {
            for n in (first..sessions).step_by(TOGETHER as usize) {
                sign_in(&store, &principal, n).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await?;
    }

    println!(
        "one user with {sessions} sessions; milliseconds\n\n| {:24} | {:>9} |\n|{:-<26}|{:->11}|",
        "", "", "", ""
    );
    let all = timed("list", store.sessions_of(&principal)).await?;
    assert_eq!(all.len(), sessions as usize);
    timed("count", store.count_of(&principal)).await?;
    let (mut after, mut slowest, mut seen) = (None, 0.0_f64, 0);
    timed("the first page of 50", store.sessions_page(&principal, None, PAGE)).await?;
    loop {
        let begun = Instant::now();
        let page = store.sessions_page(&principal, after.as_ref(), PAGE).await?;
        slowest = slowest.max(milliseconds(begun));
        seen += page.sessions.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, sessions as usize);
    print("the slowest of all pages", slowest);
    let ended = timed("delete_all", store.delete_all(&principal, None)).await?;
    assert_eq!(ended, u64::from(sessions));
    Ok(())
}

async fn sign_in(store: &AnyStore, principal: &Principal, n: u32) {
    let day = std::time::Duration::from_hours(24);
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(day, day));
    (new.principal, new.authenticated) = (Some(principal.clone()), true);
    let mut bytes = [7; 16];
    // Like random selectors, these do not come in their order.
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_le_bytes());
    let created = store.create(&Selector::from_bytes(bytes), &new).await;
    assert!(created.is_ok(), "{created:?}");
}

async fn timed<T, E>(name: &str, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begun = Instant::now();
    let answer = call.await?;
    print(name, milliseconds(begun));
    Ok(answer)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn print(name: &str, milliseconds: f64) {
    println!("| {name:24} | {milliseconds:9.1} |");
}
