//! What generated code names. No promise is made about it: use the derive.

pub use actix_web;

pub use crate::{
    evolve::{CellError, Cells, FieldValue},
    extract::{Extract, extract},
    record::Json,
    schema::{Field, Schema},
    state::{Tracked, principal_of},
};

/// Why a field could not be encoded.
pub type EncodeError = serde_json::Error;
