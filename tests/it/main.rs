//! Tests that need more than one module.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in a test this is how to fail

mod derive;
mod flow;
mod http;
mod store;
