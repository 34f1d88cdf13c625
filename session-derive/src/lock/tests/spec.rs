//! In: random numbers. Out: schemas, their changes from version to version, and what each version stores.
//!
//! Never uses the derive. A table of shapes stands in for the compiler.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The types, each with the shape that the compiler would compute.
pub(super) const TYPES: [(&str, u64); 7] =
    [("u8", 1), ("u16", 2), ("Vec<u32>", 3), ("Numbers", 3), ("String", 4), ("Vec<Line>", 5), ("Lines", 5)];

pub(super) fn shape(ty: &str) -> u64 {
    if let Some(inner) = ty.strip_prefix("Option<").and_then(|ty| ty.strip_suffix('>')) {
        return 16 + shape(inner);
    }
    TYPES.iter().find(|(name, _)| *name == ty).unwrap().1
}

/// xorshift64*, so that every run sees the same schemas.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    pub(super) fn ty(&mut self) -> &'static str {
        TYPES[self.below(TYPES.len())].0
    }
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) ident: String,
    pub(super) key: String,
    pub(super) since: u16,
    /// The first type, and later ones with their versions.
    pub(super) first: &'static str,
    pub(super) changes: Vec<(u16, &'static str)>,
    pub(super) default: u8,
}

#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) version: u16,
    /// Both `oldest_reader` and `oldest_record`. The source leaves out what is older.
    pub(super) oldest: u16,
    pub(super) fields: Vec<Field>,
    /// Each cell with its type, its first version, and the first version without it.
    pub(super) removed: Vec<(String, &'static str, u16, u16)>,
    pub(super) next: usize,
}

impl Field {
    pub(super) fn form(&self, version: u16) -> (String, &'static str) {
        self.changes.iter().rev().find(|(since, _)| *since <= version).map_or_else(
            || (self.key.clone(), self.first),
            |(since, ty)| (format!("{}@{since}", self.key), *ty),
        )
    }

    pub(super) fn ty(&self) -> &'static str {
        self.changes.last().map_or(self.first, |(_, ty)| ty)
    }
}

impl Spec {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut spec = Self { version: 1, oldest: 1, fields: Vec::new(), removed: Vec::new(), next: 0 };
        for _ in 0..=random.below(4) {
            spec.add(random, 1);
        }
        spec
    }

    pub(super) fn add(&mut self, random: &mut Random, since: u16) {
        self.next += 1;
        let ident = format!("f{}", self.next);
        let default = u8::try_from(random.below(3)).unwrap();
        self.fields.push(Field {
            key: ident.clone(),
            ident,
            since,
            first: random.ty(),
            changes: Vec::new(),
            default,
        });
    }

    pub(super) fn remove(&mut self, at: usize, since: u16) {
        let field = self.fields.remove(at);
        let (mut key, mut ty, mut from) = (field.key.clone(), field.first, field.since);
        for (change, next) in field.changes {
            self.removed.push((key, ty, from, change));
            (key, ty, from) = (format!("{}@{change}", field.key), next, change);
        }
        self.removed.push((key, ty, from, since));
    }

    pub(super) fn change(&mut self, random: &mut Random, at: usize, since: u16) {
        let now = self.fields[at].ty();
        let others: Vec<_> = TYPES.iter().filter(|(ty, _)| shape(ty) != shape(now)).collect();
        let next = others[random.below(others.len())];
        self.fields[at].changes.push((since, next.0));
    }

    /// Adds a version that changes something.
    pub(super) fn evolve(&mut self, random: &mut Random) {
        if random.below(3) == 0 {
            self.oldest = self.oldest.max(version_up_to(random, self.version));
        }
        self.version += 1;
        for _ in 0..=random.below(2) {
            // A field that begins in this version has no older form.
            let old: Vec<usize> =
                (0..self.fields.len()).filter(|at| self.form_before(*at) && self.fields.len() > 1).collect();
            match random.below(3) {
                0 if !old.is_empty() => self.remove(old[random.below(old.len())], self.version),
                1 if !old.is_empty() => {
                    let at = old[random.below(old.len())];
                    self.change(random, at, self.version);
                }
                _ => self.add(random, self.version),
            }
        }
    }

    pub(super) fn form_before(&self, at: usize) -> bool {
        let field = &self.fields[at];
        field.since < self.version && field.changes.last().is_none_or(|(since, _)| *since < self.version)
    }

    /// What a version stores: wire keys and shapes.
    pub(super) fn view(&self, version: u16) -> BTreeMap<String, u64> {
        let fields = self.fields.iter().filter(|field| field.since <= version);
        let fields = fields.map(|field| field.form(version)).map(|(key, ty)| (key, shape(ty)));
        let there = |(_, _, since, until): &&(String, &str, u16, u16)| *since <= version && version < *until;
        let removed = self.removed.iter().filter(there).map(|(key, ty, ..)| (key.clone(), shape(ty)));
        fields.chain(removed).collect()
    }

    /// The source, with extra comments and spaces if `noise` is odd.
    pub(super) fn source(&self, noise: usize) -> String {
        let gap = if noise % 2 == 1 { "\n    /* a comment, */ " } else { " " };
        let mut text = format!("#[session(name = \"shop\", version = {}", self.version);
        if self.oldest > 1 {
            let _ = write!(text, ", oldest_reader = {0}, oldest_record = {0}", self.oldest);
        }
        for (key, ty, _, until) in self.removed.iter().filter(|(.., until)| *until > self.oldest) {
            let _ = write!(text, ",{gap}removed(key = \"{key}\", from = {ty}, since = {until})");
        }
        text += ")]\nstruct Shop {\n";
        for field in &self.fields {
            if noise % 2 == 1 {
                text += "    /// What it is.\n    #[allow(unused)]\n";
            }
            let _ = write!(text, "    #[session(default ={gap}value({})", field.default);
            if field.since > 1 {
                let _ = write!(text, ", since = {}", field.since);
            }
            if field.key != field.ident {
                let _ = write!(text, ", key = \"{}\"", field.key);
            }
            let mut from = field.first;
            for (since, ty) in &field.changes {
                let _ = if *since <= self.oldest {
                    write!(text, ", changed(since = {since})")
                } else {
                    write!(text, ", changed(since = {since}, from = {from}, up = up, down = down)")
                };
                from = ty;
            }
            let ty = field.ty().replace('<', if noise % 2 == 1 { " < " } else { "<" });
            let _ = writeln!(text, ")]\n    {}:{gap}{ty},", field.ident);
        }
        text + "}\n"
    }
}

pub(super) fn version_up_to(random: &mut Random, most: u16) -> u16 {
    u16::try_from(1 + random.below(usize::from(most))).unwrap()
}
