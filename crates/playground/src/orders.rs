//! Orders of a shop in November 2026: 100,000 rows in 20 compressed files, for a newcomer's first dataflow. Two rows are
//! odd, as rows are: one has a field too many, one an amount that is no number.

use crate::Random;
use crate::folder::{Failure, Folder};
use crate::sample::{BUCKET, put};
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::num::NonZero;

/// The folder.
pub const FOLDER: &str = "orders/2026/11";
/// Files in it.
pub const FILES: u64 = 20;
/// Rows of all files.
pub const ROWS: u64 = 100_000;

/// Names of the columns, and what their values are: `string`, `integer`, `number` or `date-time`.
pub const COLUMNS: [(&str, &str); 14] = [
    ("order_id", "integer"),
    ("ordered_at", "date-time"),
    ("customer_id", "integer"),
    ("customer_email", "string"),
    ("country", "string"),
    ("sku", "string"),
    ("product", "string"),
    ("quantity", "integer"),
    ("unit_price", "number"),
    ("discount", "number"),
    ("amount", "number"),
    ("currency", "string"),
    ("status", "string"),
    ("shipped_at", "date-time"),
];

/// The row with a field too many, by its number from 1.
pub const TOO_MANY: u64 = 31_234;
/// The row whose amount is no number.
pub const NO_NUMBER: u64 = 64_321;

const PRODUCTS: [&str; 8] = [
    "Coffee, whole beans",
    "Green tea",
    "Oat biscuits",
    "Olive oil 0.5 l",
    "Honey",
    "Dark chocolate \"85 %\"",
    "Müsli",
    "Sea salt",
];
const MARKETS: [(&str, &str); 5] = [("DE", "EUR"), ("FR", "EUR"), ("US", "USD"), ("GB", "GBP"), ("JP", "USD")];
const STATES: [&str; 4] = ["shipped", "shipped", "paid", "returned"];
/// The orders were made in the first 25 days.
const SECONDS: u64 = 25 * 86_400;

/// The key of a file, from 1.
pub fn key(file: u64) -> String {
    format!("{FOLDER}/part-{file:04}.csv.gz")
}

/// A file's content, from 1: the same for the same seed.
pub fn part(seed: u64, file: u64) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let mut text = Vec::with_capacity(1 << 20);
    text.extend_from_slice(COLUMNS.map(|(name, _)| name).join(",").as_bytes());
    text.push(b'\n');
    let rows = ROWS / FILES;
    for id in (file - 1) * rows + 1..=file * rows {
        row(&mut text, seed, id)?;
    }
    packed.write_all(&text)?;
    packed.finish()
}

fn row(out: &mut Vec<u8>, seed: u64, id: u64) -> io::Result<()> {
    let mut random = Random::new(seed ^ id.wrapping_mul(0xd134_2543_de82_ef95));
    let ordered = id * SECONDS / (ROWS + 1);
    let customer = 1 + random.below(20_000);
    let (country, currency) = MARKETS[random.below(5) as usize];
    let (sku, product) = (random.below(400), random.below(8) as usize);
    let quantity = 1 + random.below(6);
    let price = 199 + 10 * (sku % 97) + 50 * product as u64;
    let discount = if random.chance(15) { 5 * (1 + random.below(4)) } else { 0 };
    let amount = price * quantity * (100 - discount) / 100;
    let state = random.pick(&STATES);
    write!(out, "{},", 700_000 + id)?;
    instant(out, ordered)?;
    write!(out, ",{customer},customer{customer}@example.com,{country},SKU-{sku:04},")?;
    match PRODUCTS[product] {
        plain if !plain.contains([',', '"']) => out.extend_from_slice(plain.as_bytes()),
        quoted => write!(out, "\"{}\"", quoted.replace('"', "\"\""))?,
    }
    write!(out, ",{quantity},{}.{:02},0.{discount:02},", price / 100, price % 100)?;
    match id {
        NO_NUMBER => out.extend_from_slice(b"n/a"),
        _ => write!(out, "{}.{:02}", amount / 100, amount % 100)?,
    }
    write!(out, ",{currency},{state},")?;
    if state != "paid" {
        instant(out, ordered + 3_600 + random.below(3 * 86_400))?;
    }
    if id == TOO_MANY {
        out.extend_from_slice(b",gift");
    }
    out.push(b'\n');
    Ok(())
}

/// An instant of the month, by its second.
fn instant(out: &mut Vec<u8>, second: u64) -> io::Result<()> {
    let (day, hour, minute) = (second / 86_400 + 1, second / 3_600 % 24, second / 60 % 60);
    write!(out, "2026-11-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// Puts the files where they are not yet; with `anew` also where they are not as they should be. Blocks.
pub fn load(folder: &Folder, seed: u64, now: DateTime<Utc>, anew: bool) -> Result<(), Failure> {
    let wanted: Vec<u64> = (1..=FILES).filter(|file| anew || folder.stat(BUCKET, &key(*file)).is_err()).collect();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let put = |files: &[u64]| files.iter().try_for_each(|file| put(folder, &key(*file), &part(seed, *file)?, now));
    std::thread::scope(|scope| {
        let share = wanted.len().div_ceil(threads).max(1);
        let threads: Vec<_> = wanted.chunks(share).map(|files| scope.spawn(move || put(files))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}
