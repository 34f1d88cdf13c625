//! The lock file of a schema, which the derive's test writes: what each version of the schema stores.
//!
//! In: the text of the file. Out: a [`Lock`], or why it says nothing. Never: a store.

use std::collections::BTreeSet;

/// The only format so far.
const FORMAT: &str = "1";

/// What a lock file says of its newest version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    /// The name of the schema.
    pub(crate) schema: String,
    pub(crate) version: u16,
    /// Whether that version is released, and not a draft.
    pub(crate) is_released: bool,
    /// The wire keys that the version stores, without the name of the schema.
    pub(crate) present: BTreeSet<String>,
    /// Those of all versions.
    pub(crate) known: BTreeSet<String>,
    /// The field that says who is signed in.
    pub(crate) principal: Option<String>,
    /// How cells came out of one another, the oldest step first.
    pub(crate) steps: Vec<Step>,
}

/// One `changed` or `step`, which makes cells of others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The version that introduced it.
    pub(crate) since: u16,
    pub(crate) from: Vec<String>,
    pub(crate) to: BTreeSet<String>,
}

/// Why a text is no lock file that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Conflict,
    Newer,
    Line(usize),
    Edited,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conflict => f.write_str("has conflict markers; resolve the conflict, and run `cargo test`"),
            Self::Newer => f.write_str("has a later format; use the session-admin of the application's release"),
            Self::Line(at) => write!(f, "is no lock file of a schema: line {at} cannot be read"),
            Self::Edited => f.write_str(
                "was edited or cut short, since its hash is another one; take the committed file, or run `cargo test`",
            ),
        }
    }
}

/// A line of a version.
struct Cell<'a> {
    key: &'a str,
    since: u16,
    from: Vec<String>,
    is_principal: bool,
}

impl Lock {
    pub(crate) fn parse(text: &str) -> Result<Self, Broken> {
        if text.lines().any(|line| line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>")) {
            return Err(Broken::Conflict);
        }
        let (mut schema, mut version, mut released, mut head) = (None, 0, 0, None);
        let (mut present, mut known, mut principal) = (BTreeSet::new(), BTreeSet::new(), None);
        let mut steps: Vec<Step> = Vec::new();
        for (at, line) in lines(text) {
            let wrong = || Broken::Line(at + 1);
            if let Some(cell) = line.strip_prefix("  ") {
                let cell = Cell::parse(cell).filter(|_| version > 0).ok_or_else(wrong)?;
                present.insert(cell.key.to_owned());
                if cell.is_principal {
                    principal = Some(cell.key.to_owned());
                }
                add(&mut steps, cell);
                continue;
            }
            let (word, value) = line.split_once(' ').ok_or_else(wrong)?;
            match word {
                "format" if value == FORMAT => {}
                "format" => return Err(Broken::Newer),
                "schema" => schema = Some(value.to_owned()),
                "type" => {}
                "released" => released = value.parse().map_err(|_| wrong())?,
                "head" => head = value.split_once(' '),
                "version" => {
                    let value = value.strip_suffix(" record").unwrap_or(value);
                    version = value.parse().ok().filter(|next| *next > version).ok_or_else(wrong)?;
                    known.append(&mut present);
                    principal = None;
                }
                _ => return Err(wrong()),
            }
        }
        known.extend(present.iter().cloned());
        let is_whole = head == Some((&*version.to_string(), &*hash(text)));
        let schema = schema.filter(|_| is_whole && version > 0).ok_or(Broken::Edited)?;
        steps.sort_by_key(|step| step.since);
        Ok(Self { schema, version, is_released: released >= version, present, known, principal, steps })
    }
}

impl<'a> Cell<'a> {
    /// Reads `` cart@3 `Vec<Line>` shape 8899aabbccddeeff changed 3 from cart default ``.
    fn parse(line: &'a str) -> Option<Self> {
        let (key, rest) = line.split_once(" `")?;
        let mut words = rest.split_once("` shape ")?.1.split(' ').skip(1);
        let (action, since) = (words.next()?, words.next()?.parse().ok()?);
        let (mut from, mut is_principal) = (Vec::new(), false);
        while let Some(word) = words.next() {
            match word {
                "from" => from = words.next()?.split(',').map(str::to_owned).collect(),
                "principal" => is_principal = true,
                "place" => drop(words.next()?),
                "reset_on_sign_in" => {}
                // What follows is the expression of a default.
                "default" => break,
                _ => return None,
            }
        }
        let is_known = matches!((action, from.is_empty()), ("added", true) | ("changed" | "step", false));
        is_known.then_some(Self { key, since, from, is_principal })
    }
}

/// Each version repeats how its cells began.
fn add(steps: &mut Vec<Step>, Cell { key, since, from, .. }: Cell<'_>) {
    if from.is_empty() {
        return;
    }
    match steps.iter_mut().find(|step| step.since == since && step.from == from) {
        Some(step) => drop(step.to.insert(key.to_owned())),
        None => steps.push(Step { since, from, to: BTreeSet::from([key.to_owned()]) }),
    }
}

/// The lines that count, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The hash that `head` must have: 64-bit FNV-1a of all other lines.
fn hash(text: &str) -> String {
    let hashed = lines(text).map(|(_, line)| line).filter(|line| !line.starts_with("head "));
    let bytes = hashed.flat_map(|line| line.bytes().chain(*b"\n"));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by a panic
mod tests {
    use super::*;

    /// A text with the right hash in `head`.
    fn sealed(text: &str) -> String {
        text.replace("HASH", &hash(&text.replace("HASH", "")))
    }

    fn text() -> String {
        sealed(
            "# a comment\nformat 1\nschema shop\ntype Shop\nreleased 2\nhead 3 HASH\n\nversion 1\n  \
             cart `Vec<u32>` shape 1 added 1 default\n  name `Option<String>` shape 2 added 1\n\nversion 2 record\n  \
             cart@2 `Vec<Line>` shape opaque:3:Line changed 2 from cart default = from(7)\n  name `Option<String>` shape 2 \
             added 1\n\nversion 3\n  cart@2 `Vec<Line>` shape opaque changed 2 from cart default\n  \
             first `Option<String>` shape 2 step 3 from name\n  last `Option<String>` shape 2 step 3 from name place 2\n  \
             user `Option<u64>` shape 4 added 3 principal\n",
        )
    }

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn a_lock_file_says_what_each_version_stores() {
        let step = |since, from: &str, to: &[&str]| Step { since, from: vec![from.to_owned()], to: keys(to) };
        assert_eq!(
            Lock::parse(&text()),
            Ok(Lock {
                schema: "shop".into(),
                version: 3,
                is_released: false,
                present: keys(&["cart@2", "first", "last", "user"]),
                known: keys(&["cart", "cart@2", "first", "last", "name", "user"]),
                principal: Some("user".into()),
                steps: vec![step(2, "cart", &["cart@2"]), step(3, "name", &["first", "last"])],
            })
        );
    }

    /// The files of the examples are written by the derive's test.
    #[test]
    fn a_lock_file_of_the_derive_is_read() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/session-schemas/shop.lock");
        let lock = Lock::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!((lock.schema.as_str(), lock.principal.as_deref()), ("shop", Some("customer")));
    }

    #[test]
    fn what_is_no_whole_lock_file_is_refused() {
        let text = text();
        let resealed = |old: &str, new: &str| {
            let edited = text.replacen(old, new, 1);
            let head = edited.lines().find(|line| line.starts_with("head ")).unwrap().to_owned();
            sealed(&edited.replace(&head, "head 3 HASH"))
        };
        for (broken, why) in [
            (text.replace("added 1 default", "added 1"), Broken::Edited),
            (text.replace("head 3", "head 2"), Broken::Edited),
            (text.split("version 3").next().unwrap().to_owned(), Broken::Edited),
            (String::new(), Broken::Edited),
            (text.replace("format 1", "format 2"), Broken::Newer),
            (format!("<<<<<<< ours\n{text}"), Broken::Conflict),
            (resealed("changed 2", "turned 2"), Broken::Line(13)),
            (resealed("added 3 principal", "added 3 principle"), Broken::Line(20)),
            (resealed("version 2", "version 1"), Broken::Line(12)),
            ("[package]\nname = \"shop\"\n".to_owned(), Broken::Line(1)),
        ] {
            assert_eq!(Lock::parse(&broken).unwrap_err(), why, "{broken}");
        }
    }
}
