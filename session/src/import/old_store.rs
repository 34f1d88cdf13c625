//! Where old sessions are, if not in their cookies.
//!
//! In: the key that a cookie carries. Out: [`OldStore`] and its answers. Never: a write, but for the end of a session.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::store::error::StoreError;

/// The store of actix-session that an application has used. [`RedisStore`](crate::store::RedisStore) is one (feature `redis`); implement it
/// for a store of your own.
///
/// A call has the [load deadline](crate::SessionMiddlewareBuilder::load_deadline) or, to delete, the
/// [save deadline](crate::SessionMiddlewareBuilder::save_deadline) to answer.
pub trait OldStore: Send + Sync + 'static {
    /// The record under `key`; `None` if there is none, or it has expired.
    ///
    /// # Errors
    /// When that cannot be found out. The request is then answered with 503, where it takes the session, and nothing is lost.
    fn load(&self, key: &str) -> impl Future<Output = Result<Option<OldRecord>, StoreError>> + Send;

    /// Deletes the record under `key`. Returns whether there was one: of several requests that delete it at once, exactly one is told so.
    ///
    /// # Errors
    /// When the record may still be there.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// A session as the store of actix-session holds it.
#[derive(Clone)]
#[non_exhaustive]
pub struct OldRecord {
    /// The JSON text that actix-session stored.
    pub text: String,
    /// How long the record lives on, if that is limited.
    pub expires_in: Option<Duration>,
}

impl OldRecord {
    /// A record with this text, which lives on for as long as `expires_in` says.
    pub fn new(text: impl Into<String>, expires_in: Option<Duration>) -> Self {
        Self { text: text.into(), expires_in }
    }
}

impl fmt::Debug for OldRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OldRecord({} bytes, expires in {:?})", self.text.len(), self.expires_in)
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`OldStore`] in a form that a `dyn` can have.
pub(super) trait DynOldStore: Send + Sync {
    fn dyn_load<'a>(&'a self, key: &'a str) -> Boxed<'a, Option<OldRecord>>;
    fn dyn_delete<'a>(&'a self, key: &'a str) -> Boxed<'a, bool>;
}

impl<S: OldStore> DynOldStore for S {
    fn dyn_load<'a>(&'a self, key: &'a str) -> Boxed<'a, Option<OldRecord>> {
        Box::pin(self.load(key))
    }

    fn dyn_delete<'a>(&'a self, key: &'a str) -> Boxed<'a, bool> {
        Box::pin(self.delete(key))
    }
}

/// The server, or the servers, that actix-session used. The prefix of this crate's own Redis keys has no effect here.
#[cfg(feature = "redis")]
impl OldStore for crate::store::RedisStore {
    async fn load(&self, key: &str) -> Result<Option<OldRecord>, StoreError> {
        let found = self.load_text(key).await?;
        Ok(found.map(|(text, expires_in)| OldRecord { text, expires_in }))
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.delete_text(key).await
    }
}
