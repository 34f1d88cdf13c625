//! In: a struct or an enum that is stored inside a field. Out: its implementation of `SessionShape`.
//!
//! Never resolves a type: the generated code asks the compiler whether a type has a shape. A serde attribute that may change the JSON
//! becomes part of the shape as text, unless its effect is known here.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Field, Fields, Ident, Lit, Meta, MetaNameValue, Path, Token,
    Type, Variant,
};

use crate::errors::{Errors, suggest};
use crate::model::spelling;
use crate::structure::Structure;
use crate::words::words;
use crate::{ident, krate};

pub(crate) fn derive(item: &DeriveInput) -> TokenStream {
    let errors = Errors::new();
    let written = krate_of(&errors, item);
    let krate = krate::path(written.as_ref());
    let serde = Serde::of(&item.attrs);
    let shape = match &item.data {
        Data::Struct(data) => fields(&errors, item, &krate, &data.fields, &serde),
        Data::Enum(data) => {
            let mut variants: Vec<(Option<String>, TokenStream)> = data
                .variants
                .iter()
                .filter_map(|written| {
                    let mut variant = Serde::of(&written.attrs);
                    variant.untagged |= serde.untagged;
                    let shape = self::variant(&errors, item, &krate, written, &variant);
                    (!variant.skipped).then_some(shape)
                })
                .collect();
            // The order of variants does not show in JSON, unless serde tries one after the other.
            variants.sort_by(|(a, _), (b, _)| a.cmp(b));
            let variants: Vec<_> = variants.into_iter().map(|(_, shape)| shape).collect();
            call(&krate, &format!("enum {}", serde.words.join(" ")), &variants)
        }
        Data::Union(data) => {
            errors.at(
                data.union_token,
                "`SessionValue` can be derived for a struct or an enum, not for a union",
            );
            quote!(0)
        }
    };
    // With `into`, serde writes that type instead of this one.
    let shape = serde.into.as_ref().map_or(shape, |into| self::shape(&krate, into, false));
    let mut generics = item.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(#krate::SessionShape));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = &item.ident;
    let errors = errors.finish().err().map(syn::Error::into_compile_error);
    // A placeholder keeps the mistakes from causing further errors where the type is used.
    let shape = if errors.is_some() { quote!(0) } else { shape };
    quote! {
        #errors
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::SessionShape for #name #type_generics #where_clause {
            const SHAPE: ::core::primitive::u64 = {
                #[allow(unused_imports)]
                use #krate::__private::shape::Opaque as _;
                #shape
            };
        }
    }
}

/// `of("kind", &[part, ..])`
fn call(krate: &TokenStream, kind: &str, parts: &[TokenStream]) -> TokenStream {
    quote!(#krate::__private::shape::of(#kind, &[#(#parts),*]))
}

/// The shape of a variant, and the name that serde writes for it. An untagged variant has no name.
fn variant(
    errors: &Errors,
    item: &DeriveInput,
    krate: &TokenStream,
    variant: &Variant,
    serde: &Serde,
) -> (Option<String>, TokenStream) {
    let inside = fields(errors, item, krate, &variant.fields, serde);
    if serde.untagged {
        return (None, call(krate, "untagged variant", &[inside]));
    }
    let is_unit = match &variant.fields {
        Fields::Unit => true,
        // Serde treats a variant whose only value is skipped as a unit variant.
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.iter().all(|field| Serde::of(&field.attrs).skipped)
        }
        Fields::Unnamed(_) | Fields::Named(_) => false,
    };
    // A unit variant is written as its name; a variant that holds `()` as `{"name": null}`.
    let inside = if is_unit {
        call(krate, format!("unit variant {}", serde.words.join(" ")).trim(), &[])
    } else {
        inside
    };
    let name = serde.name.clone().unwrap_or_else(|| ident::word(&variant.ident));
    let shape = call(krate, &name, &[inside]);
    (Some(name), shape)
}

/// The shape of the fields of a struct or a variant.
fn fields(
    errors: &Errors,
    item: &DeriveInput,
    krate: &TokenStream,
    fields: &Fields,
    around: &Serde,
) -> TokenStream {
    let words = around.words.join(" ");
    let shapes = fields.iter().filter_map(|field| {
        let mut serde = Serde::of(&field.attrs);
        // A field that serde may leave out is read back as its default.
        if serde.may_be_left_out && (serde.default || around.default) {
            serde.words.push("default".to_owned());
        }
        let opaque = opaque(errors, field);
        recursive(errors, item, &field.ty, opaque);
        let name = serde.name.or_else(|| field.ident.as_ref().map(ident::word)).unwrap_or_default();
        let shape = shape(krate, &field.ty, opaque || serde.with);
        let shape = match serde.words.as_slice() {
            [] => shape,
            words => call(krate, &words.join(" "), &[shape]),
        };
        (!serde.skipped).then_some((name, shape))
    });
    let mut shapes: Vec<(String, TokenStream)> = shapes.collect();
    match fields {
        Fields::Named(_) if words == "transparent" => {}
        Fields::Named(_) => {
            shapes.sort_by(|(a, _), (b, _)| a.cmp(b));
            let shapes: Vec<_> =
                shapes.iter().map(|(name, shape)| call(krate, name, std::slice::from_ref(shape))).collect();
            return call(krate, format!("struct {words}").trim(), &shapes);
        }
        Fields::Unit if words.is_empty() => return quote!(<() as #krate::SessionShape>::SHAPE),
        Fields::Unnamed(_) | Fields::Unit => {}
    }
    let shapes: Vec<_> = shapes.into_iter().map(|(_, shape)| shape).collect();
    match shapes.as_slice() {
        // Serde writes a newtype as the value inside it.
        [one] if fields.len() == 1 && matches!(words.as_str(), "" | "transparent") => one.clone(),
        [one] if words == "transparent" => one.clone(),
        _ => call(krate, format!("tuple {words}").trim(), &shapes),
    }
}

fn shape(krate: &TokenStream, ty: &Type, opaque: bool) -> TokenStream {
    if opaque {
        let words = words(ty);
        quote!(#krate::__private::shape::by_words(#words))
    } else {
        Structure::known_or_named(krate, ty)
    }
}

/// Reports a type that contains itself: its shape would not terminate, and the compiler's message about the cycle does not help.
fn recursive(errors: &Errors, item: &DeriveInput, ty: &Type, opaque: bool) {
    let itself = |part: &&Type| match part {
        Type::Path(path) if path.qself.is_none() => path
            .path
            .get_ident()
            .or_else(|| {
                path.path.segments.first().filter(|_| path.path.segments.len() == 1).map(|s| &s.ident)
            })
            .is_some_and(|ident| *ident == item.ident || ident == "Self"),
        _ => false,
    };
    if !opaque && spelling::parts(ty).iter().any(itself) {
        errors.at(ty, format!("`{}` contains itself; add `#[session(opaque)]` to this field", item.ident));
    }
}

/// Whether the field is marked `#[session(opaque)]`.
fn opaque(errors: &Errors, field: &Field) -> bool {
    let mut opaque = false;
    for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("session")) {
        let read = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("opaque") {
                opaque = true;
                return Ok(());
            }
            let word = meta.path.get_ident().map(ident::word).unwrap_or_default();
            let advice = suggest(&word, &["opaque"]);
            Err(meta.error(format!("unknown option `{word}` of a field of a `SessionValue`; {advice}")))
        });
        if let Err(error) = read {
            errors.push(error);
        }
    }
    opaque
}

/// The path of `#[session(crate = path)]`.
fn krate_of(errors: &Errors, item: &DeriveInput) -> Option<Path> {
    let mut krate = None;
    for attr in item.attrs.iter().filter(|attr| attr.path().is_ident("session")) {
        let read = attr.parse_args_with(|input: syn::parse::ParseStream<'_>| {
            let word = Ident::parse_any(input)?;
            if word != "crate" {
                return Err(syn::Error::new(
                    word.span(),
                    if word == "opaque" {
                        "`opaque` is an option of a field; write it there".to_owned()
                    } else {
                        format!("unknown option `{word}` of a `SessionValue`; expected `crate = path`")
                    },
                ));
            }
            input.parse::<Token![=]>()?;
            krate = Some(input.call(Path::parse_mod_style)?);
            Ok(())
        });
        if let Err(error) = read {
            errors.push(error);
        }
    }
    krate
}

/// The serde attributes on an item.
#[expect(clippy::struct_excessive_bools)] // Each is an independent attribute of serde.
#[derive(Default)]
struct Serde {
    /// The name in JSON, from `rename = ".."`.
    name: Option<String>,
    skipped: bool,
    /// Written without a tag, and read by trying each variant in turn.
    untagged: bool,
    /// Written or read by the user's own functions.
    with: bool,
    default: bool,
    /// Whether `skip_serializing` or `skip_serializing_if` is present.
    may_be_left_out: bool,
    /// The type that is written instead, from `into = ".."`.
    into: Option<Type>,
    /// Every other attribute that may change the JSON, sorted.
    words: Vec<String>,
}

impl Serde {
    fn of(attrs: &[Attribute]) -> Self {
        let mut serde = Self::default();
        let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
        let metas = lists
            .filter_map(|attr| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok());
        for meta in metas.flatten() {
            let word = meta.path().get_ident().map(ident::word).unwrap_or_default();
            serde.with |= matches!(word.as_str(), "with" | "serialize_with" | "deserialize_with");
            serde.may_be_left_out |= matches!(word.as_str(), "skip_serializing" | "skip_serializing_if");
            match (word.as_str(), &meta) {
                ("alias" | "bound" | "borrow" | "crate" | "deny_unknown_fields" | "expecting", _) => {}
                ("skip", _) => serde.skipped = true,
                ("untagged", _) => serde.untagged = true,
                ("default", _) => serde.default = true,
                (
                    "into",
                    Meta::NameValue(MetaNameValue {
                        value: Expr::Lit(ExprLit { lit: Lit::Str(ty), .. }),
                        ..
                    }),
                ) => serde.into = ty.parse().ok(),
                ("rename", Meta::NameValue(value)) => match &value.value {
                    Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => serde.name = Some(name.value()),
                    _ => serde.words.push(words(&meta)),
                },
                _ => serde.words.push(words(&meta)),
            }
        }
        serde.words.sort();
        serde
    }
}
