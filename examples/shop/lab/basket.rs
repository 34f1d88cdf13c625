//! The state of the experiments. It has a schema of its own, so that no experiment is in the sessions or among the devices of a customer.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "lab", version = 1)]
#[session(lock = off)] // two releases in one package cannot share the lock file that a project has
pub(super) struct Basket {
    #[session(principal)]
    pub(super) customer: Option<String>,
    #[session(default)]
    pub(super) teas: u32,
}

/// The state in the next release.
pub(super) mod next {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "lab", version = 2)]
    #[session(lock = off)]
    pub(in crate::lab) struct Basket {
        #[session(principal)]
        pub(in crate::lab) customer: Option<String>,
        #[session(default)]
        pub(in crate::lab) teas: u32,
        #[session(since = 2)]
        pub(in crate::lab) coupon: Option<String>,
    }
}
