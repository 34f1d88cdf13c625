//! In: the item as written. Out: the schema, with every default filled in, every name chosen and the order of fields fixed.
//!
//! Never reports a mistake: what makes no sense gets a harmless value here and a message in `check`. In reading order: `spelling` is
//! what a type looks like, `field` is one field, and `history` is what older versions stored.

pub(crate) mod spelling;
pub(crate) mod field;
pub(crate) mod history;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{Type, Visibility};

use crate::attr::Written;
use crate::{ident, krate};
use field::{Field, Text, decide_field, version_of};
use history::History;

/// The schema as decided.
pub(crate) struct Schema<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    /// `ShopHandle`
    pub(crate) handle: Ident,
    /// The path to the library.
    pub(crate) krate: TokenStream,
    pub(crate) name: Text,
    pub(crate) version: u16,
    /// The oldest version that a binary still running beside this one may have.
    pub(crate) oldest_reader: u16,
    /// Whether `oldest_reader` was left out.
    pub(crate) default_reader: bool,
    /// The oldest version that a stored record may have.
    pub(crate) oldest_record: u16,
    pub(crate) removed: Vec<Removed<'a>>,
    pub(crate) history: History<'a>,
    pub(crate) generic: bool,
    /// In the order of the declaration.
    pub(crate) fields: Vec<Field<'a>>,
}

/// A field that the struct no longer has.
pub(crate) struct Removed<'a> {
    pub(crate) key: String,
    pub(crate) ty: &'a Type,
    /// The first version without it.
    pub(crate) since: u16,
}

pub(crate) fn decide<'a>(written: &'a Written<'a>) -> Schema<'a> {
    let item = written.item;
    let name = match &written.name {
        Some(name) => Text { text: name.value.value(), at: name.value.to_token_stream() },
        None => Text { text: ident::snake_case(&ident::word(&item.ident)), at: item.ident.to_token_stream() },
    };
    let version = version_of(&written.version).unwrap_or(1);
    let mut fields: Vec<_> = written.fields.iter().map(decide_field).collect();
    let mut stored: Vec<_> = fields.iter_mut().collect();
    stored.sort_by(|a, b| a.cell.cmp(&b.cell));
    for (index, field) in stored.into_iter().enumerate() {
        field.index = index;
    }
    let oldest_reader =
        version_of(&written.oldest_reader).unwrap_or_else(|| version.saturating_sub(1).max(1));
    let history = history::decide(written, &fields);
    Schema {
        ident: &item.ident,
        vis: &item.vis,
        handle: written
            .handle
            .as_ref()
            .and_then(|handle| ident::parse(&handle.value.value(), handle.value.span()).ok())
            .filter(|handle| ident::word(handle) != ident::word(&item.ident))
            .map_or_else(
                || format_ident!("{}Handle", item.ident, span = ident::generated_at(item.ident.span())),
                |handle| ident::generated(&handle),
            ),
        krate: krate::path(written.krate.as_ref().map(|path| &path.value)),
        name,
        version,
        oldest_reader,
        default_reader: written.oldest_reader.is_none(),
        oldest_record: version_of(&written.oldest_record).unwrap_or(1),
        removed: written
            .removed
            .iter()
            .filter_map(|removed| {
                let (key, ty) = (removed.value.key.as_ref()?, removed.value.from.as_ref()?);
                let since = version_of(&removed.value.since)?;
                Some(Removed { key: key.value.value(), ty: &ty.value, since })
            })
            .collect(),
        history,
        generic: !item.generics.params.is_empty() || item.generics.where_clause.is_some(),
        fields,
    }
}

impl Schema<'_> {
    /// The wire key of the cell that holds the oldest schema version able to read the section: `$shop`.
    pub(crate) fn gate(&self) -> String {
        format!("${}", self.name.text)
    }

    /// The full wire key of a cell: `shop.cart@3`.
    pub(crate) fn wire_key(&self, cell: &str) -> String {
        format!("{}.{cell}", self.name.text)
    }

    /// The fields in the order of their wire keys.
    pub(crate) fn stored(&self) -> Vec<&Field<'_>> {
        let mut stored: Vec<_> = self.fields.iter().collect();
        stored.sort_by_key(|field| field.index);
        stored
    }
}
