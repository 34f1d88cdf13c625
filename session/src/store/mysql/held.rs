//! A record that a transaction holds, and what becomes of it.
//!
//! In: a connection, a selector, and perhaps a principal whose sessions are counted. Out: the record as it is, until the transaction ends.
//! Never decides what a change makes of it; [`Record::apply`](crate::record::apply::Record::apply) does.

use sqlx::mysql::MySqlRow;

use super::{
    connections::{Lease, Transaction},
    failure::Failure,
    rows,
    statements::{AT_ONCE, NOW, Statements},
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{MaxSessions, WhenFull},
        meta::Principal,
        time::Timestamp,
    },
    store::error::{StoreError, StoreErrorKind},
};

/// A sign-in with a maximum: the principal, and how many sessions it may have.
pub(super) type SignIn = (Principal, MaxSessions);

/// Whether one more session of a principal fits, and the statements that end others for it.
pub(super) enum Room {
    There(Vec<String>),
    /// There may be more sessions to end than one transaction should. Commit, and look again.
    NotYet(Vec<String>),
    Refused,
}

/// The row under a selector, locked; and the sessions of the principal that must end, if this is a sign-in with a maximum.
pub(super) struct Held {
    pub(super) transaction: Transaction,
    row: Option<MySqlRow>,
    surplus: Vec<Selector>,
    /// After the lock was granted: waiting for it may have taken a while, and a session that expired in the meantime must not be touched back
    /// to life (G3).
    pub(super) now: Timestamp,
}

impl Held {
    /// Locks and reads, in one round trip.
    pub(super) async fn take(
        lease: Lease,
        statements: &Statements,
        selector: &Selector,
        sign_in: Option<&SignIn>,
    ) -> Result<Self, Failure> {
        // A principal's turn comes before any row, and nobody waits for two turns. A circle is possible only when two users swap sessions;
        // the server then rolls one of the transactions back, and it is repeated.
        let turn = sign_in.map(|(principal, _)| statements.take_turn(principal));
        let mut asked = vec![statements.hold(selector)];
        asked.extend(sign_in.map(|(principal, max)| statements.surplus(principal, selector, *max)));
        asked.push(format!("SELECT {NOW}"));
        let (transaction, mut answers) = lease.begin(turn, asked).await?;
        let now = rows::only(&answers.pop().unwrap_or_default()).map(Timestamp::from_millis)?;
        let mut surplus = Vec::new();
        if sign_in.is_some() {
            surplus = rows::selectors(&answers.pop().unwrap_or_default());
            if rows::only::<Option<i64>>(answers.first().map_or(&[], Vec::as_slice))? != Some(1) {
                transaction.roll_back().await;
                let why = "other sign-ins of this user take too long";
                return Err(StoreError::new(StoreErrorKind::Unavailable).with_source(why).into());
            }
        }
        let row = answers.pop().and_then(|mut rows| rows.pop());
        Ok(Self { transaction, row, surplus, now })
    }

    /// Whether anything is stored, readable or not, expired or not.
    pub(super) fn exists(&self) -> bool {
        self.row.is_some()
    }

    /// The record, expired or not.
    pub(super) fn record(&self) -> Result<Option<Record>, StoreError> {
        self.row.as_ref().map(|row| rows::record(row, 0)).transpose()
    }

    /// Whether the row belongs to `principal`, and can be read. One that cannot may belong to this principal, so that is an error.
    pub(super) fn is_of(&self, principal: &Principal) -> Result<bool, StoreError> {
        let Some(row) = &self.row else { return Ok(false) };
        Ok(rows::is_of(row, principal)? && rows::record(row, 0).map(|_| true)?)
    }

    /// The statements that end the oldest of the principal's other sessions, so that one more fits.
    pub(super) fn make_room(&self, statements: &Statements, sign_in: Option<&SignIn>) -> Room {
        let Some((principal, max)) = sign_in else { return Room::There(Vec::new()) };
        if max.when_full == WhenFull::RejectNew && !self.surplus.is_empty() {
            return Room::Refused;
        }
        let ends = self.surplus.iter().map(|other| statements.delete_of(principal, other)).collect();
        if self.surplus.len() < AT_ONCE { Room::There(ends) } else { Room::NotYet(ends) }
    }
}
