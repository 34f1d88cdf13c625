//! In: the text of a lock file. Out: a [`Lock`], or the reason why it cannot be used. And the other way round.
//!
//! Never touches a file and never looks at the user's struct.
//!
//! ```text
//! # What session schema `shop` stores. `cargo test` writes this file; commit it.
//! format 1
//! schema shop
//! type Shop
//! released 2
//! head 3 1f0e2d3c4b5a6978
//!
//! version 2 record
//!   cart `Vec<u32>` shape 8899aabbccddeeff added 1 default
//!   nick `Option<String>` shape 0011223344556677 added 1
//!
//! version 3
//!   cart@3 `Vec<Line>` shape opaque:aabbccddeeff0011:Line changed 3 from cart default
//!   nick `Option<String>` shape 0011223344556677 added 1
//!   size `u8` shape 7766554433221100 added 3 default = 7
//!   user `Option<u64>` shape 1122334455667788 added 3 principal
//! ```
//!
//! Each indented line is one cell: its wire key, its type as written, the shape of the type (`opaque` if the compiler cannot see all of
//! it, with the shape of what it sees and the names of the types that it does not), how the cell began and in which version, its marks, and its default. A cell that is not the first in the `to` of its step has a
//! `place`. Versions up to `released` are frozen, and a version above is a draft. A version with `record` has a golden record among
//! the fixtures. The hash in `head` covers all other lines, so two branches that both change the file conflict in that line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::data::{Action, Cell, Default, Lock, Marks, Seen, Shape, View};

/// The only format so far.
pub(super) const FORMAT: u16 = 1;

/// Marks, spelled like the options.
const PRINCIPAL: &str = "principal";
const RESET: &str = "reset_on_sign_in";

/// Stands in the text for a shape that only the compiler can compute.
pub(super) const ASKED: char = '\0';

/// Why a lock file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It has conflict markers. The version is set if both sides made the same one.
    Conflict(Option<u16>),
    /// It has a newer format.
    Newer(u16),
    /// This line, counted from 1, cannot be parsed.
    Line(usize),
    /// The hash does not match the lines.
    Head,
}

impl Lock {
    /// The newest version in the lock.
    pub(crate) fn head(&self) -> u16 {
        self.versions.keys().next_back().copied().unwrap_or_default()
    }

    /// The text of the file. If a shape is [`ASKED`], the hash is unknown too and is also written as `ASKED`.
    pub(crate) fn render(&self) -> String {
        let above = format!(
            "# What session schema `{schema}` stores. `cargo test` writes this file; commit it.\n\
             format {FORMAT}\nschema {schema}\ntype {state}\nreleased {released}\n",
            schema = self.schema,
            state = self.state,
            released = self.released,
        );
        let mut below = String::new();
        for (version, view) in &self.versions {
            let record = if self.records.contains(version) { " record" } else { "" };
            let _ = write!(below, "\nversion {version}{record}\n");
            for (key, cell) in view {
                let _ = writeln!(below, "  {key} {cell}");
            }
        }
        let head = if below.contains(ASKED) { ASKED.to_string() } else { hex(hash(&above, &below)) };
        format!("{above}head {} {head}\n{below}", self.head())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Broken> {
        if let Some(conflict) = conflict(text) {
            return Err(conflict);
        }
        let mut lock = Self {
            schema: String::new(),
            state: String::new(),
            released: 0,
            records: BTreeSet::new(),
            versions: BTreeMap::new(),
        };
        let (mut format, mut head) = (None, None);
        for (at, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || Broken::Line(at + 1);
            if let Some(cell) = line.strip_prefix("  ") {
                let mut newest = lock.versions.last_entry().ok_or_else(wrong)?;
                let (key, cell) = cell.split_once(' ').ok_or_else(wrong)?;
                let cell = Cell::parse(cell).ok_or_else(wrong)?;
                if newest.get_mut().insert(key.to_owned(), cell).is_some() {
                    return Err(wrong());
                }
                continue;
            }
            let (word, value) = line.split_once(' ').ok_or_else(wrong)?;
            match word {
                "format" => match value.parse().map_err(|_| wrong())? {
                    FORMAT => format = Some(FORMAT),
                    newer => return Err(Broken::Newer(newer)),
                },
                // The lines of another format may mean anything.
                _ if format.is_none() => return Err(wrong()),
                "schema" => value.clone_into(&mut lock.schema),
                "type" => value.clone_into(&mut lock.state),
                "released" => lock.released = value.parse().map_err(|_| wrong())?,
                "head" => {
                    let (version, hash) = value.split_once(' ').ok_or_else(wrong)?;
                    head = Some((version.parse::<u16>().map_err(|_| wrong())?, hash));
                }
                "version" => {
                    let (version, record) = match value.strip_suffix(" record") {
                        Some(version) => (version, true),
                        None => (value, false),
                    };
                    let version = version.parse().map_err(|_| wrong())?;
                    if version <= lock.head() {
                        return Err(wrong());
                    }
                    lock.records.extend(record.then_some(version));
                    lock.versions.insert(version, View::new());
                }
                _ => return Err(wrong()),
            }
        }
        // The text is untouched exactly if rendering it again gives the same hash.
        let rendered = lock.render();
        let expected = rendered.lines().find_map(|line| line.strip_prefix("head "));
        let found = head.map(|(version, hash)| format!("{version} {hash}"));
        let whole = lock.released <= lock.head() && !lock.versions.is_empty();
        if whole && expected == found.as_deref() { Ok(lock) } else { Err(Broken::Head) }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ty, shape, since, action, default, marks } = self;
        write!(f, "`{ty}` shape ")?;
        match shape {
            Shape::Known(shape) => f.write_str(&hex(*shape))?,
            Shape::Opaque(None) => f.write_str("opaque")?,
            Shape::Opaque(Some(Seen { shape, unseen })) => {
                write!(f, "opaque:{}:{}", hex(*shape), unseen.join(","))?;
            }
            Shape::Asked => f.write_char(ASKED)?,
        }
        match action {
            Action::Added => write!(f, " added {since}")?,
            Action::Changed(from) => write!(f, " changed {since} from {from}")?,
            Action::Step(from, place) => {
                write!(f, " step {since} from {}", from.join(","))?;
                if *place > 1 {
                    write!(f, " place {place}")?;
                }
            }
        }
        for (is_set, word) in [(marks.principal, PRINCIPAL), (marks.reset_on_sign_in, RESET)] {
            if is_set {
                write!(f, " {word}")?;
            }
        }
        match default {
            None => Ok(()),
            Some(Default::OfType) => f.write_str(" default"),
            Some(Default::Expr(expr)) => write!(f, " default = {expr}"),
        }
    }
}

impl Cell {
    /// Parses a cell from the text after its wire key.
    fn parse(text: &str) -> Option<Self> {
        let (ty, rest) = text.strip_prefix('`')?.split_once("` shape ")?;
        let mut words = rest.splitn(4, ' ');
        let shape = match words.next()? {
            "opaque" => Shape::Opaque(None),
            shape if shape.starts_with("opaque:") => {
                let (shape, unseen) = shape.strip_prefix("opaque:")?.split_once(':')?;
                let shape = u64::from_str_radix(shape, 16).ok()?;
                Shape::Opaque(Some(Seen { shape, unseen: unseen.split(',').map(str::to_owned).collect() }))
            }
            shape => Shape::Known(u64::from_str_radix(shape, 16).ok()?),
        };
        let (action, since) = (words.next()?, words.next()?.parse().ok()?);
        let mut rest = words.next().unwrap_or_default();
        let (mut from, mut place, mut marks, mut default) = (None, None, Marks::default(), None);
        while !rest.is_empty() {
            let mut next = || {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                rest = after;
                word
            };
            match next() {
                "from" => from = Some(next()),
                "place" => place = Some(next().parse().ok()?),
                PRINCIPAL => marks.principal = true,
                RESET => marks.reset_on_sign_in = true,
                "default" => {
                    default = Some(match std::mem::take(&mut rest) {
                        "" => Default::OfType,
                        expr => Default::Expr(expr.strip_prefix("= ")?.to_owned()),
                    });
                }
                _ => return None,
            }
        }
        let action = match (action, from, place) {
            ("added", None, None) => Action::Added,
            ("changed", Some(from), None) => Action::Changed(from.to_owned()),
            ("step", Some(from), place) => {
                Action::Step(from.split(',').map(str::to_owned).collect(), place.unwrap_or(1))
            }
            _ => return None,
        };
        Some(Self { ty: ty.to_owned(), shape, since, action, default, marks })
    }
}

/// Detects the conflict markers of git, and the version that both sides made.
fn conflict(text: &str) -> Option<Broken> {
    let marker = |line: &str| line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>");
    if !text.lines().any(marker) {
        return None;
    }
    let mut heads =
        text.lines().filter_map(|line| line.strip_prefix("head ")?.split(' ').next()?.parse().ok());
    let both = heads.next().filter(|first| heads.all(|other| other == *first));
    Some(Broken::Conflict(both))
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}

/// The 64-bit FNV-1a hash of all lines but the comment and the head. The library computes the same hash.
fn hash(above: &str, below: &str) -> u64 {
    let lines = above.lines().chain(below.lines()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bytes = lines.flat_map(|line| line.bytes().chain(*b"\n"));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
