//! In: a field as written. Out: the field as decided.
//!
//! Never looks at other fields; the schema numbers them.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Expr, LitInt, Type, Visibility};

use super::spelling::Spelling;
use crate::attr::WrittenField;
use crate::attr::found::Slot;
use crate::ident;

/// A name, and the tokens to underline if it is wrong.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

/// A field as decided.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the user's; no state machine hides in them"
)]
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) docs: Vec<&'a Attribute>,
    pub(crate) ty: &'a Type,
    pub(crate) spelling: Spelling<'a>,
    /// The wire key without the name of the schema: `cart`.
    pub(crate) key: Text,
    /// The wire key with the version of the last change of type: `cart@3`.
    pub(crate) cell: String,
    /// The position of the field when the fields of the schema are sorted by wire key.
    pub(crate) index: usize,
    pub(crate) getter: Ident,
    pub(crate) default: Default<'a>,
    pub(crate) copy: bool,
    pub(crate) principal: bool,
    pub(crate) reset_on_sign_in: bool,
    /// How many seconds a value lives, if not as long as the session.
    pub(crate) expires_after: Option<u64>,
    pub(crate) flash: bool,
    pub(crate) lenient: bool,
}

/// The value of a field until it is first set.
#[derive(Clone, Copy)]
pub(crate) enum Default<'a> {
    None,
    OfType,
    Expr(&'a Expr),
}

impl<'a> Default<'a> {
    pub(super) fn of(expr: Option<&'a Expr>, spelling: Spelling<'_>) -> Self {
        match (expr, spelling) {
            (Some(expr), _) => Self::Expr(expr),
            (None, Spelling::Option(_)) => Self::None,
            (None, _) => Self::OfType,
        }
    }
}

pub(super) fn decide_field<'a>(written: &'a WrittenField<'a>) -> Field<'a> {
    // Without `..`, so that the compiler points here when an option is added.
    let WrittenField {
        field,
        ident,
        key,
        default,
        getter,
        copy,
        principal,
        reset_on_sign_in,
        expires_after,
        flash,
        lenient,
        // Read by `history` and `check`.
        since: _,
        changed: _,
        damaged: _,
    } = written;
    let spelling = Spelling::of(&field.ty);
    let key = match key {
        Some(key) => Text { text: key.value.value(), at: key.value.to_token_stream() },
        None => Text { text: ident::word(ident), at: ident.to_token_stream() },
    };
    Field {
        ident,
        vis: &field.vis,
        docs: field.attrs.iter().filter(|attr| attr.path().is_ident("doc")).collect(),
        ty: &field.ty,
        spelling,
        cell: cell_since(
            &key.text,
            written.conversions().filter_map(|change| version_of(&change.value.since)).next_back(),
        ),
        key,
        index: 0,
        getter: getter
            .as_ref()
            .and_then(|getter| ident::parse(&getter.value.value(), getter.value.span()).ok())
            .unwrap_or_else(|| (*ident).clone()),
        default: Default::of(default.as_ref().and_then(|default| default.value.as_ref()), spelling),
        copy: copy.is_some(),
        principal: principal.is_some(),
        reset_on_sign_in: reset_on_sign_in.is_some(),
        expires_after: expires_after.as_ref().map(|seconds| seconds.value),
        flash: flash.is_some(),
        lenient: lenient.is_some(),
    }
}

/// The version in `slot`, if there is one and it fits.
#[allow(clippy::ref_option)] // a `Slot` is passed as one thing
pub(crate) fn version_of(slot: &Slot<LitInt>) -> Option<u16> {
    slot.as_ref()?.value.base10_parse().ok()
}

impl Field<'_> {
    pub(crate) fn is_option(&self) -> bool {
        matches!(self.spelling, Spelling::Option(_))
    }

    pub(crate) fn setter(&self) -> Ident {
        ident::method("set_", self.ident)
    }

    /// `None` for the principal, which is set but never edited.
    pub(crate) fn updater(&self) -> Option<Ident> {
        (!self.principal).then(|| ident::method("update_", self.ident))
    }

    pub(crate) fn clearer(&self) -> Option<Ident> {
        self.is_option().then(|| ident::method("clear_", self.ident))
    }

    pub(crate) fn taker(&self) -> Option<Ident> {
        (self.flash && self.is_option()).then(|| ident::method("take_", self.ident))
    }

    /// The names of the methods generated for this field, each with what messages call it.
    pub(crate) fn methods(&self) -> Vec<(&'static str, Ident)> {
        let methods = [
            ("getter", Some(self.getter.clone())),
            ("setter", Some(self.setter())),
            ("update method", self.updater()),
            ("clear method", self.clearer()),
            ("take method", self.taker()),
        ];
        methods.into_iter().filter_map(|(role, method)| Some((role, method?))).collect()
    }
}

/// The wire key of a field whose type last changed in version `since`.
pub(crate) fn cell_since(key: &str, since: Option<u16>) -> String {
    since.map_or_else(|| key.to_owned(), |since| format!("{key}@{since}"))
}
