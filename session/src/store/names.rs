//! The names that a user may choose for tables.
//!
//! In: a name. Out: whether it can be used. Never: a name in SQL; each engine quotes in its own way.

/// PostgreSQL cuts names at 63 bytes, MySQL refuses them from 65 characters on, and an index is called `<table>_principal`.
pub(super) const LONGEST_NAME: usize = 50;

/// Whether `name` needs no escapes in any engine.
pub(super) fn is_valid(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
}
