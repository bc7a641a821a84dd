"""The work: customer rows as CSV, gzip CSV, NDJSON and Parquet, the same rows in each, from a seed.

Made once and kept in the user's cache folder, beside `facts.json`: what a right result must add up to. Rows are made in
slices, each from its own seed, so that memory does not grow with the number of rows.

    id int64 · email · firstName · lastName · phone (2 % null) · country · createdAt, updatedAt (ISO 8601, milliseconds, Z)
    score double · amount decimal(12,2) · tags `a|b` · active bool · notes (quotes, commas, newlines, CJK; 5 % null)
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import shutil

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

EDITION = 1  # Counts up when the rows change: old files are then not used.
SEED = 20_261_122
OBJECTS = 4
SLICE = 125_000
SUFFIX = {"csv": "csv", "csv.gz": "csv.gz", "ndjson": "ndjson", "parquet": "parquet"}
COLUMNS = [
    "id", "email", "firstName", "lastName", "phone", "country", "createdAt", "updatedAt", "score", "amount", "tags",
    "active", "notes",
]

FIRST = "Ada Alan Barbara Chen Claude Dana Edsger Fatima Grace Hedy Ivan João Katherine Linus Margaret Noor Olga Pelé Radia Søren Tim Ursula Vint Wei Xavier Yuki Zoë".split()
LAST = "Lovelace Turing Liskov Wei Shannon Angwin Dijkstra Al-Fihri Hopper Lamarr Sutherland Müller Johnson Torvalds Hamilton García Ladyzhenskaya Nascimento Perlman Kierkegaard Berners-Lee Franklin Cerf Zhang O'Neil Yamada Åkesson".split()
COUNTRIES = "US DE FR JP BR IN GB ES IT CN KR NL SE PL MX CA AU ZA NG EG".split()
TAGS = "vip new trial churned partner student press beta gold silver bronze staff".split()
WORDS = (
    "the customer asked about delivery of order and said \"never again\" then called back, happy; "
    "refund issued, invoice sent twice, contact by phone only please mind time zone spare part for model "
    "顧客からの連絡 请尽快回复 고객 문의 prefers email, not phone \"urgent\" see ticket first line\nsecond line"
).split(" ")


def cache_folder() -> pathlib.Path:
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "forebay" / "bench"


def ensure(rows: int, formats: list[str]) -> tuple[pathlib.Path, dict]:
    """The folder with the objects in these formats, and the facts about the rows. Makes what is not there."""
    folder = cache_folder() / f"v{EDITION}-{rows}"
    missing = [f for f in formats if not (folder / f / ".done").exists()]
    if missing or not (folder / "facts.json").exists():
        print(f"making {rows:,} rows as {', '.join(missing)} in {folder} …", flush=True)
        make(folder, rows, missing)
    return folder, json.loads((folder / "facts.json").read_text())


def objects(folder: pathlib.Path, format: str) -> list[pathlib.Path]:
    return sorted(p for p in (folder / format).iterdir() if p.name.startswith("customers"))


def make(folder: pathlib.Path, rows: int, formats: list[str]) -> None:
    for format in formats:
        shutil.rmtree(folder / format, ignore_errors=True)
        (folder / format).mkdir(parents=True)
    facts = Facts()
    bounds = np.linspace(0, rows, OBJECTS + 1).astype(int)
    for at in range(OBJECTS):
        sinks = {f: Sink(folder / f / f"customers-{at}.{SUFFIX[f]}", f) for f in formats}
        for start in range(bounds[at], bounds[at + 1], SLICE):
            frame = make_slice(start, min(start + SLICE, bounds[at + 1]))
            facts.add(frame)
            for sink in sinks.values():
                sink.write(frame)
        for sink in sinks.values():
            sink.close()
    (folder / "facts.json").write_text(json.dumps(facts.out(), indent=1) + "\n")
    for format in formats:
        (folder / format / ".done").touch()


def make_slice(start: int, end: int) -> pl.DataFrame:
    """Rows `start..end`, typed; what text formats write is derived from it."""
    n = end - start
    chance = np.random.Generator(np.random.PCG64([SEED, start]))
    pick = lambda words: pl.Series(words, dtype=pl.String).gather(chance.integers(0, len(words), n))
    ids = pl.Series("id", np.arange(start, end, dtype=np.int64) + 1_000_000_000)
    created = 1_420_070_400_000 + chance.integers(0, 300_000_000_000, n)
    updated = created + chance.integers(0, 20_000_000_000, n)
    moment = lambda ms: pl.Series(ms).cast(pl.Datetime("ms", "UTC")).dt.cast_time_unit("us")
    first, last = pick(FIRST), pick(LAST)
    digits = pl.Series(chance.integers(200_000_0000, 999_999_9999, n)).cast(pl.String)
    words = [pick(WORDS) for _ in range(9)]
    length = pl.Series(chance.integers(4, 10, n))
    frame = pl.DataFrame(
        {
            "id": ids, "firstName": first, "lastName": last, "country": pick(COUNTRIES), "digits": digits,
            "createdAt": moment(created), "updatedAt": moment(updated), "score": chance.random(n) * 100,
            "cents": chance.integers(-500_000, 100_000_000, n), "tag1": pick(TAGS), "tag2": pick(TAGS),
            "active": chance.random(n) < 0.7, "noPhone": chance.random(n) < 0.02, "noNotes": chance.random(n) < 0.05,
            "length": length, **{f"w{i}": w for i, w in enumerate(words)},
        }
    )
    spoken = [pl.when(pl.col("length") > i).then(pl.col(f"w{i}")) for i in range(9)]
    return frame.select(
        "id",
        email=pl.format("{}.{}@example{}.com", pl.col("firstName").str.to_lowercase(), "id", pl.col("id") % 97),
        firstName="firstName",
        lastName="lastName",
        phone=pl.when(~pl.col("noPhone")).then(pl.format("+1-{}", "digits")),
        country="country",
        createdAt="createdAt",
        updatedAt="updatedAt",
        score="score",
        amount=(pl.col("cents").cast(pl.Decimal(14, 2)) / pl.lit(100).cast(pl.Decimal(14, 2))).cast(pl.Decimal(12, 2)),
        tags=pl.format("{}|{}", "tag1", "tag2"),
        active="active",
        notes=pl.when(~pl.col("noNotes")).then(pl.concat_str(spoken, separator=" ", ignore_nulls=True)),
    )


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    iso = lambda name: pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias(name)
    return frame.with_columns(iso("createdAt"), iso("updatedAt"))


class Sink:
    """One object in one format, written slice by slice."""

    def __init__(self, path: pathlib.Path, format: str):
        self.path, self.format, self.first = path, format, True
        self.parquet = None
        if format != "parquet":
            # gzip's header holds a time and a name: neither, so that bytes depend on the seed alone.
            self.file = open(path, "wb")
            self.out = gzip.GzipFile("", "wb", 6, self.file, mtime=0) if format == "csv.gz" else self.file

    def write(self, frame: pl.DataFrame) -> None:
        if self.format == "parquet":
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            table = table.cast(pa.schema([(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in table.schema]))
            if self.parquet is None:
                self.parquet = pq.ParquetWriter(self.path, table.schema, compression="snappy")
            self.parquet.write_table(table)
        elif self.format == "ndjson":
            text = as_text(frame).with_columns(pl.col("amount").cast(pl.Float64))
            self.out.write(text.write_ndjson().encode())
        else:
            text = as_text(frame).write_csv(include_header=self.first, quote_style="necessary")
            self.out.write(text.encode())
        self.first = False

    def close(self) -> None:
        if self.parquet is not None:
            self.parquet.close()
        else:
            if self.out is not self.file:
                self.out.close()
            self.file.close()


class Facts:
    """What a right result adds up to. Sums of the double are compared within a part in a thousand million."""

    def __init__(self) -> None:
        self.slices: list[dict] = []

    def add(self, frame: pl.DataFrame) -> None:
        ms = lambda name, how: getattr(pl.col(name).dt.epoch("ms"), how)()
        self.slices.append(
            frame.select(
                rows=pl.len(), id=pl.col("id").sum(), score=pl.col("score").sum(),
                cents=(pl.col("amount").cast(pl.Float64) * 100).round().cast(pl.Int64).sum(),
                active=pl.col("active").sum(), phones=pl.col("phone").count(), notes=pl.col("notes").count(),
                notesBytes=pl.col("notes").str.len_bytes().sum(), emailBytes=pl.col("email").str.len_bytes().sum(),
                createdMin=ms("createdAt", "min"), createdMax=ms("createdAt", "max"),
                updatedMin=ms("updatedAt", "min"), updatedMax=ms("updatedAt", "max"),
            ).to_dicts()[0]
        )

    def out(self) -> dict:
        return added_up(self.slices)


def added_up(slices: list[dict]) -> dict:
    """The facts of some slices together: bounds by min and max, all else by sum."""
    how = lambda name: min if name.endswith("Min") else max if name.endswith("Max") else sum
    return {name: how(name)(s[name] for s in slices) for name in slices[0]}
