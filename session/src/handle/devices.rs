//! All sessions of the user who is signed in: the list "your devices", and ending them.
//!
//! In: calls of a handler. Out: a list, or sessions that have ended when the call returns. Never: anything that opens a session.

use std::{future::Future, panic::Location, sync::Arc, time::Instant};

use super::session::Session;
use crate::{
    commit::operation::Operation,
    error::{Error, ErrorKind},
    events::event::Event,
    id::public::PublicId,
    record::time::Timestamp,
    store::{bounded::BoundedStore, index::Listed},
    visit::{run_to_end::RunToEnd, visit::Visit},
};

/// The longest label, in characters: enough for the user agent of any browser, too little to fill a store with.
const LONGEST_LABEL: usize = 256;

/// One of a user's sessions, for a page that lists them.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The argument for [`Session::revoke`]. It cannot be used to open the session.
    pub public_id: PublicId,
    /// When the session began, by the store's clock.
    pub created: Timestamp,
    /// When its browser was last seen, to within a tenth of the idle timeout.
    pub last_seen: Timestamp,
    /// When the user last authenticated in it.
    pub authenticated: Option<Timestamp>,
    /// The label that [`Session::set_label`] gave it.
    pub label: Option<Arc<str>>,
    /// Whether this request belongs to it.
    pub is_current: bool,
}

/// Some of a user's sessions: the answer of [`Session::sessions_page`].
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SessionsPage {
    /// The sessions. There may be fewer than were asked for, even none, although more follow.
    pub sessions: Vec<SessionInfo>,
    /// The argument for the next page; `None` after the last one.
    pub next: Option<PublicId>,
}

/// The most sessions of one page: more takes a store longer than a request has.
const LARGEST_PAGE: u32 = 1000;

/// The user's other sessions. These calls go to the store at once; they do not wait for the end of the request. They work only as long
/// as the session of this request is what it was when the request loaded it.
impl Session {
    /// Sets the text that a list of sessions shows for this one, such as the user agent. Control characters are removed, and at
    /// most 256 characters are kept; an empty text removes the label. A label alone does not begin a session.
    ///
    /// ```
    /// use actix_typed_session::Session;
    /// use actix_web::{HttpRequest, http::header::USER_AGENT};
    ///
    /// async fn after_sign_in(session: Session, request: HttpRequest) -> &'static str {
    ///     if let Some(Ok(agent)) = request.headers().get(USER_AGENT).map(|agent| agent.to_str()) {
    ///         session.set_label(agent);
    ///     }
    ///     "welcome"
    /// }
    /// ```
    #[track_caller]
    pub fn set_label(&self, label: &str) {
        let label: String = label.chars().filter(|c| !c.is_control()).take(LONGEST_LABEL).collect();
        let label = (!label.is_empty()).then(|| label.into());
        self.visit().perform(Operation::Label(label), Location::caller());
    }

    /// The live sessions of the user who is signed in, the oldest sign-in first; empty if nobody is. A sign-in of this request is
    /// among them after [`save`](Self::save). OWASP ASVS 5.0 7.5.2.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session};
    ///
    /// async fn devices(session: Session) -> Result<String, Error> {
    ///     let sessions = session.sessions().await?;
    ///     let lines = sessions.iter().map(|one| format!("{} {:?}\n", one.public_id, one.label));
    ///     Ok(lines.collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::StoreUnavailable`] when the store is, [`ErrorKind::NoIndex`] when it cannot find sessions by their user;
    /// [`ErrorKind::Gone`] and [`ErrorKind::Superseded`] when another request has ended or renewed the session of this one.
    pub fn sessions(&self) -> impl Future<Output = Result<Vec<SessionInfo>, Error>> + use<> {
        let (visit, signed_in, current) = (self.visit().clone(), self.principal(), self.public_id());
        RunToEnd::of(self.visit().shared(), async move {
            let index = index(&visit)?;
            let Some(principal) = signed_in else { return Ok(Vec::new()) };
            visit.still_has_session().await?;
            let list = index.sessions_of(&principal).await?;
            Ok(list.into_iter().map(|listed| info(listed, current)).collect())
        })
    }

    /// Some of the live sessions of the user who is signed in: up to `limit`, and at most 1,000, of those after `after`, which is
    /// [`next`](SessionsPage::next) of the page before. For users with so many sessions that [`sessions`](Self::sessions) would take too long.
    ///
    /// The order is that of the store and says nothing about age. The pages together show every session that lives all the time, and none
    /// twice. `after` may have ended meanwhile; a browser may keep it, and one that is made up only begins somewhere else.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session, id::PublicId};
    /// use actix_web::{Responder, web};
    ///
    /// /// `GET /devices?after=..`; the page links to its `next`.
    /// #[derive(serde::Deserialize)]
    /// struct From {
    ///     after: Option<PublicId>,
    /// }
    ///
    /// async fn devices(session: Session, from: web::Query<From>) -> Result<impl Responder, Error> {
    ///     Ok(web::Json(session.sessions_page(from.after, 50).await?))
    /// }
    /// # let _ = devices;
    /// ```
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    pub fn sessions_page(
        &self,
        after: Option<PublicId>,
        limit: u32,
    ) -> impl Future<Output = Result<SessionsPage, Error>> + use<> {
        let (visit, signed_in, current) = (self.visit().clone(), self.principal(), self.public_id());
        RunToEnd::of(self.visit().shared(), async move {
            let index = index(&visit)?;
            let Some(principal) = signed_in else {
                return Ok(SessionsPage { sessions: Vec::new(), next: None });
            };
            visit.still_has_session().await?;
            let after = after.map(PublicId::selector);
            let page = index.sessions_page(&principal, after.as_ref(), limit.min(LARGEST_PAGE)).await?;
            Ok(SessionsPage {
                sessions: page.sessions.into_iter().map(|listed| info(listed, current)).collect(),
                next: page.next.map(PublicId::of),
            })
        })
    }

    /// How many sessions the user who is signed in has: all that are live, and perhaps some that ended a while ago; 0 if nobody is signed
    /// in. Redis and memory know the number; the databases count, which takes about a millisecond for each thousand sessions.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    pub fn session_count(&self) -> impl Future<Output = Result<u64, Error>> + use<> {
        let (visit, signed_in) = (self.visit().clone(), self.principal());
        RunToEnd::of(self.visit().shared(), async move {
            let index = index(&visit)?;
            let Some(principal) = signed_in else { return Ok(0) };
            visit.still_has_session().await?;
            Ok(index.count_of(&principal).await?)
        })
    }

    /// Ends one session of the user who is signed in. A session of another user is left as it is, and so is one that does not
    /// exist; the session of this request is purged. OWASP ASVS 5.0 7.5.2.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session, id::PublicId};
    /// use actix_web::web;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct End {
    ///     id: PublicId, // the `public_id` in the list
    /// }
    ///
    /// async fn end(session: Session, form: web::Form<End>) -> Result<&'static str, Error> {
    ///     session.revoke(form.id).await?;
    ///     Ok("ended")
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions). The session may then still be live; the call can be made again.
    #[track_caller]
    pub fn revoke(&self, id: PublicId) -> impl Future<Output = Result<(), Error>> + use<> {
        let (visit, signed_in, at) = (self.visit().clone(), self.principal(), Location::caller());
        let is_current = self.public_id() == Some(id);
        RunToEnd::of(self.visit().shared(), async move {
            let Some(principal) = signed_in else { return Ok(()) };
            visit.still_has_session().await?;
            if is_current {
                visit.perform(Operation::Purge, at);
                return Ok(());
            }
            let shared = visit.shared();
            shared.store.delete(Instant::now(), &id.selector(), Some(&principal)).await?;
            shared.events.tell(Event::Revoked { id });
            Ok(())
        })
    }

    /// Ends all sessions of the user who is signed in except this one, for example after a change of password. Returns how many.
    ///
    /// It is final: every sign-in that was answered before the call is gone when the call returns. OWASP ASVS 5.0 7.4.3.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session};
    ///
    /// async fn password_changed(session: Session) -> Result<String, Error> {
    ///     let ended = session.revoke_others().await?;
    ///     Ok(format!("signed out on {ended} other devices"))
    /// }
    /// # let _ = password_changed;
    /// ```
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub fn revoke_others(&self) -> impl Future<Output = Result<u64, Error>> + use<> {
        let (visit, signed_in, current) = (self.visit().clone(), self.principal(), self.public_id());
        RunToEnd::of(self.visit().shared(), async move {
            let index = index(&visit)?;
            let Some(principal) = signed_in else { return Ok(0) };
            visit.still_has_session().await?;
            let current = current.map(PublicId::selector);
            let count = index.delete_all(&principal, current.as_ref()).await?;
            visit.shared().events.tell(Event::RevokedAll { count });
            Ok(count)
        })
    }

    /// Ends all sessions of the user who is signed in, and returns how many. The session of this request is purged too, and its
    /// cookie is removed.
    ///
    /// It is final in the same way as [`revoke_others`](Self::revoke_others).
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    #[track_caller]
    pub fn revoke_all(&self) -> impl Future<Output = Result<u64, Error>> + use<> {
        let (visit, signed_in, at) = (self.visit().clone(), self.principal(), Location::caller());
        RunToEnd::of(self.visit().shared(), async move {
            let index = index(&visit)?;
            let Some(principal) = signed_in else { return Ok(0) };
            visit.still_has_session().await?;
            let count = index.delete_all(&principal, None).await?;
            visit.shared().events.tell(Event::RevokedAll { count });
            visit.perform(Operation::Purge, at);
            Ok(count)
        })
    }
}

fn index(visit: &Visit) -> Result<&BoundedStore, Error> {
    let store = &visit.shared().store;
    if store.has_index() { Ok(store) } else { Err(Error::new(ErrorKind::NoIndex)) }
}

fn info(listed: Listed, current: Option<PublicId>) -> SessionInfo {
    let (public_id, meta) = (PublicId::of(listed.selector), listed.meta);
    SessionInfo {
        public_id,
        created: meta.created,
        last_seen: meta.touched,
        authenticated: meta.authenticated,
        label: meta.label,
        is_current: current == Some(public_id),
    }
}
