//! Expressions: what a text is as a tree, printed canonically; where and why a text is refused.

use crate::mapping::ast::{Binary, Expr, FieldPath, Node, Span, Step, Unary};
use crate::mapping::grammar::{MAX_CHARACTERS, MAX_DEPTH, RESERVED, parse};
use crate::mapping::infer;
use crate::xdm::Type;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, canonical: &str) {
    match parse(text) {
        Ok(tree) => assert_eq!(tree.to_string(), canonical, "{text}"),
        Err(why) => panic!("{text}: {why}"),
    }
}

/// `marked` is the text with the characters to blame between `«` and `»`.
#[track_caller]
fn refuse(marked: &str, message: &str) {
    let text: String = marked.chars().filter(|c| !matches!(c, '«' | '»')).collect();
    let start = marked.chars().position(|c| c == '«').expect("a mark");
    let end = marked.chars().position(|c| c == '»').expect("a mark") - 1;
    let why = parse(&text).expect_err(&text);
    assert!(why.message.contains(message), "{text}: {}", why.message);
    assert_eq!(why.span, Span { start, end }, "{text}: {}", why.message);
}

#[test]
fn names_and_nested_paths() {
    check("firstName", "firstName");
    check(" name . firstName ", "name.firstName");
    check("$a_1", "$a_1");
    check("a[0].b[12]", "a[0].b[12]");
    check("été", "été");
    check("order.new", "order.${new}");
    check(r#"a["first name"].b"#, "a.${first name}.b");
}

#[test]
fn other_names_are_written_in_braces() {
    check("${First Name}", "${First Name}");
    check("${First.Name}", "${First.Name}");
    check("${new}", "${new}");
    check("${plain}", "plain");
    check(r"${a\}b\\c\d}", r"${a\}b\\c\\d}");
    check("a.${b c}[0]", "a.${b c}[0]");
    check(r"address.street\.name", "address.${street.name}");
    let tree = parse(r"address.street\.name").unwrap();
    let path = FieldPath(vec![Step::Name("address".into()), Step::Name("street.name".into())]);
    assert_eq!(tree.node, Node::Field(path));
}

#[test]
fn every_reserved_word_is_no_name_by_itself() {
    for word in RESERVED {
        let field = FieldPath::name(*word);
        let bare = parse(word);
        assert!(bare.is_err() || bare.is_ok_and(|tree| tree.node != Node::Field(field.clone())), "{word}");
        assert_eq!(parse(&format!("${{{word}}}")).unwrap().node, Node::Field(field), "{word}");
    }
}

#[test]
fn literals() {
    check("null", "null");
    check("true", "true");
    check("9223372036854775807", "9223372036854775807");
    check("-9223372036854775808", "-9223372036854775808");
    check("1.50", "1.5");
    check(".5", "0.5");
    check("1e3", "1000.0");
    check("2.5E-3", "0.0025");
    check(r#"'it''s'"#.replace("''", r"\'").as_str(), r#""it's""#);
    check(r#""a\"b\n\t\\A\uD83D\uDE00""#, r#""a\"b\n\t\\A😀""#);
    check(r#""\d+""#, r#""\\d+""#);
    check("''", r#""""#);
}

#[test]
fn operators_bind_as_everywhere() {
    check("a + b * c", "a + b * c");
    check("(a + b) * c", "(a + b) * c");
    check("a - (b - c) - d", "a - (b - c) - d");
    check("a == b and c != d or e", "a == b and c != d or e");
    check("a && (b || c)", "a and (b or c)");
    check("a + 1 < b * 2 == c", "a + 1 < b * 2 == c");
    check("!a == b", "!a == b");
    check("not (a == b)", "!(a == b)");
    check("-a * b", "-a * b");
    check("-(5)", "-(5)");
    check("- 5", "-(5)");
    check("a - -5", "a - -5");
    check("a -5", "a - 5");
    check("!(~a)", "!(~a)");
    check("c ? 1 : d ? 2 : 3", "c ? 1 : d ? 2 : 3");
    check("(c ? a : b) ? 1 : 2", "(c ? a : b) ? 1 : 2");
    check("c ? a : b + 1", "c ? a : b + 1");
    check("(a < b) == (c < d)", "a < b == c < d");
    check("(a == b) == c", "(a == b) == c");
}

#[test]
fn words_are_operators_too() {
    check("a eq b", "a == b");
    check("a ne 1 and b lt 2 or c le 3", "a != 1 and b < 2 or c <= 3");
    check("a gt 1 && b ge 2", "a > 1 and b >= 2");
    check("a div 2 + b mod 3", "a / 2 + b % 3");
    check("not a", "!a");
}

#[test]
fn calls_take_the_registrys_name() {
    check("lcase(a)", "lower(a)");
    check("make_timestamp(2019,10,17,11,55,12,999,'UTC')", r#"make_date_time(2019, 10, 17, 11, 55, 12, 999, "UTC")"#);
    check("now()", "now()");
    check("iif(a.equals('x'), upper(b), concat(c, ' ', d))", r#"iif(equals(a, "x"), upper(b), concat(c, " ", d))"#);
    check("unheard_of(1)", "unheard_of(1)");
}

#[test]
fn a_methods_receiver_is_the_first_argument() {
    check(r#"s.equals("x")"#, r#"equals(s, "x")"#);
    check(r#""s".equalsIgnoreCase("S")"#, r#"equalsIgnoreCase("s", "S")"#);
    check("a.b[0].equals(c.d)", "equals(a.b[0], c.d)");
    check("trim(a).equals(b).equals(c)", "equals(equals(trim(a), b), c)");
    check("(a + b).equals(c)", "equals(a + b, c)");
    check("-a.equals(b)", "-equals(a, b)");
}

#[test]
fn spans_count_characters_not_bytes() {
    let tree = parse("été + upper( x )").unwrap();
    assert_eq!(tree.span, Span { start: 0, end: 16 });
    let Node::Binary(Binary::Add, left, right) = tree.node else { panic!("a sum") };
    assert_eq!(left.span, Span { start: 0, end: 3 });
    assert_eq!(right.span, Span { start: 6, end: 16 });
}

#[test]
fn faults_are_told_with_their_characters() {
    refuse("«»", "empty");
    refuse("«  »", "empty");
    refuse("a +«»", "ends too early");
    refuse("a «b»", "does not fit");
    refuse("(a«»", "expected `)`");
    refuse("«\"abc»", "never closed");
    refuse("«${abc»", "never closed");
    refuse("«${}»", "names no field");
    refuse("«1a»", "begin with a digit");
    refuse("«9223372036854775808»", "64 bits");
    refuse("«99999999999999999999»", "64 bits");
    refuse("«-9223372036854775809»", "64 bits");
    refuse("«1e999»", "double precision");
    refuse("a «=» b", "compare with `==`");
    refuse("f(a,«)»", "a value is expected");
    refuse("a.«»", "child is expected");
    refuse("«new»", "reserved word");
    refuse("a < b «<» c", "cannot be chained");
    refuse("a == b «!=» c", "cannot be chained");
    refuse("a + «§» b", "means nothing here");
    refuse("'ab«\\u»ZZZZ'", "hexadecimal");
    refuse("'«\\uD800»'", "surrogate");
}

#[test]
fn what_the_language_lacks_is_refused_by_name() {
    refuse("a «=~» b", "matches_regex");
    refuse("a «&» b", "bitwise");
    refuse("a «?:» b", "coalesce");
    refuse("a «..» b", "ranges");
    refuse("filterArray(a, x «=>» x > 1)", "written `x -> …`");
    refuse("filterArray(a, (x«,» y) -> x)", "expected `)`");
    refuse("split(a, ',')«[*]»", "leave it out");
    refuse("a«[-»1]", "whole number from 0");
    refuse("a«[]»", "whole number from 0");
    refuse("a[*«»", "ends too early");
    refuse("[1, 2«»", "or `,` in the list");
    refuse("{'a': 1«»", "or `,` in the object");
    refuse("{'a'«,» 1}", "after the key");
    refuse("f(a).«»", "name of a child or a method");
}

#[test]
fn lists_objects_and_what_is_in_them() {
    check("[]", "[]");
    check("[1, 'a', [b.c]]", r#"[1, "a", [b.c]]"#);
    check("{}", "{}");
    check("{:}", "{}");
    check("{'a': 1, b: c ? 1 : 2}", r#"{"a": 1, b: c ? 1 : 2}"#);
    check("{'a': {\"b\": [1,]},}", r#"{"a": {"b": [1]}}"#);
    check("a[*].b[0][*]", "a[*].b[0][*]");
    check("size_of(items[*])", "size_of(items[*])");
    check("str_to_object(a).k", r#"get(str_to_object(a), "k")"#);
    check("str_to_object(a).get('k')", r#"get(str_to_object(a), "k")"#);
    check("split(a, ',')[0].${b c}", r#"get(get(split(a, ","), 0), "b c")"#);
    check("a[n + 1].b", r#"get(get(a, n + 1), "b")"#);
    check("[1, 2][0]", "get([1, 2], 0)");
    check("contains_key(\"a.b[0]\")", "contains_key(a.b[0])");
    check("is_set(a.b)", "contains_key(a.b)");
}

#[test]
fn a_lambdas_parameter_is_known_inside_of_it_only() {
    check("transformArray(a, x -> x + 1)", "transformArray(a, x -> x + 1)");
    check("transformArray(a, (x) -> x.b)", r#"transformArray(a, x -> get(x, "b"))"#);
    check("filterArray(x, x -> ${x} > x)", "filterArray(x, x -> ${x} > x)");
    check("filterArray(a, x -> ${x}.b == x[0])", "filterArray(a, x -> ${x}.b == get(x, 0))");
    check("f(a, x -> g(b, y -> x + y + z))", "f(a, x -> g(b, y -> x + y + z))");
    let tree = parse("f(a, x -> x, x)").unwrap();
    let Node::Call(_, arguments) = tree.node else { panic!("a call") };
    let Node::Lambda(name, body) = &arguments[1].node else { panic!("a lambda") };
    assert_eq!((name.as_str(), &body.node), ("x", &Node::Local("x".into())));
    assert_eq!(arguments[2].node, Node::Field(FieldPath::name("x")));
}

#[test]
fn rel_e_length_and_depth_are_bounded() {
    let long = format!("\"{}\"", "x".repeat(MAX_CHARACTERS - 2));
    assert!(parse(&long).is_ok());
    assert!(parse(&format!("{long} ")).unwrap_err().message.contains("4096"));
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
    assert!(parse(&nested(MAX_DEPTH)).unwrap_err().message.contains("nested deeper"));
    let sum = |n: usize| vec!["a"; n].join("+");
    assert!(parse(&sum(MAX_DEPTH)).is_ok());
    assert!(parse(&sum(MAX_DEPTH + 1)).unwrap_err().message.contains("nested deeper"));
    for hostile in ["(", "-", "!", "a?", "f(", "a.", "a[0]", "[", "{", "a.f(", "not ", "a<"] {
        let text: String = hostile.repeat(MAX_CHARACTERS / hostile.len());
        assert!(parse(&text).is_err(), "{hostile}");
    }
}

#[track_caller]
fn gives(text: &str, ty: Option<Type>) {
    assert_eq!(infer(&parse(text).unwrap()), ty, "{text}");
}

#[test]
fn types_are_known_where_no_row_is_needed() {
    gives("a", None);
    gives("null", None);
    gives("nullify()", None);
    gives("1 + 2", Some(Type::Long));
    gives("1 + 2.5", Some(Type::Number));
    gives("1 / 2", Some(Type::Number));
    gives("a + 1", None);
    gives("'a' + 1", Some(Type::String));
    gives("a == 1", Some(Type::Boolean));
    gives("not a", Some(Type::Boolean));
    gives("a ? 'x' : null", Some(Type::String));
    gives("a ? 'x' : 1", None);
    gives("iif(a, 1, 2.5)", Some(Type::Number));
    gives("decode(a, 'x', 1, 'y', 2)", Some(Type::Long));
    gives("decode(a, 1, 'x', 2, 'y', 'z')", Some(Type::String));
    gives("decode(a, 1, 'x', 2, 'y', 3)", None);
    gives("coalesce(null, a)", None);
    gives("max(1, 2)", Some(Type::Long));
    gives("date(a)", Some(Type::DateTime));
    gives("to_integer(a)", Some(Type::Int));
    gives("split(a, ',')", Some(Type::Array(Box::new(Type::String))));
}

fn tree() -> impl Strategy<Value = Node> {
    let name = prop_oneof!["[a-z_$][a-z0-9_]{0,4}", "[a-z .}{$\\\\]{1,5}", Just("new".to_string()), "\\PC{1,4}"];
    let step = prop_oneof![
        4 => name.clone().prop_map(Step::Name),
        1 => (0u64..9).prop_map(Step::Index),
        1 => Just(Step::Every)
    ];
    let path = prop::collection::vec(step, 1..4).prop_map(|mut steps| {
        if let Step::Index(_) | Step::Every = steps[0] {
            steps[0] = Step::Name("a".into());
        }
        FieldPath(steps)
    });
    let leaf = prop_oneof![
        Just(Node::Null),
        any::<bool>().prop_map(Node::Boolean),
        any::<i64>().prop_map(Node::Integer),
        any::<f64>().prop_filter("a literal", |v| v.is_finite()).prop_map(Node::Number),
        ".{0,6}".prop_map(Node::Text),
        any::<String>().prop_map(Node::Text),
        path.prop_map(Node::Field),
    ];
    let unary = prop::sample::select(vec![Unary::Negate, Unary::Not, Unary::Complement]);
    let binary = prop::sample::select(vec![
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Remainder,
        Binary::Equal,
        Binary::NotEqual,
        Binary::Less,
        Binary::LessOrEqual,
        Binary::Greater,
        Binary::GreaterOrEqual,
        Binary::And,
        Binary::Or,
    ]);
    let boxed = |node| Box::new(Expr { node, span: Span::default() });
    leaf.prop_recursive(5, 40, 3, move |inner| {
        prop_oneof![
            (unary.clone(), inner.clone()).prop_map(move |(op, a)| Node::Unary(op, boxed(a))),
            (binary.clone(), inner.clone(), inner.clone()).prop_map(move |(op, a, b)| Node::Binary(
                op,
                boxed(a),
                boxed(b)
            )),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(move |(c, a, b)| Node::Conditional(
                boxed(c),
                boxed(a),
                boxed(b)
            )),
            (prop::sample::select(vec!["concat", "f", "lower"]), prop::collection::vec(inner.clone(), 0..3)).prop_map(
                move |(name, arguments)| Node::Call(name.into(), arguments.into_iter().map(|a| *boxed(a)).collect())
            ),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(move |items| Node::List(items.into_iter().map(|a| *boxed(a)).collect())),
            prop::collection::vec((inner.clone(), inner.clone()), 0..3).prop_map(move |members| Node::Object(
                members.into_iter().map(|(key, value)| (*boxed(key), *boxed(value))).collect()
            )),
            (prop::sample::select(vec!["a", "b", "x"]), inner.clone())
                .prop_map(move |(name, body)| Node::Lambda(name.into(), boxed(body))),
        ]
    })
}

/// The tree without its spans.
fn bare(expr: Expr) -> Expr {
    let inner = |e: Box<Expr>| Box::new(bare(*e));
    let node = match expr.node {
        Node::Unary(op, a) => Node::Unary(op, inner(a)),
        Node::Binary(op, a, b) => Node::Binary(op, inner(a), inner(b)),
        Node::Conditional(c, a, b) => Node::Conditional(inner(c), inner(a), inner(b)),
        Node::Call(name, arguments) => Node::Call(name, arguments.into_iter().map(bare).collect()),
        Node::List(items) => Node::List(items.into_iter().map(bare).collect()),
        Node::Object(members) => Node::Object(members.into_iter().map(|(k, v)| (bare(k), bare(v))).collect()),
        Node::Lambda(name, body) => Node::Lambda(name, inner(body)),
        leaf => leaf,
    };
    Expr { node, span: Span::default() }
}

proptest! {
    #[test]
    fn no_text_panics_and_spans_lie_inside(text in any::<String>()) {
        if let Err(why) = parse(&text) {
            let length = text.chars().count();
            prop_assert!(why.span.start <= why.span.end && why.span.end <= length.max(why.span.start), "{why} of {length}");
        }
    }

    #[test]
    fn no_text_of_the_languages_own_signs_panics(text in r#"([a-c0-9.${}()\[\]"'\\+*/%!~<>=&|?:, -]|and |or |not |null|concat\()*"#) {
        let length = text.chars().count();
        match parse(&text) {
            Ok(tree) => prop_assert_eq!(bare(parse(&tree.to_string()).unwrap()), bare(tree)),
            Err(why) => prop_assert!(why.span.start <= why.span.end && why.span.end <= length, "{} of {}", why, length),
        }
    }

    #[test]
    fn what_is_printed_reads_back(node in tree()) {
        let tree = Expr { node, span: Span::default() };
        let text = tree.to_string();
        prop_assume!(text.chars().count() <= MAX_CHARACTERS);
        let read = parse(&text);
        prop_assert!(read.is_ok(), "{}: {}", text, read.unwrap_err());
        prop_assert_eq!(bare(read.unwrap()), tree);
    }
}
