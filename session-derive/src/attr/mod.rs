//! In: the user's item. Out: its `#[session(..)]` options as written, each with the word that introduced it.
//!
//! Never fills in a default and never compares two options: `model` decides what a missing option means, and `check` reports
//! contradictions. In reading order: `found` is an option whose word has been read, `list` finds them, `forms` reads their values, and
//! `history` reads the lists inside `changed`, `removed` and `step`.

pub(crate) mod found;
mod list;
pub(crate) mod forms;
pub(crate) mod history;

use proc_macro2::Ident;
use syn::{Data, DeriveInput, Expr, Field, Fields, LitInt, LitStr, Path};

use crate::errors::Errors;
use crate::options::Place;
use forms::{Mode, duration, expression, flag, integer, mode, path, string};
use found::{Given, Slot};
use history::{Changed, Removed, Step};
use list::options;

/// The struct as written.
pub(crate) struct Written<'a> {
    pub(crate) item: &'a DeriveInput,
    pub(crate) name: Slot<LitStr>,
    pub(crate) version: Slot<LitInt>,
    pub(crate) krate: Slot<Path>,
    pub(crate) handle: Slot<LitStr>,
    pub(crate) oldest_reader: Slot<LitInt>,
    pub(crate) oldest_record: Slot<LitInt>,
    pub(crate) removed: Vec<Given<Removed>>,
    pub(crate) steps: Vec<Given<Step>>,
    pub(crate) lock: Slot<Mode>,
    pub(crate) sample: Slot<Path>,
    /// Whether something could not be parsed and was reported. An option that seems to be missing may be the one.
    pub(crate) damaged: bool,
    pub(crate) fields: Vec<WrittenField<'a>>,
}

/// A field as written.
pub(crate) struct WrittenField<'a> {
    pub(crate) field: &'a Field,
    pub(crate) ident: &'a Ident,
    pub(crate) key: Slot<LitStr>,
    pub(crate) default: Slot<Option<Expr>>,
    pub(crate) getter: Slot<LitStr>,
    pub(crate) copy: Slot<()>,
    pub(crate) principal: Slot<()>,
    pub(crate) reset_on_sign_in: Slot<()>,
    /// In seconds.
    pub(crate) expires_after: Slot<u64>,
    pub(crate) flash: Slot<()>,
    pub(crate) lenient: Slot<()>,
    pub(crate) since: Slot<LitInt>,
    pub(crate) changed: Vec<Given<Changed>>,
    /// Whether something could not be parsed and was reported. An option that seems to be missing may be the one.
    pub(crate) damaged: bool,
}

impl WrittenField<'_> {
    /// The changes that give the field a new wire key.
    pub(crate) fn conversions(&self) -> impl DoubleEndedIterator<Item = &Given<Changed>> {
        self.changed.iter().filter(|change| change.value.compatible.is_none())
    }
}

pub(crate) fn read<'a>(errors: &Errors, item: &'a DeriveInput) -> Written<'a> {
    let (mut name, mut version, mut krate) = (None, None, None);
    let (mut lock, mut sample, mut handle) = (None, None, None);
    let (mut oldest_reader, mut oldest_record) = (None, None);
    let (mut removed, mut steps) = (Vec::new(), Vec::new());
    let damaged = options(errors, &item.attrs, Place::Struct, |found, input| match found.option.word {
        "name" => found.fill(&mut name, input, string),
        "version" => found.fill(&mut version, input, integer),
        "crate" => found.fill(&mut krate, input, path),
        "handle" => found.fill(&mut handle, input, string),
        "lock" => found.fill(&mut lock, input, mode),
        "sample" => found.fill(&mut sample, input, path),
        "oldest_reader" => found.fill(&mut oldest_reader, input, integer),
        "oldest_record" => found.fill(&mut oldest_record, input, integer),
        "removed" => found.push(errors, &mut removed, input, history::removed),
        "step" => found.push(errors, &mut steps, input, history::step),
        _ => found.forgotten(),
    });
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => {
                fields.named.iter().filter_map(|field| read_field(errors, field)).collect()
            }
            Fields::Unnamed(_) | Fields::Unit => Vec::new(),
        },
        Data::Enum(_) | Data::Union(_) => Vec::new(),
    };
    Written {
        item,
        name,
        version,
        krate,
        handle,
        oldest_reader,
        oldest_record,
        removed,
        steps,
        lock,
        sample,
        damaged,
        fields,
    }
}

fn read_field<'a>(errors: &Errors, field: &'a Field) -> Option<WrittenField<'a>> {
    let mut written = WrittenField {
        field,
        ident: field.ident.as_ref()?,
        key: None,
        default: None,
        getter: None,
        copy: None,
        principal: None,
        reset_on_sign_in: None,
        expires_after: None,
        flash: None,
        lenient: None,
        since: None,
        changed: Vec::new(),
        damaged: false,
    };
    let damaged = options(errors, &field.attrs, Place::Field, |found, input| match found.option.word {
        "key" => found.fill(&mut written.key, input, string),
        "default" => found.fill(&mut written.default, input, expression),
        "getter" => found.fill(&mut written.getter, input, string),
        "copy" => found.fill(&mut written.copy, input, flag),
        "principal" => found.fill(&mut written.principal, input, flag),
        "reset_on_sign_in" => found.fill(&mut written.reset_on_sign_in, input, flag),
        "expires_after" => found.fill(&mut written.expires_after, input, duration),
        "flash" => found.fill(&mut written.flash, input, flag),
        "lenient" => found.fill(&mut written.lenient, input, flag),
        "since" => found.fill(&mut written.since, input, integer),
        "changed" => found.push(errors, &mut written.changed, input, history::changed),
        _ => found.forgotten(),
    });
    Some(WrittenField { damaged, ..written })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages about `#[session(..)]` with these options on a struct.
    fn messages(options: &str) -> Vec<String> {
        let options: proc_macro2::TokenStream = options.parse().unwrap();
        let item: DeriveInput = syn::parse_quote!(
            #[session(#options)]
            struct Shop {}
        );
        let errors = Errors::new();
        read(&errors, &item);
        errors.finish().err().into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn goes_on_behind_the_next_comma() {
        for (options, expected) in [
            ("", &[][..]),
            ("version = 1,", &[]),
            ("version = 1, name = \"a\", crate = crate", &[]),
            (",", &["expected an option"]),
            ("= 3, colour", &["expected an option", "`colour`"]),
            ("colour, color = 3, hue(1, 2)", &["`colour`", "`color`", "`hue`"]),
            ("version =, name", &["`version` takes a value", "`name` takes a value"]),
            ("version = 1 2, name = 3", &["expected a comma", "`name` takes a string"]),
            ("version = 1; name = 3, crate = 4", &["expected a comma", "`crate` takes a path"]),
            ("version = 1 name = \"a\"", &["expected a comma"]),
            ("version = , version = 1, version = 2", &["`version` takes a value", "duplicate"]),
            ("crate, crate = ::a::b::<u8>", &["`crate` takes a value", "`crate` takes a path"]),
        ] {
            let found = messages(options);
            assert_eq!(found.len(), expected.len(), "{options}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{options}: {found}");
            }
        }
    }
}
