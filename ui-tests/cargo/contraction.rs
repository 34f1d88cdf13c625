//! The releases in the guide, with their lock file: a change is made, and its old side leaves the source.
//!
//! In: the sources of a schema, release by release. Out: each one builds and is released, and its record is read as long as possible.

use super::{
    LOCK,
    kit::{Folder, alone, state},
};

const TYPES: &str = "#[derive(serde::Serialize, serde::Deserialize, actix_typed_session::SessionValue)]
    pub struct Line { pub sku: u32 }\n";
const UP: &str = "fn up(skus: Vec<u32>) -> Vec<Line> { skus.into_iter().map(|sku| Line { sku }).collect() }
    fn split(name: Option<String>) -> (Option<String>, Option<String>) { (name, None) }\n";
const DOWN: &str =
    "fn down(lines: Vec<Line>) -> Vec<u32> { lines.into_iter().map(|line| line.sku).collect() }
    fn join((first, _): (Option<String>, Option<String>)) -> Option<String> { first }\n";
const REMOVED: &str = "removed(key = \"theme\", from = String, since = 2)";

fn fields(cart: &str) -> String {
    format!(
        "#[session(default, changed(since = 2{cart}))] pub cart: Vec<Line>,
         #[session(since = 2)] pub first: Option<String>, #[session(since = 2)] pub last: Option<String>,"
    )
}

fn step(more: &str) -> String {
    format!("step(since = 2, from(name: Option<String>), to(first, last), up = split{more}), {REMOVED}")
}

#[test]
fn the_old_side_leaves_the_source() {
    let shop = Folder::new("contraction");
    shop.write(
        "Cargo.toml",
        &(alone("contraction", "").replace("[workspace]", "serde = \"1\"\n[workspace]")),
    );
    let source = |schema: &str, fields: &str, functions: &str| {
        let deny = "#![deny(warnings)]\n";
        let text = format!("{deny}{TYPES}{functions}{}", state(schema, fields));
        shop.write("src/lib.rs", &text);
    };
    source(
        "version = 1",
        "#[session(default)] pub cart: Vec<u32>, pub name: Option<String>, #[session(default)] pub theme: String",
        "",
    );
    shop.session_lock("release").fine("ok");

    let (up, down) = (", from = Vec<u32>, up = up", ", from = Vec<u32>, up = up, down = down");
    source(&format!("version = 2, {}", step(", down = join")), &fields(down), &format!("{UP}{DOWN}"));
    shop.session_lock("release").fine("ok");

    source(&format!("version = 2, oldest_reader = 2, {}", step("")), &fields(up), UP);
    shop.session_lock("").fine("ok").without("not read");

    let forgotten = "oldest_reader = 2, oldest_record = 2, step(since = 2, from(name), to(first, last))";
    source(&format!("version = 2, {forgotten}"), &fields(""), "");
    let before = shop.everything();
    shop.session_lock("")
        .fine("shop.v1.json: not read, because of `oldest_record = 2`")
        .without("shop.v2.json");
    shop.session_lock("").fine("ok");
    shop.session_lock("release").fine("ok");
    let lock = shop.path(LOCK);
    assert_eq!(shop.everything().get(&lock), before.get(&lock));

    let third = format!("{} #[session(since = 3)] pub note: Option<String>,", fields(""));
    source(&format!("version = 3, {forgotten}"), &third, "");
    shop.session_lock("release").fine("ok");
    shop.build().fine("Finished");
    let text = shop.read(LOCK);
    for line in ["  theme `String`", "  name `Option<String>`", "  cart `Vec<u32>`"] {
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }
    assert_eq!(text.matches("step 2 from name").count(), 4, "two fields in two versions: {text}");

    for (key, says) in [
        (
            "theme",
            "`theme` was stored up to version 1, and sessions may still hold those values; if the field comes back, leave out",
        ),
        ("name", "wire key \"name\" still belongs to field `name`, but a step"),
    ] {
        let again = format!("{third} #[session(since = 4)] pub {key}: Option<String>,");
        source(&format!("version = 4, {forgotten}"), &again, "");
        shop.session_lock("").fails(says);
    }
}
