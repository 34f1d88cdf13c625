//! For the tests of an application. Feature `testing`, for `[dev-dependencies]`.
//!
//! | To test | use |
//! |---|---|
//! | an application, as a visitor who has a session already | [`TestSession`] |
//! | what a response did to the session | [`TestSession::state`], or [`SessionExt`](crate::SessionExt) on the response |
//! | a handler as a function, without middleware | [`Detached`] |
//! | that sessions expire | [`store::ManualClock`](crate::store::ManualClock) |
//! | an outage of the store | [`FaultyStore`] |
//! | a store of your own | [`store::conformance`](crate::store::conformance) |
//!
//! Sessions are made and read as requests do it, so what holds here holds in production. [Testing an application] has an example of each.
//!
//! [Testing an application]: https://github.com/actix-typed-session/actix-typed-session/blob/main/docs/testing.md

// Never: a rule of its own.

mod detached;
mod faulty;
mod visitor;

pub use self::{
    detached::Detached,
    faulty::{Condition, FaultyStore},
    visitor::TestSession,
};
