//! Passwords that change while a process runs.
//!
//! In: what the application does to get the password of the moment. Out: the password for one new connection. Never keeps it.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

type Source = Box<dyn Error + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = Result<String, Source>> + Send>>;

/// Gives the password for each new connection; `Debug` shows none.
#[derive(Clone)]
pub(super) struct Passwords(Arc<dyn Fn() -> Asked + Send + Sync>);

impl Passwords {
    pub(super) fn with<F, E>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Source>,
    {
        Self(Arc::new(move || {
            let asked = ask();
            Box::pin(async { asked.await.map_err(Into::into) })
        }))
    }

    pub(super) async fn ask(&self) -> Result<String, Source> {
        (self.0)().await
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}
