//! Fields that expire: by the store's clock, together with their older forms, and whichever binary wrote them.

use std::time::{Duration, Instant};

use actix_typed_session::{
    record::Timestamp,
    store::{AnyStore, ManualClock, MemoryStore},
};
use futures_util::future::join_all;

use super::{
    kit::World,
    place::{Place, on_every_store},
};

on_every_store! {
    async of_many_requests_at_once_one_takes_a_code
    async a_field_expires_by_the_clock_of_the_store
}

/// The first release of the field, which does not expire yet.
mod timeless {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        pub(super) code: Option<u32>,
        #[session(default)]
        pub(super) visits: u32,
    }
}

mod v1 {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        #[session(expires_after = "5m")]
        pub(super) code: Option<u32>,
        #[session(default)]
        pub(super) visits: u32,
    }
}

/// The code is a text from now on, and lives for longer.
mod v2 {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    pub(super) struct Shop {
        #[session(
            expires_after = "10m",
            changed(since = 2, from = Option<u32>, up = to_text, down = to_number)
        )]
        pub(super) code: Option<String>,
        #[session(default)]
        pub(super) visits: u32,
    }

    pub(super) fn to_text(number: Option<u32>) -> Option<String> {
        number.map(|number| number.to_string())
    }

    pub(super) fn to_number(text: Option<String>) -> Option<u32> {
        text.and_then(|text| text.parse().ok())
    }
}

/// The code does not expire any more.
mod lasting {
    use actix_typed_session::SessionState;

    use super::v2::{to_number, to_text};

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    pub(super) struct Shop {
        #[session(changed(since = 2, from = Option<u32>, up = to_text, down = to_number))]
        pub(super) code: Option<String>,
        #[session(default)]
        pub(super) visits: u32,
    }
}

/// The code is two numbers from now on, which are stored together.
mod parts {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    #[session(step(since = 2, from(code: Option<u32>), to(tens, ones), up = split, down = join))]
    pub(super) struct Shop {
        #[session(since = 2, expires_after = "5m")]
        pub(super) tens: Option<u32>,
        #[session(since = 2, expires_after = "5m")]
        pub(super) ones: Option<u32>,
        #[session(default)]
        pub(super) visits: u32,
    }

    type Parts = (Option<u32>, Option<u32>);

    fn split(code: Option<u32>) -> Parts {
        code.map(|code| (code / 10, code % 10)).unzip()
    }

    fn join((tens, ones): Parts) -> Option<u32> {
        (tens.is_some() || ones.is_some()).then(|| tens.unwrap_or(0) * 10 + ones.unwrap_or(0))
    }
}

mod short {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        #[session(default, expires_after = "1s")]
        pub(super) elevated: bool,
    }
}

/// A browser, and the store's clock.
fn world() -> (World, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    (World::on(AnyStore::new(store)), clock)
}

const MINUTE: Duration = Duration::from_mins(1);

async fn code(world: &World) -> Option<u32> {
    world.visit::<v1::Shop, _>(async |shop| shop.code()).await.unwrap()
}

/// OWASP ASVS 5.0 6.5.5.
#[actix_web::test]
async fn a_value_reads_as_the_default_when_its_time_is_over_and_a_setter_begins_it_again() {
    let (world, clock) = world();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    clock.advance(5 * MINUTE - Duration::from_millis(1));
    assert_eq!(code(&world).await, Some(7));
    // The same value: its time begins again.
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    clock.advance(MINUTE);
    assert_eq!(code(&world).await, Some(7));
    // Neither another field, nor a closure that leaves it as it is.
    world.visit::<v1::Shop, _>(async |shop| shop.update(|shop| shop.visits += 1)).await.unwrap();
    clock.advance(4 * MINUTE - Duration::from_millis(1));
    assert_eq!(code(&world).await, Some(7));
    clock.advance(Duration::from_millis(1));
    assert_eq!(code(&world).await, None);
    let taken = world.visit::<v1::Shop, _>(async |shop| {
        shop.try_update(|shop| (shop.code.take(), shop.visits)).await.unwrap()
    });
    assert_eq!(taken.await.unwrap(), (None, 1), "a closure does not see it either");
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(8)).await.unwrap();
    assert_eq!(code(&world).await, Some(8));
}

/// A code expires between the load of a request and its commit, and another request is faster: the closure runs again, and at that time.
#[actix_web::test]
async fn a_closure_that_runs_again_does_not_see_what_has_expired_meanwhile() {
    let (world, clock) = world();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    let other = world.twin();
    let taken = world.visit::<v1::Shop, _>(async move |shop| {
        other.visit::<v1::Shop, _>(async |shop| shop.set_visits(1)).await.unwrap();
        clock.advance(5 * MINUTE);
        shop.try_update(|shop| shop.code.take()).await.unwrap()
    });
    assert_eq!(taken.await.unwrap(), None);
}

/// A request may last for hours, as one that serves a web socket does.
#[actix_web::test]
async fn a_code_that_expired_long_after_the_load_is_not_taken() {
    let (world, clock) = world();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    let taken = world.visit::<v1::Shop, _>(async move |shop| {
        tokio::time::pause();
        clock.advance(5 * MINUTE);
        tokio::time::advance(5 * MINUTE).await;
        let taken = shop.try_update(|shop| shop.code.take()).await;
        tokio::time::resume();
        taken.unwrap()
    });
    assert_eq!(taken.await.unwrap(), None);
}

#[actix_web::test]
async fn what_a_binary_without_the_option_wrote_counts_as_expired() {
    let (world, clock) = world();
    world.visit::<timeless::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    assert_eq!(code(&world).await, None);
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(8)).await.unwrap();
    let old = async || world.visit::<timeless::Shop, _>(async |shop| shop.code()).await.unwrap();
    assert_eq!(old().await, Some(8));
    clock.advance(5 * MINUTE);
    assert_eq!(old().await, None, "it ends for both");
}

#[actix_web::test]
async fn clearing_removes_what_does_not_show_too() {
    let (world, _clock) = world();
    world.visit::<timeless::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    world.visit::<v1::Shop, _>(async |shop| shop.clear()).await.unwrap();
    assert_eq!(world.visit::<timeless::Shop, _>(async |shop| shop.code()).await, Ok(None));
}

#[actix_web::test]
async fn a_field_of_another_type_expires_in_all_of_its_forms() {
    let (world, clock) = world();
    let new = async || world.visit::<v2::Shop, _>(async |shop| shop.code().map(str::to_owned)).await.unwrap();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    clock.advance(2 * MINUTE);
    // An upgrade would begin the time again, so it is not stored.
    world.visit::<v2::Shop, _>(async |shop| shop.set_visits(1)).await.unwrap();
    assert_eq!(world.cell("shop.code@2").await, None);
    clock.advance(3 * MINUTE - Duration::from_millis(1));
    assert_eq!(new().await.as_deref(), Some("7"));
    clock.advance(Duration::from_millis(1));
    assert_eq!(new().await, None, "the time is that of the binary that set it");

    world.visit::<v2::Shop, _>(async |shop| shop.set_code("8")).await.unwrap();
    clock.advance(10 * MINUTE - Duration::from_millis(1));
    assert_eq!((new().await.as_deref(), code(&world).await), (Some("8"), Some(8)));
    clock.advance(Duration::from_millis(1));
    assert_eq!((new().await, code(&world).await), (None, None));

    // An older binary sets it again, and the newer form of before does not count.
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(9)).await.unwrap();
    assert_eq!(new().await.as_deref(), Some("9"));
}

#[actix_web::test]
async fn a_value_that_is_set_before_its_time_is_over_begins_again_in_all_of_its_forms() {
    let (world, clock) = world();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    clock.advance(4 * MINUTE);
    world.visit::<v2::Shop, _>(async |shop| shop.set_code("8")).await.unwrap();
    clock.advance(10 * MINUTE - Duration::from_millis(1));
    assert_eq!(code(&world).await, Some(8));
    clock.advance(Duration::from_millis(1));
    assert_eq!(code(&world).await, None);
}

/// OWASP ASVS 5.0 6.5.1: an older binary took the code, and that it did so expires before the code does.
#[actix_web::test]
async fn a_code_that_an_older_binary_took_does_not_come_back() {
    let (world, clock) = world();
    let take = async || {
        let taken = world
            .visit::<v2::Shop, _>(async |shop| shop.try_update(|shop| shop.code.take()).await.unwrap())
            .await;
        taken.unwrap()
    };
    world.visit::<v2::Shop, _>(async |shop| shop.set_code("8")).await.unwrap();
    clock.advance(MINUTE);
    let taken =
        world.visit::<v1::Shop, _>(async |shop| shop.try_update(|shop| shop.code.take()).await.unwrap());
    assert_eq!(taken.await.unwrap(), Some(8));
    for _ in 0..4 {
        assert_eq!(world.visit::<v2::Shop, _>(async |shop| shop.code().is_some()).await, Ok(false));
        clock.advance(2 * MINUTE);
    }
    assert_eq!(take().await, None);
}

/// A binary without the option wrote a newer code: nobody knows when, and the code before does not count either.
#[actix_web::test]
async fn a_timeless_edit_of_an_older_binary_hides_the_newer_form() {
    let (world, _clock) = world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_code("8")).await.unwrap();
    world.visit::<timeless::Shop, _>(async |shop| shop.clear_code()).await.unwrap();
    assert_eq!(world.visit::<v2::Shop, _>(async |shop| shop.code().is_some()).await, Ok(false));
}

/// The option was removed together with the change of the type: a value that was set before ends when it was to end.
#[actix_web::test]
async fn an_upgrade_does_not_prolong_what_expires() {
    let (world, clock) = world();
    let code =
        async || world.visit::<lasting::Shop, _>(async |shop| shop.code().map(str::to_owned)).await.unwrap();
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
    world.visit::<lasting::Shop, _>(async |shop| shop.set_visits(1)).await.unwrap();
    clock.advance(5 * MINUTE - Duration::from_millis(1));
    assert_eq!(code().await.as_deref(), Some("7"));
    clock.advance(Duration::from_millis(1));
    assert_eq!(code().await, None);
}

#[actix_web::test]
async fn setting_one_field_of_a_step_does_not_prolong_the_others() {
    let (world, clock) = world();
    let both = async || world.visit::<parts::Shop, _>(async |shop| (shop.tens(), shop.ones())).await.unwrap();
    // Once the older binary has set both, and once the newer one.
    world.visit::<v1::Shop, _>(async |shop| shop.set_code(42)).await.unwrap();
    for newest in [false, true] {
        if newest {
            world.visit::<parts::Shop, _>(async |shop| shop.set_tens(4)).await.unwrap();
            world.visit::<parts::Shop, _>(async |shop| shop.set_ones(2)).await.unwrap();
        }
        clock.advance(4 * MINUTE);
        world.visit::<parts::Shop, _>(async |shop| shop.set_tens(5)).await.unwrap();
        assert_eq!((both().await, code(&world).await), ((Some(5), Some(2)), Some(52)));
        clock.advance(MINUTE);
        assert_eq!((both().await, code(&world).await), ((Some(5), None), None), "newest: {newest}");
        clock.advance(4 * MINUTE);
        assert_eq!(both().await, (None, None));
    }
}

/// OWASP ASVS 5.0 6.5.1: a one-time code is used once.
async fn of_many_requests_at_once_one_takes_a_code(place: Place) {
    for round in 0..3 {
        let world = place.world();
        world.visit::<v1::Shop, _>(async |shop| shop.set_code(7)).await.unwrap();
        let tabs: Vec<_> = (0..12).map(|_| world.twin()).collect();
        let taking = tabs.iter().map(|tab| {
            tab.visit::<v1::Shop, _>(async |shop| {
                shop.try_update(|shop| shop.code.take_if(|code| *code == 7).is_some()).await.unwrap()
            })
        });
        let took = join_all(taking).await.into_iter().filter(|took| *took == Ok(true)).count();
        assert_eq!(took, 1, "round {round}");
        assert_eq!(code(&world).await, None);
    }
}

/// OWASP ASVS 5.0 6.5.5.
async fn a_field_expires_by_the_clock_of_the_store(place: Place) {
    let (world, begun) = (place.world(), Instant::now());
    world.visit::<short::Shop, _>(async |shop| shop.set_elevated(true)).await.unwrap();
    let set = Instant::now();
    while world.visit::<short::Shop, _>(async |shop| shop.elevated()).await.unwrap() {
        assert!(set.elapsed() < Duration::from_secs(10), "it does not expire");
    }
    // Less than a second for the difference of two clocks that count milliseconds.
    assert!(begun.elapsed() > Duration::from_millis(950), "too early");
}
