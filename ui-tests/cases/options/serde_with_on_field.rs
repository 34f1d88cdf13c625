// Underlined: the serde attributes.
use actix_typed_session::SessionState;
use serde::Serialize;

#[derive(Serialize, SessionState)]
#[session(version = 1)]
struct Shop {
    #[serde(serialize_with = "hexadecimal")]
    user: Option<u64>,
    #[serde(flatten)]
    nick: Option<String>,
}

fn hexadecimal<S: serde::Serializer>(user: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{user:x?}"))
}

fn main() {}
