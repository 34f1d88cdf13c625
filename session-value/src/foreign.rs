//! The shapes of types of other crates, each behind the feature that is called like the crate.
//!
//! In: a type of such a crate. Out: its shape. Never: needs more of the crate than the type.

#![cfg_attr(
    not(any(
        feature = "bytes",
        feature = "chrono",
        feature = "rust_decimal",
        feature = "time",
        feature = "url",
        feature = "uuid"
    )),
    allow(unused_imports, unused_macros)
)]

use super::shape::{SessionShape, of, text};

macro_rules! named {
    ($feature:literal: $($name:literal: $ty:ty;)+) => {$(
        #[cfg(feature = $feature)]
        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        impl SessionShape for $ty {
            const SHAPE: u64 = text($name);
        }
    )+};
}

named! { "chrono":
    "chrono date": chrono::NaiveDate;
    "chrono time": chrono::NaiveTime;
    "chrono naive date and time": chrono::NaiveDateTime;
    "chrono weekday": chrono::Weekday;
    "chrono month": chrono::Month;
}

// The time zone only says in which one the value is shown.
#[cfg(feature = "chrono")]
#[cfg_attr(docsrs, doc(cfg(feature = "chrono")))]
impl<Zone: chrono::TimeZone> SessionShape for chrono::DateTime<Zone> {
    const SHAPE: u64 = text("chrono date and time");
}

named! { "time":
    "time date": time::Date;
    "time time": time::Time;
    "time date and time": time::PrimitiveDateTime;
    "time date, time and offset": time::OffsetDateTime;
    "time offset": time::UtcOffset;
    "time duration": time::Duration;
    "time weekday": time::Weekday;
    "time month": time::Month;
}

named! { "rust_decimal": "decimal": rust_decimal::Decimal; }
named! { "url": "url": url::Url; }
named! { "uuid": "uuid": uuid::Uuid; }

#[cfg(feature = "bytes")]
#[cfg_attr(docsrs, doc(cfg(feature = "bytes")))]
impl SessionShape for bytes::Bytes {
    const SHAPE: u64 = of("list", &[u8::SHAPE]);
}

#[cfg(feature = "bytes")]
#[cfg_attr(docsrs, doc(cfg(feature = "bytes")))]
impl SessionShape for bytes::BytesMut {
    const SHAPE: u64 = of("list", &[u8::SHAPE]);
}
