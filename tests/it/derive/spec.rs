//! The specification of the expansion: the generated code written by hand, and the same operations on both.

use std::future::Future;
use std::ops::Deref;

use actix_typed_session::{__private, Error, IntoField, Session, SessionState, TypedSession};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::{Deserialize, Serialize};

use super::fresh;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Line {
    sku: u32,
}

mod derived {
    use super::*;

    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    pub(super) struct Shop {
        /// The user who is signed in.
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(default)]
        pub(super) cart: Vec<Line>,
        #[session(flash, expires_after = "2h")]
        pub(super) notice: Option<String>,
        #[session(default, key = "kind", reset_on_sign_in, lenient)]
        pub(super) r#type: String,
    }
}

mod by_hand {
    use super::*;

    pub(super) struct Shop {
        pub(super) user: Option<u64>,
        pub(super) cart: Vec<Line>,
        pub(super) notice: Option<String>,
        pub(super) r#type: String,
    }

    impl SessionState for Shop {
        type Handle = ShopHandle;

        fn schema() -> &'static __private::Schema {
            static SCHEMA: __private::Schema = __private::Schema::new(
                "shop",
                "$shop",
                1,
                // Sorted by wire key. The indices of fields below are positions in this list.
                &[
                    __private::Field::new("cart", "shop.cart"),
                    __private::Field::new("type", "shop.kind").reset_on_sign_in().lenient(),
                    __private::Field::new("notice", "shop.notice").expires_after(7200).flash(),
                    __private::Field::new("user", "shop.user").principal(),
                ],
            );
            &SCHEMA
        }

        fn decode_section(cells: &mut __private::SectionReader<'_>) -> Result<Self, __private::CellError> {
            let section = Self {
                cart: <Vec<Line> as __private::FieldValue>::read(cells, Vec::default),
                r#type: <String as __private::FieldValue>::read(cells, String::default),
                notice: <Option<String> as __private::FieldValue>::read(cells, || None),
                user: <Option<u64> as __private::FieldValue>::read(cells, || None),
            };
            cells.finish(section)
        }

        fn field(&self, at: usize) -> &dyn __private::FieldValue {
            match at {
                0 => &self.cart,
                1 => &self.r#type,
                2 => &self.notice,
                _ => &self.user,
            }
        }
    }

    pub(super) struct ShopHandle(__private::Tracked<Shop>);

    impl ShopHandle {
        pub(super) fn user(&self) -> Option<u64> {
            self.0.get().user
        }
        pub(super) fn set_user(&mut self, value: impl IntoField<Option<u64>>) {
            self.0.set_principal(3, value.into_field(), |state| &mut state.user);
        }
        pub(super) fn clear_user(&mut self) {
            self.0.set_principal(3, None, |state| &mut state.user);
        }
        pub(super) fn cart(&self) -> &[Line] {
            &self.0.get().cart
        }
        pub(super) fn set_cart(&mut self, value: Vec<Line>) {
            self.0.set(0, value, |state| &mut state.cart);
        }
        pub(super) fn update_cart(&mut self, update: impl Fn(&mut Vec<Line>) + 'static) {
            self.0.update_field(0, |state| &mut state.cart, update);
        }
        pub(super) fn notice(&self) -> Option<&str> {
            self.0.get().notice.as_deref()
        }
        pub(super) fn set_notice(&mut self, value: impl IntoField<Option<String>>) {
            self.0.set(2, value.into_field(), |state| &mut state.notice);
        }
        pub(super) fn update_notice(&mut self, update: impl Fn(&mut Option<String>) + 'static) {
            self.0.update_field(2, |state| &mut state.notice, update);
        }
        pub(super) fn clear_notice(&mut self) {
            self.0.set(2, None, |state| &mut state.notice);
        }
        pub(super) fn take_notice(&mut self) -> Option<String> {
            self.0.take(2, |state| &mut state.notice)
        }
        pub(super) fn r#type(&self) -> &str {
            &self.0.get().r#type
        }
        pub(super) fn set_type(&mut self, value: impl Into<String>) {
            self.0.set(1, value.into(), |state| &mut state.r#type);
        }
        pub(super) fn update_type(&mut self, update: impl Fn(&mut String) + 'static) {
            self.0.update_field(1, |state| &mut state.r#type, update);
        }
        pub(super) fn update(&mut self, update: impl Fn(&mut Shop) + 'static) {
            self.0.update(update);
        }
        pub(super) fn try_update<R, F>(
            &mut self,
            update: F,
        ) -> impl Future<Output = Result<R, Error>> + use<R, F>
        where
            R: 'static,
            F: Fn(&mut Shop) -> R + 'static,
        {
            self.0.try_update(update)
        }
        pub(super) fn session(&self) -> Session {
            self.0.session()
        }
    }

    impl Deref for ShopHandle {
        type Target = Shop;
        fn deref(&self) -> &Shop {
            self.0.get()
        }
    }

    impl From<__private::Tracked<Shop>> for ShopHandle {
        fn from(tracked: __private::Tracked<Shop>) -> Self {
            Self(tracked)
        }
    }

    impl std::fmt::Debug for ShopHandle {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("TypedSession(\"shop\")")
        }
    }

    impl FromRequest for ShopHandle {
        type Error = Error;
        type Future = __private::Extract<Shop>;
        fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
            __private::extract(request)
        }
    }
}

/// Calls every method of a handle, and returns what the getters showed.
macro_rules! transcript {
    ($shop:ty) => {{
        let mut shop: TypedSession<$shop> = fresh::<$shop>().await;
        let mut seen = Vec::new();
        macro_rules! look {
            ($step:expr) => {
                seen.push(format!(
                    "{}: {:?} {:?} {:?} {:?}",
                    $step,
                    shop.user(),
                    shop.cart(),
                    shop.notice(),
                    shop.r#type()
                ));
            };
        }
        look!("fresh");
        shop.set_cart(vec![Line { sku: 1 }]);
        shop.set_notice("added");
        shop.set_type("a");
        look!("set");
        shop.update_cart(|cart| cart.push(Line { sku: 2 }));
        shop.update_notice(|notice| notice.get_or_insert_default().push('!'));
        shop.update_type(|text| text.push('b'));
        look!("update_");
        shop.update(|state| {
            state.cart.reverse();
            state.r#type.push('c');
        });
        look!("update");
        let taken = shop.take_notice();
        look!(format!("take {taken:?}"));
        shop.set_notice(None);
        shop.clear_notice();
        shop.set_user(3);
        look!("sign in");
        for field in 0..4 {
            seen.push(format!("{:?}", shop.field(field).encode()));
        }
        shop.clear_user();
        seen.push(format!("{shop:?} {:?}", shop.user()));
        seen
    }};
}

#[actix_web::test]
async fn the_derived_code_behaves_like_the_handwritten_code() {
    let derived = transcript!(derived::Shop);
    assert_eq!(derived, transcript!(by_hand::Shop));
    assert!(
        derived[3].contains("[Line { sku: 2 }, Line { sku: 1 }]") && derived[3].contains("abc"),
        "{derived:?}"
    );
}

#[test]
fn both_have_the_same_schema() {
    let derived = format!("{:?}", derived::Shop::schema());
    assert_eq!(derived, format!("{:?}", by_hand::Shop::schema()));
    assert!(derived.contains("shop.kind"), "{derived}");
}

#[actix_web::test]
async fn the_other_methods_have_the_same_types() {
    async fn rest(mut derived: TypedSession<derived::Shop>, mut by_hand: TypedSession<by_hand::Shop>) {
        let _: (Session, Session) = (derived.session(), by_hand.session());
        derived.set_cart(vec![Line { sku: 1 }]);
        by_hand.set_cart(vec![Line { sku: 1 }]);
        let derived: Result<usize, Error> = derived.try_update(|state| state.cart.len()).await;
        let by_hand: Result<usize, Error> = by_hand.try_update(|state| state.cart.len()).await;
        assert_eq!((derived.unwrap(), by_hand.unwrap()), (1, 1));
    }
    rest(fresh::<derived::Shop>().await, fresh::<by_hand::Shop>().await).await;
}
