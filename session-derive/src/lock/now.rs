//! In: the attributes of a schema. Out: every cell that they describe, and the tokens that describe it.
//!
//! Never compares anything. Types and defaults are brought into one form here, so that whitespace makes no difference later.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{LitInt, Type};

use super::cells::{Now, Role, Stored, base};
use super::data::{Action, Default, Marks};
use crate::attr::found::Given;
use crate::attr::history::Step;
use crate::attr::{Written, WrittenField};
use crate::ident;
use crate::model::Schema;
use crate::model::field::Field;
use crate::model::field::{Default as Decided, cell_since, version_of};
use crate::model::spelling;
use crate::words::words;

/// The tokens that describe a cell.
pub(super) struct Origin<'a> {
    pub(super) ty: &'a Type,
    pub(super) name: TokenStream,
    pub(super) key: TokenStream,
    pub(super) since: Option<TokenStream>,
    pub(super) until: Option<TokenStream>,
}

pub(super) fn oldest_reader(written: &Written<'_>) -> Option<TokenStream> {
    written.oldest_reader.as_ref().map(|oldest| oldest.value.to_token_stream())
}

/// Reads the attributes. The two lists have the same order.
pub(super) fn read<'a>(written: &'a Written<'a>, schema: &Schema<'a>) -> (Now, Vec<Origin<'a>>) {
    let mut cells: Vec<(Stored, Origin<'a>)> = Vec::new();
    for (written_field, field) in written.fields.iter().zip(&schema.fields) {
        forms(&mut cells, written, written_field, field);
    }
    for removed in written.removed.iter().map(|removed| &removed.value) {
        if let (Some(key), Some(ty)) = (&removed.key, &removed.from) {
            let at = key.value.to_token_stream();
            cells.push(gone(
                written,
                Role::Removed,
                &key.value.value(),
                at,
                &ty.value,
                removed.since.as_ref(),
            ));
        }
    }
    for step in written.steps.iter().map(|step| &step.value) {
        for from in step.from.iter().flat_map(|from| &from.value) {
            // Without a type, as `oldest_record` allows, the attributes only name the wire key.
            if let Some(ty) = &from.ty
                && cells.iter().all(|(stored, _)| stored.key != from.key.text)
            {
                let at = from.key.at.clone();
                cells.push(gone(written, Role::Split, &from.key.text, at, ty, step.since.as_ref()));
            }
        }
    }
    let (cells, origins) = cells.into_iter().unzip();
    let now = Now {
        schema: schema.name.text.clone(),
        state: ident::word(schema.ident),
        version: schema.version,
        oldest_reader: version_of(&written.oldest_reader),
        oldest_record: version_of(&written.oldest_record).unwrap_or(1),
        cells,
    };
    (now, origins)
}

/// Adds a field and its older forms.
fn forms<'a>(
    cells: &mut Vec<(Stored, Origin<'a>)>,
    all: &'a Written<'a>,
    written: &'a WrittenField<'a>,
    field: &Field<'a>,
) {
    let name = ident::word(field.ident);
    let mut key = field.key.text.clone();
    // Without a `since`, the lock may know it.
    let mut since = version_of(&written.since);
    let mut said = written.since.as_ref().map(|since| since.value.to_token_stream());
    let mut action = made_by(all, &key).map_or(Action::Added, |(_, action)| action);
    let origin = |ty, since, until| Origin {
        ty,
        name: field.ident.to_token_stream(),
        key: field.key.at.clone(),
        since,
        until,
    };
    let mut compatible = Vec::new();
    for change in written.changed.iter().map(|change| &change.value) {
        let (Some(version), Some(until)) = (version_of(&change.since), &change.since) else { continue };
        if change.compatible.is_some() {
            compatible.push(version);
            continue;
        }
        let until = until.value.to_token_stream();
        let next = cell_since(&field.key.text, Some(version));
        // Without `from`, as `oldest_record` allows, the attributes only name the new wire key.
        if let Some(from) = &change.from {
            let stored = Stored {
                role: Role::Before,
                name: name.clone(),
                key: key.clone(),
                ty: words(spelling::peel(&from.value)),
                default: None,
                since,
                until: Some(version),
                action,
                marks: Marks::default(),
                compatible: std::mem::take(&mut compatible),
            };
            cells.push((stored, origin(&from.value, said, Some(until.clone()))));
        }
        (action, since, said) = (Action::Changed(key), Some(version), Some(until));
        key = next;
    }
    let stored = Stored {
        role: Role::Field,
        name,
        key,
        ty: words(spelling::peel(field.ty)),
        default: default(&field.default),
        since,
        until: None,
        action,
        marks: Marks { principal: field.principal, reset_on_sign_in: field.reset_on_sign_in },
        compatible,
    };
    cells.push((stored, origin(field.ty, said, None)));
}

/// A cell that is no longer a field.
fn gone<'a>(
    all: &'a Written<'a>,
    role: Role,
    key: &str,
    at: TokenStream,
    ty: &'a Type,
    until: Option<&'a Given<LitInt>>,
) -> (Stored, Origin<'a>) {
    let (since, action) =
        made_by(all, key).map_or((None, Action::Added), |(since, action)| (Some(since), action));
    let stored = Stored {
        role,
        name: key.to_owned(),
        key: key.to_owned(),
        ty: words(spelling::peel(ty)),
        default: None,
        since,
        until: until.and_then(|until| until.value.base10_parse().ok()),
        action,
        marks: Marks::default(),
        compatible: Vec::new(),
    };
    let until = until.map(|until| until.value.to_token_stream());
    (stored, Origin { ty, name: at.clone(), key: at, since: None, until })
}

/// The first step that writes this cell: its version and its action.
fn made_by(written: &Written<'_>, key: &str) -> Option<(u16, Action)> {
    let steps = written.steps.iter().map(|step| &step.value);
    let place = |step: &Step| step.to.iter().flat_map(|to| &to.value).position(|to| to.text == key);
    let (step, place) = steps
        .filter_map(|step| Some((step, place(step)?)))
        .min_by_key(|(step, _)| version_of(&step.since))?;
    let from: Vec<String> =
        step.from.iter().flat_map(|from| &from.value).map(|from| from.key.text.clone()).collect();
    let since = version_of(&step.since)?;
    let action = match from.as_slice() {
        // Once a changed field is itself read by a step, its `changed` is written as a step, too.
        [one] if key == cell_since(base(one), Some(since)) => Action::Changed(one.clone()),
        _ => Action::Step(from, place + 1),
    };
    Some((since, action))
}

fn default(default: &Decided<'_>) -> Option<Default> {
    match default {
        Decided::None => None,
        Decided::OfType => Some(Default::OfType),
        Decided::Expr(expr) => Some(Default::Expr(words(expr))),
    }
}
