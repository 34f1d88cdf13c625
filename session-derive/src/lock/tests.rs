//! Generated schemas against their locks: P23 and P24 of the design.
//!
//! In: random schemas, released version by version, and random edits of them. Out: the derive's verdict equals that of a model which
//! knows only what each version stores under which key. Never: the compiler; a table of shapes stands for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::DeriveInput;

use super::data::Lock;
use super::source::{Around, File, Task};
use super::text::ASKED;
use crate::errors::{Errors, source};
use crate::{attr, judge, model};

mod advice;
mod contraction;
mod marks;
mod whose;

/// Types, each with the shape that the compiler would find.
const TYPES: [(&str, u64); 8] = [
    ("u8", 1),
    ("u16", 2),
    ("u32", 6),
    ("Vec<u32>", 3),
    ("Numbers", 3),
    ("String", 4),
    ("Vec<Line>", 5),
    ("Lines", 5),
];

fn shape(ty: &str) -> u64 {
    if let Some(inner) = ty.strip_prefix("Option<").and_then(|ty| ty.strip_suffix('>')) {
        return 16 + shape(inner);
    }
    TYPES.iter().find(|(name, _)| *name == ty).unwrap().1
}

/// xorshift64*: the same schemas on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    fn ty(&mut self) -> &'static str {
        TYPES[self.below(TYPES.len())].0
    }
}

#[derive(Clone, Debug)]
struct Field {
    ident: String,
    key: String,
    since: u16,
    /// The first type, and later ones with their versions.
    first: &'static str,
    changes: Vec<(u16, &'static str)>,
    default: u8,
}

#[derive(Clone, Debug)]
struct Spec {
    version: u16,
    /// `oldest_reader` and `oldest_record`: what is older is not in the source.
    oldest: u16,
    fields: Vec<Field>,
    /// A cell, its type, and the versions from and until which it is there.
    removed: Vec<(String, &'static str, u16, u16)>,
    next: usize,
}

impl Field {
    fn form(&self, version: u16) -> (String, &'static str) {
        self.changes.iter().rev().find(|(since, _)| *since <= version).map_or_else(
            || (self.key.clone(), self.first),
            |(since, ty)| (format!("{}@{since}", self.key), *ty),
        )
    }

    fn ty(&self) -> &'static str {
        self.changes.last().map_or(self.first, |(_, ty)| ty)
    }
}

impl Spec {
    fn new(random: &mut Random) -> Self {
        let mut spec = Self { version: 1, oldest: 1, fields: Vec::new(), removed: Vec::new(), next: 0 };
        for _ in 0..=random.below(4) {
            spec.add(random, 1);
        }
        spec
    }

    fn add(&mut self, random: &mut Random, since: u16) {
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

    fn remove(&mut self, at: usize, since: u16) {
        let field = self.fields.remove(at);
        let (mut key, mut ty, mut from) = (field.key.clone(), field.first, field.since);
        for (change, next) in field.changes {
            self.removed.push((key, ty, from, change));
            (key, ty, from) = (format!("{}@{change}", field.key), next, change);
        }
        self.removed.push((key, ty, from, since));
    }

    fn change(&mut self, random: &mut Random, at: usize, since: u16) {
        let now = self.fields[at].ty();
        let others: Vec<_> = TYPES.iter().filter(|(ty, _)| shape(ty) != shape(now)).collect();
        let next = others[random.below(others.len())];
        self.fields[at].changes.push((since, next.0));
    }

    /// A new version that changes something.
    fn evolve(&mut self, random: &mut Random) {
        if random.below(3) == 0 {
            self.oldest = self.oldest.max(version_up_to(random, self.version));
        }
        self.version += 1;
        for _ in 0..=random.below(2) {
            // Not what began in this very version: it would have no older form.
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

    fn form_before(&self, at: usize) -> bool {
        let field = &self.fields[at];
        field.since < self.version && field.changes.last().is_none_or(|(since, _)| *since < self.version)
    }

    /// What a version stores: key and shape.
    fn view(&self, version: u16) -> BTreeMap<String, u64> {
        let fields = self.fields.iter().filter(|field| field.since <= version);
        let fields = fields.map(|field| field.form(version)).map(|(key, ty)| (key, shape(ty)));
        let there = |(_, _, since, until): &&(String, &str, u16, u16)| *since <= version && version < *until;
        let removed = self.removed.iter().filter(there).map(|(key, ty, ..)| (key.clone(), shape(ty)));
        fields.chain(removed).collect()
    }

    /// The source, with comments and blanks that mean nothing if `noise` is odd.
    fn source(&self, noise: usize) -> String {
        let gap = if noise % 2 == 1 { "\n    /* a comment, */ " } else { " " };
        let mut text = format!("#[session(name = \"shop\", version = {}", self.version);
        if self.oldest > 1 {
            let _ = write!(text, ", oldest_reader = {0}, oldest_record = {0}", self.oldest);
        }
        for (key, ty, _, until) in self.removed.iter().filter(|(.., until)| *until > self.oldest) {
            let _ = write!(text, ",{gap}removed(key = \"{key}\", ty = {ty}, since = {until})");
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

fn version_up_to(random: &mut Random, most: u16) -> u16 {
    u16::try_from(1 + random.below(usize::from(most))).unwrap()
}

/// Whether all that `released` stored is told as before, as far as records may still hold it, and no old key means something new.
fn is_kept(released: &Spec, edited: &Spec) -> bool {
    let oldest = edited.oldest;
    let still_there = released.view(oldest);
    let told = |spec: &Spec, version| {
        let mut view = spec.view(version);
        view.retain(|key, _| version >= oldest || still_there.contains_key(key));
        view
    };
    let last = released.view(released.version);
    let draft = edited.view(edited.version);
    let mut new = draft.keys().filter(|key| !last.contains_key(*key));
    (1..=released.version).all(|version| told(released, version) == told(edited, version))
        && new.all(|key| (1..=released.version).all(|version| !released.view(version).contains_key(key)))
}

/// What the derive and the table of shapes say of a source.
struct Answer {
    /// Mistakes, those of types included.
    mistakes: Vec<String>,
    /// The lock file that the generated test would write.
    lock: String,
}

fn ask(source_text: &str, task: &Task, file: File) -> Answer {
    let item: DeriveInput = syn::parse_str(source_text).unwrap();
    let errors = Errors::new();
    let written = attr::read(&errors, &item);
    let schema = model::decide(&written);
    let around =
        Around { task: task.clone(), file, shown: "shop.lock".to_owned(), directory: TokenStream::new() };
    let (_, locked) = judge(&errors, &written, &schema, &around);
    let mut mistakes: Vec<String> =
        errors.finish().err().into_iter().flatten().map(|error| error.to_string()).collect();
    let spelled = |ty: &syn::Type| source(ty.to_token_stream());
    mistakes.extend(locked.types.iter().filter_map(|(ty, check)| {
        let kept = check.locked.map_or(check.same_words, |locked| locked == shape(&spelled(ty)));
        (!kept).then(|| check.message.clone())
    }));
    let mut lock = String::new();
    if let Some(test) = &locked.test {
        let numbers = test.shapes.iter().map(|ty| format!("{:016x}", shape(&spelled(ty))));
        // The first cut is for the hash, which is put in below.
        let mut numbers = std::iter::once("0".to_owned()).chain(numbers);
        for (at, text) in test.text.iter().enumerate() {
            if at > 0 {
                lock += &numbers.next().unwrap();
            }
            lock += text;
        }
        if !lock.is_empty() {
            lock = sealed(&lock);
        }
    }
    Answer { mistakes, lock }
}

/// The text with its hash, as the library puts it in.
fn sealed(text: &str) -> String {
    let counted = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("head "));
    let bytes = counted.flat_map(|line| line.bytes().chain(*b"\n"));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let head = text.lines().find(|line| line.starts_with("head ")).unwrap();
    let version = head.split(' ').nth(1).unwrap();
    text.replacen(head, &format!("head {version} {hash:016x}"), 1)
}

fn file(lock: &str) -> File {
    if lock.is_empty() { File::Missing(Vec::new()) } else { File::Text(lock.to_owned()) }
}

/// A schema of one to four versions, each of them released.
fn released(random: &mut Random) -> (Spec, String) {
    let mut spec = Spec::new(random);
    let mut lock = String::new();
    for version in 1..=1 + random.below(4) {
        if version > 1 {
            spec.evolve(random);
        }
        let answer = ask(&spec.source(0), &Task::Release, file(&lock));
        assert_eq!(answer.mistakes, [""; 0], "{}\n{lock}", spec.source(0));
        assert!(!answer.lock.contains(ASKED));
        lock = answer.lock;
        assert_eq!(Lock::parse(&lock).unwrap().released, spec.version, "{lock}");
        assert_eq!(ask(&spec.source(0), &Task::Check, file(&lock)).mistakes, [""; 0], "{lock}");
    }
    (spec, lock)
}

/// P23: what means nothing changes nothing.
#[test]
fn the_lock_is_a_function_of_the_schema() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..200 {
        let (mut spec, lock) = released(&mut random);
        for at in 0..spec.fields.len() {
            let other = random.below(spec.fields.len());
            spec.fields.swap(at, other);
            if random.below(2) == 0 {
                spec.fields[at].ident = format!("renamed_{}", spec.fields[at].key);
            }
        }
        let answer = ask(&spec.source(1), &Task::Update, file(&lock));
        assert_eq!((answer.mistakes, answer.lock), (Vec::new(), lock.clone()), "{}", spec.source(1));

        // And from nothing, two ways of writing one schema give one lock; another schema gives another.
        let fresh = |spec: &Spec, noise| ask(&spec.source(noise), &Task::Update, file("")).lock;
        assert_eq!(fresh(&spec, 0), fresh(&spec, 1));
        let mut other = spec.clone();
        match random.below(4) {
            0 => other.fields[0].key += "x",
            1 => other.fields[0].default += 1,
            2 => other.evolve(&mut random),
            _ => match other.fields[0].changes.last_mut() {
                Some((_, ty)) => *ty = if shape(ty) == 1 { "u16" } else { "u8" },
                None => other.fields[0].first = if shape(other.fields[0].first) == 1 { "u16" } else { "u8" },
            },
        }
        if ask(&other.source(0), &Task::Update, file("")).mistakes.is_empty() {
            assert_ne!(fresh(&other, 0), fresh(&spec, 0), "{}", other.source(0));
        }
    }
}

/// One edit, sensible or not.
fn edit(random: &mut Random, spec: &mut Spec) -> &'static str {
    let next = spec.version + 1;
    let at = random.below(spec.fields.len());
    match random.below(22) {
        0 => spec.fields[at].ident += "_renamed",
        1 => {
            let ident = spec.fields[at].ident.clone() + "_moved";
            spec.fields[at].key.clone_from(&ident);
            spec.fields[at].ident = ident;
            return "rename without key";
        }
        2 | 3 => {
            let ty = random.ty();
            match spec.fields[at].changes.last_mut() {
                Some(last) => last.1 = ty,
                None => spec.fields[at].first = ty,
            }
            return "another type";
        }
        4 => spec.fields[at].first = random.ty(),
        5 => drop(spec.fields.remove(at)),
        6 => spec.remove(at, spec.version),
        7 => {
            spec.version = next;
            spec.remove(at, next);
        }
        8 => spec.add(random, 1),
        9 => spec.add(random, spec.version),
        10 => {
            spec.version = next;
            let since = u16::try_from(1 + random.below(usize::from(next))).unwrap();
            spec.add(random, since);
        }
        11 => spec.fields[at].default += 1,
        12 => spec.version = next,
        13 => spec.version = u16::try_from(1 + random.below(usize::from(next) + 2)).unwrap(),
        14 => {
            spec.version = next;
            spec.change(random, at, next);
        }
        15 => spec.change(random, at, spec.version),
        16 => spec.fields[at].since = u16::try_from(1 + random.below(usize::from(spec.version))).unwrap(),
        17 => drop(spec.fields[at].changes.pop()),
        18 if !spec.removed.is_empty() => {
            let (key, ..) = spec.removed.remove(random.below(spec.removed.len()));
            spec.version = next;
            spec.add(random, next);
            if let (Some(field), false) = (spec.fields.last_mut(), key.contains('@')) {
                field.key = key;
            }
            return "a key again";
        }
        19 if !spec.removed.is_empty() => {
            let at = random.below(spec.removed.len());
            match random.below(3) {
                0 => drop(spec.removed.remove(at)),
                1 => spec.removed[at].1 = random.ty(),
                _ => spec.removed[at].3 = u16::try_from(1 + random.below(usize::from(next))).unwrap(),
            }
        }
        20 | 21 => spec.oldest = version_up_to(random, spec.version),
        _ => spec.fields.swap(0, at),
    }
    "edit"
}

/// P24: an edit is accepted exactly if every released version still finds its cells, of the types that it wrote.
#[test]
fn edits_are_accepted_exactly_if_nothing_released_moves() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..2000 {
        let (spec, lock) = released(&mut random);
        let mut edited = spec.clone();
        let kind = edit(&mut random, &mut edited);
        let text = edited.source(round);
        let attributes = ask(&text, &Task::Check, File::Ignored).mistakes;
        let version_fits = edited.version == spec.version || edited.version == spec.version + 1;
        // No reader of a version that is not released can be the oldest.
        let expected =
            attributes.is_empty() && version_fits && edited.oldest <= spec.version && is_kept(&spec, &edited);

        // A draft has to be recorded; what cannot be recorded is a mistake.
        let answer = ask(&text, &Task::Update, file(&lock));
        let told =
            || format!("round {round}, {kind}\n{text}\n{lock}\n{:#?}\n{attributes:#?}", answer.mistakes);
        assert_eq!(answer.mistakes.is_empty(), expected, "{}", told());
        if expected {
            accepted += 1;
            assert_eq!(ask(&text, &Task::Check, file(&answer.lock)).mistakes, [""; 0], "{}", told());
            // What is new must be recorded, a default too.
            let default = |spec: &Spec| -> BTreeMap<String, u8> {
                spec.fields.iter().map(|field| (field.form(u16::MAX).0, field.default)).collect()
            };
            let same = edited.version == spec.version && default(&edited) == default(&spec);
            let unrecorded = ask(&text, &Task::Check, file(&lock)).mistakes;
            assert_eq!(unrecorded.is_empty(), same, "{}\n{unrecorded:#?}", told());
        } else {
            refused += 1;
            assert!(!ask(&text, &Task::Check, file(&lock)).mistakes.is_empty(), "{}", told());
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}

/// Steps are locked too: what they read, what they write, and when.
#[test]
fn steps_cannot_be_rewritten() {
    let first = "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] name: String }";
    let split = "#[session(name = \"shop\", version = 2, step(since = 2, from(name: String), to(first, last), up = up, down = down))]
        struct Shop { #[session(default, since = 2)] first: String, #[session(default, since = 2)] last: String }";
    let lock = ask(first, &Task::Release, file("")).lock;
    let split_lock = ask(split, &Task::Release, file(&lock));
    assert_eq!(split_lock.mistakes, [""; 0]);
    let lock = split_lock.lock;
    assert!(lock.contains("first `String` shape 0000000000000004 step 2 from name default"), "{lock}");
    assert_eq!(ask(split, &Task::Check, file(&lock)).mistakes, [""; 0]);
    for (what, by, says) in [
        ("from(name: String)", "from(name: u8)", "version 1 stored `String` as `name`"),
        ("from(name: String)", "from(nickname: String)", "`nickname` is in no version up to 2"),
        (
            "to(first, last)",
            "to(last, first)",
            "there `last` was in place 2 of the step's `to`, here it is in place 1",
        ),
        ("to(first, last)", "to(first)", "there `last` was made by a step from `name`, here it is added"),
        (
            "step(since = 2, from(name: String), to(first, last), up = up, down = down)",
            "oldest_reader = 2",
            "name",
        ),
    ] {
        let edited = split.replace(what, by);
        let mistakes = ask(&edited, &Task::Check, file(&lock)).mistakes.join("\n");
        assert!(mistakes.contains(says), "{edited}\n{mistakes}");
    }
}

/// What no stored record has any more may leave the source, but its key stays taken.
#[test]
fn the_lock_remembers_what_the_source_forgets() {
    let fields = "#[session(default)] a: u8";
    let first = format!(
        "#[session(name = \"shop\", version = 1)] struct Shop {{ {fields}, #[session(default)] theme: String }}"
    );
    let removed = "removed(key = \"theme\", ty = String, since = 2)";
    let second = format!("#[session(name = \"shop\", version = 2, {removed})] struct Shop {{ {fields} }}");
    let lock = ask(&first, &Task::Release, file("")).lock;
    let lock = ask(&second, &Task::Release, file(&lock)).lock;
    let without = |more: &str, field: &str| {
        let text =
            format!("#[session(name = \"shop\", version = 2{more})] struct Shop {{ {fields}{field} }}");
        ask(&text, &Task::Check, file(&lock)).mistakes.join("\n")
    };
    assert_eq!(without(", oldest_reader = 2, oldest_record = 2", ""), "");
    let early = without(", oldest_reader = 2, removed(key = \"b\", ty = u8, since = 2)", "");
    assert!(early.contains("what it says of `theme` must stay"), "{early}");
    let reused = without(", oldest_reader = 2, oldest_record = 2", ", #[session(default)] theme: String");
    assert!(reused.contains("wire key \"theme\" was removed in version 2"), "{reused}");
}
