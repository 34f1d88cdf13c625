//! The guide, a page at a time, as in the [book](https://actix-typed-session.github.io/actix-typed-session/).
//!
//! | Using sessions | Running it | What to rely on |
//! |---|---|---|
//! | [Getting started](getting_started) | [Defaults](defaults) | [Guarantees](guarantees) |
//! | [Signing in and out](signing_in) | [Choosing a store](choosing_a_store) | |
//! | [Messages that are shown once](flash) | [Production](production) | |
//! | [Several states in a session](several_states) | [Events](events) | |
//! | [Streams and web sockets](streams) | [Administration](administration) | |
//! | [Changing a schema](changing_a_schema) | [Writing a store](writing_a_store) | |

/// A page of `docs` as a module. In Markdown the first definition of a link counts, so `links.md` leads to modules here, and the page's own
/// definitions to files in the book.
macro_rules! page {
    ($page:ident, $file:literal) => {
        #[doc = include_str!("guide/links.md")]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $page {}
    };
}

page!(getting_started, "getting-started.md");
page!(signing_in, "signing-in.md");
page!(flash, "flash.md");
page!(several_states, "several-states.md");
page!(streams, "streams.md");
page!(changing_a_schema, "changing-a-schema.md");
page!(defaults, "defaults.md");
page!(choosing_a_store, "choosing-a-store.md");
page!(production, "production.md");
page!(events, "events.md");
#[cfg(any(not(doctest), feature = "admin"))] // its examples need the feature
page!(administration, "administration.md");
page!(writing_a_store, "writing-a-store.md");
page!(guarantees, "guarantees.md");
