//! In: tokens. Out: one text for them, whatever blanks, line breaks and comments the source has.
//!
//! Never asks the compiler to print: what it prints follows the source and changes from release to release, and these texts are
//! compared with those of years ago.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// `Vec<(u8, String)>`, `"en".to_owned()`: a blank between two words and after a comma, nowhere else.
pub(crate) fn words(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    print(tokens.to_token_stream(), &mut text);
    // One line of a file.
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
                    // What came through a `macro_rules!`.
                    Delimiter::None => ("", ""),
                };
                blank_after_comma(text);
                text.push_str(open);
                print(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => {
                blank_after_comma(text);
                text.push(punct.as_char());
            }
            TokenTree::Ident(word) => push_word(text, &word.to_string()),
            TokenTree::Literal(word) => push_word(text, &word.to_string()),
        }
    }
}

fn push_word(text: &mut String, word: &str) {
    blank_after_comma(text);
    if text.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '"')) {
        text.push(' ');
    }
    text.push_str(word);
}

fn blank_after_comma(text: &mut String) {
    if text.ends_with([',', ';']) {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_make_no_difference() {
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
