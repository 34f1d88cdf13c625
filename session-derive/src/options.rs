//! In: nothing. Out: the options of `#[session(..)]`, and the names that are reserved for the handle and the library.
//!
//! Never reads a token. The parser, the messages and the suggestions all use these tables.

/// Where an option may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Struct,
    Field,
    /// Inside `changed(..)`.
    Changed,
    /// Inside `removed(..)`.
    Removed,
    /// Inside `step(..)`.
    Step,
}

impl Place {
    /// How messages refer to the option `word` in this place.
    pub(crate) fn option(self, word: &str) -> String {
        match self {
            Self::Struct => format!("session schema option `{word}`"),
            Self::Field => format!("session field option `{word}`"),
            Self::Changed => format!("option `{word}` in `changed`"),
            Self::Removed => format!("option `{word}` in `removed`"),
            Self::Step => format!("option `{word}` in `step`"),
        }
    }
}

/// How an option is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `version = 1`
    Value,
    /// `principal`
    Flag,
    /// `default` and `default = ..`
    FlagOrValue,
    /// `changed(..)`
    List,
}

/// An option of `#[session(..)]`.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) word: &'static str,
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// An example for messages.
    pub(crate) example: &'static str,
    /// False for options of later releases: they are refused, but not called misspelt.
    pub(crate) available: bool,
}

impl Definition {
    const fn new(word: &'static str, place: Place, form: Form, example: &'static str) -> Self {
        Self { word, place, form, example, available: true }
    }

    const fn later(word: &'static str, place: Place, form: Form) -> Self {
        Self { word, place, form, example: "", available: false }
    }
}

/// Every option, in the order in which messages list them.
pub(crate) static OPTIONS: &[Definition] = &[
    Definition::new("name", Place::Struct, Form::Value, "name = \"shop\""),
    Definition::new("version", Place::Struct, Form::Value, "version = 3"),
    Definition::new("handle", Place::Struct, Form::Value, "handle = \"ShopSession\""),
    Definition::new("crate", Place::Struct, Form::Value, "crate = ::path::to::actix_typed_session"),
    Definition::new("oldest_reader", Place::Struct, Form::Value, "oldest_reader = 3"),
    Definition::new("oldest_record", Place::Struct, Form::Value, "oldest_record = 2"),
    Definition::new(
        "removed",
        Place::Struct,
        Form::List,
        "removed(key = \"theme\", from = String, since = 2)",
    ),
    Definition::new(
        "step",
        Place::Struct,
        Form::List,
        "step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join)",
    ),
    Definition::new("lock", Place::Struct, Form::Value, "lock = required"),
    Definition::new("sample", Place::Struct, Form::Value, "sample = a_full_shop"),
    Definition::new("key", Place::Field, Form::Value, "key = \"nick\""),
    Definition::new("default", Place::Field, Form::FlagOrValue, "default = 3"),
    Definition::new("getter", Place::Field, Form::Value, "getter = \"last_seen\""),
    Definition::new("copy", Place::Field, Form::Flag, "copy"),
    Definition::new("principal", Place::Field, Form::Flag, "principal"),
    Definition::new("reset_on_sign_in", Place::Field, Form::Flag, "reset_on_sign_in"),
    Definition::new("expires_after", Place::Field, Form::Value, "expires_after = \"15m\""),
    Definition::new("flash", Place::Field, Form::Flag, "flash"),
    Definition::new("lenient", Place::Field, Form::Flag, "lenient"),
    Definition::new("since", Place::Field, Form::Value, "since = 2"),
    Definition::new(
        "changed",
        Place::Field,
        Form::List,
        "changed(since = 3, from = Vec<u32>, up = to_lines, down = to_numbers)",
    ),
    Definition::later("secret", Place::Field, Form::Flag),
    Definition::new("since", Place::Changed, Form::Value, "since = 3"),
    Definition::new("from", Place::Changed, Form::Value, "from = Vec<u32>"),
    Definition::new("up", Place::Changed, Form::Value, "up = to_lines"),
    Definition::new("down", Place::Changed, Form::Value, "down = to_numbers"),
    Definition::new("merge", Place::Changed, Form::Value, "merge = keep_quantities"),
    Definition::new("compatible", Place::Changed, Form::Flag, "compatible"),
    Definition::new("key", Place::Removed, Form::Value, "key = \"theme\""),
    Definition::new("from", Place::Removed, Form::Value, "from = String"),
    Definition::new("since", Place::Removed, Form::Value, "since = 2"),
    Definition::new("since", Place::Step, Form::Value, "since = 3"),
    Definition::new("from", Place::Step, Form::List, "from(name: Option<String>)"),
    Definition::new("to", Place::Step, Form::List, "to(first, last)"),
    Definition::new("up", Place::Step, Form::Value, "up = split"),
    Definition::new("down", Place::Step, Form::Value, "down = join"),
    Definition::new("merge", Place::Step, Form::Value, "merge = keep_case"),
];

/// The option that `word` names in `place`.
pub(crate) fn find(word: &str, place: Place) -> Option<&'static Definition> {
    OPTIONS.iter().find(|option| option.word == word && option.place == place)
}

/// The options that may be written in `place`, in the order of the table.
pub(crate) fn words(place: Place) -> Vec<&'static str> {
    OPTIONS
        .iter()
        .filter(|option| option.place == place && option.available)
        .map(|option| option.word)
        .collect()
}

/// Words that are often written instead of an option, and the option.
static SYNONYMS: &[(Place, &[&str], &str)] = &[
    (Place::Struct, &["rename", "schema", "table", "prefix"], "name"),
    (Place::Struct, &["min_version", "oldest"], "oldest_reader"),
    (Place::Field, &["rename", "alias", "name", "wire_key"], "key"),
    (Place::Field, &["get"], "getter"),
    (Place::Field, &["default_value", "or", "init", "initial"], "default"),
    (Place::Field, &["user", "login", "identity"], "principal"),
    (Place::Field, &["once"], "flash"),
    (Place::Field, &["ttl", "expires", "expires_in", "max_age", "lifetime"], "expires_after"),
    (Place::Field, &["by_value", "copied"], "copy"),
    (Place::Field, &["version", "added"], "since"),
    (Place::Changed, &["ty", "type", "old", "was", "before"], "from"),
    (Place::Changed, &["with", "convert", "into", "to", "map", "upgrade"], "up"),
    (Place::Changed, &["back", "downgrade"], "down"),
    (Place::Changed, &["additive", "extended", "nested", "same"], "compatible"),
    (Place::Changed, &["version", "in"], "since"),
    (Place::Removed, &["ty", "type", "old", "was", "before"], "from"),
    (Place::Removed, &["name", "field"], "key"),
    (Place::Removed, &["version", "in"], "since"),
    (Place::Step, &["into"], "to"),
    (Place::Step, &["with", "convert", "map", "upgrade"], "up"),
    (Place::Step, &["back", "downgrade"], "down"),
    (Place::Step, &["version", "in"], "since"),
];

/// The option in `place` that `word` is another word for.
pub(crate) fn synonym(word: &str, place: Place) -> Option<&'static str> {
    let meant = SYNONYMS.iter().find(|(of, words, _)| *of == place && words.contains(&word));
    meant.map(|(_, _, option)| *option)
}

/// What serde's words would mean on a field, and why there is no such option.
pub(crate) fn of_serde(word: &str) -> Option<&'static str> {
    Some(match word {
        "skip" | "skip_serializing" | "skip_deserializing" | "ignore" | "transient" => {
            "every field of a state is stored; keep what is not stored out of the struct"
        }
        "flatten" => {
            "every field is stored under its own wire key; move the inner fields here, or keep them as one field"
        }
        "with" | "serialize_with" | "deserialize_with" => {
            "a field is stored as its type serializes; give it a type that serializes this way"
        }
        "optional" => "an optional field is an `Option`; write the type that way",
        _ => return None,
    })
}

/// Names that a getter must not have, and their owners.
pub(crate) static RESERVED: &[(&str, Owner)] = &[
    ("session", Owner::Handle),
    ("update", Owner::Handle),
    ("try_update", Owner::Handle),
    ("reload", Owner::Handle),
    ("clear", Owner::Handle),
    ("principal_of", Owner::Handle),
    // These two come from the prelude for every type, and method lookup finds them on the handle before the getter.
    ("into", Owner::Trait("Into::into")),
    ("try_into", Owner::Trait("TryInto::try_into")),
];

/// The owner of a reserved name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Handle,
    Trait(&'static str),
}

/// Schema names that the library uses itself.
pub(crate) static RESERVED_SCHEMAS: &[&str] = &["session"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synonym_is_no_option_and_means_one() {
        for (place, words, option) in SYNONYMS {
            assert!(find(option, *place).is_some(), "{option}");
            assert!(words.iter().all(|word| find(word, *place).is_none()), "{words:?}");
        }
    }

    #[test]
    fn no_word_stands_twice_in_one_place() {
        for (at, option) in OPTIONS.iter().enumerate() {
            assert!(
                !OPTIONS[..at].iter().any(|other| other.word == option.word && other.place == option.place),
                "{}",
                option.word
            );
        }
    }
}
