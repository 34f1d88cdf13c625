//! The stores.

mod broken;
mod conformance;
mod memory;
mod postgres;
mod sqlite;
mod sweeper;
