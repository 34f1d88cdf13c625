//! In: the lists of options in `#[session(..)]`. Out: each known option, passed to its reader.
//!
//! Never stops at a mistake: it resumes after the next comma, so that one compilation shows all of them.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Meta, Token};

use super::found::Found;
use crate::errors::{Errors, suggest};
use crate::ident;
use crate::options::{self, Place};
use crate::words::words;

/// Reads every `#[session(..)]` in `attrs` and passes each known option to `take`. Returns whether anything could not be parsed.
pub(super) fn options(
    errors: &Errors,
    attrs: &[Attribute],
    place: Place,
    mut take: impl FnMut(Found, ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut damaged = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("session")) {
        let Meta::List(list) = &attr.meta else {
            let example = if place == Place::Struct { "version = 1" } else { "default" };
            errors.at(&attr.meta, format!("`session` takes a list of options: `#[session({example})]`"));
            damaged = true;
            continue;
        };
        let parse = |input: ParseStream<'_>| {
            damaged |= listed(errors, place, input, &mut take);
            Ok(())
        };
        if let Err(error) = parse.parse2(list.tokens.clone()) {
            errors.push(error);
        }
    }
    damaged
}

/// Reads one list of options, as [`options()`] does.
pub(super) fn listed(
    errors: &Errors,
    place: Place,
    input: ParseStream<'_>,
    mut take: impl FnMut(Found, ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut damaged = false;
    if let Some(names) = unnamed(input, place) {
        errors.at(input.cursor().token_stream(), names);
        while input.parse::<TokenTree>().is_ok() {}
        return true;
    }
    while !input.is_empty() {
        if let Err(error) = find(input, place).and_then(|found| take(found, input)) {
            errors.push(error);
            damaged = true;
            skip_to_comma(input);
        }
        if let Err(error) = comma(input) {
            errors.push(error);
            damaged = true;
        }
    }
    damaged
}

/// The message for a list whose values have no names, such as `changed(2, u8, to_lines)`. A field's options may be words alone.
fn unnamed(input: ParseStream<'_>, place: Place) -> Option<String> {
    let (list, example) = match place {
        Place::Field => return None,
        Place::Struct => ("session", "session(name = \"shop\", version = 1)"),
        Place::Changed => {
            ("changed", "changed(since = 3, from = Vec<u32>, up = to_lines, down = to_numbers)")
        }
        Place::Removed => ("removed", "removed(key = \"theme\", from = String, since = 2)"),
        Place::Step => {
            ("step", "step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join)")
        }
    };
    let (ahead, mut values) = (input.fork(), 0);
    while !ahead.is_empty() {
        let is_word = ahead.call(Ident::parse_any).is_ok();
        let is_named =
            is_word && (ahead.peek(Token![=]) || is_colon(&ahead) || ahead.peek(syn::token::Paren));
        if is_named || (!is_word && (ahead.peek(Token![=]) || ahead.peek(Token![,]))) {
            return None;
        }
        values += 1;
        skip_to_comma(&ahead);
        let _ = ahead.parse::<Token![,]>();
    }
    (values > 1).then(|| format!("`{list}` takes options by their names; write `{example}`"))
}

/// Reads the word of an option and looks it up in the table.
pub(super) fn find(input: ParseStream<'_>, place: Place) -> syn::Result<Found> {
    if !input.peek(Ident::peek_any) {
        return Err(
            input.error(format!("expected an option such as `{}`", options::words(place).join("`, `")))
        );
    }
    let word = input.call(Ident::parse_any)?;
    let text = ident::word(&word);
    let elsewhere = |other| place != other && options::find(&text, other).is_some();
    let message = match options::find(&text, place) {
        Some(option) if is_colon(input) => {
            let _: Token![:] = input.parse()?;
            let value = words(value(input));
            let meant =
                if value.is_empty() { option.example.to_owned() } else { format!("{text} = {value}") };
            format!("an option takes `=`, and not `:`; write `{meant}`")
        }
        Some(option) => return Ok(Found { option, word }),
        None if place == Place::Struct && elsewhere(Place::Field) => {
            format!("`{text}` is an option of a field; write it there")
        }
        None if place == Place::Field && elsewhere(Place::Struct) => {
            format!("`{text}` is an option of the whole schema; write it on the struct")
        }
        None if place == Place::Field && options::of_serde(&text).is_some() => {
            format!("there is no option `{text}`: {}", options::of_serde(&text).unwrap_or_default())
        }
        None => {
            let meant = options::synonym(&text, place).map(|meant| format!("did you mean `{meant}`?"));
            let advice = meant.unwrap_or_else(|| suggest(&text, &options::words(place)));
            format!("unknown {}; {advice}", place.option(&text))
        }
    };
    Err(syn::Error::new(word.span(), message))
}

/// The tokens up to the next comma.
fn value(input: ParseStream<'_>) -> TokenStream {
    let next = || if input.peek(Token![,]) { None } else { input.parse::<TokenTree>().ok() };
    std::iter::from_fn(next).collect()
}

/// Whether a colon follows, and no path.
fn is_colon(input: ParseStream<'_>) -> bool {
    input.peek(Token![:]) && !input.peek(Token![::])
}

/// Reads the end of an option: a comma, or the end of the list.
pub(super) fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return Ok(());
    }
    let error = input.error("expected a comma between two options");
    if !input.peek(Ident::peek_any) {
        skip_to_comma(input);
        comma(input)?;
    }
    Err(error)
}

pub(super) fn skip_to_comma(input: ParseStream<'_>) {
    // Parsing a token tree cannot fail while there is input left.
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}
