//! In: an option whose word has been read. Out: its value, stored in a slot, or the message about its wrong form.
//!
//! Never reads the value itself; `forms` does.

use proc_macro2::Ident;
use syn::parse::{ParseBuffer, ParseStream};
use syn::token::Paren;

use crate::errors::Errors;
use crate::options::{Definition, Form};

/// An option's value and the word that introduced it.
pub(crate) struct Given<T> {
    pub(crate) word: Ident,
    pub(crate) value: T,
}

/// An option that may have been given.
pub(crate) type Slot<T> = Option<Given<T>>;

/// An option whose word has been read and found in the table.
pub(super) struct Found {
    pub(super) option: &'static Definition,
    pub(super) word: Ident,
}

impl Found {
    /// Reads the value into `slot`, unless the option was given before.
    pub(super) fn fill<T>(
        self,
        slot: &mut Slot<T>,
        input: ParseStream<'_>,
        read: fn(&Self, ParseStream<'_>) -> syn::Result<T>,
    ) -> syn::Result<()> {
        if slot.is_some() {
            return Err(syn::Error::new(
                self.word.span(),
                format!("duplicate session option `{}`; write it once", self.option.word),
            ));
        }
        let value = read(&self, input)?;
        *slot = Some(Given { word: self.word, value });
        Ok(())
    }

    /// Reads one more occurrence of an option that may be repeated. Mistakes inside its list go to `errors`.
    pub(super) fn push<T>(
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

    /// The content of the parentheses after the word.
    pub(super) fn parentheses<'a>(&self, input: ParseStream<'a>) -> syn::Result<ParseBuffer<'a>> {
        if !input.peek(Paren) {
            return Err(self.wrong_form());
        }
        let content;
        syn::parenthesized!(content in input);
        Ok(content)
    }

    /// Refuses an option that is in the table but has no reader. A test writes every option, so no release has one.
    pub(super) fn forgotten(self) -> syn::Result<()> {
        Err(syn::Error::new(self.word.span(), format!("`{}` is not read yet", self.option.word)))
    }

    /// The message for a value whose form differs from the table.
    pub(super) fn wrong_form(&self) -> syn::Error {
        let Definition { word, form, example, .. } = self.option;
        let message = match form {
            Form::Value => format!("`{word}` takes a value: `{example}`"),
            Form::List => format!("`{word}` takes a list: `{example}`"),
            Form::Flag => format!("`{word}` takes no value; write `{word}` alone"),
            Form::FlagOrValue => format!("`{word}` takes no list; write `{word}` or `{example}`"),
        };
        syn::Error::new(self.word.span(), message)
    }
}
