//! Each case is one mistake; the file beside it holds what the compiler says. `TRYBUILD=overwrite` writes it anew.

#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("cases/*/*.rs");
}
