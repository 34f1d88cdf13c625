//! Typed sessions for actix-web: a struct describes what a session holds, and handlers read and write its fields.
//!
//! ```
//! use actix_typed_session::{
//!     Key, Session, SessionMiddleware, SessionState, TypedSession, store::MemoryStore,
//! };
//! use actix_web::{App, web};
//! # use actix_web::{http::header, test};
//!
//! #[derive(SessionState)]
//! #[session(name = "shop", version = 1)]
//! struct Shop {
//!     /// The user who is signed in.
//!     #[session(principal)]
//!     user: Option<u64>,
//!     #[session(default)]
//!     cart: Vec<u32>,
//! }
//!
//! async fn add(mut shop: TypedSession<Shop>, sku: web::Path<u32>) -> String {
//!     let sku = sku.into_inner();
//!     // Counts exactly once, even when requests overlap.
//!     shop.update_cart(move |cart| cart.push(sku));
//!     format!("{:?}", shop.cart())
//! }
//!
//! async fn sign_in(mut shop: TypedSession<Shop>) -> &'static str {
//!     shop.set_user(42); // renews the session's id
//!     "welcome"
//! }
//!
//! async fn sign_out(session: Session) -> &'static str {
//!     session.purge(); // final: no request in flight brings the session back
//!     "bye"
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::with_max_bytes(256 << 20);
//! let sessions = SessionMiddleware::new(store, Key::generate()?);
//! let app = App::new()
//!     .wrap(sessions)
//!     .route("/add/{sku}", web::post().to(add))
//!     .route("/sign-in", web::post().to(sign_in))
//!     .route("/sign-out", web::post().to(sign_out));
//! #
//! # let app = test::init_service(app).await;
//! # let first = test::call_service(&app, test::TestRequest::post().uri("/add/11").to_request()).await;
//! # let cookie = first.headers().get(header::SET_COOKIE).cloned().ok_or("no session began")?;
//! # let again = test::TestRequest::post().uri("/add/12").insert_header((header::COOKIE, cookie));
//! # assert_eq!(test::call_and_read_body(&app, again.to_request()).await, "[11, 12]");
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] shows how to do one thing at a time, from a first handler to production.
//!
//! # Where things are
//!
//! | To | see |
//! |---|---|
//! | describe what a session holds | [`SessionState`](derive@SessionState), the derive, and its options |
//! | read and write fields in a handler | [`TypedSession`] |
//! | renew, purge or save a session, or ask for its age | [`Session`] |
//! | let only users in who are signed in | [`SignedIn`], [`signed_in()`], [`signed_in_to`], [`Session::signed_in_within`] |
//! | set up the middleware | [`SessionMiddleware`], [`SessionMiddlewareBuilder`], [`Key`] |
//! | reach the session in a guard or a middleware | [`SessionExt`] |
//! | protect forms against other sites | [`trusted_origin`](SessionMiddlewareBuilder::trusted_origin), which needs no code, [`CsrfForm`] and [`CsrfHeader`] |
//! | handle errors | [`ErrorKind`] |
//! | be told of sign-ins, ends and failures, and count them | [`Event`], [`Observer`], feature `metrics` |
//! | list and end the sessions of a user | [`Session::sessions`], [`Session::revoke`], [`max_sessions_per_user`](SessionMiddlewareBuilder::max_sessions_per_user), [`store::PrincipalIndex`] |
//! | check a schema change against stored sessions | [`census()`], [`Schemas`] |
//! | keep sessions in their cookies, without a store | [`SealedCookie`] |
//! | come from actix-session without signing anybody out | [`import`] (feature `actix-session-import`) |
//! | support users: find, show, count and end sessions | [`admin`] |
//! | choose a store | [`store`], [`store::open`], [`store::from_env`] |
//! | test an application | [`testing`] (feature `testing`) |
//! | write a store | [`store::SessionStore`], [`record::Record::apply`], [`change`], and [`store::conformance`] (feature `testing`) |
//!
//! # How a request flows
//!
//! ```text
//! request                                                                             handler
//! Cookie: ─▶ cookie ─▶ id ─▶ store.load ─▶ record ─▶ state ─▶ TypedSession<T> ─▶ getters
//!                                                                   │ setters, update(closure)
//! Set-Cookie: ◀─ cookie ◀─ commit (pure: decides) ◀───────────────── patch
//!                             └─▶ store.{create, update, delete}
//! ```
//!
//! Nothing is loaded until a handler takes a `TypedSession<T>` or a [`Session`]. Then the tag of the cookie is checked and the record
//! is loaded, once per request. Setters and closures are recorded as operations, and every handle of the request sees them.
//!
//! After the handler returns and before the first byte of the response is sent, the operations become one change: the fields that
//! were written, guarded by the revisions that closures read. If another request committed first, the operations run again on its
//! result. If the change cannot be stored, the response is an error and sets no cookie. [`Session::save`] commits in the same way inside
//! the handler.
//!
//! # Features
//!
//! * `sqlite`: `SqliteStore`, one file for all processes of one machine. It compiles SQLite, which needs a C compiler.
//! * `postgres`: `PostgresStore`, for a fleet of machines.
//! * `mysql`: `MySqlStore`, the same on MySQL or MariaDB.
//! * `redis`: `RedisStore`, for a fleet of machines, with one server, Sentinel or Cluster; Redis or Valkey.
//! * `tls-rustls-ring`, `tls-rustls-aws-lc-rs`: TLS to these servers, by `rustls` with one of two providers, which need a C compiler. With
//!   neither, a store opens only if its URL says that the connection need not be encrypted. With both, `ring` is used. With the second one
//!   alone, databases are verified against the certificates of Mozilla and those that the URL names; otherwise against those of the system.
//! * `actix-session-import`: sessions of actix-session move here, [`import`], so that nobody is signed out.
//! * `actix-session-store`: sessions in any store of actix-session, `store::ActixSessionStore`.
//! * `metrics`: counters and histograms of all [events](Event), through the facade of that name.
//! * `admin`: pages for a support team, [`admin`]`::scope`.
//! * `bytes`, `chrono`, `rust_decimal`, `time`, `url`, `uuid`: the lock file knows how types of these crates are stored.
//! * `testing`: for `[dev-dependencies]`: requests that carry a session, handlers without middleware, a clock that tests move, a store that
//!   fails when it is told to, and the conformance suite for stores.
//!
//! The crate needs Rust 1.89, and 1.94 with `sqlite`, `postgres` or `mysql`, because sqlx does.
//!
#![cfg_attr(not(feature = "actix-session-import"), doc = "[`import`]: #features")]
#![cfg_attr(not(feature = "testing"), doc = "[`store::conformance`]: #features\n[`testing`]: #features")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod message;
pub mod id;
pub mod record;
mod sparse;
mod events;
pub mod store;
mod error;
mod schema;
mod section;
mod commit;
mod visit;
mod handle;
#[cfg(feature = "actix-session-import")]
pub mod import;
mod http;
mod tools;
pub mod admin;
// Pages are read by rustdoc alone.
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)] // in a test this is how to fail
mod fuzz;
// Both crates are kept in order by the same test.
#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)] // in a test this is how to fail
mod order;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[doc(inline)]
pub use self::record::change;
#[doc(inline)]
pub use actix_typed_session_derive::{SessionState, SessionValue};
#[doc(inline)]
pub use actix_typed_session_value::SessionShape;

pub use self::{
    commit::arrival::Arrived,
    error::{Error, ErrorKind},
    events::event::{Event, Observer, StoreCall},
    handle::{
        devices::{SessionInfo, SessionsPage},
        into_field::IntoField,
        principal::{HasPrincipal, NotSignedIn},
        session::Session,
        state::{SessionState, TypedSession},
    },
    http::{
        build::ConfigError,
        builder::SessionMiddlewareBuilder,
        cookie::{CookieError, SameSite},
        csrf::{CsrfForm, CsrfHeader},
        extract::ExtractSession,
        home::SessionHome,
        loaded::SessionExt,
        middleware::{SessionMiddleware, SessionService},
        signed_in::{SignedIn, signed_in, signed_in_to},
    },
    id::{
        key::{Key, KeyError},
        keys::Keys,
    },
    record::change::WhenFull,
    schema::{
        describe::{Field, Removed, Schema},
        schemas::{SchemaError, Schemas, SchemasBuilder},
    },
    tools::census::{CellCount, Census, Form, Problem, census},
    visit::sealed_cookie::{Logout, LogoutNotChosen, Revocations, SealedCookie},
};

/// The code blocks of pages that are not in the API documentation are doctests too.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../derive-docs/session_state.md")]
    mod session_state {}
    #[doc = include_str!("../derive-docs/on_the_struct.md")]
    mod on_the_struct {}
    #[doc = include_str!("../derive-docs/on_a_field.md")]
    mod on_a_field {}
    #[doc = include_str!("../derive-docs/session_value.md")]
    mod session_value {}
    #[cfg(all(feature = "actix-session-import", feature = "redis"))]
    #[doc = include_str!("../docs/from-actix-session.md")]
    mod from_actix_session {}
}
