//! Values that cannot be read or converted affect only their own field, and stay as they are. Properties P14, P17, P19, P20.

use actix_typed_session::{ErrorKind, SessionState};
use actix_web::rt::SystemRunner;
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    kit::{Refused, UNREADABLE},
    place::{Place, on_every_store},
    shop::{Line, line, v1, v2, v3},
};

on_every_store! {
    async an_unreadable_neighbour_is_not_overwritten
    async the_readable_half_of_a_name_is_not_upgraded_alone
    async a_form_that_left_the_source_too_early_is_not_empty
    async an_up_that_fails_or_panics_is_an_unreadable_field
    async a_down_that_fails_or_panics_stores_nothing
    async unknown_cells_survive_byte_for_byte
    ;
    fn any_text_in_any_cell
}

/// Another section of the same session.
#[derive(SessionState)]
#[session(name = "other", version = 1, lock = off)]
struct Other {
    #[session(principal)]
    user: Option<u64>,
    text: Option<String>,
}

/// Converts only small numbers, as `careful_down` does with small quantities. Others fail, and 13 panics.
fn careful_up(skus: Vec<u32>) -> Result<Vec<Line>, &'static str> {
    assert!(!skus.contains(&13), "a panic");
    if skus.iter().any(|sku| *sku > 99) {
        Err("canary")
    } else {
        Ok(skus.into_iter().map(|sku| line(sku, 1)).collect())
    }
}

fn careful_down(lines: Vec<Line>) -> Result<Vec<u32>, &'static str> {
    assert!(lines.iter().all(|line| line.qty != 13), "a panic");
    if lines.iter().any(|line| line.qty > 99) {
        Err("canary")
    } else {
        Ok(lines.into_iter().map(|line| line.sku).collect())
    }
}

pub(super) mod careful {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, lock = off)]
    pub(in crate::evolution) struct Shop {
        #[session(default, changed(since = 3, from = Vec<u32>, up = careful_up, down = careful_down))]
        pub(super) cart: Vec<Line>,
        #[session(since = 2, default = "en".to_owned())]
        pub(super) locale: String,
    }
}

pub(super) mod lenient {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, lock = off)]
    pub(in crate::evolution) struct Shop {
        #[session(default, lenient, changed(since = 3, from = Vec<u32>, up = careful_up, down = careful_down))]
        pub(super) cart: Vec<Line>,
        #[session(since = 2, default = "en".to_owned())]
        pub(super) locale: String,
    }
}

fn careful_split(name: Option<String>) -> Result<(Option<String>, Option<String>), ()> {
    if name.as_deref() == Some("canary") { Err(()) } else { Ok((name, None)) }
}

fn careful_join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    first.or(last)
}

mod joint {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, lock = off)]
    #[session(step(since = 3, from(name: Option<String>), to(first, last), up = careful_split, down = careful_join))]
    pub(super) struct Shop {
        #[session(since = 3, lenient)]
        pub(super) first: Option<String>,
        #[session(since = 3, lenient)]
        pub(super) last: Option<String>,
        #[session(since = 2, default = "en".to_owned())]
        pub(super) locale: String,
    }
}

/// A write of one half of a name does not overwrite an unreadable other half, even if both are `lenient`.
async fn an_unreadable_neighbour_is_not_overwritten(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_name("canary")).await.unwrap();
    let before = world.record().await;
    let refused = world
        .visit::<joint::Shop, _>(async |shop| {
            assert_eq!((shop.first(), shop.last()), (None, None));
            shop.set_first("Ada");
            assert_eq!(shop.session().save().await.unwrap_err().kind(), ErrorKind::UnreadableField);
        })
        .await;
    assert_eq!(refused, Err(Refused(500, None)));
    assert_eq!(world.record().await, before);
    world.visit::<joint::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(world.cell("shop.name").await.unwrap(), "\"canary\"");
    world
        .visit::<joint::Shop, _>(async |shop| {
            shop.set_first("Ada");
            shop.clear_last();
        })
        .await
        .unwrap();
    assert_eq!(world.cell("shop.name").await.unwrap(), "\"Ada\"");
}

fn number(first: Option<String>) -> Result<Option<u8>, std::num::ParseIntError> {
    first.map(|first| first.parse()).transpose()
}

fn halves(name: Option<String>) -> (Option<String>, Option<String>) {
    name.as_deref().and_then(|name| name.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).unzip()
}

mod chain {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 4, lock = off, oldest_reader = 4)]
    #[session(step(since = 3, from(name: Option<String>), to(first, last), up = halves))]
    pub(super) struct Shop {
        #[session(since = 3, lenient, changed(since = 4, from = Option<String>, up = number))]
        pub(super) first: Option<u8>,
        #[session(since = 3)]
        pub(super) last: Option<String>,
        #[session(since = 2, default = "en".to_owned())]
        pub(super) locale: String,
    }
}

/// One half of a name can be read, and the other cannot. The readable half is not upgraded, because the old name holds both.
async fn the_readable_half_of_a_name_is_not_upgraded_alone(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_name("canary 7")).await.unwrap();
    world
        .visit::<chain::Shop, _>(async |shop| {
            assert_eq!((shop.first(), shop.last()), (None, Some("7")));
            shop.set_locale("de");
        })
        .await
        .unwrap();
    assert_eq!(world.cells().await, "$shop r2 4\nshop.locale r2 \"de\"\nshop.name r1 \"canary 7\"\n");
}

/// Release 3, fully contracted: of the older forms only the wire keys are left.
pub(super) mod contracted {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, oldest_reader = 3, oldest_record = 3, lock = off)]
    #[session(step(since = 3, from(name), to(first, last)))]
    pub(in crate::evolution) struct Shop {
        #[session(default, changed(since = 3))]
        pub(super) cart: Vec<Line>,
        #[session(since = 3)]
        pub(super) first: Option<String>,
        #[session(since = 3, default = 0)]
        pub(super) last: u8,
        #[session(since = 2, default = "en".to_owned())]
        pub(super) locale: String,
    }
}

/// An older form was removed without asking the census. The sessions that need it are an error, and lose nothing.
async fn a_form_that_left_the_source_too_early_is_not_empty(place: Place) {
    let set_cart: fn(&mut v2::ShopHandle) = |shop| shop.set_cart(vec![11]);
    for set in [set_cart, |shop| shop.set_name("Ada Byron")] {
        let world = place.world();
        world.visit::<v2::Shop, _>(async move |shop| set(shop)).await.unwrap();
        let before = world.record().await;
        let refused = world.visit::<contracted::Shop, _>(async |shop| shop.set_locale("de")).await;
        assert_eq!(refused, Err(UNREADABLE));
        assert_eq!(world.record().await, before);
        // The release before upgrades the values, including later edits by older binaries.
        for sku in [11, 12] {
            world
                .visit::<v2::Shop, _>(async move |shop| {
                    shop.set_cart(vec![sku]);
                    shop.set_name("A");
                })
                .await
                .unwrap();
            assert_eq!(world.visit::<contracted::Shop, _>(async |_| ()).await, Err(UNREADABLE));
            world.visit::<v3::Shop, _>(async move |shop| shop.set_locale(sku.to_string())).await.unwrap();
            let read = world.visit::<contracted::Shop, _>(async |shop| shop.cart().to_vec()).await;
            assert_eq!(read, Ok(vec![line(sku, 1)]));
        }
        // A write removes the older forms, which no binary reads any more.
        world
            .visit::<contracted::Shop, _>(async |shop| {
                shop.set_cart(Vec::new());
                shop.set_first("Ada");
            })
            .await
            .unwrap();
        assert_eq!((world.cell("shop.cart").await, world.cell("shop.name").await), (None, None));
    }
    let world = place.world();
    world
        .visit::<v2::Shop, _>(async |shop| {
            shop.set_name("Ada");
            shop.set_locale("de");
        })
        .await
        .unwrap();
    world.visit::<v2::Shop, _>(async |shop| shop.clear_name()).await.unwrap();
    assert_eq!(world.cell("shop.name").await.unwrap(), "null");
    let read = world.visit::<contracted::Shop, _>(async |shop| (shop.first().is_none(), shop.last())).await;
    assert_eq!(read, Ok((true, 0)));
}

async fn an_up_that_fails_or_panics_is_an_unreadable_field(place: Place) {
    for cart in [vec![100], vec![13]] {
        let world = place.world();
        let text = format!("{cart:?}");
        world.visit::<v2::Shop, _>(async move |shop| shop.set_cart(cart)).await.unwrap();
        world.visit::<Other, _>(async |other| other.set_text("kept")).await.unwrap();
        let before = world.record().await;
        let refused = world.visit::<careful::Shop, _>(async |shop| shop.set_locale("de")).await;
        assert_eq!(refused, Err(UNREADABLE));
        assert_eq!(world.record().await, before);
        let text_of_other = world.visit::<Other, _>(async |other| other.text().map(str::to_owned)).await;
        assert_eq!(text_of_other, Ok(Some("kept".to_owned())));
        // If the field is `lenient`, other fields can be saved, and the field stays as it is.
        world
            .visit::<lenient::Shop, _>(async |shop| {
                assert!(shop.cart().is_empty());
                shop.set_locale("de");
            })
            .await
            .unwrap();
        assert_eq!(world.cell("shop.cart").await.unwrap(), text);
        assert_eq!(world.cell("shop.cart@3").await, None);
        // A setter can replace the value.
        world.visit::<lenient::Shop, _>(async |shop| shop.set_cart(vec![line(1, 1)])).await.unwrap();
        assert_eq!(world.visit::<v2::Shop, _>(async |shop| shop.cart().to_vec()).await, Ok(vec![1]));
    }
}

async fn a_down_that_fails_or_panics_stores_nothing(place: Place) {
    for qty in [100, 13] {
        let world = place.world();
        world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1])).await.unwrap();
        let before = world.record().await;
        let refused = world
            .visit::<careful::Shop, _>(async move |shop| {
                shop.set_locale("de");
                shop.set_cart(vec![line(1, qty)]);
                let saved = shop.session().save().await.unwrap_err();
                assert_eq!(saved.kind(), ErrorKind::NotConvertible);
                assert!(!saved.to_string().contains("canary"));
            })
            .await;
        assert_eq!(refused, Err(Refused(500, None)));
        assert_eq!(world.record().await, before);
        // The handler can replace the value and save again.
        world
            .visit::<careful::Shop, _>(async move |shop| {
                shop.set_cart(vec![line(1, qty)]);
                shop.session().save().await.unwrap_err();
                shop.set_cart(vec![line(2, 2)]);
            })
            .await
            .unwrap();
        assert_eq!(world.cell("shop.cart").await.unwrap(), "[2]");
    }
}

/// Any text that a store may return.
fn garbage() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("null".to_owned()),
        Just("[11,12]".to_owned()),
        Just("[{\"sku\":1,\"qty\":2}]".to_owned()),
        Just("1e400".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        Just("[".repeat(500)),
        Just(String::new()),
        prop::collection::vec(0..9u32, 0..3).prop_map(|numbers| format!("{numbers:?}")),
    ]
}

fn any_text_in_any_cell(system: &SystemRunner, place: &Place) {
    const KEYS: [&str; 8] = [
        "shop.cart",
        "shop.cart@3",
        "shop.name",
        "shop.first",
        "shop.last",
        "shop.locale",
        "shop.nick",
        "shop.user_id",
    ];
    let mut runner = TestRunner::new(ProptestConfig {
        cases: place.cases(500),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let cells = prop::collection::vec((prop::sample::select(&KEYS[..]), garbage()), 1..5);
    let tested = runner.run(&cells, |cells| {
        system.block_on(async {
            let world = place.world();
            world
                .visit::<Other, _>(async |other| {
                    other.set_user(42);
                    other.set_text("kept");
                })
                .await
                .unwrap();
            for (key, json) in &cells {
                world.write(&[(key, json)]).await;
            }
            let before = world.record().await;
            let read = [
                world.visit::<v1::Shop, _>(async |shop| shop.cart().len()).await,
                world.visit::<v2::Shop, _>(async |shop| shop.cart().len()).await,
                world.visit::<v3::Shop, _>(async |shop| shop.cart().len()).await,
            ];
            for read in read {
                prop_assert!(read.is_ok() || matches!(read, Err(Refused(500, Some(_)))), "{:?}", read);
            }
            prop_assert_eq!(&world.record().await, &before, "a read writes nothing, also a failed one");
            let other = world.visit::<Other, _>(async |other| (other.user(), other.text().is_some())).await;
            prop_assert_eq!(other, Ok((Some(42), true)));
            // A write of another field does not overwrite values that cannot be read.
            let written = world.visit::<v2::Shop, _>(async |shop| shop.set_locale("de")).await;
            let after = world.record().await.unwrap();
            for (key, cell) in before.as_ref().unwrap().cells() {
                if key.as_str() != "shop.locale" {
                    prop_assert_eq!(after.cell(key.as_str()), Some(cell), "{:?}", &written);
                }
            }
            Ok(())
        })
    });
    tested.unwrap();
}

/// JSON texts that a JSON library would not write back unchanged.
pub(super) const ODD: [&str; 9] = [
    "123456789012345678901234567890",
    "1e400",
    "-0.0",
    "0.1000000000000000055511151231257827",
    "{ \"b\" :1,\"a\":[ [[{}]] ] , \"b\":2}",
    "\"\\u0000\\ud83d\\ude00\\/\"",
    "[1.0,1.00,1e0,1E+0]",
    "  true",
    "\"\u{2028}é\"",
];

async fn unknown_cells_survive_byte_for_byte(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1])).await.unwrap();
    let long = format!("\"{}\"", "x".repeat(64 * 1024));
    let odd: Vec<(String, &str)> = ODD
        .into_iter()
        .chain([long.as_str()])
        .enumerate()
        .map(|(at, json)| (format!("shop.zz{at}"), json))
        .collect();
    let mut cells: Vec<(&str, &str)> = odd.iter().map(|(key, json)| (key.as_str(), *json)).collect();
    cells.push(("shop.cart@9", "{ \"of\": 9 }"));
    cells.push(("mine.of_nobody", "1e999"));
    world.write(&cells).await;
    for round in 0..3 {
        world.visit::<v2::Shop, _>(async |shop| shop.update_cart(|cart| cart.push(2))).await.unwrap();
        world.visit::<v3::Shop, _>(async |shop| shop.set_first("Ada")).await.unwrap();
        world.visit::<v2::Shop, _>(async |shop| shop.session().renew()).await.unwrap();
        world.touch().await;
        if round == 0 {
            world.visit::<v2::Shop, _>(async |shop| shop.set_user_id(1)).await.unwrap();
        }
        for (key, json) in &cells {
            assert_eq!(world.cell(key).await.as_deref(), Some(*json), "{key}");
        }
    }
    // Another user gets none of these cells (P17), known or unknown.
    world.visit::<v3::Shop, _>(async |shop| shop.set_user_id(2)).await.unwrap();
    assert_eq!(world.cells().await, "$shop r14 2\nshop.user_id r14 2\n");
    world.visit::<v3::Shop, _>(async |shop| shop.set_cart(vec![line(1, 1)])).await.unwrap();
    world.write(&cells).await;
    world
        .visit::<v2::Shop, _>(async |shop| {
            shop.clear_user_id();
            shop.set_locale("de");
        })
        .await
        .unwrap();
    assert_eq!(world.cells().await, "$shop r1 1\nshop.locale r1 \"de\"\n");
}
