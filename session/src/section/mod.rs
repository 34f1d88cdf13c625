//! One schema's cells in one record.
//!
//! Read in this order:
//!
//! * `view`: which stored cells can be read now, and whether this binary may read them.
//! * `patch`: the cells that one request wrote or relied on.
//! * `reader`: both together, field by field, as the user's types.
//! * `parts`: what the types inside a field's type must be able to do.
//! * `convert`: the user's typed conversions between versions.
//! * `delta`: a patch on a record: what to write, and what must hold.
//!
//! Never: I/O, another schema, a decision about what to save.

pub(crate) mod view;
pub(crate) mod patch;
pub(crate) mod reader;
pub(crate) mod parts;
pub(crate) mod convert;
pub(crate) mod delta;
