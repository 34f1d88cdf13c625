//! In: the user's item. Out: its `#[session(..)]` options as written, each with the word that introduced it.
//!
//! Never fills in a default and never compares two options: what is missing or contradicts is for `model` and `check`.
//! After a mistake it goes on behind the next comma, so that one compile shows them all.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream, Parser};
use syn::token::{Brace, Bracket, Paren};
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, ExprPath, Field, Fields, Lit, LitInt, LitStr, Meta, Path,
    Token, Type,
};

use crate::errors::{Errors, suggest};
use crate::ident;
use crate::options::{self, Form, Key, Place};

mod history;
pub(crate) use history::{Changed, Removed, Step};

/// An option's value and the word that introduced it.
pub(crate) struct Given<T> {
    pub(crate) word: Ident,
    pub(crate) value: T,
}

/// An option, if it was given.
pub(crate) type Slot<T> = Option<Given<T>>;

/// What is said where a schema has no lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// An error.
    Required,
    /// A warning.
    Warn,
    /// Nothing, and nothing is compared.
    Off,
}

/// The struct as written.
pub(crate) struct Written<'a> {
    pub(crate) item: &'a DeriveInput,
    pub(crate) name: Slot<LitStr>,
    pub(crate) version: Slot<LitInt>,
    pub(crate) krate: Slot<Path>,
    pub(crate) oldest_reader: Slot<LitInt>,
    pub(crate) oldest_record: Slot<LitInt>,
    pub(crate) removed: Vec<Given<Removed>>,
    pub(crate) steps: Vec<Given<Step>>,
    pub(crate) lock: Slot<Mode>,
    pub(crate) sample: Slot<Path>,
    /// Something here was not understood, and reported: what seems to be missing may be just that.
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
    pub(crate) principal: Slot<()>,
    pub(crate) reset_on_sign_in: Slot<()>,
    pub(crate) flash: Slot<()>,
    pub(crate) lenient: Slot<()>,
    pub(crate) since: Slot<LitInt>,
    pub(crate) changed: Vec<Given<Changed>>,
    /// Something here was not understood, and reported: what seems to be missing may be just that.
    pub(crate) damaged: bool,
}

pub(crate) fn read<'a>(errors: &Errors, item: &'a DeriveInput) -> Written<'a> {
    let (mut name, mut version, mut krate) = (None, None, None);
    let (mut lock, mut sample) = (None, None);
    let (mut oldest_reader, mut oldest_record) = (None, None);
    let (mut removed, mut steps) = (Vec::new(), Vec::new());
    let damaged = options(errors, &item.attrs, Place::Struct, |option, input| match option.key.word {
        "name" => option.fill(&mut name, input, string),
        "version" => option.fill(&mut version, input, integer),
        "crate" => option.fill(&mut krate, input, path),
        "lock" => option.fill(&mut lock, input, mode),
        "sample" => option.fill(&mut sample, input, path),
        "oldest_reader" => option.fill(&mut oldest_reader, input, integer),
        "oldest_record" => option.fill(&mut oldest_record, input, integer),
        "removed" => option.push(errors, &mut removed, input, history::removed),
        "step" => option.push(errors, &mut steps, input, history::step),
        _ => option.forgotten(),
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
        principal: None,
        reset_on_sign_in: None,
        flash: None,
        lenient: None,
        since: None,
        changed: Vec::new(),
        damaged: false,
    };
    let damaged = options(errors, &field.attrs, Place::Field, |option, input| match option.key.word {
        "key" => option.fill(&mut written.key, input, string),
        "default" => option.fill(&mut written.default, input, expression),
        "getter" => option.fill(&mut written.getter, input, string),
        "principal" => option.fill(&mut written.principal, input, flag),
        "reset_on_sign_in" => option.fill(&mut written.reset_on_sign_in, input, flag),
        "flash" => option.fill(&mut written.flash, input, flag),
        "lenient" => option.fill(&mut written.lenient, input, flag),
        "since" => option.fill(&mut written.since, input, integer),
        "changed" => option.push(errors, &mut written.changed, input, history::changed),
        _ => option.forgotten(),
    });
    Some(WrittenField { damaged, ..written })
}

/// An option whose word was read and found in the table, in one of its forms.
struct Found {
    key: &'static Key,
    word: Ident,
}

impl Found {
    /// Reads what follows the word into `slot`, unless the option was already given.
    fn fill<T>(
        self,
        slot: &mut Slot<T>,
        input: ParseStream<'_>,
        read: fn(&Self, ParseStream<'_>) -> syn::Result<T>,
    ) -> syn::Result<()> {
        if slot.is_some() {
            return Err(syn::Error::new(
                self.word.span(),
                format!("duplicate session option `{}`; write it once", self.key.word),
            ));
        }
        let value = read(&self, input)?;
        *slot = Some(Given { word: self.word, value });
        Ok(())
    }

    /// Reads one more of an option that may be given several times: a list, whose own mistakes go to `errors`.
    fn push<T>(
        self,
        errors: &Errors,
        list: &mut Vec<Given<T>>,
        input: ParseStream<'_>,
        read: fn(&Errors, ParseStream<'_>) -> T,
    ) -> syn::Result<()> {
        let content = self.parentheses(input)?;
        let value = read(errors, &content);
        list.push(Given { word: self.word, value });
        Ok(())
    }

    /// What stands in `(..)` behind the word.
    fn parentheses<'a>(&self, input: ParseStream<'a>) -> syn::Result<ParseBuffer<'a>> {
        if !input.peek(Paren) {
            return Err(self.wrong_form());
        }
        let content;
        syn::parenthesized!(content in input);
        Ok(content)
    }

    /// A word of the table that no reader takes: found by the test that writes every one of them.
    fn forgotten(self) -> syn::Result<()> {
        Err(syn::Error::new(self.word.span(), format!("`{}` is not read yet", self.key.word)))
    }

    /// The value has another form than the table says.
    fn wrong_form(&self) -> syn::Error {
        let Key { word, form, example, .. } = self.key;
        let message = match form {
            Form::Value => format!("`{word}` takes a value: `{example}`"),
            Form::List => format!("`{word}` takes a list: `{example}`"),
            Form::Flag => format!("`{word}` takes no value; write `{word}` alone"),
            Form::FlagOrValue => format!("`{word}` takes no list; write `{word}` or `{example}`"),
        };
        syn::Error::new(self.word.span(), message)
    }
}

/// Reads all `#[session(..)]` among `attrs`, hands every option that the table knows to `take`, and answers whether
/// there was anything it did not understand.
fn options(
    errors: &Errors,
    attrs: &[Attribute],
    place: Place,
    mut take: impl FnMut(Found, ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut damaged = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("session")) {
        let Meta::List(list) = &attr.meta else {
            let example = if place == Place::Struct { "version = 1" } else { "default" };
            errors.at(&attr.meta, format!("`session` takes a list of options: `#[session({example})]`"));
            damaged = true;
            continue;
        };
        let parse = |input: ParseStream<'_>| {
            damaged |= listed(errors, place, input, &mut take);
            Ok(())
        };
        if let Err(error) = parse.parse2(list.tokens.clone()) {
            errors.push(error);
        }
    }
    damaged
}

/// Reads one list of options, as [`options`] does.
fn listed(
    errors: &Errors,
    place: Place,
    input: ParseStream<'_>,
    mut take: impl FnMut(Found, ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut damaged = false;
    while !input.is_empty() {
        if let Err(error) = find(input, place).and_then(|found| take(found, input)) {
            errors.push(error);
            damaged = true;
            skip_to_comma(input);
        }
        if let Err(error) = comma(input) {
            errors.push(error);
            damaged = true;
        }
    }
    damaged
}

/// The option that begins here, if the table has it for this place.
fn find(input: ParseStream<'_>, place: Place) -> syn::Result<Found> {
    if !input.peek(Ident::peek_any) {
        return Err(
            input.error(format!("expected an option such as `{}`", options::words(place).join("`, `")))
        );
    }
    let word = input.call(Ident::parse_any)?;
    let text = ident::word(&word);
    let elsewhere = |other| place != other && options::find(&text, other).is_some();
    let message = match options::find(&text, place) {
        Some(key) if key.available => return Ok(Found { key, word }),
        Some(_) => format!("{} is not available in this release; remove it", place.option(&text)),
        None if place == Place::Struct && elsewhere(Place::Field) => {
            format!("`{text}` is an option of a field; write it there")
        }
        None if place == Place::Field && elsewhere(Place::Struct) => {
            format!("`{text}` is an option of the whole schema; write it on the struct")
        }
        None => format!("unknown {}; {}", place.option(&text), suggest(&text, &options::words(place))),
    };
    Err(syn::Error::new(word.span(), message))
}

/// The end of an option: a comma, or the end of the list.
fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return Ok(());
    }
    let error = input.error("expected a comma between two options");
    if !input.peek(Ident::peek_any) {
        skip_to_comma(input);
        comma(input)?;
    }
    Err(error)
}

fn skip_to_comma(input: ParseStream<'_>) {
    // A token tree can always be read while there is input left.
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

fn flag(option: &Found, input: ParseStream<'_>) -> syn::Result<()> {
    let follows = input.peek(Token![=]) || input.peek(Paren) || input.peek(Bracket) || input.peek(Brace);
    if follows { Err(option.wrong_form()) } else { Ok(()) }
}

/// `= expression`, or nothing.
fn expression(option: &Found, input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(Token![=]) {
        return value(option, input).map(Some);
    }
    flag(option, input).map(|()| None)
}

fn value(option: &Found, input: ParseStream<'_>) -> syn::Result<Expr> {
    if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
        return Err(option.wrong_form());
    }
    input.parse()
}

/// A value without the invisible group around what came through a `macro_rules!`.
fn bare(option: &Found, input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut value = value(option, input)?;
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    Ok(value)
}

fn string(option: &Found, input: ParseStream<'_>) -> syn::Result<LitStr> {
    match bare(option, input)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(syn::Error::new_spanned(
            other,
            format!("`{}` takes a string literal: `{}`", option.key.word, option.key.example),
        )),
    }
}

fn integer(option: &Found, input: ParseStream<'_>) -> syn::Result<LitInt> {
    match bare(option, input)? {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number),
        other => Err(syn::Error::new_spanned(
            other,
            "a schema version must be an integer literal such as `3`: the derive reads it before constants are known",
        )),
    }
}

fn path(option: &Found, input: ParseStream<'_>) -> syn::Result<Path> {
    if input.parse::<Token![=]>().is_err() {
        return Err(option.wrong_form());
    }
    let start = input.span();
    input.call(Path::parse_mod_style).map_err(|_| {
        let Key { word, example, .. } = option.key;
        syn::Error::new(start, format!("`{word}` takes a path without quotes: `{example}`"))
    })
}

/// The path of a function, with generic arguments if need be.
fn function(option: &Found, input: ParseStream<'_>) -> syn::Result<ExprPath> {
    let Key { word, example, .. } = option.key;
    let message = match bare(option, input)? {
        Expr::Path(path) if path.attrs.is_empty() => return Ok(path),
        other @ Expr::Closure(_) => (
            other,
            format!("`{word}` takes the path of a function, no closure; name the function: `{example}`"),
        ),
        other => (other, format!("`{word}` takes the path of a function, without quotes: `{example}`")),
    };
    Err(syn::Error::new_spanned(message.0, message.1))
}

fn ty(option: &Found, input: ParseStream<'_>) -> syn::Result<Type> {
    if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
        return Err(option.wrong_form());
    }
    let start = input.span();
    input.parse().map_err(|_| {
        syn::Error::new(
            start,
            format!("`{}` takes a type, without quotes: `{}`", option.key.word, option.key.example),
        )
    })
}

fn mode(option: &Found, input: ParseStream<'_>) -> syn::Result<Mode> {
    let written = bare(option, input)?;
    match &written {
        Expr::Path(path) if path.path.is_ident("required") => Ok(Mode::Required),
        Expr::Path(path) if path.path.is_ident("warn") => Ok(Mode::Warn),
        Expr::Path(path) if path.path.is_ident("off") => Ok(Mode::Off),
        _ => Err(syn::Error::new_spanned(
            written,
            "`lock` is one of `required`, `warn`, `off`: what to do where this schema has no lock file; write `lock = required`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about `#[session(..)]` with these options on a struct.
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
