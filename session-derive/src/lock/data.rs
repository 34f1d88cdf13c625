//! In: nothing. Out: what a lock file says, as plain data.
//!
//! Never text: `text` reads and writes the file.

use std::collections::{BTreeMap, BTreeSet};

/// What a lock file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) schema: String,
    /// The name of the struct.
    pub(crate) state: String,
    /// The newest frozen version; 0 while none is.
    pub(crate) released: u16,
    /// The versions of which there is a golden record: those that were released with a lock.
    pub(crate) records: BTreeSet<u16>,
    pub(crate) versions: BTreeMap<u16, View>,
}

/// The cells of one version by their wire keys, without the schema's name.
pub(crate) type View = BTreeMap<String, Cell>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) ty: String,
    pub(crate) shape: Shape,
    pub(crate) since: u16,
    pub(crate) action: Action,
    /// `None`: nothing, as in an `Option`.
    pub(crate) default: Option<Default>,
    pub(crate) marks: Marks,
}

/// What is said of a field beside its type, if a silent change of it would be dangerous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) principal: bool,
    pub(crate) reset_on_sign_in: bool,
}

/// What the compiler sees of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Known(u64),
    Opaque,
    /// Not known yet; it is rendered as [`ASKED`].
    Asked,
}

/// How a cell came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Added,
    /// Out of the cell with this key, by a change of type.
    Changed(String),
    /// Out of the cells with these keys, by a step; and its place in the `to` of the step, from 1.
    Step(Vec<String>, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    OfType,
    Expr(String),
}

impl Action {
    /// The keys of the cells that it came out of.
    pub(crate) fn origins(&self) -> &[String] {
        match self {
            Self::Added => &[],
            Self::Changed(from) => std::slice::from_ref(from),
            Self::Step(from, _) => from,
        }
    }

    /// `added`, `changed from cart`, `made by a step from a, b`: for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Added => "added".to_owned(),
            Self::Changed(from) => format!("changed from `{from}`"),
            Self::Step(from, _) => format!("made by a step from `{}`", from.join("`, `")),
        }
    }
}

impl Default {
    pub(crate) fn describe(&self) -> &str {
        match self {
            Self::OfType => "Default::default()",
            Self::Expr(expr) => expr,
        }
    }
}
