//! The names of the tables.
//!
//! In: the names that the user chose. Out: the same names in SQL. Never: I/O.

use sha2::{Digest as _, Sha256};

use crate::store::names::is_valid;

/// The names that the user chose.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl Names {
    /// Checks the names; the error is the name that is not valid.
    pub(super) fn check(&self) -> Result<(), String> {
        for name in [&self.table].into_iter().chain(&self.schema) {
            if !is_valid(name) {
                return Err(name.clone());
            }
        }
        Ok(())
    }
}

/// The names of the tables in SQL.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub(super) table: String,
    pub(super) layout: String,
    pub(super) expires: String,
    pub(super) principal: String,
    pub(super) sign_ins: String,
}

impl Tables {
    /// `schema` may be any text, because it may come from the server.
    pub(super) fn new(schema: &str, table: &str) -> Self {
        let schema = schema.replace('"', "\"\"");
        Self {
            table: format!(r#""{schema}"."{table}""#),
            layout: format!(r#""{schema}"."{table}_layout""#),
            expires: format!(r#""{table}_expires""#),
            principal: format!(r#""{table}_principal""#),
            sign_ins: format!(r#""{table}_sign_ins""#),
        }
    }

    /// The number of an advisory lock for `what` in these tables.
    pub(super) fn lock(&self, what: &[&str]) -> i64 {
        let mut hash = Sha256::new();
        for part in [self.table.as_str()].iter().chain(what) {
            hash.update(part.as_bytes());
            hash.update([0xff]);
        }
        let hash: [u8; 32] = hash.finalize().into();
        hash.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }
}
