//! What generated code names. No promise is made about it: use the derive.

pub use actix_web;

pub use crate::{
    handle::state::{Tracked, principal_of},
    http::extract::{Extract, extract},
    record::json::Json,
    schema::{
        describe::{Field, Schema},
        group::{Group, Step},
        values::{Failed, Values},
    },
    section::{
        convert::{Converts, Merges, encode, removed},
        reader::{CellError, FieldValue, SectionReader},
    },
};

pub mod shape {
    //! What generated code asks of types.

    pub use crate::tools::lock::shape::{Opaque, Probe, assert_kept, of, or_words, text};
}

pub mod lock {
    //! What a generated `session_lock` test does.

    pub use crate::tools::lock::{
        keep::keep,
        task::{Failure, Lock, Task},
    };
}
