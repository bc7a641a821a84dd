"""What expressions cost: the same rows by 50 plain attributes and by 50 expressions, in turn, through whole runs.

    mapping.py --bin target/release/forebay [--rows 1000000] [--rounds 3] [--limit 2.0]

CPU seconds of `forebay serve` for each run, and their ratio; the median over the rounds must not pass the limit. Every value
of every expression is compared with what Polars makes of the same rows. Ends with 1 when one is wrong, or the ratio is over.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import pathlib
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

import data
import forebay
import place

C = pl.col
FIELDS = 50


def said(condition: pl.Expr) -> pl.Expr:
    """True and false as texts; what is unknown is false."""
    return pl.when(condition.fill_null(False)).then(pl.lit("true")).otherwise(pl.lit("false"))


def number(expr: pl.Expr) -> pl.Expr:
    return expr.cast(pl.String)


def hashed(name: str, how: Callable) -> pl.Expr:
    digest = lambda texts: pl.Series([None if t is None else how(t.encode()).hexdigest() for t in texts], dtype=pl.String)
    return C(name).map_batches(digest, return_dtype=pl.String)


ID, SCORE, AMOUNT = C("id").cast(pl.Int64), C("score").cast(pl.Float64), C("amount").cast(pl.Float64)
FIRST, LAST, COUNTRY, ACTIVE = C("firstName"), C("lastName"), C("country"), C("active") == "true"
NAMES = {"US": "America", "DE": "Germany", "FR": "France"}

# An expression, and the same by Polars over the rows as texts.
EXPRESSIONS: list[tuple[str, pl.Expr]] = [
    ("upper(firstName)", FIRST.str.to_uppercase()),
    ("lower(lastName)", LAST.str.to_lowercase()),
    ('concat(firstName, " ", lastName)', FIRST + " " + LAST),
    ('lastName + ", " + firstName', LAST + ", " + FIRST),
    ("trim(notes)", C("notes").str.strip_chars()),
    ("ltrim(lastName)", LAST.str.strip_chars_start()),
    ("rtrim(firstName)", FIRST.str.strip_chars_end()),
    ("substr(firstName, 0, 2)", FIRST.str.slice(0, 2)),
    ("left(email, 5)", C("email").str.head(5)),
    ("right(phone, 4)", C("phone").str.tail(4)),
    ('replacestr(email, "@", " at ")', C("email").str.replace_all("@", " at ", literal=True)),
    ('lpad(country, 5, "-")', COUNTRY.str.pad_start(5, "-")),
    ('rpad(country, 5, "-")', COUNTRY.str.pad_end(5, "-")),
    ('instr(createdAt, "T")', pl.lit("10")),
    ('join("-", split(tags, "|"))', C("tags").str.replace_all("|", "-", literal=True)),
    ('split(tags, "|")[0]', C("tags").str.split("|").list.first()),
    ('last(explode(tags, "\\\\|"))', C("tags").str.split("|").list.last()),
    ("is_empty(phone)", said(C("phone").is_null())),
    ("coalesce(phone, email)", pl.coalesce("phone", "email")),
    ('iif(active, "yes", "no")', pl.when(ACTIVE).then(pl.lit("yes")).otherwise(pl.lit("no"))),
    ("active ? firstName : lastName", pl.when(ACTIVE).then(FIRST).otherwise(LAST)),
    ('decode(country, "US", "America", "DE", "Germany", "FR", "France", "other")', COUNTRY.replace_strict(NAMES, default="other")),
    ('country == "US"', said(COUNTRY == "US")),
    ('country == "US" or country == "CA"', said(COUNTRY.is_in(["US", "CA"]))),
    ('not (country == "US")', said(COUNTRY != "US")),
    ("firstName.equalsIgnoreCase(lastName)", said(FIRST.str.to_lowercase() == LAST.str.to_lowercase())),
    ("firstName.equals(lastName)", said(FIRST == LAST)),
    ("to_bigint(id)", number(ID)),
    ("to_integer(id) - 1000000000", number(ID - 1_000_000_000)),
    ("id % 97", number(ID % 97)),
    ("id + 1", number(ID + 1)),
    ("id * 2", number(ID * 2)),
    ("to_decimal(score) > 50", said(SCORE > 50)),
    ("amount < 0", said(AMOUNT < 0)),
    ("to_bigint(amount)", number(AMOUNT.cast(pl.Int64))),
    ("id > 1000500000 and active", said((ID > 1_000_500_000) & ACTIVE)),
    ('date_part("year", createdAt)', C("createdAt").str.slice(0, 4)),
    ('date_part("month", createdAt)', number(C("createdAt").str.slice(5, 2).cast(pl.Int64))),
    ('format(createdAt, "yyyy-MM-dd")', C("createdAt").str.slice(0, 10)),
    ('format(date(updatedAt, "yyyy-MM-dd\'T\'HH:mm:ss.SSSX"), "HH:mm")', C("updatedAt").str.slice(11, 5)),
    ("sha256(email)", hashed("email", hashlib.sha256)),
    ('md5(id, "UTF-8")', hashed("id", hashlib.md5)),
    ('matches_regex(email, ".+@example[0-9]\\.com")', said(C("email").str.contains(r"@example[0-9]\.com$"))),
    ('extract_regex(email, "@([^.]+)")[1]', C("email").str.extract("@([^.]+)", 1)),
    ('get_url_host(concat("https://", country, ".example.com/a?b=c"))', COUNTRY + ".example.com"),
    ("get_url_encoded(tags)", C("tags").str.replace_all("|", "%7C", literal=True)),
    ("size_of(notes)", number(C("notes").str.len_chars().fill_null(0))),
    ("concat(upper(left(firstName, 1)), lower(right(lastName, 3)))", FIRST.str.head(1).str.to_uppercase() + LAST.str.tail(3).str.to_lowercase()),
    ('array_to_string(";", [firstName, lastName])', FIRST + ";" + LAST),
    ('str_to_object(concat("a:", country)).get("a")', COUNTRY),
]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/mapping.py", description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/release/forebay"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=2.0, help="CPU of expressions over CPU of attributes, at most")
    parser.add_argument("--s3", choices=("playground", "environment"), default="playground")
    given = parser.parse_args(arguments)
    assert len(EXPRESSIONS) == FIELDS, len(EXPRESSIONS)
    folder, _ = data.ensure(given.rows, ["csv"])
    work = pathlib.Path(tempfile.mkdtemp(prefix="forebay-mapping-"))
    ratios, wrong = [], []
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        endpoint = stack.enter_context(place.endpoint(given.bin, given.s3, work))
        endpoint.clear("mapping/")
        endpoint.upload(data.objects(folder, "csv"), "mapping/csv/")
        server = stack.enter_context(forebay.Server(given.bin, work / "serve")).ready()
        bench = Mapping(server, endpoint)
        bench.cost(bench.plain)  # Not counted: the first run of a server warms it.
        for round in range(1, given.rounds + 1):
            plain, _ = bench.cost(bench.plain)
            computed, dataset = bench.cost(bench.computed)
            ratios.append(computed / plain)
            print(f"round {round}: attributes {plain:.1f} s, expressions {computed:.1f} s of CPU: {ratios[-1]:.2f}", flush=True)
            if round == 1:
                wrong = problems(bench.rows(dataset), source(folder))
    ratio = statistics.median(ratios)
    print(f"{FIELDS} expressions over {given.rows:,} rows: {ratio:.2f} times the CPU of attributes, {given.limit} allowed")
    for text in wrong:
        print(f"WRONG RESULT: {text}", file=sys.stderr)
    return 1 if wrong or ratio > given.limit else 0


class Mapping(forebay.Bench):
    """Two mapping sets to one schema of 50 texts."""

    def __init__(self, server: forebay.Server, endpoint):
        super().__init__(server, endpoint)
        names = ["key", *(f"f{at:02}" for at in range(FIELDS))]
        self.schema = server.schema("Bench expressions", "computed", {name: {"type": "string"} for name in names})
        columns = [data.COLUMNS[at % len(data.COLUMNS)] for at in range(FIELDS)]
        self.plain = self.set([("ATTRIBUTE", column) for column in columns])
        self.computed = self.set([("EXPRESSION", expression) for expression, _ in EXPRESSIONS])

    def set(self, sources: list[tuple[str, str]]) -> str:
        named = [("key", "ATTRIBUTE", "id"), *((f"f{at:02}", kind, source) for at, (kind, source) in enumerate(sources))]
        rules = [{"destination": f"{self.tenant}.computed.{to}", "sourceType": kind, "source": source} for to, kind, source in named]
        reference = {"id": self.schema, "contentType": forebay.SCHEMA_TYPE}
        body = {"outputSchema": {"schemaRef": reference}, "mappings": rules}
        return self.server.post("/data/foundation/conversion/mappingSets", body)["id"]

    def cost(self, mapping: str) -> tuple[float, str]:
        self.mapping = mapping
        run = self.run("csv", "mapping/csv/")
        return run.cpu, run.dataset

    def rows(self, dataset: str) -> pl.DataFrame:
        import deltalake

        table = deltalake.DeltaTable(str(self.server.table(dataset))).to_pyarrow_dataset().to_table(columns=[self.tenant])
        computed = pc.struct_field(pa.chunked_array(table[self.tenant].chunks), "computed")
        return pl.from_arrow(pa.Table.from_struct_array(computed)).sort("key")


def source(folder: pathlib.Path) -> pl.DataFrame:
    """The rows as texts, by key."""
    frames = [pl.read_csv(path, infer_schema=False) for path in data.objects(folder, "csv")]
    return pl.concat(frames).sort("id")


def problems(found: pl.DataFrame, rows: pl.DataFrame) -> list[str]:
    """Expressions of which a value is not what Polars makes of the same row."""
    if found["key"].to_list() != rows["id"].to_list():
        return [f"{len(found)} rows, {len(rows)} expected, or other keys"]
    wanted = rows.select(**{f"f{at:02}": expr for at, (_, expr) in enumerate(EXPRESSIONS)})
    out = []
    for at, (expression, _) in enumerate(EXPRESSIONS):
        ours, theirs = found[f"f{at:02}"], wanted[f"f{at:02}"]
        differs = ours.ne_missing(theirs).arg_true()
        if len(differs):
            row = differs[0]
            out.append(f"{expression}: {len(differs)} rows, such as {rows['id'][row]}: {ours[row]!r}, expected {theirs[row]!r}")
    return out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
