//! In: the path given by `crate = ..`, if any. Out: the path that generated code uses to reach the library.
//!
//! Never a relative path by default: an application may have a `mod actix_typed_session` of its own.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;

pub(crate) fn path(written: Option<&Path>) -> TokenStream {
    written.map_or_else(|| quote!(::actix_typed_session), ToTokens::to_token_stream)
}
