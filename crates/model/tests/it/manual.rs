//! The page of the mapping language is what the registry says.

use forebay_model::mapping::functions::{FUNCTIONS, manual};

#[test]
fn the_page_is_made_from_the_registry() {
    let page = manual();
    for function in FUNCTIONS {
        assert!(page.contains(&format!("{}(", function.name)), "{} is not on the page", function.name);
    }
    expect_test::expect_file!["../../../../docs/mapping.md"].assert_eq(&page);
}
