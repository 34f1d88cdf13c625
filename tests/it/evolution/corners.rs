//! Corner cases of reading and writing: a chain of conversions that breaks in the middle, a gate that rises during a request, a flash
//! field that is upgraded while it is shown.

use std::{rc::Rc, time::Duration};

use actix_typed_session::{
    Error, ErrorKind, SessionState, TypedSession,
    record::Timestamp,
    store::{AnyStore, ManualClock, MemoryStore},
};

use super::kit::{Refused, TOO_NEW, World};
use crate::flow::logged::Logged;

fn memory() -> World {
    World::on(AnyStore::new(MemoryStore::unbounded()))
}

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    let Some(name) = name else { return (None, None) };
    match name.split_once(' ') {
        Some((first, last)) => (Some(first.to_owned()), Some(last.to_owned())),
        None => (Some(name), None),
    }
}

fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    Some(format!("{} {}", first.unwrap_or_default(), last.unwrap_or_default()))
}

fn number(first: Option<String>) -> Result<Option<u32>, std::num::ParseIntError> {
    first.map(|first| first.parse()).transpose()
}

fn text(first: Option<u32>) -> Option<String> {
    first.map(|first| first.to_string())
}

/// A name that is split in version 3. Its first half becomes a number in version 5.
mod chain {
    use super::*;

    pub(super) mod v2 {
        use super::*;

        #[derive(SessionState)]
        #[session(name = "c", version = 2, lock = off)]
        pub(in crate::evolution) struct C {
            pub(in crate::evolution) name: Option<String>,
            #[session(since = 2)]
            pub(in crate::evolution) x: Option<u8>,
        }
    }

    macro_rules! v5 {
        ($module:ident, ($($option:tt)*), ($($mark:tt)*) $(, $down:ident, $text:ident)?) => {
            pub(super) mod $module {
                use super::*;

                #[derive(SessionState)]
                #[session(name = "c", version = 5, lock = off $($option)*)]
                #[session(step(since = 3, from(name: Option<String>), to(first, last), up = split $(, $down = join)?))]
                pub(in crate::evolution) struct C {
                    #[session(since = 3 $($mark)*, changed(since = 5, from = Option<String>, up = number, down = text))]
                    pub(in crate::evolution) first: Option<u32>,
                    #[session(since = 3)]
                    pub(in crate::evolution) last: Option<String>,
                    #[session(since = 4)]
                    pub(in crate::evolution) x4: Option<u8>,
                    #[session(since = 2)]
                    pub(in crate::evolution) x: Option<u8>,
                }
            }
        };
    }

    v5!(lenient, (), (, lenient));
    v5!(strict, (), ());
    v5!(patient, (, oldest_reader = 2), (, lenient), down, text);
}

/// If the last conversion of a chain fails, the form before it is stored when the oldest one is removed.
#[actix_web::test]
async fn half_a_chain_is_kept() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("Ada Lovelace")).await.unwrap();
    world
        .visit::<chain::lenient::C, _>(async |c| {
            assert_eq!((c.first(), c.last()), (None, Some("Lovelace")));
            c.set_last("Byron");
        })
        .await
        .unwrap();
    assert_eq!(world.cells().await, "$c r2 4\nc.first r2 \"Ada\"\nc.last r2 \"Byron\"\n");
}

/// If all conversions succeed, a write of any field of the group stores the newest forms.
#[actix_web::test]
async fn a_whole_chain_is_upgraded() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("1 Lovelace")).await.unwrap();
    world.visit::<chain::strict::C, _>(async |c| c.set_last("Byron")).await.unwrap();
    assert_eq!(world.cells().await, "$c r2 4\nc.first r2 \"1\"\nc.first@5 r2 1\nc.last r2 \"Byron\"\n");
}

/// A name whose first half gets a second part in version 5.
mod spelt {
    use super::*;

    pub(super) mod v4 {
        use super::*;

        #[derive(SessionState)]
        #[session(name = "c", version = 4, lock = off)]
        #[session(step(since = 3, from(name: Option<String>), to(first, last), up = split))]
        pub(in crate::evolution) struct C {
            #[session(since = 3)]
            pub(in crate::evolution) first: Option<String>,
            #[session(since = 3)]
            pub(in crate::evolution) last: Option<String>,
            #[session(since = 4)]
            pub(in crate::evolution) x4: Option<u8>,
            #[session(since = 2)]
            pub(in crate::evolution) x: Option<u8>,
        }
    }

    pub(super) mod v5 {
        use super::*;

        #[derive(SessionState)]
        #[session(name = "c", version = 5, lock = off)]
        #[session(step(since = 3, from(name: Option<String>), to(first, last), up = split))]
        pub(in crate::evolution) struct C {
            #[session(since = 3, changed(since = 5, from = Option<String>, up = unspelt, down = unspell))]
            pub(in crate::evolution) first: Option<(String, u8)>,
            #[session(since = 3)]
            pub(in crate::evolution) last: Option<String>,
            #[session(since = 4)]
            pub(in crate::evolution) x4: Option<u8>,
            #[session(since = 2)]
            pub(in crate::evolution) x: Option<u8>,
        }
    }

    fn unspelt(first: Option<String>) -> Option<(String, u8)> {
        first.map(|first| (first, 0))
    }

    fn unspell(first: Option<(String, u8)>) -> Option<String> {
        first.map(|(first, _)| first)
    }
}

/// A write of one field of a group does not write the others. Otherwise it would overrule a newer form that this binary does not know.
#[actix_web::test]
async fn a_field_that_is_not_written_keeps_the_form_of_a_newer_binary() {
    let world = memory();
    world.visit::<spelt::v5::C, _>(async |c| c.set_first(("Ada".to_owned(), 7))).await.unwrap();
    world.visit::<spelt::v4::C, _>(async |c| c.set_last("Byron")).await.unwrap();
    world
        .visit::<spelt::v5::C, _>(async |c| {
            assert_eq!((c.first(), c.last()), (Some(&("Ada".to_owned(), 7)), Some("Byron")));
        })
        .await
        .unwrap();
}

/// The same while the older binary may still run: its edit is not dropped.
#[actix_web::test]
async fn half_a_chain_is_kept_beside_an_old_reader() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("Ada Lovelace")).await.unwrap();
    world.visit::<chain::patient::C, _>(async |c| c.set_last("Byron")).await.unwrap();
    assert_eq!(
        world.cells().await,
        "$c r2 2\nc.first r2 \"Ada\"\nc.last r2 \"Byron\"\nc.name r2 \"Ada Byron\"\n"
    );
}

#[actix_web::test]
async fn half_a_chain_is_kept_when_it_breaks_during_a_request() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("1 Lovelace")).await.unwrap();
    world.write_before_next(&[("c.name", "\"Ada Byron\"")]);
    world.visit::<chain::strict::C, _>(async |c| c.set_last("King")).await.unwrap();
    assert_eq!(world.cells().await, "$c r3 4\nc.first r3 \"Ada\"\nc.last r3 \"King\"\n");
}

/// A cleared field is `null` in the older form too, whatever `down` would return for `None`.
#[actix_web::test]
async fn a_cleared_field_does_not_go_through_down() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("1 Lovelace")).await.unwrap();
    world
        .visit::<chain::patient::C, _>(async |c| {
            c.clear_first();
            c.clear_last();
        })
        .await
        .unwrap();
    assert_eq!(world.cell("c.name").await.unwrap(), "null");
    world.visit::<chain::v2::C, _>(async |c| assert_eq!(c.name(), None)).await.unwrap();
}

/// A name whose second half always has a value.
mod defaulted {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "c", version = 3, lock = off)]
    #[session(step(since = 3, from(name: Option<String>), to(first, last), up = up, down = down))]
    pub(super) struct C {
        #[session(since = 3)]
        pub(super) first: Option<String>,
        #[session(since = 3, default = "-".to_owned())]
        pub(super) last: String,
    }

    fn up(name: Option<String>) -> (Option<String>, String) {
        let (first, last) = split(name);
        (first, last.unwrap_or_default())
    }

    fn down((first, last): (Option<String>, String)) -> Option<String> {
        join((first, Some(last)))
    }
}

/// A field that an old binary cleared is `null` in both forms. A field with a default reads as its default, also inside a conversion.
#[actix_web::test]
async fn half_of_a_cleared_name_is_set() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("Ada Lovelace")).await.unwrap();
    world.visit::<chain::v2::C, _>(async |c| c.clear_name()).await.unwrap();
    world
        .visit::<defaulted::C, _>(async |c| {
            assert_eq!((c.first(), c.last()), (None, "-"));
            c.set_first("Ada");
        })
        .await
        .unwrap();
    assert_eq!(world.cell("c.name").await.unwrap(), "\"Ada -\"");
}

mod flash {
    use super::*;

    pub(super) mod v1 {
        use super::*;

        #[derive(SessionState)]
        #[session(name = "f", version = 1, lock = off)]
        pub(in crate::evolution) struct F {
            #[session(flash)]
            pub(in crate::evolution) notice: Option<u8>,
        }
    }

    pub(super) mod v2 {
        use super::*;

        #[derive(SessionState)]
        #[session(name = "f", version = 2, lock = off)]
        pub(in crate::evolution) struct F {
            #[session(flash, changed(since = 2, from = Option<u8>, up = wide, down = narrow))]
            pub(in crate::evolution) notice: Option<u32>,
        }
    }

    pub(super) fn wide(notice: Option<u8>) -> Option<u32> {
        notice.map(u32::from)
    }

    fn narrow(notice: Option<u32>) -> Option<u8> {
        notice.and_then(|notice| notice.try_into().ok())
    }
}

/// Another request stores the same notice in its newer form. That is not a new notice.
#[actix_web::test]
async fn a_flash_that_is_upgraded_meanwhile_is_shown_once() {
    let world = memory();
    world.visit::<flash::v1::F, _>(async |f| f.set_notice(4)).await.unwrap();
    world.write_before_next(&[("f.notice@2", "4")]);
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(Some(4)));
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(None));
    assert_eq!(world.visit::<flash::v1::F, _>(async |f| f.take_notice()).await, Ok(None));
}

/// A new notice is not mistaken for the old one.
#[actix_web::test]
async fn a_flash_that_is_set_meanwhile_is_shown() {
    let world = memory();
    world.visit::<flash::v1::F, _>(async |f| f.set_notice(4)).await.unwrap();
    world.write_before_next(&[("f.notice", "5"), ("f.notice@2", "5")]);
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(Some(4)));
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(Some(5)));
}

/// Even if the new notice has the same text.
#[actix_web::test]
async fn a_flash_that_is_set_anew_meanwhile_is_shown_again() {
    let world = memory();
    world.visit::<flash::v2::F, _>(async |f| f.set_notice(4)).await.unwrap();
    world.write_before_next(&[("f.notice", "4"), ("f.notice@2", "4")]);
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(Some(4)));
    assert_eq!(world.visit::<flash::v2::F, _>(async |f| f.take_notice()).await, Ok(Some(4)));
}

/// A newer release raises the gate while a handler of an older binary is between two saves.
#[actix_web::test]
async fn a_gate_that_rises_between_two_saves_is_noticed() {
    let world = Rc::new(memory());
    world.visit::<chain::v2::C, _>(async |c| c.set_x(1)).await.unwrap();
    world.write_before_next(&[("other.text", "1")]);
    let there = world.clone();
    let visited = world.visit::<chain::v2::C, _>(async move |c| {
        c.set_x(2);
        c.session().save().await.unwrap();
        there.write(&[("$c", "4")]).await;
        c.set_name("Ada");
        assert_eq!(c.session().save().await.unwrap_err().kind(), ErrorKind::SchemaTooNew);
    });
    assert_eq!(visited.await, Err(Refused(503, None)), "the handler had its state when the request began");
    assert_eq!(world.cell("c.name").await, None);
}

/// A gate that cannot be read is treated as closed.
#[actix_web::test]
async fn a_gate_that_is_not_a_number_is_closed() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_x(1)).await.unwrap();
    world.write(&[("$c", "\"canary\"")]).await;
    let before = world.record().await;
    assert_eq!(world.visit::<chain::v2::C, _>(async |c| c.set_x(2)).await, Err(TOO_NEW));
    assert_eq!(world.record().await, before);
}

/// A request to a binary that is too old does not touch the session.
#[actix_web::test]
async fn a_binary_that_is_too_old_does_not_touch_the_session() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let world = World::on(AnyStore::new(MemoryStore::unbounded().with_clock(clock.clone())));
    world.visit::<chain::strict::C, _>(async |c| c.set_x(1)).await.unwrap();
    let before = world.record().await;
    clock.advance(Duration::from_mins(10));
    assert_eq!(world.visit::<chain::v2::C, _>(async |_| ()).await, Err(TOO_NEW));
    let does_without = async |c: Result<TypedSession<chain::v2::C>, Error>| {
        c.unwrap_err().acknowledge();
        ""
    };
    assert_eq!(world.answer(does_without).await, 200);
    assert_eq!(world.record().await, before);
    world.visit::<chain::strict::C, _>(async |_| ()).await.unwrap();
    assert_ne!(world.record().await, before, "others do");
}

/// Another section of the same session.
#[derive(SessionState)]
#[session(name = "other", version = 1, lock = off)]
struct Other {
    text: Option<u8>,
}

/// Storing an upgraded value is a write of its section, so it raises the gate.
#[actix_web::test]
async fn a_section_that_is_only_read_raises_its_gate_when_it_is_upgraded() {
    let world = memory();
    world.visit::<flash::v1::F, _>(async |f| f.set_notice(4)).await.unwrap();
    let status = world.answer(async |f: TypedSession<contracted::F>, mut other: TypedSession<Other>| {
        assert_eq!(f.notice(), Some(4));
        other.set_text(1);
        ""
    });
    assert_eq!(status.await, 200);
    assert_eq!(
        world.cells().await,
        "$f r2 2\n$other r2 1\nf.notice r1 4\nf.notice@2 r2 4\nother.text r2 1\n"
    );
}

mod contracted {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "f", version = 2, oldest_reader = 2, lock = off)]
    pub(super) struct F {
        #[session(changed(since = 2, from = Option<u8>, up = flash::wide))]
        pub(super) notice: Option<u32>,
    }
}

/// A section that is too new is not upgraded.
#[actix_web::test]
async fn saving_another_section_leaves_one_that_is_too_new() {
    let world = memory();
    world.visit::<flash::v1::F, _>(async |f| f.set_notice(4)).await.unwrap();
    world.write(&[("$f", "3")]).await;
    let handler = async |f: Result<TypedSession<flash::v2::F>, Error>, mut other: TypedSession<Other>| {
        // The handler handles the error itself.
        f.unwrap_err().acknowledge();
        other.set_text(1);
        ""
    };
    assert_eq!(world.answer(handler).await, 200);
    assert_eq!(world.cells().await, "$f r2 3\n$other r3 1\nf.notice r1 4\nother.text r3 1\n");
}

/// A request may read a field many times.
#[actix_web::test]
async fn an_unreadable_field_is_reported_once_per_request() {
    let world = memory();
    world.visit::<chain::v2::C, _>(async |c| c.set_name("Ada Lovelace")).await.unwrap();
    world.write_before_next(&[("c.x", "9")]);
    let (logged, _guard) = Logged::here();
    world
        .visit::<chain::lenient::C, _>(async |c| {
            c.update_x(|x| *x = x.map_or(Some(1), |x| Some(x + 1)));
            c.session().save().await.unwrap();
            assert_eq!((c.x(), c.first()), (Some(10), None));
            c.session().renew();
            assert_eq!(c.first(), None);
        })
        .await
        .unwrap();
    let text = logged.take();
    assert_eq!(text.matches("cell_unreadable").count(), 1, "{text}");
}

/// The type parameters in generated code do not hide a state of the same name.
mod letters {
    use super::*;

    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    pub(super) struct R {
        pub(super) x: Option<u8>,
    }

    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    pub(super) struct F {
        pub(super) x: Option<u8>,
    }
}

#[actix_web::test]
async fn states_with_one_letter_names() {
    let world = memory();
    world.visit::<letters::R, _>(async |r| r.try_update(|r| r.x = Some(1)).await.unwrap()).await.unwrap();
    world.visit::<letters::F, _>(async |f| f.try_update(|f| f.x = Some(2)).await.unwrap()).await.unwrap();
    assert_eq!(world.cells().await, "$f r2 1\n$r r1 1\nf.x r2 2\nr.x r1 1\n");
}
