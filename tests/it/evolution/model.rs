//! Binaries of all versions in any order, against a model without cells: the last value written, and the part of it that each version
//! can express. Properties P1 to P5 and P7 to P13.

use std::collections::BTreeMap;

use actix_web::rt::SystemRunner;
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    kit::{Refused, TOO_NEW, World},
    place::{Place, on_every_store},
    versions::{Marked, Three, v1, v2, v3, v4, v5, v5b},
};

on_every_store! {
    ;
    fn any_binary_after_any_other
}

/// A binary: its version and, for `V5b`, a higher `oldest_reader`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Binary {
    V1,
    V2,
    V3,
    V4,
    V5,
    V5b,
}
use Binary::{V1, V2, V3, V4, V5, V5b};

const ALL: [Binary; 6] = [V1, V2, V3, V4, V5, V5b];

impl Binary {
    const fn version(self) -> u8 {
        match self {
            V1 => 1,
            V2 => 2,
            V3 => 3,
            V4 => 4,
            V5 | V5b => 5,
        }
    }

    const fn oldest_reader(self) -> u8 {
        match self {
            V1 | V2 => 1,
            V3 => 2,
            V4 => 3,
            V5 => 4,
            V5b => 5,
        }
    }
}

/// The values of all fields. Each version can express only a part of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Said {
    a: Option<Three>,
    first: Option<Marked>,
    last: Option<String>,
    note: u32,
    page: Option<u32>,
}

impl Said {
    /// The part of it that `version` can express.
    fn by(mut self, version: u8) -> Self {
        if let Some(a) = &mut self.a {
            a.d = if version < 2 { 0 } else { a.d };
            a.e = if version < 4 { 0 } else { a.e };
        }
        if let Some(first) = &mut self.first {
            first.bold &= version >= 5;
        }
        self.page = Some(self.page.unwrap_or(u32::from(version)));
        self
    }
}

#[derive(Clone, Debug)]
enum Op {
    A(Option<Three>),
    /// A closure that increments the present value.
    Raise,
    First(Option<Marked>),
    Last(Option<String>),
    /// Sets a field that is the same in all versions. The save also stores upgraded values.
    Note(u32),
    Page(u32),
    /// Changes several fields in one closure over the whole state.
    All(Three, Marked),
    Read,
}

/// The record in the model.
#[derive(Clone, Debug, Default)]
struct Model {
    said: Said,
    /// The oldest version that may read the record.
    floor: u8,
}

impl Model {
    fn apply(&mut self, by: Binary, op: &Op) {
        let mut mine = self.said.clone().by(by.version());
        mine.page = self.said.page;
        match op {
            Op::A(a) => mine.a = *a,
            Op::Raise => {
                let mut a = mine.a.unwrap_or(Three { n: 0, d: 0, e: 0 });
                a.n += 1;
                mine.a = Some(a);
            }
            Op::First(first) => mine.first.clone_from(first),
            Op::Last(last) => mine.last.clone_from(last),
            Op::Note(note) => mine.note = *note,
            Op::Page(page) => mine.page = Some(*page),
            Op::All(a, first) => (mine.a, mine.first, mine.note) = (Some(*a), Some(first.clone()), 7),
            Op::Read => return,
        }
        let version = by.version();
        mine = Said { page: mine.page, ..mine.by(version) };
        // A new value loses the details that only newer versions can express. A value that is unchanged or not written keeps them.
        let before = self.said.clone().by(version);
        if mine.a == before.a {
            mine.a = self.said.a;
        }
        let one_text = version < 3 && mine.last != before.last;
        if mine.first == before.first && !one_text {
            mine.first.clone_from(&self.said.first);
        }
        self.said = mine;
    }
}

fn full(first: Option<Marked>, last: Option<String>) -> Option<String> {
    match (first, last) {
        (None, None) => None,
        (first, None) => first.map(|first| first.text),
        (first, Some(last)) => Some(format!("{} {last}", first.map(|first| first.text).unwrap_or_default())),
    }
}

macro_rules! binaries {
    ($($binary:ident $module:ident: $a:expr, $from_a:expr, $name:tt;)*) => {
        /// Sends a request to `by` that performs `op`, and returns the values that it then reads.
        async fn run(world: &World, by: Binary, op: Op) -> Result<Said, Refused> {
            match by {
                $($binary => world.visit::<$module::M, _>(async move |m| {
                    #[allow(clippy::redundant_closure_call)] // each version has a closure of its own
                    match op {
                        Op::A(a) => m.set_a(a.map(|a| $a(a))),
                        Op::Raise => m.update_a(|a| {
                            let mut now = a.clone().map_or(Three { n: 0, d: 0, e: 0 }, |a| $from_a(a));
                            now.n += 1;
                            *a = Some($a(now));
                        }),
                        Op::Note(note) => m.set_note(note),
                        Op::Page(page) => m.set_page(page),
                        Op::All(a, first) => m.update(move |m| {
                            m.a = Some($a(a));
                            binaries!(@all $name, m, first);
                            m.note = 7;
                        }),
                        Op::Read => {}
                        op => binaries!(@set $name, m, op),
                    }
                    let (first, last) = binaries!(@get $name, m);
                    let a = (**m).a.clone().map(|a| $from_a(a));
                    Said { a, first, last, note: m.note(), page: Some(m.page()) }
                }).await,)*
            }
        }
    };
    (@parts $m:ident) => {{
        let name = (**$m).name.clone().unwrap_or_default();
        let (first, last) = name.split_once(' ').map_or((name.as_str(), ""), |parts| parts);
        let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        (part(first).map(|text| Marked { text, bold: false }), part(last))
    }};
    (@get joined, $m:ident) => { binaries!(@parts $m) };
    (@get split, $m:ident) => {
        ($m.first().map(|text| Marked { text: text.to_owned(), bold: false }), $m.last().map(str::to_owned))
    };
    (@get marked, $m:ident) => { ($m.first().cloned(), $m.last().map(str::to_owned)) };
    (@set joined, $m:ident, $op:ident) => {{
        let (first, last) = binaries!(@parts $m);
        match $op {
            Op::First(first) => $m.set_name(full(first, last)),
            Op::Last(last) => $m.set_name(full(first, last)),
            _ => {}
        }
    }};
    (@set split, $m:ident, $op:ident) => {
        match $op {
            Op::First(first) => $m.set_first(first.map(|first| first.text)),
            Op::Last(last) => $m.set_last(last),
            _ => {}
        }
    };
    (@set marked, $m:ident, $op:ident) => {
        match $op {
            Op::First(first) => $m.set_first(first),
            Op::Last(last) => $m.set_last(last),
            _ => {}
        }
    };
    (@all joined, $m:ident, $first:ident) => {
        let last = $m.name.as_deref().and_then(|name| name.split_once(' ')).map(|(_, last)| last.to_owned());
        $m.name = full(Some($first.clone()), last);
    };
    (@all split, $m:ident, $first:ident) => { $m.first = Some($first.text.clone()); };
    (@all marked, $m:ident, $first:ident) => { $m.first = Some($first.clone()); };
}

binaries! {
    V1 v1: |a: Three| a.n, |n: u32| Three { n, d: 0, e: 0 }, joined;
    V2 v2: |a: Three| (a.n, a.d), |(n, d): (u32, u8)| Three { n, d, e: 0 }, joined;
    V3 v3: |a: Three| (a.n, a.d), |(n, d): (u32, u8)| Three { n, d, e: 0 }, split;
    V4 v4: |a: Three| a, |a: Three| a, split;
    V5 v5: |a: Three| a, |a: Three| a, marked;
    V5b v5b: |a: Three| a, |a: Three| a, marked;
}

fn ops() -> impl Strategy<Value = Vec<(Binary, Op)>> {
    let three = || (0..3u32, 0..3u8, 0..3u8).prop_map(|(n, d, e)| Three { n, d, e });
    let marked = || ("[a-c]", any::<bool>()).prop_map(|(text, bold)| Marked { text, bold });
    let op = prop_oneof![
        3 => prop::option::of(three()).prop_map(Op::A),
        2 => Just(Op::Raise),
        2 => prop::option::of(marked()).prop_map(Op::First),
        2 => prop::option::of("[x-z]".prop_map(|last| last)).prop_map(Op::Last),
        2 => (0..9u32).prop_map(Op::Note),
        1 => (0..9u32).prop_map(Op::Page),
        1 => (three(), marked()).prop_map(|(a, first)| Op::All(a, first)),
    ];
    prop::collection::vec((prop::sample::select(&ALL[..]), op), 1..9)
}

/// Checks that every form that an older binary may read is stored, and that no other older form is.
fn stored_as_the_floor_says(cells: &BTreeMap<String, String>, by: Binary, op: &Op) {
    // A closure that changes nothing writes nothing.
    let writes_a = matches!(op, Op::A(_) | Op::Raise);
    let writes_name = matches!(op, Op::First(_) | Op::Last(_));
    let has = |key: &str| cells.contains_key(&format!("m.{key}"));
    let (version, reader) = (by.version(), by.oldest_reader());
    if writes_a {
        assert_eq!(has("a"), reader < 2, "{cells:?}");
        assert!(version < 2 || has("a@2") == (reader < 4), "{cells:?}");
        assert!(version < 4 || has("a@4"), "{cells:?}");
    }
    if writes_name {
        assert_eq!(has("name"), reader < 3, "{cells:?}");
    }
}

fn any_binary_after_any_other(system: &SystemRunner, place: &Place) {
    let cases = std::env::var("EVOLUTION_CASES").map_or(place.cases(300), |cases| cases.parse().unwrap());
    let mut runner =
        TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let tested = runner.run(&ops(), |ops| {
        system.block_on(async {
            let (world, mut model) = (place.world(), Model::default());
            for (by, op) in ops {
                let before = world.record().await;
                let exists = before.is_some();
                let done = run(&world, by, op.clone()).await;
                if by.version() < model.floor {
                    prop_assert_eq!(done, Err(TOO_NEW));
                    prop_assert_eq!(world.record().await, before, "a binary that is too old writes nothing");
                    continue;
                }
                let clears = matches!(op, Op::A(None) | Op::First(None) | Op::Last(None));
                let mut expected = model.clone();
                expected.apply(by, &op);
                // Clearing a field does not begin a session.
                if exists || !clears {
                    model = expected;
                }
                prop_assert_eq!(done, Ok(model.said.clone().by(by.version())), "{:?} {:?}", by, op);
                let record = world.record().await;
                // A request that sets only values that are already stored writes nothing.
                if record != before {
                    model.floor = model.floor.max(by.oldest_reader());
                }
                let cells: BTreeMap<String, String> = record
                    .iter()
                    .flat_map(|record| record.cells())
                    .map(|(key, cell)| (key.to_string(), cell.json.as_str().to_owned()))
                    .collect();
                if record.is_some() && record != before {
                    stored_as_the_floor_says(&cells, by, &op);
                    prop_assert_eq!(&cells["$m"], &model.floor.to_string());
                }
                world.updates();
                for reader in ALL {
                    let read = run(&world, reader, Op::Read).await;
                    if reader.version() < model.floor {
                        prop_assert_eq!(read, Err(TOO_NEW));
                    } else {
                        prop_assert_eq!(
                            read,
                            Ok(model.said.clone().by(reader.version())),
                            "{:?} reads",
                            reader
                        );
                    }
                }
                prop_assert!(world.updates().is_empty(), "reading writes nothing");
                prop_assert_eq!(world.record().await, record);
            }
            Ok(())
        })
    });
    tested.unwrap();
}
