//! In: the options of each field. Out: a message for each option that contradicts the type of its field or another option.
//!
//! Never looks at names or versions.

use proc_macro2::Ident;
use syn::{Expr, ExprLit, Lit, Path, Type};

use super::types::is_owned;
use crate::attr::found::{Given, Slot};
use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident;
use crate::model::field::Field;
use crate::model::spelling::{self, Spelling};
use crate::standard;
use crate::words::words;

pub(super) fn default_where_needed(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    let needed = !field.is_option() && written.default.is_none();
    // A wrong type, or one that must be an `Option`, has its own message.
    let told = written.damaged || field.principal || field.flash || !is_owned(field.ty);
    if needed && !told {
        let (name, ty) = (ident::word(field.ident), words(field.ty));
        errors.at(
            field.ty,
            format!(
                "a session starts empty, so `{name}` needs a value until it is first set; add `#[session(default)]` or \
                 `#[session(default = ..)]`, or make it `Option<{ty}>`"
            ),
        );
    }
}

/// Reports the path of a function in quotes, as serde takes it, for a list. Elsewhere a text may be meant, and the compiler says if not.
pub(super) fn no_default_in_quotes(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    let Some(Given { value: Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })), .. }) = &written.default
    else {
        return;
    };
    if matches!(field.spelling, Spelling::Vec(_)) && text.parse::<Path>().is_ok() {
        let call = format!("`default = {}()`", text.value());
        errors.at(text, format!("`default` takes an expression; to call a function, write {call}"));
    }
}

pub(super) fn no_default_on_option(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    if let (Some(default), true) = (&written.default, field.is_option()) {
        errors.at(
            &default.word,
            "an `Option` field is `None` until it is set, and a default would hide that it was cleared; remove `default`, or the `Option`",
        );
    }
}

pub(super) fn principal_and_flash_are_options(
    errors: &Errors,
    written: &WrittenField<'_>,
    field: &Field<'_>,
) {
    if field.is_option() || !is_owned(field.ty) {
        return;
    }
    let ty = words(field.ty);
    let alias = if may_be_an_alias(field.ty) {
        format!(
            ", or, if `{ty}` is an alias of an `Option`, what it stands for: the derive sees only how a type is spelled"
        )
    } else {
        String::new()
    };
    let default = if written.default.is_some() { ", without `default`" } else { "" };
    if written.principal.is_some() {
        errors.at(
            field.ty,
            format!(
                "a principal field must be an `Option`, since a session starts signed out; write \
                 `Option<{ty}>`{default}{alias}"
            ),
        );
    } else if written.flash.is_some() {
        errors.at(
            field.ty,
            format!(
                "a flash field must be an `Option`, since taking it leaves `None`; write `Option<{ty}>`{default}{alias}"
            ),
        );
    }
}

/// Whether the type is a name of the user's own.
fn may_be_an_alias(ty: &Type) -> bool {
    let Type::Path(path) = spelling::peel(ty) else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.arguments.is_none() && !standard::has(&ident::word(&last.ident)))
}

pub(super) fn no_contradiction(errors: &Errors, written: &WrittenField<'_>) {
    if written.principal.is_none() {
        return;
    }
    let at = |word: Option<&Ident>, why: &str| {
        if let Some(word) = word {
            errors.at(word, format!("a principal field cannot be `{word}`: {why}; remove one of the two"));
        }
    };
    at(word(&written.flash), "taking it would sign the user out");
    at(word(&written.lenient), "an unreadable value would look like a session that is signed out");
    at(word(&written.reset_on_sign_in), "signing in is what sets it");
    let why = "the session would still be the user's; bound its life with `Session::set_lifetime`";
    at(word(&written.expires_after), why);
}

#[allow(clippy::ref_option)] // a `Slot` is passed as one thing
fn word<T>(slot: &Slot<T>) -> Option<&Ident> {
    slot.as_ref().map(|given| &given.word)
}

pub(super) fn one_principal(errors: &Errors, written: &Written<'_>) {
    let mut principals =
        written.fields.iter().filter_map(|field| Some((field.ident, field.principal.as_ref()?)));
    let Some((first, _)) = principals.next() else { return };
    let first = ident::word(first);
    for (_, second) in principals {
        errors.at(
            &second.word,
            format!(
                "`{first}` is already the principal of this schema: one session belongs to one user; remove \
                 `principal` from one of the two"
            ),
        );
    }
}
