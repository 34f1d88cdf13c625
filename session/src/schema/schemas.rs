//! The states of one application, beside each other.
//!
//! In: states, one by one. Out: [`Schemas`], or which two of them cannot share a session. Never: I/O, a stored session.

use std::any::TypeId;

use super::describe::{Field, Schema};
use crate::error::{Error, ErrorKind};

/// The states of an application, found to fit together.
///
/// What would else fail at the first request that uses two states which clash fails here, at start-up:
///
/// ```
/// use actix_typed_session::{Key, Schemas, SessionMiddleware, SessionState, store::MemoryStore};
///
/// #[derive(SessionState)]
/// #[session(name = "auth", version = 1)]
/// struct Auth {
///     #[session(principal)]
///     user: Option<u64>,
/// }
///
/// #[derive(SessionState)]
/// #[session(name = "shop", version = 1)]
/// struct Shop {
///     #[session(default)]
///     cart: Vec<u32>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let schemas = Schemas::builder().with::<Auth>().with::<Shop>().build()?;
/// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?).schemas(schemas).build()?;
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    states: Vec<Named>,
}

/// A state without its type: what identifies it, and its name for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) schema: &'static Schema,
    pub(crate) id: TypeId,
    pub(crate) ty: &'static str,
}

/// Collects states for [`Schemas`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SchemasBuilder {
    schemas: Schemas,
    clash: Option<SchemaError>,
}

/// Two states that cannot share a session.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Each would read the fields of the other as its own.
    #[error(
        "`{first}` and `{second}` both use the session schema name \"{name}\"; give one of them another `name`"
    )]
    SameName {
        /// The name.
        name: &'static str,
        /// A type that uses it.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nobody could say whose the session is.
    #[error(
        "`{first}` and `{second}` both say who is signed in; a session belongs to one user, so keep one principal field"
    )]
    TwoPrincipals {
        /// The wire key of a principal field.
        first: String,
        /// The other.
        second: String,
    },
}

crate::message::debug_is_the_message!(SchemaError);

impl Schemas {
    /// None yet.
    pub fn builder() -> SchemasBuilder {
        SchemasBuilder::default()
    }

    /// Each schema, in the order in which they were named.
    pub fn iter(&self) -> impl Iterator<Item = &'static Schema> {
        self.states.iter().map(|state| state.schema)
    }

    pub(crate) fn knows(&self, id: TypeId) -> bool {
        self.states.iter().any(|state| state.id == id)
    }

    /// Adds a state. One schema name belongs to one type.
    pub(crate) fn add(&mut self, new: Named) -> Result<(), SchemaError> {
        let name = new.schema.name();
        match self.states.iter().find(|state| state.schema.name() == name) {
            Some(known) if known.id == new.id => Ok(()),
            Some(known) => Err(SchemaError::SameName { name, first: known.ty, second: new.ty }),
            None => {
                self.states.push(new);
                Ok(())
            }
        }
    }
}

impl IntoIterator for &Schemas {
    type Item = &'static Schema;
    type IntoIter = std::vec::IntoIter<&'static Schema>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}

/// Checks that two principal fields, by wire key, are one: a session belongs to one user.
pub(crate) fn one_principal(first: Option<&str>, second: Option<&str>) -> Result<(), SchemaError> {
    match (first, second) {
        (Some(first), Some(second)) if first != second => {
            Err(SchemaError::TwoPrincipals { first: first.to_owned(), second: second.to_owned() })
        }
        _ => Ok(()),
    }
}

impl SchemasBuilder {
    pub(crate) fn add(mut self, state: Named) -> Self {
        if let Err(clash) = self.schemas.add(state) {
            self.clash.get_or_insert(clash);
        }
        self
    }

    /// All of them.
    ///
    /// # Errors
    /// When two use one name, or both have a principal field; names both.
    pub fn build(self) -> Result<Schemas, SchemaError> {
        if let Some(clash) = self.clash {
            return Err(clash);
        }
        let mut principals = self.schemas.iter().filter_map(Schema::principal).map(Field::wire_key);
        one_principal(principals.next(), principals.next())?;
        drop(principals);
        Ok(self.schemas)
    }
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Self {
        let kind = match &error {
            SchemaError::SameName { .. } => ErrorKind::SchemaClash,
            SchemaError::TwoPrincipals { .. } => ErrorKind::TwoPrincipals,
        };
        Self::new(kind).because(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! state {
        ($module:ident, $name:literal, $($attribute:tt)*) => {
            mod $module {
                #[derive(actix_typed_session_derive::SessionState)]
                #[session(name = $name, version = 1, lock = off, crate = crate)]
                #[allow(dead_code)]
                pub(super) struct State {
                    $($attribute)*
                    user: Option<u64>,
                }
            }
        };
    }

    state!(auth, "auth", #[session(principal)]);
    state!(admin, "admin", #[session(principal)]);
    state!(shop, "shop",);
    state!(impostor, "shop",);

    #[test]
    fn two_of_one_name_are_both_named() {
        let clash = Schemas::builder().with::<shop::State>().with::<impostor::State>().build();
        let message = clash.map_err(|clash| clash.to_string()).map(drop);
        assert_eq!(
            message,
            Err("`actix_typed_session::schema::schemas::tests::shop::State` and \
                 `actix_typed_session::schema::schemas::tests::impostor::State` both use the session schema name \"shop\"; \
                 give one of them another `name`"
                .to_owned())
        );
    }

    #[test]
    fn two_principals_are_both_named() {
        let schemas = Schemas::builder().with::<shop::State>().with::<auth::State>().with::<admin::State>();
        assert_eq!(
            schemas.build().map(drop),
            Err(SchemaError::TwoPrincipals { first: "auth.user".into(), second: "admin.user".into() })
        );
    }

    #[test]
    fn one_may_be_named_twice() -> Result<(), SchemaError> {
        let schemas =
            Schemas::builder().with::<auth::State>().with::<shop::State>().with::<auth::State>().build()?;
        assert_eq!(schemas.iter().map(Schema::name).collect::<Vec<_>>(), ["auth", "shop"]);
        Ok(())
    }
}
