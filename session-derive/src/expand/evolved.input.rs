#[session(name = "shop", version = 3, removed(key = "theme", from = String, since = 2))]
#[session(step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join))]
struct Shop {
    #[session(default, changed(since = 3, from = Vec<u32>, up = to_lines, down = to_numbers, merge = keep_quantities))]
    cart: Vec<Line>,
    #[session(since = 3)]
    first: Option<String>,
    #[session(since = 3, default = "-".to_owned())]
    last: String,
}
