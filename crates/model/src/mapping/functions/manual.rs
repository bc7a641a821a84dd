//! `docs/mapping.md`, made of the registry: the page cannot say what the program does not do. A test compares the two.

use super::{FUNCTIONS, Function, OPERATORS};
use crate::mapping::grammar::{MAX_CHARACTERS, MAX_DEPTH, RESERVED};
use std::fmt::Write;

/// The page.
pub fn manual() -> String {
    let mut page = INTRODUCTION.to_string();
    // Writing to a text cannot fail.
    let _ = writeln!(page, "Reserved words, which are names only in `${{…}}`: {}.\n", words(RESERVED));
    let _ = writeln!(
        page,
        "An expression has at most {MAX_CHARACTERS} characters and {MAX_DEPTH} levels.\n\n## Operators\n\n\
         The tightest first.\n\n| operator | what it gives | example |\n|---|---|---|"
    );
    for operator in OPERATORS {
        let _ = writeln!(page, "| {} | {} | {} |", code(operator.symbol), cell(operator.doc), code(operator.example));
    }
    page.push_str("\n## Functions\n");
    let mut group = None;
    for function in FUNCTIONS {
        if group != Some(function.group) {
            group = Some(function.group);
            let _ = writeln!(
                page,
                "\n### {}\n\n| function | what it gives | example |\n|---|---|---|",
                function.group.name()
            );
        }
        entry(function, &mut page);
    }
    page
}

fn entry(function: &Function, page: &mut String) {
    let mut doc = cell(function.doc);
    if !function.aliases.is_empty() {
        let _ = write!(doc, " Also {}.", words(function.aliases));
    }
    let _ = writeln!(
        page,
        "| {} → {} | {doc} | {} → {} |",
        code(function.syntax),
        function.returns.name(),
        code(function.example),
        code(function.result)
    );
}

fn words(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| code(name)).collect();
    quoted.join(", ")
}

fn code(text: &str) -> String {
    let ticks = if text.contains('`') { "``" } else { "`" };
    format!("{ticks}{}{ticks}", cell(text))
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const INTRODUCTION: &str = "\
<!-- Made from the registry of functions (crates/model/src/mapping/functions). UPDATE_EXPECT=1 rewrites it. -->

# Mapping expressions

A mapping of the type `EXPRESSION` computes its target field from the fields of a record.

* **Fields** are written by name: `firstName`, `name.firstName`, `items[0].sku`. A name that is no identifier stands in
  `${…}`: `${First Name}`; a dot inside a name is escaped: `address.street\\.name`. `items[*].sku` is a list of what every
  element has. A field that is nowhere is null.
* **Literals** are `12`, `1.5`, `\"text\"` or `'text'`, `true`, `false`, `null`, lists `[1, 2]` and objects `{\"a\": 1}`.
* **Members** of what a function gives are read by `.name`, `[0]` or `.get(\"name\")`.
* **Methods**: `s.equals(\"x\")` is `equals(s, \"x\")`, and so with every function.
* **Lambdas** `x -> …` stand where a function takes one.
* **Values are typed as they come.** A delimited file has nothing but text: `a + b` adds where both read as numbers, and
  joins texts otherwise. Comparisons are numeric where both sides are numbers, by time where one is a date, else by
  letters. Null equals null and nothing else. As conditions, `y yes on true` and numbers other than zero hold, `n no off
  false`, zero, empty text and null do not.
* **What fails is null.** A text that is no date, a division by zero, a number beyond 64 bits: the target is null and the
  batch's diagnostics say why (`MAPPER-3700-400`). A branch that is not taken cannot fail.
* **A row has a budget**: a text may have 4 MiB, and what is made and looked at for one row 64 MiB together. Beyond it the
  target is null (`MAPPER-3701-400`). Regular expressions take linear time; looking around and references back, which
  could not, are refused when the mapping set is stored.

";
