//! A schema that gets another name, and two states with the same name.

use super::super::data::Lock;
use super::super::source::File;
use super::ask::{ask, file, frozen};

fn state(name: &str, ident: &str, version: u16, fields: &str) -> String {
    format!("#[session({name}version = {version})] struct {ident} {{ {fields} }}")
}

const FIELDS: &str = "a: Option<u8>, b: Option<u8>, c: Option<u8>";

fn lock(ident: &str) -> String {
    frozen(&ask(&state("name = \"shop\", ", ident, 1, FIELDS), file("")).lock)
}

/// The mistakes of a state when the only lock is that of `shop`.
#[track_caller]
fn beside(shop: &str, text: &str) -> Vec<String> {
    ask(text, File::Missing(vec![Lock::parse(shop).unwrap()])).mistakes
}

#[test]
fn a_schema_keeps_its_name() {
    let shop = lock("Shop");
    let fewer = "a: Option<u8>, b: Option<u8>, other: Option<u8>";
    for (text, says) in [
        (state("name = \"shop2\", ", "Shop", 1, FIELDS), "the schema of `Shop` was `shop`"),
        (state("name = \"shop2\", ", "Shop", 1, fewer), "write `name = \"shop\"` to keep them"),
        (state("name = \"shop2\", ", "Shop", 1, fewer), "delete shop.lock"),
        (state("", "Store", 1, FIELDS), "if `Shop` became `Store`, write `name = \"shop\"`"),
    ] {
        let told = beside(&shop, &text);
        assert!(told.len() == 1 && told[0].contains(says), "{text}\n{told:?}");
    }
    for text in [
        state("", "Store", 1, fewer),
        state("name = \"store\", ", "Store", 1, FIELDS),
        state("name = \"other\", ", "Shop", 1, "other: Option<u8>, a: Option<u8>"),
        state("name = \"shop2\", lock = off, ", "Shop", 1, FIELDS),
    ] {
        assert_eq!(beside(&shop, &text), [""; 0], "{text}");
    }
}

#[test]
fn two_states_need_two_names() {
    let first = lock("Shop");
    let second =
        state("name = \"shop\", ", "Shop", 2, &format!("{FIELDS}, #[session(since = 2)] d: Option<u8>"));
    let shop = frozen(&ask(&second, file(&first)).lock);
    let other = "items: Option<u8>";
    for (text, name) in [
        (state("name = \"shop\", ", "Basket", 1, other), "basket"),
        (state("name = \"shop\", ", "Basket", 2, "#[session(since = 2)] items: Option<u8>"), "basket"),
        (state("name = \"shop\", ", "Basket", 1, FIELDS), "basket"),
        (state("name = \"shop\", ", "r#Shop2", 1, other), "shop2"),
    ] {
        let told = ask(&text, file(&shop)).mistakes;
        let says = format!("two states need two names; write `name = \"{name}\"`");
        assert!(told.len() == 1 && told[0].contains(&says), "{text}\n{told:?}");
    }
    // A renamed type is still the same state.
    let renamed = second.replace("struct Shop", "struct Store");
    assert_eq!(ask(&renamed, file(&shop)).mistakes, [""; 0]);
    let updated = ask(&renamed, file(&shop));
    assert!(updated.mistakes.is_empty() && updated.lock.contains("type Store"), "{}", updated.lock);
}
