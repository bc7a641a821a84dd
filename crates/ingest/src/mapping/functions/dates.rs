//! Functions of dates. A moment keeps the zone it was written in; its parts are those of that zone's clock.

use super::{Args, Builtin, Gives, Prepared, absent, builtin};
use crate::mapping::compile::shown;
use crate::mapping::moment::{Moment, Zone};
use crate::mapping::pattern::Pattern;
use crate::mapping::value::{Fault, Outcome, Value};
use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

pub(super) static ALL: &[Builtin] = &[
    builtin("now", 0, 0, Gives::Utc, |args| Ok(Value::Moment(Moment::utc(args.now.timestamp_micros())))),
    builtin("timestamp", 0, 0, Gives::Whole, |args| Ok(Value::Int(args.now.timestamp_millis()))),
    Builtin { prepare: Some((1, prepare)), ..builtin("format", 2, 2, Gives::Text, format) },
    Builtin { prepare: Some((1, prepare)), ..builtin("dformat", 2, 2, Gives::Text, dformat) },
    Builtin { prepare: Some((1, prepare)), ..builtin("date", 1, 3, Gives::Any, date) },
    builtin("date_part", 2, 2, Gives::Whole, date_part),
    builtin("set_date_part", 3, 3, Gives::Any, set_date_part),
    builtin("make_date_time", 8, 8, Gives::Any, make_date_time),
    builtin("zone_date_to_utc", 1, 1, Gives::Utc, zone_date_to_utc),
    builtin("zone_date_to_zone", 2, 2, Gives::Any, zone_date_to_zone),
];

fn prepare(text: &str) -> Result<Prepared, String> {
    Pattern::parse(text).map(Prepared::Date)
}

fn format<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(moment), Some(pattern)) = (args.moment(0)?, args.pattern(1)?) else {
        return Ok(Value::Null);
    };
    Ok(Value::owned(pattern.write(moment)))
}

fn dformat<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(millis), Some(pattern)) = (args.whole(0)?, args.pattern(1)?) else {
        return Ok(Value::Null);
    };
    Ok(Value::owned(pattern.write(of_millis(millis)?)))
}

/// A moment that a calendar has a date for.
fn of_millis(millis: i64) -> Result<Moment, Fault> {
    match chrono::DateTime::from_timestamp_millis(millis) {
        Some(utc) => Ok(Moment::utc(utc.timestamp_micros())),
        None => Err(format!("{millis} milliseconds are beyond the calendar").into()),
    }
}

fn date<'a>(args: &Args<'a>) -> Outcome<'a> {
    let value = args.value(0)?;
    if absent(&value) {
        return Ok(args.moment(2)?.map_or(Value::Null, Value::Moment));
    }
    if !matches!(value, Value::Text(_) | Value::Int(_) | Value::Number(_)) {
        return match value.moment() {
            Some(moment) => Ok(Value::Moment(moment)),
            None => Err(format!("{} is not a date in any known format", shown(&value)).into()),
        };
    }
    let text = value.clone().text().unwrap_or_default();
    let (found, how) = match args.pattern(1)? {
        Some(pattern) => (pattern.read(text.trim()), "by the format given"),
        None => (Moment::parse(&text), "in any known format"),
    };
    match found {
        Some(moment) => Ok(Value::Moment(moment)),
        None => Err(format!("{} is not a date {how}", shown(&value)).into()),
    }
}

fn date_part<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(component), Some(moment)) = (args.text(0)?, args.moment(1)?) else {
        return Ok(Value::Null);
    };
    let local = moment.local();
    let part = match component.to_lowercase().as_str() {
        "year" | "yyyy" | "yy" => local.year(),
        "quarter" | "qq" | "q" => local.month0() as i32 / 3 + 1,
        "month" | "mm" | "m" => local.month() as i32,
        "dayofyear" | "dy" | "y" => local.ordinal() as i32,
        "day" | "dd" | "d" => local.day() as i32,
        "week" | "ww" | "w" => local.iso_week().week() as i32,
        "weekday" | "dw" => local.weekday().number_from_monday() as i32,
        "hour" | "hh" | "hh24" => local.hour() as i32,
        "hh12" => local.hour12().1 as i32,
        "minute" | "mi" | "n" => local.minute() as i32,
        "second" | "ss" | "s" => local.second() as i32,
        "millisecond" | "ms" | "sss" => local.nanosecond() as i32 / 1_000_000,
        _ => return Err(format!("date_part() knows no component {component:?}").into()),
    };
    Ok(Value::Int(i64::from(part)))
}

fn set_date_part<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(component), Some(value), Some(moment)) = (args.text(0)?, args.whole(1)?, args.moment(2)?) else {
        return Ok(Value::Null);
    };
    let beyond = || Fault::from(format!("set_date_part() cannot set {component} to {value}"));
    let local = moment.local();
    let positive = u32::try_from(value).map_err(|_| beyond())?;
    let changed = match component.to_lowercase().as_str() {
        "year" | "yyyy" | "yy" => i32::try_from(value).ok().and_then(|year| local.with_year(year)),
        "month" | "mm" | "m" => local.with_month(positive),
        "day" | "dd" | "d" => local.with_day(positive),
        "hour" | "hh" => local.with_hour(positive),
        "minute" | "mi" | "n" => local.with_minute(positive),
        "second" | "ss" | "s" => local.with_second(positive),
        _ => return Err(format!("set_date_part() knows no component {component:?}").into()),
    };
    changed.and_then(|local| moment.zone.at(local)).map(Value::Moment).ok_or_else(beyond)
}

fn make_date_time<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut parts = [0i64; 7];
    for (at, part) in parts.iter_mut().enumerate() {
        let Some(value) = args.whole(at)? else {
            return Ok(Value::Null);
        };
        *part = value;
    }
    let Some(zone) = zone(args, 7)? else {
        return Ok(Value::Null);
    };
    let found = local(parts).and_then(|local| zone.at(local));
    found.map(Value::Moment).ok_or_else(|| format!("make_date_time() has no moment for {parts:?}").into())
}

fn local(parts: [i64; 7]) -> Option<NaiveDateTime> {
    let [month, day, hour, minute, second, nano] =
        [parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]].map(|n| u32::try_from(n).ok());
    NaiveDate::from_ymd_opt(i32::try_from(parts[0]).ok()?, month?, day?)?
        .and_hms_nano_opt(hour?, minute?, second?, nano?)
}

fn zone(args: &Args<'_>, at: usize) -> Result<Option<Zone>, Fault> {
    let Some(name) = args.text(at)? else {
        return Ok(None);
    };
    Zone::parse(&name).map(Some).ok_or_else(|| format!("{name:?} is not a time zone").into())
}

fn zone_date_to_utc<'a>(args: &Args<'a>) -> Outcome<'a> {
    Ok(args.moment(0)?.map_or(Value::Null, |moment| Value::Moment(Moment::utc(moment.micros))))
}

fn zone_date_to_zone<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(moment), Some(zone)) = (args.moment(0)?, zone(args, 1)?) else {
        return Ok(Value::Null);
    };
    Ok(Value::Moment(Moment { micros: moment.micros, zone }))
}
