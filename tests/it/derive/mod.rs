//! The derive as a user sees it: the generated items and their names, and the places where they compile.

use actix_typed_session::{Key, SessionMiddleware, SessionState, TypedSession, store::MemoryStore};
use actix_web::dev::Service as _;
use actix_web::{App, test, web};
use tokio::sync::mpsc;

mod crate_path;
mod getters;
mod lints;
mod names;
mod places;
mod raw_idents;
mod session_module;
mod setters;
mod shadowed_prelude;
mod spec;
mod stored;
mod values;
mod visibility;

/// Returns the handle of a new session, as a handler has it. The handler passes it out and never answers.
async fn fresh<T: SessionState>() -> TypedSession<T> {
    let (give, mut take) = mpsc::unbounded_channel();
    let handler = move |handle: TypedSession<T>| {
        give.send(handle).ok();
        std::future::pending::<&'static str>()
    };
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap());
    let app = test::init_service(App::new().wrap(sessions).default_service(web::to(handler))).await;
    tokio::select! {
        _ = app.call(test::TestRequest::default().to_request()) => panic!("the handler has answered"),
        handle = take.recv() => handle.unwrap(),
    }
}

/// The exact type of a value. An assignment would accept a `&Vec<u8>` as a `&[u8]`.
fn type_of<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}
