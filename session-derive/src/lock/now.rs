//! In: the schema as decided. Out: every cell that the attributes tell of, and the tokens that tell it.
//!
//! Never compares: the words of a type or a default are brought into one form here, so that whitespace makes no difference.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Type;

use super::compare::{Now, Role, Stored};
use super::text::{Action, Default};
use crate::attr::Written;
use crate::errors::source;
use crate::ident;
use crate::model::{self, Field, Schema};

/// Where a cell is written.
pub(super) struct Origin<'a> {
    pub(super) ty: &'a Type,
    pub(super) name: TokenStream,
    pub(super) key: TokenStream,
    pub(super) since: Option<TokenStream>,
    pub(super) until: Option<TokenStream>,
    pub(super) default: Option<TokenStream>,
}

pub(super) fn oldest_reader(_written: &Written<'_>) -> Option<TokenStream> {
    None
}

/// The schema as its attributes tell it, and for each cell where.
pub(super) fn read<'a>(_written: &'a Written<'a>, schema: &Schema<'a>) -> (Now, Vec<Origin<'a>>) {
    let (cells, origins) = schema.fields.iter().map(field).unzip();
    let now = Now {
        schema: schema.name.text.clone(),
        state: ident::word(schema.ident),
        version: schema.version,
        oldest_reader: None,
        oldest_record: 1,
        cells,
    };
    (now, origins)
}

fn field<'a>(field: &Field<'a>) -> (Stored, Origin<'a>) {
    let stored = Stored {
        role: Role::Field,
        name: ident::word(field.ident),
        key: field.key.text.clone(),
        ty: words(model::peel(field.ty)),
        default: default(&field.default),
        since: Some(1),
        until: None,
        action: Action::Added,
    };
    let origin = Origin {
        ty: field.ty,
        name: field.ident.to_token_stream(),
        key: field.key.at.clone(),
        since: None,
        until: None,
        default: match &field.default {
            model::Default::Expr(expr) => Some(expr.to_token_stream()),
            model::Default::None | model::Default::OfType => None,
        },
    };
    (stored, origin)
}

fn default(default: &model::Default<'_>) -> Option<Default> {
    match default {
        model::Default::None => None,
        model::Default::OfType => Some(Default::OfType),
        model::Default::Expr(expr) => Some(Default::Expr(words(expr))),
    }
}

/// The tokens in one line.
fn words(tokens: impl ToTokens) -> String {
    source(tokens).replace('\r', "\\r").replace('\n', "\\n").replace('\0', "\\0")
}
