//! The stores.

mod broken;
mod conformance;
mod memory;
mod sqlite;
mod sweeper;
