//! Contacts that look real: names of many scripts, fields with quotes, commas and line breaks, a few nulls. The same
//! seed gives the same bytes, for any number of rows: row `n` does not depend on how many follow.

use crate::Random;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use std::io::{self, Write};

/// The columns of [`people_csv`].
pub const COLUMNS: [&str; 13] = [
    "id", "firstName", "lastName", "email", "phone", "country", "birthDate", "createdAt", "score", "amount", "tags",
    "active", "notes",
];

const FIRST: [&str; 20] = [
    "Ada", "Grace", "José", "Zoë", "Björn", "Łukasz", "Siobhán", "美咲", "Олена", "محمد", "Ngọc", "Anne-Marie", "李",
    "Ravi", "Chloé", "D'Arcy", "Ayşe", "Mehmet", "Ingrid", "Tadeusz",
];
const LAST: [&str; 20] = [
    "Lovelace", "Hopper", "García Márquez", "O'Brien", "Müller", "Straße", "Kowalska", "田中", "Шевченко", "الخوارزمي",
    "Nguyễn", "van der Berg", "王", "Gupta", "Dubois, Jr.", "MacLeod", "Yılmaz", "Smith \"Smitty\"", "Ødegård", "Novák",
];
const PLAIN: [&str; 20] = [
    "ada", "grace", "jose", "zoe", "bjorn", "lukasz", "siobhan", "misaki", "olena", "mohammed", "ngoc", "anne-marie",
    "li", "ravi", "chloe", "darcy", "ayse", "mehmet", "ingrid", "tadeusz",
];
const COUNTRIES: [&str; 12] = ["DE", "FR", "US", "GB", "PL", "JP", "UA", "EG", "VN", "NL", "CN", "IN"];
const TAGS: [&str; 6] = ["new", "vip", "newsletter", "trial", "partner", "churned"];
const NOTES: [&str; 6] = [
    "Called twice, will call again",
    "Said: \"maybe next year\"",
    "First line\nsecond line",
    "Prefers e-mail; not phone",
    "会議で会いました",
    "100 % sure – really",
];

/// One contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// From 1.
    pub id: u64,
    /// Given name.
    pub first: &'static str,
    /// Family name.
    pub last: &'static str,
    /// Unique, ASCII.
    pub email: String,
    /// Missing for 2 in 100.
    pub phone: Option<String>,
    /// Two letters.
    pub country: &'static str,
    /// `YYYY-MM-DD`.
    pub birth: String,
    /// When the contact was made.
    pub created: DateTime<Utc>,
    /// 0 to 100 with two decimals; missing for 3 in 100.
    pub score: Option<f64>,
    /// In hundredths.
    pub cents: i64,
    /// Any number of labels.
    pub tags: Vec<&'static str>,
    /// Still a customer.
    pub active: bool,
    /// Missing for half.
    pub notes: Option<&'static str>,
}

impl Person {
    /// Contact number `id` of a seed.
    pub fn of(seed: u64, id: u64) -> Person {
        let mut random = Random::new(seed ^ id.wrapping_mul(0xd134_2543_de82_ef95));
        let name = random.below(FIRST.len() as u64) as usize;
        let birth = DateTime::UNIX_EPOCH - Duration::days(3650) + Duration::days(random.below(15_000) as i64);
        // 2021-01-01 and three and a half years on, to the millisecond.
        let created = 1_609_459_200_000 + random.below(110_000_000_000) as i64;
        Person {
            id,
            first: FIRST[name],
            last: random.pick(&LAST),
            email: format!("{}.{id}@example.{}", PLAIN[name], random.pick(&["com", "org", "net"])),
            phone: (!random.chance(2)).then(|| format!("+49 {} {}", 100 + random.below(900), 100_000 + random.below(900_000))),
            country: random.pick(&COUNTRIES),
            birth: birth.format("%Y-%m-%d").to_string(),
            created: DateTime::from_timestamp_millis(created).unwrap_or_default(),
            score: (!random.chance(3)).then(|| random.below(10_001) as f64 / 100.0),
            cents: random.below(1_000_000_000) as i64 - 100_000_000,
            tags: TAGS.iter().copied().filter(|_| random.chance(30)).collect(),
            active: random.chance(80),
            notes: random.chance(50).then(|| random.pick(&NOTES)),
        }
    }

    /// The fields in the order of [`COLUMNS`], as text; a null is empty.
    pub fn fields(&self) -> [String; 13] {
        let sign = if self.cents < 0 { "-" } else { "" };
        [
            self.id.to_string(),
            self.first.to_string(),
            self.last.to_string(),
            self.email.clone(),
            self.phone.clone().unwrap_or_default(),
            self.country.to_string(),
            self.birth.clone(),
            self.created.to_rfc3339_opts(SecondsFormat::Millis, true),
            self.score.map(|score| score.to_string()).unwrap_or_default(),
            format!("{sign}{}.{:02}", self.cents.abs() / 100, self.cents.abs() % 100),
            self.tags.join("|"),
            self.active.to_string(),
            self.notes.unwrap_or_default().to_string(),
        ]
    }
}

/// Lines of a CSV file with `rows` contacts, the header first, each with its line end.
pub fn people_csv(seed: u64, rows: u64) -> impl Iterator<Item = String> {
    let header = std::iter::once(COLUMNS.map(str::to_string));
    header.chain((1..=rows).map(move |id| Person::of(seed, id).fields())).map(|fields| csv_line(&fields, ','))
}

/// The same, written out.
pub fn write_people(to: &mut impl Write, seed: u64, rows: u64) -> io::Result<()> {
    for line in people_csv(seed, rows) {
        to.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// One line: quoted where need be, quotes doubled.
pub(crate) fn csv_line(fields: &[String], delimiter: char) -> String {
    let mut line = String::new();
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            line.push(delimiter);
        }
        if field.contains([delimiter, '"', '\n', '\r']) {
            line.push('"');
            line.push_str(&field.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(field);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let text: String = people_csv(7, 6).collect();
        assert_eq!(text, people_csv(7, 100).take(7).collect::<String>());
        assert_ne!(text, people_csv(8, 6).collect::<String>());
        expect![[r#"
            id,firstName,lastName,email,phone,country,birthDate,createdAt,score,amount,tags,active,notes
            1,李,Hopper,li.1@example.net,+49 675 334773,JP,1989-11-26,2022-07-23T22:32:32.951Z,27.93,1774693.35,newsletter,false,
            2,Siobhán,van der Berg,siobhan.2@example.net,+49 950 703455,JP,1989-03-18,2023-09-19T21:56:43.392Z,39.57,572281.71,newsletter|trial,false,会議で会いました
            3,Ada,Шевченко,ada.3@example.com,+49 659 665241,DE,1961-01-02,2022-04-17T10:50:33.488Z,63.21,7298387.77,new|partner,true,Prefers e-mail; not phone
            4,美咲,الخوارزمي,misaki.4@example.net,+49 328 917209,DE,1982-01-11,2022-02-14T04:02:09.310Z,74.99,5177743.13,churned,true,
            5,Grace,Lovelace,grace.5@example.org,+49 266 411542,UA,1984-12-29,2022-06-14T04:49:23.640Z,23.74,1728977.19,vip|churned,false,
            6,Anne-Marie,Lovelace,anne-marie.6@example.com,+49 626 482914,JP,1999-02-22,2022-07-16T19:34:49.995Z,95.45,-504475.20,vip|partner,true,Prefers e-mail; not phone
        "#]].assert_eq(&text);
    }

    #[test]
    fn hard_fields_occur_and_nulls_are_few() {
        let people: Vec<Person> = (1..=2000).map(|id| Person::of(1, id)).collect();
        let count = |test: &dyn Fn(&Person) -> bool| people.iter().filter(|p| test(p)).count();
        assert!(count(&|p| p.last.contains(',')) > 20 && count(&|p| p.last.contains('"')) > 20);
        assert!(count(&|p| p.notes.is_some_and(|n| n.contains('\n'))) > 20);
        let nulls = count(&|p| p.score.is_none());
        assert!((20..120).contains(&nulls), "{nulls}");
        assert!(count(&|p| p.cents < 0) > 20);
    }

    #[test]
    fn fields_are_quoted_only_where_need_be() {
        let fields = ["a", "b,c", "say \"x\"", "two\nlines", ""].map(str::to_string);
        assert_eq!(csv_line(&fields, ','), "a,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\n");
        assert_eq!(csv_line(&fields[..2], ';'), "a;b,c\n");
    }
}
