//! Every form of the derive's options, and every kind of field with an older form: reset, flash, several sources, chains.

use actix_typed_session::SessionState;

use super::{
    place::{Place, on_every_store},
    shop::{self, line, v2, v3, v3b},
    versions,
};

on_every_store! {
    async two_fields_become_two_others_with_different_defaults
    async paths_may_be_generic_and_of_traits
    async a_cleared_field_is_cleared_whatever_the_functions_return
    async a_flash_is_shown_once_by_whichever_binary
    async signing_in_resets_every_form
    async a_contracted_change_keeps_its_wire_keys_and_a_step_may_name_a_versioned_one
    async an_upgraded_value_is_stored_once_and_never_makes_a_record_too_large
}

/// The first version of the schema.
mod old {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "forms", version = 1, lock = off)]
    pub(super) struct Forms {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(flash)]
        pub(super) notice: Option<String>,
        #[session(reset_on_sign_in)]
        pub(super) back: Option<u8>,
        #[session(default = 3)]
        pub(super) width: u32,
        #[session(default = 4, key = "hei-ght")]
        pub(super) height: u32,
        pub(super) title: Option<String>,
        #[session(default)]
        pub(super) seen: u8,
        pub(super) size: Option<u8>,
    }
}

/// This function and the next two have the names of items that the derive generates.
fn values(old: Option<u8>) -> u16 {
    old.map_or(7, u16::from)
}

fn before(old: Option<u8>, before: u16) -> u16 {
    if before > 255 { 1000 } else { values(old) }
}

fn made(size: u16) -> Option<u8> {
    u8::try_from(size).ok()
}

fn length(text: Option<String>) -> Option<usize> {
    text.map(|text| text.len())
}

fn text(length: Option<usize>) -> Option<String> {
    length.map(|length| "x".repeat(length))
}

fn wide(back: Option<u8>) -> Option<u32> {
    back.map(u32::from)
}

fn narrow(back: Option<u32>) -> Result<Option<u8>, std::num::TryFromIntError> {
    back.map(u8::try_from).transpose()
}

fn area((width, height): (u32, u32)) -> (u32, u32) {
    (width * height, width)
}

fn sides((area, width): (u32, u32)) -> (u32, u32) {
    (width, area.checked_div(width).unwrap_or(0))
}

/// The second version of the schema.
mod new {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "forms", version = 2, lock = off)]
    #[session(step(since = 2, from(width: u32 = 3, "hei-ght": u32 = 4), to(area, "wi-dth"), up = area, down = sides))]
    #[session(step(since = 2, from(title: Option<String>), to(caption), up = std::convert::identity, down = std::convert::identity))]
    pub(super) struct Forms {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(flash, changed(since = 2, from = Option<String>, up = length, down = text))]
        pub(super) notice: Option<usize>,
        #[session(reset_on_sign_in, changed(since = 2, from = Option<u8>, up = wide, down = narrow))]
        pub(super) back: Option<u32>,
        #[session(since = 2, default = 12)]
        pub(super) area: u32,
        #[session(since = 2, default = 3, key = "wi-dth")]
        pub(super) width: u32,
        #[session(since = 2)]
        pub(super) caption: Option<String>,
        #[session(default, changed(since = 2, from = u8, up = u16::from, down = u8::saturating))]
        pub(super) seen: u16,
        #[session(default = 5, changed(since = 2, from = Option<u8>, up = values, down = made, merge = before))]
        pub(super) size: u16,
    }
}

trait Saturating {
    fn saturating(wide: u16) -> Self;
}

impl Saturating for u8 {
    fn saturating(wide: u16) -> Self {
        Self::try_from(wide).unwrap_or(Self::MAX)
    }
}

/// The third version: the older forms have left the source, and the newer ones change once more.
mod later {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "forms", version = 3, lock = off, oldest_record = 2)]
    #[session(step(since = 3, from(caption: Option<String>, "seen@2": u16), to(summary), up = summed, down = taken_apart))]
    pub(super) struct Forms {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(flash, changed(since = 2))]
        pub(super) notice: Option<usize>,
        #[session(since = 2, default = 12)]
        pub(super) area: u32,
        #[session(since = 3)]
        pub(super) summary: Option<(Option<String>, u16)>,
    }
}

fn summed(parts: (Option<String>, u16)) -> Option<(Option<String>, u16)> {
    Some(parts)
}

fn taken_apart(summary: Option<(Option<String>, u16)>) -> (Option<String>, u16) {
    summary.unwrap_or_default()
}

async fn two_fields_become_two_others_with_different_defaults(place: Place) {
    let world = place.world();
    world.visit::<old::Forms, _>(async |it| it.set_width(5)).await.unwrap();
    let read = world.visit::<new::Forms, _>(async |it| (it.area(), it.width())).await.unwrap();
    assert_eq!(read, (20, 5), "a height that was never set is what it read as");
    world.visit::<new::Forms, _>(async |it| it.set_area(30)).await.unwrap();
    let read = world.visit::<old::Forms, _>(async |it| (it.width(), it.height())).await.unwrap();
    assert_eq!(read, (5, 6));
    // Fields that were never set read as their defaults. A field that is set alone is converted with the default of the other.
    let world = place.world();
    world.visit::<new::Forms, _>(async |it| it.set_area(30)).await.unwrap();
    let read = world.visit::<old::Forms, _>(async |it| (it.width(), it.height())).await.unwrap();
    assert_eq!(read, (3, 10));
    assert_eq!(world.cell("forms.wi-dth").await, None, "a default is not stored");
}

async fn paths_may_be_generic_and_of_traits(place: Place) {
    let world = place.world();
    world
        .visit::<old::Forms, _>(async |it| {
            it.set_seen(200);
            it.set_title("T");
        })
        .await
        .unwrap();
    world
        .visit::<new::Forms, _>(async |it| {
            assert_eq!((it.seen(), it.caption()), (200, Some("T")));
            it.set_seen(300);
        })
        .await
        .unwrap();
    assert_eq!(world.visit::<old::Forms, _>(async |it| it.seen()).await, Ok(255));
    assert_eq!(
        world.visit::<new::Forms, _>(async |it| it.seen()).await,
        Ok(300),
        "the newer side knows more"
    );
}

async fn a_cleared_field_is_cleared_whatever_the_functions_return(place: Place) {
    let world = place.world();
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.size()).await, Ok(5));
    world.visit::<new::Forms, _>(async |it| it.set_size(300)).await.unwrap();
    assert_eq!(world.visit::<old::Forms, _>(async |it| it.size()).await, Ok(None));
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.size()).await, Ok(300));
    // Clearing a field that the old binary already reads as cleared is not an edit.
    world.visit::<old::Forms, _>(async |it| it.clear_size()).await.unwrap();
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.size()).await, Ok(300));
    world.visit::<old::Forms, _>(async |it| it.set_size(200)).await.unwrap();
    world.visit::<old::Forms, _>(async |it| it.clear_size()).await.unwrap();
    assert_eq!(
        world.visit::<new::Forms, _>(async |it| it.size()).await,
        Ok(5),
        "its own default, not `up(None)`"
    );
    world.visit::<new::Forms, _>(async |it| it.set_seen(1)).await.unwrap();
    world.visit::<old::Forms, _>(async |it| it.set_size(6)).await.unwrap();
    assert_eq!(
        world.visit::<new::Forms, _>(async |it| it.size()).await,
        Ok(6),
        "there is nothing to merge with"
    );
    world.visit::<new::Forms, _>(async |it| it.set_size(300)).await.unwrap();
    world.visit::<old::Forms, _>(async |it| it.set_size(7)).await.unwrap();
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.size()).await, Ok(1000));
}

async fn a_flash_is_shown_once_by_whichever_binary(place: Place) {
    let world = place.world();
    world.visit::<old::Forms, _>(async |it| it.set_notice("four")).await.unwrap();
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.take_notice()).await, Ok(Some(4)));
    assert_eq!(world.visit::<old::Forms, _>(async |it| it.take_notice()).await, Ok(None));
    world.visit::<new::Forms, _>(async |it| it.set_notice(3)).await.unwrap();
    assert_eq!(world.visit::<old::Forms, _>(async |it| it.take_notice()).await, Ok(Some("xxx".to_owned())));
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.take_notice()).await, Ok(None));
    // A notice that another request has replaced in the meantime is not cleared.
    world.visit::<old::Forms, _>(async |it| it.set_notice("four")).await.unwrap();
    world.write_before_next(&[("forms.notice", "\"fifth\"")]);
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.take_notice()).await, Ok(Some(4)));
    assert_eq!(world.visit::<new::Forms, _>(async |it| it.take_notice()).await, Ok(Some(5)));
}

async fn signing_in_resets_every_form(place: Place) {
    for by_new in [true, false] {
        let world = place.world();
        world.visit::<new::Forms, _>(async |it| it.set_back(7)).await.unwrap();
        world.visit::<old::Forms, _>(async |it| it.set_back(8)).await.unwrap();
        if by_new {
            let read = world
                .visit::<new::Forms, _>(async |it| {
                    it.set_user(1);
                    it.back()
                })
                .await;
            assert_eq!(read, Ok(None));
        } else {
            let read = world
                .visit::<old::Forms, _>(async |it| {
                    it.set_user(1);
                    it.back()
                })
                .await;
            assert_eq!(read, Ok(None));
        }
        assert_eq!(world.visit::<new::Forms, _>(async |it| it.back()).await, Ok(None));
        assert_eq!(world.visit::<old::Forms, _>(async |it| it.back()).await, Ok(None));
        // A later save does not bring the value back.
        world.visit::<new::Forms, _>(async |it| it.set_seen(1)).await.unwrap();
        assert_eq!(world.visit::<new::Forms, _>(async |it| it.back()).await, Ok(None));
        world.visit::<new::Forms, _>(async |it| it.set_back(9)).await.unwrap();
        assert_eq!(world.visit::<old::Forms, _>(async |it| it.back()).await, Ok(Some(9)));
    }
}

async fn a_contracted_change_keeps_its_wire_keys_and_a_step_may_name_a_versioned_one(place: Place) {
    let world = place.world();
    world
        .visit::<new::Forms, _>(async |it| {
            it.set_notice(4);
            it.set_seen(300);
            it.set_caption("C");
        })
        .await
        .unwrap();
    world
        .visit::<later::Forms, _>(async |it| {
            assert_eq!((it.notice(), it.summary()), (Some(4), Some(&(Some("C".to_owned()), 300))));
            it.set_summary((None, 5));
        })
        .await
        .unwrap();
    assert_eq!(
        world.visit::<new::Forms, _>(async |it| (it.seen(), it.caption().is_none())).await,
        Ok((5, true))
    );
}

async fn an_upgraded_value_is_stored_once_and_never_makes_a_record_too_large(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart((0..40_000).collect())).await.unwrap();
    // The cart is larger than the limit in its newer form.
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(world.cell("shop.locale").await.unwrap(), "\"de\"");
    assert_eq!(world.cell("shop.cart@3").await, None);
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1])).await.unwrap();
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("fr")).await.unwrap();
    let moved = world.cells().await;
    assert!(moved.contains("shop.cart@3 r4"), "{moved}");
    world.updates();
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("it")).await.unwrap();
    let update = world.updates().pop().unwrap();
    assert_eq!(update.write.len(), 1, "nothing is carried twice: {update:?}");
    assert!(update.guards.iter().all(|guard| guard.key.as_str() == "$shop"));
    // Setting a field to its upgraded value stores it. Setting a field to its stored value writes nothing.
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![1, 2])).await.unwrap();
    world.visit::<v3::Shop, _>(async |shop| shop.set_cart(vec![line(1, 1), line(2, 1)])).await.unwrap();
    assert!(world.cells().await.contains("shop.cart@3 r7"));
    world.visit::<v3::Shop, _>(async |shop| shop.set_cart(vec![line(1, 1)])).await.unwrap();
    world.updates();
    world.visit::<v3::Shop, _>(async |shop| shop.set_cart(vec![line(1, 1)])).await.unwrap();
    assert!(world.updates().is_empty());
}

/// Property P6: `down(up(old))` equals `old` for the conversions of these tests, as it should for those of every schema.
#[test]
fn the_conversions_are_lenses() {
    shop::laws();
    versions::laws();
    for sides_then in [(1, 4), (3, 0), (5, 7)] {
        assert_eq!(sides(area(sides_then)), sides_then);
    }
}

#[test]
fn a_schema_lists_its_removed_fields() {
    let schema = v3b::Shop::schema();
    assert_eq!((schema.version(), schema.oldest_reader()), (3, 3));
    assert_eq!(
        schema.removed().iter().map(actix_typed_session::Removed::wire_key).collect::<Vec<_>>(),
        ["shop.theme"]
    );
    let keys: Vec<&str> = schema.fields().iter().map(actix_typed_session::Field::wire_key).collect();
    assert_eq!(keys, ["shop.cart@3", "shop.first", "shop.last", "shop.locale", "shop.nick", "shop.user_id"]);
    assert_eq!(v3::Shop::schema().oldest_reader(), 2);
}
