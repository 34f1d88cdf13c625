//! Golden records of types without an order, and of conversions that make another value each time.
//!
//! In: the sources of a schema, release by release. Out: its records are read as what they were, and a real change is still noticed.

use super::kit::{Folder, alone, state};

const TYPES: &str = "use std::collections::{BinaryHeap, HashMap, HashSet};
    #[derive(Default, Clone, serde::Serialize, serde::Deserialize)]
    #[serde(from = \"Vec<(u8, u8)>\", into = \"Vec<(u8, u8)>\")]
    pub struct Pairs(HashMap<u8, u8>);
    impl From<Vec<(u8, u8)>> for Pairs { fn from(pairs: Vec<(u8, u8)>) -> Self { Self(pairs.into_iter().collect()) } }
    impl From<Pairs> for Vec<(u8, u8)> { fn from(pairs: Pairs) -> Self { pairs.0.into_iter().collect() } }
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    pub struct Line { tags: HashSet<String>, sizes: Vec<u8> }\n";
const FIELDS: &str = "#[session(default)] pub set: HashSet<u8>, #[session(default)] pub heap: BinaryHeap<u8>,
    #[session(default)] pub pairs: Pairs, #[session(default)] pub lines: Vec<Line>,";
const VALUES: &str =
    "set: (1..9).collect(), heap: (1..9).collect(), pairs: Pairs((1..9).map(|n| (n, 9 - n)).collect()),
    lines: vec![Line { tags: [\"a\", \"b\", \"c\"].map(String::from).into(), sizes: vec![2, 1] }],";

#[test]
fn what_has_no_order_is_released() {
    let shop = Folder::new("unordered");
    let serde = "[dependencies.serde]\nversion = \"1\"\nfeatures = [\"derive\"]\n";
    shop.write("Cargo.toml", &(alone("unordered", "") + serde));
    let sample = |value: &str| format!("#[cfg(test)] fn full() -> Shop {{ Shop {{ {VALUES} {value} }} }}\n");
    let first =
        state("version = 1, sample = full", &format!("{FIELDS} #[session(default)] pub more: Vec<u8>"));
    shop.write("src/lib.rs", &(TYPES.to_owned() + &first + &sample("more: vec![3, 1, 2]")));
    shop.session_lock("release").fine("wrote session-schemas/fixtures/shop.v1.json");
    for _ in 0..4 {
        shop.session_lock("").fine("ok");
        shop.session_lock("release").fine("ok").without("wrote");
    }

    // An `up` that makes something without an order, and one that makes another value each time.
    let second = |up: &str| {
        let changed = "#[session(default, changed(since = 2, from = Vec<u8>, up = up, down = down))] pub more: HashSet<u8>,
            #[session(since = 2)] pub first: Option<u64>, #[session(since = 2)] pub order: Vec<u8>";
        let step = "version = 2, sample = full, step(since = 2, from(set: HashSet<u8>), to(first, order), up = split, down = join)";
        let fields = format!("{} {changed}", FIELDS.replace("#[session(default)] pub set: HashSet<u8>,", ""));
        let functions = format!(
            "fn up(old: Vec<u8>) -> HashSet<u8> {{ {up} }}
             fn down(new: HashSet<u8>) -> Vec<u8> {{ new.into_iter().collect() }}
             fn split(old: HashSet<u8>) -> (Option<u64>, Vec<u8>) {{
                 use std::hash::{{BuildHasher, RandomState}};
                 (Some(RandomState::new().hash_one(7)), old.into_iter().collect())
             }}
             fn join(new: (Option<u64>, Vec<u8>)) -> HashSet<u8> {{ new.1.into_iter().collect() }}\n"
        );
        let sample = sample("more: HashSet::new(), first: None, order: vec![3, 1, 2]")
            .replace("set: (1..9).collect(),", "");
        let state = state(step, &fields.replace("pub order", "#[session(default)] pub order"));
        shop.write("src/lib.rs", &(TYPES.to_owned() + &state + &functions + &sample));
    };
    second("old.into_iter().collect()");
    let released = shop.session_lock("release");
    released
        .fine("`shop.first` reads as another value each time")
        .fine("`shop.order` reads as another value each time");
    for _ in 0..4 {
        shop.session_lock("")
            .fine("`shop.first` reads as another value each time")
            .without("`shop.more@2` reads");
    }
    second("old.into_iter().map(|n| n + 1).collect()");
    shop.session_lock("").fails("`shop.more@2` read as");
}
