//! In: the source of a state and a lock file. Out: the mistakes, and the lock that the generated test would write.
//!
//! Never runs the compiler; the table of shapes stands in for it.

use syn::DeriveInput;

use super::super::source::{Around, File};
use super::spec::shape;
use crate::errors::Errors;
use crate::words::words;
use crate::{attr, judge, model};

/// The result of deriving a source.
pub(super) struct Answer {
    /// The mistakes, including those in types.
    pub(super) mistakes: Vec<String>,
    /// What the generated test tells, and refuses in a released version.
    pub(super) told: Vec<String>,
    /// The lock file that the generated test would write.
    pub(super) lock: String,
}

pub(super) fn ask(source_text: &str, file: File) -> Answer {
    let item: DeriveInput = syn::parse_str(source_text).unwrap();
    let errors = Errors::new();
    let written = attr::read(&errors, &item);
    let schema = model::decide(&written);
    let around = Around { file, shown: "shop.lock".to_owned(), ..Around::nowhere() };
    let (_, locked) = judge(&errors, &written, &schema, &around);
    let mut mistakes: Vec<String> =
        errors.finish().err().into_iter().flatten().map(|error| error.to_string()).collect();
    let spelled = |ty: &syn::Type| words(ty);
    mistakes.extend(locked.types.iter().filter_map(|(ty, check)| {
        let kept = check.locked.map_or(check.same_words, |locked| locked == shape(&spelled(ty)));
        (!kept).then(|| check.message.clone())
    }));
    let mut lock = String::new();
    if let Some(test) = &locked.test {
        let numbers = test.shapes.iter().map(|ty| format!("{:016x}", shape(&spelled(ty))));
        // The first missing value is the hash, which `sealed` computes.
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
    let told = locked.test.map(|test| test.told).unwrap_or_default();
    Answer { mistakes, told, lock }
}

/// The text with its hash, as the library computes it.
pub(super) fn sealed(text: &str) -> String {
    let counted = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("head "));
    let bytes = counted.flat_map(|line| line.bytes().chain(*b"\n"));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let head = text.lines().find(|line| line.starts_with("head ")).unwrap();
    let version = head.split(' ').nth(1).unwrap();
    text.replacen(head, &format!("head {version} {hash:016x}"), 1)
}

pub(super) fn file(lock: &str) -> File {
    if lock.is_empty() { File::Missing(Vec::new()) } else { File::Text(lock.to_owned()) }
}

/// The lock of a version that is released, as the library writes it.
pub(super) fn frozen(draft: &str) -> String {
    let head = draft.lines().find_map(|line| line.strip_prefix("head ")?.split(' ').next()).unwrap();
    let lines = draft.lines().map(|line| match line {
        line if line.starts_with("released ") => format!("released {head}\n"),
        line if line == format!("version {head}") => format!("version {head} record\n"),
        line => format!("{line}\n"),
    });
    sealed(&lines.collect::<String>())
}

#[track_caller]
pub(super) fn released(text: &str, lock: &str) -> String {
    let answer = ask(text, file(lock));
    assert_eq!(answer.mistakes, [""; 0], "{text}\n{lock}");
    let lock = frozen(&answer.lock);
    fine(text, &lock);
    lock
}

#[track_caller]
pub(super) fn fine(text: &str, lock: &str) {
    assert_eq!(ask(text, file(lock)).mistakes, [""; 0], "{text}\n{lock}");
}

#[track_caller]
pub(super) fn refused(text: &str, lock: &str, says: &str) {
    let mistakes = ask(text, file(lock)).mistakes.join("\n");
    assert!(mistakes.contains(says), "{text}\n{lock}\n{mistakes}");
}
