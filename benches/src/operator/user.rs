//! One user with very many sessions.

use std::{error::Error, time::Instant};

use actix_typed_session::{
    change::{MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{AnyStore, PrincipalIndex, SessionStore, StoreError},
};

use super::{milliseconds, watch::Watch};
use crate::report::table;

/// How many sessions begin at the same time.
const TOGETHER: u32 = 64;

/// What a page shows.
const PAGE: u32 = 50;

/// How often what is short is repeated; the slowest counts.
const TIMES: u32 = 10;

pub(super) const WORDS: &str = "\
## One user with {many} sessions

Milliseconds. Of what was called several times, the slowest call. *Others* is the longest load or write of another user's session in the meantime.
A list of all sessions and the end of all of them take as long as there are sessions; what matters there is what others notice.

";

/// What one store took, in milliseconds.
pub(super) struct Row {
    store: &'static str,
    count: f64,
    first_page: f64,
    any_page: f64,
    limited_sign_in: f64,
    list: f64,
    others_at_list: f64,
    end: f64,
    others_at_end: f64,
}

impl Row {
    pub(super) fn table(rows: &[Self]) -> String {
        let head = [
            "Store",
            "count",
            "first page of 50",
            "slowest page",
            "sign-in with a maximum",
            "list of all",
            "others",
            "end of all",
            "others",
        ];
        let cells = |row: &Self| {
            let figures = [
                row.count,
                row.first_page,
                row.any_page,
                row.limited_sign_in,
                row.list,
                row.others_at_list,
                row.end,
                row.others_at_end,
            ];
            let figures = figures.map(|figure| format!("{figure:.1}"));
            [row.store.to_owned()].into_iter().chain(figures).collect()
        };
        table(&head, 1, &rows.iter().map(cells).collect::<Vec<_>>())
    }
}

pub(super) fn principal(user: &str) -> Principal {
    Principal::new("shop.user", &Json::from_store(user))
}

/// A session of a user who signs in now.
pub(super) fn signed_in(user: &str, max: Option<MaxSessions>) -> NewRecord {
    let day = std::time::Duration::from_hours(24);
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(day, day));
    (new.principal, new.authenticated, new.max_sessions) = (Some(principal(user)), true, max);
    new
}

pub(super) fn selector(n: u32) -> Selector {
    let mut bytes = [7; 16];
    // Like random selectors, these do not come in their order.
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_le_bytes());
    Selector::from_bytes(bytes)
}

/// Lets one user sign in so often.
pub(super) async fn fill(store: &AnyStore, sessions: u32) -> Result<(), Box<dyn Error>> {
    let writers = (0..TOGETHER).map(|first| {
        let store = store.clone();
        actix_web::rt::spawn(async move {
            let new = signed_in("1", None);
            for n in (first..sessions).step_by(TOGETHER as usize) {
                store.create(&selector(n), &new).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await??;
    }
    Ok(())
}

/// The store must have been filled with so many sessions.
pub(super) async fn measure(
    name: &'static str,
    store: &AnyStore,
    sessions: u32,
) -> Result<Row, Box<dyn Error>> {
    let user = principal("1");
    let (mut count, mut first_page, mut any_page, mut limited_sign_in) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..TIMES {
        let begun = Instant::now();
        let counted = store.count_of(&user).await?;
        count = count.max(milliseconds(begun));
        assert_eq!(counted, u64::from(sessions));
        let begun = Instant::now();
        store.sessions_page(&user, None, PAGE).await?;
        first_page = first_page.max(milliseconds(begun));
    }
    let (mut after, mut seen) = (None, 0);
    loop {
        let begun = Instant::now();
        let page = store.sessions_page(&user, after.as_ref(), PAGE).await?;
        any_page = any_page.max(milliseconds(begun));
        seen += page.sessions.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, sessions as usize);
    // One that is refused, so that the sessions stay: it has to find out how many there are.
    let max = MaxSessions::new(sessions.try_into()?, WhenFull::RejectNew);
    for _ in 0..3 {
        let begun = Instant::now();
        store.create(&selector(sessions), &signed_in("1", Some(max))).await?;
        limited_sign_in = limited_sign_in.max(milliseconds(begun));
    }

    let (watch, begun) = (Watch::begin(store), Instant::now());
    let listed = store.sessions_of(&user).await?;
    let (list, others_at_list) = (milliseconds(begun), watch.end()?);
    assert_eq!(listed.len(), sessions as usize);
    let (watch, begun) = (Watch::begin(store), Instant::now());
    let ended = store.delete_all(&user, None).await?;
    let (end, others_at_end) = (milliseconds(begun), watch.end()?);
    assert_eq!(ended, u64::from(sessions));
    Ok(Row {
        store: name,
        count,
        first_page,
        any_page,
        limited_sign_in,
        list,
        others_at_list,
        end,
        others_at_end,
    })
}
