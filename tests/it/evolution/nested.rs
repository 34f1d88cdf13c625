//! A field that is added inside of a type: both binaries share one cell.

use actix_typed_session::{
    SessionState,
    store::{AnyStore, MemoryStore},
};
use serde::{Deserialize, Serialize};

use super::kit::World;

mod v1 {
    use super::*;

    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    pub(super) struct Address {
        pub(super) street: String,
    }

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        pub(super) address: Option<Address>,
        #[session(default)]
        pub(super) size: u8,
    }
}

mod v2 {
    use super::*;

    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    pub(super) struct Address {
        pub(super) street: String,
        pub(super) city: Option<String>,
    }

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    pub(super) struct Shop {
        #[session(changed(since = 2, compatible))]
        pub(super) address: Option<Address>,
        #[session(default)]
        pub(super) size: u8,
    }
}

fn city(city: Option<&str>) -> Option<v2::Address> {
    Some(v2::Address { street: "a".to_owned(), city: city.map(str::to_owned) })
}

/// What the guide says of an old binary: it reads what it knows, leaves the new field alone, and drops it where it changes the value.
#[actix_web::test]
async fn an_old_binary_and_the_new_nested_field() {
    let world = World::on(AnyStore::new(MemoryStore::unbounded()));
    let old = v1::Address { street: "a".to_owned() };
    world.visit::<v1::Shop, _>(async move |shop| shop.set_address(old)).await.unwrap();
    world.visit::<v2::Shop, _>(async |shop| assert_eq!(shop.address(), city(None).as_ref())).await.unwrap();
    world.visit::<v2::Shop, _>(async |shop| shop.set_address(city(Some("b")))).await.unwrap();
    assert_eq!(world.cell("shop.address@2").await, None);

    world.visit::<v1::Shop, _>(async |shop| assert_eq!(shop.address().unwrap().street, "a")).await.unwrap();
    world.visit::<v1::Shop, _>(async |shop| shop.set_size(3)).await.unwrap();
    world
        .visit::<v2::Shop, _>(async |shop| assert_eq!(shop.address(), city(Some("b")).as_ref()))
        .await
        .unwrap();

    world
        .visit::<v1::Shop, _>(async |shop| {
            shop.update_address(|address| address.iter_mut().for_each(|address| address.street.push('!')));
        })
        .await
        .unwrap();
    world
        .visit::<v2::Shop, _>(async |shop| {
            let address = v2::Address { street: "a!".to_owned(), city: None };
            assert_eq!(shop.address(), Some(&address));
            assert_eq!(shop.size(), 3);
        })
        .await
        .unwrap();
}
