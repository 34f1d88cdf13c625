//! One user with very many sessions.

use std::{error::Error, time::Instant};

use actix_typed_session::{
    change::{MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{AnyStore, Created, PrincipalIndex, SessionStore, StoreError},
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

Milliseconds. Of what was called several times, the slowest call. *Others* is the longest load, write or sign-in of another user in the meantime.
A list of all sessions and the end of all of them take as long as there are sessions; what matters there is what others notice. A sign-in is
refused at a maximum that has been reached, or ends the oldest session; the first one after a maximum is set ends all that are too many.

";

/// A maximum of sessions as an application may have it.
const SOME: u32 = 100;

/// What one store took, in milliseconds.
pub(super) struct Row {
    store: &'static str,
    count: f64,
    first_page: f64,
    any_page: f64,
    refused: f64,
    evicting: f64,
    refused_at_all: f64,
    list: f64,
    others_at_list: f64,
    first_limited: f64,
    others_at_first_limited: f64,
    end: f64,
    others_at_end: f64,
}

impl Row {
    pub(super) const fn store(&self) -> &'static str {
        self.store
    }

    /// The slowest page.
    pub(super) const fn page(&self) -> f64 {
        self.first_page.max(self.any_page)
    }

    pub(super) const fn count(&self) -> f64 {
        self.count
    }

    /// The slowest sign-in with a maximum of 100, once there are no more.
    pub(super) const fn limited_sign_in(&self) -> f64 {
        self.refused.max(self.evicting)
    }

    /// The longest that others waited for anything.
    pub(super) const fn others(&self) -> f64 {
        self.others_at_list.max(self.others_at_first_limited).max(self.others_at_end)
    }

    pub(super) fn table(rows: &[Self], many: u32) -> String {
        let head = [
            "Store",
            "count",
            "first page of 50",
            "slowest page",
            "sign-in refused at 100",
            "sign-in at 100 that ends one",
            "sign-in refused at {many}",
            "list of all",
            "others",
            "first sign-in with a maximum of 100",
            "others",
            "end of all",
            "others",
        ];
        let cells = |row: &Self| {
            let figures = [
                row.count,
                row.first_page,
                row.any_page,
                row.refused,
                row.evicting,
                row.refused_at_all,
                row.list,
                row.others_at_list,
                row.first_limited,
                row.others_at_first_limited,
                row.end,
                row.others_at_end,
            ];
            let figures = figures.map(|figure| format!("{figure:.1}"));
            [row.store.to_owned()].into_iter().chain(figures).collect()
        };
        let head = head.map(|words| words.replace("{many}", &many.to_string()));
        table(&head.each_ref().map(String::as_str), 1, &rows.iter().map(cells).collect::<Vec<_>>())
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

/// The slowest of ten sign-ins with a maximum, with selectors from `first` on, of which all or none are made.
async fn sign_ins(
    store: &AnyStore,
    first: u32,
    most: u32,
    when_full: WhenFull,
) -> Result<f64, Box<dyn Error>> {
    let max = MaxSessions::new(most.try_into()?, when_full);
    let answer = if when_full == WhenFull::RejectNew { Created::TooMany } else { Created::Created };
    let mut slowest = 0.0_f64;
    for n in first..first + TIMES {
        let begun = Instant::now();
        assert_eq!(store.create(&selector(n), &signed_in("1", Some(max))).await?, answer);
        slowest = slowest.max(milliseconds(begun));
    }
    Ok(slowest)
}

/// The store must have been filled with so many sessions.
pub(super) async fn measure(
    name: &'static str,
    store: &AnyStore,
    sessions: u32,
) -> Result<Row, Box<dyn Error>> {
    let user = principal("1");
    let (mut count, mut first_page, mut any_page) = (0.0_f64, 0.0_f64, 0.0_f64);
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
    let refused = sign_ins(store, sessions, SOME, WhenFull::RejectNew).await?;
    let refused_at_all = sign_ins(store, sessions, sessions, WhenFull::RejectNew).await?;

    let (watch, begun) = (Watch::begin(store), Instant::now());
    let listed = store.sessions_of(&user).await?;
    let (list, others_at_list) = (milliseconds(begun), watch.end()?);
    assert_eq!(listed.len(), sessions as usize);
    drop(listed);
    let (watch, begun) = (Watch::begin(store), Instant::now());
    let max = MaxSessions::new(SOME.try_into()?, WhenFull::EvictOldest);
    store.create(&selector(sessions), &signed_in("1", Some(max))).await?;
    let (first_limited, others_at_first_limited) = (milliseconds(begun), watch.end()?);
    assert_eq!(store.count_of(&user).await?, u64::from(SOME));
    let evicting = sign_ins(store, sessions + 1, SOME, WhenFull::EvictOldest).await?;
    assert_eq!(store.delete_all(&user, None).await?, u64::from(SOME));
    fill(store, sessions).await?;
    let (watch, begun) = (Watch::begin(store), Instant::now());
    let ended = store.delete_all(&user, None).await?;
    let (end, others_at_end) = (milliseconds(begun), watch.end()?);
    assert_eq!(ended, u64::from(sessions));
    Ok(Row {
        store: name,
        count,
        first_page,
        any_page,
        refused,
        evicting,
        refused_at_all,
        list,
        others_at_list,
        first_limited,
        others_at_first_limited,
        end,
        others_at_end,
    })
}
