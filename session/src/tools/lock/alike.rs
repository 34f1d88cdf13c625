//! Compares what a golden record reads as with what it read as before, where a type may have no order.
//!
//! In: two JSON values, and the type as a function that reads a value and writes it again. Out: whether they are the same value. Never:
//! knows the type, so it asks: an array whose order is not kept on the way through the type has none.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

/// How often an array is read in another order. Of two elements, a set keeps the order by chance every second time.
const TRIES: usize = 32;

/// The place of an array in a value; `None` stands for any element of an array.
type Place = Vec<Option<String>>;

/// Whether two values differ only in the order of arrays that have none. `again` reads a value and writes it.
pub(super) fn alike(one: &Value, other: &Value, again: impl Fn(&Value) -> Option<Value>) -> bool {
    if one == other {
        return true;
    }
    if sorted(one) != sorted(other) {
        return false;
    }
    let mut places = BTreeSet::new();
    find(one, &mut Place::new(), &mut places);
    let mut places: Vec<Place> = places.into_iter().collect();
    // What is inside comes first, because the elements of an array are compared by their texts.
    places.sort_by_key(|place| Reverse(place.len()));
    let mut unordered = BTreeSet::new();
    for place in places {
        if !keeps_order(one, &place, &unordered, &again) {
            unordered.insert(place);
        }
    }
    let text = |value| text(value, &mut Place::new(), &|place| unordered.contains(place));
    text(one) == text(other)
}

/// The text of a value with the elements of all arrays in one order.
fn sorted(value: &Value) -> String {
    text(value, &mut Place::new(), &|_| true)
}

/// The text of a value, where the elements of an array are put in one order if that has none.
fn text(value: &Value, place: &mut Place, has_no_order: &impl Fn(&Place) -> bool) -> String {
    match value {
        Value::Array(items) => {
            let mut texts = inside(place, None, |place| {
                items.iter().map(|item| text(item, place, has_no_order)).collect::<Vec<_>>()
            });
            if has_no_order(place) {
                texts.sort_unstable();
            }
            format!("[{}]", texts.join(","))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<&String, String> = fields
                .iter()
                .map(|(key, value)| {
                    (key, inside(place, Some(key.clone()), |place| text(value, place, has_no_order)))
                })
                .collect();
            format!("{fields:?}")
        }
        one => one.to_string(),
    }
}

fn inside<R>(place: &mut Place, step: Option<String>, run: impl FnOnce(&mut Place) -> R) -> R {
    place.push(step);
    let result = run(place);
    place.pop();
    result
}

/// Collects the places of all arrays of two elements or more.
fn find(value: &Value, place: &mut Place, places: &mut BTreeSet<Place>) {
    match value {
        Value::Array(items) => {
            if items.len() > 1 {
                places.insert(place.clone());
            }
            inside(place, None, |place| items.iter().for_each(|item| find(item, place, places)));
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                inside(place, Some(key.clone()), |place| find(value, place, places));
            }
        }
        _ => {}
    }
}

/// Whether the arrays at this place come back in whichever order they are read.
fn keeps_order(
    value: &Value,
    place: &Place,
    unordered: &BTreeSet<Place>,
    again: &impl Fn(&Value) -> Option<Value>,
) -> bool {
    (0..TRIES).all(|nth| {
        let mut asked = value.clone();
        at(&mut asked, place, &mut |items| {
            if nth % 2 == 0 { items.reverse() } else { items.rotate_left(1) }
        });
        match again(&asked) {
            // Otherwise it is another value, as when the two elements of a pair are swapped.
            Some(mut answer) if sorted(&answer) == sorted(&asked) => {
                arrays(&mut answer, place, unordered) == arrays(&mut asked, place, unordered)
            }
            _ => true,
        }
    })
}

/// Every array at this place, in no particular order, with its elements in theirs.
fn arrays(value: &mut Value, place: &Place, unordered: &BTreeSet<Place>) -> Vec<Vec<String>> {
    let mut arrays = Vec::new();
    let mut inside: Place = place.iter().cloned().chain([None]).collect();
    let mut text = |item: &Value| text(item, &mut inside, &|place| unordered.contains(place));
    at(value, place, &mut |items| arrays.push(items.iter().map(&mut text).collect::<Vec<_>>()));
    arrays.sort_unstable();
    arrays
}

fn at(value: &mut Value, place: &[Option<String>], run: &mut impl FnMut(&mut Vec<Value>)) {
    match (place, value) {
        ([], Value::Array(items)) => run(items),
        ([None, rest @ ..], Value::Array(items)) => items.iter_mut().for_each(|item| at(item, rest, run)),
        ([Some(key), rest @ ..], Value::Object(fields)) => {
            if let Some(value) = fields.get_mut(key) {
                at(value, rest, run);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by panicking
mod tests {
    use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

    use serde::{Deserialize, Serialize, de::DeserializeOwned};

    use super::*;

    fn is_alike<T: Serialize + DeserializeOwned>(one: &str, other: &str) -> bool {
        let read = |text| serde_json::from_str(text).unwrap();
        alike(&read(one), &read(other), |value: &Value| {
            serde_json::to_value(serde_json::from_value::<T>(value.clone()).ok()?).ok()
        })
    }

    #[derive(Serialize, Deserialize)]
    struct Shop {
        list: Vec<u8>,
        set: HashSet<u8>,
    }

    #[derive(Serialize, Deserialize)]
    enum Either {
        List(Vec<u8>),
        Pair(u8, String),
    }

    /// A map that serde writes as an array.
    #[derive(Clone, Serialize, Deserialize)]
    #[serde(from = "Vec<(K, V)>", into = "Vec<(K, V)>")]
    #[serde(
        bound = "K: Clone + Eq + std::hash::Hash + Serialize + DeserializeOwned, V: Clone + Serialize + DeserializeOwned"
    )]
    struct Pairs<K: Clone + Eq + std::hash::Hash, V: Clone>(HashMap<K, V>);

    impl<K: Clone + Eq + std::hash::Hash, V: Clone> From<Vec<(K, V)>> for Pairs<K, V> {
        fn from(pairs: Vec<(K, V)>) -> Self {
            Self(pairs.into_iter().collect())
        }
    }
    impl<K: Clone + Eq + std::hash::Hash, V: Clone> From<Pairs<K, V>> for Vec<(K, V)> {
        fn from(pairs: Pairs<K, V>) -> Self {
            pairs.0.into_iter().collect()
        }
    }

    #[test]
    fn what_has_no_order_is_compared_without() {
        assert!(is_alike::<HashSet<u8>>("[1,2]", "[2,1]"));
        assert!(is_alike::<BinaryHeap<u8>>("[3,1,2]", "[3,2,1]"));
        assert!(is_alike::<Vec<HashSet<u8>>>("[[1,2],[3,4]]", "[[2,1],[4,3]]"));
        assert!(is_alike::<HashMap<u8, HashSet<u8>>>(r#"{"7":[1,2,3]}"#, r#"{"7":[3,1,2]}"#));
        assert!(is_alike::<Option<HashSet<(u8, u8)>>>("[[1,2],[3,4],[5,5]]", "[[5,5],[1,2],[3,4]]"));
        assert!(is_alike::<Pairs<u8, u8>>("[[1,5],[2,5]]", "[[2,5],[1,5]]"));
        assert!(is_alike::<Pairs<u8, Vec<u8>>>("[[1,[1,2]],[2,[3,4]]]", "[[2,[3,4]],[1,[1,2]]]"));
        assert!(is_alike::<HashSet<Vec<u8>>>("[[1,2],[2,1]]", "[[2,1],[1,2]]"));
        assert!(is_alike::<Shop>(r#"{"list":[1,2],"set":[1,2]}"#, r#"{"list":[1,2],"set":[2,1]}"#));
        assert!(is_alike::<BTreeMap<String, f64>>(r#"{"a":0.1}"#, r#"{"a":0.1}"#));
    }

    #[test]
    fn what_has_an_order_is_compared_with_it() {
        assert!(!is_alike::<Vec<u8>>("[1,2]", "[2,1]"));
        assert!(!is_alike::<(u8, u8)>("[1,2]", "[2,1]"));
        assert!(!is_alike::<(u8, u8)>("[1,1,2]", "[2,1,1]"));
        assert!(!is_alike::<HashSet<u8>>("[1,2]", "[1,3]"));
        assert!(!is_alike::<HashSet<u8>>("[1,2]", "[1,2,2]"));
        assert!(!is_alike::<HashSet<(u8, u8)>>("[[1,2],[3,4]]", "[[2,1],[3,4]]"));
        assert!(!is_alike::<Pairs<u8, u8>>("[[1,5],[2,6]]", "[[5,1],[2,6]]"));
        assert!(!is_alike::<Pairs<u8, Vec<u8>>>("[[1,[1,2]],[2,[3,4]]]", "[[1,[2,1]],[2,[3,4]]]"));
        assert!(!is_alike::<Shop>(r#"{"list":[1,2],"set":[1,2]}"#, r#"{"list":[2,1],"set":[1,2]}"#));
        assert!(!is_alike::<Vec<Either>>(
            r#"[{"List":[1,2]},{"Pair":[1,"a"]}]"#,
            r#"[{"List":[2,1]},{"Pair":[1,"a"]}]"#
        ));
    }
}
