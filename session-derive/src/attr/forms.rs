//! In: the tokens after the word of an option. Out: its value, in the form that the option takes.
//!
//! Never fills in a default.

use quote::ToTokens;
use syn::parse::ParseStream;
use syn::token::{Brace, Bracket, Paren};
use syn::{Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Path, Token, Type};

use super::found::Found;
use crate::options::Definition;

/// What happens when a schema has no lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A compile error.
    Required,
    /// A warning.
    Warn,
    /// Nothing; an existing lock file is not compared either.
    Off,
}

pub(super) fn flag(found: &Found, input: ParseStream<'_>) -> syn::Result<()> {
    let follows = input.peek(Token![=]) || input.peek(Paren) || input.peek(Bracket) || input.peek(Brace);
    if follows { Err(found.wrong_form()) } else { Ok(()) }
}

/// Reads `= expression`, or nothing.
pub(super) fn expression(found: &Found, input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(Token![=]) {
        return value(found, input).map(Some);
    }
    flag(found, input).map(|()| None)
}

pub(super) fn value(found: &Found, input: ParseStream<'_>) -> syn::Result<Expr> {
    if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
        return Err(found.wrong_form());
    }
    input.parse()
}

/// Reads a value and removes the invisible group that a `macro_rules!` puts around it.
pub(super) fn bare(found: &Found, input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut value = value(found, input)?;
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    Ok(value)
}

pub(super) fn string(found: &Found, input: ParseStream<'_>) -> syn::Result<LitStr> {
    match bare(found, input)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(syn::Error::new_spanned(
            other,
            format!("`{}` takes a string literal: `{}`", found.option.word, found.option.example),
        )),
    }
}

/// Reads a duration in quotes, in seconds.
pub(super) fn duration(found: &Found, input: ParseStream<'_>) -> syn::Result<u64> {
    let text = string(found, input)?;
    seconds(&text.value()).ok_or_else(|| {
        let Definition { word, example, .. } = found.option;
        let message = format!(
            "`{word}` takes a whole number of at least 1 with `s`, `m`, `h` or `d` behind it, for seconds, minutes, hours or days: \
             `{example}`"
        );
        syn::Error::new(text.span(), message)
    })
}

fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    // `parse` alone would take a sign.
    let number: u64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    number.checked_mul(unit).filter(|seconds| *seconds > 0)
}

pub(super) fn integer(found: &Found, input: ParseStream<'_>) -> syn::Result<LitInt> {
    match bare(found, input)? {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number),
        other => {
            let message = match &other {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().parse::<u16>().is_ok() => {
                    let Definition { word, .. } = found.option;
                    format!("`{word}` takes a number, without quotes: `{word} = {}`", text.value())
                }
                _ => "a schema version must be an integer literal such as `3`, because the derive runs before constants are \
                      evaluated"
                    .to_owned(),
            };
            Err(syn::Error::new_spanned(other, message))
        }
    }
}

pub(super) fn path(found: &Found, input: ParseStream<'_>) -> syn::Result<Path> {
    if input.parse::<Token![=]>().is_err() {
        return Err(found.wrong_form());
    }
    let start = input.span();
    input.call(Path::parse_mod_style).map_err(|_| {
        let Definition { word, example, .. } = found.option;
        syn::Error::new(start, format!("`{word}` takes a path without quotes: `{example}`"))
    })
}

/// Reads the path of a function, which may have generic arguments.
pub(super) fn function(found: &Found, input: ParseStream<'_>) -> syn::Result<ExprPath> {
    let Definition { word, example, .. } = found.option;
    let message = match bare(found, input)? {
        Expr::Path(path) if path.attrs.is_empty() => return Ok(path),
        other @ Expr::Closure(_) => {
            let message = format!(
                "`{word}` takes the path of a function, not a closure; write a function, and its name here, as in `{example}`"
            );
            (other.into_token_stream(), message)
        }
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.parse::<Path>().is_ok() => {
            let message =
                format!("`{word}` takes the path of a function, without quotes: `{word} = {}`", text.value());
            (text.to_token_stream(), message)
        }
        other => {
            (other.into_token_stream(), format!("`{word}` takes the path of a function, such as `{example}`"))
        }
    };
    Err(syn::Error::new_spanned(message.0, message.1))
}

pub(super) fn ty(found: &Found, input: ParseStream<'_>) -> syn::Result<Type> {
    if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
        return Err(found.wrong_form());
    }
    let start = input.span();
    input.parse().map_err(|_| {
        syn::Error::new(
            start,
            format!("`{}` takes a type, without quotes: `{}`", found.option.word, found.option.example),
        )
    })
}

pub(super) fn mode(found: &Found, input: ParseStream<'_>) -> syn::Result<Mode> {
    let written = bare(found, input)?;
    match &written {
        Expr::Path(path) if path.path.is_ident("required") => Ok(Mode::Required),
        Expr::Path(path) if path.path.is_ident("warn") => Ok(Mode::Warn),
        Expr::Path(path) if path.path.is_ident("off") => Ok(Mode::Off),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. })
            if matches!(text.value().as_str(), "required" | "warn" | "off") =>
        {
            let message = format!("`lock` takes a word, without quotes: `lock = {}`", text.value());
            Err(syn::Error::new_spanned(&written, message))
        }
        _ => Err(syn::Error::new_spanned(
            written,
            "`lock` says what to do without a lock file, and must be `required`, `warn` or `off`; write `lock = required`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, expected) in [("1s", 1), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("007s", 7)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "15",
            "0s",
            "-1m",
            "+1m",
            "1.5h",
            "15 m",
            " 15m",
            "15M",
            "1w",
            "15min",
            "9999999999999999999d",
            "1ü",
            "ü",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
