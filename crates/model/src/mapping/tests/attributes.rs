//! Attributes: a header or a path, whatever it holds.

use crate::mapping::ast::{FieldPath, Node, Step};
use crate::mapping::grammar;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, names: &[&str], canonical: &str) {
    let path: FieldPath = text.parse().unwrap();
    let steps = names.iter().map(|name| match name.strip_prefix('#') {
        Some(index) => Step::Index(index.parse().unwrap()),
        None if *name == "*" => Step::Every,
        None => Step::Name(name.to_string()),
    });
    assert_eq!(path, FieldPath(steps.collect()), "{text}");
    assert_eq!(path.to_string(), canonical, "{text}");
}

#[test]
fn a_header_is_one_name_whatever_it_holds() {
    check("Properties_Firstname_Value", &["Properties_Firstname_Value"], "Properties_Firstname_Value");
    check("First Name", &["First Name"], "${First Name}");
    check(" First Name ", &["First Name"], "${First Name}");
    check("e-mail (work)", &["e-mail (work)"], "${e-mail (work)}");
    check("Price [EUR]", &["Price [EUR]"], "${Price [EUR]}");
    check("50% off, really?", &["50% off, really?"], "${50% off, really?}");
    check("2024", &["2024"], "${2024}");
    check("new", &["new"], "${new}");
    check("No.", &["No."], "${No.}");
    check("Acct. No", &["Acct. No"], "${Acct. No}");
    check(".hidden", &[".hidden"], "${.hidden}");
    check("a..b", &["a..b"], "${a..b}");
    check("x[0]y", &["x[0]y"], "${x[0]y}");
    check(r"C:\dir", &[r"C:\dir"], r"${C:\\dir}");
}

#[test]
fn a_dot_separates_names_unless_escaped() {
    check("name.firstName", &["name", "firstName"], "name.firstName");
    check(r"address.street\.name", &["address", "street.name"], "address.${street.name}");
    check("home address.street", &["home address", "street"], "${home address}.street");
    check("a[0].b[12]", &["a", "#0", "b", "#12"], "a[0].b[12]");
    check("a[0][1]", &["a", "#0", "#1"], "a[0][1]");
    check("a[*].b[*]", &["a", "*", "b", "*"], "a[*].b[*]");
    check("a[*]b", &["a[*]b"], "${a[*]b}");
}

#[test]
fn braces_hold_a_name_literally() {
    check("${First Name}", &["First Name"], "${First Name}");
    check("${First.Name}", &["First.Name"], "${First.Name}");
    check("${ a }.b", &[" a ", "b"], "${ a }.b");
    check(r"${a\}b}", &["a}b"], r"${a\}b}");
    check("${a[*]}", &["a[*]"], "${a[*]}");
    check("${a}b", &["${a}b"], r"${${a\}b}");
}

#[test]
fn what_is_no_field_is_refused() {
    let cases = [
        ("", "empty"),
        ("  ", "empty"),
        ("${}", "names no field"),
        ("${a", "never closed"),
        ("a[99999999999999999999]", "too large"),
    ];
    for (text, message) in cases {
        let why = text.parse::<FieldPath>().expect_err(text);
        assert!(why.message.contains(message), "{text}: {}", why.message);
    }
    assert!("a".repeat(4097).parse::<FieldPath>().is_err());
    assert!(vec!["a"; 65].join(".").parse::<FieldPath>().is_err());
}

#[test]
fn a_flat_files_header_is_the_path_without_escapes() {
    for header in ["First Name", "Acct. No", "No.", "a.b", "Price [EUR]", "a[0].b", "C:\\dir"] {
        assert_eq!(header.parse::<FieldPath>().unwrap().plain(), header);
    }
}

fn path() -> impl Strategy<Value = FieldPath> {
    let name = prop_oneof![
        "[a-z]{1,4}",
        "[a-z .\\[\\]0-9*}{$\\\\]{1,6}",
        any::<String>().prop_filter("a name", |s| !s.is_empty())
    ];
    let step = prop_oneof![3 => name.clone().prop_map(Step::Name), 1 => any::<u64>().prop_map(Step::Index)];
    (name, prop::collection::vec(step, 0..4)).prop_map(|(first, mut rest)| {
        rest.insert(0, Step::Name(first));
        FieldPath(rest)
    })
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_prints_the_same_path(text in any::<String>()) {
        if let Ok(path) = text.parse::<FieldPath>() {
            prop_assert_eq!(path.to_string().parse::<FieldPath>().unwrap(), path);
        }
    }

    #[test]
    fn no_text_of_the_languages_own_signs_panics(text in r"[a-b .\[\]0-9*}{$\\]*") {
        match text.parse::<FieldPath>() {
            Ok(path) => prop_assert_eq!(path.to_string().parse::<FieldPath>().unwrap(), path),
            Err(why) => prop_assert!(why.span.start <= why.span.end && why.span.end <= text.chars().count()),
        }
    }

    #[test]
    fn a_printed_path_reads_back_as_attribute_and_as_expression(path in path()) {
        let text = path.to_string();
        prop_assert_eq!(text.parse::<FieldPath>().unwrap(), path.clone(), "{}", text);
        prop_assert_eq!(grammar::parse(&text).unwrap().node, Node::Field(path), "{}", text);
    }
}
