//! In: tokens. Out: their text in one form, independent of spaces, line breaks and comments in the source.
//!
//! Never lets the compiler print tokens: its output depends on the source and changes between releases, while these texts are
//! compared with lock files that are years old.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// The text of `tokens` with a space between two words and after a comma, and nowhere else: `Vec<(u8, String)>`, `"en".to_owned()`.
pub(crate) fn words(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    print(tokens.to_token_stream(), &mut text);
    // The text must fit on one line of the lock file.
    text.replace('\r', "\\r").replace('\n', "\\n").replace('\0', "\\0")
}

fn print(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    // An invisible group around what a `macro_rules!` passed on.
                    Delimiter::None => ("", ""),
                };
                space_after_comma(text);
                text.push_str(open);
                print(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => {
                space_after_comma(text);
                text.push(punct.as_char());
            }
            TokenTree::Ident(word) => push_word(text, &word.to_string()),
            TokenTree::Literal(word) => push_word(text, &word.to_string()),
        }
    }
}

fn push_word(text: &mut String, word: &str) {
    space_after_comma(text);
    if text.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '"')) {
        text.push(' ');
    }
    text.push_str(word);
}

fn space_after_comma(text: &mut String) {
    if text.ends_with([',', ';']) {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_make_no_difference() {
        for (written, expected) in [
            ("Vec < ( u8 ,String ) >", "Vec<(u8, String)>"),
            (":: std :: vec :: Vec < u8 >", "::std::vec::Vec<u8>"),
            ("& 'static   str", "&'static str"),
            ("[ u8 ; 4 ]", "[u8; 4]"),
            ("\"en\" . to_owned( ) /* why */", "\"en\".to_owned()"),
            ("dyn Fn( u8 ) -> u16 + Send", "dyn Fn(u8)->u16+Send"),
            ("1 as u8", "1 as u8"),
            ("(u8,)", "(u8,)"),
            ("\"a\n b\"", "\"a\\n b\""),
        ] {
            let tokens: TokenStream = written.parse().unwrap();
            assert_eq!(words(tokens), expected);
        }
    }
}
