//! One record during a deploy, cell by cell, as in the example of the design.

use super::{
    kit::TOO_NEW,
    place::{Place, on_every_store},
    shop::{line, v1, v2, v3, v3b},
};

on_every_store! {
    async release_2_beside_3
    async a_name_that_is_split
    async renaming_or_removing_a_field_changes_no_stored_data
    async both_halves_of_a_name_set_at_once
}

async fn release_2_beside_3(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11, 12])).await.unwrap();
    assert_eq!(world.cells().await, "$shop r1 1\nshop.cart r1 [11,12]\n");
    world
        .visit::<v3::Shop, _>(async |shop| {
            assert_eq!(shop.cart(), [line(11, 1), line(12, 1)]);
            shop.update_cart(|cart| cart[0].qty = 2);
        })
        .await
        .unwrap();
    assert_eq!(
        world.cells().await,
        "$shop r2 2\nshop.cart r2 [11,12]\nshop.cart@3 r2 [{\"sku\":11,\"qty\":2},{\"sku\":12,\"qty\":1}]\n"
    );
    world.updates();
    world
        .visit::<v2::Shop, _>(async |shop| {
            assert_eq!(shop.cart(), [11, 12]);
            shop.update_cart(|cart| cart.push(13));
        })
        .await
        .unwrap();
    let patch = world.updates().pop().unwrap();
    assert_eq!(patch.write.iter().map(|write| write.key.as_str()).collect::<Vec<_>>(), ["shop.cart"]);
    assert!(patch.delete.is_empty());
    let three = [line(11, 2), line(12, 1), line(13, 1)];
    let expected = three.clone();
    world.visit::<v3::Shop, _>(async move |shop| assert_eq!(shop.cart(), expected)).await.unwrap();
    assert!(world.updates().is_empty(), "reading writes nothing");
    // Saving another field upgrades the cart too.
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(
        world.cells().await,
        "$shop r2 2\nshop.cart r3 [11,12,13]\n\
         shop.cart@3 r4 [{\"sku\":11,\"qty\":2},{\"sku\":12,\"qty\":1},{\"sku\":13,\"qty\":1}]\nshop.locale r4 \"de\"\n"
    );
    // No binary of release 2 runs any more.
    let expected = three.clone();
    world
        .visit::<v3b::Shop, _>(async move |shop| {
            assert_eq!(shop.cart(), expected);
            shop.update_cart(|cart| cart.truncate(1));
        })
        .await
        .unwrap();
    assert_eq!(
        world.cells().await,
        "$shop r5 3\nshop.cart@3 r5 [{\"sku\":11,\"qty\":2}]\nshop.locale r4 \"de\"\n"
    );
    let before = world.record().await;
    let refused = world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![])).await;
    assert_eq!(refused, Err(TOO_NEW));
    assert_eq!(world.record().await, before);
    world.visit::<v3::Shop, _>(async |shop| assert_eq!(shop.cart(), [line(11, 2)])).await.unwrap();
}

async fn a_name_that_is_split(place: Place) {
    let world = place.world();
    world.visit::<v1::Shop, _>(async |shop| shop.set_name("Ada King Lovelace")).await.unwrap();
    world
        .visit::<v3::Shop, _>(async |shop| {
            assert_eq!((shop.first(), shop.last()), (Some("Ada"), Some("King Lovelace")));
            shop.set_first("Augusta");
        })
        .await
        .unwrap();
    assert_eq!(
        world.cells().await,
        "$shop r2 2\nshop.first r2 \"Augusta\"\nshop.last r2 \"King Lovelace\"\nshop.name r2 \"Augusta King Lovelace\"\n"
    );
    world.visit::<v2::Shop, _>(async |shop| shop.clear_name()).await.unwrap();
    world
        .visit::<v3b::Shop, _>(async |shop| {
            assert_eq!((shop.first(), shop.last()), (None, None), "cleared there is cleared here");
            shop.set_last("Byron");
        })
        .await
        .unwrap();
    assert_eq!(world.cells().await, "$shop r4 3\nshop.first r4 null\nshop.last r4 \"Byron\"\n");
}

async fn renaming_or_removing_a_field_changes_no_stored_data(place: Place) {
    let world = place.world();
    world
        .visit::<v1::Shop, _>(async |shop| {
            shop.set_user_id(7);
            shop.set_nick("ada");
            shop.set_theme("dark");
        })
        .await
        .unwrap();
    world
        .visit::<v2::Shop, _>(async |shop| {
            assert_eq!((shop.user_id(), shop.display_name(), shop.locale()), (Some(7), Some("ada"), "en"));
            shop.set_display_name("al");
        })
        .await
        .unwrap();
    world
        .visit::<v1::Shop, _>(async |shop| assert_eq!((shop.nick(), shop.theme()), (Some("al"), "dark")))
        .await
        .unwrap();
    assert_eq!(world.cell("shop.locale").await, None, "a default is not stored");
}

/// Two requests set the two halves of a name, which belong together. Neither is lost.
async fn both_halves_of_a_name_set_at_once(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_name("Ada Lovelace")).await.unwrap();
    world.write_before_next(&[
        ("shop.first", "\"Augusta\""),
        ("shop.last", "\"Lovelace\""),
        ("shop.name", "\"Augusta Lovelace\""),
    ]);
    world.visit::<v3::Shop, _>(async |shop| shop.set_last("Byron")).await.unwrap();
    assert_eq!(world.cell("shop.name").await.unwrap(), "\"Augusta Byron\"");
    assert_eq!(world.updates().len(), 2);
}
