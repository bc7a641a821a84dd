//! Moments: a point in time with the zone it was written in, and the texts that are read as one.
//!
//! Always holds: [`Moment::micros`] is UTC; the zone only says how the moment is shown and what its parts are.
//! A text without a zone is UTC. [`iso`] is the fast path that typing a column of timestamps spends its time in;
//! it accepts a superset of the ISO-like formats of PL §5.3, and [`Moment::parse`] tries the rest of that list in order.

use super::pattern::Pattern;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::str::FromStr;
use std::sync::LazyLock;

/// Formats that a text is tried against, in this order, after the ISO forms (PL §5.3).
const FORMATS: &[&str] = &[
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd HH:mm:ss.SSSZ",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-MMM-dd",
    "yyyyMMdd",
    "MM-dd-yyyy",
    "MMddyyyy",
    "M/dd/yyyy",
    "dd.M.yyyy",
    "M/dd/yyyy hh:mm:ss a",
    "dd.M.yyyy hh:mm:ss a",
    "dd.MMM.yyyy",
    "dd-MMM-yyyy",
];

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    FORMATS.iter().map(|f| Pattern::parse(f).expect("the listed formats are ours and a test reads them")).collect()
});

/// Where a moment's wall clock hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    Utc,
    /// Seconds east of UTC.
    Fixed(i32),
    /// A zone of the IANA database.
    Named(Tz),
}

impl Zone {
    /// `Z`, `UTC`, `GMT`, an offset, an IANA name, or one of the usual abbreviations.
    pub fn parse(text: &str) -> Option<Zone> {
        let text = text.trim();
        if let Some((seconds, used)) = offset(text.as_bytes()) {
            return (used == text.len()).then_some(Zone::fixed(seconds));
        }
        if let Some((name, seconds)) = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            let _ = name;
            return Some(Zone::fixed(i32::from(*seconds) * 60));
        }
        for prefix in ["GMT", "UTC", "UT"] {
            let rest = text.get(..prefix.len()).filter(|p| p.eq_ignore_ascii_case(prefix)).map(|p| &text[p.len()..]);
            if let Some((seconds, used)) = rest.and_then(|rest| short_offset(rest.as_bytes())) {
                return (used + prefix.len() == text.len()).then_some(Zone::fixed(seconds));
            }
        }
        let tz = Tz::from_str(text).ok()?;
        Some(if tz == Tz::UTC { Zone::Utc } else { Zone::Named(tz) })
    }

    /// UTC when the offset is none.
    pub fn fixed(seconds: i32) -> Zone {
        if seconds == 0 { Zone::Utc } else { Zone::Fixed(seconds) }
    }

    /// Seconds east of UTC at a moment.
    pub fn offset_at(self, micros: i64) -> i32 {
        match self {
            Zone::Utc => 0,
            Zone::Fixed(seconds) => seconds,
            Zone::Named(tz) => {
                let utc = DateTime::from_timestamp_micros(micros).unwrap_or_default();
                tz.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()
            }
        }
    }

    /// The name as `VV` shows it.
    pub fn name(self) -> String {
        match self {
            Zone::Utc => "UTC".into(),
            Zone::Fixed(seconds) => offset_text(seconds, true),
            Zone::Named(tz) => tz.name().into(),
        }
    }

    /// The moment when a wall clock in this zone shows `local`. In a gap the clock is put forward, as Java does; of
    /// two moments the earlier is taken.
    pub fn at(self, local: NaiveDateTime) -> Option<Moment> {
        let utc = match self {
            Zone::Utc => local,
            Zone::Fixed(seconds) => local.checked_sub_signed(Duration::seconds(i64::from(seconds)))?,
            Zone::Named(tz) => match tz.from_local_datetime(&local).earliest() {
                Some(found) => found.naive_utc(),
                None => {
                    let before = local.checked_sub_signed(Duration::hours(3))?;
                    let offset = tz.from_local_datetime(&before).earliest()?.offset().fix().local_minus_utc();
                    local.checked_sub_signed(Duration::seconds(i64::from(offset)))?
                }
            },
        };
        Some(Moment { micros: utc.and_utc().timestamp_micros(), zone: self })
    }
}

/// Minutes east of UTC of the abbreviations that American and European systems write.
const ABBREVIATIONS: &[(&str, i16)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("WET", 0),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("IST", 330),
    ("JST", 540),
    ("AEST", 600),
    ("AST", -240),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
];

/// A point in time and the zone it is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// How it is shown.
    pub zone: Zone,
}

impl Moment {
    /// A moment shown in UTC.
    pub fn utc(micros: i64) -> Moment {
        Moment { micros, zone: Zone::Utc }
    }

    /// Midnight of a day, UTC.
    pub fn midnight(day: NaiveDate) -> Moment {
        Moment::utc(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
    }

    /// What the wall clock of its zone shows.
    pub fn local(self) -> NaiveDateTime {
        let shift = i64::from(self.zone.offset_at(self.micros)) * 1_000_000;
        DateTime::from_timestamp_micros(self.micros.saturating_add(shift)).unwrap_or_default().naive_utc()
    }

    /// ISO-8601: seconds always, milliseconds or microseconds where there are any, and `Z` or the offset.
    pub fn text(self) -> String {
        let local = self.local();
        let micros = self.micros.rem_euclid(1_000_000);
        let mut text = local.format("%Y-%m-%dT%H:%M:%S").to_string();
        if micros != 0 {
            let fraction = if micros % 1000 == 0 { format!(".{:03}", micros / 1000) } else { format!(".{micros:06}") };
            text.push_str(&fraction);
        }
        text.push_str(&offset_text(self.zone.offset_at(self.micros), true));
        text
    }

    /// Reads a text: the ISO forms, with an offset, a zone name or none; then the listed formats in order.
    pub fn parse(text: &str) -> Option<Moment> {
        let text = text.trim();
        if let Some((micros, offset)) = iso(text.as_bytes()) {
            return Some(Moment { micros, zone: Zone::fixed(offset) });
        }
        if let Some(found) = with_zone_name(text) {
            return Some(found);
        }
        PATTERNS.iter().find_map(|pattern| pattern.read(text))
    }
}

/// `2019-10-17T11:55:12 PST`, `2021-10-14T23:15:15+02:00[Europe/Paris]`, `2021-10-14 23:15:15 Europe/Paris`.
fn with_zone_name(text: &str) -> Option<Moment> {
    if let Some((moment, name)) = text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        let (micros, _) = iso(moment.as_bytes())?;
        return Some(Moment { micros, zone: Zone::parse(name)? });
    }
    let (moment, name) = text.rsplit_once(' ')?;
    let zone = Zone::parse(name)?;
    let (micros, offset) = iso(moment.trim_end().as_bytes())?;
    if offset != 0 || moment.ends_with('Z') {
        return None;
    }
    zone.at(DateTime::from_timestamp_micros(micros)?.naive_utc())
}

/// `Z` with no offset, else `+hh:mm` or `+hhmm` (`+hh:mm:ss` where an old zone needs it).
pub(super) fn offset_text(seconds: i32, colon: bool) -> String {
    if seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let colon = if colon { ":" } else { "" };
    match rest {
        0 => format!("{sign}{hours:02}{colon}{minutes:02}"),
        _ => format!("{sign}{hours:02}{colon}{minutes:02}{colon}{rest:02}"),
    }
}

/// Reads `Z`, `+hh`, `+hhmm` or `+hh:mm` at the start: seconds, and bytes used.
pub(super) fn offset(text: &[u8]) -> Option<(i32, usize)> {
    let sign = match text.first()? {
        b'Z' | b'z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = two(text, 1)?;
    let (minutes, used) = match text.get(3) {
        Some(b':') => (two(text, 4)?, 6),
        Some(c) if c.is_ascii_digit() => (two(text, 3)?, 5),
        _ => (0, 3),
    };
    let within = hours <= 18 && minutes < 60;
    within.then_some((sign * (hours * 3600 + minutes * 60) as i32, used))
}

/// As [`offset`], and `+h`, which follows `GMT`.
pub(super) fn short_offset(text: &[u8]) -> Option<(i32, usize)> {
    if let Some(found) = offset(text).filter(|_| text[0] != b'Z' && text[0] != b'z') {
        return Some(found);
    }
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digit = text.get(1).filter(|c| c.is_ascii_digit())?;
    Some((sign * i32::from(digit - b'0') * 3600, 2))
}

fn two(text: &[u8], at: usize) -> Option<u32> {
    let (a, b) = (text.get(at)?.wrapping_sub(b'0'), text.get(at + 1)?.wrapping_sub(b'0'));
    (a < 10 && b < 10).then_some(u32::from(a) * 10 + u32::from(b))
}

/// Days since 1970-01-01 of a civil date (proleptic Gregorian).
fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from(month);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `yyyy-MM-dd`, then nothing, or `T` or a blank and `HH:mm[:ss[.fraction]]` with an offset or none: microseconds in
/// UTC, and the offset in seconds. No allocation, no formats.
#[inline]
pub fn iso(text: &[u8]) -> Option<(i64, i32)> {
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = two(text, 0)? * 100 + two(text, 2)?;
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    if month == 0 || month > 12 || day == 0 || day > days_in(year, month) {
        return None;
    }
    let midnight = days(i64::from(year), month, day) * 86_400;
    if text.len() == 10 {
        return Some((midnight * 1_000_000, 0));
    }
    if text.len() < 16 || !matches!(text[10], b'T' | b' ' | b't') || text[13] != b':' {
        return None;
    }
    let (hour, minute) = (two(text, 11)?, two(text, 14)?);
    let (mut second, mut micros, mut at) = (0, 0, 16);
    if text.get(at) == Some(&b':') {
        second = two(text, at + 1)?;
        at += 3;
        if text.get(at) == Some(&b'.') {
            let (fraction, used) = fraction(&text[at + 1..])?;
            micros = fraction;
            at += 1 + used;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut zone = 0;
    if at < text.len() {
        let from = at + usize::from(text[at] == b' ');
        let (seconds, used) = offset(&text[from..])?;
        if from + used != text.len() {
            return None;
        }
        zone = seconds;
    }
    let seconds = midnight + i64::from(hour * 3600 + minute * 60 + second) - i64::from(zone);
    Some((seconds * 1_000_000 + i64::from(micros), zone))
}

/// One to nine digits as microseconds, and how many there were.
fn fraction(text: &[u8]) -> Option<(u32, usize)> {
    let (mut micros, mut used) = (0, 0);
    while let Some(digit) = text.get(used).filter(|c| c.is_ascii_digit()) {
        if used < 6 {
            micros = micros * 10 + u32::from(digit - b'0');
        }
        used += 1;
    }
    for _ in used..6 {
        micros *= 10;
    }
    (1..=9).contains(&used).then_some((micros, used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = Moment::parse(text).map_or("nothing".to_string(), Moment::text);
        assert_eq!(found, expected, "reading {text:?}");
    }

    #[test]
    fn every_listed_format_is_read() {
        // PL §5.3, in the list's order.
        check("2024-03-05 06:07:08+0200", "2024-03-05T06:07:08+02:00");
        check("2024-03-05 06:07:08.009+0200", "2024-03-05T06:07:08.009+02:00");
        check("2024-03-05 06:07:08.009", "2024-03-05T06:07:08.009Z");
        check("2024-03-05T06:07:08.009Z", "2024-03-05T06:07:08.009Z");
        check("2024-03-05T06:07:08.009-08", "2024-03-05T06:07:08.009-08:00");
        check("2024-03-05T06:07:08Z", "2024-03-05T06:07:08Z");
        check("2024-03-05", "2024-03-05T00:00:00Z");
        check("2024/03/05", "2024-03-05T00:00:00Z");
        check("2024.03.05", "2024-03-05T00:00:00Z");
        check("2024-Mar-05", "2024-03-05T00:00:00Z");
        check("20240305", "2024-03-05T00:00:00Z");
        check("03-05-2024", "2024-03-05T00:00:00Z");
        check("12312024", "2024-12-31T00:00:00Z");
        check("3/05/2024", "2024-03-05T00:00:00Z");
        check("05.3.2024", "2024-03-05T00:00:00Z");
        check("3/05/2024 01:02:03 PM", "2024-03-05T13:02:03Z");
        check("05.3.2024 12:02:03 AM", "2024-03-05T00:02:03Z");
        check("05.Mar.2024", "2024-03-05T00:00:00Z");
        check("05-Mar-2024", "2024-03-05T00:00:00Z");
    }

    #[test]
    fn zone_names_are_understood() {
        check("2019-10-17T11:55:12 PST", "2019-10-17T11:55:12-08:00");
        check("2021-10-14T23:15:15+02:00[Europe/Paris]", "2021-10-14T23:15:15+02:00");
        check("2021-07-01 12:00:00 Europe/Paris", "2021-07-01T12:00:00+02:00");
        check("2021-07-01T12:00:00Z GMT", "nothing");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "x", "2024-13-01", "2024-02-30", "2023-02-29", "2024-01-01T24:00:00Z", "1390574181854"] {
            check(text, "nothing");
        }
        for text in ["2024-01-01T", "2024-01-01T10", "2024-01-01T10:00:00.Z", "2024-01-01T10:00:00+99:00", "é024-01-01"]
        {
            check(text, "nothing");
        }
    }

    #[test]
    fn the_fast_path_keeps_the_offset_and_cuts_below_a_microsecond() {
        assert_eq!(iso(b"1970-01-01T01:00:00.123456789+01:00"), Some((123_456, 3600)));
        assert_eq!(iso(b"1969-12-31T23:59:59.999Z"), Some((-1000, 0)));
        assert_eq!(iso(b"0001-01-01"), Some((-62_135_596_800_000_000, 0)));
    }

    #[test]
    fn a_clock_in_a_gap_is_put_forward() {
        let local = NaiveDate::from_ymd_opt(2021, 3, 28).unwrap().and_hms_opt(2, 30, 0).unwrap();
        let found = Zone::parse("Europe/Paris").unwrap().at(local).unwrap();
        assert_eq!(found.text(), "2021-03-28T03:30:00+02:00");
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_chrono(seconds in -62_135_596_800i64..253_402_300_799, micros in 0i64..1_000_000) {
            let moment = Moment::utc(seconds * 1_000_000 + micros);
            prop_assert_eq!(iso(moment.text().as_bytes()), Some((moment.micros, 0)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = Moment::parse(&text);
            let _ = Zone::parse(&text);
        }
    }
}
