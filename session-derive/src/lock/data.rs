//! In: nothing. Out: the content of a lock file as plain data.
//!
//! Never formats or parses; `text` does.

use std::collections::{BTreeMap, BTreeSet};

/// The content of a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(crate) schema: String,
    /// The name of the struct.
    pub(crate) state: String,
    /// The newest released version, or 0 if there is none.
    pub(crate) released: u16,
    /// The versions that have a golden record: those that were released with a lock.
    pub(crate) records: BTreeSet<u16>,
    pub(crate) versions: BTreeMap<u16, View>,
}

/// The cells of one version by their wire keys, which lack the name of the schema.
pub(super) type View = BTreeMap<String, Cell>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(crate) ty: String,
    pub(crate) shape: Shape,
    pub(crate) since: u16,
    pub(crate) action: Action,
    /// `None` for an `Option`, which needs no default.
    pub(crate) default: Option<Default>,
    pub(crate) marks: Marks,
}

/// The options of a field that must not change unnoticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(crate) principal: bool,
    pub(crate) reset_on_sign_in: bool,
}

/// The shape of a type, as far as the compiler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Known(u64),
    /// Some type inside has none. Older lock files do not say more.
    Opaque(Option<Seen>),
    /// To be computed by the compiler; rendered as [`ASKED`](super::text::ASKED).
    Asked,
}

/// What is known of an opaque type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The shape, where the types without one count by their names.
    pub(crate) shape: u64,
    /// The names of the types without a shape.
    pub(crate) unseen: Vec<String>,
}

/// How a cell began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Added,
    /// Converted from the cell with this wire key by a `changed`.
    Changed(String),
    /// Converted from the cells with these wire keys by a step. The number is its place in the `to` of the step, counted from 1.
    Step(Vec<String>, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Default {
    OfType,
    Expr(String),
}

impl Action {
    /// The wire keys of the cells that it was converted from.
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
