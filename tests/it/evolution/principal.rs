//! Users are identified by another field from version 2 on; the binaries of both versions serve the same sessions.

use actix_typed_session::{Session, SessionState, TypedSession};

use super::{
    kit::World,
    place::{Place, on_every_store},
};

mod v1 {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(default)]
        pub(super) cart: Vec<u32>,
    }
}

mod v2 {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off, removed(key = "user", from = Option<u64>, since = 2))]
    pub(super) struct Shop {
        #[session(principal, since = 2)]
        pub(super) account: Option<String>,
        #[session(default)]
        pub(super) cart: Vec<u32>,
    }
}

/// A release in which nobody signs in any more.
mod without {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off, removed(key = "user", from = Option<u64>, since = 2))]
    pub(super) struct Shop {
        #[session(default)]
        pub(super) cart: Vec<u32>,
    }
}

/// A schema of its own with a principal field.
#[derive(SessionState)]
#[session(name = "staff", version = 1, lock = off)]
struct Staff {
    #[session(principal)]
    name: Option<String>,
}

on_every_store! {
    async a_user_of_the_version_before_reads_as_nobody_and_can_sign_in_and_out
    async old_and_new_binaries_side_by_side_fail_no_page
    async the_session_of_another_user_field_is_not_handed_to_whoever_signs_in
    async a_principal_of_another_schema_is_still_an_error
}

async fn sign_in_at_v1(world: &World) {
    world.visit::<v1::Shop, _>(async |shop| (shop.set_user(7), shop.set_cart(vec![1]))).await.unwrap();
}

fn is_nobody(session: &Session) -> bool {
    session.principal().is_none() && !session.authenticated_within(std::time::Duration::from_mins(5))
}

async fn a_user_of_the_version_before_reads_as_nobody_and_can_sign_in_and_out(place: Place) {
    let world = place.world();
    sign_in_at_v1(&world).await;
    world
        .visit::<v2::Shop, _>(async |shop| {
            assert!(shop.account().is_none() && is_nobody(&shop.session()));
            assert_eq!(shop.cart(), [1]);
            shop.update_cart(|cart| cart.push(2));
        })
        .await
        .unwrap();
    let cart =
        world.visit::<without::Shop, _>(async |shop| (is_nobody(&shop.session()), shop.cart().to_vec()));
    assert_eq!(cart.await.unwrap(), (true, vec![1, 2]));
    world.visit::<v2::Shop, _>(async |shop| shop.set_account("ada".to_owned())).await.unwrap();
    let account = world.visit::<v2::Shop, _>(async |shop| {
        let who = shop.session().principal().unwrap();
        (who.as_str().to_owned(), shop.account().map(str::to_owned))
    });
    assert_eq!(account.await.unwrap(), (r#"shop.account="ada""#.into(), Some("ada".into())));
    for sign_out in [true, false] {
        sign_in_at_v1(&world).await;
        world
            .visit::<v2::Shop, _>(
                async move |shop| {
                    if sign_out { shop.set_account(None) } else { shop.session().purge() }
                },
            )
            .await
            .unwrap();
        assert!(world.record().await.is_none(), "{sign_out}");
    }
}

async fn old_and_new_binaries_side_by_side_fail_no_page(place: Place) {
    let world = place.world();
    for _ in 0..2 {
        sign_in_at_v1(&world).await;
        world.visit::<v2::Shop, _>(async |shop| assert!(is_nobody(&shop.session()))).await.unwrap();
        world.visit::<v1::Shop, _>(async |shop| assert_eq!(shop.user(), Some(7))).await.unwrap();
        world.visit::<v2::Shop, _>(async |shop| shop.set_account("ada".to_owned())).await.unwrap();
        world
            .visit::<v1::Shop, _>(async |shop| {
                assert!(shop.user().is_none() && is_nobody(&shop.session()));
                shop.set_cart(vec![3]);
            })
            .await
            .unwrap();
        let seen = world
            .visit::<v2::Shop, _>(async |shop| (shop.account().map(str::to_owned), shop.cart().to_vec()));
        assert_eq!(seen.await.unwrap(), (Some("ada".into()), vec![3]));
    }
}

async fn the_session_of_another_user_field_is_not_handed_to_whoever_signs_in(place: Place) {
    let world = place.world();
    sign_in_at_v1(&world).await;
    world.visit::<v2::Shop, _>(async |shop| shop.set_account("eve".to_owned())).await.unwrap();
    assert_eq!(world.cells().await, "$shop r2 1\nshop.account r2 \"eve\"\n");
}

async fn a_principal_of_another_schema_is_still_an_error(place: Place) {
    let world = place.world();
    sign_in_at_v1(&world).await;
    assert_eq!(world.answer(|_: TypedSession<Staff>| async { "" }).await, 500);
}
