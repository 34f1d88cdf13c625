//! The derive from outside: what is generated, under which names, and where it compiles.

use actix_typed_session::{SessionState, TypedSession};

mod crate_path;
mod getters;
mod lints;
mod places;
mod raw_idents;
mod session_module;
mod setters;
mod shadowed_prelude;
mod spec;
mod visibility;

/// The handle of a new session.
async fn fresh<T: SessionState>() -> TypedSession<T> {
    use actix_web::FromRequest as _;
    TypedSession::<T>::extract(&actix_web::test::TestRequest::default().to_http_request()).await.unwrap()
}

/// The exact type of a value: an assignment would let `&Vec<u8>` pass for `&[u8]`.
fn type_of<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}
