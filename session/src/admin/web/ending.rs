//! The handlers that end sessions.
//!
//! In: forms of the pages. Out: the list that the button was on. Never: the end of a session of another user than the list was of.

use actix_web::web;
use serde::Deserialize;

use super::{
    answer::{Answer, to, within},
    html::link,
    reading::Desk,
};
use crate::{
    id::public::PublicId,
    record::meta::Principal,
    store::{contract::SessionStore, index::PrincipalIndex},
};

#[derive(Deserialize)]
pub(super) struct End {
    id: PublicId,
    /// The user whose list has the button.
    of: Option<String>,
}

/// Ends one session. Pressed on a list that is out of date, it ends none of another user.
pub(super) async fn end(desk: web::Data<Desk>, form: web::Form<End>) -> Answer {
    let End { id, of } = form.into_inner();
    within(async move {
        let principal = of.as_deref().map(Principal::from_store);
        let was_there = match desk.store.load(&id.selector()).await {
            Ok(found) => {
                found.is_some_and(|loaded| principal.is_none() || loaded.record.meta().principal == principal)
            }
            // It may be ended though it cannot be read, but not as that of a user.
            Err(error) if error.is_unreadable() => principal.is_none(),
            Err(error) => return Err(error),
        };
        if was_there {
            desk.store.delete(&id.selector(), principal.as_ref()).await?;
            tracing::info!(public_id = %id, "a session was ended on the administration pages");
        }
        let ended = u8::from(was_there);
        Ok(match of {
            Some(of) => to(link("user", "of", of) + &format!("&ended={ended}")),
            None => to(format!("./?ended={ended}")),
        })
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct EndAll {
    of: String,
}

pub(super) async fn end_all(desk: web::Data<Desk>, form: web::Form<EndAll>) -> Answer {
    let EndAll { of } = form.into_inner();
    within(async move {
        let ended = desk.store.delete_all(&Principal::from_store(&of), None).await?;
        tracing::info!(ended, "all sessions of a user were ended on the administration pages");
        Ok(to(link("user", "of", of) + &format!("&ended={ended}")))
    })
    .await
}
