//! A type without a shape, alone and inside of others: how it is reached makes no difference, and what is around it is seen.
//!
//! In: the sources of a released schema. Out: whether it still builds.

use super::{
    LOCK,
    kit::{Folder, alone, state},
};

#[test]
fn a_type_without_a_shape_counts_by_its_name() {
    let shop = Folder::new("spelling");
    let serde = "[dependencies.serde]\nversion = \"1\"\nfeatures = [\"derive\"]\n";
    shop.write("Cargo.toml", &(alone("spelling", "") + serde));
    let write = |derive: &str, uses: &str, fields: &str, line: &str| {
        let ids = format!(
            "pub mod ids {{
                #[derive(Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize{derive})] pub struct Uuid(u64);
                #[derive(Default, serde::Serialize, serde::Deserialize)] pub struct At<T>(T);
            }}
            #[derive(Default, serde::Serialize, serde::Deserialize, actix_typed_session::SessionValue)]
            pub struct Line {{ {line} }}\n"
        );
        shop.write(
            "src/lib.rs",
            &format!("#![deny(warnings)]\n{uses}\n{ids}{}", state("version = 1", fields)),
        );
    };
    let field = |ty: &str, name: &str| format!("#[session(default)] pub {name}: {ty}, ");
    let line = "pub id: Vec<ids::Uuid>, pub count: u8";
    let first = field("std::collections::HashMap<ids::Uuid, Line>", "lines")
        + &field("Vec<crate::ids::Uuid>", "list")
        + &field("Option<(ids::At<ids::Uuid>, u8)>", "last").replace("#[session(default)] ", "");
    write("", "", &first, line);
    shop.session_lock("release").fine("changes inside `ids::Uuid` are not seen");
    assert!(shop.read(LOCK).contains("shape opaque"));
    shop.build().fine("Finished");

    // Only how the types are reached.
    let second = field("HashMap<Uuid, Line>", "lines")
        + &field("std::collections::VecDeque<Uuid>", "list")
        + "pub last: Option<(At<Uuid>, u8)>,";
    let uses = "use {ids::{At, Uuid}, std::collections::HashMap};";
    write("", uses, &second, "pub id: std::collections::VecDeque<Uuid>, pub count: u8");
    shop.build().fine("Finished");
    shop.session_lock("").fine("ok");
    write("", &uses.replace("HashMap", "BTreeMap as HashMap"), &second, line);
    shop.build().fine("Finished");

    // What is stored.
    for (was, is) in [("Vec<ids::Uuid>", "Option<ids::Uuid>"), ("u8", "u16")] {
        write("", uses, &second, &line.replace(was, is));
        shop.build().fails("~ `lines`, inside `std::collections::HashMap<ids::Uuid, Line>`");
    }
    for (was, is) in
        [("VecDeque<Uuid>", "HashSet<Uuid>"), ("(At<Uuid>, u8)", "(At<Uuid>, u16)"), ("At<Uuid>", "At<u64>")]
    {
        write("", uses, &second.replace(was, is), line);
        shop.build().fails("changed but its version did not");
    }

    // It gets a shape later, and is taken for what was released.
    let lists = field("ids::Uuid", "id") + &field("Vec<(ids::Uuid, u8)>", "list");
    let shop = Folder::new("spelling_later");
    shop.write("Cargo.toml", &(alone("spelling-later", "") + serde));
    let write = |derive: &str, fields: &str| {
        let ids = format!(
            "pub mod ids {{ #[derive(Default, serde::Serialize, serde::Deserialize{derive})] pub struct Uuid(u64); }}\n"
        );
        shop.write("src/lib.rs", &(ids + &state("version = 1", fields)));
    };
    write("", &lists);
    shop.session_lock("release").fine("ok");
    let value = ", actix_typed_session::SessionValue";
    write(value, &lists);
    write(value, &lists.replace("u8", "u16"));
    shop.build().fails("changed but its version did not");
    write(value, &lists);
    shop.session_lock("").fine("wrote");
    assert!(!shop.read(LOCK).contains("opaque"));
}
