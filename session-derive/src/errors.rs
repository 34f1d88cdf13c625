//! In: mistakes, in the order in which they are found. Out: one `syn::Error` that holds all of them, or `Ok` if there are none.
//!
//! Never stops at the first mistake and never loses one: dropping an [`Errors`] without calling [`Errors::finish`] panics.

use std::cell::RefCell;
use std::fmt::Display;

use quote::ToTokens;

/// The mistakes in one use of the derive.
pub(crate) struct Errors(RefCell<Option<Vec<syn::Error>>>);

impl Errors {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Some(Vec::new())))
    }

    /// Adds a mistake and underlines `tokens`.
    pub(crate) fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&self, error: syn::Error) {
        if let Some(list) = self.0.borrow_mut().as_mut() {
            list.push(error);
        }
    }

    /// Whether no mistake has been found yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().as_ref().is_none_or(Vec::is_empty)
    }

    /// Returns all mistakes as one error.
    pub(crate) fn finish(self) -> Result<(), syn::Error> {
        let all = self.0.borrow_mut().take().into_iter().flatten();
        let all = all.reduce(|mut all, next| {
            all.combine(next);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // Only a bug in this crate can reach this; no input does.
        assert!(
            std::thread::panicking() || self.0.borrow().is_none(),
            "the errors of a derive were dropped without being reported"
        );
    }
}

/// The advice for a word that is not among `options`: "did you mean `version`?" or "expected one of ..".
pub(crate) fn suggest(word: &str, options: &[&str]) -> String {
    let near = |option: &&&str| is_near(word, option);
    match options.iter().filter(near).min_by_key(|option| distance(word, option)) {
        Some(option) => format!("did you mean `{option}`?"),
        None => format!("expected one of `{}`", options.join("`, `")),
    }
}

/// Whether `word` may be a misspelt `option`: up to a third of its letters differ, or two of them are swapped. What is short may be
/// anything: `ty` is no misspelt `up`.
fn is_near(word: &str, option: &str) -> bool {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let swapped = word.len() > 2 && letters(word) == letters(option);
    swapped || distance(word, option) <= word.chars().count() / 3
}

/// The Levenshtein distance between `a` and `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), left);
        for (above, y) in row.iter_mut().skip(1).zip(b.chars()) {
            left = (diagonal + usize::from(x != y)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, left);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "key", 3),
            ("key", "", 3),
            ("version", "version", 0),
            ("verison", "version", 2),
            ("ley", "key", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} -> {b}");
        }
    }

    #[test]
    fn the_nearest_word_or_all_of_them() {
        let options = ["name", "version", "crate"];
        assert_eq!(suggest("verison", &options), "did you mean `version`?");
        assert_eq!(suggest("nam", &options), "did you mean `name`?");
        assert_eq!(suggest("nmae", &options), "did you mean `name`?");
        assert_eq!(suggest("up", &["ty", "to"]), "expected one of `ty`, `to`");
        assert_eq!(suggest("fro", &["up", "from"]), "did you mean `from`?");
        assert_eq!(suggest("colour", &options), "expected one of `name`, `version`, `crate`");
    }

    #[test]
    #[should_panic(expected = "without being reported")]
    fn unasked_errors_panic() {
        Errors::new().at(quote::quote!(x), "a mistake");
    }
}
