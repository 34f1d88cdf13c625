//! A state may be declared inside a function, or by the user's own `macro_rules!`.

use actix_typed_session::SessionState;

use super::{fresh, type_of};

#[actix_web::test]
async fn inside_a_function() {
    #[derive(SessionState)]
    #[session(version = 1, lock = off)]
    struct Local {
        #[session(default)]
        hits: u8,
    }
    let mut handle = fresh::<Local>().await;
    handle.set_hits(handle.hits() + 1);
    assert_eq!(handle.hits(), 1);
}

macro_rules! named {
    ($name:ident, $schema:literal, $version:expr) => {
        #[derive(SessionState)]
        #[session(name = $schema, version = $version, lock = off)]
        struct $name {
            #[session(default)]
            hits: u8,
        }
    };
}

named!(Named, "given", 1);

#[actix_web::test]
async fn named_by_a_macro() {
    assert_eq!(Named::schema().name(), "given");
    assert_eq!(fresh::<Named>().await.hits(), 0);
}

macro_rules! states {
    ($($name:ident { $($field:ident: $ty:ty = $default:expr),* })*) => {$(
        #[derive(SessionState)]
        #[session(version = 1, lock = off)]
        struct $name {
            $(#[session(default = $default)] $field: $ty,)*
            // One half of the type is from the macro, the other half from its caller.
            listed: Option<Vec<u8>>,
        }
    )*};
}

states! {
    First { text: String = "a".to_owned(), list: Vec<u8> = vec![1] }
    Second { number: u8 = 3 }
}

#[actix_web::test]
async fn by_a_macro() {
    let mut first = fresh::<First>().await;
    assert_eq!((first.text(), first.list()), ("a", &[1][..]));
    // A type that was passed to a macro keeps its spelling.
    assert_eq!(type_of(&first.list()), std::any::type_name::<&[u8]>());
    first.update_list(|list| list.push(2));
    first.set_listed(vec![3]);
    assert_eq!((first.list(), first.listed()), (&[1, 2][..], Some(&[3][..])));
    let mut second = fresh::<Second>().await;
    second.set_number(second.number() + 1);
    assert_eq!(second.number(), 4);
}
