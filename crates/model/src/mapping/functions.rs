//! The registry of the mapping language: every function and operator as data. The parser takes canonical names from it,
//! `check` existence and arity, the API its two lists, the editor its completion. What a function does is
//! compiled in `ingest`; a test there goes over this table.

mod manual;
mod table;

use super::ast::{Binary, Unary};
pub use manual::manual;
use serde_json::{Value, json};
pub use table::{FUNCTIONS, OPERATORS};

/// What a function belongs to, as the lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Group {
    String,
    Regex,
    Hash,
    Url,
    Date,
    Object,
    Array,
    Map,
    Logic,
    Aggregation,
    Conversion,
    Json,
    Special,
    UserAgent,
}

impl Group {
    /// As the lists show it.
    pub fn name(self) -> &'static str {
        match self {
            Group::String => "String",
            Group::Regex => "Regular expression",
            Group::Hash => "Hashing",
            Group::Url => "URL",
            Group::Date => "Date and time",
            Group::Object => "Hierarchies - Objects",
            Group::Array => "Hierarchies - Arrays",
            Group::Map => "Hierarchies - Maps",
            Group::Logic => "Logical operators",
            Group::Aggregation => "Aggregation",
            Group::Conversion => "Type conversions",
            Group::Json => "JSON",
            Group::Special => "Special operations",
            Group::UserAgent => "User agent",
        }
    }
}

/// What kind of value a parameter takes or a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Whatever comes.
    Any,
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Number,
    /// True or false.
    Boolean,
    /// A moment.
    Moment,
    /// A list of texts.
    Texts,
    /// A list.
    List,
    /// Named children.
    Object,
    /// Text keys to values.
    Map,
    /// Always null.
    Null,
    /// What the arguments that may become the result have in common.
    Common,
    /// `x -> …`.
    Lambda,
}

/// The function that asks whether a field is there: its argument may be the field's path as text.
pub const HAS_FIELD: &str = "contains_key";

impl Shape {
    /// As the lists show it.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Any | Shape::Common => "any",
            Shape::Text => "string",
            Shape::Integer => "integer",
            Shape::Number => "number",
            Shape::Boolean => "boolean",
            Shape::Moment => "date-time",
            Shape::Texts | Shape::List => "array",
            Shape::Object => "object",
            Shape::Map => "map",
            Shape::Null => "null",
            Shape::Lambda => "lambda",
        }
    }
}

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// In capitals, as the syntax shows it.
    pub name: &'static str,
    /// What it takes; other values are converted when the function runs.
    pub shape: Shape,
    /// The call may end before it.
    pub optional: bool,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Canonical name.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// What it belongs to.
    pub group: Group,
    /// In order.
    pub params: &'static [Param],
    /// The last parameter may come any number of times.
    pub variadic: bool,
    /// Its arguments are keys and values in turn.
    pub paired: bool,
    /// What it gives.
    pub returns: Shape,
    /// How it is called.
    pub syntax: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// A call, as an expression that parses.
    pub example: &'static str,
    /// What the example gives.
    pub result: &'static str,
    /// The first version that has it.
    pub since: &'static str,
}

impl Function {
    /// The fewest arguments.
    pub fn min_args(&self) -> usize {
        self.params.iter().filter(|p| !p.optional).count()
    }

    /// The most arguments; `None` when there is no end to them.
    pub fn max_args(&self) -> Option<usize> {
        (!self.variadic).then_some(self.params.len())
    }

    /// The parameter that an argument is for.
    pub fn param(&self, at: usize) -> Option<&'static Param> {
        self.params.get(at).or_else(|| self.params.last().filter(|_| self.variadic))
    }

    /// The entry of `GET /languages/el/functions`.
    pub fn describe(&self) -> Value {
        let params: Vec<Value> = self
            .params
            .iter()
            .enumerate()
            .map(|(at, p)| {
                let repeats = self.variadic && at + 1 == self.params.len();
                json!({ "name": p.name, "type": p.shape.name(), "required": !p.optional, "repeats": repeats })
            })
            .collect();
        json!({
            "category": self.group.name(),
            "function": self.name,
            "aliases": self.aliases,
            "description": self.doc,
            "syntax": self.syntax,
            "returns": self.returns.name(),
            "returnType": self.returns.name(),
            "example": self.example,
            "result": self.result,
            "params": params,
            "since": self.since,
            "available": true,
        })
    }
}

/// The function of that name or alias. Names are case-sensitive.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name || f.aliases.contains(&name))
}

/// What an operator is in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Of one operand.
    Unary(Unary),
    /// Of two.
    Binary(Binary),
    /// `condition ? yes : no`.
    Conditional,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// As it is written.
    pub symbol: &'static str,
    /// What it is called.
    pub method: &'static str,
    /// What it is in the tree.
    pub operation: Operation,
    /// What it does.
    pub doc: &'static str,
    /// An expression that parses.
    pub example: &'static str,
}

impl Operator {
    /// How many operands it takes.
    pub fn operands(&self) -> usize {
        match self.operation {
            Operation::Unary(_) => 1,
            Operation::Binary(_) => 2,
            Operation::Conditional => 3,
        }
    }

    /// The entry of `GET /languages/el/operators`.
    pub fn describe(&self) -> Value {
        json!({
            "operatorSymbol": self.symbol,
            "methodName": self.method,
            "numberOfOperands": self.operands(),
            "description": self.doc,
            "example": self.example,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::ast::Node;
    use crate::mapping::grammar;
    use std::collections::HashSet;

    #[test]
    fn every_name_and_alias_means_one_function() {
        let mut seen = HashSet::new();
        for function in FUNCTIONS {
            for name in std::iter::once(&function.name).chain(function.aliases) {
                assert!(seen.insert(*name), "{name} is there twice");
                assert_eq!(find(name).map(|f| f.name), Some(function.name));
            }
        }
    }

    #[test]
    fn every_function_of_the_contract_is_in_the_registry() {
        let contract = "concat explode instr replacestr substr lower lcase upper ucase split join lpad rpad left right ltrim rtrim trim \
            equals equalsIgnoreCase extract_regex matches_regex sha1 sha256 sha512 md5 crc32 get_url_protocol get_url_host get_url_port \
            get_url_path get_url_query_str get_url_encoded get_url_decoded now timestamp format dformat date date_part set_date_part \
            make_date_time make_timestamp zone_date_to_utc zone_date_to_zone size_of is_empty arrays_to_object arrays_to_objects \
            to_object str_to_object contains_key is_set nullify get_keys get_values map_get_values map_has_keys add_to_map \
            object_to_map coalesce first last add_to_array join_arrays to_array upsert_array_append upsert_array_replace \
            array_to_string filterArray transformArray flattenArray array_to_map to_map decode iif min max to_bigint to_decimal \
            to_float to_integer json_to_object uuid guid fpid_to_ecid ua_os_name ua_os_version ua_os_version_major \
            ua_os_name_version ua_agent_name ua_agent_version ua_agent_version_major ua_device_class";
        for name in contract.split_whitespace() {
            assert!(find(name).is_some(), "PL §5.3 has {name}, the registry has not");
        }
    }

    #[test]
    fn parameters_are_in_an_order_that_can_be_called() {
        for function in FUNCTIONS {
            let first_optional = function.params.iter().position(|p| p.optional).unwrap_or(function.params.len());
            assert!(
                function.params[first_optional..].iter().all(|p| p.optional),
                "{}: a required parameter after an optional one",
                function.name
            );
            assert!(
                !function.variadic || !function.params.is_empty(),
                "{}: variadic without parameters",
                function.name
            );
            assert!(!function.doc.is_empty() && !function.syntax.is_empty(), "{} is not described", function.name);
        }
    }

    #[test]
    fn the_example_of_every_function_parses_and_calls_it() {
        for function in FUNCTIONS {
            let tree = grammar::parse(function.example).unwrap_or_else(|e| panic!("{}: {e}", function.name));
            let Node::Call(name, arguments) = &tree.node else { panic!("{} is no call", function.example) };
            assert_eq!(name, function.name);
            assert!(
                arguments.len() >= function.min_args() && function.max_args().is_none_or(|max| arguments.len() <= max),
                "{}",
                function.example
            );
        }
    }

    #[test]
    fn the_example_of_every_operator_parses_to_its_operation() {
        for operator in OPERATORS {
            let tree = grammar::parse(operator.example).unwrap_or_else(|e| panic!("{}: {e}", operator.symbol));
            let found = match tree.node {
                Node::Unary(operation, _) => Operation::Unary(operation),
                Node::Binary(operation, ..) => Operation::Binary(operation),
                Node::Conditional(..) => Operation::Conditional,
                other => panic!("{} is {other:?}", operator.example),
            };
            assert_eq!(found, operator.operation, "{}", operator.symbol);
        }
    }
}
