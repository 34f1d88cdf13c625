//! The handlers for actix-session, the same in process and over HTTP, where another package serves them.

use actix_session::Session;
use actix_web::{
    Error, Result,
    web::{self, ServiceConfig},
};

use super::mixed::{Line, Theme};
use crate::size::{Size, next, text};

/// The routes for a session of this size.
pub(crate) fn routes(app: &mut ServiceConfig, size: Size) {
    let Size { fields, bytes } = size;
    let fill = move |session: Session| async move {
        for field in 1..=fields {
            session.insert(format!("f{field}"), text(bytes))?;
        }
        Ok::<_, Error>("filled")
    };
    let update = move |session: Session| async move {
        let mut f4 = session.get::<String>("f4")?.unwrap_or_default();
        f4.clone_from(&text(bytes));
        session.insert("f4", f4)?;
        Ok::<_, Error>("updated")
    };
    app.route("/untouched", web::get().to(async || "untouched"))
        .route("/extractor", web::get().to(async |_: Session| "extracted"))
        .route("/read", web::get().to(read))
        .route(
            "/set",
            web::get()
                .to(move |session: Session| async move { session.insert("f4", text(bytes)).map(|()| "set") }),
        )
        .route("/update", web::get().to(update))
        .route("/fill", web::get().to(fill))
        .route(
            "/create",
            web::get().to(async |session: Session| session.insert("n", next()).map(|()| "created")),
        )
        .route("/add", web::get().to(add))
        .route("/sum", web::get().to(sum));
}

async fn read(session: Session) -> Result<String> {
    Ok(session.get::<String>("f4")?.unwrap_or_default().len().to_string())
}

async fn add(session: Session) -> Result<&'static str> {
    let n = session.get::<u32>("n")?.unwrap_or_default();
    session.insert("n", n + 1)?;
    Ok("added")
}

async fn sum(session: Session) -> Result<String> {
    Ok(session.get::<u32>("n")?.unwrap_or_default().to_string())
}

macro_rules! insert {
    ($($(#[$_option:meta])* $field:ident: $type:ty = $value:expr,)*) => {
        async fn fill_mixed(session: Session) -> Result<&'static str> {
            $(let value: $type = $value; session.insert(stringify!($field), value)?;)*
            Ok("filled")
        }
    };
}
super::mixed::fields!(insert);

/// The routes for a session of fields of several types.
#[allow(dead_code)] // in process only
pub(crate) fn mixed(app: &mut ServiceConfig) {
    let read = async |session: Session| {
        Ok::<_, Error>(session.get::<u32>("visits")?.unwrap_or_default().to_string().len().to_string())
    };
    let update = async |session: Session| {
        let visits = session.get::<u32>("visits")?.unwrap_or_default();
        session.insert("visits", visits.wrapping_add(1))?;
        Ok::<_, Error>("updated")
    };
    app.route("/read", web::get().to(read))
        .route(
            "/set",
            web::get().to(async |session: Session| session.insert("visits", next()).map(|()| "set")),
        )
        .route("/update", web::get().to(update))
        .route("/fill", web::get().to(fill_mixed));
}
