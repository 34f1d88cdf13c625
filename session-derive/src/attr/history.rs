//! In: what stands in `changed(..)`, `removed(..)` and `step(..)`. Out: their options as written.
//!
//! Never compares two of them; like its parent it reports what it does not understand and goes on.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Expr, ExprPath, LitInt, LitStr, Token, Type};

use super::forms::{function, integer, string, ty};
use super::found::{Found, Slot};
use super::list::{comma, listed, skip_to_comma};
use crate::errors::Errors;
use crate::ident;
use crate::options::Place;

/// `changed(since = 3, from = Vec<u32>, up = .., down = .., merge = ..)`
#[derive(Default)]
pub(crate) struct Changed {
    pub(crate) since: Slot<LitInt>,
    pub(crate) from: Slot<Type>,
    pub(crate) up: Slot<ExprPath>,
    pub(crate) down: Slot<ExprPath>,
    pub(crate) merge: Slot<ExprPath>,
    pub(crate) damaged: bool,
}

/// `removed(key = "theme", ty = String, since = 2)`
#[derive(Default)]
pub(crate) struct Removed {
    pub(crate) key: Slot<LitStr>,
    pub(crate) ty: Slot<Type>,
    pub(crate) since: Slot<LitInt>,
    pub(crate) damaged: bool,
}

/// `step(since = 3, from(name: Option<String>), to(first, last), up = .., down = .., merge = ..)`
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) since: Slot<LitInt>,
    pub(crate) from: Slot<Vec<FromKey>>,
    pub(crate) to: Slot<Vec<ToKey>>,
    pub(crate) up: Slot<ExprPath>,
    pub(crate) down: Slot<ExprPath>,
    pub(crate) merge: Slot<ExprPath>,
    pub(crate) damaged: bool,
}

/// `name: Option<String>`, `"last-seen": u64 = 0`
pub(crate) struct FromKey {
    pub(crate) key: ToKey,
    /// The key alone is enough once no session needs the step.
    pub(crate) ty: Option<Type>,
    /// What the field read as until it was first set.
    pub(crate) default: Option<Expr>,
}

/// A wire key: `first`, or `"last-seen"` where it is no identifier.
pub(crate) struct ToKey {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

pub(super) fn changed(errors: &Errors, input: ParseStream<'_>) -> Changed {
    let mut changed = Changed::default();
    let damaged = listed(errors, Place::Changed, input, |option, input| match option.key.word {
        "since" => option.fill(&mut changed.since, input, integer),
        "from" => option.fill(&mut changed.from, input, ty),
        "up" => option.fill(&mut changed.up, input, function),
        "down" => option.fill(&mut changed.down, input, function),
        "merge" => option.fill(&mut changed.merge, input, function),
        _ => option.forgotten(),
    });
    Changed { damaged, ..changed }
}

pub(super) fn removed(errors: &Errors, input: ParseStream<'_>) -> Removed {
    let mut removed = Removed::default();
    let damaged = listed(errors, Place::Removed, input, |option, input| match option.key.word {
        "key" => option.fill(&mut removed.key, input, string),
        "ty" => option.fill(&mut removed.ty, input, ty),
        "since" => option.fill(&mut removed.since, input, integer),
        _ => option.forgotten(),
    });
    Removed { damaged, ..removed }
}

pub(super) fn step(errors: &Errors, input: ParseStream<'_>) -> Step {
    let mut step = Step::default();
    let damaged = listed(errors, Place::Step, input, |option, input| match option.key.word {
        "since" => option.fill(&mut step.since, input, integer),
        "from" => option.fill(&mut step.from, input, |option, input| keys(option, input, from_key)),
        "to" => option.fill(&mut step.to, input, |option, input| keys(option, input, untyped_key)),
        "up" => option.fill(&mut step.up, input, function),
        "down" => option.fill(&mut step.down, input, function),
        "merge" => option.fill(&mut step.merge, input, function),
        _ => option.forgotten(),
    });
    Step { damaged, ..step }
}

fn keys<T>(
    option: &Found,
    input: ParseStream<'_>,
    read: fn(&Found, ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<Vec<T>> {
    let content = option.parentheses(input)?;
    if content.is_empty() {
        return Err(option.wrong_form());
    }
    let (mut keys, mut mistakes) = (Vec::new(), Ok(()));
    let mut note = |error: syn::Error| match &mut mistakes {
        Ok(()) => mistakes = Err(error),
        Err(all) => all.combine(error),
    };
    while !content.is_empty() {
        match read(option, &content) {
            Ok(key) => keys.push(key),
            Err(error) => {
                note(error);
                skip_to_comma(&content);
            }
        }
        if let Err(error) = comma(&content) {
            note(error);
        }
    }
    mistakes.map(|()| keys)
}

fn to_key(option: &Found, input: ParseStream<'_>) -> syn::Result<ToKey> {
    if input.peek(LitStr) {
        let key: LitStr = input.parse()?;
        return Ok(ToKey { text: key.value(), at: key.into_token_stream() });
    }
    let key: Ident = input.parse().map_err(|error| {
        syn::Error::new(error.span(), format!("expected a wire key, as in `{}`", option.key.example))
    })?;
    Ok(ToKey { text: ident::word(&key), at: key.into_token_stream() })
}

/// As `to` has them.
fn untyped_key(option: &Found, input: ParseStream<'_>) -> syn::Result<ToKey> {
    let key = to_key(option, input)?;
    if input.parse::<Token![:]>().is_ok() {
        input.parse::<Type>()?;
        return Err(syn::Error::new_spanned(
            &key.at,
            format!("`to` takes the names of fields, without types: `{}`", key.text),
        ));
    }
    Ok(key)
}

fn from_key(option: &Found, input: ParseStream<'_>) -> syn::Result<FromKey> {
    let key = to_key(option, input)?;
    if input.parse::<Token![:]>().is_err() {
        return Ok(FromKey { key, ty: None, default: None });
    }
    let ty = Some(input.parse()?);
    let default = if input.parse::<Token![=]>().is_ok() { Some(input.parse()?) } else { None };
    Ok(FromKey { key, ty, default })
}
