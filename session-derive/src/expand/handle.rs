//! In: the schema. Out: `ShopHandle`, which handlers extract: the struct, its methods and its traits.
//!
//! Never shows a value in `Debug`, and never has a named field, which could hide one of the state.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::getters;
use super::method::{Method, tracked, tracked_mut};
use super::setters::setters;
use crate::ident::{self, local, parameter};
use crate::model::Schema;
use crate::model::field::Field;

/// ```text
/// pub struct ShopHandle(Inside<Shop>);
/// impl Deref for ShopHandle { type Target = Shop; .. }
/// impl From<Tracked<Shop>> for ShopHandle { .. }
/// impl Debug for ShopHandle { .. }
/// impl FromRequest for ShopHandle { .. }
/// ```
pub(super) fn handle(schema: &Schema<'_>) -> TokenStream {
    let Schema { ident, vis, krate, handle, name, .. } = schema;
    let (from, formatter, request) = (local("tracked"), local("formatter"), local("request"));
    let tracked = tracked(schema);
    let debug = format!("TypedSession({:?})", name.text);
    let (section, link) = (
        format!(
            " The `{}` section of the visitor's session, with a getter and setters for each field of",
            name.text
        ),
        format!(" [`{0}`]. Handlers extract it as `TypedSession<{0}>`.", ident::word(ident)),
    );
    quote! {
        #[doc = #section]
        #[doc = #link]
        #vis struct #handle(#krate::__private::Inside<#ident>);

        #[automatically_derived]
        impl ::core::ops::Deref for #handle {
            type Target = #ident;
            fn deref(&self) -> &#ident {
                #krate::__private::Tracked::get(#tracked)
            }
        }

        // How extractors make it, which concerns nobody who reads its page.
        #[doc(hidden)]
        #[automatically_derived]
        impl ::core::convert::From<#krate::__private::Tracked<#ident>> for #handle {
            fn from(#from: #krate::__private::Tracked<#ident>) -> Self {
                Self(#krate::__private::Inside::hide(#from))
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #handle {
            fn fmt(&self, #formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::write_str(#formatter, #debug)
            }
        }

        #[automatically_derived]
        impl #krate::__private::actix_web::FromRequest for #handle {
            type Error = #krate::Error;
            type Future = #krate::__private::Extract<#ident>;
            fn from_request(
                #request: &#krate::__private::actix_web::HttpRequest,
                _: &mut #krate::__private::actix_web::dev::Payload,
            ) -> Self::Future {
                #krate::__private::extract(#request)
            }
        }
    }
}

/// ```text
/// impl ShopHandle {
///     // the getters and setters of each field, then
///     pub fn update(&mut self, update: impl Fn(&mut Shop) + 'static);
///     pub fn try_update<R>(&mut self, update: impl Fn(&mut Shop) -> R + 'static) -> impl Future<Output = Result<R, Error>>;
///     pub fn clear(&mut self);
///     pub fn reload(&mut self) -> impl Future<Output = Result<(), Error>>;
///     pub fn session(&self) -> Session;
/// }
/// ```
pub(super) fn methods(schema: &Schema<'_>, fields: impl Iterator<Item = TokenStream>) -> TokenStream {
    let handle = &schema.handle;
    let own = own_methods(schema);
    quote! {
        #[automatically_derived]
        // A setter that no handler calls is not a mistake.
        #[allow(dead_code)]
        // The compiler has already warned at the declaration of the field.
        #[allow(deprecated, non_snake_case)]
        // A session belongs to one worker.
        #[allow(clippy::future_not_send)]
        impl #handle {
            #(#fields)*
            #own
        }
    }
}

/// `impl Shop { .. }` with these getters.
pub(super) fn getters(schema: &Schema<'_>, getters: impl Iterator<Item = TokenStream>) -> TokenStream {
    let state = schema.ident;
    quote! {
        #[automatically_derived]
        #[allow(dead_code)]
        #[allow(deprecated, non_snake_case)]
        impl #state {
            #(#getters)*
        }
    }
}

/// The getter and the setters of a field.
pub(super) fn of_a_field(schema: &Schema<'_>, field: &Field<'_>) -> Vec<Method> {
    let mut methods = vec![getters::of_handle(schema, field)];
    methods.extend(setters(schema, field));
    methods
}

fn own_methods(schema: &Schema<'_>) -> TokenStream {
    let Schema { ident, vis, krate, .. } = schema;
    let (update, tracked, tracked_mut) = (parameter("update"), tracked(schema), tracked_mut(schema));
    let (state, empty) = (local("state"), local("empty"));
    let kept = schema.fields.iter().filter(|field| field.principal).map(|field| {
        let ident = field.ident;
        quote!(::core::mem::swap(&mut #state.#ident, &mut #empty.#ident);)
    });
    // A type parameter must not hide the name of the state.
    let [result, function] = [["R", "Returned"], ["F", "Function"]]
        .map(|[usual, else_this]| format_ident!("{}", if **ident == *usual { else_this } else { usual }));
    quote! {
        /// Changes several fields together. The closure runs immediately, and again on fresh data if another request
        /// commits first.
        #[track_caller]
        #vis fn update(&mut self, #update: impl ::core::ops::Fn(&mut #ident) + 'static) {
            #krate::__private::Tracked::update(#tracked_mut, #update);
        }

        /// Changes several fields together and commits immediately. Returns the result of the closure for the data that
        /// was stored.
        ///
        /// # Errors
        ///
        /// If the session cannot be stored, or if it ended while this request was running.
        #[track_caller]
        #vis fn try_update<#result, #function>(
            &mut self,
            #update: #function,
        ) -> impl ::core::future::Future<Output = ::core::result::Result<#result, #krate::Error>> + use<#result, #function>
        where
            #result: 'static,
            #function: ::core::ops::Fn(&mut #ident) -> #result + 'static,
        {
            #krate::__private::Tracked::try_update(#tracked_mut, #update)
        }

        /// Sets every field but the principal to its default, and keeps the session. Its closure runs again if another request commits
        /// first, so that nothing is left of what that one wrote. To end the session, call `session().purge()`.
        #[track_caller]
        #vis fn clear(&mut self) {
            #krate::__private::Tracked::clear(#tracked_mut, |#state, #empty| { #(#kept)* });
        }

        /// Loads the session again. The getters of all handles of this request then show what other requests have stored.
        ///
        /// A stream or a web socket that only reads calls it on its handle, and not `session().reload()`: it also drops the states that
        /// references from earlier getters could still show. A handle that is only read keeps 100 of them, and shows no later one.
        ///
        /// # Errors
        ///
        /// If the session has ended or another user is signed in, or if the store cannot be reached.
        #vis fn reload(
            &mut self,
        ) -> impl ::core::future::Future<Output = ::core::result::Result<(), #krate::Error>> + use<> {
            #krate::__private::Tracked::reload(#tracked_mut)
        }

        /// The life cycle of the session: renew, purge, save, and the principal.
        #[must_use]
        #vis fn session(&self) -> #krate::Session {
            #krate::__private::Tracked::session(#tracked)
        }
    }
}
