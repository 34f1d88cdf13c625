//! Twenty fields as an application might have them, for either side.

use serde::{Deserialize, Serialize};

/// A line of the cart.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: u32,
    pub(crate) count: u32,
}

/// A choice.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

/// Passes the fields, their types and their values to a macro.
macro_rules! fields {
    ($into:ident) => {
        $into! {
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
            shipping: String = "1 Example Street, first floor, 10115 Example Town, Example Land, by the green gate".into(),
            #[session(default)]
            billing: String = "2 Example Street, third floor, 10115 Example Town, Example Land, by the blue gate".into(),
            #[session(default)]
            page_size: u16 = 50,
            #[session(default)]
            score: f64 = 0.75,
        }
    };
}
pub(crate) use fields;
