//! The values that each setter accepts. A getter shows them at once.

use std::borrow::Cow;

use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

use super::{fresh, type_of};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Theme {
    Light,
    Dark,
}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Setters {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    visits: u64,
    #[session(default)]
    name: String,
    #[session(default)]
    cart: Vec<u32>,
    #[session(default = Theme::Light)]
    theme: Theme,
    nick: Option<String>,
    limit: Option<u8>,
    #[session(flash)]
    notice: Option<String>,
    #[session(getter = "last_seen", default)]
    seen: u32,
}

impl Setters {
    fn total(&self) -> u32 {
        self.cart.iter().sum()
    }
}

#[actix_web::test]
async fn set() {
    let mut handle = fresh::<Setters>().await;
    handle.set_visits(3);
    handle.set_visits(handle.visits() + 1);
    assert_eq!(handle.visits(), 4);
    handle.set_name("a");
    assert_eq!(handle.name(), "a");
    handle.set_name(String::from("b"));
    assert_eq!(handle.name(), "b");
    handle.set_cart((1..4).collect());
    assert_eq!(handle.cart(), [1, 2, 3]);
    assert_eq!(handle.total(), 6);
    handle.set_theme(Theme::Dark);
    assert_eq!(handle.theme(), &Theme::Dark);
    // The option renames only the getter; the setters keep the field's name.
    handle.set_seen(9);
    assert_eq!(handle.last_seen(), 9);
}

#[actix_web::test]
#[allow(clippy::needless_borrows_for_generic_args)] // the argument is what is tested
async fn set_an_option() {
    let mut handle = fresh::<Setters>().await;
    handle.set_nick("a");
    assert_eq!(handle.nick(), Some("a"));
    handle.set_nick(String::from("b"));
    assert_eq!(handle.nick(), Some("b"));
    handle.set_nick(Some(String::from("c")));
    assert_eq!(handle.nick(), Some("c"));
    handle.set_nick(None);
    assert_eq!(handle.nick(), None);
    for (at, set) in [
        (|handle: &mut SettersHandle| handle.set_nick(&String::from("0"))) as fn(&mut SettersHandle),
        |handle| handle.set_nick(Box::<str>::from("1")),
        |handle| handle.set_nick(Cow::Borrowed("2")),
        |handle| handle.set_nick(Cow::<str>::Owned("3".to_owned())),
        |handle| handle.set_nick('4'),
        |handle| handle.set_nick(String::from("5").as_mut_str()),
    ]
    .into_iter()
    .enumerate()
    {
        set(&mut handle);
        assert_eq!(handle.nick().map(str::to_owned), Some(at.to_string()));
    }
    handle.set_limit(3);
    assert_eq!(handle.limit(), Some(3));
    handle.set_limit("7".parse().ok());
    assert_eq!(handle.limit(), Some(7));
    handle.clear_limit();
    assert_eq!(handle.limit(), None);
}

#[actix_web::test]
async fn sign_in_and_out() {
    let mut handle = fresh::<Setters>().await;
    handle.set_user(3);
    assert_eq!(handle.user(), Some(3));
    handle.clear_user();
    assert_eq!(handle.user(), None);
    handle.set_user(Some(4));
    assert_eq!(handle.user(), Some(4));
    handle.set_user(None);
    assert_eq!(handle.user(), None);
}

#[actix_web::test]
async fn update() {
    let mut handle = fresh::<Setters>().await;
    let sku = 11;
    handle.update_cart(move |cart| cart.push(sku));
    handle.update_visits(|visits| *visits += 2);
    handle.update_nick(|nick| nick.get_or_insert_default().push('x'));
    assert_eq!((handle.cart(), handle.visits(), handle.nick()), (&[11][..], 2, Some("x")));
    handle.update(|state| {
        state.visits += u64::from(state.total());
        state.cart.clear();
    });
    assert_eq!((handle.cart(), handle.visits()), (&[][..], 13));
}

#[actix_web::test]
async fn take() {
    let mut handle = fresh::<Setters>().await;
    handle.set_notice("added");
    assert_eq!(handle.notice(), Some("added"));
    let taken = handle.take_notice();
    assert_eq!(type_of(&taken), std::any::type_name::<Option<String>>());
    assert_eq!(taken.as_deref(), Some("added"));
    assert_eq!(handle.notice(), None);
    assert_eq!(handle.take_notice(), None);
    handle.set_notice("again");
    handle.clear_notice();
    assert_eq!(handle.notice(), None);
}
