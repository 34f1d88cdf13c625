//! Tests of the end of a session that cannot be read. All else is tested through the middleware.

use super::*;
use crate::{
    Key,
    id::{keys::Keys, seal::As},
    store::clock::SystemClock,
};

/// Takes whatever it is told.
struct Takes;

impl crate::Revocations for Takes {
    async fn is_revoked(&self, _: &Listed) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn revoke(&self, _: &Listed) -> Result<(), StoreError> {
        Ok(())
    }
}

fn carried(revocations: Option<Arc<dyn DynRevocations>>) -> Carried {
    let keys = Keys::from(Key::known_to_all());
    Carried::new(Arc::new(InCookie {
        sealer: Sealer::new(As::Session, "sid", "shop", &keys),
        around: 0,
        clock: Arc::new(SystemClock),
        revocations,
        deadline: Duration::from_secs(1),
        random: Randomness::System,
    }))
}

#[actix_web::test]
async fn a_session_that_cannot_be_read_is_not_said_to_be_revoked() {
    let id = SessionId::from_bytes(&[7; 48]);
    for (revocations, ends) in [(None, true), (Some(Arc::new(Takes) as Arc<dyn DynRevocations>), false)] {
        let carried = carried(revocations);
        carried.bring(vec![Sealed { id, record: Err(Unreadable::Newer(2)) }]);
        let deleted = carried.delete(&id.selector).await.map_err(|error| error.kind());
        assert_eq!(deleted.is_ok(), ends, "{deleted:?}");
        // It stays, so the next request meets it again.
        assert_eq!(carried.find(&id.selector).is_err(), !ends);
    }
}
