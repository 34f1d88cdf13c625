// Words of serde and of other libraries.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(rename = "shop", version = 1, lock = off)]
struct Shop {
    #[session(skip)]
    cached: Option<u8>,
    #[session(flatten)]
    size: Option<u8>,
    #[session(with = "hex")]
    colour: Option<u32>,
    #[session(optional)]
    nick: Option<String>,
    #[session(rename = "zone")]
    time_zone: Option<String>,
    #[session(get = "seen")]
    last_seen: Option<u64>,
}

fn main() {}
