//! Tests that need more than one module.
#![allow(clippy::unchecked_time_subtraction)] // the times are written here, and a wrong one panics
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in a test this is how to fail

mod derive;
mod evolution;
mod flow;
mod http;
mod kit;
mod servers;
mod store;
