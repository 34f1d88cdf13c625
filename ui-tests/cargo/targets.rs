//! States in tests, benches, examples and doctests, and in packages of every edition.
//!
//! In: the sources of a package. Out: what cargo says, and the lock file of the product as it was.

use super::{
    LOCK,
    kit::{Folder, alone, state},
};

/// A state beside the product has nothing to do with the product's lock, whatever its name, unless it asks.
#[test]
fn what_is_beside_the_product_has_no_lock() {
    let shop = Folder::new("beside");
    let targets = "[[bench]]\nname = \"speed\"\nharness = false\n[[example]]\nname = \"elsewhere\"\npath = \"demo/elsewhere.rs\"\n\
                   [[test]]\nname = \"apart\"\npath = \"apart/main.rs\"\n";
    shop.write("Cargo.toml", &(alone("beside", "") + targets));
    let example =
        |field: &str| format!("//! ```{field}\n//! use beside as _;\n{}//! ```\n", commented(&other()));
    shop.write(
        "src/lib.rs",
        &(example("") + &example("standalone_crate") + &state("version = 1", "pub user: Option<u64>")),
    );
    for file in ["benches/speed.rs", "demo/elsewhere.rs", "apart/main.rs"] {
        shop.write(file, "fn main() {}\n");
    }
    shop.session_lock("release").fine("wrote session-schemas/shop.lock");
    let before = shop.everything();

    let with_main = other() + "fn main() {}\n";
    shop.write("tests/flow.rs", &(other() + "mod inner;\n"));
    shop.write("tests/inner/mod.rs", &other());
    shop.write("apart/main.rs", &other());
    for file in ["benches/speed.rs", "examples/demo.rs", "demo/elsewhere.rs", "examples/many/main.rs"] {
        shop.write(file, &with_main);
    }
    for task in ["", "release"] {
        shop.cargo(task, &["test", "--all-targets"]).fine("").without("session-schemas").without(" draft");
        shop.cargo(task, &["test", "--doc"]).fine("(line 1) ... ok").fine("(line 7) ... ok");
    }
    let now = shop.everything();
    let kept = |path: &std::path::Path| path.starts_with(shop.path("session-schemas"));
    assert!(before.iter().filter(|(path, _)| kept(path)).all(|(path, file)| now.get(path) == Some(file)));
    assert_eq!(now.keys().filter(|path| kept(path)).count(), 2);

    // A state that asks has a lock of its own.
    let asks = "name = \"cafe\", version = 1, lock = required";
    let cafe = state("version = 1", "pub cups: Option<u8>").replace("name = \"shop\", version = 1", asks);
    shop.write("tests/flow.rs", &cafe);
    shop.cargo("", &["test", "--test", "flow"]).fine("wrote session-schemas/cafe.lock");
    shop.cargo("", &["test", "--test", "flow"]).fine("session_lock_shop ... ok");
    assert!(shop.read(LOCK).contains("user"));
}

/// Another `Shop`.
fn other() -> String {
    state(
        "version = 3",
        "#[session(default)] pub size: u8, #[session(since = 2)] pub more: Option<u8>, #[session(since = 3)] pub most: Option<u8>",
    )
}

fn commented(text: &str) -> String {
    text.lines().flat_map(|line| ["//! ", line, "\n"]).collect()
}

/// Generated code compiles in each edition, and without the prelude.
#[test]
fn every_edition() {
    let source = |attribute: &str| {
        format!(
            "{attribute}
            type Text = ::std::option::Option<::std::string::String>;
            #[derive(::actix_typed_session::SessionState)]
            #[session(name = \"shop\", version = 2, lock = off, removed(key = \"gone\", from = u8, since = 2))]
            #[session(step(since = 2, from(name: ::std::option::Option<::std::string::String>), to(first, last), up = split, down = join))]
            pub struct Shop {{
                #[session(principal)]
                pub user: ::std::option::Option<u64>,
                #[session(flash)]
                pub notice: ::std::option::Option<::std::string::String>,
                #[session(default, changed(since = 2, from = u8, up = wide, down = narrow, merge = merge))]
                pub size: u16,
                #[session(copy, default)]
                pub point: Point,
                #[session(since = 2)]
                pub first: ::std::option::Option<::std::string::String>,
                #[session(since = 2)]
                pub last: ::std::option::Option<::std::string::String>,
            }}
            #[derive(::std::clone::Clone, ::std::marker::Copy, ::std::default::Default, ::serde::Serialize, ::serde::Deserialize)]
            #[derive(::actix_typed_session::SessionValue)]
            pub struct Point {{ pub x: u8, pub y: ::std::option::Option<u8> }}
            fn split(name: Text) -> (Text, Text) {{ (name, ::std::option::Option::None) }}
            fn join(names: (Text, Text)) -> Text {{ names.0 }}
            fn wide(old: u8) -> u16 {{ ::std::convert::Into::into(old) }}
            fn narrow(new: u16) -> u8 {{ new.to_le_bytes()[0] }}
            fn merge(old: u8, _: u16) -> u16 {{ ::std::convert::Into::into(old) }}
            pub fn handler(shop: &mut ShopHandle) {{
                shop.set_size(3);
                shop.update_point(|point| point.x += 1);
                shop.set_user(1);
                shop.set_first(\"a\");
                let _ = (shop.take_notice(), shop.point().x, shop.session());
            }}\n"
        )
    };
    for edition in ["2015", "2018", "2021", "2024"] {
        let shop = Folder::new(&format!("edition_{edition}"));
        let manifest =
            alone(&format!("edition-{edition}"), "").replace("\"2024\"", &format!("\"{edition}\""));
        shop.write(
            "Cargo.toml",
            &manifest
                .replace("[workspace]", "serde = { version = \"1\", features = [\"derive\"] }\n[workspace]"),
        );
        // In the oldest edition, a path that begins with `::` is one of the crate's own.
        let crates =
            if edition == "2015" { "extern crate actix_typed_session; extern crate serde;\n" } else { "" };
        for attribute in ["", "#![no_implicit_prelude]"] {
            shop.write(
                "src/lib.rs",
                &format!(
                    "#![deny(warnings)]\n{}",
                    source(attribute).replacen('\n', &format!("\n{crates}"), 1)
                ),
            );
            shop.build().fine("Finished");
        }
    }
}

/// The example in the docs of a field is a test of the field, and not of each method.
#[test]
fn an_example_of_a_field_runs_once() {
    let shop = Folder::new("examples_once");
    shop.write("Cargo.toml", &alone("examples-once", ""));
    let example = "/// What was seen.\n///\n/// # Examples\n///\n/// ```\n/// assert!(true);\n/// ```\n";
    shop.write(
        "src/lib.rs",
        &state(
            "version = 1, lock = off",
            &format!("\n{example}#[session(flash)]\npub seen: Option<String>,"),
        ),
    );
    shop.cargo("", &["test", "--doc"]).fine("test result: ok. 1 passed");
}
