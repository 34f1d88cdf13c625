//! Loads a request's session, once.
//!
//! In: the request's cookie. Out: what it met. Never: a rule.

use super::visit::Visit;
use crate::{
    commit::{arrival::Arrival, fold::Fold},
    error::{Error, ErrorKind},
    http::cookie::Reading,
};

impl Visit {
    /// Loads the session that the request's cookie opens, once.
    pub(crate) async fn load(&self, cookies: Reading) -> Result<(), Error> {
        self.loading
            .get_or_init(|| async {
                let id = match cookies {
                    Reading::One(id) => id,
                    Reading::None => return Ok(()),
                    Reading::Ambiguous => {
                        tracing::warn!("a request carries several authentic session cookies; none is used");
                        return Ok(());
                    }
                    Reading::TooMany => {
                        tracing::warn!("a request carries too many session cookies; none is used");
                        return Ok(());
                    }
                };
                if self.app.unconfirmed.holds(&id.selector) {
                    self.inner.borrow_mut().arrival = Arrival::Unconfirmed(id);
                    return Ok(());
                }
                let arrival = match self.app.store.load(&id.selector).await {
                    Ok(None) => Arrival::Nobody,
                    Ok(Some(loaded)) if loaded.record.meta().verifier == id.verifier_hash() => {
                        self.inner.borrow_mut().fold = Fold::on(Some(&loaded.record));
                        Arrival::Live(id, loaded)
                    }
                    Ok(Some(loaded)) => Arrival::Superseded(loaded.now.since(loaded.record.meta().renewed)),
                    Err(error) => {
                        let error = Error::from(error);
                        if error.peek() != ErrorKind::Unreadable {
                            return Err(error);
                        }
                        self.inner.borrow_mut().arrival = Arrival::Unreadable(id);
                        return Err(error);
                    }
                };
                self.inner.borrow_mut().arrival = arrival;
                Ok(())
            })
            .await
            .clone()
    }
}
