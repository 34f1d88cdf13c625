//! A million forged cookies: no session begins, memory stays as it is, the log gets a few lines, and the count is exact.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix_typed_session::Event;

use super::{
    alone::alone,
    kit::{EMPTY, World},
    logged::Logged,
};

const COOKIES: u64 = 1_000_000;

/// As many as are examined of one request.
const EACH: u64 = 64;

/// The memory of this process, in bytes.
fn memory() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A cookie like `cookie` with another verifier, and the tag of `cookie`: the best that an attacker without the key can make.
fn forged(cookie: &str, nth: u64) -> String {
    let (before, after) = cookie.split_at(cookie.rfind('.').unwrap() - 43);
    format!("{before}{nth:010}{}", &after[10..])
}

/// OWASP ASVS 5.0 16.3.3; CVE-2015-5143.
#[actix_web::test]
async fn a_million_forged_cookies_leave_no_trace_but_a_number() {
    if !alone("flow::forged::a_million_forged_cookies_leave_no_trace_but_a_number") {
        return;
    }
    let (tampered, others) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (count, rest) = (tampered.clone(), others.clone());
    let world = World::with(|builder| {
        builder.observer(move |event: &Event<'_>| match event {
            Event::Tampered { count: more } => drop(count.fetch_add(*more, Ordering::Relaxed)),
            _ => drop(rest.fetch_add(1, Ordering::Relaxed)),
        })
    })
    .await;
    let cookie = world.browser_after("v1").await.cookie().unwrap();
    others.store(0, Ordering::Relaxed);
    let (logged, _guard) = Logged::here();
    let (since, mut before) = (Instant::now(), 0);
    for request in 0..COOKIES / EACH {
        let cookies: Vec<String> = (0..EACH).map(|nth| forged(&cookie, request * EACH + nth)).collect();
        let answer = world.request("/do/", Some(&cookies.join("; "))).await;
        assert_eq!((answer.status, answer.body.as_str(), answer.set_cookie()), (200, EMPTY, None));
        if request == 1000 {
            before = memory();
        }
    }
    assert_eq!(tampered.load(Ordering::Relaxed), COOKIES);
    assert_eq!(others.load(Ordering::Relaxed), 0, "nothing else has happened");
    assert_eq!((world.store.asked().as_str(), world.store.len()), ("", 1));
    // The flood of cookies is told beside the forgery of them.
    let most = 2 * (6 + usize::try_from(since.elapsed().as_secs()).unwrap());
    let lines = logged.text().lines().count();
    assert!((1..=most).contains(&lines), "{lines} lines");
    let grown = memory().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}
