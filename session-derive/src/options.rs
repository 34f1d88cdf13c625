//! In: nothing. Out: the tables of words: the options of `#[session(..)]` and the names that a handle keeps for itself.
//!
//! Never reads a token. The parser, the messages and the suggestions all take their words from here.

/// Where an option stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Struct,
    Field,
    /// In `changed(..)`.
    Changed,
    /// In `removed(..)`.
    Removed,
    /// In `step(..)`.
    Step,
}

impl Place {
    /// What the option `word` in this place is called.
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
pub(crate) struct Key {
    pub(crate) word: &'static str,
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// How it is written, for messages.
    pub(crate) example: &'static str,
    /// Words of later releases are known, so that they are not called misspelt, but not accepted.
    pub(crate) available: bool,
}

impl Key {
    const fn new(word: &'static str, place: Place, form: Form, example: &'static str) -> Self {
        Self { word, place, form, example, available: true }
    }

    const fn later(word: &'static str, place: Place, form: Form) -> Self {
        Self { word, place, form, example: "", available: false }
    }
}

/// Every option, in the order in which messages list them.
pub(crate) static KEYS: &[Key] = &[
    Key::new("name", Place::Struct, Form::Value, "name = \"shop\""),
    Key::new("version", Place::Struct, Form::Value, "version = 3"),
    Key::new("crate", Place::Struct, Form::Value, "crate = ::path::to::actix_typed_session"),
    Key::new("oldest_reader", Place::Struct, Form::Value, "oldest_reader = 3"),
    Key::new("oldest_record", Place::Struct, Form::Value, "oldest_record = 2"),
    Key::new("removed", Place::Struct, Form::List, "removed(key = \"theme\", ty = String, since = 2)"),
    Key::new(
        "step",
        Place::Struct,
        Form::List,
        "step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join)",
    ),
    Key::new("lock", Place::Struct, Form::Value, "lock = required"),
    Key::new("sample", Place::Struct, Form::Value, "sample = a_full_shop"),
    Key::new("key", Place::Field, Form::Value, "key = \"nick\""),
    Key::new("default", Place::Field, Form::FlagOrValue, "default = 3"),
    Key::new("getter", Place::Field, Form::Value, "getter = \"last_seen\""),
    Key::new("principal", Place::Field, Form::Flag, "principal"),
    Key::new("reset_on_sign_in", Place::Field, Form::Flag, "reset_on_sign_in"),
    Key::new("flash", Place::Field, Form::Flag, "flash"),
    Key::new("lenient", Place::Field, Form::Flag, "lenient"),
    Key::new("since", Place::Field, Form::Value, "since = 2"),
    Key::new(
        "changed",
        Place::Field,
        Form::List,
        "changed(since = 3, from = Vec<u32>, up = to_lines, down = to_numbers)",
    ),
    Key::later("expires_after", Place::Field, Form::Value),
    Key::later("secret", Place::Field, Form::Flag),
    Key::new("since", Place::Changed, Form::Value, "since = 3"),
    Key::new("from", Place::Changed, Form::Value, "from = Vec<u32>"),
    Key::new("up", Place::Changed, Form::Value, "up = to_lines"),
    Key::new("down", Place::Changed, Form::Value, "down = to_numbers"),
    Key::new("merge", Place::Changed, Form::Value, "merge = keep_quantities"),
    Key::new("key", Place::Removed, Form::Value, "key = \"theme\""),
    Key::new("ty", Place::Removed, Form::Value, "ty = String"),
    Key::new("since", Place::Removed, Form::Value, "since = 2"),
    Key::new("since", Place::Step, Form::Value, "since = 3"),
    Key::new("from", Place::Step, Form::List, "from(name: Option<String>)"),
    Key::new("to", Place::Step, Form::List, "to(first, last)"),
    Key::new("up", Place::Step, Form::Value, "up = split"),
    Key::new("down", Place::Step, Form::Value, "down = join"),
    Key::new("merge", Place::Step, Form::Value, "merge = keep_case"),
];

/// The option that `word` names in `place`.
pub(crate) fn find(word: &str, place: Place) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.word == word && key.place == place)
}

/// The options that may be written in `place`.
pub(crate) fn words(place: Place) -> Vec<&'static str> {
    KEYS.iter().filter(|key| key.place == place && key.available).map(|key| key.word).collect()
}

/// Names on a handle that a getter would hide, and whose they are.
pub(crate) static RESERVED: &[(&str, Owner)] = &[
    ("session", Owner::Handle),
    ("update", Owner::Handle),
    ("try_update", Owner::Handle),
    ("principal_of", Owner::Handle),
    // Traits of the prelude give these two to every type; on a handle they are found before the state's getter.
    ("into", Owner::Trait("Into::into")),
    ("try_into", Owner::Trait("TryInto::try_into")),
];

/// Whose a reserved name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Handle,
    Trait(&'static str),
}

/// Schema names that the library uses.
pub(crate) static RESERVED_SCHEMAS: &[&str] = &["session"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_stands_twice_in_one_place() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(!KEYS[..at].iter().any(|k| k.word == key.word && k.place == key.place), "{}", key.word);
        }
    }
}
