//! The sessions that are measured, as states: texts alone, fields as an application might have them, and one number.

use actix_typed_session::{SessionState, TypedSession};

use super::mixed::{Line, Theme};
use crate::size::text;

/// A state of texts, of which the handlers use the fourth.
pub(crate) trait Texts: SessionState {
    /// Sets every field.
    fn fill(session: &mut TypedSession<Self>, bytes: usize);
    fn text(session: &TypedSession<Self>) -> &str;
    fn set(session: &mut TypedSession<Self>, text: String);
    /// Sets by a closure.
    fn update(session: &mut TypedSession<Self>, text: String);
}

// `Of5` and so on; see build.rs.
include!(concat!(env!("OUT_DIR"), "/sized.rs"));

macro_rules! mixed {
    ($($(#[$option:meta])* $field:ident: $type:ty = $value:expr,)*) => {
        /// Twenty fields of several types.
        #[derive(SessionState)]
        #[session(name = "mixed", version = 1, lock = off)]
        pub(crate) struct Mixed {
            $($(#[$option])* pub(crate) $field: $type,)*
        }

        impl Mixed {
            /// Sets every field.
            pub(crate) fn fill(session: &mut TypedSession<Self>) {
                session.update(|state| { $(state.$field = $value;)* });
            }
        }
    };
}
super::mixed::fields!(mixed);

/// A session that begins with one number.
#[derive(SessionState)]
#[session(name = "small", version = 1, lock = off)]
pub(crate) struct Small {
    #[session(default)]
    pub(crate) n: u32,
}
