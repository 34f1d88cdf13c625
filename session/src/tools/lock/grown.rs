//! Compares a stored value with the same value of a type inside of which fields were added.
//!
//! In: two JSON values. Out: whether the newer one has everything that the older one has, and with an unknown field in whatever has grown.
//! Never: knows the type.

use serde_json::Value;

/// The field that no type has.
const UNKNOWN: &str = "a field of a later version";

/// Whether `new` is `old` with more fields. A binary that knows only `old` then reads the same from both.
pub(super) fn covers(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| covers(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            // A set may come in another order.
            let mut left: Vec<&Value> = new.iter().collect();
            new.len() == old.len()
                && old.iter().all(|old| {
                    let at = left.iter().position(|new| covers(new, old));
                    at.map(|at| left.remove(at)).is_some()
                })
        }
        (new, old) => new == old,
    }
}

/// `new` with an unknown field in each object that has more fields than in `old`; `None`: no object has.
pub(super) fn with_an_unknown_field(new: &Value, old: &Value) -> Option<Value> {
    let mut grown = new.clone();
    add(&mut grown, old).then_some(grown)
}

fn add(new: &mut Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            let has_grown = new.len() > old.len();
            let mut added = has_grown;
            for (key, new) in new.iter_mut() {
                added |= old.get(key).is_some_and(|old| add(new, old));
            }
            if has_grown {
                new.insert(UNKNOWN.to_owned(), Value::Null);
            }
            added
        }
        (Value::Array(new), Value::Array(old)) => {
            new.iter_mut().zip(old).fold(false, |added, (new, old)| add(new, old) || added)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_more_fields_covers() {
        let old = json!({"a": [{"b": 1}, {"b": 2}], "c": null});
        for (new, expected) in [
            (old.clone(), true),
            (json!({"a": [{"b": 1, "x": null}, {"b": 2, "x": 3}], "c": null, "d": {}}), true),
            (json!({"a": [{"b": 2}, {"b": 1}], "c": null}), true),
            (json!({"a": [{"b": 1}], "c": null}), false),
            (json!({"a": [{"b": 1}, {"b": 1}], "c": null}), false),
            (json!({"a": [{"b": 1}, {"b": 2}]}), false),
            (json!({"a": [{"b": 1}, {"b": "2"}], "c": null}), false),
        ] {
            assert_eq!(covers(&new, &old), expected, "{new}");
        }
    }

    #[test]
    fn unknown_fields_go_where_fields_were_added() {
        let old = json!({"m": {"k": 1}, "a": [{"b": 1}, 7]});
        assert_eq!(with_an_unknown_field(&old, &old), None);
        let new = json!({"m": {"k": 1}, "a": [{"b": 1, "x": 2}, 7]});
        let with = json!({"m": {"k": 1}, "a": [{"b": 1, "x": 2, UNKNOWN: null}, 7]});
        assert_eq!(with_an_unknown_field(&new, &old), Some(with));
    }
}
