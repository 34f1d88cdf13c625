//! In: identifiers as the user wrote them, `r#` or not. Out: the words for keys and messages, and the names of methods.
//!
//! Never compares or prints an identifier with its `r#`: `r#type` and `type` are one name.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;

/// The name without `r#`: `type` for `r#type`.
pub(crate) fn word(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The same name at the same place, as a name that the macro made.
pub(crate) fn generated(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(generated_at(ident.span()));
    ident
}

/// `set_` + `type` = `set_type`, where the user wrote the field, so that an editor jumps there.
pub(crate) fn method(prefix: &str, field: &Ident) -> Ident {
    format_ident!("{prefix}{}", field.unraw(), span = generated_at(field.span()))
}

/// The place of `span`, but marked as made by the macro: lints leave it alone, and locals cannot meet the user's.
pub(crate) fn generated_at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Shop -> shop, `LastSeen` -> `last_seen`, `HTTPState` -> `http_state`.
pub(crate) fn snake_case(type_name: &str) -> String {
    let letters: Vec<char> = type_name.chars().collect();
    let is = |at: Option<usize>, what: fn(char) -> bool| {
        at.and_then(|at| letters.get(at)).is_some_and(|letter| what(*letter))
    };
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1);
        let begins_word = is(before, |c| c.is_lowercase() || c.is_numeric())
            || (is(before, char::is_uppercase) && is(Some(at + 1), char::is_lowercase));
        if letter.is_uppercase() && begins_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Why a text cannot be the name of a method.
#[derive(Debug, PartialEq)]
pub(crate) enum NotAName {
    /// `fn`, which can be written `r#fn`.
    Keyword,
    /// `self`, which cannot be written at all.
    Unwritable,
    /// `last-seen`, with the nearest name if there is one: `last_seen`.
    NoIdentifier(Option<String>),
}

/// The identifier that `text` spells, `r#fn` included.
pub(crate) fn parse(text: &str, span: Span) -> Result<Ident, NotAName> {
    if let Ok(mut ident) = syn::parse_str::<Ident>(text)
        && text != "gen"
        // `parse_str` skips spaces and comments.
        && ident == text
    {
        ident.set_span(span);
        return Ok(ident);
    }
    if matches!(text, "self" | "Self" | "super" | "crate" | "_") {
        return Err(NotAName::Unwritable);
    }
    if syn::parse_str::<Ident>(&format!("r#{text}")).is_ok() {
        return Err(NotAName::Keyword);
    }
    let near: String = text.trim().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let near = near.trim_matches('_').to_owned();
    Err(NotAName::NoIdentifier(syn::parse_str::<Ident>(&near).is_ok().then_some(near)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_of_type_names() {
        for (type_name, expected) in [
            ("Shop", "shop"),
            ("LastSeen", "last_seen"),
            ("HTTPState", "http_state"),
            ("StateHTTP", "state_http"),
            ("Shop2", "shop2"),
            ("ShopV2Cart", "shop_v2_cart"),
            ("shop_state", "shop_state"),
            ("A", "a"),
        ] {
            assert_eq!(snake_case(type_name), expected);
        }
    }

    #[test]
    fn names_of_methods() {
        let parse = |text| parse(text, Span::call_site()).map(|ident| ident.to_string());
        assert_eq!(parse("seen"), Ok("seen".to_owned()));
        assert_eq!(parse("r#fn"), Ok("r#fn".to_owned()));
        assert_eq!(parse("fn"), Err(NotAName::Keyword));
        assert_eq!(parse("gen"), Err(NotAName::Keyword));
        assert_eq!(parse("self"), Err(NotAName::Unwritable));
        assert_eq!(parse("last-seen"), Err(NotAName::NoIdentifier(Some("last_seen".to_owned()))));
        assert_eq!(parse(" seen"), Err(NotAName::NoIdentifier(Some("seen".to_owned()))));
        assert_eq!(parse("1st"), Err(NotAName::NoIdentifier(None)));
        assert_eq!(parse(""), Err(NotAName::NoIdentifier(None)));
        let field: Ident = syn::parse_quote!(r#type);
        assert_eq!(method("set_", &field).to_string(), "set_type");
        assert_eq!(word(&field), "type");
    }
}
