//! What a request costs in process, beside actix-session, with sessions in memory.
//!
//! In: nothing. Out: the cases, to be timed here or counted by `instructions`. Never a socket.

mod case;
mod memory;
#[cfg(feature = "servers")]
pub(crate) mod times;

use std::sync::Arc;

use actix_typed_session::{Key, KeyError, SessionMiddleware, store::MemoryStore};
use actix_web::{App, cookie};

pub(crate) use self::case::Case;
use self::{case::app, memory::Memory};
use crate::{
    requests::{ours, store::Measured, theirs},
    size::{SIZES, Size, USUAL},
};

/// The cases of the usual size, then those of the others.
pub(crate) async fn cases() -> Result<Vec<Case>, KeyError> {
    let mut cases = of(USUAL, true).await?;
    cases.extend(mixed().await?);
    for size in SIZES.into_iter().filter(|size| *size != USUAL) {
        cases.extend(of(size, false).await?);
    }
    Ok(cases)
}

async fn of(size: Size, all: bool) -> Result<Vec<Case>, KeyError> {
    let (sessions, their_key) = (sessions(size)?, cookie::Key::generate());
    let routes = ours::routes(size);
    let our_app = app(App::new().wrap(sessions).configure(|config| routes(config, size.bytes))).await;
    let their_sessions = actix_session::SessionMiddleware::new(Memory::default(), their_key);
    let their_app =
        app(App::new().wrap(their_sessions).configure(|config| theirs::routes(config, size))).await;
    let bare_app = app(App::new().configure(ours::bare)).await;
    let (our_cookie, their_cookie) = (our_app.cookie("/fill").await, their_app.cookie("/fill").await);
    let length = size.bytes.to_string();
    let kinds = [
        ("untouched", "/untouched", "untouched"),
        ("extractor", "/extractor", "extracted"),
        ("read", "/read", length.as_str()),
        ("set", "/set", "set"),
        ("update", "/update", "updated"),
        ("create", "/create", "created"),
    ];
    let mut cases = Vec::new();
    for (kind, path, answer) in kinds {
        if !all && !matches!(kind, "read" | "set" | "update") {
            continue;
        }
        let (our_cookie, their_cookie) =
            if kind == "create" { ("", "") } else { (our_cookie.as_str(), their_cookie.as_str()) };
        cases.push(Case {
            has_cookie: kind != "create",
            name: if all { kind.to_owned() } else { format!("{kind} {size}") },
            bare: bare_app.requests("/untouched", our_cookie, "untouched").await,
            ours: our_app.requests(path, our_cookie, answer).await,
            theirs: their_app.requests(path, their_cookie, answer).await,
        });
    }
    Ok(cases)
}

async fn mixed() -> Result<Vec<Case>, KeyError> {
    let our_app = app(App::new().wrap(sessions(USUAL)?).configure(ours::mixed)).await;
    let their_sessions = actix_session::SessionMiddleware::new(Memory::default(), cookie::Key::generate());
    let their_app = app(App::new().wrap(their_sessions).configure(theirs::mixed)).await;
    let bare_app = app(App::new().configure(ours::bare)).await;
    let (our_cookie, their_cookie) = (our_app.cookie("/fill").await, their_app.cookie("/fill").await);
    let mut cases = Vec::new();
    for (name, path, answer) in
        [("read mixed", "/read", "2"), ("set mixed", "/set", "set"), ("update mixed", "/update", "updated")]
    {
        cases.push(Case {
            name: name.to_owned(),
            has_cookie: true,
            bare: bare_app.requests("/untouched", &our_cookie, "untouched").await,
            ours: our_app.requests(path, &our_cookie, answer).await,
            theirs: their_app.requests(path, &their_cookie, answer).await,
        });
    }
    Ok(cases)
}

fn sessions(size: Size) -> Result<SessionMiddleware, KeyError> {
    let store = Measured { store: MemoryStore::unbounded(), size, calls: Arc::default() };
    Ok(SessionMiddleware::new(store, Key::generate()?))
}
