//! An application may have a module called `session`, or one with the name of the library or of an item in the expansion.

use super::fresh;

mod session {
    pub(super) mod __private {}
}

mod actix_typed_session {
    pub(super) mod __private {}
}

#[allow(non_upper_case_globals, dead_code)]
const SCHEMA: u8 = 0;

mod app {
    use ::actix_typed_session::SessionState;

    #[allow(unused_imports)]
    use super::{SCHEMA, actix_typed_session, session};

    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    pub(super) struct Session_ {
        pub(super) user: Option<u64>,
        /// Names that the expansion itself uses.
        pub(super) value: Option<u8>,
        pub(super) state: Option<u8>,
        pub(super) cells: Option<u8>,
        pub(super) tracked: Option<u8>,
        pub(super) get: Option<u8>,
        pub(super) set: Option<u8>,
        pub(super) take: Option<u8>,
        pub(super) deref: Option<u8>,
        pub(super) clone: Option<u8>,
        pub(super) fmt: Option<u8>,
    }
}

#[actix_web::test]
async fn compiles_beside_modules_of_the_same_names() {
    let mut handle = fresh::<app::Session_>().await;
    handle.set_user(1);
    handle.set_value(2);
    handle.set_state(3);
    handle.set_get(4);
    handle.set_set(5);
    handle.set_deref(6);
    handle.set_clone(7);
    handle.set_fmt(8);
    handle.set_take(9);
    assert_eq!(handle.user(), Some(1));
    assert_eq!(handle.value(), Some(2));
    assert_eq!(handle.state(), Some(3));
    assert_eq!(handle.get(), Some(4));
    assert_eq!(handle.set(), Some(5));
    assert_eq!(handle.deref(), Some(6));
    assert_eq!(handle.clone(), Some(7));
    assert_eq!(handle.fmt(), Some(8));
    assert_eq!(handle.take(), Some(9));
    assert_eq!((handle.cells(), handle.tracked()), (None, None));
    assert_eq!(format!("{handle:?}"), "TypedSession(\"session_\")");
}
