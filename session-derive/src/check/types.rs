//! In: the types of fields, present and past. Out: a message for each type whose spelling shows that it cannot be stored.
//!
//! Never checks traits; the generated code asserts that a type implements what it needs.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use syn::{Expr, ExprLit, Lit, Type};

use crate::attr::found::Slot;
use crate::errors::Errors;
use crate::ident;
use crate::model::Schema;
use crate::model::field::Field;
use crate::model::spelling::{self, Spelling};
use crate::structure::Structure;
use crate::words::words;

/// Whether getters and setters can name the type. If not, [`owned_type`] reports it.
pub(crate) fn is_owned(ty: &Type) -> bool {
    spelling::parts(ty).into_iter().all(|part| not_owned(part, "").is_none())
}

pub(super) fn owned_type(errors: &Errors, schema: &Schema<'_>, field: &Field<'_>) {
    for part in spelling::parts(field.ty) {
        if let Some(message) = not_owned(part, &ident::word(schema.ident)) {
            errors.at(part, message);
        }
    }
}

fn not_owned(part: &Type, state: &str) -> Option<String> {
    Some(match part {
        Type::Reference(reference) => {
            let owned = match words(&reference.elem).as_str() {
                "str" => "String".to_owned(),
                other => other
                    .strip_prefix('[')
                    .and_then(|other| other.strip_suffix(']'))
                    .map_or_else(|| other.to_owned(), |element| format!("Vec<{element}>")),
            };
            let lifetime =
                reference.lifetime.as_ref().map(|lifetime| format!("{lifetime} ")).unwrap_or_default();
            let mutable = if reference.mutability.is_some() { "mut " } else { "" };
            let borrowed = words(&reference.elem);
            format!(
                "session fields are owned values; use `{owned}` instead of `&{lifetime}{mutable}{borrowed}`"
            )
        }
        Type::TraitObject(_) => {
            "session fields are owned values; use a concrete type, such as an enum, instead of a trait object"
                .to_owned()
        }
        Type::ImplTrait(_) => {
            "session fields are stored and read back; name the type instead of `impl Trait`".to_owned()
        }
        Type::Infer(_) => "session fields are stored and read back; name the type instead of `_`".to_owned(),
        Type::Path(path) if path.path.segments.first().is_some_and(|segment| segment.ident == "Self") => {
            format!("`Self` would mean the handle in the methods generated for this field; write `{state}`")
        }
        _ => return None,
    })
}

pub(super) fn one_null(errors: &Errors, ty: &Type) {
    for part in spelling::parts(ty) {
        let Spelling::Option(inner) = Spelling::of(part) else { continue };
        match spelling::peel(inner) {
            Type::Tuple(unit) if unit.elems.is_empty() => errors.at(
                inner,
                "JSON `null` cannot tell `None` from `Some(())`; use a `bool`",
            ),
            _ if matches!(Spelling::of(inner), Spelling::Option(_)) => errors.at(
                inner,
                "JSON `null` cannot tell the two `None`s apart; use one `Option`, or an enum with a variant for \
                 each",
            ),
            _ => {}
        }
    }
}

pub(super) fn string_keys_in_maps(errors: &Errors, field: &Field<'_>) {
    for key in spelling::parts(field.ty).into_iter().filter_map(spelling::map_key) {
        if spelling::is_not_one_value(key) {
            errors.at(
                key,
                format!(
                    "JSON object keys are strings; use a key such as `String` or `u64` instead of `{}`",
                    words(key)
                ),
            );
        }
    }
}

/// Reports the type of an older form, which must be as storable as that of a field.
pub(super) fn old_type(errors: &Errors, schema: &Schema<'_>, ty: &Slot<Type>) {
    if let Some(ty) = ty {
        stored_type(errors, schema, &ty.value);
    }
}

pub(super) fn stored_type(errors: &Errors, schema: &Schema<'_>, ty: &Type) {
    for part in spelling::parts(ty) {
        if let Some(message) = not_owned(part, &ident::word(schema.ident)) {
            errors.at(part, message);
        }
    }
    one_null(errors, ty);
    long_arrays(errors, ty);
}

/// Reports arrays that serde does not know. Inside of a type of the user's there may be any.
pub(super) fn long_arrays(errors: &Errors, ty: &Type) {
    report_long_arrays(errors, &Structure::of(ty));
}

fn report_long_arrays(errors: &Errors, structure: &Structure<'_>) {
    match structure {
        Structure::Container(_, parts) => {
            for part in parts {
                report_long_arrays(errors, part);
            }
        }
        Structure::Array(item, length) => {
            if let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = length
                && number.base10_parse::<u64>().is_ok_and(|number| number > 32)
            {
                errors.at(number, "serde supports arrays of at most 32 elements; use a `Vec`");
            }
            report_long_arrays(errors, item);
        }
        Structure::Leaf(..) => {}
    }
}
