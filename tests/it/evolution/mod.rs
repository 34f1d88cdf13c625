//! Schemas that change: binaries of several versions on the same sessions.

mod deploy;
mod kit;
mod model;
mod shop;
mod versions;
