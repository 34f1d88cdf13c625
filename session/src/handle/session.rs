//! The session as a whole: its life-cycle, rather than its fields.
//!
//! In: calls of a handler. Out: recorded operations, and what is known about the session. Never: a field; those belong to the states.

use std::{
    fmt,
    future::Future,
    panic::Location,
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{
    commit::{
        arrival::Arrived,
        fold::Fold,
        operation::{Lifetime, Operation},
    },
    error::{Error, ErrorKind},
    id::public::PublicId,
    record::{
        meta::Principal,
        time::{Limits, Timestamp},
    },
    visit::visit::Visit,
};

/// The visitor's session as a whole. Extract it in a handler, or get it from a handle with `session()`.
///
/// ```
/// use actix_typed_session::Session;
/// use actix_web::Responder;
///
/// async fn sign_out(session: Session) -> impl Responder {
///     session.purge();
///     "bye"
/// }
/// ```
///
/// | To | call |
/// |---|---|
/// | begin, give a new id, end | [`begin`](Self::begin), [`renew`](Self::renew), [`purge`](Self::purge) |
/// | store now, look again, take back | [`save`](Self::save), [`reload`](Self::reload), [`discard`](Self::discard) |
/// | let it live for longer or shorter | [`set_lifetime`](Self::set_lifetime), [`set_end`](Self::set_end), [`touch`](Self::touch), [`do_not_touch`](Self::do_not_touch) |
/// | ask what there is | [`exists`](Self::exists), [`is_new`](Self::is_new), [`arrival`](Self::arrival), [`public_id`](Self::public_id), [`created`](Self::created), [`expires_in`](Self::expires_in) |
/// | ask who is signed in, and since when | [`principal`](Self::principal), [`authenticated_within`](Self::authenticated_within), [`signed_in_within`](Self::signed_in_within) |
/// | protect a form | [`csrf_token`](Self::csrf_token), [`check_csrf_token`](Self::check_csrf_token) |
/// | list the user's sessions, and end them | [`sessions`](Self::sessions), [`sessions_page`](Self::sessions_page), [`session_count`](Self::session_count), [`set_label`](Self::set_label), [`revoke`](Self::revoke), [`revoke_others`](Self::revoke_others), [`revoke_all`](Self::revoke_all) |
#[derive(Clone)]
pub struct Session(Rc<Visit>);

impl Session {
    pub(crate) const fn of(visit: Rc<Visit>) -> Self {
        Self(visit)
    }

    pub(crate) const fn visit(&self) -> &Rc<Visit> {
        &self.0
    }

    /// Replaces the session's id. The old cookie stops working as soon as this request is answered; nothing else changes.
    ///
    /// Setting a principal field does this by itself. Call it for other changes of privilege (ASVS 5.0 7.2.4).
    ///
    /// ```
    /// use actix_typed_session::Session;
    ///
    /// async fn enter_administration(session: Session) -> &'static str {
    ///     session.renew();
    ///     "you may now change prices"
    /// }
    /// # let _ = enter_administration;
    /// ```
    #[track_caller]
    pub fn renew(&self) {
        self.0.perform(Operation::Renew, Location::caller());
    }

    /// Ends the session. No request in flight can bring it back; fields that are set afterwards begin a new session.
    #[track_caller]
    #[doc(alias = "logout")]
    pub fn purge(&self) {
        self.0.perform(Operation::Purge, Location::caller());
    }

    /// Stores what this request did so far. All its handles then read what is stored, including the writes of other requests.
    ///
    /// The end of the request does this by itself. Call it where the response depends on the result, and in streams and web
    /// sockets, which outlive the response. Once polled, it runs to its end even if the future is dropped.
    ///
    /// ```
    /// use actix_typed_session::{Error, SessionState, TypedSession};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Shop {
    /// #     code: Option<u32>,
    /// # }
    /// async fn send_code(mut shop: TypedSession<Shop>) -> Result<&'static str, Error> {
    ///     shop.set_code(271_828);
    ///     shop.session().save().await?;
    ///     // From here on the code is stored, so the mail may go out.
    ///     Ok("a code is on its way")
    /// }
    /// # let _ = send_code;
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) if the session ended meanwhile,
    /// [`Superseded`](crate::ErrorKind::Superseded) if another request changed who is signed in,
    /// [`TooManySessions`](crate::ErrorKind::TooManySessions) or [`TooLarge`](crate::ErrorKind::TooLarge) if a limit is reached,
    /// [`Contended`](crate::ErrorKind::Contended) if other requests were faster until the deadline,
    /// [`TooLate`](crate::ErrorKind::TooLate) if it needs a cookie and the response head is sent,
    /// [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store is, and what an extraction can fail with.
    pub fn save(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        let saving = self.0.save();
        async move { saving.await.map(drop) }
    }

    /// Begins a session if there is none, without any value: for a page that needs an id before there is something to store, such as for a
    /// [`csrf_token`](Self::csrf_token). Setting a field does it too. Every visitor and every robot that gets the page then has a record
    /// in the store, so call it where a form is, and not on every page.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session};
    ///
    /// async fn contact_form(session: Session) -> Result<String, Error> {
    ///     session.begin();
    ///     let token = session.csrf_token().await?.unwrap_or_default();
    ///     Ok(format!("<form method=post><input type=hidden name=csrf_token value={token}>.."))
    /// }
    /// # let _ = contact_form;
    /// ```
    #[track_caller]
    pub fn begin(&self) {
        self.0.perform(Operation::Begin, Location::caller());
    }

    /// Records that the visitor is active now. Every request does so by itself when a tenth of the idle timeout has passed since the last
    /// time; call it in a stream or a web socket, which is one request for hours, and then [`save`](Self::save). As any change that a
    /// request makes, it is refused if another request has changed who is signed in since.
    ///
    /// ```
    /// use actix_typed_session::{Error, Session};
    ///
    /// /// The visitor has sent a message over the socket.
    /// async fn on_message(session: &Session) -> Result<(), Error> {
    ///     session.touch();
    ///     session.save().await // an error if the session has ended: close the socket
    /// }
    /// # let _ = on_message;
    /// ```
    #[track_caller]
    pub fn touch(&self) {
        self.0.perform(Operation::Touch, Location::caller());
    }

    /// Lets this request not count as activity: it does not prolong the session, whatever the idle timeout says. Call it for what a page
    /// does by itself, such as polling. A sign-in, a renewal and a new lifetime prolong the session all the same.
    ///
    /// ```
    /// use actix_typed_session::{SessionState, TypedSession};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Mail {
    /// #     #[session(default)]
    /// #     unread: u32,
    /// # }
    /// /// A script of the page asks this every few seconds, whether anybody sits before it or not.
    /// async fn unread(mail: TypedSession<Mail>) -> String {
    ///     mail.session().do_not_touch();
    ///     mail.unread().to_string()
    /// }
    /// # let _ = unread;
    /// ```
    pub fn do_not_touch(&self) {
        self.0.do_not_touch();
    }

    /// What the request's cookie opened. It tells a visitor whose session has expired from one who never had any.
    ///
    /// ```
    /// use actix_typed_session::{Arrived, Session};
    ///
    /// async fn sign_in_page(session: Session) -> &'static str {
    ///     match session.arrival() {
    ///         Arrived::Ended => "Your session has expired; please sign in again.",
    ///         _ => "Please sign in.",
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn arrival(&self) -> Arrived {
        self.0.arrived()
    }

    /// Discards everything that this request did to the session and has not saved.
    pub fn discard(&self) {
        self.0.discard();
    }

    /// Loads the session again. All handles of this request then read what other requests have stored.
    ///
    /// In a stream or a web socket it tells whether the session still exists, and whether the same user is still signed in.
    ///
    /// ```
    /// use actix_typed_session::{Error, ErrorKind, Session};
    ///
    /// /// Whether the next message may be sent.
    /// async fn may_go_on(session: &Session) -> Result<bool, Error> {
    ///     match session.reload().await {
    ///         Ok(()) => Ok(true),
    ///         Err(error) if matches!(error.kind(), ErrorKind::Gone | ErrorKind::Superseded) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// # let _ = may_go_on;
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) if the session has ended,
    /// [`Superseded`](crate::ErrorKind::Superseded) if another request changed who is signed in,
    /// [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be reached.
    pub fn reload(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        let loading = self.0.reload();
        async move { loading.await.map(drop) }
    }

    /// A token for the forms and scripts of the session's pages, for [`CsrfForm`](crate::CsrfForm) and [`CsrfHeader`](crate::CsrfHeader):
    /// 43 characters that mean the same each time and never look the same. `None` if the visitor has no session and this request begins
    /// none, and after a purge; a page without a session needs no token.
    ///
    /// It is valid until the session's id is renewed, as by a sign-in. If this request has begun or renewed the session, it is saved first,
    /// because only then the id is known; so call it after everything that does that.
    ///
    /// # Errors
    /// As [`save`](Self::save), and [`ErrorKind::NoRandomness`].
    pub fn csrf_token(&self) -> impl Future<Output = Result<Option<String>, Error>> + use<> {
        let (visit, saving) = (self.0.clone(), self.0.changes_id().then(|| self.0.save()));
        async move {
            if let Some(saving) = saving {
                saving.await?;
            }
            visit.csrf_token()
        }
    }

    /// Sets how long the session lives from now on, and whether its cookie outlives the browser ("remember me").
    ///
    /// The id is renewed too, because the browser needs another cookie. Call it in the request that signs in, before or after: a
    /// sign-in starts from the middleware's own limits, whatever the anonymous visitor had. It applies to the session of a user who
    /// replaces another one as well.
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_typed_session::{SessionState, TypedSession};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Shop {
    /// #     #[session(principal)]
    /// #     user: Option<u64>,
    /// # }
    /// const DAY: Duration = Duration::from_secs(24 * 3600);
    ///
    /// fn welcome_and_remember(shop: &mut TypedSession<Shop>, user: u64) {
    ///     shop.set_user(user);
    ///     shop.session().set_lifetime(14 * DAY, 90 * DAY, true);
    /// }
    /// # let _ = welcome_and_remember;
    /// ```
    ///
    /// Less than a millisecond answers the request with [`ErrorKind::ZeroLifetime`]; call [`purge`](Self::purge) to end a session.
    #[track_caller]
    pub fn set_lifetime(&self, idle: Duration, absolute: Duration, persistent: bool) {
        if idle.min(absolute).as_millis() == 0 {
            return self.0.fail(Error::new(ErrorKind::ZeroLifetime));
        }
        self.0.perform(
            Operation::Lifetime(Lifetime { limits: Limits { idle, absolute }, persistent }),
            Location::caller(),
        );
    }

    /// Lets the session end at `end`, by this machine's clock, at the latest: a renewal, activity and [`set_lifetime`](Self::set_lifetime)
    /// in this request do not extend it. Call it in the request that signs in, before or after, with the time at which the identity
    /// provider's own session ends (`exp` of an ID token, `SessionNotOnOrAfter` of SAML; OWASP ASVS 5.0 7.6.1). A sign-in of later on
    /// begins anew, and must set the end anew. The end is kept to within the time that storing the session takes.
    ///
    /// A time that has passed answers the request with [`ErrorKind::ZeroLifetime`].
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use actix_typed_session::{SessionState, TypedSession};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Shop {
    /// #     #[session(principal)]
    /// #     user: Option<u64>,
    /// # }
    /// async fn callback(mut shop: TypedSession<Shop>) -> &'static str {
    ///     let (user, exp) = (42, 4_102_444_800); // from the identity provider
    ///     shop.set_user(user);
    ///     shop.session().set_end(UNIX_EPOCH + Duration::from_secs(exp));
    ///     "welcome"
    /// }
    /// # let _ = callback;
    /// ```
    #[track_caller]
    pub fn set_end(&self, end: SystemTime) {
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        if left.as_millis() == 0 {
            let error = Error::new(ErrorKind::ZeroLifetime);
            return self.0.fail(error.because(
                "`set_end` was given a time that has passed, so the session would be over at once",
            ));
        }
        self.0.set_longest(left, Location::caller());
    }

    /// Whether the browser came with a live session, and this request has not ended it.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.read_record(|_, _| ()).is_some() || self.0.public_id().is_some()
    }

    /// Whether this request begins a session.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.exists() && self.0.fold(Fold::begins)
    }

    /// The name of the session in lists and logs. It cannot be used to open the session, and stays when the session's id is renewed,
    /// by any user's sign-in too. `None` before the session exists.
    #[must_use]
    pub fn public_id(&self) -> Option<PublicId> {
        self.0.public_id()
    }

    /// When the session began, by the store's clock. In the body of the response that begins it, this is by the clock of the process.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.0.read_record(|record, _| record.meta().created)
    }

    /// How long the session lives if the browser makes no further request, counted from the load of the session. A lifetime that
    /// this request sets counts already; `None` if there is no session and this request begins none.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        // Reads the record first, because nothing must be told about one that cannot be read.
        self.0.read_record(|_, _| ());
        self.0.expires_in()
    }

    /// The user who is signed in, as of this request; `None` if that was stored by another version of a schema, which identifies users
    /// by another field.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        // Reads the record first, because nothing must be told about one that cannot be read.
        self.0.read_record(|_, _| ());
        let principal = self.0.fold(|fold| fold.principal.clone());
        principal.filter(|principal| !self.0.shared().known.disowns(principal))
    }

    /// Whether the user authenticated within the last `within` (ASVS 5.0 7.5.3). Setting the principal field counts as authentication.
    #[must_use]
    pub fn authenticated_within(&self, within: Duration) -> bool {
        if self.0.fold(|fold| fold.signed_in.is_some()) {
            return true;
        }
        let proven = |at: Option<Timestamp>, now: Timestamp| at.is_some_and(|at| now.since(at) <= within);
        let proven = self.0.read_record(|record, now| proven(record.meta().authenticated, now));
        proven.unwrap_or(false) && self.principal().is_some()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("public_id", &self.public_id()).finish_non_exhaustive()
    }
}
