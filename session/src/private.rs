//! What generated code names. No promise is made about it: use the derive.

pub use actix_web;

pub use crate::{
    convert::{Converts, Failed, Merges, Values, encode},
    evolve::{CellError, Cells, FieldValue},
    extract::{Extract, extract},
    history::{Group, Step},
    record::json::Json,
    schema::{Field, Removed, Schema},
    state::{Tracked, principal_of},
};

/// Why a field could not be encoded.
pub type EncodeError = serde_json::Error;

pub mod shape {
    //! What generated code asks of types.

    pub use crate::shape::{Opaque, Probe, assert_kept, of, or_words, text};
}

pub mod lock {
    //! What a generated `session_lock` test does.

    pub use crate::lock::{Failure, Lock, Task, keep};
}
