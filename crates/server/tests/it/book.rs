//! The examples of the documentation, run as they stand: `scripts/book.py` says how. A page a test, each with servers of
//! its own. The examples of `command-line.md` are run in `cli.rs`.

use crate::harness::run_script;

macro_rules! pages {
    ($($test:ident: $page:literal),* $(,)?) => {
        const PAGES: &[&str] = &[$($page),*];

        $(
            #[test]
            fn $test() {
                run_script("book.py", &["run", "--bin", env!("CARGO_BIN_EXE_forebay"), $page]);
            }
        )*
    };
}

pages! {
    the_readme: "README.md",
    concepts: "docs/book/concepts.md",
    the_configuration: "docs/book/configuration.md",
    operations: "docs/book/operations.md",
    security: "docs/book/security.md",
    the_first_five_minutes: "docs/book/start.md",
    at_3_am: "docs/book/troubleshooting.md",
    contacts_of_hubspot: "docs/book/tutorials/hubspot.md",
    files_on_s3: "docs/book/tutorials/s3.md",
    webhooks: "docs/book/webhooks.md",
}

#[test]
fn every_page_with_examples_has_a_test() {
    let listed = run_script("book.py", &["list"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), PAGES);
}
