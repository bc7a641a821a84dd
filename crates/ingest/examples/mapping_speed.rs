//! What one mapping rule costs for each million rows of text columns: `cargo run --release --example mapping_speed`.
//!
//! One line for each expression: milliseconds of one core, the least of five runs, over batches of 8,192 rows that are
//! in memory. An argument keeps only the expressions that contain it.

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, collect};
use forebay_ingest::mapping::{MapExec, MapSpec};
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::{Field, FieldTree, Type};
use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const ROWS: usize = 1_000_000;
const BATCH: usize = 8_192;
const RUNS: usize = 5;

/// Expressions over `first`, `last`, `city` (texts), `n`, `price` (numbers as text), `flag`, `day`.
const EXPRESSIONS: &[&str] = &[
    "first",
    "upper(first)",
    "lower(city)",
    "trim(first)",
    "concat(first, \" \", last)",
    "first + \" \" + last",
    "substr(first, 1, 3)",
    "left(first, 2)",
    "right(first, 2)",
    "replacestr(city, \"-\", \" \")",
    "lpad(n, 10, \"0\")",
    "instr(city, \"o\")",
    "n + 1",
    "price * n",
    "(price - 1) / 2",
    "n > 500000",
    "city == \"Oslo\"",
    "first == last",
    "n > 10 and city != \"Oslo\"",
    "n > 500000 ? first : last",
    "iif(flag, upper(first), lower(last))",
    "decode(city, \"Oslo\", \"NO\", \"Rome\", \"IT\", \"Baden-Baden\", \"DE\", \"??\")",
    "coalesce(first, last)",
    "to_integer(n)",
    "to_decimal(price)",
    "is_empty(first)",
    "equalsIgnoreCase(first, last)",
    "date(day, \"yyyy-MM-dd\")",
    "format(day, \"dd.MM.yyyy\")",
    "explode(city, \"-\")",
    "max(n, price)",
    "100 / (n % 100)",
    "matches_regex(last, \"[A-Z][a-z]+son[0-9]\")",
    "extract_regex(last, \"([0-9]+)\")[1]",
    "sha256(first)",
    "md5(n)",
    "get_url_host(concat(\"https://\", city, \".example.com/a?b\"))",
    "get_url_encoded(last)",
    "size_of(first)",
    "split(city, \"-\")[0]",
    "array_to_string(\";\", [first, last])",
    "str_to_object(concat(\"a:\", city)).get(\"a\")",
    "to_object(\"a\", first, \"b\", n)",
    "size_of(filterArray([n, price], x -> x > 100))",
    "ua_os_name(first)",
];

fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(1).unwrap_or_default();
    let batches = batches()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for expression in EXPRESSIONS.iter().filter(|e| e.contains(only.as_str())) {
        let mut least = Duration::MAX;
        for _ in 0..RUNS {
            let exec = exec(expression, &batches)?;
            let started = processor();
            runtime.block_on(collect(exec, Arc::new(TaskContext::default())))?;
            least = least.min(processor() - started);
        }
        println!("{:8.1} ms  {expression}", least.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Time of this thread on a processor, where the system tells; else what the clock says.
fn processor() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn exec(expression: &str, batches: &[RecordBatch]) -> Result<Arc<dyn ExecutionPlan>, Box<dyn Error>> {
    let set = MappingSet::parse(&json!({ "mappings": [
        { "sourceType": "EXPRESSION", "source": expression, "destination": "out" }
    ] }))?;
    let field = Field { name: "out".into(), ty: Type::String, required: false };
    let spec =
        MapSpec { target: FieldTree { fields: vec![field] }, set: Some(set), now: "2024-07-01T10:10:24.500Z".parse()? };
    let child = MemorySourceConfig::try_new_exec(&[batches.to_vec()], batches[0].schema(), None)?;
    Ok(Arc::new(MapExec::new(spec, child)?))
}

fn batches() -> Result<Vec<RecordBatch>, Box<dyn Error>> {
    let names = ["Ada", "Grace", "  Edsger ", "Barbara", "Alan"];
    let cities = ["Oslo", "Rome", "Baden-Baden", "London", "Paris"];
    let columns: [(&str, &dyn Fn(usize) -> String); 7] = [
        ("first", &|n| names[n % 5].to_string()),
        ("last", &|n| format!("{}son{}", names[n % 4].trim(), n % 97)),
        ("city", &|n| cities[n % 5].to_string()),
        ("n", &|n| n.to_string()),
        ("price", &|n| format!("{}.{:02}", n % 1000, n % 100)),
        ("flag", &|n| ["yes", "no"][n % 2].to_string()),
        ("day", &|n| format!("20{:02}-{:02}-{:02}", n % 30, n % 12 + 1, n % 28 + 1)),
    ];
    let fields: Vec<ArrowField> =
        columns.iter().map(|(name, _)| ArrowField::new(*name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    for start in (0..ROWS).step_by(BATCH) {
        let rows = start..(start + BATCH).min(ROWS);
        let arrays = columns
            .iter()
            .map(|(_, value)| -> ArrayRef { Arc::new(rows.clone().map(|n| Some(value(n))).collect::<StringArray>()) });
        batches.push(RecordBatch::try_new(schema.clone(), arrays.collect())?);
    }
    Ok(batches)
}
