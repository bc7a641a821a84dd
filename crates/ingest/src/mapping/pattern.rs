//! Date patterns as Java writes them (`yyyy-MM-dd'T'HH:mm:ss.SSSX`), to read texts and to write moments.
//!
//! `forebay_model::mapping::pattern` says what a pattern may hold. Counts mean what they mean in Java: one letter is as
//! many digits as there are, two or more are exactly as many. Names are English and read in any case. More lenient than
//! Java in two places: every offset letter reads every form of offset (`Z`, `+hh`, `+hhmm`, `+hh:mm`), and `Y` without a
//! week reads as the year, since people write `YYYY-MM-dd` and mean it.

use super::moment::{Moment, Zone, offset, offset_text, short_offset};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use forebay_model::mapping::pattern::{self, Item};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A pattern, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    items: Vec<Item>,
}

/// What a text gave so far.
#[derive(Debug, Clone, Default)]
struct Found {
    year: Option<i32>,
    week_year: Option<i32>,
    before_christ: bool,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    week: Option<u32>,
    weekday: Option<u32>,
    hour: Option<u32>,
    half_hour: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    zone: Option<Zone>,
}

impl Pattern {
    /// Checks a pattern; the error names the letter that is not supported.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        Ok(Pattern { items: pattern::parse(text)? })
    }

    /// Reads a whole text; a text without a zone is UTC.
    pub fn read(&self, text: &str) -> Option<Moment> {
        let mut found = Found::default();
        let rest = read_items(&self.items, text, &mut found)?;
        if rest.is_empty() { found.moment() } else { None }
    }

    /// Writes a moment by the wall clock of its zone.
    pub fn write(&self, moment: Moment) -> String {
        let mut out = String::new();
        write_items(&self.items, moment, moment.local(), &mut out);
        out
    }
}

fn read_items<'a>(items: &[Item], mut text: &'a str, found: &mut Found) -> Option<&'a str> {
    for item in items {
        text = match item {
            Item::Literal(literal) => text.strip_prefix(literal.as_str())?,
            Item::Field(letter, count) => read_field(*letter, *count, text, found)?,
            Item::Optional(items) => {
                let mut attempt = found.clone();
                match read_items(items, text, &mut attempt) {
                    Some(rest) => {
                        *found = attempt;
                        rest
                    }
                    None => text,
                }
            }
        };
    }
    Some(text)
}

fn read_field<'a>(letter: char, count: usize, text: &'a str, found: &mut Found) -> Option<&'a str> {
    match letter {
        'y' | 'u' | 'Y' => {
            let (year, rest) = digits(text, count, if count == 1 { 9 } else { count })?;
            let year = if count == 2 { year + 2000 } else { year } as i32;
            *(if letter == 'Y' { &mut found.week_year } else { &mut found.year }) = Some(year);
            Some(rest)
        }
        'M' | 'L' if count >= 3 => name(text, &MONTHS, count == 3).map(|(at, rest)| {
            found.month = Some(at + 1);
            rest
        }),
        'E' => name(text, &WEEKDAYS, count < 4).map(|(at, rest)| {
            found.weekday = Some(at);
            rest
        }),
        'Q' | 'q' if count >= 3 => None,
        'a' => {
            found.afternoon = Some(match text.get(..2)? {
                t if t.eq_ignore_ascii_case("AM") => false,
                t if t.eq_ignore_ascii_case("PM") => true,
                _ => return None,
            });
            Some(&text[2..])
        }
        'G' => read_era(text, found),
        'X' | 'x' | 'Z' | 'O' => {
            let prefixed = text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC"));
            let (rest, (seconds, used)) = match prefixed {
                Some(rest) => (rest, short_offset(rest.as_bytes()).unwrap_or((0, 0))),
                None => (text, offset(text.as_bytes())?),
            };
            found.zone = Some(Zone::fixed(seconds));
            Some(&rest[used..])
        }
        'z' | 'V' => {
            let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || "/_+-:".contains(c))).unwrap_or(text.len());
            found.zone = Some(Zone::parse(&text[..length])?);
            Some(&text[length..])
        }
        'S' => {
            let (value, rest) = digits(text, count, count)?;
            found.nanos = (value * 10i64.pow(9 - count as u32)) as u32;
            Some(rest)
        }
        _ => {
            let most = if letter == 'D' { 3 } else { 2 };
            let (value, rest) = digits(text, count, if count == 1 { most } else { count })?;
            found.set(letter, value as u32)?;
            Some(rest)
        }
    }
}

fn read_era<'a>(text: &'a str, found: &mut Found) -> Option<&'a str> {
    for (era, before) in
        [("Anno Domini", false), ("Before Christ", true), ("AD", false), ("BC", true), ("A", false), ("B", true)]
    {
        if text.get(..era.len()).is_some_and(|t| t.eq_ignore_ascii_case(era)) {
            found.before_christ = before;
            return Some(&text[era.len()..]);
        }
    }
    None
}

/// Between `least` and `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn name<'a>(text: &'a str, names: &[&str], short: bool) -> Option<(u32, &'a str)> {
    let wanted = |name: &str| {
        if short { name[..3].to_string() } else { name.to_string() }
    };
    let at = names.iter().position(|name| {
        let name = wanted(name);
        text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(&name))
    })?;
    Some((at as u32, &text[wanted(names[at]).len()..]))
}

impl Found {
    fn set(&mut self, letter: char, value: u32) -> Option<()> {
        match letter {
            'M' | 'L' => self.month = Some(value),
            'd' => self.day = Some(value),
            'D' => self.day_of_year = Some(value),
            'H' if value < 24 => self.hour = Some(value),
            'k' if (1..=24).contains(&value) => self.hour = Some(value % 24),
            'K' if value < 12 => self.half_hour = Some(value),
            'h' if (1..=12).contains(&value) => self.half_hour = Some(value % 12),
            'm' if value < 60 => self.minute = value,
            's' if value < 60 => self.second = value,
            'w' => self.week = Some(value),
            // Weeks of a month and quarters say nothing that the other letters do not; they are read over.
            'W' | 'F' | 'Q' | 'q' => {}
            _ => return None,
        }
        Some(())
    }

    fn date(&self) -> Option<NaiveDate> {
        if let (Some(year), Some(week)) = (self.week_year.or(self.year), self.week) {
            let weekday = Weekday::try_from(self.weekday.unwrap_or(0) as u8).ok()?;
            return NaiveDate::from_isoywd_opt(year, week, weekday);
        }
        let year = self.year.or(self.week_year).unwrap_or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() => NaiveDate::from_yo_opt(year, day)?,
            _ => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let agrees = self.weekday.is_none_or(|weekday| date.weekday().num_days_from_monday() == weekday);
        (agrees || self.day.is_none() && self.day_of_year.is_none()).then_some(date)
    }

    fn moment(&self) -> Option<Moment> {
        let hour = match (self.hour, self.half_hour, self.afternoon) {
            (Some(hour), _, _) => hour,
            (None, Some(hour), afternoon) => hour + if afternoon == Some(true) { 12 } else { 0 },
            (None, None, _) => 0,
        };
        let time = NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        self.zone.unwrap_or(Zone::Utc).at(NaiveDateTime::new(self.date()?, time))
    }
}

fn write_items(items: &[Item], moment: Moment, local: NaiveDateTime, out: &mut String) {
    for item in items {
        match item {
            Item::Literal(literal) => out.push_str(literal),
            Item::Field(letter, count) => write_field(*letter, *count, moment, local, out),
            Item::Optional(items) => write_items(items, moment, local, out),
        }
    }
}

fn write_field(letter: char, count: usize, moment: Moment, local: NaiveDateTime, out: &mut String) {
    let seconds = moment.zone.offset_at(moment.micros);
    let number = match letter {
        'y' | 'u' | 'Y' => {
            let year = match letter {
                'Y' => local.iso_week().year(),
                'y' if local.year() <= 0 => 1 - local.year(),
                _ => local.year(),
            };
            if count == 2 { year.rem_euclid(100) as u32 } else { year.unsigned_abs() }
        }
        'M' | 'L' if count >= 3 => {
            return out.push_str(short(MONTHS[local.month0() as usize], count == 3));
        }
        'M' | 'L' => local.month(),
        'd' => local.day(),
        'D' => local.ordinal(),
        'H' => local.hour(),
        'k' => {
            if local.hour() == 0 {
                24
            } else {
                local.hour()
            }
        }
        'K' => local.hour() % 12,
        'h' => local.hour12().1,
        'm' => local.minute(),
        's' => local.second(),
        'w' => local.iso_week().week(),
        'W' => (local.day() + local.with_day(1).map_or(0, |first| first.weekday().num_days_from_monday())).div_ceil(7),
        'F' => (local.day() - 1) / 7 + 1,
        'Q' | 'q' if count == 3 => return push(out, format_args!("Q{}", local.month0() / 3 + 1)),
        'Q' | 'q' if count > 3 => {
            let names = ["1st", "2nd", "3rd", "4th"];
            return push(out, format_args!("{} quarter", names[(local.month0() / 3) as usize]));
        }
        'Q' | 'q' => local.month0() / 3 + 1,
        'S' => {
            return push(out, format_args!("{:0count$}", local.nanosecond() / 10u32.pow(9 - count as u32)));
        }
        'a' => return out.push_str(if local.hour() < 12 { "AM" } else { "PM" }),
        'E' => {
            return out.push_str(short(WEEKDAYS[local.weekday().num_days_from_monday() as usize], count < 4));
        }
        'G' if count > 3 => {
            return out.push_str(if local.year() > 0 { "Anno Domini" } else { "Before Christ" });
        }
        'G' => return out.push_str(if local.year() > 0 { "AD" } else { "BC" }),
        'V' => return out.push_str(&moment.zone.name()),
        'z' => return out.push_str(&zone_letters(moment)),
        _ => return write_offset(letter, count, seconds, out),
    };
    push(out, format_args!("{number:0count$}"));
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}

fn short(name: &str, short: bool) -> &str {
    if short { &name[..3] } else { name }
}

/// `PST` where the zone has letters at that moment, else its offset.
fn zone_letters(moment: Moment) -> String {
    match moment.zone {
        Zone::Named(tz) => chrono::DateTime::from_timestamp_micros(moment.micros)
            .map_or_else(|| tz.name().to_string(), |utc| utc.with_timezone(&tz).format("%Z").to_string()),
        other => other.name(),
    }
}

fn write_offset(letter: char, count: usize, seconds: i32, out: &mut String) {
    let zero = match (letter, count) {
        ('X', _) | ('Z', 5) => "Z",
        ('Z', 4) | ('O', _) => "GMT",
        ('x', 1) => "+00",
        ('x', 3 | 5) => "+00:00",
        _ => "+0000",
    };
    if seconds == 0 {
        return out.push_str(zero);
    }
    let text = match (letter, count) {
        ('X' | 'x', 1) if seconds % 3600 == 0 => offset_text(seconds, false)[..3].to_string(),
        ('X' | 'x', 1 | 2 | 4) | ('Z', 1..=3) => offset_text(seconds, false),
        ('Z', 4) => format!("GMT{}", offset_text(seconds, true)),
        ('O', 1) if seconds % 3600 == 0 => format!("GMT{:+}", seconds / 3600),
        ('O', _) => format!("GMT{}", offset_text(seconds, true)),
        _ => offset_text(seconds, true),
    };
    out.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: &str) {
        let found = match Pattern::parse(pattern) {
            Ok(pattern) => pattern.read(text).map_or("nothing".into(), Moment::text),
            Err(why) => why,
        };
        assert_eq!(found, expected, "reading {text:?} by {pattern}");
    }

    #[track_caller]
    fn check_write(pattern: &str, moment: &str, expected: &str) {
        let moment = Moment::parse(moment).unwrap();
        assert_eq!(Pattern::parse(pattern).unwrap().write(moment), expected, "writing by {pattern}");
    }

    #[test]
    fn texts_are_read_as_java_reads_them() {
        check("yyyy-MM-dd HH:mm", "2019-10-23 11:24", "2019-10-23T11:24:00Z");
        check("d MMMM yyyy", "5 march 2024", "2024-03-05T00:00:00Z");
        check("EEE, d MMM yyyy HH:mm:ss Z", "Tue, 5 Mar 2024 01:02:03 -0500", "2024-03-05T01:02:03-05:00");
        check("yyyy-DDD", "2024-060", "2024-02-29T00:00:00Z");
        check("YYYY-'W'ww-E", "2024-W01-Mon", "2024-01-01T00:00:00Z");
        check("YYYY-MM-dd", "2024-05-06", "2024-05-06T00:00:00Z");
        check("yy/M/d h:mm a", "24/3/5 12:30 am", "2024-03-05T00:30:00Z");
        check("yyyy-MM-dd kk:mm", "2024-03-05 24:30", "2024-03-05T00:30:00Z");
        check("KK a", "11 PM", "1970-01-01T23:00:00Z");
        check("yyyy-MM-dd HH:mm:ss VV", "2024-07-01 12:00:00 America/New_York", "2024-07-01T12:00:00-04:00");
        check("yyyy-MM-dd HH:mm:ss z", "2024-07-01 12:00:00 PST", "2024-07-01T12:00:00-08:00");
        check("yyyy-MM-dd O", "2024-07-01 GMT+8", "2024-07-01T00:00:00+08:00");
        check("yyyy-MM-dd['T'HH:mm[:ss]]", "2024-07-01T10:11", "2024-07-01T10:11:00Z");
        check("yyyy-MM-dd['T'HH:mm[:ss]]", "2024-07-01", "2024-07-01T00:00:00Z");
        check("y G", "44 BC", "-0043-01-01T00:00:00Z");
        check("h 'o''clock' a", "3 o'clock PM", "1970-01-01T15:00:00Z");
        check("'é'yyyy", "é2024", "2024-01-01T00:00:00Z");
    }

    #[test]
    fn texts_that_do_not_fit_are_refused() {
        check("yyyy-MM-dd", "2024-3-5", "nothing");
        check("yyyy-MM-dd", "2024-03-05x", "nothing");
        check("yyyy-MM-dd", "2024-02-30", "nothing");
        check("HH:mm", "24:00", "nothing");
        check("EEE yyyy-MM-dd", "Mon 2024-03-05", "nothing");
        check("a", "é", "nothing");
    }

    #[test]
    fn moments_are_written_as_java_writes_them() {
        let at = "2019-10-03T15:04:05.067+05:30";
        check_write("yyyy-MM-dd'T'HH:mm:ss.SSSX", at, "2019-10-03T15:04:05.067+0530");
        check_write("yy M d h:m:s a, EEEE d. MMM", at, "19 10 3 3:4:5 PM, Thursday 3. Oct");
        check_write("XXX Z ZZZZ ZZZZZ O xx", at, "+05:30 +0530 GMT+05:30 +05:30 GMT+05:30 +0530");
        check_write("DDD w W F Q QQQ G k K u", at, "276 40 1 1 4 Q4 AD 15 3 2019");
        check_write("X Z O VV x xxx", "2019-10-03", "Z +0000 GMT UTC +00 +00:00");
        check_write("HH:mm z", "2024-07-01 12:00:00 America/New_York", "12:00 EDT");
        check_write("SS", "2024-07-01T00:00:00.789Z", "78");
        check_write("YYYY-ww", "2024-12-30", "2025-01");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -60_000_000_000i64..250_000_000_000, millis in 0i64..1000) {
            let moment = Moment::utc(seconds * 1_000_000 + millis * 1000);
            for pattern in ["yyyy-MM-dd HH:mm:ss.SSSZ", "d MMMM yyyy, hh:mm:ss.SSS a X", "EEE yyyyMMddHHmmssSSS"] {
                let pattern = Pattern::parse(pattern).unwrap();
                prop_assert_eq!(pattern.read(&pattern.write(moment)), Some(moment));
            }
        }

        #[test]
        fn no_pattern_and_no_text_panics(pattern in "[a-zA-Z'\\[\\]é ]{0,12}", text in "\\PC{0,20}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                let _ = pattern.read(&text);
                let _ = pattern.write(Moment::utc(0));
            }
        }
    }
}
