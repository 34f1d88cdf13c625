//! In: the item as written and the schema as decided. Out: a message for every rule that they break.
//!
//! Never decides anything and never stops at a mistake. Each rule is one function, and [`all`] is the table of contents. The files are
//! named by what their rules are about: the `item`, its `types`, its `names`, the options of its `fields` and its `versions`. The last
//! three are about what older versions stored: the `history` of each field, the `steps` between fields, and the `reuse` of wire keys.

mod item;
pub(crate) mod types;
mod names;
mod fields;
mod versions;
mod history;
mod steps;
mod reuse;

use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::lock::Past;
use crate::model::Schema;
use crate::model::field::Field;
use history::Unused;
use versions::Versions;

/// Reports every mistake but one: a version in which nothing changes is returned, because the lock may have better advice.
pub(crate) fn all(
    errors: &Errors,
    written: &Written<'_>,
    schema: &Schema<'_>,
    past: &Past,
) -> Option<Unused> {
    if !item::is_struct_with_named_fields(errors, written) {
        // On an enum, messages such as "missing version" would only distract.
        return None;
    }
    item::not_generic(errors, written);
    item::some_field(errors, written);
    versions::version_given_and_in_range(errors, written);
    names::schema_name(errors, written, schema);
    names::handle_is_a_name(errors, written);
    item::no_serde_on_struct(errors, &written.item.attrs);
    for (written, field) in written.fields.iter().zip(&schema.fields) {
        of_a_field(errors, written, schema, field);
    }
    fields::one_principal(errors, written);
    names::wire_keys_differ(errors, schema);
    names::methods_differ(errors, schema);

    let versions = Versions::of(written, schema);
    versions::oldest_reader_not_beyond(errors, written, &versions);
    versions::oldest_record_not_after_reader(errors, written, &versions);
    for (written, field) in written.fields.iter().zip(&schema.fields) {
        of_the_history_of_a_field(errors, written, schema, field, past, &versions);
    }
    of_removed_and_steps(errors, written, schema, past, &versions);
    history::unused_version(written, past, &versions)
}

fn of_a_field(errors: &Errors, written: &WrittenField<'_>, schema: &Schema<'_>, field: &Field<'_>) {
    item::no_serde_on_field(errors, &written.field.attrs);
    item::no_cfg(errors, written);
    types::owned_type(errors, schema, field);
    types::one_null(errors, field.ty);
    types::long_arrays(errors, field.ty);
    types::string_keys_in_maps(errors, field);
    fields::default_where_needed(errors, written, field);
    fields::no_default_on_option(errors, written, field);
    fields::no_default_in_quotes(errors, written, field);
    fields::principal_and_flash_are_options(errors, written, field);
    fields::no_contradiction(errors, written);
    names::wire_key(errors, written, schema, field);
    names::getter_is_a_name(errors, written);
    names::getter_is_free(errors, written, field);
}

fn of_the_history_of_a_field(
    errors: &Errors,
    written: &WrittenField<'_>,
    schema: &Schema<'_>,
    field: &Field<'_>,
    past: &Past,
    versions: &Versions,
) {
    versions::since_of_a_field(errors, written, versions);
    history::principal_keeps_its_type(errors, written);
    history::changes_in_order(errors, written, field, past, versions);
    for change in written.changed.iter().filter(|change| change.value.compatible.is_some()) {
        history::compatible_stands_alone(errors, written, field, change);
    }
    for (at, change) in written.conversions().enumerate() {
        let value = &change.value;
        history::change_is_complete(errors, written, value, &change.word, versions);
        history::change_changes(errors, written, field, at);
        types::old_type(errors, schema, &value.from);
        versions::down_where_needed(errors, &value.since, &value.up, &value.down, value.damaged, versions);
    }
}

fn of_removed_and_steps(
    errors: &Errors,
    written: &Written<'_>,
    schema: &Schema<'_>,
    past: &Past,
    versions: &Versions,
) {
    for removed in &written.removed {
        steps::removed_is_complete(errors, removed, schema, past, versions);
        types::old_type(errors, schema, &removed.value.from);
    }
    for step in &written.steps {
        let value = &step.value;
        steps::step_is_complete(errors, step, versions);
        steps::step_keys(errors, schema, value);
        steps::step_reads_what_it_does_not_write(errors, value);
        steps::step_writes_what_begins(errors, written, schema, value, past, versions);
        steps::step_types(errors, schema, value, versions);
        versions::down_where_needed(errors, &value.since, &value.up, &value.down, value.damaged, versions);
    }
    reuse::keys_end_once(errors, written, schema);
    reuse::keys_begin_once(errors, written);
    reuse::steps_fade_together(errors, written, schema);
}
