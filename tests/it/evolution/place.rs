//! The stores of the evolution tests: in memory, in a file, and on servers that are shared with other tests.

use actix_typed_session::store::{AnyStore, MemoryStore, open};

use super::kit::World;
use crate::http::place::Place as Kept;

/// The store of one test.
pub(super) struct Place {
    store: AnyStore,
    /// The data to delete when the test ends; `None` for a store in memory.
    kept: Option<Kept>,
}

impl Place {
    #[allow(clippy::unused_async)] // async like the others
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

    pub(super) async fn mariadb() -> Option<Self> {
        Self::on(Kept::mariadb().await?).await
    }

    async fn on(kept: Kept) -> Option<Self> {
        Some(Self { store: open(&kept.url()).await.unwrap(), kept: Some(kept) })
    }

    /// A new browser without a session on this store.
    pub(super) fn world(&self) -> World {
        World::on(self.store.clone())
    }

    /// The number of cases to run: fewer than `in_memory` on other stores, whose calls take longer.
    pub(super) fn cases(&self, in_memory: u32) -> u32 {
        if self.kept.is_none() { in_memory } else { in_memory.min(128) }
    }
}

/// Makes one `#[test]` of each function for every kind of store. If a server is missing, the test says so and is skipped. A function that
/// is not async gets the runtime of its store.
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
        $crate::evolution::place::on_every_store! { @mariadb $($tests)+ }
    };
}
pub(super) use on_every_store;
