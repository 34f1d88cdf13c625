//! What the derive knows about a state.
//!
//! In: the user's struct, through `#[derive(SessionState)]`. Out: a [`Schema`]. Never: I/O, a value.

use std::time::Duration;

use super::group::Group;

/// What a state stores: its name, its version and its fields.
#[derive(Debug)]
pub struct Schema {
    name: &'static str,
    gate: &'static str,
    version: u16,
    oldest_reader: u16,
    fields: &'static [Field],
    groups: &'static [Group],
    removed: &'static [Removed],
}

/// One field of a [`Schema`].
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // four independent marks, each an option that the user wrote
pub struct Field {
    name: &'static str,
    key: &'static str,
    principal: bool,
    flash: bool,
    reset_on_sign_in: bool,
    /// How long a value lives.
    ttl: Option<Duration>,
    lenient: bool,
    /// The index of its group in the schema; `None` if it was always one cell of one type.
    group: Option<usize>,
}

/// What makes a stored value read as its default, although nobody cleared it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Fades {
    pub(crate) on_sign_in: bool,
    pub(crate) in_time: bool,
}

impl Fades {
    /// A value that fades if either does: they are stored together.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self { on_sign_in: self.on_sign_in || other.on_sign_in, in_time: self.in_time || other.in_time }
    }
}

/// A field that a [`Schema`] no longer has. Its cells are left alone, and its wire key must not be used again.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    key: &'static str,
    since: u16,
}

impl Removed {
    pub(crate) const fn new(key: &'static str, since: u16) -> Self {
        Self { key, since }
    }

    /// The first version without it.
    #[must_use]
    pub const fn since(&self) -> u16 {
        self.since
    }

    /// The wire key that it had, such as `shop.theme`.
    #[must_use]
    pub const fn wire_key(&self) -> &'static str {
        self.key
    }
}

impl Schema {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, gate: &'static str, version: u16, fields: &'static [Field]) -> Self {
        // The version before this one may still be running.
        let oldest_reader = if version > 1 { version - 1 } else { 1 };
        Self { name, gate, version, oldest_reader, fields, groups: &[], removed: &[] }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn readers_from(mut self, oldest: u16) -> Self {
        self.oldest_reader = oldest;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_groups(mut self, groups: &'static [Group]) -> Self {
        self.groups = groups;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn without(mut self, removed: &'static [Removed]) -> Self {
        self.removed = removed;
        self
    }

    /// The name that all its wire keys begin with.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The version of this binary.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Its fields, in the order of their wire keys.
    #[must_use]
    pub const fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// The cell that holds the oldest version able to read the section whole.
    pub(crate) const fn gate(&self) -> &'static str {
        self.gate
    }

    /// The oldest version of which a binary may be running beside this one: what is written, it can read.
    #[must_use]
    pub const fn oldest_reader(&self) -> u16 {
        self.oldest_reader
    }

    /// The fields that it had in older versions and has no more.
    #[must_use]
    pub const fn removed(&self) -> &'static [Removed] {
        self.removed
    }

    /// Whether the principal with this wire key is of another version of this schema, which identifies users by another field. What
    /// it says means nothing here, so it reads as nobody signed in.
    pub(crate) fn disowns(&self, principal: &str) -> bool {
        let is_ours = principal.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('.'));
        is_ours && self.principal().is_none_or(|field| field.wire_key() != principal)
    }

    pub(crate) const fn groups(&self) -> &'static [Group] {
        self.groups
    }

    /// The group that `field` belongs to, if its value was ever stored in another form.
    pub(crate) fn group_of(&self, field: &Field) -> Option<&'static Group> {
        self.groups.get(field.group?)
    }

    /// How long the values of `group` live: its fields are stored together, and all have the same time.
    pub(crate) fn ttl_of(&self, group: &Group) -> Option<Duration> {
        group.fields().find_map(|at| self.field(at)?.ttl())
    }

    pub(crate) fn field(&self, index: usize) -> Option<&'static Field> {
        self.fields.get(index)
    }

    pub(crate) fn principal(&self) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.principal)
    }
}

impl Field {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, key: &'static str) -> Self {
        Self {
            name,
            key,
            principal: false,
            flash: false,
            reset_on_sign_in: false,
            ttl: None,
            lenient: false,
            group: None,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn of_group(mut self, group: usize) -> Self {
        self.group = Some(group);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn principal(mut self) -> Self {
        self.principal = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn flash(mut self) -> Self {
        self.flash = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn reset_on_sign_in(mut self) -> Self {
        self.reset_on_sign_in = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn expires_after(mut self, seconds: u64) -> Self {
        self.ttl = Some(Duration::from_secs(seconds));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// The field's name in the struct.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its wire key, `shop.cart`; `shop.cart@3` if its type changed in version 3.
    #[must_use]
    pub const fn wire_key(&self) -> &'static str {
        self.key
    }

    pub(crate) const fn is_principal(&self) -> bool {
        self.principal
    }

    pub(crate) const fn resets(&self) -> bool {
        self.reset_on_sign_in
    }

    /// How long a value lives after it was set, if not as long as the session.
    pub(crate) const fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) const fn fades(&self) -> Fades {
        Fades { on_sign_in: self.reset_on_sign_in, in_time: self.ttl.is_some() }
    }

    pub(crate) const fn is_lenient(&self) -> bool {
        self.lenient
    }
}
