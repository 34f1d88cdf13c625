//! The handlers of this library, the same in process and over HTTP.

use actix_typed_session::{Session, TypedSession};
use actix_web::web::{self, ServiceConfig};

use super::states::{Mixed, Of5, Of20, Small, Texts};
use crate::size::{MOST_IN_STATE, Size, next, text};

/// The routes for a session of this size. Panics about a size that has no state.
pub(crate) fn routes(size: Size) -> fn(&mut ServiceConfig, usize) {
    match size.fields.min(MOST_IN_STATE) {
        5 => of::<Of5>,
        20 => of::<Of20>,
        fields => unreachable!("build.rs writes no state of {fields} fields"),
    }
}

fn of<S: Texts>(app: &mut ServiceConfig, bytes: usize) {
    let fill = move |mut session: TypedSession<S>| async move {
        S::fill(&mut session, bytes);
        "filled"
    };
    let set = move |mut session: TypedSession<S>| async move {
        S::set(&mut session, text(bytes));
        "set"
    };
    let update = move |mut session: TypedSession<S>| async move {
        S::update(&mut session, text(bytes));
        "updated"
    };
    app.route("/untouched", web::get().to(async || "untouched"))
        .route("/extractor", web::get().to(async |_: Session| "extracted"))
        .route("/read", web::get().to(async |session: TypedSession<S>| S::text(&session).len().to_string()))
        .route("/set", web::get().to(set))
        .route("/update", web::get().to(update))
        .route("/fill", web::get().to(fill))
        .route("/create", web::get().to(create))
        .route("/add", web::get().to(add))
        .route("/sum", web::get().to(async |session: TypedSession<Small>| session.n().to_string()));
}

async fn create(mut session: TypedSession<Small>) -> &'static str {
    session.set_n(next());
    "created"
}

async fn add(mut session: TypedSession<Small>) -> &'static str {
    session.update_n(|n| *n += 1);
    "added"
}

/// The routes for a session of fields of several types.
pub(crate) fn mixed(app: &mut ServiceConfig) {
    let fill = async |mut session: TypedSession<Mixed>| {
        Mixed::fill(&mut session);
        "filled"
    };
    let set = async |mut session: TypedSession<Mixed>| {
        session.set_visits(next());
        "set"
    };
    let update = async |mut session: TypedSession<Mixed>| {
        session.update_visits(|visits| *visits = visits.wrapping_add(1));
        "updated"
    };
    app.route(
        "/read",
        web::get().to(async |session: TypedSession<Mixed>| session.visits().to_string().len().to_string()),
    )
    .route("/set", web::get().to(set))
    .route("/update", web::get().to(update))
    .route("/fill", web::get().to(fill));
}

/// The same routes without a session: what a request costs by itself.
pub(crate) fn bare(app: &mut ServiceConfig) {
    app.route("/untouched", web::get().to(async || "untouched"));
}
