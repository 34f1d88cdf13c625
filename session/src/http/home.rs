//! Where the sessions of an application live: in a store, or in their cookies.
//!
//! In: a store, or a [`SealedCookie`]. Out: a [`Home`] for the builder. Never: a default.

use std::{fmt, sync::Arc};

use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        any::AnyStore,
        clock::Clock,
        contract::{Created, Loaded, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        foreign::ForeignStore,
    },
    visit::sealed_cookie::SealedCookie,
};

/// Where the sessions of an application live: any [`SessionStore`], a [`SealedCookie`], or any store of actix-session in an
/// `ActixSessionStore` (feature `actix-session-store`).
#[diagnostic::on_unimplemented(
    message = "sessions cannot live in `{Self}`",
    label = "neither a `SessionStore` nor a `SealedCookie` that says what a logout means",
    note = "a URL is opened with `store::open(url).await?`; for a type of your own, implement `SessionStore` of this crate; a store of actix-session goes into an `ActixSessionStore`, with the feature `actix-session-store`; a `SealedCookie` needs `.revoked_by(..)`, or `.without_server_logout()` if a logout need only remove the cookie"
)]
pub trait SessionHome: sealed::IntoHome {}

impl<H: sealed::IntoHome> SessionHome for H {}

mod sealed {
    use super::{AnyStore, Home, SealedCookie, SessionStore};
    #[cfg(feature = "actix-session-store")]
    use crate::store::actix_session_store::ActixSessionStore;

    pub trait IntoHome {
        fn into_home(self) -> Home;
    }

    impl<S: SessionStore> IntoHome for S {
        fn into_home(self) -> Home {
            Home::Store(AnyStore::new(self))
        }
    }

    impl IntoHome for SealedCookie {
        fn into_home(self) -> Home {
            Home::Cookie(self)
        }
    }

    #[cfg(feature = "actix-session-store")]
    impl IntoHome for ActixSessionStore {
        fn into_home(self) -> Home {
            let Self { application, clock, store } = self;
            Home::Foreign(super::Foreign { application, clock, store })
        }
    }
}

#[derive(Debug)]
#[allow(unnameable_types)] // only this crate makes one
pub enum Home {
    Store(AnyStore),
    Cookie(SealedCookie),
    Foreign(Foreign),
}

/// A store of another library.
#[allow(unnameable_types)] // only this crate makes one
pub struct Foreign {
    pub(super) application: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Arc<dyn ForeignStore>,
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").field("application", &self.application).finish_non_exhaustive()
    }
}

impl Home {
    pub(super) fn has_index(&self) -> bool {
        matches!(self, Self::Store(store) if store.abilities().has_index())
    }
}

/// What an application without a store of ours asks: it can do nothing.
pub(super) struct NoStore;

impl fmt::Debug for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoStore")
    }
}

const UNSUPPORTED: StoreError = StoreError::new(StoreErrorKind::Unsupported);

impl SessionStore for NoStore {
    async fn load(&self, _: &Selector) -> Result<Option<Loaded>, StoreError> {
        Err(UNSUPPORTED)
    }

    async fn create(&self, _: &Selector, _: &NewRecord) -> Result<Created, StoreError> {
        Err(UNSUPPORTED)
    }

    async fn update(&self, _: &Selector, _: &Change) -> Result<Updated, StoreError> {
        Err(UNSUPPORTED)
    }

    async fn delete(&self, _: &Selector, _: Option<&Principal>) -> Result<(), StoreError> {
        Err(UNSUPPORTED)
    }
}
