//! What a release keeps, and what the lock sees inside types.
//!
//! In: the sources of a schema, release by release. Out: what the generated test writes, prints and refuses.

use std::fs;

use super::{
    LOCK,
    kit::{Folder, alone, state},
};

/// A release freezes the version and keeps a record of it, which every later version reads back.
#[test]
fn released_records_are_read_back() {
    let shop = Folder::new("released");
    shop.write("Cargo.toml", &alone("released", ""));
    let full = "#[cfg(test)]\nfn full() -> Shop { Shop { size: 7 } }\n";
    shop.write(
        "src/lib.rs",
        &(state("version = 1, sample = full", "#[session(default)] pub size: u8") + full),
    );
    shop.session_lock("release").fine("ok");
    let record = shop.read("session-schemas/fixtures/shop.v1.json");
    assert!(record.contains("\"shop.size\": 7"), "{record}");

    let second = |up: &str| {
        let field =
            "#[session(default, changed(since = 2, from = u8, up = wider, down = narrower))] pub size: u16";
        let functions = format!(
            "fn wider(size: u8) -> u16 {{ {up} }}\nfn narrower(size: u16) -> u8 {{ size.to_le_bytes()[0] }}\n{}",
            full.replace("size: 7", "size: 700")
        );
        state("version = 2, sample = full", field) + &functions
    };
    shop.write("src/lib.rs", &second("u16::from(size)"));
    shop.session_lock("release").fine("ok");
    let record = shop.read("session-schemas/fixtures/shop.v1.json");
    assert!(record.contains("\"shop.size@2\": 7") && record.contains("\"shop.size\": 7"), "{record}");
    assert!(shop.read("session-schemas/fixtures/shop.v2.json").contains("\"shop.size@2\": 700"));
    shop.session_lock("").fine("ok");

    shop.write("src/lib.rs", &second("u16::from(size) + 1"));
    shop.session_lock("").fails("`shop.size@2` read as 7 when version 2 was released").fails("shop.v1.json");
}

/// A release with a mistake fails, says where, and writes nothing.
#[test]
fn a_failed_release_writes_nothing() {
    let shop = Folder::package("failed", "version = 1", "#[session(default)] pub size: u8");
    let released = shop.session_lock("release");
    released.fine("`shop`: no `sample`: the record that a release keeps of version 1 holds only defaults");
    released.fine("wrote session-schemas/shop.lock").fine("wrote session-schemas/fixtures/shop.v1.json");
    shop.session_lock("release").fine("ok").without("wrote");

    let second = |sample: u16, down: &str| {
        let field =
            "#[session(default, changed(since = 2, from = u8, up = wider, down = narrower))] pub size: u16";
        let functions = format!(
            "fn wider(size: u8) -> Result<u16, String> {{ if size == 9 {{ Err(\"nine\".to_owned()) }} else {{ Ok(size.into()) }} }}\n\
             fn narrower(size: u16) -> u8 {{ {down} }}\n\
             #[cfg(test)]\nfn full() -> Shop {{ Shop {{ size: {sample} }} }}\n"
        );
        shop.write("src/lib.rs", &(state("version = 2, sample = full", field) + &functions));
    };
    let (before, locked) = (shop.everything(), shop.read(LOCK));
    let unchanged = || {
        let now = shop.everything();
        assert!(before.iter().all(|(path, file)| !path.ends_with("json") || now.get(path) == Some(file)));
        assert_eq!(shop.read(LOCK), locked);
        assert!(!shop.path("session-schemas/fixtures/shop.v2.json").exists());
    };
    second(700, "u8::try_from(size).unwrap()");
    shop.session_lock("release").fails("`down` of `size` fails on what `sample` makes");
    unchanged();
    second(9, "u8::try_from(size).unwrap()");
    shop.session_lock("release").fails("`up` of `size` fails on what `down` makes of `sample`");
    unchanged();

    // A deleted record is reported, whatever the task.
    second(7, "u8::try_from(size).unwrap()");
    let record = "session-schemas/fixtures/shop.v1.json";
    let text = shop.read(record);
    fs::remove_dir_all(shop.path("session-schemas/fixtures")).unwrap();
    let gone = "session-schemas/fixtures/shop.v1.json is missing; it is a record of version 1";
    shop.session_lock("").fails(gone).fails("in the source of that version").without("wrote");
    shop.session_lock("release").fails(gone).without("wrote");
    assert!(!shop.path(record).exists());
    assert_eq!(shop.read(LOCK), locked);
    shop.write(record, &text);
    shop.session_lock("release").fine(&format!("wrote {record}")).without("no `sample`");
    fs::remove_file(shop.path("session-schemas/fixtures/shop.v2.json")).unwrap();
    shop.session_lock("").fails("shop.v2.json is missing").without("in the source of that version");
}

/// The values read from a record must stay the same in every later version until a release changes them. Defaults may change.
#[test]
fn what_was_read_is_not_rewritten() {
    let shop = Folder::new("rewritten");
    shop.write("Cargo.toml", &alone("rewritten", ""));
    let write = |version: u16, up: &str, more: &str| {
        let changed = "changed(since = 2, from = u8, up = wider, down = narrower)";
        let (field, functions) = match version {
            1 => ("#[session(default)] pub size: u8".to_owned(), String::new()),
            _ => (
                format!("#[session(default, {changed})] pub size: u16, {more}"),
                format!("fn wider(size: u8) -> u16 {{ {up} }}\nfn narrower(_: u16) -> u8 {{ 7 }}\n"),
            ),
        };
        let rest = [("zone", "zone: 5, "), ("nick", "nick: None, ")];
        let rest: String =
            rest.iter().filter(|(name, _)| more.contains(name)).map(|(_, value)| *value).collect();
        let sample = format!("#[cfg(test)]\nfn full() -> Shop {{ Shop {{ size: 7, {rest} }} }}\n");
        let state = state(&format!("version = {version}, sample = full"), &field);
        shop.write("src/lib.rs", &(state + &functions + &sample));
    };
    write(1, "", "");
    shop.session_lock("release").fine("ok");
    write(2, "size.into()", "#[session(since = 2, default = 3)] pub zone: u8");
    shop.session_lock("release").fine("ok");
    let record = "session-schemas/fixtures/shop.v1.json";
    let text = shop.read(record);
    assert!(text.contains("\"shop.size@2\": 7") && !text.contains("zone"), "{text}");

    // No record holds it.
    write(2, "size.into()", "#[session(since = 2, default = 4)] pub zone: u8");
    shop.build().fine("Finished").without("warning");
    let told = "the default of `zone` was `3`; sessions that never set it change value; keep it, or record it with `SESSION_LOCK=release";
    shop.session_lock("").fails("changed in version 2, which is released").fails(told).without("wrote");
    shop.session_lock("release").fine("wrote session-schemas/shop.lock");
    shop.session_lock("").fine("ok").without("wrote");

    let later = "#[session(since = 2, default = 4)] pub zone: u8, #[session(since = 3)] pub nick: Option<u8>";
    for task in ["", "release"] {
        write(3, "u16::from(size) + 1", later);
        shop.session_lock(task)
            .fails("`shop.size@2` read as 7 when version 2 was released, and does not now: it is 8");
        assert_eq!(shop.read(record), text);
    }
    write(3, "size.into()", later);
    shop.session_lock("release").fine(&format!("wrote {record}"));
    assert!(shop.read(record).contains("\"3\""));
}

/// An opaque type is reported, and gets a shape as soon as it derives `SessionValue`.
#[test]
fn a_type_of_the_users_own() {
    let shop = Folder::new("own_types");
    let serde = "[dependencies.serde]\nversion = \"1\"\nfeatures = [\"derive\"]\n";
    shop.write("Cargo.toml", &(alone("own-types", "") + serde));
    let address = |name: &str, derive: &str, fields: &str| {
        format!("#[derive(serde::Serialize, serde::Deserialize{derive})]\npub struct {name} {{ {fields} }}\n")
    };
    let value = ", actix_typed_session::SessionValue";
    let write = |version: u16, field: &str, more: &str| {
        shop.write("src/lib.rs", &(state(&format!("version = {version}"), field) + more));
    };
    let field = "pub address: Option<Address>";
    let unseen = "changes inside `Address` are not seen; derive `SessionValue` for it";
    write(1, field, &address("Address", "", "pub street: String"));
    shop.session_lock("").fine(unseen).without("inside `Option<Address>`");
    shop.session_lock("release").fine(unseen);
    assert!(shop.read(LOCK).contains("shape opaque"));
    shop.session_lock("").fine("ok").without(unseen);

    // An opaque type may be renamed.
    let changed = |old: &str| {
        format!(
            "#[session(changed(since = 2, from = Option<{old}>, up = new, down = old))] pub address: Option<Address>"
        )
    };
    let functions = "fn new(_: Option<AddressV1>) -> Option<Address> { None }\nfn old(_: Option<Address>) -> Option<AddressV1> { None }\n";
    let (before, after) = ("pub street: String", "pub street: String, pub city: String");
    let both =
        |derive: &str| address("AddressV1", derive, before) + &address("Address", value, after) + functions;
    for derive in ["", value] {
        write(2, &changed("AddressV1"), &both(derive));
        shop.session_lock("").fine("ok");
        shop.build().fine("Finished").without("warning");
    }

    // Once it has the derive, changes inside are noticed.
    write(1, field, &address("Address", "", before));
    shop.session_lock("").fine(unseen);
    write(1, field, &address("Address", value, before));
    shop.session_lock("CI")
        .fails("session-schemas/shop.lock is not up to date: ~ `address`, inside `Option<Address>`");
    shop.session_lock("").fine("wrote").without(unseen);
    shop.session_lock("").fine("ok").without("wrote");
    assert!(!shop.read(LOCK).contains("opaque"));
    write(1, field, &address("Address", value, after));
    shop.build()
        .fails("changed but its version did not")
        .fails("`Address` as `AddressV1`, which derives `SessionValue` too");
    write(1, field, &address("Address", "", before));
    shop.build().fails("`Address` no longer derives `SessionValue`").fails("put it back");
    write(2, &changed("AddressV1"), &both(""));
    shop.build().fails("derive `SessionValue` for `AddressV1`");
    // The advice in the messages is accepted.
    write(2, &changed("AddressV1"), &both(value));
    shop.session_lock("release").fine("ok");
    shop.build().fine("Finished").without("warning");
}

/// If two states have the same name, the test that runs second says so.
#[test]
fn two_states_of_one_name_in_one_package() {
    let shop = Folder::new("twins");
    shop.write("Cargo.toml", &alone("twins", ""));
    let twin = |field: &str| state("version = 1", field);
    let (a, b) = (twin("pub a: Option<u8>"), twin("pub b: Option<u8>"));
    shop.write("src/lib.rs", &format!("pub mod a {{ {a} }}\npub mod b {{ {b} }}\n"));
    shop.session_lock("").fails("both use the session schema name \"shop\"").fails("`twins::a::Shop`");
}

/// A recreated lock file does not know what was released, but the records do.
#[test]
fn a_record_that_the_lock_does_not_know() {
    let shop = Folder::package("forgotten", "version = 1", "#[session(default)] pub size: u8");
    shop.session_lock("release").fine("ok");
    fs::remove_file(shop.path(LOCK)).unwrap();
    for task in ["", "release"] {
        let told = shop.session_lock(task);
        told.fails("says that version 1 was released, and the lock file does not know").without("wrote");
    }
}

/// A schema in a library and in its program has two tests, and the second one accepts what the first one released.
#[test]
fn one_release_by_two_tests() {
    let shop = Folder::package("twofold", "version = 1", "#[session(default)] pub size: u8");
    shop.write("src/main.rs", "#[path = \"lib.rs\"]\npub mod shop;\nfn main() {}\n");
    let reminder = "version 1 is a draft: before it is deployed, run `SESSION_LOCK=release cargo test -p twofold session_lock`";
    shop.cargo("", &["test", "session_lock"]).fine(reminder);
    shop.cargo("release", &["test", "session_lock"])
        .fine("wrote session-schemas/shop.lock")
        .without("is a draft");
    // There is no draft until the next version.
    shop.cargo("", &["test", "session_lock"]).fine("ok").without("is a draft");
}
