//! The first example of the README is the counter, word for word.

#[test]
fn its_first_example_is_the_counter() {
    let readme = include_str!("../../../README.md");
    let counter = include_str!("../../counter.rs");
    let (_, code) = counter.split_once("\n\n").unwrap();
    assert!(
        readme.contains(&format!("```rust,no_run\n{code}```")),
        "copy examples/counter.rs into README.md"
    );
}
