//! What generated code names. No promise is made about it: use the derive.

pub use actix_typed_session_value::__private::shape;
pub use actix_web;

pub use crate::{
    handle::{
        inside::Inside,
        into_field::{UpdatesPrincipal, copied},
        state::Tracked,
        values::principal_of,
    },
    http::extract::{Extract, extract},
    record::json::Json,
    schema::{
        describe::{Field, Schema},
        group::{Group, Step},
        values::{Failed, Values},
    },
    section::{
        convert::{Converts, Merges, encode, removed},
        parts::{OfHashKey, OfOrdKey, OfPart},
        reader::{CellError, FieldValue, SectionReader},
    },
};

pub mod lock {
    //! What a generated `session_lock` test does.

    pub use crate::tools::lock::{
        keep::keep,
        task::{Failure, Lock, Shape},
    };
}
