//! Random schemas against their locks: P23 and P24 of the design.
//!
//! In: random schemas, released version by version, and random edits. Out: the derive agrees with a model that knows only what each
//! version stores under which wire key.

use std::collections::BTreeMap;

use super::super::data::Lock;
use super::super::source::File;
use super::super::text::ASKED;
use super::ask::{ask, file, frozen};
use super::spec::{Field, Random, Spec, shape, version_up_to};

/// A schema of one to four versions, each of them released.
fn history(random: &mut Random) -> (Spec, String) {
    let mut spec = Spec::new(random);
    let mut lock = String::new();
    for version in 1..=1 + random.below(4) {
        if version > 1 {
            spec.evolve(random);
        }
        let answer = ask(&spec.source(0), file(&lock));
        assert_eq!(answer.mistakes, [""; 0], "{}\n{lock}", spec.source(0));
        assert!(!answer.lock.contains(ASKED));
        lock = frozen(&answer.lock);
        assert_eq!(Lock::parse(&lock).unwrap().released, spec.version, "{lock}");
        assert_eq!(ask(&spec.source(0), file(&lock)).mistakes, [""; 0], "{lock}");
    }
    (spec, lock)
}

/// Whether `edited` still describes everything that records of `released` may hold, and no old wire key has a new meaning.
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

/// P23: edits without meaning do not change the lock.
#[test]
fn the_lock_is_a_function_of_the_schema() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..200 {
        let (mut spec, lock) = history(&mut random);
        for at in 0..spec.fields.len() {
            let other = random.below(spec.fields.len());
            spec.fields.swap(at, other);
            if random.below(2) == 0 {
                spec.fields[at].ident = format!("renamed_{}", spec.fields[at].key);
            }
        }
        let answer = ask(&spec.source(1), file(&lock));
        assert_eq!((answer.mistakes, answer.lock), (Vec::new(), lock.clone()), "{}", spec.source(1));

        // Two ways to write one schema give the same first lock, and another schema gives another.
        let fresh = |spec: &Spec, noise| ask(&spec.source(noise), file("")).lock;
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
        if ask(&other.source(0), file("")).mistakes.is_empty() {
            assert_ne!(fresh(&other, 0), fresh(&spec, 0), "{}", other.source(0));
        }
    }
}

/// Makes one edit, sensible or not.
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

/// What the source of `edited` means beside the lock of `released`: a field without `since` began when it was first stored,
/// or begins now.
fn meant(released: &Spec, edited: &Spec) -> Spec {
    let mut meant = edited.clone();
    for field in meant.fields.iter_mut().filter(|field| field.since == 1) {
        let is_it = |other: &&Field| other.key == field.key;
        field.since = released.fields.iter().find(is_it).map_or(edited.version, |other| other.since);
    }
    meant
}

/// Whether the source names a change in its newest version.
fn says_what_changes(spec: &Spec) -> bool {
    let version = spec.version;
    let fields = spec
        .fields
        .iter()
        .flat_map(|field| std::iter::once(field.since).chain(field.changes.iter().map(|(since, _)| *since)));
    fields.chain(spec.removed.iter().map(|(.., until)| *until)).any(|since| since == version)
}

/// P24: an edit is accepted exactly if every released version still finds its cells with the types that it wrote.
#[test]
fn edits_are_accepted_exactly_if_nothing_released_moves() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..2000 {
        let (spec, lock) = history(&mut random);
        let mut edited = spec.clone();
        let kind = edit(&mut random, &mut edited);
        let text = edited.source(round);
        // Without a lock, and without asking what changed in which version.
        let attributes = ask(&text, File::Ignored).mistakes;
        let meant = meant(&spec, &edited);
        let is_silent = edited.version > spec.version && !says_what_changes(&meant);
        let version_fits = edited.version == spec.version || edited.version == spec.version + 1;
        // A version that is not released cannot be the oldest reader.
        let expected = attributes.is_empty()
            && !is_silent
            && version_fits
            && edited.oldest <= spec.version
            && is_kept(&spec, &meant);

        // A draft may be anything; everything else is a mistake.
        let answer = ask(&text, file(&lock));
        let told =
            || format!("round {round}, {kind}\n{text}\n{lock}\n{:#?}\n{attributes:#?}", answer.mistakes);
        assert_eq!(answer.mistakes.is_empty(), expected, "{}", told());
        if expected {
            accepted += 1;
            assert_eq!(ask(&text, file(&answer.lock)).mistakes, [""; 0], "{}", told());
            // Whatever is new must be recorded, including a default.
            let default = |spec: &Spec| -> BTreeMap<String, u8> {
                spec.fields.iter().map(|field| (field.form(u16::MAX).0, field.default)).collect()
            };
            let same = edited.version == spec.version && default(&edited) == default(&spec);
            assert_eq!(answer.lock == lock, same, "{}\n{}", told(), answer.lock);
        } else {
            refused += 1;
            assert!(!ask(&text, file(&lock)).mistakes.is_empty(), "{}", told());
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}
