//! Runs every conversion once before a version is released.
//!
//! In: a state. Out: an error that names the fields whose `down` or `up` fails on it. Never: does I/O, or puts a value into a message.

use super::{
    golden::{record, view},
    task::Failure,
};
use crate::{handle::state::SessionState, schema::describe::Field};

/// Writes `state` in all forms that older binaries read, and reads each of those forms back.
pub(super) fn run<T: SessionState>(state: &T) -> Result<(), Failure> {
    let schema = T::schema();
    for group in schema.groups() {
        let fields: Vec<_> = group.fields().filter_map(|at| schema.field(at)).map(Field::name).collect();
        let fields = fields.join("`, `");
        let written = group.write(group.read(|_| None), |at| state.field(at).encode().ok());
        let written =
            written.map_err(|_| Failure(format!("`down` of `{fields}` fails on what `sample` makes")))?;
        for older in group.older_sides() {
            let cells = written.write.iter().filter(|(key, ..)| older.contains(key));
            let record = record(cells.map(|(key, json, _)| (*key, json.clone())));
            let (_, problems) = view(&record).reader(schema).collected(T::decode_section);
            if let Some(problem) = problems.first() {
                return Err(Failure(format!(
                    "`up` of `{fields}` fails on what `down` makes of `sample`: {problem}"
                )));
            }
        }
    }
    Ok(())
}
