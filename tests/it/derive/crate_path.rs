//! `crate = path` for a library that re-exports this one.

use super::fresh;

/// A framework crate of a user, which re-exports this library.
pub(super) mod framework {
    pub(crate) mod sessions {
        pub(crate) use actix_typed_session::*;
    }
}

// In this module the library is reachable only through the framework.
mod app {
    use crate::derive::crate_path::framework::sessions::SessionState;

    #[derive(SessionState)]
    #[session(version = 1, lock = off, crate = crate::derive::crate_path::framework::sessions)]
    pub(super) struct Absolute {
        pub(super) user: Option<u64>,
    }

    #[derive(SessionState)]
    #[session(version = 1, lock = off, crate = super::framework::sessions)]
    pub(super) struct Relative {
        pub(super) user: Option<u64>,
    }
}

#[actix_web::test]
async fn through_another_path() {
    let mut absolute = fresh::<app::Absolute>().await;
    absolute.set_user(1);
    assert_eq!(absolute.user(), Some(1));
    let mut relative = fresh::<app::Relative>().await;
    relative.set_user(2);
    assert_eq!(relative.user(), Some(2));
}
