//! A field's methods are as visible as the field; the handle and its other methods are as visible as the struct.
//! `ui-tests/cases/misuse/private_field.rs` shows that the methods of a private field are hidden.

use super::fresh;

mod outer {
    pub(super) mod inner {
        use actix_typed_session::SessionState;

        #[derive(SessionState)]
        #[session(version = 1, lock = off)]
        pub(in crate::derive) struct Seen {
            private: Option<u8>,
            pub(super) parent: Option<u8>,
            pub(in crate::derive::visibility) grandparent: Option<u8>,
            pub(crate) everyone: Option<u8>,
            pub public: Option<u8>,
        }

        pub(in crate::derive) fn from_inside(handle: &mut SeenHandle) -> Option<u8> {
            handle.set_private(1);
            handle.private()
        }
    }

    pub(super) fn from_parent(handle: &mut inner::SeenHandle) -> Option<u8> {
        handle.set_parent(2);
        handle.parent()
    }
}

#[actix_web::test]
async fn methods_are_visible_where_their_field_is() {
    let mut handle: outer::inner::SeenHandle = fresh::<outer::inner::Seen>().await;
    assert_eq!(outer::inner::from_inside(&mut handle), Some(1));
    assert_eq!(outer::from_parent(&mut handle), Some(2));
    handle.set_grandparent(3);
    handle.set_everyone(4);
    handle.set_public(5);
    assert_eq!((handle.grandparent(), handle.everyone(), handle.public()), (Some(3), Some(4), Some(5)));
    handle.update(|state| state.public = None);
    assert_eq!(handle.public(), None);
}
