//! Values that cannot be read back: what their setters accept, what becomes of the request and of the session.

use std::{collections::BTreeMap, time::Duration};

use actix_typed_session::{Error, Session, SessionState, TypedSession};
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    kit::{Jar, World},
    logged::Logged,
};

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    // Without `default`, so that a line whose quantity is left out cannot be read.
    #[serde(skip_serializing_if = "is_zero")]
    quantity: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks for it
fn is_zero(quantity: &u32) -> bool {
    *quantity == 0
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Map { by_number: BTreeMap<u32, u32> },
    Wide { number: u128 },
    Narrow { number: u32 },
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    rest: BTreeMap<u32, u32>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
}

impl Tree {
    fn deep(depth: usize) -> Self {
        (1..depth).fold(Self::default(), |tree, _| Self { children: vec![tree] })
    }
}

/// Without a `Deserialize` of its text.
#[derive(Clone, Default, Serialize, Deserialize)]
enum Mood {
    #[default]
    Good,
    #[serde(skip_deserializing)]
    Bad,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Ratio(Option<f64>);

type Maybe = Option<u32>;

#[derive(SessionState)]
#[session(name = "odd", version = 1, lock = off)]
struct Odd {
    #[session(default)]
    floats: Vec<f64>,
    #[session(default)]
    pair: (u32, f32),
    #[session(default)]
    float: f64,
    #[session(default = f64::NAN)]
    unknown: f64,
    some: Option<f64>,
    #[session(default)]
    ratio: Ratio,
    #[session(default)]
    gaps: Vec<Option<f64>>,
    tagged: Option<Tagged>,
    #[session(default)]
    flat: Flat,
    #[session(default = Line { note: None, quantity: 1 })]
    line: Line,
    #[session(default)]
    tree: Tree,
    #[session(default)]
    any: Value,
    #[session(default = json!({"empty": true}))]
    object: Value,
    any_or_none: Option<Value>,
    maybe: Option<Maybe>,
    #[session(default)]
    alias: Maybe,
    #[session(default)]
    unit: (),
    #[session(default, lenient)]
    mood: Mood,
    #[session(default)]
    wide: u128,
    #[session(default)]
    text: String,
    #[session(principal)]
    user: Option<Value>,
}

type Handle = TypedSession<Odd>;
/// A way to give a field a value.
type Way = (&'static str, fn(&mut Handle));

/// Sets the field with its setter, its `update_*` and `update`; each must be refused.
macro_rules! refused {
    ($($name:literal: $field:ident, $set:ident, $update:ident = $value:expr;)+) => {
        [$(
            ($name, [
                |odd: &mut Handle| odd.$set($value),
                |odd: &mut Handle| odd.$update(|field| *field = $value.into()),
                |odd: &mut Handle| odd.update(|odd| odd.$field = $value.into()),
            ] as [fn(&mut Handle); 3]),
        )+]
        .map(|(name, ways)| ways.map(|way| (name, way)))
    };
}

fn by_number(numbers: &[u32]) -> BTreeMap<u32, u32> {
    numbers.iter().map(|number| (*number, 1)).collect()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Bool(true), |value, _| Value::Array(vec![value]))
}

fn unreadable() -> Vec<Way> {
    let ways = refused! {
        "floats": floats, set_floats, update_floats = vec![1.0, f64::NAN];
        "floats": floats, set_floats, update_floats = vec![f64::INFINITY];
        "pair": pair, set_pair, update_pair = (1, f32::NEG_INFINITY);
        "float": float, set_float, update_float = f64::NAN;
        "float": float, set_float, update_float = f64::INFINITY;
        "some": some, set_some, update_some = f64::NAN;
        "ratio": ratio, set_ratio, update_ratio = Ratio(Some(f64::NAN));
        "gaps": gaps, set_gaps, update_gaps = vec![Some(f64::NAN)];
        "tagged": tagged, set_tagged, update_tagged = Tagged::Map { by_number: by_number(&[1]) };
        "tagged": tagged, set_tagged, update_tagged = Tagged::Wide { number: u128::MAX };
        "flat": flat, set_flat, update_flat = Flat { rest: by_number(&[1]) };
        "line": line, set_line, update_line = Line { note: None, quantity: 0 };
        "tree": tree, set_tree, update_tree = Tree::deep(70);
        "any": any, set_any, update_any = nested(128);
        "object": object, set_object, update_object = Value::Null;
        "any_or_none": any_or_none, set_any_or_none, update_any_or_none = Some(Value::Null);
        "maybe": maybe, set_maybe, update_maybe = Some(None);
        "mood": mood, set_mood, update_mood = Mood::Bad;
    };
    let mut ways: Vec<Way> = ways.into_iter().flatten().collect();
    ways.push(("user", |odd| odd.set_user(Value::Null)));
    ways.push(("user", |odd| odd.set_user(nested(128))));
    ways
}

/// Values of the same fields that can be read back.
fn readable(odd: &mut Handle) {
    odd.set_floats(vec![0.1, -0.0, f64::MAX, f64::MIN_POSITIVE]);
    odd.set_pair((1, 0.1));
    odd.set_float(0.3);
    odd.set_unknown(f64::NAN);
    odd.set_some(0.5);
    odd.set_ratio(Ratio(None));
    odd.set_gaps(vec![None, Some(1.0)]);
    odd.set_tagged(Tagged::Narrow { number: 1 });
    odd.set_line(Line { note: None, quantity: 1 });
    odd.set_tree(Tree::deep(30));
    odd.set_any(Value::Null);
    odd.set_object(json!({"null": null, "list": [null, 1.5]}));
    odd.set_any_or_none(None);
    odd.set_maybe(Some(Some(1)));
    odd.set_alias(None);
    odd.set_unit(());
    odd.set_mood(Mood::Good);
    odd.set_wide(u128::MAX);
    odd.set_text("null");
    odd.update(|odd| odd.any = json!([null]));
    odd.update_gaps(|gaps| gaps.push(None));
}

async fn world() -> World {
    async fn set(mut odd: Handle, way: web::Path<usize>) -> String {
        odd.set_text("written beside it");
        unreadable()[*way].1(&mut odd);
        "set".into()
    }
    async fn set_and_look(mut odd: Handle, way: web::Path<usize>) -> Result<String, Error> {
        odd.set_text("written beside it");
        let (before, _) = (odd.float(), odd.floats().len());
        unreadable()[*way].1(&mut odd);
        let shown = odd.float().to_bits() == before.to_bits() && odd.text() == "written beside it";
        let kind = odd.session().save().await.map_err(|error| {
            error.acknowledge();
            format!("{:?}", error.kind())
        });
        // The error is dealt with, and what was done beside it is stored.
        odd.session().save().await?;
        Ok(format!("{shown} {}", kind.err().unwrap_or_default()))
    }
    async fn repair(mut odd: Handle) -> String {
        readable(&mut odd);
        "repaired".into()
    }
    async fn show(odd: Handle, session: Session) -> String {
        format!("{} {:?} {:?} {:?}", odd.text(), odd.floats(), odd.float(), session.principal().is_some())
    }
    World::routed(
        |builder| builder,
        |routes| {
            routes
                .route("/set/{way}", web::get().to(set))
                .route("/look/{way}", web::get().to(set_and_look))
                .route("/repair", web::get().to(repair))
                .route("/show", web::get().to(show));
        },
    )
    .await
}

#[actix_web::test]
async fn what_cannot_be_read_back_is_refused_by_name_and_line() {
    for (at, (name, _)) in unreadable().into_iter().enumerate() {
        let (logged, _guard) = Logged::here();
        let world = world().await;
        let browser = world.browser();
        assert_eq!(browser.get("/repair").await.status, 200, "{at}");
        let before = world.store.record().await.unwrap();
        world.store.asked();
        let answer = browser.get(&format!("/set/{at}")).await;
        assert_eq!((answer.status, answer.jar()), (500, Jar::Kept), "{at} {name}");
        assert_eq!(world.store.asked(), "load", "{at} {name}");
        assert_eq!(world.store.record().await.unwrap(), before, "{at} {name}");
        let log = logged.text();
        let field = format!("`odd.{name}`");
        assert!(log.contains(&field) && log.contains(file!()), "{at} {name}: {log}");
        // The session is as usable as before.
        let shown = browser.get("/show").await;
        assert_eq!(shown.body, "null [0.1, -0.0, 1.7976931348623157e308, 2.2250738585072014e-308] 0.3 false");
        assert_eq!(browser.get("/repair").await.status, 200, "{at}");
    }
}

#[actix_web::test]
async fn a_value_that_was_refused_can_be_dealt_with() {
    for (at, (name, _)) in unreadable().into_iter().enumerate() {
        let world = world().await;
        let browser = world.browser();
        let answer = browser.get(&format!("/look/{at}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "true NotReadable"), "{at} {name}");
        assert_eq!(browser.get("/show").await.body, "written beside it [] 0.0 false", "{at} {name}");
    }
}

#[actix_web::test]
async fn the_error_has_the_line_of_the_caller() {
    async fn handle(mut odd: Handle) -> String {
        let mut seen = Vec::new();
        let session = odd.session();
        let mut said = async |line: u32| {
            let error = session.save().await.unwrap_err();
            error.acknowledge();
            seen.push(error.to_string().contains(&format!("{}:{line}:", file!())));
        };
        odd.set_float(f64::NAN);
        said(line!() - 1).await;
        odd.update_floats(|floats| floats.push(f64::NAN));
        said(line!() - 1).await;
        odd.update(|odd| odd.some = Some(f64::NAN));
        said(line!() - 1).await;
        odd.set_user(Value::Null);
        said(line!() - 1).await;
        let tried = odd.try_update(|odd| odd.float = f64::NAN).await;
        let error = tried.unwrap_err();
        error.acknowledge();
        format!("{seen:?} {:?} {}", error.kind(), error.to_string().contains("`odd.float`"))
    }
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/", web::get().to(handle));
    };
    let world = World::routed(|builder| builder, routes).await;
    assert_eq!(world.browser().get("/").await.body, "[true, true, true, true] NotReadable true");
}

/// One float in ten came back changed in its last place.
#[actix_web::test]
async fn floats_come_back_exactly() {
    async fn set(mut odd: Handle) -> String {
        odd.set_floats(floats());
        "set".into()
    }
    async fn compare(odd: Handle) -> String {
        let same = odd.floats().iter().zip(floats()).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
        format!("{same} {}", floats().len())
    }
    fn floats() -> Vec<f64> {
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from_bits(state)
        };
        std::iter::from_fn(|| Some(next())).filter(|float| float.is_finite()).take(10_000).collect()
    }
    let world = World::routed(
        |builder| builder.max_record_bytes(1 << 20),
        |routes| {
            routes.route("/set", web::get().to(set)).route("/compare", web::get().to(compare));
        },
    )
    .await;
    let browser = world.browser();
    assert_eq!(browser.get("/set").await.status, 200);
    assert_eq!(browser.get("/compare").await.body, "10000 10000");
}

/// Whatever a setter accepts, the next request reads.
#[actix_web::test]
async fn nested_values_are_refused_exactly_where_they_cannot_be_read() {
    async fn set(mut odd: Handle, depth: web::Path<usize>) -> String {
        odd.set_any(nested(*depth));
        "set".into()
    }
    async fn show(odd: Handle) -> String {
        odd.any().is_array().to_string()
    }
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route("/set/{depth}", web::get().to(set)).route("/show", web::get().to(show));
        },
    )
    .await;
    for depth in 120..135 {
        let browser = world.browser();
        let status = browser.get(&format!("/set/{depth}")).await.status;
        let shown = browser.get("/show").await;
        assert_eq!((status == 200, shown.status), (shown.body == "true", 200), "{depth}");
    }
}

/// What an older binary stored and this one cannot read is repaired by the setter of a field marked `lenient`.
#[actix_web::test]
async fn a_lenient_field_that_is_unreadable_is_repaired_by_its_setter() {
    async fn set(mut odd: Handle) -> String {
        odd.set_mood(Mood::Good);
        "set".into()
    }
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/mood", web::get().to(set));
    };
    let world = World::routed(|builder| builder, routes).await;
    let browser = world.browser();
    assert_eq!(browser.get("/mood").await.status, 200);
    world.store.write("odd.mood", r#""Bad""#).await;
    assert_eq!(browser.get("/mood").await.status, 200);
    let record = world.store.record().await.unwrap();
    assert_eq!(record.cell("odd.mood").unwrap().json.as_str(), r#""Good""#);
}

/// Each request that failed on it used to prolong the session, so that its visitor stayed locked out until the absolute timeout.
#[actix_web::test]
async fn a_request_that_fails_on_an_unreadable_field_does_not_prolong_the_session() {
    let world = world().await;
    let browser = world.browser();
    assert_eq!(browser.get("/repair").await.status, 200);
    world.store.write("odd.floats", "[null]").await;
    world.store.asked();
    world.clock.advance(Duration::from_mins(20));
    assert_eq!(browser.get("/show").await.status, 500);
    assert_eq!(world.store.asked(), "load");
}
