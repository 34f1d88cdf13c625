//! No name in generated code is in the way of a user's own, whatever it names.

use actix_typed_session::TypedSession;

use super::fresh;

/// A state whose defaults and conversions call a function, or read a constant, of this name.
macro_rules! with_names {
    ($($name:ident)*) => {$(
        mod $name {
            use actix_typed_session::SessionState;

            fn $name() -> u8 {
                3
            }
            mod convert {
                pub(super) fn $name(old: u8) -> u16 {
                    old.into()
                }
            }
            mod back {
                pub(super) fn $name(new: u16) -> u8 {
                    new.to_le_bytes()[0]
                }
            }
            mod merge {
                pub(super) fn $name(old: u8, _: u16) -> u16 {
                    old.into()
                }
            }
            use {back::$name as down, convert::$name as up};

            #[derive(SessionState)]
            #[session(version = 2, lock = off)]
            #[session(step(since = 2, from(a: u8 = $name(), b: u8 = $name()), to(joined), up = join, down = split))]
            pub(super) struct Named {
                #[session(default = $name())]
                $name: u8,
                #[session(default = $name().into(), changed(since = 2, from = u8, up = convert::$name, down = back::$name, merge = merge::$name))]
                wide: u16,
                #[session(default = $name().into(), changed(since = 2, from = u8, up = up, down = down))]
                wider: u16,
                #[session(since = 2, default = u16::from($name()))]
                joined: u16,
            }

            fn join((a, b): (u8, u8)) -> u16 {
                u16::from(a) + u16::from(b)
            }
            fn split(joined: u16) -> (u8, u8) {
                (joined.to_le_bytes()[0], $name())
            }

            impl Named {
                pub(super) fn all(&self) -> [u16; 4] {
                    [self.$name.into(), self.wide, self.wider, self.joined]
                }
            }
        }
    )*

        #[actix_web::test]
        async fn a_function_of_any_name() {
            $(assert_eq!(fresh::<$name::Named>().await.all(), [3; 4]);)*
        }
    };
}

with_names! {
    access at before cells convert decode_section encode f field formatter from get made merge new old option read request result schema state
    this tracked value values write
}

/// The same for constants, which a pattern would mean instead of a new variable.
mod constants {
    #![allow(non_upper_case_globals)]

    use actix_typed_session::SessionState;

    const cells: usize = 2;
    const at: usize = 2;
    const state: usize = 2;
    const values: usize = 2;
    const made: usize = 2;
    const before: usize = 2;
    const old: usize = 2;
    const tracked: usize = 2;
    const request: usize = 2;
    const formatter: usize = 2;
    const SCHEMA: usize = 2;
    const SHAPE: usize = 2;
    const TABLE: usize = 2;
    static assert_kept: usize = 2;

    #[derive(SessionState)]
    #[session(version = 2, lock = off, removed(key = "gone", from = [u8; SCHEMA], since = 2))]
    pub(super) struct Constants {
        #[session(default = cells + at + state + values + made + before + old + tracked + request + formatter + SCHEMA)]
        pub(super) sum: usize,
        #[session(default = assert_kept)]
        pub(super) kept: usize,
        #[session(default)]
        pub(super) array: [u8; SCHEMA],
        #[session(default, changed(since = 2, from = [u8; SHAPE], up = add, down = remove))]
        pub(super) longer: [u8; TABLE + 1],
    }

    fn add([a, b]: [u8; 2]) -> [u8; 3] {
        [a, b, 0]
    }
    fn remove([a, b, _]: [u8; 3]) -> [u8; 2] {
        [a, b]
    }
}

#[actix_web::test]
async fn a_constant_of_any_name() {
    let state = fresh::<constants::Constants>().await;
    assert_eq!((state.sum(), state.kept(), state.array(), state.longer()), (22, 2, &[0; 2], &[0; 3]));
}

/// Nothing of the prelude is in scope, and no trait.
#[no_implicit_prelude]
mod bare {
    #[derive(::actix_typed_session::SessionState)]
    #[session(version = 2, lock = off, removed(key = "gone", from = ::std::string::String, since = 2))]
    #[session(step(since = 2, from(name: ::std::option::Option<::std::string::String>), to(first, last), up = split, down = join))]
    pub(super) struct Bare {
        #[session(principal)]
        pub(super) user: ::std::option::Option<u64>,
        #[session(flash)]
        pub(super) notice: ::std::option::Option<::std::string::String>,
        #[session(default, changed(since = 2, from = u8, up = wide, down = narrow, merge = merge))]
        pub(super) size: u16,
        #[session(default = ::std::vec::Vec::new())]
        pub(super) list: ::std::vec::Vec<u8>,
        #[session(since = 2)]
        pub(super) first: ::std::option::Option<::std::string::String>,
        #[session(since = 2)]
        last: ::std::option::Option<::std::string::String>,
        #[session(copy)]
        pub(super) pair: ::std::option::Option<Pair>,
    }

    #[derive(
        ::std::clone::Clone,
        ::std::marker::Copy,
        ::serde::Serialize,
        ::serde::Deserialize,
        ::actix_typed_session::SessionValue,
    )]
    pub(super) struct Pair(pub(super) u8, pub(super) u8);

    type Names = (::std::option::Option<::std::string::String>, ::std::option::Option<::std::string::String>);

    fn split(name: ::std::option::Option<::std::string::String>) -> Names {
        (name, ::std::option::Option::None)
    }
    fn join(names: Names) -> ::std::option::Option<::std::string::String> {
        names.0
    }
    fn wide(old: u8) -> u16 {
        ::std::convert::Into::into(old)
    }
    fn narrow(new: u16) -> u8 {
        new.to_le_bytes()[0]
    }
    fn merge(old: u8, _: u16) -> u16 {
        ::std::convert::Into::into(old)
    }
}

#[actix_web::test]
async fn without_the_prelude() {
    let mut bare = fresh::<bare::Bare>().await;
    bare.set_size(3);
    bare.set_user(1);
    bare.set_first("a");
    bare.set_notice("b");
    bare.update_list(|list| list.push(1));
    bare.set_pair(bare::Pair(1, 2));
    assert_eq!((bare.size(), bare.user(), bare.first(), bare.list()), (3, Some(1), Some("a"), &[1][..]));
    assert_eq!(bare.pair().map(|pair| pair.1), Some(2));
    assert_eq!(bare.take_notice().as_deref(), Some("b"));
}

/// A trait that every type has, with methods that take `self` by value and the names of the library's own.
mod greedy {
    #![allow(dead_code)]

    use actix_typed_session::SessionState;

    trait Greedy: Sized {
        fn get(self) {}
        fn set(self) {}
        fn session(self) {}
        fn reload(self) {}
        fn update(self) {}
        fn try_update(self) {}
        fn take(self) {}
        fn read(self) {}
        fn write_str(self) {}
        fn of_group(self) {}
        fn with_groups(self) {}
        fn total(&self) -> u8 {
            0
        }
    }
    impl<T> Greedy for T {}

    #[derive(SessionState)]
    #[session(version = 2, lock = off)]
    pub(super) struct Hungry {
        #[session(default, changed(since = 2, from = u8, up = u16::from, down = narrow))]
        pub(super) size: u16,
        #[session(default = 7)]
        total: u8,
        #[session(flash)]
        pub(super) notice: Option<String>,
    }

    fn narrow(new: u16) -> u8 {
        new.to_le_bytes()[0]
    }

    pub(super) fn total(hungry: &HungryHandle) -> u8 {
        hungry.total()
    }
}

#[actix_web::test]
async fn beside_a_trait_with_the_same_methods() {
    let mut hungry = fresh::<greedy::Hungry>().await;
    hungry.set_size(3);
    hungry.set_notice("a");
    hungry.update(|hungry| hungry.size += 1);
    assert_eq!((hungry.size(), greedy::total(&hungry)), (4, 7));
    assert_eq!(hungry.take_notice().as_deref(), Some("a"));
    assert_eq!(format!("{hungry:?}"), "TypedSession(\"hungry\")");
}

/// The handle may have another name.
mod other_handle {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(version = 1, lock = off, handle = "CafeSession")]
    pub(super) struct Cafe {
        #[session(default)]
        pub(super) cups: u8,
    }

    /// What the user calls so.
    pub(super) struct CafeHandle(pub(super) u8);

    pub(super) fn drink(cafe: &mut CafeSession, handle: &CafeHandle) {
        cafe.set_cups(cafe.cups() + handle.0);
    }
}

#[actix_web::test]
async fn another_name_for_the_handle() {
    let mut cafe: TypedSession<other_handle::Cafe> = fresh::<other_handle::Cafe>().await;
    other_handle::drink(&mut cafe, &other_handle::CafeHandle(2));
    assert_eq!(cafe.cups(), 2);
}

/// Names of type parameters in generated code, which a field's type may be.
mod parameters {
    use actix_typed_session::SessionState;
    use serde::{Deserialize, Serialize};

    macro_rules! types {
        ($($name:ident)*) => {$(
            #[derive(Serialize, Deserialize, Debug, Default, Clone, Copy, PartialEq)]
            pub(super) struct $name(pub(super) u8);
        )*};
    }
    types!(R F T V E Json Schema Field Group Step Tracked Result_ Error Session Values Failed);

    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    pub(super) struct Returned {
        #[session(default)]
        pub(super) r: R,
        #[session(default)]
        pub(super) f: F,
        #[session(default)]
        pub(super) all: (T, V, E, Json, Schema, Field, Group, Step, Tracked, Result_),
        pub(super) error: Option<(Error, Session, Values, Failed)>,
    }
}

#[actix_web::test]
async fn types_of_any_name() {
    let mut state = fresh::<parameters::Returned>().await;
    state.set_r(parameters::R(1));
    state.set_f(parameters::F(2));
    state.set_error((
        parameters::Error(1),
        parameters::Session(2),
        parameters::Values(3),
        parameters::Failed(4),
    ));
    assert_eq!((state.r().0, state.f().0, state.all().0), (1, 2, parameters::T(0)));
    assert_eq!(state.error().map(|all| all.0), Some(parameters::Error(1)));
    let _ = state.try_update(|state| state.r.0).await;
}
