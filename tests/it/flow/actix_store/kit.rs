//! An application over a shelf, and others beside it.

use std::time::Duration;

use actix_typed_session::{
    Keys, SessionMiddlewareBuilder,
    record::Timestamp,
    store::{ActixSessionStore, ManualClock},
};
use actix_web::web;

use super::shelf::Shelf;
use crate::flow::kit::{Browser, World, key};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// An application over a shelf.
pub(super) struct Shop {
    pub(super) shelf: Shelf,
    pub(super) world: World,
}

impl Shop {
    pub(super) async fn new() -> Self {
        Self::with(|builder| builder, |_| ()).await
    }

    pub(super) async fn with(
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        routes: impl FnOnce(&mut web::ServiceConfig),
    ) -> Self {
        let (shelf, clock) = (Shelf::default(), ManualClock::at(Timestamp::from_millis(1_000_000)));
        let home = ActixSessionStore::new("shop", shelf.clone());
        let world = World::adapted(home, clock, key(), choose, routes).await;
        Self { shelf, world }
    }

    /// Another process over the same shelf, with the same clock.
    pub(super) async fn beside(&self) -> World {
        self.beside_as("shop", key(), |builder| builder).await
    }

    /// Another application over the same shelf.
    pub(super) async fn beside_as(
        &self,
        application: &str,
        keys: impl Into<Keys>,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    ) -> World {
        let home = ActixSessionStore::new(application, self.shelf.clone());
        World::adapted(home, self.world.clock.clone(), keys, choose, |_| ()).await
    }

    /// A browser that has already sent `words`. The shelf's record of calls is empty afterwards.
    pub(super) async fn browser_after(&self, words: &str) -> Browser<'_> {
        let browser = self.world.browser_after(words).await;
        self.shelf.calls();
        self.shelf.seconds();
        browser
    }
}
