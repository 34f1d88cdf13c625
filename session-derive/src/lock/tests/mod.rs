//! What the derive says of schemas and their locks, one file a subject. `ask` asks it, `spec` makes schemas up.

mod spec;
mod ask;
mod random;
mod text;
mod changes;
mod contraction;
mod marks;
mod advice;
mod whose;
