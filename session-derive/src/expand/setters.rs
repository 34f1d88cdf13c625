//! In: a field. Out: those of `set_`, `update_`, `clear_` and `take_` that the field has, and `principal_of` for the principal.
//!
//! Never touches the value itself: each calls one method of the tracked state, which records the operation.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::method::{Method, docs, literal, place, tracked_mut};
use crate::ident::{self, local, parameter};
use crate::model::Schema;
use crate::model::field::Field;
use crate::model::spelling::Spelling;

pub(super) fn setters(schema: &Schema<'_>, field: &Field<'_>) -> Vec<Method> {
    let update = field.updater().map(|name| update(schema, field, name));
    let clear = field.clearer().map(|name| clear(schema, field, name));
    let take = match field.spelling {
        Spelling::Option(_) => field.taker().map(|name| take(schema, field, name)),
        _ => None,
    };
    let principal = field.principal.then(|| principal_of(schema, field));
    let no_update = if field.principal { no_update(schema, field) } else { None };
    std::iter::once(set(schema, field))
        .chain(update)
        .chain(clear)
        .chain(take)
        .chain(principal)
        .chain(no_update)
        .collect()
}

/// ```text
/// #[track_caller]
/// pub fn set_cart(&mut self, value: Vec<Line>) {
///     Tracked::set(Inside::show_mut(&mut self.0), 0, value, |state| &mut state.cart);
/// }
/// ```
fn set(schema: &Schema<'_>, field: &Field<'_>) -> Method {
    let Field { ident, ty, .. } = field;
    let krate = &schema.krate;
    let value = parameter("value");
    let (accepts, given) = match field.spelling {
        Spelling::String => {
            (quote!(impl ::core::convert::Into<#ty>), quote!(::core::convert::Into::<#ty>::into(#value)))
        }
        Spelling::Option(_) => {
            (quote!(impl #krate::IntoField<#ty>), quote!(#krate::IntoField::<#ty>::into_field(#value)))
        }
        Spelling::Scalar | Spelling::Vec(_) | Spelling::Other => (quote!(#ty), quote!(#value)),
    };
    let word = ident::word(ident);
    let line = if field.principal {
        format!("Sets `{word}`, which signs a user in. The session id is renewed automatically.")
    } else {
        match field.updater() {
            Some(update) => format!(
                "Sets `{word}`, regardless of its present value: of two overlapping requests, the later one wins. To \
                 change the present value, use `{update}`."
            ),
            None => format!("Sets `{word}`, regardless of its present value."),
        }
    };
    let set = if field.principal { quote!(set_principal) } else { quote!(set) };
    let (index, access, tracked) = (literal(field.index), access(ident), tracked_mut(schema));
    method(
        field,
        field.setter(),
        &line,
        &quote_spanned!(place(field)=> (&mut self, #value: #accepts)),
        quote!(#krate::__private::Tracked::#set(#tracked, #index, #given, #access);),
    )
}

/// ```text
/// #[track_caller]
/// pub fn update_cart(&mut self, update: impl Fn(&mut Vec<Line>) + 'static) {
///     Tracked::update_field(Inside::show_mut(&mut self.0), 0, |state| &mut state.cart, update);
/// }
/// ```
fn update(schema: &Schema<'_>, field: &Field<'_>, name: Ident) -> Method {
    let Field { ident, ty, .. } = field;
    let (krate, index, access, update, tracked) =
        (&schema.krate, literal(field.index), access(ident), parameter("update"), tracked_mut(schema));
    let line = format!(
        "Changes the present value of `{}`. The closure runs immediately, and again on fresh data if another request \
         commits first.",
        ident::word(ident)
    );
    method(
        field,
        name,
        &line,
        &quote_spanned!(place(field)=> (&mut self, #update: impl ::core::ops::Fn(&mut #ty) + 'static)),
        quote!(#krate::__private::Tracked::update_field(#tracked, #index, #access, #update);),
    )
}

/// ```text
/// #[track_caller]
/// pub fn clear_notice(&mut self) {
///     Tracked::set(Inside::show_mut(&mut self.0), 1, None, |state| &mut state.notice);
/// }
/// ```
fn clear(schema: &Schema<'_>, field: &Field<'_>, name: Ident) -> Method {
    let (krate, ident, index) = (&schema.krate, field.ident, literal(field.index));
    let (access, tracked) = (access(ident), tracked_mut(schema));
    let word = ident::word(ident);
    let (set, line) = if field.principal {
        (quote!(set_principal), format!("Signs the user out: sets `{word}` to `None` and ends the session."))
    } else {
        (quote!(set), format!("Sets `{word}` to `None`."))
    };
    method(
        field,
        name,
        &line,
        &quote_spanned!(place(field)=> (&mut self)),
        quote!(#krate::__private::Tracked::#set(#tracked, #index, ::core::option::Option::None, #access);),
    )
}

/// ```text
/// #[track_caller]
/// pub fn take_notice(&mut self) -> Option<String> {
///     Tracked::take(Inside::show_mut(&mut self.0), 1, |state| &mut state.notice)
/// }
/// ```
fn take(schema: &Schema<'_>, field: &Field<'_>, name: Ident) -> Method {
    let Field { ident, ty, .. } = field;
    let (krate, index) = (&schema.krate, literal(field.index));
    let (access, tracked) = (access(ident), tracked_mut(schema));
    let line = format!("Takes `{}` to show it once, and leaves `None`.", ident::word(ident));
    method(
        field,
        name,
        &line,
        &quote_spanned!(place(field)=> (&mut self) -> #ty),
        quote!(#krate::__private::Tracked::take(#tracked, #index, #access)),
    )
}

/// ```text
/// #[track_caller]
/// pub fn principal_of(value: impl IntoField<Option<u64>>) -> Result<Principal, Error> {
///     principal_of::<Shop, _>(4, value.into_field(), |state| &mut state.user)
/// }
/// ```
fn principal_of(schema: &Schema<'_>, field: &Field<'_>) -> Method {
    let Field { ident, ty, vis, .. } = field;
    let (krate, state, index) = (&schema.krate, schema.ident, literal(field.index));
    let (value, access) = (parameter("value"), access(ident));
    let line = format!(
        " The principal for this `{}`, for looking up sessions in a `PrincipalIndex`.",
        ident::word(ident)
    );
    let head = quote_spanned! {place(field)=>
        #[doc = #line]
        ///
        /// # Errors
        ///
        /// If the value cannot be serialized, or could not be read back.
        #[track_caller]
        #vis fn principal_of(
            #value: impl #krate::IntoField<#ty>,
        ) -> ::core::result::Result<#krate::record::Principal, #krate::Error>
    };
    let body = quote! {
        #krate::__private::principal_of::<#state, _>(
            #index,
            #krate::IntoField::<#ty>::into_field(#value),
            #access,
        )
    };
    Method { name: ident::generated(&format_ident!("principal_of", span = ident.span())), head, body }
}

/// The `update_` method that a principal does not have, unless another field has one of that name. Without it, the compiler would
/// suggest `update`, which refuses to set the principal when it runs.
///
/// ```text
/// #[doc(hidden)]
/// pub fn update_user(&mut self, _: impl Fn(&mut Option<u64>) + UpdatesPrincipal) {}
/// ```
fn no_update(schema: &Schema<'_>, field: &Field<'_>) -> Option<Method> {
    let (krate, vis, name) = (&schema.krate, field.vis, ident::method("update_", field.ident));
    let mut others = schema.fields.iter().flat_map(Field::methods);
    if others.any(|(_, other)| ident::word(&other) == ident::word(&name)) {
        return None;
    }
    let ty = field.ty;
    let head = quote_spanned! {place(field)=>
        #[doc(hidden)]
        #vis fn #name(&mut self, _: impl ::core::ops::Fn(&mut #ty) + #krate::__private::UpdatesPrincipal)
    };
    Some(Method { name, head, body: TokenStream::new() })
}

/// `|state| &mut state.cart`
fn access(field: &Ident) -> TokenStream {
    let state = local("state");
    quote!(|#state| &mut #state.#field)
}

fn method(field: &Field<'_>, name: Ident, line: &str, signature: &TokenStream, body: TokenStream) -> Method {
    let vis = field.vis;
    let docs = docs(field, line);
    // With `track_caller`, a write that comes too late is reported with its location in the handler.
    let head = quote_spanned! {place(field)=>
        #docs
        #[track_caller]
        #vis fn #name #signature
    };
    Method { name, head, body }
}
