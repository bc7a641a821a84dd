//! Characters to tokens. Every token knows its characters; nothing here looks at more than one token.

use super::ast::Span;
use super::grammar::ParseError;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A bare name or a word operator; escaped dots are already part of the name.
    Word(String),
    /// `${…}`, or a bare name with an escaped dot: never a word operator.
    Name(String),
    /// Digits alone.
    Integer(u64),
    /// Digits with a fraction or an exponent.
    Number(f64),
    /// A literal in either quote.
    Text(String),
    /// Punctuation, the longest that fits.
    Symbol(&'static str),
    /// Past the last character.
    End,
}

/// A token and its characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
}

/// Longest first, so that `<=` is not `<` and `=`.
const SYMBOLS: &[&str] = &[
    "->", "=>", "=~", "!~", "==", "!=", "<=", ">=", "&&", "||", "?:", "??", "?.", "..", "+", "-", "*", "/", "%", "~",
    "!", "<", ">", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".", "=", "&", "|", "^", ";", "@", "#",
];

/// A name may begin with it.
pub(super) fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// A name may hold it.
pub(super) fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The name in `${First Name}` from `start` on, and where it ends. Inside, `\}` and `\\` are escapes; any other backslash
/// stands for itself.
pub(super) fn braced(chars: &[char], start: usize) -> Result<(String, usize), ParseError> {
    let error = |end: usize, message: &str| Err(ParseError { span: Span { start, end }, message: message.into() });
    let mut name = String::new();
    let mut at = start + 2;
    loop {
        match (chars.get(at), chars.get(at + 1)) {
            (None, _) => return error(chars.len(), "`${` is never closed: write `}` after the name"),
            (Some('}'), _) if name.is_empty() => return error(at + 1, "`${}` names no field"),
            (Some('}'), _) => return Ok((name, at + 1)),
            (Some('\\'), Some(escaped @ ('}' | '\\'))) => {
                name.push(*escaped);
                at += 2;
            }
            (Some(c), _) => {
                name.push(*c);
                at += 1;
            }
        }
    }
}

/// The tokens of an expression, an `End` last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == Kind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn error(&self, start: usize, message: impl Into<String>) -> ParseError {
        let end = self.at.max(start + 1).min(self.chars.len().max(start));
        ParseError { span: Span { start, end }, message: message.into() }
    }

    fn next(&mut self) -> Result<Token, ParseError> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let kind = match self.peek(0) {
            None => Kind::End,
            Some('$') if self.peek(1) == Some('{') => self.braced()?,
            Some(c) if starts_name(c) => self.word()?,
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some('.') if self.peek(1).is_some_and(|c| c.is_ascii_digit()) && !self.after_value() => self.number()?,
            Some(quote @ ('"' | '\'')) => self.text(quote)?,
            Some(c) => self.symbol(c)?,
        };
        Ok(Token { kind, span: Span { start, end: self.at } })
    }

    /// The character before is the end of a name or a bracket: a dot continues a path, it does not begin a number.
    fn after_value(&self) -> bool {
        let Some(before) = self.at.checked_sub(1).and_then(|at| self.chars.get(at)) else { return false };
        in_name(*before) || matches!(before, '}' | ']' | ')' | '"' | '\'')
    }

    fn braced(&mut self) -> Result<Kind, ParseError> {
        let (name, end) = braced(&self.chars, self.at)?;
        self.at = end;
        Ok(Kind::Name(name))
    }

    /// A name, in which `\.` stands for a dot.
    fn word(&mut self) -> Result<Kind, ParseError> {
        let mut name = String::new();
        let mut escaped = false;
        loop {
            match self.peek(0) {
                Some('$') if self.peek(1) == Some('{') => break,
                Some(c) if in_name(c) => {
                    name.push(c);
                    self.at += 1;
                }
                Some('\\') if self.peek(1) == Some('.') => {
                    name.push('.');
                    escaped = true;
                    self.at += 2;
                }
                _ => break,
            }
        }
        Ok(if escaped { Kind::Name(name) } else { Kind::Word(name) })
    }

    fn digits(&mut self, into: &mut String) {
        while let Some(c) = self.peek(0).filter(char::is_ascii_digit) {
            into.push(c);
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        let mut text = String::new();
        let mut whole = true;
        self.digits(&mut text);
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            whole = false;
            text.push('.');
            self.at += 1;
            self.digits(&mut text);
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self.peek(1 + sign).is_some_and(|c| c.is_ascii_digit()) {
                whole = false;
                text.push('e');
                text.extend(self.peek(1).filter(|_| sign == 1));
                self.at += 1 + sign;
                self.digits(&mut text);
            }
        }
        if self.peek(0).is_some_and(in_name) {
            self.at += 1;
            return Err(self.error(start, "a name cannot begin with a digit: write it as `${…}`"));
        }
        if whole {
            let value = text.parse().map_err(|_| self.error(start, "the number is too large: it must fit 64 bits"))?;
            return Ok(Kind::Integer(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Kind::Number(value)),
            _ => Err(self.error(start, "the number is too large for double precision")),
        }
    }

    /// A literal. An escape that means nothing keeps its backslash, so that patterns such as `"\d+"` stay what they are.
    fn text(&mut self, quote: char) -> Result<Kind, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.peek(0) else {
                return Err(self.error(start, format!("the text is never closed: write {quote} at its end")));
            };
            self.at += 1;
            if c == quote {
                return Ok(Kind::Text(text));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some(escape) = self.peek(0) else { continue };
            self.at += 1;
            match escape {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                '"' | '\'' | '\\' => text.push(escape),
                'u' => text.push(self.unicode()?),
                other => text.extend(['\\', other]),
            }
        }
    }

    /// The four digits after `\u`; a surrogate must have its pair.
    fn unicode(&mut self) -> Result<char, ParseError> {
        let start = self.at - 2;
        let first = self.hex(start)?;
        let code = if (0xD800..0xDC00).contains(&first) && self.peek(0) == Some('\\') && self.peek(1) == Some('u') {
            self.at += 2;
            let second = self.hex(start)?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(self.error(start, "half of a surrogate pair stands alone"));
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error(start, "half of a surrogate pair stands alone"))
    }

    fn hex(&mut self, start: usize) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(16)) else {
                return Err(self.error(start, "`\\u` needs four hexadecimal digits"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn symbol(&mut self, c: char) -> Result<Kind, ParseError> {
        let start = self.at;
        for symbol in SYMBOLS {
            if symbol.chars().enumerate().all(|(ahead, expected)| self.peek(ahead) == Some(expected)) {
                self.at += symbol.len();
                return Ok(Kind::Symbol(symbol));
            }
        }
        self.at += 1;
        Err(self.error(
            start,
            format!("`{}` means nothing here; a name that holds it is written `${{…}}`", c.escape_debug()),
        ))
    }
}
