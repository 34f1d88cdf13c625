//! Where the tests of evolution keep their sessions: in memory, in a file, and on the servers that other tests use too.

use actix_typed_session::store::{AnyStore, MemoryStore, connect};

use super::kit::World;
use crate::http::place::Place as Kept;

/// A store of one test.
pub(super) struct Place {
    store: AnyStore,
    /// What goes when the test ends; nothing of memory.
    kept: Option<Kept>,
}

impl Place {
    #[allow(clippy::unused_async)] // as the others
    pub(super) async fn memory() -> Option<Self> {
        Some(Self { store: AnyStore::new(MemoryStore::unbounded()), kept: None })
    }

    pub(super) async fn sqlite() -> Option<Self> {
        Self::on(Kept::sqlite().await?).await
    }

    pub(super) async fn redis() -> Option<Self> {
        Self::on(Kept::redis().await?).await
    }

    pub(super) async fn postgres() -> Option<Self> {
        Self::on(Kept::postgres().await?).await
    }

    async fn on(kept: Kept) -> Option<Self> {
        Some(Self { store: connect(&kept.url()).await.unwrap(), kept: Some(kept) })
    }

    /// A new session on it.
    pub(super) fn world(&self) -> World {
        World::on(self.store.clone())
    }

    /// How many of so many cases there is time for: a call costs a server more than it costs memory.
    pub(super) fn cases(&self, in_memory: u32) -> u32 {
        if self.kept.is_none() { in_memory } else { in_memory.min(128) }
    }
}

/// Each of these on every kind of store; where a server is missing, the test says so and is skipped. One that is not async is
/// given the runtime of its store.
macro_rules! on_every_store {
    (@$kind:ident $(async $test:ident)* $(; $(fn $property:ident)+)?) => {
        mod $kind {
            use $crate::evolution::place::Place;

            $(#[actix_web::test]
            async fn $test() {
                if let Some(place) = Place::$kind().await {
                    super::$test(place).await;
                }
            })*
            $($(#[test]
            fn $property() {
                let system = actix_web::rt::System::new();
                if let Some(place) = system.block_on(Place::$kind()) {
                    super::$property(&system, &place);
                }
            })+)?
        }
    };
    ($($tests:tt)+) => {
        $crate::evolution::place::on_every_store! { @memory $($tests)+ }
        $crate::evolution::place::on_every_store! { @sqlite $($tests)+ }
        $crate::evolution::place::on_every_store! { @redis $($tests)+ }
        $crate::evolution::place::on_every_store! { @postgres $($tests)+ }
    };
}
pub(super) use on_every_store;
