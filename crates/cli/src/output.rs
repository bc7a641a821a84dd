//! What is printed: data to stdout in one of five formats, talk to stderr. Nothing that a name holds can move the cursor:
//! control characters are escaped.

use crate::failure::{Failure, Result};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// One YAML document.
    Yaml,
    /// A head line, and one line for each row.
    Csv,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On terminals, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where and how things are printed.
#[derive(Debug, Clone)]
pub struct Screen {
    /// How data is printed.
    pub format: Format,
    /// Columns; `None`: as many as it takes.
    pub width: Option<usize>,
    /// -1 is quiet, 1 and 2 tell of calls.
    pub level: i8,
    colour: bool,
    /// Now, for ages.
    pub now: DateTime<Utc>,
}

impl Screen {
    /// As the flags, the environment and the terminal have it.
    pub fn new(format: Option<Format>, colour: Colour, width: Option<usize>, level: i8) -> Screen {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !no_colour && std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || {
            let (_, columns) = dialoguer::console::Term::stdout().size_checked()?;
            Some(usize::from(columns))
        };
        let width = width.or(columns).or_else(terminal).map(|width: usize| width.clamp(20, 1000));
        Screen { format: format.unwrap_or(Format::Table), width, level, colour, now: Utc::now() }
    }

    /// Whether a program reads what is printed.
    pub fn machine(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// Whether someone sits before it who can be asked.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    fn paint(&self, text: &str, code: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }

    /// What went well.
    pub fn good(&self, text: &str) -> String {
        self.paint(text, "32")
    }

    /// What needs a look.
    pub fn warn(&self, text: &str) -> String {
        self.paint(text, "33")
    }

    /// What went wrong.
    pub fn bad(&self, text: &str) -> String {
        self.paint(text, "31")
    }

    /// What is beside the point.
    pub fn dim(&self, text: &str) -> String {
        self.paint(text, "2")
    }

    /// What stands out.
    pub fn bold(&self, text: &str) -> String {
        self.paint(text, "1")
    }

    /// Talk, unless it is quiet.
    pub fn say(&self, text: &str) {
        if self.level >= 0 {
            self.say_always(text);
        }
    }

    /// Talk that is heard when it is quiet too: failures. A stderr that is closed hears nothing.
    pub fn say_always(&self, text: &str) {
        writeln!(std::io::stderr(), "{text}").ok();
    }

    /// Talk for `-v` and `-vv`.
    pub fn tell(&self, level: i8, text: &str) {
        if self.level >= level {
            self.say_always(&self.dim(text));
        }
    }

    /// Data, with a line end.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn print(&self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// A list: a table with these columns, or the rows as they are.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn list(&self, columns: &[Column], rows: &[Value]) -> Result<()> {
        self.print(&self.list_text(columns, rows)?)
    }

    /// The text of [`Screen::list`].
    pub fn list_text(&self, columns: &[Column], rows: &[Value]) -> Result<String> {
        Ok(match self.format {
            Format::Table => self.table(columns, rows),
            Format::Csv => csv(columns, rows),
            Format::Jsonl => rows.iter().map(|row| format!("{row}\n")).collect(),
            Format::Json => format!("{:#}\n", Value::Array(rows.to_vec())),
            Format::Yaml => yaml(&Value::Array(rows.to_vec()))?,
        })
    }

    /// One thing: its members in lines, or as it is.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn one(&self, columns: &[Column], thing: &Value) -> Result<()> {
        self.print(&self.one_text(columns, thing)?)
    }

    /// The text of [`Screen::one`].
    pub fn one_text(&self, columns: &[Column], thing: &Value) -> Result<String> {
        Ok(match self.format {
            Format::Table => {
                let widest = columns.iter().map(|column| column.head.chars().count()).max().unwrap_or(0);
                let mut text = String::new();
                for column in columns {
                    let cell = column.cell(thing, self);
                    if !cell.is_empty() {
                        let pad = " ".repeat(widest - column.head.chars().count());
                        text.push_str(&format!("{}{pad}  {}\n", self.dim(column.head), self.mark(&cell)));
                    }
                }
                text
            }
            Format::Csv => csv(columns, std::slice::from_ref(thing)),
            Format::Json => format!("{thing:#}\n"),
            Format::Jsonl => format!("{thing}\n"),
            Format::Yaml => yaml(thing)?,
        })
    }

    fn table(&self, columns: &[Column], rows: &[Value]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(match self.width {
            Some(_) => ContentArrangement::Dynamic,
            None => ContentArrangement::Disabled,
        });
        if let Some(width) = self.width {
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        let shown = match self.width.map(|width| self.fitting(columns, rows, width)) {
            Some(0) => return rows.iter().map(|row| self.record(columns, row)).collect::<Vec<_>>().join("\n"),
            Some(count) => count,
            None => columns.len(),
        };
        let (columns, hidden) = columns.split_at(shown);
        table.set_header(columns.iter().map(|column| Cell::new(column.head)));
        for row in rows {
            table.add_row(columns.iter().map(|column| {
                let cell = Cell::new(column.cell(row, self));
                if column.number { cell.set_alignment(CellAlignment::Right) } else { cell }
            }));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let mut lines = text.splitn(2, '\n');
        let (head, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let mut text = format!("{}\n{}", self.bold(head), self.mark(rest));
        if !hidden.is_empty() {
            let heads: Vec<&str> = hidden.iter().map(|column| column.head).collect();
            text.push_str(&self.dim(&format!("(not shown: {})", heads.join(", "))));
            text.push('\n');
        }
        text
    }

    /// How many of the columns fit without their cells being cut to pieces: the last ones are given up first. None (0)
    /// where so few would fit that rows are better told one below the other.
    fn fitting(&self, columns: &[Column], rows: &[Value], width: usize) -> usize {
        const LEAST: usize = 10;
        let mut used = 0;
        let mut count = 0;
        for column in columns {
            let widest = rows.iter().map(|row| column.cell(row, self).chars().count()).max().unwrap_or(0);
            used += widest.min(LEAST).max(column.head.chars().count()) + 2;
            if used > width {
                break;
            }
            count += 1;
        }
        if count == columns.len() || width >= 60 { count } else { 0 }
    }

    fn record(&self, columns: &[Column], row: &Value) -> String {
        let cells = columns.iter().map(|column| (column.head, column.cell(row, self)));
        let lines = cells.filter(|(_, cell)| !cell.is_empty());
        lines.map(|(head, cell)| format!("{}: {}\n", self.dim(head), self.mark(&cell))).collect()
    }

    /// Colours the signs of a text.
    fn mark(&self, text: &str) -> String {
        if !self.colour {
            return text.to_string();
        }
        let text = text.replace('✔', &self.good("✔")).replace('✖', &self.bad("✖"));
        text.replace('▲', &self.warn("▲"))
    }
}

/// A column of a list, or a member of a thing.
#[derive(Clone)]
pub struct Column {
    head: &'static str,
    pointer: &'static str,
    number: bool,
    show: fn(&Value, &Value, &Screen) -> String,
}

/// Those of the columns that some row has something for.
pub fn told_of(columns: &[Column], rows: &[Value]) -> Vec<Column> {
    let has =
        |column: &&Column| rows.iter().any(|row| row.pointer(column.pointer).is_some_and(|value| !value.is_null()));
    columns.iter().filter(has).cloned().collect()
}

/// A column of texts.
pub const fn text(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, number: false, show: |value, _, _| plain(value) }
}

/// A column of numbers, in groups of three digits.
pub const fn number(head: &'static str, pointer: &'static str) -> Column {
    Column {
        head,
        pointer,
        number: true,
        show: |value, _, _| value.as_i64().map(grouped).unwrap_or_else(|| plain(value)),
    }
}

/// A column of sizes.
pub const fn size(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, number: true, show: |value, _, _| value.as_f64().map(bytes).unwrap_or_default() }
}

/// A column of moments, in epoch milliseconds or ISO 8601, told by their age.
pub const fn age(head: &'static str, pointer: &'static str) -> Column {
    Column {
        head,
        pointer,
        number: false,
        show: |value, _, screen| time(value).map(|at| ago(at, screen.now)).unwrap_or_default(),
    }
}

/// A column of moments, told exactly.
pub const fn moment(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, number: false, show: |value, _, _| time(value).map(exact).unwrap_or_default() }
}

/// A column of spans in milliseconds.
pub const fn span(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, number: true, show: |value, _, _| value.as_f64().map(duration).unwrap_or_default() }
}

/// A column that is told in its own way: by its value, and the whole row.
pub const fn told(head: &'static str, pointer: &'static str, show: fn(&Value, &Value, &Screen) -> String) -> Column {
    Column { head, pointer, number: false, show }
}

impl Column {
    fn cell(&self, row: &Value, screen: &Screen) -> String {
        clean(&(self.show)(row.pointer(self.pointer).unwrap_or(&Value::Null), row, screen))
    }
}

/// A value as a cell: texts bare, nothing for null, lists by commas.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Escapes what could move the cursor, hide text or turn it round.
pub fn clean(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(hostile) {
        return text.to_string();
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => clean.push_str("\\n"),
            '\t' => clean.push_str("\\t"),
            '\r' => clean.push_str("\\r"),
            c if hostile(c) => clean.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => clean.push(c),
        }
    }
    clean
}

/// Thousands apart: `6,120,004`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// `382 MB`.
pub fn bytes(count: f64) -> String {
    let mut count = count;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if count < 1000.0 {
            return if unit == "B" || count >= 100.0 {
                format!("{count:.0} {unit}")
            } else {
                format!("{count:.1} {unit}")
            };
        }
        count /= 1000.0;
    }
    format!("{count:.1} PB")
}

/// `1 m 38 s`, of milliseconds.
pub fn duration(millis: f64) -> String {
    let seconds = (millis / 1000.0).round().max(0.0) as u64;
    match seconds {
        _ if millis < 1000.0 => format!("{millis:.0} ms"),
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A moment in epoch milliseconds or ISO 8601.
pub fn time(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(millis) => DateTime::from_timestamp_millis(millis.as_i64()?),
        Value::String(text) => {
            // The audit trail leaves out the colon of its offset.
            let read = DateTime::parse_from_rfc3339(text);
            Some(read.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")).ok()?.to_utc())
        }
        _ => None,
    }
}

/// `2026-11-25T23:53:16Z`.
pub fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// `12 min ago`, `in 4 min`.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    let rough = match seconds.abs() {
        0..90 => format!("{} s", seconds.abs()),
        90..5400 => format!("{} min", (seconds.abs() + 30) / 60),
        5400..129_600 => format!("{} h", (seconds.abs() + 1800) / 3600),
        days => format!("{} d", (days + 43_200) / 86_400),
    };
    if seconds < 0 { format!("in {rough}") } else { format!("{rough} ago") }
}

/// A value as YAML.
///
/// # Errors
/// When it cannot be said in YAML.
pub fn yaml(value: &impl serde::Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|e| Failure::new(crate::failure::Exit::Failed, format!("no YAML can be made of it: {e}")))
}

/// Rows as CSV. What a spreadsheet would take for a formula is neutralised.
pub fn csv(columns: &[Column], rows: &[Value]) -> String {
    let mut text = line(columns.iter().map(|column| column.head.to_lowercase().replace(' ', "_")));
    for row in rows {
        text.push_str(&line(columns.iter().map(|column| cell(row.pointer(column.pointer).unwrap_or(&Value::Null)))));
    }
    text
}

/// One line of CSV.
pub fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted = cells.map(|cell| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

/// A value as a cell of CSV.
pub fn cell(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        value => plain(value),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
