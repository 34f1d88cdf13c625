//! In: the contents of `changed(..)`, `removed(..)` and `step(..)`. Out: their options as written.
//!
//! Never compares two of them. What cannot be parsed is reported, and parsing goes on.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Expr, ExprPath, LitInt, LitStr, Token, Type};

use super::forms::{flag, function, integer, string, ty};
use super::found::{Found, Slot};
use super::list::{comma, listed, skip_to_comma};
use crate::errors::Errors;
use crate::ident;
use crate::options::Place;

/// `changed(since = 3, from = Vec<u32>, up = .., down = .., merge = ..)`, or `changed(since = 3, compatible)`
#[derive(Default)]
pub(crate) struct Changed {
    pub(crate) since: Slot<LitInt>,
    pub(crate) from: Slot<Type>,
    pub(crate) up: Slot<ExprPath>,
    pub(crate) down: Slot<ExprPath>,
    pub(crate) merge: Slot<ExprPath>,
    /// Fields were added inside of the type, and the wire key stays.
    pub(crate) compatible: Slot<()>,
    pub(crate) damaged: bool,
}

/// `removed(key = "theme", from = String, since = 2)`
#[derive(Default)]
pub(crate) struct Removed {
    pub(crate) key: Slot<LitStr>,
    pub(crate) from: Slot<Type>,
    pub(crate) since: Slot<LitInt>,
    pub(crate) damaged: bool,
}

/// `step(since = 3, from(name: Option<String>), to(first, last), up = .., down = .., merge = ..)`
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) since: Slot<LitInt>,
    pub(crate) from: Slot<Vec<Source>>,
    pub(crate) to: Slot<Vec<WireKey>>,
    pub(crate) up: Slot<ExprPath>,
    pub(crate) down: Slot<ExprPath>,
    pub(crate) merge: Slot<ExprPath>,
    pub(crate) damaged: bool,
}

/// A cell that a step reads: `name: Option<String>`, or `"last-seen": u64 = 0`.
pub(crate) struct Source {
    pub(crate) key: WireKey,
    /// May be left out once no session needs the step.
    pub(crate) ty: Option<Type>,
    /// The value that the field had until it was first set.
    pub(crate) default: Option<Expr>,
}

/// A wire key: `first`, or `"last-seen"` if it is not an identifier.
pub(crate) struct WireKey {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

pub(super) fn changed(errors: &Errors, input: ParseStream<'_>) -> Changed {
    let mut changed = Changed::default();
    let damaged = listed(errors, Place::Changed, input, |found, input| match found.option.word {
        "since" => found.fill(&mut changed.since, input, integer),
        "from" => found.fill(&mut changed.from, input, ty),
        "up" => found.fill(&mut changed.up, input, function),
        "down" => found.fill(&mut changed.down, input, function),
        "merge" => found.fill(&mut changed.merge, input, function),
        "compatible" => found.fill(&mut changed.compatible, input, flag),
        _ => found.forgotten(),
    });
    Changed { damaged, ..changed }
}

pub(super) fn removed(errors: &Errors, input: ParseStream<'_>) -> Removed {
    let mut removed = Removed::default();
    let damaged = listed(errors, Place::Removed, input, |found, input| match found.option.word {
        "key" => found.fill(&mut removed.key, input, string),
        "from" => found.fill(&mut removed.from, input, ty),
        "since" => found.fill(&mut removed.since, input, integer),
        _ => found.forgotten(),
    });
    Removed { damaged, ..removed }
}

pub(super) fn step(errors: &Errors, input: ParseStream<'_>) -> Step {
    let mut step = Step::default();
    let damaged = listed(errors, Place::Step, input, |found, input| match found.option.word {
        "since" => found.fill(&mut step.since, input, integer),
        "from" => found.fill(&mut step.from, input, |found, input| cells(found, input, source)),
        "to" => found.fill(&mut step.to, input, |found, input| cells(found, input, untyped)),
        "up" => found.fill(&mut step.up, input, function),
        "down" => found.fill(&mut step.down, input, function),
        "merge" => found.fill(&mut step.merge, input, function),
        _ => found.forgotten(),
    });
    Step { damaged, ..step }
}

fn cells<T>(
    found: &Found,
    input: ParseStream<'_>,
    read: fn(&Found, ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<Vec<T>> {
    let content = found.parentheses(input)?;
    if content.is_empty() {
        return Err(found.wrong_form());
    }
    let (mut cells, mut mistakes) = (Vec::new(), Ok(()));
    let mut note = |error: syn::Error| match &mut mistakes {
        Ok(()) => mistakes = Err(error),
        Err(all) => all.combine(error),
    };
    while !content.is_empty() {
        match read(found, &content) {
            Ok(cell) => cells.push(cell),
            Err(error) => {
                note(error);
                skip_to_comma(&content);
            }
        }
        if let Err(error) = comma(&content) {
            note(error);
        }
    }
    mistakes.map(|()| cells)
}

fn wire_key(found: &Found, input: ParseStream<'_>) -> syn::Result<WireKey> {
    if input.peek(LitStr) {
        let key: LitStr = input.parse()?;
        return Ok(WireKey { text: key.value(), at: key.into_token_stream() });
    }
    let key: Ident = input.parse().map_err(|error| {
        syn::Error::new(error.span(), format!("expected a wire key, as in `{}`", found.option.example))
    })?;
    Ok(WireKey { text: ident::word(&key), at: key.into_token_stream() })
}

/// Reads a wire key in `to`, which takes no type.
fn untyped(found: &Found, input: ParseStream<'_>) -> syn::Result<WireKey> {
    let key = wire_key(found, input)?;
    if input.parse::<Token![:]>().is_ok() {
        input.parse::<Type>()?;
        return Err(syn::Error::new_spanned(
            &key.at,
            format!("`to` takes wire keys without types: `{}`", key.text),
        ));
    }
    Ok(key)
}

fn source(found: &Found, input: ParseStream<'_>) -> syn::Result<Source> {
    let key = wire_key(found, input)?;
    if input.parse::<Token![:]>().is_err() {
        return Ok(Source { key, ty: None, default: None });
    }
    let ty = Some(input.parse()?);
    let default = if input.parse::<Token![=]>().is_ok() { Some(input.parse()?) } else { None };
    Ok(Source { key, ty, default })
}
