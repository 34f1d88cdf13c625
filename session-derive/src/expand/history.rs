//! In: the cells of every version, and the conversions between them. Out: the tables that let a section of any version be read.
//!
//! Never calls a user's function: each call is a closure in a table, and errors point at the user's path.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ExprPath;
use syn::spanned::Spanned;

use super::method::literal;
use crate::ident::local;
use crate::model::Schema;
use crate::model::field::Default;
use crate::model::history::{Cell, Conversion};

/// The calls that follow `Schema::new(..)`.
///
/// ```text
/// .readers_from(3)
/// .with_groups(&[Group::new(&[("shop.cart", None), ("shop.cart@3", Some(0))], &[Step::new(..)])])
/// .without(&[removed::<String>("shop.theme", 2)])
/// ```
pub(super) fn tables(schema: &Schema<'_>) -> TokenStream {
    let krate = &schema.krate;
    let reader = (schema.oldest_reader != schema.version.saturating_sub(1).max(1)).then(|| {
        let oldest = literal(usize::from(schema.oldest_reader));
        quote!(.readers_from(#oldest))
    });
    let groups = (!schema.history.groups.is_empty()).then(|| {
        let groups = schema.history.groups.iter().map(|group| table(schema, group));
        quote!(.with_groups(&[#(#groups),*]))
    });
    let removed = (!schema.removed.is_empty()).then(|| {
        let removed = schema.removed.iter().map(|removed| {
            let (key, ty, since) =
                (schema.wire_key(&removed.key), removed.ty, literal(usize::from(removed.since)));
            quote!(#krate::__private::removed::<#ty>(#key, #since))
        });
        quote!(.without(&[#(#removed),*]))
    });
    quote!(#reader #groups #removed)
}

fn table(schema: &Schema<'_>, group: &[usize]) -> TokenStream {
    let krate = &schema.krate;
    let cells = group.iter().filter_map(|at| schema.history.cell(*at)).map(|cell| {
        let key = schema.wire_key(&cell.key);
        if let Some(field) = cell.field_at.and_then(|at| schema.fields.get(at)) {
            let index = literal(field.index);
            quote!((#key, ::core::option::Option::Some(#index)))
        } else {
            quote!((#key, ::core::option::Option::None))
        }
    });
    let steps =
        schema.history.conversions.iter().filter(|step| step.from.iter().any(|at| group.contains(at)));
    let steps = steps.map(|step| self::step(schema, group, step));
    quote!(#krate::__private::Group::new(&[#(#cells),*], &[#(#steps),*]))
}

/// ```text
/// Step::new(3, &[0], &[1], |old| {
///     let new = Converts::<Vec<u32>, Vec<Line>, _>::convert(to_lines, old.get::<Vec<u32>>(0)?)?;
///     Ok(From::from([encode::<Vec<Line>>(&new)?]))
/// })
/// .merge(|old, before| { .. })
/// .down(|new| { .. })
/// ```
fn step(schema: &Schema<'_>, group: &[usize], step: &Conversion<'_>) -> TokenStream {
    let krate = &schema.krate;
    let place = |at: &usize| literal(group.iter().position(|member| member == at).unwrap_or(0));
    let since = literal(usize::from(step.since));
    let (from, to) = (step.from.iter().map(place), step.to.iter().map(place));
    let Some(up) = step.up else {
        return quote!(#krate::__private::Step::forgotten(#since, &[#(#from),*], &[#(#to),*]));
    };
    let old = Side::of(schema, &step.from);
    let new = Side::of(schema, &step.to);
    let up = old.converted(krate, up, &new);
    let merge = step.merge.map(|path| {
        let merge = call(krate, ("Merges", "merge"), &old, &new);
        let (olds, befores) = (local("old"), local("before"));
        let (read_old, read_new) = (old.read(&olds), new.read(&befores));
        let (made, encoded) = (local("made"), new.encoded(krate));
        quote!(.merge(|#olds, #befores| { let #made = #merge(#path, #read_old, #read_new)?; #encoded }))
    });
    let down = step.down.filter(|_| schema.oldest_reader < step.since).map(|path| {
        let down = new.converted(krate, path, &old);
        quote!(.down(#down))
    });
    quote!(#krate::__private::Step::new(#since, &[#(#from),*], &[#(#to),*], #up) #merge #down)
}

/// The cells on one side of a conversion.
struct Side<'a, 'b>(Vec<&'b Cell<'a>>);

impl<'a, 'b> Side<'a, 'b> {
    fn of(schema: &'b Schema<'a>, cells: &[usize]) -> Self {
        Self(cells.iter().filter_map(|at| schema.history.cell(*at)).collect())
    }

    /// The type that the user's function takes for this side: a tuple, if there are several cells.
    fn ty(&self) -> TokenStream {
        let types = self.0.iter().map(|cell| cell.ty);
        if self.0.len() == 1 { quote!(#(#types)*) } else { quote!((#(#types),*)) }
    }

    /// A closure that converts the stored values of this side into those of the other.
    fn converted(&self, krate: &TokenStream, path: &ExprPath, other: &Self) -> TokenStream {
        let convert = call(krate, ("Converts", "convert"), self, other);
        let (values, made) = (local("values"), local("made"));
        let (read, encoded) = (self.read(&values), other.encoded(krate));
        quote!(|#values| { let #made = #convert(#path, #read)?; #encoded })
    }

    fn read(&self, values: &Ident) -> TokenStream {
        let reads = self.0.iter().enumerate().map(|(at, cell)| {
            let (at, ty) = (literal(at), cell.ty);
            // A single cell is converted only if it holds a value.
            if self.0.len() == 1 && !cell.default_given {
                return quote!(#values.get::<#ty>(#at)?);
            }
            match cell.default {
                Default::None => quote!(#values.get::<#ty>(#at)?),
                Default::OfType => {
                    quote!(#values.get_or::<#ty>(#at, || <#ty as ::core::default::Default>::default())?)
                }
                Default::Expr(expr) => quote!(#values.get_or::<#ty>(#at, || #expr)?),
            }
        });
        if self.0.len() == 1 { quote!(#(#reads)*) } else { quote!((#(#reads),*)) }
    }

    /// `Ok(vec![..])` with the encoded parts of `made`.
    fn encoded(&self, krate: &TokenStream) -> TokenStream {
        let (encode, made) = (quote!(#krate::__private::encode), local("made"));
        let types = self.0.iter().map(|cell| cell.ty);
        let cells: Vec<TokenStream> = if self.0.len() == 1 {
            types.map(|ty| quote!(#encode::<#ty>(&#made)?)).collect()
        } else {
            types
                .enumerate()
                .map(|(at, ty)| {
                    let at = literal(at);
                    quote!(#encode::<#ty>(&#made.#at)?)
                })
                .collect()
        };
        // Not `Vec::from`, which needs `From` in scope.
        quote!(::core::result::Result::Ok(::core::convert::From::from([#(#cells),*])))
    }
}

/// `Converts::<Old, New, _>::convert`, to be called with the user's path: errors point at that path if the types do not match.
fn call(krate: &TokenStream, function: (&str, &str), from: &Side<'_, '_>, to: &Side<'_, '_>) -> TokenStream {
    let (from, to) = (from.ty(), to.ty());
    let [of, method] = [function.0, function.1].map(|name| Ident::new(name, Span::call_site()));
    quote!(#krate::__private::#of::<#from, #to, _>::#method)
}

/// A warning for each conversion and each `down` that no session needs. Using a deprecated constant is the only warning that a derive
/// can cause.
///
/// ```text
/// const _: () = {
///     #[deprecated(note = "..")]
///     const unused_down: () = ();
///     unused_down
/// };
/// ```
pub(crate) fn warnings(schema: &Schema<'_>) -> TokenStream {
    let warnings = schema.history.conversions.iter().filter_map(|step| {
        let (name, path, note) = unused(schema, step)?;
        // The span of the user's code: the compiler does not warn about generated code.
        let name = Ident::new(name, path.span());
        Some(quote! {
            const _: () = {
                #[deprecated(note = #note)]
                #[allow(non_upper_case_globals)]
                const #name: () = ();
                #name
            };
        })
    });
    warnings.collect()
}

/// What no session needs of a conversion: the name of the warning, the path to underline, and the note.
fn unused<'a>(schema: &Schema<'_>, step: &Conversion<'a>) -> Option<(&'static str, &'a ExprPath, String)> {
    let Schema { oldest_reader: reader, oldest_record: record, .. } = schema;
    let (since, up) = (step.since, step.up?);
    if *record >= since && step.of_a_field {
        let options = [("`down`", step.down), ("`merge`", step.merge)];
        let more = options.iter().filter(|(_, path)| path.is_some()).map(|(word, _)| *word);
        let words: Vec<&str> = ["`from`", "`up`"].into_iter().chain(more).collect();
        let note = format!(
            "no session older than version {record} may be stored, so nothing uses {}; `changed(since = {since})` is enough",
            words.join(", ")
        );
        Some(("unused_up", up, note))
    } else if *record >= since {
        let note = format!(
            "no session older than version {record} may be stored, so this `step` is never used; \
             `step(since = {since}, from(..), to(..))` with only its wire keys is enough"
        );
        Some(("unused_step", up, note))
    } else if *reader >= since {
        let why = if schema.default_reader {
            // The number is a default that the user has not seen.
            let before = since - 1;
            format!(
                ". By default `oldest_reader` is {reader}; if version {before} still runs, say `oldest_reader = {before}`"
            )
        } else {
            String::new()
        };
        let note = format!(
            "no binary older than version {reader} may be running, so this `down` is never called; remove it{why}"
        );
        Some(("unused_down", step.down?, note))
    } else {
        None
    }
}
