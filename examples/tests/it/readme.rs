//! The code of the documentation is that of the examples, word for word.

#[test]
fn the_first_example_of_the_readme_is_the_counter() {
    let readme = include_str!("../../../README.md");
    let counter = include_str!("../../counter.rs");
    let (_, code) = counter.split_once("\n\n").unwrap();
    let (code, _tests) = code.split_once("\n#[cfg(test)]\n").unwrap();
    assert!(
        readme.contains(&format!("```rust,no_run\n{code}```")),
        "copy examples/counter.rs into README.md"
    );
}

#[test]
fn the_page_about_testing_shows_the_tests_of_the_shop() {
    let (page, tests) =
        (include_str!("../../../docs/testing.md"), include_str!("../../shop/routes/tests.rs"));
    let blocks: Vec<_> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        assert!(
            tests.contains(block),
            "copy it from examples/shop/routes/tests.rs into docs/testing.md:\n{block}"
        );
    }
    let tests = tests.matches("#[actix_web::test]").count();
    let shown = page.matches("#[actix_web::test]").count();
    assert_eq!(shown, tests - 2, "each test is shown but for those of other sites' forms and of /admin");
}
