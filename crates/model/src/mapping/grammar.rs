//! The grammar of mapping expressions: text to [`Expr`], by precedence climbing. Whatever the text is, the answer is a
//! tree or an error with its characters: input is bounded in length, and both the descent and the tree in depth, so
//! that no later pass over the tree can run out of stack. Names of functions are not judged here but in `check`.

use super::ast::{Binary, Expr, FieldPath, Node, Span, Step, Unary};
use super::functions;
use super::lexer::{self, Kind, Token};
use std::fmt;

/// The longest expression or source field.
pub const MAX_CHARACTERS: usize = 4096;
/// The deepest tree.
pub const MAX_DEPTH: usize = 64;

/// Why a text is no expression, and which of its characters are to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Characters of the text.
    pub span: Span,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (characters {} to {})", self.message, self.span.start, self.span.end)
    }
}

impl std::error::Error for ParseError {}

/// Words that are no bare names; `${…}` makes a name of each.
pub const RESERVED: &[&str] = &[
    "new", "mod", "or", "break", "var", "lt", "for", "false", "while", "eq", "gt", "div", "not", "null", "continue",
    "else", "and", "ne", "true", "le", "if", "ge", "return",
];

/// The word has a meaning of its own in an expression.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Parses one expression.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        let span = Span { start: MAX_CHARACTERS, end: length };
        return Err(ParseError {
            span,
            message: format!("an expression may have {MAX_CHARACTERS} characters, this one has {length}"),
        });
    }
    let mut parser = Parser { tokens: lexer::tokens(text)?, at: 0, depth: 0, locals: Vec::new() };
    if parser.token().kind == Kind::End {
        return Err(ParseError { span: Span { start: 0, end: length }, message: "the expression is empty".into() });
    }
    let tree = parser.expression(level::CONDITION)?;
    match &parser.token().kind {
        Kind::End => Ok(tree.expr),
        _ => Err(parser.unexpected("the expression should end here")),
    }
}

/// How tightly operators bind; a higher level binds tighter.
pub(super) mod level {
    pub const CONDITION: u8 = 1;
    pub const OR: u8 = 2;
    pub const AND: u8 = 3;
    pub const EQUALITY: u8 = 4;
    pub const COMPARISON: u8 = 5;
    pub const SUM: u8 = 6;
    pub const PRODUCT: u8 = 7;
    pub const UNARY: u8 = 8;
    pub const VALUE: u8 = 9;
}

/// An operator of two operands by its level.
pub(super) fn level_of(operator: Binary) -> u8 {
    match operator {
        Binary::Or => level::OR,
        Binary::And => level::AND,
        Binary::Equal | Binary::NotEqual => level::EQUALITY,
        Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual => level::COMPARISON,
        Binary::Add | Binary::Subtract => level::SUM,
        Binary::Multiply | Binary::Divide | Binary::Remainder => level::PRODUCT,
    }
}

/// Operators that stand alone between two values: `a < b < c` is refused.
pub(super) fn chains(operator: Binary) -> bool {
    !matches!(level_of(operator), level::EQUALITY | level::COMPARISON)
}

fn binary(kind: &Kind) -> Option<Binary> {
    Some(match kind {
        Kind::Word(word) => match word.as_str() {
            "or" => Binary::Or,
            "and" => Binary::And,
            "eq" => Binary::Equal,
            "ne" => Binary::NotEqual,
            "lt" => Binary::Less,
            "le" => Binary::LessOrEqual,
            "gt" => Binary::Greater,
            "ge" => Binary::GreaterOrEqual,
            "div" => Binary::Divide,
            "mod" => Binary::Remainder,
            _ => return None,
        },
        Kind::Symbol(symbol) => match *symbol {
            "||" => Binary::Or,
            "&&" => Binary::And,
            "==" => Binary::Equal,
            "!=" => Binary::NotEqual,
            "<" => Binary::Less,
            "<=" => Binary::LessOrEqual,
            ">" => Binary::Greater,
            ">=" => Binary::GreaterOrEqual,
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "%" => Binary::Remainder,
            _ => return None,
        },
        _ => return None,
    })
}

/// `contains_key("a.b")` asks for the field `a.b`.
fn named_field(argument: &mut Expr) {
    if let Node::Text(text) = &argument.node
        && let Ok(path) = text.parse()
    {
        argument.node = Node::Field(path);
    }
}

/// A tree and its height; a leaf has height 1.
struct Tree {
    expr: Expr,
    height: usize,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Parameters of the lambdas around, outermost first.
    locals: Vec<String>,
}

impl Parser {
    /// The token that comes; the `End` token comes for ever.
    fn token(&self) -> &Token {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> &Token {
        self.tokens
            .get(self.at + by)
            .unwrap_or_else(|| self.tokens.last().expect("the lexer ends every list with `End`"))
    }

    fn take(&mut self) -> Token {
        let token = self.token().clone();
        self.at += 1;
        token
    }

    fn expect(&mut self, symbol: &'static str, why: &str) -> Result<Span, ParseError> {
        if self.token().kind == Kind::Symbol(symbol) {
            return Ok(self.take().span);
        }
        Err(self.unexpected(&format!("expected `{symbol}` {why}")))
    }

    fn error<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { span, message: message.into() })
    }

    /// An error at the token that comes; constructs that exist elsewhere are refused by name.
    fn unexpected(&self, expected: &str) -> ParseError {
        let Token { kind, span } = self.token();
        let message = match kind {
            Kind::End => format!("the expression ends too early: {expected}"),
            Kind::Word(word) if is_reserved(word) => {
                format!("`{word}` is a reserved word: {expected}; a field of that name is `${{{word}}}`")
            }
            Kind::Word(word) | Kind::Name(word) => format!("`{word}` does not fit here: {expected}"),
            Kind::Integer(_) | Kind::Number(_) => format!("a number does not fit here: {expected}"),
            Kind::Text(_) => format!("a text does not fit here: {expected}"),
            Kind::Symbol(symbol) => match *symbol {
                "->" => format!("a lambda has one parameter, such as `x -> …`: {expected}"),
                "=>" => "a lambda is written `x -> …`".to_string(),
                "=" => "`=` assigns, which a mapping cannot: compare with `==`".to_string(),
                "=~" | "!~" => format!("there is no operator `{symbol}`: use `matches_regex(a, b)`"),
                "&" | "|" | "^" => {
                    format!("there is no bitwise operator `{symbol}`; `and` and `or` join conditions")
                }
                "?:" | "??" => format!("there is no operator `{symbol}`: use `coalesce(a, b)`"),
                "?." => "`?.` is not available: a missing field is null, so `.` will do".to_string(),
                ".." => "there are no ranges `a .. b`".to_string(),
                ";" => "one expression is expected: remove `;`".to_string(),
                other => format!("`{other}` does not fit here: {expected}"),
            },
        };
        ParseError { span: *span, message }
    }

    /// A node over its children, refused where the tree grows too deep.
    fn node(&self, node: Node, span: Span, children: usize) -> Result<Tree, ParseError> {
        let height = children + 1;
        if height > MAX_DEPTH {
            return self.error(
                span,
                format!("the expression is nested deeper than {MAX_DEPTH} levels: split it over several mappings"),
            );
        }
        Ok(Tree { expr: Expr { node, span }, height })
    }

    /// An expression whose operators bind at least as tightly as `minimum`.
    fn expression(&mut self, minimum: u8) -> Result<Tree, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let span = self.token().span;
            return self.error(
                span,
                format!("the expression is nested deeper than {MAX_DEPTH} levels: split it over several mappings"),
            );
        }
        let mut left = self.unary()?;
        while let Some(operator) = binary(&self.token().kind) {
            let level = level_of(operator);
            if level < minimum {
                break;
            }
            left = self.operation(left, operator, level)?;
        }
        if minimum <= level::CONDITION && self.token().kind == Kind::Symbol("?") {
            left = self.conditional(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `left` and the operator are there; the right side binds tighter.
    fn operation(&mut self, left: Tree, operator: Binary, level: u8) -> Result<Tree, ParseError> {
        let sign = self.take().span;
        if let Node::Binary(before, ..) = &left.expr.node
            && !chains(operator)
            && level_of(*before) == level
            && !self.parenthesised(&left.expr)
        {
            return self.error(sign, "comparisons cannot be chained: join them with `and`, or put one in parentheses");
        }
        let right = self.expression(level + 1)?;
        let span = Span { start: left.expr.span.start, end: right.expr.span.end };
        let children = left.height.max(right.height);
        self.node(Node::Binary(operator, Box::new(left.expr), Box::new(right.expr)), span, children)
    }

    /// A parenthesised tree's characters are those of its parentheses, which its own children lie inside of.
    fn parenthesised(&self, expr: &Expr) -> bool {
        match &expr.node {
            Node::Binary(_, left, _) => left.span.start > expr.span.start,
            _ => false,
        }
    }

    fn conditional(&mut self, condition: Tree) -> Result<Tree, ParseError> {
        self.take();
        let yes = self.expression(level::CONDITION)?;
        self.expect(":", "between the two values of `condition ? yes : no`")?;
        let no = self.expression(level::CONDITION)?;
        let span = Span { start: condition.expr.span.start, end: no.expr.span.end };
        let children = condition.height.max(yes.height).max(no.height);
        self.node(Node::Conditional(Box::new(condition.expr), Box::new(yes.expr), Box::new(no.expr)), span, children)
    }

    fn unary(&mut self) -> Result<Tree, ParseError> {
        let token = self.token().clone();
        let operator = match &token.kind {
            Kind::Symbol("-") => Unary::Negate,
            Kind::Symbol("!") => Unary::Not,
            Kind::Symbol("~") => Unary::Complement,
            Kind::Word(word) if word == "not" => Unary::Not,
            _ => return self.postfix(),
        };
        self.take();
        if operator == Unary::Negate
            && let Some(literal) = self.negative(token.span)?
        {
            return Ok(literal);
        }
        let operand = self.expression(level::UNARY)?;
        let span = Span { start: token.span.start, end: operand.expr.span.end };
        self.node(Node::Unary(operator, Box::new(operand.expr)), span, operand.height)
    }

    /// A sign directly before a number makes a negative literal, so that the least 64-bit integer can be written.
    fn negative(&mut self, sign: Span) -> Result<Option<Tree>, ParseError> {
        let Token { kind, span } = self.token().clone();
        if span.start != sign.end {
            return Ok(None);
        }
        let span = Span { start: sign.start, end: span.end };
        let node = match kind {
            Kind::Integer(value) => match 0i64.checked_sub_unsigned(value) {
                Some(value) => Node::Integer(value),
                None => return self.error(span, "the number is too small: it must fit 64 bits"),
            },
            Kind::Number(value) => Node::Number(-value),
            _ => return Ok(None),
        };
        self.take();
        let literal = self.node(node, span, 0)?;
        self.members(literal).map(Some)
    }

    fn postfix(&mut self) -> Result<Tree, ParseError> {
        let value = self.value()?;
        self.members(value)
    }

    /// `.method(…)`, `.member` and `[element]` after a value. Fields take their own steps in [`Parser::path`].
    fn members(&mut self, mut value: Tree) -> Result<Tree, ParseError> {
        loop {
            match &self.token().kind {
                Kind::Symbol(".") => {}
                Kind::Symbol("[") => {
                    value = self.element_of(value)?;
                    continue;
                }
                _ => return Ok(value),
            }
            self.take();
            let Token { kind, span } = self.token().clone();
            match kind {
                Kind::Word(word) if self.ahead(1).kind == Kind::Symbol("(") => {
                    self.take();
                    value = self.call(&word, value.expr.span.start, Some(value))?;
                }
                Kind::Word(name) | Kind::Name(name) => {
                    self.take();
                    let key = Tree { expr: Expr { node: Node::Text(name), span }, height: 1 };
                    value = self.get(value, key, span.end)?;
                }
                _ => return Err(self.unexpected("the name of a child or a method is expected after `.`")),
            }
        }
    }

    /// `[element]` of a computed value; the bracket comes.
    fn element_of(&mut self, value: Tree) -> Result<Tree, ParseError> {
        let open = self.take().span;
        if self.token().kind == Kind::Symbol("*") {
            let span = Span { start: open.start, end: self.ahead(1).span.end };
            return self.error(span, "`[*]` belongs behind a field: of a computed list, leave it out");
        }
        let key = self.expression(level::CONDITION)?;
        let close = self.expect("]", "after the element")?;
        self.get(value, key, close.end)
    }

    /// A member or an element of a computed value.
    fn get(&self, value: Tree, key: Tree, end: usize) -> Result<Tree, ParseError> {
        let span = Span { start: value.expr.span.start, end };
        let height = value.height.max(key.height);
        self.node(Node::Call("get".into(), vec![value.expr, key.expr]), span, height)
    }

    /// `[a, b]`; the bracket comes.
    fn list(&mut self) -> Result<Tree, ParseError> {
        let start = self.take().span.start;
        let mut items = Vec::new();
        let mut height = 0;
        while self.token().kind != Kind::Symbol("]") {
            let item = self.expression(level::CONDITION)?;
            height = height.max(item.height);
            items.push(item.expr);
            if self.token().kind != Kind::Symbol(",") {
                break;
            }
            self.take();
        }
        let end = self.expect("]", "or `,` in the list")?.end;
        self.node(Node::List(items), Span { start, end }, height)
    }

    /// `{"a": b}`; the brace comes. `{:}` is how JEXL writes one without members.
    fn object(&mut self) -> Result<Tree, ParseError> {
        let start = self.take().span.start;
        let mut members = Vec::new();
        let mut height = 0;
        if self.token().kind == Kind::Symbol(":") {
            self.take();
        } else {
            while self.token().kind != Kind::Symbol("}") {
                let key = self.expression(level::OR)?;
                self.expect(":", "after the key")?;
                let value = self.expression(level::CONDITION)?;
                height = height.max(key.height).max(value.height);
                members.push((key.expr, value.expr));
                if self.token().kind != Kind::Symbol(",") {
                    break;
                }
                self.take();
            }
        }
        let end = self.expect("}", "or `,` in the object")?.end;
        self.node(Node::Object(members), Span { start, end }, height)
    }

    /// How many tokens a lambda's head has, where one comes: `x ->` or `(x) ->`.
    fn lambda_ahead(&self) -> Option<usize> {
        let kind = |by| &self.ahead(by).kind;
        match kind(0) {
            Kind::Word(word) if !is_reserved(word) && *kind(1) == Kind::Symbol("->") => Some(2),
            Kind::Symbol("(") if *kind(2) == Kind::Symbol(")") && *kind(3) == Kind::Symbol("->") => {
                matches!(kind(1), Kind::Word(word) if !is_reserved(word)).then_some(4)
            }
            _ => None,
        }
    }

    /// `x -> …`, whose head has so many tokens.
    fn lambda(&mut self, head: usize) -> Result<Tree, ParseError> {
        let start = self.token().span.start;
        let name = match &self.ahead(if head == 2 { 0 } else { 1 }).kind {
            Kind::Word(word) => word.clone(),
            _ => return Err(self.unexpected("the parameter of a lambda is expected")),
        };
        self.at += head;
        self.locals.push(name.clone());
        let body = self.expression(level::CONDITION)?;
        self.locals.pop();
        let span = Span { start, end: body.expr.span.end };
        self.node(Node::Lambda(name, Box::new(body.expr)), span, body.height)
    }

    fn value(&mut self) -> Result<Tree, ParseError> {
        if let Some(head) = self.lambda_ahead() {
            return self.lambda(head);
        }
        let Token { kind, span } = self.token().clone();
        let node = match kind {
            Kind::Integer(value) => match i64::try_from(value) {
                Ok(value) => Node::Integer(value),
                Err(_) => return self.error(span, "the number is too large: it must fit 64 bits"),
            },
            Kind::Number(value) => Node::Number(value),
            Kind::Text(text) => Node::Text(text),
            Kind::Name(name) => return self.path(name, span),
            Kind::Word(word) => match word.as_str() {
                "null" => Node::Null,
                "true" => Node::Boolean(true),
                "false" => Node::Boolean(false),
                word if is_reserved(word) => return Err(self.unexpected("a value is expected")),
                _ if self.ahead(1).kind == Kind::Symbol("(") => {
                    self.take();
                    return self.call(&word, span.start, None);
                }
                _ if self.locals.contains(&word) => Node::Local(word),
                _ => return self.path(word, span),
            },
            Kind::Symbol("(") => return self.group(),
            Kind::Symbol("[") => return self.list(),
            Kind::Symbol("{") => return self.object(),
            Kind::Symbol("+") => return self.error(span, "a sign `+` before a value is not needed: remove it"),
            _ => return Err(self.unexpected("a value is expected")),
        };
        self.take();
        self.node(node, span, 0)
    }

    /// `(…)`; the tree takes the characters of its parentheses.
    fn group(&mut self) -> Result<Tree, ParseError> {
        let open = self.take().span;
        let mut inside = self.expression(level::CONDITION)?;
        let close = self.expect(")", "to close the parenthesis")?;
        inside.expr.span = Span { start: open.start, end: close.end };
        Ok(inside)
    }

    /// The rest of a path whose first name comes, then perhaps a method call on it.
    fn path(&mut self, first: String, span: Span) -> Result<Tree, ParseError> {
        self.take();
        let mut steps = vec![Step::Name(first)];
        let mut end = span.end;
        loop {
            match &self.token().kind {
                Kind::Symbol(".") => {
                    let method = matches!(self.ahead(1).kind, Kind::Word(_)) && self.ahead(2).kind == Kind::Symbol("(");
                    if method {
                        break;
                    }
                    self.take();
                    let (Kind::Word(name) | Kind::Name(name)) = self.token().kind.clone() else {
                        return Err(self.unexpected("the name of a child is expected after `.`"));
                    };
                    end = self.take().span.end;
                    steps.push(Step::Name(name));
                }
                Kind::Symbol("[") => {
                    let Some((step, closed)) = self.element()? else { break };
                    steps.push(step);
                    end = closed;
                }
                _ => break,
            }
        }
        let span = Span { start: span.start, end };
        if steps.len() > MAX_DEPTH {
            return self.error(span, format!("a path may be {MAX_DEPTH} steps deep, this one has {}", steps.len()));
        }
        let field = self.node(Node::Field(FieldPath(steps)), span, 0)?;
        self.members(field)
    }

    /// `[0]`, `["name"]` or `[*]`, as a step of the path; none where the element is computed.
    fn element(&mut self) -> Result<Option<(Step, usize)>, ParseError> {
        let step = match &self.ahead(1).kind {
            Kind::Integer(index) => Step::Index(*index),
            Kind::Text(name) if !name.is_empty() => Step::Name(name.clone()),
            Kind::Symbol("*") => Step::Every,
            Kind::Symbol("]" | "-") => {
                let span = Span { start: self.token().span.start, end: self.ahead(1).span.end };
                return self.error(span, "an element is a whole number from 0, such as `[0]`");
            }
            _ => return Ok(None),
        };
        if self.ahead(2).kind != Kind::Symbol("]") {
            if step == Step::Every {
                self.at += 2;
                return Err(self.unexpected("expected `]` after `[*`"));
            }
            return Ok(None);
        }
        let end = self.ahead(2).span.end;
        self.at += 3;
        Ok(Some((step, end)))
    }

    /// The parenthesis of a call comes. A receiver is the first argument.
    fn call(&mut self, name: &str, start: usize, receiver: Option<Tree>) -> Result<Tree, ParseError> {
        self.take();
        let mut arguments = Vec::new();
        let mut children = 0;
        if let Some(receiver) = receiver {
            children = receiver.height;
            arguments.push(receiver.expr);
        }
        if self.token().kind != Kind::Symbol(")") {
            loop {
                let argument = self.expression(level::CONDITION)?;
                children = children.max(argument.height);
                arguments.push(argument.expr);
                if self.token().kind != Kind::Symbol(",") {
                    break;
                }
                self.take();
            }
        }
        let close = self.expect(")", &format!("or `,` in the call of `{name}`"))?;
        let canonical = functions::find(name).map_or(name, |function| function.name);
        if canonical == functions::HAS_FIELD {
            arguments.iter_mut().for_each(named_field);
        }
        let call = self.node(Node::Call(canonical.to_string(), arguments), Span { start, end: close.end }, children)?;
        self.members(call)
    }
}
