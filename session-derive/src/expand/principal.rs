//! In: the schema. Out: `impl HasPrincipal for Shop`, for the extractor `SignedIn<Shop>`.
//!
//! Never for a principal whose type may be less visible than the struct, which is an error in a trait.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Visibility;

use crate::check;
use crate::model::Schema;
use crate::model::spelling::Spelling;

/// ```text
/// impl HasPrincipal for Shop {
///     type Principal = u64;
///     fn principal(&self) -> Option<&u64> {
///         self.user.as_ref()
///     }
/// }
/// ```
pub(super) fn implementation(schema: &Schema<'_>) -> Option<TokenStream> {
    let Schema { ident: state, krate, vis, .. } = schema;
    let mut principals = schema.fields.iter().filter(|field| field.principal);
    let (field, another) = (principals.next()?, principals.next());
    let Spelling::Option(ty) = field.spelling else { return None };
    let is_visible = matches!(field.vis, Visibility::Public(_))
        || matches!(Spelling::of(ty), Spelling::Scalar | Spelling::String)
        || field.vis.to_token_stream().to_string() == vis.to_token_stream().to_string();
    if another.is_some() || !is_visible || !check::types::is_owned(ty) {
        return None;
    }
    let ident = field.ident;
    Some(quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::HasPrincipal for #state {
            type Principal = #ty;
            fn principal(&self) -> ::core::option::Option<&#ty> {
                ::core::option::Option::as_ref(&self.#ident)
            }
        }
    })
}
