//! Generated code passes the lints that a careful user denies. A warning here is a compile error. (`missing_docs` looks
//! only at what other crates can reach: `tests/renamed` is such a crate.)
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(rust_2018_idioms, clippy::all, clippy::pedantic)]

mod states {
    use actix_typed_session::SessionState;
    use serde::{Deserialize, Serialize};

    /// A line of the cart.
    #[derive(Serialize, Deserialize, Debug, Default)]
    pub(crate) struct Line;

    /// Documented, as the lint wants, although some of its fields are not.
    #[derive(Debug, SessionState)]
    #[allow(non_snake_case)]
    #[session(version = 1, lock = off)]
    pub(crate) struct Linted {
        /// Who is signed in.
        #[session(principal)]
        pub(crate) user: Option<u64>,
        /// A list.
        #[session(default)]
        pub(crate) cart: Vec<Line>,
        /// An option of something else.
        pub(crate) line: Option<Line>,
        /// A flash.
        #[session(flash)]
        pub(crate) notice: Option<String>,
        /// A value with a default.
        #[session(default = String::new())]
        pub(crate) name: String,
        // No handler calls the setters of this one.
        #[session(default)]
        unused: u8,
        #[session(default)]
        camelCase: u8,
        /// A field that is on its way out.
        #[deprecated]
        #[session(default)]
        old: u8,
    }
}

#[test]
fn no_lint_fires() {
    // Nothing to run: this module compiles, or `deny` has failed the build.
    let _ = std::any::type_name::<states::Linted>();
}
