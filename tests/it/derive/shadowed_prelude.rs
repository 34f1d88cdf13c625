//! A user's types may have the names of prelude types. The spelling decides: a bare `Option` means the prelude's type, so a user's
//! own type is written with its path, `self::Option`, and the prelude's as `::std::option::Option`.

#![allow(dead_code)] // the items exist only to shadow names

use self::values::{Option, String, Vec};
use super::fresh;
use ::actix_typed_session::SessionState;

// These are in a module of their own, because serde's derive takes the shadowed primitives below for the real ones.
mod values {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
    pub(super) enum Option<T> {
        Given(T),
    }
    #[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
    pub(super) struct String(pub(super) u8);
    #[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
    pub(super) struct Vec(pub(super) u8);
}
struct Box;
struct Result;
struct Some;
struct None;
struct Ok;
struct Err;
trait Default {}
trait Into {}
trait From {}
trait Fn {}
trait Send {}
trait Clone {}
trait Debug {}
trait Drop {}
trait Iterator {}
trait Deref {}
trait Future {}
#[allow(non_camel_case_types)]
struct usize;
#[allow(non_camel_case_types)]
struct str;

mod core {}
mod std {}
mod serde {}
mod actix_web {}
mod actix_typed_session {}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shadowed {
    mine: ::std::option::Option<self::Option<u8>>,
    #[session(default = self::String(3))]
    text: self::String,
    #[session(default = Vec(4))]
    list: self::Vec,
    #[session(default)]
    real_text: ::std::string::String,
    #[session(default)]
    real_list: ::std::vec::Vec<u8>,
    #[session(principal)]
    user: ::core::option::Option<u64>,
    #[session(flash)]
    notice: ::core::option::Option<::std::string::String>,
}

#[::actix_web::test]
async fn the_expansion_uses_the_real_prelude() {
    let mut handle = fresh::<Shadowed>().await;
    handle.set_mine(self::Option::Given(1));
    assert_eq!(handle.mine(), ::std::option::Option::Some(&self::Option::Given(1)));
    assert_eq!(handle.text(), &self::String(3));
    assert_eq!(handle.list(), &self::Vec(4));
    handle.set_real_text("a");
    assert_eq!(handle.real_text(), "a");
    handle.update_real_list(|list| list.push(1));
    assert_eq!(handle.real_list(), [1]);
    handle.set_user(3);
    assert_eq!(handle.user(), ::std::option::Option::Some(3));
    handle.set_notice("x");
    assert_eq!(handle.take_notice().as_deref(), ::std::option::Option::Some("x"));
    let _ = handle.try_update(|state| state.real_list.len()).await;
}
