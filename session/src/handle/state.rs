//! A user's struct as a session state.
//!
//! In: what the derive generates. Out: [`SessionState`], [`TypedSession`], and the data of [`Tracked`], which is behind every handle. Never:
//! a decision about what to save.

use std::{
    any::{TypeId, type_name},
    cell::Cell,
    fmt,
    ops::Deref,
    rc::Rc,
};

use actix_web::FromRequest;

use super::states::States;
use crate::{
    error::Error,
    schema::{
        describe::Schema,
        schemas::{Named, SchemasBuilder},
    },
    section::reader::{CellError, FieldValue, SectionReader, Texts},
    visit::visit::Visit,
};

/// A struct whose fields live in the visitor's session. `#[derive(SessionState)]` implements it; do not implement it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session state",
    label = "not a session state",
    note = "put `#[derive(SessionState)]` and `#[session(version = 1)]` on your struct, and extract `TypedSession<YourStruct>`"
)]
pub trait SessionState: Sized + 'static {
    /// The extractor for this state, with its getters and setters.
    type Handle: From<Tracked<Self>> + FromRequest<Error = Error> + Deref<Target = Self>;

    /// The state's name, version and fields.
    fn schema() -> &'static Schema;

    /// Reads every field, in the order of the schema.
    ///
    /// # Errors
    /// When a stored cell does not fit its field.
    #[doc(hidden)]
    fn decode_section(cells: &mut SectionReader<'_>) -> Result<Self, CellError>;

    /// The field with the index `at` in the schema.
    #[doc(hidden)]
    fn field(&self, at: usize) -> &dyn FieldValue;
}

/// One visitor's session, seen as `T`: the type that a handler takes as an argument.
///
/// This is a name for the handle that the derive generates beside `T`, which has a getter and setters for each field:
///
/// ```
/// use actix_typed_session::{Error, SessionState, TypedSession};
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(default)]
///     cart: Vec<u32>,
///     coupon: Option<String>,
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// async fn everything(mut shop: TypedSession<Shop>) -> Result<(), Error> {
///     // Getters return the value, and cannot fail.
///     let _: Option<u64> = shop.user();
///     let _: &[u32] = shop.cart();
///     let _: Option<&str> = shop.coupon();
///
///     // Of two requests that set a field at once, the later one wins.
///     shop.set_cart(vec![11, 12]);
///     shop.set_coupon("spring");
///     shop.clear_coupon();
///
///     // A closure changes what is stored by then, exactly once: it runs again if another request was faster.
///     shop.update_cart(|cart| cart.push(13));
///     shop.update(|shop| {
///         shop.cart.clear();
///         shop.coupon = None;
///     });
///     let had_any: bool = shop.try_update(|shop| shop.cart.pop().is_some()).await?; // stored when it returns
///
///     // A flash field is shown once.
///     shop.set_notice(if had_any { "removed" } else { "nothing to remove" });
///     let _: Option<String> = shop.take_notice();
///
///     // Signing in renews the id, and signing out ends the session.
///     shop.set_user(42);
///     shop.clear_user();
///
///     // The session as a whole.
///     shop.session().renew();
///     Ok(())
/// }
/// # let _ = everything;
/// ```
///
/// The derive, [`SessionState`](derive@crate::SessionState), describes what is generated for which field.
pub type TypedSession<T> = <T as SessionState>::Handle;

/// One handle's copy of its section: what generated getters and setters call.
///
/// A read that finds the section changed adds a newer state instead of replacing the one before, so that references which were given
/// out stay valid. The next call that changes the handle, or reloads it, drops the older ones. A handle that is only read keeps 100
/// states, and goes on showing the last of them.
pub struct Tracked<T> {
    pub(super) visit: Rc<Visit>,
    pub(super) states: States<State<T>>,
}

/// A value, and what it was read from.
pub(super) struct State<T> {
    pub(super) value: T,
    pub(super) texts: Texts,
    /// The stamp of the section when this was right; `None`: it never was.
    pub(super) stamp: Cell<Option<u64>>,
}

impl<T> State<T> {
    /// Marks the value as wrong, whatever the session has.
    pub(super) fn spoil(&mut self) {
        self.texts.clear();
        self.stamp.set(None);
    }
}

impl<T: SessionState> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedSession({:?})", T::schema().name())
    }
}

pub(super) fn named<T: SessionState>() -> Named {
    Named { schema: T::schema(), id: TypeId::of::<T>(), ty: type_name::<T>() }
}

impl SchemasBuilder {
    /// Adds a state.
    pub fn with<T: SessionState>(self) -> Self {
        self.add(named::<T>())
    }
}
