// Underlined: `"theme"` and `colours`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2)]
#[session(removed(key = "theme", from = String, since = 2), removed(key = "colours", from = u8, since = 2))]
struct Shop {
    #[session(key = "theme")]
    look: Option<String>,
    colours: Option<u8>,
}

fn main() {}
