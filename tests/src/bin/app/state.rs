//! The states of the sessions: one with a user, a counter and a list, and one with a field for each client.

use actix_typed_session::{SessionState, TypedSession};

/// The state that handlers change by closures.
#[derive(SessionState)]
#[session(name = "visitor", version = 1, lock = off)]
pub(crate) struct Visitor {
    #[session(principal)]
    pub(crate) user: Option<u64>,
    #[session(default)]
    pub(crate) count: u64,
    #[session(default)]
    pub(crate) log: Vec<u64>,
}

/// Defines a state with many fields, and functions that access the n-th one.
macro_rules! slots {
    ($($number:literal $field:ident $set:ident),* $(,)?) => {
        #[derive(SessionState)]
        #[session(name = "slots", version = 1, lock = off)]
        pub(crate) struct Slots { $($field: Option<u64>),* }

        /// Sets the field with this number, and returns whether it exists.
        pub(crate) fn set_slot(slots: &mut TypedSession<Slots>, number: u8, value: u64) -> bool {
            match number {
                $($number => slots.$set(value),)*
                _ => return false,
            }
            true
        }

        /// All fields, in order.
        pub(crate) fn all_slots(slots: &Slots) -> Vec<Option<u64>> {
            vec![$(slots.$field),*]
        }
    };
}

slots! {
    0 s0 set_s0, 1 s1 set_s1, 2 s2 set_s2, 3 s3 set_s3, 4 s4 set_s4, 5 s5 set_s5, 6 s6 set_s6, 7 s7 set_s7, 8 s8 set_s8,
    9 s9 set_s9, 10 s10 set_s10, 11 s11 set_s11, 12 s12 set_s12, 13 s13 set_s13, 14 s14 set_s14, 15 s15 set_s15,
    16 s16 set_s16, 17 s17 set_s17, 18 s18 set_s18, 19 s19 set_s19, 20 s20 set_s20, 21 s21 set_s21, 22 s22 set_s22,
    23 s23 set_s23, 24 s24 set_s24, 25 s25 set_s25, 26 s26 set_s26, 27 s27 set_s27, 28 s28 set_s28, 29 s29 set_s29,
    30 s30 set_s30, 31 s31 set_s31, 32 s32 set_s32, 33 s33 set_s33, 34 s34 set_s34, 35 s35 set_s35, 36 s36 set_s36,
    37 s37 set_s37, 38 s38 set_s38, 39 s39 set_s39, 40 s40 set_s40, 41 s41 set_s41, 42 s42 set_s42, 43 s43 set_s43,
    44 s44 set_s44, 45 s45 set_s45, 46 s46 set_s46, 47 s47 set_s47, 48 s48 set_s48, 49 s49 set_s49,
}
