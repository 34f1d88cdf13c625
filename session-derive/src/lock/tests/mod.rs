//! What the derive reports about schemas and their locks, one subject per file. `spec` generates schemas, and `ask` derives them.

mod spec;
mod ask;
mod random;
mod text;
mod changes;
mod contraction;
mod marks;
mod advice;
mod whose;
