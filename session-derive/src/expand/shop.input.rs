/// A shop.
#[session(version = 1)]
pub struct Shop {
    /// Who is signed in.
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<Line>,
    #[session(default = Theme::Light, key = "colours", reset_on_sign_in)]
    pub theme: Theme,
    #[session(flash)]
    notice: Option<String>,
    #[session(default, lenient, getter = "kind")]
    r#type: String,
}
