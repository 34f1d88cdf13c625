//! Fields that are added inside of a type of the user's own.
//!
//! In: the sources of a schema, release by release. Out: what the golden records say of each change that is called `compatible`.

use super::{
    LOCK,
    kit::{Folder, alone, state},
};

const COMPATIBLE: &str = "#[session(changed(since = 2, compatible))] pub address: Option<Address>";

#[test]
fn a_field_is_added_inside_of_a_type() {
    let shop = Folder::new("nested");
    let serde = "[dependencies.serde]\nversion = \"1\"\nfeatures = [\"derive\"]\n";
    shop.write("Cargo.toml", &(alone("nested", "") + serde));
    let write = |schema: &str, field: &str, fields: &str, values: &str| {
        let address = format!(
            "#[derive(serde::Serialize, serde::Deserialize, actix_typed_session::SessionValue)]\n{}pub struct Address {{ {fields} }}\n",
            if fields.contains("Strict") { "#[serde(deny_unknown_fields)]\n" } else { "" }
        );
        let sample = format!(
            "#[cfg(test)] fn full() -> Shop {{ Shop {{ address: Some(Address {{ {values} }}) }} }}\n"
        );
        shop.write("src/lib.rs", &(state(schema, field) + &address + &sample));
    };
    let (before, after) = ("pub street: String", "pub street: String, pub city: Option<String>");
    let (old, new) = ("street: \"a\".to_owned()", "street: \"a\".to_owned(), city: Some(\"b\".to_owned())");
    let (first, second) = ("version = 1, sample = full", "version = 2, sample = full");
    write(first, "pub address: Option<Address>", before, old);
    shop.session_lock("release").fine("version 1 is released");

    // No copy of the old type, no `up` and no other wire key.
    write(first, "pub address: Option<Address>", after, new);
    shop.build().fails("`changed(since = 2, compatible)`; otherwise");
    write(second, COMPATIBLE, after, new);
    shop.session_lock("").fine("version 2: ~ `address`, inside `Option<Address>`").without("nothing shows");

    // More than that is found out by the record of version 1.
    let refused = |fields: &str, values: &str, says: &str| {
        write(second, COMPATIBLE, fields, values);
        for task in ["", "release"] {
            shop.session_lock(task).fails(says).without("wrote");
        }
    };
    refused(
        &after.replace("Option<String>", "String"),
        &new.replace("Some(\"b\".to_owned())", "String::new()"),
        "does not fit its type",
    );
    refused(
        "#[serde(skip_serializing, default)] pub street: String, pub city: Option<String>",
        new,
        "that is more than added fields, so `compatible` is not enough",
    );
    refused(
        &format!("/* Strict */ {after}").replace("/* Strict */", "#[doc = \"Strict\"]"),
        new,
        "refuses a field that it does not know, so an older binary could not read what this one writes",
    );

    write(second, COMPATIBLE, after, new);
    shop.session_lock("release").fine("version 2 is released");
    shop.session_lock("CI").fine("ok");
    let record = shop.read("session-schemas/fixtures/shop.v1.json");
    assert!(record.contains("\"city\": null") && !shop.read(LOCK).contains("address@2"), "{record}");
    // What version 2 read of the record of version 1 is compared from now on.
    write(second, COMPATIBLE, &after.replace("pub city", "#[serde(default = \"city\")] pub city"), new);
    let text = shop.read("src/lib.rs") + "fn city() -> Option<String> { Some(\"c\".to_owned()) }\n";
    shop.write("src/lib.rs", &text);
    shop.session_lock("").fails("when version 2 was released, and does not now");
    // Without the mark, the record of version 1 reads as something else.
    write(second, "pub address: Option<Address>", after, new);
    shop.build().fine("Finished");
    shop.session_lock("").fails("if fields were added inside of it, say `changed(since = .., compatible)`");
    write(
        "version = 2, sample = full, oldest_reader = 2, oldest_record = 2",
        "pub address: Option<Address>",
        after,
        new,
    );
    shop.session_lock("").fine("ok");
}

/// A record of defaults shows nothing, and that is said.
#[test]
fn a_record_that_does_not_hold_it() {
    let shop = Folder::new("nested_unshown");
    let serde = "[dependencies.serde]\nversion = \"1\"\nfeatures = [\"derive\"]\n";
    shop.write("Cargo.toml", &(alone("nested-unshown", "") + serde));
    let write = |version: u16, field: &str, fields: &str| {
        let address = format!(
            "#[derive(serde::Serialize, serde::Deserialize, actix_typed_session::SessionValue)]\npub struct Address {{ {fields} }}\n"
        );
        shop.write("src/lib.rs", &(state(&format!("version = {version}"), field) + &address));
    };
    write(1, "pub address: Option<Address>", "pub street: String");
    shop.session_lock("release").fine("ok");
    write(2, COMPATIBLE, "pub street: String, pub city: Option<String>");
    shop.session_lock("").fine(
        "no golden record of an earlier version holds `shop.address`, so nothing shows that version 2 is",
    );
}
