//! The sessions that are measured: twenty texts, and twenty fields as an application might have them.

use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

/// Ninety bytes.
pub(crate) const TEXTS: [&str; 2] = [
    "a text of ninety bytes, which is about what an address or the title of an article takes..",
    "b text of ninety bytes, which is about what an address or the title of an article takes..",
];

const _: () = assert!(TEXTS[0].len() == 89 && TEXTS[1].len() == 89);

macro_rules! state {
    ($(#[$about:meta])* $name:ident as $schema:literal { $($(#[$mark:meta])* $field:ident: $type:ty = $value:expr,)* }) => {
        $(#[$about])*
        #[derive(SessionState)]
        #[session(name = $schema, version = 1, lock = off)]
        pub(crate) struct $name {
            $($(#[$mark])* pub(crate) $field: $type,)*
        }

        impl $name {
            /// Fills every field.
            pub(crate) fn fill(session: &mut actix_typed_session::TypedSession<Self>) {
                session.update(|state| { $(state.$field = $value;)* });
            }

            /// Fills every entry of a session of actix-session.
            pub(crate) fn fill_theirs(session: &actix_session::Session) -> actix_web::Result<()> {
                $(let value: $type = $value; session.insert(stringify!($field), value)?;)*
                Ok(())
            }
        }
    };
}

state! {
    /// Twenty texts.
    Texts as "texts" {
        #[session(default)]
        f01: String = TEXTS[0].into(),
        #[session(default)]
        f02: String = TEXTS[0].into(),
        #[session(default)]
        f03: String = TEXTS[0].into(),
        #[session(default)]
        f04: String = TEXTS[0].into(),
        #[session(default)]
        f05: String = TEXTS[0].into(),
        #[session(default)]
        f06: String = TEXTS[0].into(),
        #[session(default)]
        f07: String = TEXTS[0].into(),
        #[session(default)]
        f08: String = TEXTS[0].into(),
        #[session(default)]
        f09: String = TEXTS[0].into(),
        #[session(default)]
        f10: String = TEXTS[0].into(),
        #[session(default)]
        f11: String = TEXTS[0].into(),
        #[session(default)]
        f12: String = TEXTS[0].into(),
        #[session(default)]
        f13: String = TEXTS[0].into(),
        #[session(default)]
        f14: String = TEXTS[0].into(),
        #[session(default)]
        f15: String = TEXTS[0].into(),
        #[session(default)]
        f16: String = TEXTS[0].into(),
        #[session(default)]
        f17: String = TEXTS[0].into(),
        #[session(default)]
        f18: String = TEXTS[0].into(),
        #[session(default)]
        f19: String = TEXTS[0].into(),
        #[session(default)]
        f20: String = TEXTS[0].into(),
    }
}

/// A line of the cart in [`Mixed`].
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    sku: u32,
    count: u32,
}

/// A choice in [`Mixed`].
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

state! {
    /// Twenty fields of several types.
    Mixed as "mixed" {
        user: Option<u64> = Some(1_234_567),
        #[session(default)]
        visits: u32 = 17,
        #[session(default)]
        cart: Vec<Line> = vec![Line { sku: 11, count: 2 }, Line { sku: 4711, count: 1 }],
        #[session(default)]
        theme: Theme = Theme::Dark,
        #[session(default)]
        language: String = "en-GB".into(),
        #[session(default)]
        currency: String = "EUR".into(),
        notice: Option<String> = None,
        #[session(default)]
        csrf: String = "3sVx7gqVZ0mW1yQb8n2cKQ".into(),
        referrer: Option<String> = Some("https://example.org/some/page?with=query".into()),
        #[session(default)]
        first_seen: u64 = 1_764_000_000,
        #[session(default)]
        last_seen: u64 = 1_764_003_600,
        #[session(default)]
        newsletter: bool = true,
        #[session(default)]
        consent: bool = true,
        #[session(default)]
        mfa: bool = false,
        #[session(default)]
        recent: Vec<u32> = vec![3, 14, 159, 2653],
        coupon: Option<String> = None,
        #[session(default)]
        shipping: String = TEXTS[0].into(),
        #[session(default)]
        billing: String = TEXTS[0].into(),
        #[session(default)]
        page_size: u16 = 50,
        #[session(default)]
        score: f64 = 0.75,
    }
}

/// A session that begins with one number.
#[derive(SessionState)]
#[session(name = "small", version = 1, lock = off)]
pub(crate) struct Small {
    #[session(default)]
    pub(crate) n: u32,
}
