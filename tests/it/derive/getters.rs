//! The return type of a getter follows from the spelling of the field's type.

use std::any::type_name;
use std::num::NonZeroU8;

use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

use super::{fresh, type_of};

#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
struct Line {
    sku: u32,
}

type Alias = Option<u8>;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Getters {
    #[session(default = true)]
    boolean: bool,
    #[session(default = 'x')]
    letter: char,
    #[session(default = -3)]
    number: i64,
    #[session(default = 1.5)]
    fraction: f64,
    #[session(default = NonZeroU8::MIN)]
    some_number: NonZeroU8,
    #[session(default = "en".to_owned())]
    text: String,
    #[session(default)]
    std_text: ::std::string::String,
    #[session(default = vec![Line { sku: 7 }])]
    list: Vec<Line>,
    #[session(default)]
    pair: (u8, String),
    #[session(default)]
    line: Line,
    maybe_number: Option<u32>,
    maybe_text: std::option::Option<String>,
    maybe_list: Option<Vec<Line>>,
    maybe_line: ::core::option::Option<Line>,
    #[session(default)]
    alias: Alias,
    #[session(getter = "since", default = 4)]
    seen: u16,
}

macro_rules! returns {
    ($handle:ident: $($getter:ident -> $ty:ty),* $(,)?) => {
        $(assert_eq!(type_of(&$handle.$getter()), type_name::<$ty>(), stringify!($getter));)*
    };
}

#[actix_web::test]
async fn types() {
    let handle = fresh::<Getters>().await;
    returns!(handle:
        boolean -> bool,
        letter -> char,
        number -> i64,
        fraction -> f64,
        some_number -> NonZeroU8,
        text -> &str,
        std_text -> &str,
        list -> &[Line],
        pair -> &(u8, String),
        line -> &Line,
        maybe_number -> Option<u32>,
        maybe_text -> Option<&str>,
        maybe_list -> Option<&[Line]>,
        maybe_line -> Option<&Line>,
        // The spelling decides, not the type that an alias stands for.
        alias -> &Option<u8>,
        since -> u16,
    );
}

#[actix_web::test]
async fn defaults() {
    let handle = fresh::<Getters>().await;
    assert!(handle.boolean());
    assert_eq!(handle.letter(), 'x');
    assert_eq!(handle.number(), -3);
    assert!((handle.fraction() - 1.5).abs() < f64::EPSILON);
    assert_eq!(handle.some_number().get(), 1);
    assert_eq!(handle.text(), "en");
    assert_eq!(handle.std_text(), "");
    assert_eq!(handle.list(), [Line { sku: 7 }]);
    assert_eq!(handle.pair(), &(0, String::new()));
    assert_eq!(handle.line(), &Line::default());
    assert_eq!(handle.maybe_number(), None);
    assert_eq!(handle.maybe_text(), None);
    assert_eq!(handle.maybe_list(), None);
    assert_eq!(handle.maybe_line(), None);
    assert_eq!(handle.alias(), &None);
    assert_eq!(handle.since(), 4);
    // The fields can be read too, and the methods of the state can be called.
    assert_eq!(handle.seen, 4);
}

/// Field names that would clash with a method of another field if that field had the method.
#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Free {
    #[session(default)]
    a: u8,
    #[session(default)]
    clear_a: u8,
    b: Option<u8>,
    #[session(default)]
    take_b: u8,
    #[session(principal)]
    user: Option<u8>,
    #[session(default)]
    update_user: u8,
}

#[actix_web::test]
async fn names_that_do_not_clash() {
    let mut handle = fresh::<Free>().await;
    handle.set_clear_a(1);
    handle.set_take_b(2);
    handle.set_update_user(3);
    assert_eq!((handle.clear_a(), handle.take_b(), handle.update_user()), (1, 2, 3));
    assert_eq!((handle.a(), handle.b(), handle.user()), (0, None, None));
}

/// Getters that copy, and getters of the state itself.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Default)]
struct Id(u64);

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Copies {
    #[session(principal, copy)]
    user: Option<Id>,
    #[session(default, copy)]
    last: Id,
    #[session(default, copy)]
    pair: (u8, u8),
    #[session(default, copy)]
    number: u8,
    #[session(default)]
    list: Vec<Id>,
}

fn shown(state: &Copies) -> (Option<Id>, Id, (u8, u8), u8, &[Id]) {
    (state.user(), state.last(), state.pair(), state.number(), state.list())
}

#[actix_web::test]
async fn getters_of_the_state() {
    let mut handle = fresh::<Copies>().await;
    handle.set_user(Id(1));
    handle.set_last(Id(2));
    handle.update(|state| state.list = vec![state.last(), state.last()]);
    let user: Option<Id> = handle.user();
    assert_eq!((user, handle.last(), handle.pair(), handle.number()), (Some(Id(1)), Id(2), (0, 0), 0));
    assert_eq!(shown(&handle), (Some(Id(1)), Id(2), (0, 0), 0, &[Id(2), Id(2)][..]));
}

/// Attributes of serde that are there for something else, such as a template.
#[derive(Serialize, SessionState)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[session(version = 1, lock = off)]
struct Shown {
    first_name: Option<String>,
    #[serde(skip)]
    #[allow(dead_code)]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

#[actix_web::test]
async fn a_state_for_a_template() {
    let mut handle = fresh::<Shown>().await;
    handle.set_first_name("a");
    handle.set_secret("b");
    assert_eq!(handle.secret(), Some("b"));
    assert_eq!(serde_json::to_string(&*handle).unwrap(), r#"{"firstName":"a"}"#);
}
