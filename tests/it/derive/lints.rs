//! Generated code passes the lints that a careful user denies. In this file a warning is a compile error. (`missing_docs` checks only
//! items that other crates can reach; `tests/renamed` is such a crate.)
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(rust_2018_idioms, clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::redundant_pub_crate)] // contradicts `unreachable_pub`

mod states {
    use actix_typed_session::SessionState;
    use serde::{Deserialize, Serialize};

    /// A line of the cart.
    #[derive(Serialize, Deserialize, Debug, Default)]
    pub(crate) struct Line;

    /// A small value.
    #[derive(Serialize, Deserialize, Debug, Clone, Copy)]
    pub(crate) struct Point(u8);

    /// The struct is documented, as the lint requires; some of its fields are not.
    #[derive(Debug, SessionState)]
    #[allow(non_snake_case)]
    #[session(version = 1, lock = off)]
    pub(crate) struct Linted {
        /// The user who is signed in.
        #[session(principal)]
        pub(crate) user: Option<u64>,
        /// A list.
        #[session(default)]
        pub(crate) cart: Vec<Line>,
        /// An option of another type.
        pub(crate) line: Option<Line>,
        /// A field that is copied.
        #[session(copy)]
        pub(crate) point: Option<Point>,
        /// A flash field.
        #[session(flash)]
        pub(crate) notice: Option<String>,
        /// A value with a default.
        #[session(default = String::new())]
        pub(crate) name: String,
        // No handler calls the setters of this field.
        #[session(default)]
        unused: u8,
        #[session(default)]
        camelCase: u8,
        /// A deprecated field.
        #[deprecated]
        #[session(default)]
        old: u8,
    }
}

#[test]
fn no_lint_fires() {
    // There is nothing to run. A lint that fires fails the build.
    let _ = std::any::type_name::<states::Linted>();
}
