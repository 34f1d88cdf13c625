//! A schema with five versions: one field changes its type twice, another is split, and one of its halves changes its type.
//!
//! | Version | `a` is stored under | name | oldest reader |
//! |---|---|---|---|
//! | 1 | `a`: a number | `name` | 1 |
//! | 2 | `a@2`: with a detail | `name` | 1 |
//! | 3 | `a@2` | `first`, `last` | 2 |
//! | 4 | `a@4`: with two details | `first`, `last` | 3 |
//! | 5 | `a@4` | `first@5`: with a mark, `last` | 4; in `v5b` 5 |

use serde::{Deserialize, Serialize};

pub(super) type Two = (u32, u8);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Three {
    pub(super) n: u32,
    pub(super) d: u8,
    pub(super) e: u8,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Marked {
    pub(super) text: String,
    pub(super) bold: bool,
}

fn two(a: Option<u32>) -> Option<Two> {
    a.map(|n| (n, 0))
}

fn one(a: Option<Two>) -> Option<u32> {
    a.map(|(n, _)| n)
}

fn three(a: Option<Two>) -> Result<Option<Three>, ()> {
    Ok(a.map(|(n, d)| Three { n, d, e: 0 }))
}

fn two_of_three(a: Option<Three>) -> Option<Two> {
    a.map(|Three { n, d, .. }| (n, d))
}

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    let part =
        |at: usize| name.as_deref()?.split(' ').nth(at).filter(|part| !part.is_empty()).map(str::to_owned);
    (part(0), part(1))
}

fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    match (first, last) {
        (None, None) => None,
        (first, None) => first,
        (first, Some(last)) => Some(format!("{} {last}", first.unwrap_or_default())),
    }
}

fn mark(first: Option<String>) -> Option<Marked> {
    first.map(|text| Marked { text, bold: false })
}

fn unmark(first: Option<Marked>) -> Option<String> {
    first.map(|first| first.text)
}

macro_rules! version {
    ($module:ident, [$($schema:tt)*], { $($fields:tt)* }) => {
        pub(super) mod $module {
            #[allow(unused_imports)] // older versions use fewer of the imports
            use super::*;
            #[derive(actix_typed_session::SessionState)]
            #[session(name = "m", lock = off, $($schema)*)]
            pub(crate) struct M {
                #[session(default)]
                pub(crate) note: u32,
                $($fields)*
            }
        }
    };
}

version!(v1, [version = 1], {
    pub(crate) a: Option<u32>,
    pub(crate) name: Option<String>,
    #[session(default = 1)]
    pub(crate) page: u32,
});
version!(v2, [version = 2], {
    #[session(changed(since = 2, from = Option<u32>, up = two, down = one))]
    pub(crate) a: Option<Two>,
    pub(crate) name: Option<String>,
    #[session(default = 2)]
    pub(crate) page: u32,
});
version!(v3, [version = 3, step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join)], {
    #[session(changed(since = 2, from = Option<u32>, up = two))]
    pub(crate) a: Option<Two>,
    #[session(since = 3)]
    pub(crate) first: Option<String>,
    #[session(since = 3)]
    pub(crate) last: Option<String>,
    #[session(default = 3)]
    pub(crate) page: u32,
});
version!(v4, [version = 4, step(since = 3, from(name: Option<String>), to(first, last), up = split)], {
    #[session(changed(since = 2, from = Option<u32>, up = two))]
    #[session(changed(since = 4, from = Option<Two>, up = three, down = two_of_three))]
    pub(crate) a: Option<Three>,
    #[session(since = 3)]
    pub(crate) first: Option<String>,
    #[session(since = 3)]
    pub(crate) last: Option<String>,
    #[session(default = 4)]
    pub(crate) page: u32,
});
version!(v5, [version = 5, step(since = 3, from(name: Option<String>), to(first, last), up = split)], {
    #[session(changed(since = 2, from = Option<u32>, up = two))]
    #[session(changed(since = 4, from = Option<Two>, up = three))]
    pub(crate) a: Option<Three>,
    #[session(since = 3, changed(since = 5, from = Option<String>, up = mark, down = unmark))]
    pub(crate) first: Option<Marked>,
    #[session(since = 3)]
    pub(crate) last: Option<String>,
    #[session(default = 5)]
    pub(crate) page: u32,
});
version!(v5b, [version = 5, oldest_reader = 5, step(since = 3, from(name: Option<String>), to(first, last), up = split)], {
    #[session(changed(since = 2, from = Option<u32>, up = two))]
    #[session(changed(since = 4, from = Option<Two>, up = three))]
    pub(crate) a: Option<Three>,
    #[session(since = 3, changed(since = 5, from = Option<String>, up = mark))]
    pub(crate) first: Option<Marked>,
    #[session(since = 3)]
    pub(crate) last: Option<String>,
    #[session(default = 5)]
    pub(crate) page: u32,
});

pub(super) fn laws() {
    for a in [None, Some(7)] {
        assert_eq!(one(two(a)), a);
    }
    for a in [None, Some((7, 3))] {
        assert_eq!(two_of_three(three(a).unwrap()), a);
    }
    for name in [None, Some("a"), Some("a b"), Some(" b")] {
        let name = name.map(str::to_owned);
        assert_eq!(join(split(name.clone())), name);
        assert_eq!(unmark(mark(name.clone())), name);
    }
}
