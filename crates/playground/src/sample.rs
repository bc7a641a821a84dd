//! The demo's data: one bucket, `playground`, the same bytes for the same seed.
//!
//! `in/people.csv` is what the tutorials read; `in/2024/` has folders by month; beside them each format and
//! compression that a source connection can name, and keys that are hard to spell. [`orders`] is a folder of its own.

use crate::folder::{Failure, Folder};
use crate::people::{Person, csv_line, people_csv, write_people};
use crate::{Random, folder, orders};
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// The bucket.
pub const BUCKET: &str = "playground";
/// Contacts in `in/people.csv`.
pub const PEOPLE: u64 = 1000;

/// Puts the data where it is not yet. An object that is there, changed or not, is left alone. Blocks.
pub fn load(folder: &Folder, seed: u64, now: DateTime<Utc>) -> Result<(), Failure> {
    match folder.create_bucket(BUCKET) {
        Ok(()) | Err(Failure::BucketExists) => {}
        Err(e) => return Err(e),
    }
    for (key, bytes) in objects(seed)? {
        let mut draft = folder.draft(BUCKET)?;
        draft.write(&bytes)?;
        let etag = folder::hex(&draft.md5());
        let headers = folder::Headers::default();
        match folder.commit(BUCKET, &key, draft, etag, headers, &folder::Condition::Absent, now) {
            Ok(_) | Err(Failure::Condition) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes the bucket what it was at first, orders included: what was added goes, what was changed or removed comes back.
/// Blocks.
pub fn restore(folder: &Folder, seed: u64, now: DateTime<Utc>) -> Result<(), Failure> {
    match folder.create_bucket(BUCKET) {
        Ok(()) | Err(Failure::BucketExists) => {}
        Err(e) => return Err(e),
    }
    let ours = objects(seed)?;
    let kept: BTreeSet<String> =
        ours.iter().map(|(key, _)| key.clone()).chain((1..=orders::FILES).map(orders::key)).collect();
    for (key, _) in folder.list(BUCKET, "", None, None, usize::MAX)?.objects {
        if !kept.contains(&key) {
            folder.delete(BUCKET, &key)?;
        }
    }
    ours.iter().try_for_each(|(key, bytes)| put(folder, key, bytes, now))?;
    orders::load(folder, seed, now, true)
}

/// An object that is as it should be keeps its date.
pub(crate) fn put(folder: &Folder, key: &str, bytes: &[u8], now: DateTime<Utc>) -> Result<(), Failure> {
    let mut draft = folder.draft(BUCKET)?;
    draft.write(bytes)?;
    let etag = folder::hex(&draft.md5());
    if folder.stat(BUCKET, key).is_ok_and(|stored| stored.etag == etag) {
        return Ok(());
    }
    let headers = folder::Headers::default();
    folder.commit(BUCKET, key, draft, etag, headers, &folder::Condition::None, now).map(|_| ())
}

/// Keys and contents.
pub fn objects(seed: u64) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut objects = vec![("in/people.csv".to_string(), people_csv(seed, PEOPLE).collect::<String>().into_bytes())];
    for month in 1..=6u64 {
        let mut bytes = Vec::new();
        write_people(&mut bytes, seed + month, 200)?;
        objects.push((format!("in/2024/{month:02}/people-{month:02}.csv"), bytes));
    }
    // The marker that consoles leave when a folder is made by hand.
    objects.push(("in/2024/".to_string(), Vec::new()));
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    write_people(&mut packed, seed + 10, 5000)?;
    objects.push(("compressed/people.csv.gz".to_string(), packed.finish()?));
    for day in 1..=3u64 {
        objects.push((format!("orders/2024-07-0{day}.ndjson"), nested(seed + day, 300)?));
    }
    let array: Vec<Value> = (1..=50).map(|id| order(&mut Random::new(seed ^ id), id)).collect();
    objects.push(("orders/latest.json".to_string(), serde_json::to_vec_pretty(&array)?));
    objects.push(("formats/people-semicolon.csv".to_string(), plain(seed, ';').into_bytes()));
    objects.push(("formats/people.tsv".to_string(), plain(seed, '\t').into_bytes()));
    // Latin-1 has its letters at the same numbers as Unicode.
    let latin: Vec<u8> =
        "id;name;city\n1;José;Köln\n2;Zoë;Århus\n3;François;Besançon\n".chars().map(|c| c as u32 as u8).collect();
    objects.push(("formats/people-latin1.csv".to_string(), latin));
    for key in [
        "odd names/two  blanks & plus+.csv",
        "odd names/100%25.csv",
        "odd names/日本語.csv",
        "odd names//empty folder.csv",
    ] {
        objects.push((key.to_string(), people_csv(seed, 3).collect::<String>().into_bytes()));
    }
    objects.push(("formats/empty.csv".to_string(), Vec::new()));
    objects.push(("formats/bad-rows.csv".to_string(), BAD_ROWS.as_bytes().to_vec()));
    Ok(objects)
}

/// A few rows that cannot be taken as they are, for a look at diagnostics.
const BAD_ROWS: &str = "id,firstName,lastName,email,birthDate,createdAt,score\n\
    1,Ada,Lovelace,ada@example.com,1815-12-10,2024-01-02T03:04:05Z,99.5\n\
    2,Grace,Hopper,grace@example.com,1906-13-09,2024-01-02T03:04:05Z,98\n\
    3,Too,Few\n\
    4,José,García,jose@example.com,1927-03-06,yesterday,many\n\
    5,Too,Many,many@example.com,2000-01-01,2024-01-02T03:04:05Z,1,2,3\n\
    6,Last,Good,last@example.com,1990-02-28,2024-01-02T03:04:05Z,-1\n";

fn plain(seed: u64, delimiter: char) -> String {
    let header = csv_line(&["id", "firstName", "lastName", "email", "score"].map(str::to_string), delimiter);
    let rows = (1..=100).map(|id| {
        let [id, first, last, email, _, _, _, _, score, ..] = Person::of(seed, id).fields();
        csv_line(&[id, first, last, email, score], delimiter)
    });
    std::iter::once(header).chain(rows).collect()
}

fn nested(seed: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut random = Random::new(seed);
    for id in 1..=count {
        serde_json::to_writer(&mut bytes, &order(&mut random, seed * 1000 + id))?;
        bytes.write_all(b"\n")?;
    }
    Ok(bytes)
}

/// An order with members inside members and lists of them.
fn order(random: &mut Random, id: u64) -> Value {
    let lines: Vec<Value> = (0..=random.below(3))
        .map(|_| {
            let cents = 100 + random.below(20_000);
            json!({ "sku": format!("SKU-{:04}", random.below(500)), "quantity": 1 + random.below(5), "price": cents as f64 / 100.0 })
        })
        .collect();
    let placed =
        DateTime::from_timestamp_millis(1_719_792_000_000 + random.below(86_400_000) as i64).unwrap_or_default();
    let coupon = if random.chance(20) { json!("SUMMER") } else { Value::Null };
    json!({
        "orderId": format!("o-{id}"),
        "customer": { "id": 1 + random.below(PEOPLE), "country": random.pick(&["DE", "FR", "US"]) },
        "placedAt": placed.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "lines": lines,
        "coupon": coupon,
        "paid": random.chance(90),
    })
}
