//! Writing JSON and instants as text without building trees: what pages of records are made of.

/// Mixes numbers into one that looks random.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number for a name.
pub(super) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Appends a JSON string.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if u32::from(c) < 0x20 => {
                    let hex = b"0123456789abcdef";
                    out.push_str("\\u00");
                    out.push(char::from(hex[(u32::from(c) >> 4) as usize]));
                    out.push(char::from(hex[(u32::from(c) & 15) as usize]));
                }
                c => out.push(c),
            }
        }
    } else {
        out.push_str(text);
    }
    out.push('"');
}

/// Appends a number.
pub(super) fn number(out: &mut String, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

fn padded(out: &mut String, value: u64, width: usize) {
    let mut digits = [b'0'; 8];
    let mut rest = value;
    for digit in digits[..width].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.push_str(std::str::from_utf8(&digits[..width]).expect("digits are ASCII"));
}

/// Year, month and day of a number of days since 1970 (after Howard Hinnant's `civil_from_days`).
pub(super) fn civil(days: i64) -> (i64, u64, u64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u64;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u64;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `YYYY-MM-DD`.
pub(super) fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    padded(out, year.unsigned_abs(), 4);
    out.push('-');
    padded(out, month, 2);
    out.push('-');
    padded(out, day, 2);
}

/// Appends an instant, with milliseconds unless there are none: both occur.
pub(super) fn instant(out: &mut String, ms: i64) {
    date(out, ms.div_euclid(86_400_000));
    let of_day = ms.rem_euclid(86_400_000) as u64;
    out.push('T');
    padded(out, of_day / 3_600_000, 2);
    out.push(':');
    padded(out, of_day / 60_000 % 60, 2);
    out.push(':');
    padded(out, of_day / 1_000 % 60, 2);
    if !of_day.is_multiple_of(1_000) {
        out.push('.');
        padded(out, of_day % 1_000, 3);
    }
    out.push('Z');
}

/// An instant as text.
pub(super) fn instant_text(ms: i64) -> String {
    let mut out = String::with_capacity(24);
    instant(&mut out, ms);
    out
}

/// Milliseconds since 1970 of a date, an instant or a number of milliseconds; `None` for anything else.
pub(super) fn parse_instant(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ms: i64, expected: &str) {
        assert_eq!(instant_text(ms), expected);
        assert_eq!(parse_instant(expected), Some(ms));
    }

    #[test]
    fn instants_are_written_as_chrono_reads_them() {
        check(0, "1970-01-01T00:00:00Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(1_709_164_800_120, "2024-02-29T00:00:00.120Z");
        check(951_868_800_000, "2000-03-01T00:00:00Z");
        check(253_402_300_799_000, "9999-12-31T23:59:59Z");
        for at in 0..3_000i64 {
            let ms = at * 86_400_007 * 13 - 40_000_000_000_000;
            let expected = chrono::DateTime::from_timestamp_millis(ms).unwrap();
            assert_eq!(parse_instant(&instant_text(ms)), Some(expected.timestamp_millis()));
        }
    }

    #[test]
    fn strings_are_those_of_serde() {
        for text in ["", "plain", "a\"b\\c\n\r\t\u{1}\u{1f}é🙂\u{202e}"] {
            let mut out = String::new();
            quoted(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
