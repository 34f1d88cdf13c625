// `#[session(..)]` without a derive.

#[session(version = 1)]
struct Shop {
    hits: u32,
}

fn main() {}
