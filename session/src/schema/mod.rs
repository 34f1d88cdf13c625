//! What the derive wrote down about a state.
//!
//! Read in this order:
//!
//! * `values`: stored values on their way through the user's conversions.
//! * `group`: cells that came out of one another from version to version, and which of them counts.
//! * `describe`: a schema: its name, its version, its fields.
//! * `schemas`: the schemas of one application, found to fit together.
//!
//! Never: I/O, a request, a user's type.

pub(crate) mod values;
pub(crate) mod group;
pub(crate) mod describe;
pub(crate) mod schemas;
