//! In: the path of `crate = ..`, if there is one. Out: the path by which generated code reaches the library.
//!
//! Never a relative path of ours: an application may well have its own `mod actix_typed_session`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;

pub(crate) fn path(written: Option<&Path>) -> TokenStream {
    written.map_or_else(|| quote!(::actix_typed_session), ToTokens::to_token_stream)
}
