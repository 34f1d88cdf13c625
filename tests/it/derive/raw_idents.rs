//! `r#type` is stored as `type`, read by `r#type()`, and set by `set_type`.

use actix_typed_session::SessionState;

use super::fresh;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
#[allow(non_camel_case_types)]
struct r#struct {
    #[session(default)]
    r#type: String,
    r#match: Option<u8>,
    #[session(flash)]
    r#use: Option<u8>,
    #[session(getter = "r#fn", default)]
    function: u8,
    #[session(getter = "kind", default)]
    r#enum: u8,
}

#[actix_web::test]
async fn methods() {
    let mut handle = fresh::<r#struct>().await;
    handle.set_type("a");
    handle.update_type(|text| text.push('b'));
    assert_eq!(handle.r#type(), "ab");
    handle.set_match(1);
    assert_eq!(handle.r#match(), Some(1));
    handle.clear_match();
    assert_eq!(handle.r#match(), None);
    handle.set_use(2);
    assert_eq!(handle.take_use(), Some(2));
    handle.set_function(3);
    assert_eq!(handle.r#fn(), 3);
    handle.set_enum(4);
    assert_eq!(handle.kind(), 4);
}

#[test]
fn stored_without_the_prefix() {
    let schema = format!("{:?}", r#struct::schema());
    for key in ["struct.type", "struct.match", "struct.use", "struct.function", "struct.enum", "$struct"] {
        assert!(schema.contains(&format!("{key:?}")), "{key} in {schema}");
    }
    assert!(!schema.contains("r#"), "{schema}");
}
