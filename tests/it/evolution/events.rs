//! The four events of a deploy. None of them contains a stored value.

use actix_typed_session::store::{AnyStore, MemoryStore};

use super::{
    kit::{TOO_NEW, UNREADABLE, World},
    robust::{careful, lenient},
    shop::{v2, v3, v3b},
};
use crate::flow::logged::Logged;

/// The events of a deploy since the last call, as `event field`: those about a field or a schema.
fn events(logged: &Logged) -> Vec<String> {
    let text = logged.take();
    assert!(!text.contains("canary"), "{text}");
    let of = |line: &str, name: &str| {
        line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    text.lines()
        .filter_map(|line| {
            let event = of(line, "event")?;
            let about = of(line, "field").or_else(|| of(line, "schema"))?;
            Some(format!("{event} {about}").replace('"', ""))
        })
        .collect()
}

#[actix_web::test]
async fn each_event_of_a_deploy_is_reported_once() {
    let world = World::on(AnyStore::new(MemoryStore::unbounded()));
    let (logged, _guard) = Logged::here();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11])).await.unwrap();
    assert!(events(&logged).is_empty());
    world.visit::<v3::Shop, _>(async |shop| assert_eq!(shop.cart().len(), 1)).await.unwrap();
    assert!(events(&logged).is_empty(), "reading stores nothing");
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(events(&logged), ["field_upgraded shop.cart@3"]);
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("en")).await.unwrap();
    assert!(events(&logged).is_empty());
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11, 12])).await.unwrap();
    assert!(events(&logged).is_empty());
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("fr")).await.unwrap();
    assert_eq!(events(&logged), ["old_side_edited shop.cart@3"]);
    world.visit::<v3b::Shop, _>(async |shop| shop.set_cart(vec![])).await.unwrap();
    assert!(events(&logged).is_empty());
    world.write(&[("shop.cart", "[13]")]).await;
    world.visit::<v3::Shop, _>(async |shop| shop.update_cart(Vec::clear)).await.unwrap();
    assert_eq!(events(&logged), ["old_side_edited shop.cart@3"], "also if the field is written anyway");
    assert_eq!(world.visit::<v2::Shop, _>(async |_| ()).await, Err(TOO_NEW));
    assert_eq!(events(&logged), ["schema_too_new shop"]);
}

/// After a conflict the upgraded value is dropped; the next save stores it.
#[actix_web::test]
async fn an_upgrade_that_was_not_stored_is_not_reported() {
    let world = World::on(AnyStore::new(MemoryStore::unbounded()));
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11])).await.unwrap();
    world.write_before_next(&[("shop.cart", "[12]")]);
    let (logged, _guard) = Logged::here();
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(world.cell("shop.cart@3").await, None);
    assert!(events(&logged).is_empty());
}

#[actix_web::test]
async fn an_unreadable_cell_is_reported() {
    let world = World::on(AnyStore::new(MemoryStore::unbounded()));
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1])).await.unwrap();
    world.write(&[("shop.cart", "\"canary\"")]).await;
    let (logged, _guard) = Logged::here();
    assert_eq!(world.visit::<careful::Shop, _>(async |_| ()).await, Err(UNREADABLE));
    assert_eq!(events(&logged).iter().filter(|event| event.starts_with("cell_unreadable")).count(), 1);
    world.visit::<lenient::Shop, _>(async |_| ()).await.unwrap();
    assert_eq!(events(&logged).iter().filter(|event| event.starts_with("cell_unreadable")).count(), 1);
}

/// The first field that cannot be read ends the reading, so the log names it alone, and nothing reads as a default.
#[actix_web::test]
async fn of_several_unreadable_cells_the_first_is_reported() {
    let world = World::on(AnyStore::new(MemoryStore::unbounded()));
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1])).await.unwrap();
    world.write(&[("shop.cart", "\"canary\""), ("shop.locale", "[\"canary\"]")]).await;
    let (logged, _guard) = Logged::here();
    assert_eq!(world.visit::<careful::Shop, _>(async |_| ()).await, Err(UNREADABLE));
    assert_eq!(events(&logged), ["cell_unreadable shop.cart@3"]);
    assert_eq!(world.visit::<lenient::Shop, _>(async |_| ()).await, Err(UNREADABLE));
    assert_eq!(events(&logged), ["cell_unreadable shop.cart@3", "cell_unreadable shop.locale"]);
}
