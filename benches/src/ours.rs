//! The cases of this library, on its memory store.

use std::cell::Cell;

use actix_typed_session::{Key, Session, SessionMiddleware, TypedSession, store::MemoryStore};
use actix_web::{App, web};

use crate::{
    case::{Case, case, cookie_from},
    states::{Mixed, Small, TEXTS, Texts},
};

thread_local! {
    static WRITES: Cell<u32> = const { Cell::new(0) };
}

/// A number that differs each time, so that every write changes something.
pub(crate) fn next() -> u32 {
    WRITES.set(WRITES.get().wrapping_add(1));
    WRITES.get()
}

/// A text that differs from the one before.
pub(crate) fn text() -> String {
    TEXTS[usize::from(next().is_multiple_of(2))].to_owned()
}

pub(crate) async fn cases() -> Result<Vec<Case>, actix_typed_session::KeyError> {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate()?);
    macro_rules! app {
        ($handler:expr) => {
            App::new().wrap(sessions.clone()).route("/", web::get().to($handler))
        };
    }
    let texts = cookie_from(app!(async |mut session: TypedSession<Texts>| {
        Texts::fill(&mut session);
        "filled"
    }))
    .await;
    let mixed = cookie_from(app!(async |mut session: TypedSession<Mixed>| {
        Mixed::fill(&mut session);
        "filled"
    }))
    .await;
    let (texts, mixed) = (Some(texts.as_str()), Some(mixed.as_str()));
    let bare = || App::new().route("/", web::get().to(async || "bare"));
    Ok(vec![
        case("bare", "bare", bare(), texts).await,
        case("bare, no cookie", "bare, no cookie", bare(), None).await,
        case("untouched", "bare", app!(async || "bare"), texts).await,
        case("extractor", "bare", app!(async |_: Session| "bare"), texts).await,
        case("read", "bare", app!(async |s: TypedSession<Texts>| s.f07().len().to_string()), texts).await,
        case(
            "set",
            "bare",
            app!(async |mut s: TypedSession<Texts>| {
                s.set_f07(text());
                "set"
            }),
            texts,
        )
        .await,
        case(
            "update",
            "bare",
            app!(async |mut s: TypedSession<Texts>| {
                let new = text();
                s.update_f07(move |f07| f07.clone_from(&new));
                "updated"
            }),
            texts,
        )
        .await,
        case("read mixed", "bare", app!(async |s: TypedSession<Mixed>| s.visits().to_string()), mixed).await,
        case(
            "set mixed",
            "bare",
            app!(async |mut s: TypedSession<Mixed>| {
                s.set_visits(next());
                "set"
            }),
            mixed,
        )
        .await,
        case(
            "update mixed",
            "bare",
            app!(async |mut s: TypedSession<Mixed>| {
                s.update_visits(|visits| *visits = visits.wrapping_add(1));
                "updated"
            }),
            mixed,
        )
        .await,
        case(
            "create",
            "bare, no cookie",
            app!(async |mut s: TypedSession<Small>| {
                s.set_n(next());
                "created"
            }),
            None,
        )
        .await,
    ])
}
