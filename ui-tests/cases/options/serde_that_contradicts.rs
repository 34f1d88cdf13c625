// Attributes of serde that seem to change what is stored.

use actix_typed_session::SessionState;

use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Line {}

#[derive(Default, SessionState, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[session(version = 1, lock = off)]
struct Shop {
    #[serde(skip_serializing_if = "Option::is_none", rename = "size")]
    width: Option<u8>,
    #[serde(alias = "colour")]
    color: Option<u8>,
    #[serde(flatten)]
    line: Option<Line>,
}

fn main() {}
