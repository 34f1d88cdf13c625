//! Random histories of an old and a new binary with values that are written in any order, floats, and a field that is added inside of a
//! type.

use std::collections::{BTreeSet, HashMap, HashSet};

use actix_typed_session::SessionState;
use actix_web::rt::SystemRunner;
use proptest::{prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};

use super::{
    kit::{Refused, World},
    place::{Place, on_every_store},
};

on_every_store! {
    ;
    fn sets_floats_and_nested_fields
}

mod v1 {
    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Line {
        pub(super) sku: u32,
    }

    #[derive(SessionState)]
    #[session(name = "k", version = 1, lock = off)]
    pub(super) struct Kinds {
        #[session(default)]
        pub(super) names: HashSet<String>,
        #[session(default)]
        pub(super) weight: f64,
        pub(super) line: Option<Line>,
        #[session(default)]
        pub(super) count: u32,
    }
}

mod v2 {
    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Line {
        pub(super) sku: u32,
        pub(super) note: Option<String>,
    }

    pub(super) fn lengths(names: HashSet<String>) -> HashMap<String, usize> {
        names.into_iter().map(|name| (name.clone(), name.len())).collect()
    }

    fn names(lengths: HashMap<String, usize>) -> HashSet<String> {
        lengths.into_keys().collect()
    }

    #[derive(Clone, Copy, Default, Serialize, Deserialize)]
    pub(super) struct Grams(pub(super) f64);

    fn grams(kilograms: f64) -> Grams {
        Grams(kilograms * 1000.0)
    }

    fn kilograms(grams: Grams) -> f64 {
        grams.0 / 1000.0
    }

    #[derive(SessionState)]
    #[session(name = "k", version = 2, lock = off)]
    pub(super) struct Kinds {
        #[session(default, changed(since = 2, from = HashSet<String>, up = lengths, down = names))]
        pub(super) names: HashMap<String, usize>,
        #[session(default, changed(since = 2, from = f64, up = grams, down = kilograms))]
        pub(super) weight: Grams,
        #[session(changed(since = 2, compatible))]
        pub(super) line: Option<Line>,
        #[session(default)]
        pub(super) count: u32,
    }
}

#[derive(Clone, Copy, Debug)]
enum Binary {
    Old,
    New,
}

#[derive(Clone, Debug)]
enum Op {
    Names(BTreeSet<String>),
    /// A closure that adds a name.
    Add(String),
    Weight(f64),
    Line(u32, Option<String>),
    /// A closure that changes the line.
    Sku,
    /// A closure over a field that is the same in both versions. Its save also stores upgraded values.
    Count,
    Read,
}

/// What the session holds. The old binary knows no note.
#[derive(Clone, PartialEq, Debug, Default)]
struct Said {
    names: BTreeSet<String>,
    weight: f64,
    line: Option<(u32, Option<String>)>,
    count: u32,
}

impl Said {
    fn apply(&mut self, by: Binary, op: &Op) {
        let mine = |note: &Option<String>| note.clone().filter(|_| matches!(by, Binary::New));
        match op {
            Op::Names(names) => self.names.clone_from(names),
            Op::Add(name) => drop(self.names.insert(name.clone())),
            Op::Weight(weight) => self.weight = *weight,
            Op::Line(sku, note) => self.line = Some((*sku, mine(note))),
            Op::Sku => self.line = self.line.take().map(|(sku, note)| (sku + 1, mine(&note))),
            Op::Count => self.count += 1,
            Op::Read => {}
        }
    }
}

async fn run(world: &World, by: Binary, op: Op) -> Result<Said, Refused> {
    match by {
        Binary::Old => {
            world
                .visit::<v1::Kinds, _>(async move |kinds| {
                    match op {
                        Op::Names(names) => kinds.set_names(names.into_iter().collect()),
                        Op::Add(name) => kinds.update_names(move |names| {
                            names.insert(name.clone());
                        }),
                        Op::Weight(weight) => kinds.set_weight(weight),
                        Op::Line(sku, _) => kinds.set_line(v1::Line { sku }),
                        Op::Sku => {
                            kinds.update_line(|line| line.iter_mut().for_each(|line| line.sku += 1));
                        }
                        Op::Count => kinds.update_count(|count| *count += 1),
                        Op::Read => {}
                    }
                    Said {
                        names: kinds.names().iter().cloned().collect(),
                        weight: kinds.weight(),
                        line: kinds.line().map(|line| (line.sku, None)),
                        count: kinds.count(),
                    }
                })
                .await
        }
        Binary::New => {
            world
                .visit::<v2::Kinds, _>(async move |kinds| {
                    match op {
                        Op::Names(names) => kinds.set_names(v2::lengths(names.into_iter().collect())),
                        Op::Add(name) => {
                            kinds.update_names(move |names| {
                                names.insert(name.clone(), name.len());
                            });
                        }
                        Op::Weight(weight) => kinds.set_weight(v2::Grams(weight * 1000.0)),
                        Op::Line(sku, note) => kinds.set_line(v2::Line { sku, note }),
                        Op::Sku => {
                            kinds.update_line(|line| line.iter_mut().for_each(|line| line.sku += 1));
                        }
                        Op::Count => kinds.update_count(|count| *count += 1),
                        Op::Read => {}
                    }
                    assert!(kinds.names().iter().all(|(name, length)| name.len() == *length));
                    Said {
                        names: kinds.names().keys().cloned().collect(),
                        weight: kinds.weight().0 / 1000.0,
                        line: kinds.line().map(|line| (line.sku, line.note.clone())),
                        count: kinds.count(),
                    }
                })
                .await
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<(Binary, Op)>> {
    let by = prop::sample::select(&[Binary::Old, Binary::New][..]);
    let op = prop_oneof![
        2 => prop::collection::btree_set("[a-h]{1,3}", 0..6).prop_map(Op::Names),
        2 => "[a-h]{1,3}".prop_map(Op::Add),
        2 => (-1e6..1e6).prop_map(Op::Weight),
        1 => (0..9u32, prop::option::of("[x-z]")).prop_map(|(sku, note)| Op::Line(sku, note)),
        1 => Just(Op::Sku),
        3 => Just(Op::Count),
    ];
    prop::collection::vec((by, op), 1..12)
}

fn sets_floats_and_nested_fields(system: &SystemRunner, place: &Place) {
    let config =
        ProptestConfig { cases: place.cases(200), failure_persistence: None, ..ProptestConfig::default() };
    let tested = TestRunner::new(config).run(&ops(), |ops| {
        system.block_on(async {
            let (world, mut said) = (place.world(), Said::default());
            for (by, op) in ops {
                said.apply(by, &op);
                let seen = run(&world, by, op.clone()).await.unwrap();
                let known = match by {
                    Binary::Old => {
                        Said { line: said.line.clone().map(|(sku, _)| (sku, None)), ..said.clone() }
                    }
                    Binary::New => said.clone(),
                };
                // A weight is converted at most once from what was set, and back.
                let is_close = (seen.weight - known.weight).abs() <= known.weight.abs() * 1e-15 * 4.0;
                prop_assert!(is_close, "{} {}", seen.weight, known.weight);
                prop_assert_eq!(
                    Said { weight: 0.0, ..seen },
                    Said { weight: 0.0, ..known },
                    "{:?} {:?}",
                    by,
                    op
                );
            }
            // A value that is written in another order each time would move at every read, if it were compared by its text.
            let before = world.record().await;
            for by in [Binary::Old, Binary::New] {
                run(&world, by, Op::Read).await.unwrap();
            }
            prop_assert_eq!(world.record().await, before, "reading stores nothing");
            Ok(())
        })
    });
    tested.unwrap();
}
