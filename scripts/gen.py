"""Makes CSV files and the rows that must be in the lake after them: both from one seed, and from nothing else.

    gen.py --seed 7 --files 40 --rows 500 --out DIR

writes

    DIR/files/people-00000.csv …   what is put on the source (`.csv.gz` with --gzip)
    DIR/expected.jsonl             one JSON line per row that must be stored, by target path: for oracle.py compare
    DIR/mapping.json               the mapping set's `mappings`
    DIR/manifest.json              the counts: files, records, stored, rejected, warned, and per file

Ids are unique over all files of all calls with different --first-file: `people-<file>-<row>`. Target paths are of the
public schemas (person details, personal details, `_repo`); with --tenant acme there are typed fields below `_acme` too.
The same arguments give the same bytes on every machine. The standard library only, and nothing of the product.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import gzip
import io
import json
import pathlib
import random
import sys

# Source column → target path; those after the break only with --tenant, below `_<tenant>`.
PUBLIC = {
    "id": "_id",
    "first name": "person.name.firstName",
    "last_name": "person.name.lastName",
    "email": "personalEmail.address",
    "birth_date": "person.birthDate",
    "created": "_repo.createDate",
}
TENANT = {"visits": "visits", "score": "score", "active": "active", "note": "note"}

FIRST = ["Ada", "Zoë", "José", "王芳", "Ольга", "Nguyễn", "O'Neil", "Anne-Marie", "X", "Søren"]
LAST = ["Lovelace", "Müller", "García, Jr.", "山田", "Иванова", 'Smith "Smitty"', "de la Cruz", "Åkesson"]
NOTES = ["plain", "with, comma", 'says "yes"', "two\nlines", "crlf\r\ninside", "漢字 и кириллица", "  spaces kept  ", "=1+1", "\\n is no newline"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="gen.py", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--rows", type=int, default=100, help="records of each file")
    parser.add_argument("--first-file", type=int, default=0, help="number of the first file; for files that come later")
    parser.add_argument("--tenant", help="tenant namespace without the underscore: adds typed fields below it")
    parser.add_argument("--ragged", type=int, default=0, help="records of each file with a column too many: rejected")
    parser.add_argument("--unconvertible", type=int, default=0, help="records of each file whose birth date is no date: stored with null")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    given = parser.parse_args(arguments)
    if given.ragged + given.unconvertible > given.rows:
        parser.error("more bad records than records")

    columns = PUBLIC | ({name: f"_{given.tenant}.{path}" for name, path in TENANT.items()} if given.tenant else {})
    folder = given.out / "files"
    folder.mkdir(parents=True, exist_ok=True)
    per_file = []
    with open(given.out / "expected.jsonl", "w", encoding="utf-8", newline="\n") as expected:
        for at in range(given.first_file, given.first_file + given.files):
            name, data, rows = make_file(at, columns, given)
            (folder / name).write_bytes(data)
            for row in rows:
                expected.write(json.dumps(row, ensure_ascii=False) + "\n")
            per_file.append({"name": name, "bytes": len(data), "records": given.rows, "stored": len(rows)})
    mappings = [{"source": escaped(source), "sourceType": "ATTRIBUTE", "destination": target} for source, target in columns.items()]
    write_json(given.out / "mapping.json", mappings)
    records = given.files * given.rows
    rejected = given.files * given.ragged
    manifest = {
        "seed": given.seed, "files": given.files, "records": records, "stored": records - rejected,
        "rejected": rejected, "warned": given.files * given.unconvertible, "key": columns["id"], "perFile": per_file,
    }
    write_json(given.out / "manifest.json", manifest)
    print(json.dumps({name: value for name, value in manifest.items() if name != "perFile"}))
    return 0


def make_file(at: int, columns: dict[str, str], given) -> tuple[str, bytes, list[dict]]:
    """One file's name, bytes, and the rows that must be stored. A file depends on the seed and its number alone."""
    chance = random.Random(f"{given.seed}/{at}")
    bad = chance.sample(range(given.rows), given.ragged + given.unconvertible)
    ragged, unconvertible = set(bad[: given.ragged]), set(bad[given.ragged :])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=chance.choice(["\n", "\r\n"]))
    writer.writerow(columns)
    stored = []
    for row in range(given.rows):
        cells = make_row(chance, at, row)
        written = {name: "" if cells[name] is None else str(cells[name]) for name in columns}
        if "active" in written:
            written["active"] = written["active"].lower()
        if row in unconvertible:
            written["birth_date"], cells["birth_date"] = "the day before", None
        writer.writerow(list(written.values()) + (["one too many"] if row in ragged else []))
        if row not in ragged:
            stored.append(nested({columns[name]: cells[name] for name in columns}))
    data = text.getvalue().encode()
    name = f"people-{at:05}.csv"
    if given.gzip:
        return name + ".gz", gzip.compress(data, mtime=0), stored
    return name, data, stored


def make_row(chance: random.Random, at: int, row: int) -> dict:
    birth = datetime.date(1930, 1, 1) + datetime.timedelta(days=chance.randrange(30_000))
    created = datetime.datetime(2015, 1, 1) + datetime.timedelta(milliseconds=chance.randrange(10**11))
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return {
        "id": f"people-{at:05}-{row:07}",
        "first name": first,
        "last_name": last,
        "email": f"p{at}.{row}@example.com",
        "birth_date": None if chance.random() < 0.05 else birth.isoformat(),
        "created": created.isoformat(timespec="milliseconds") + "Z",
        "visits": chance.choice([0, 1, -1, chance.randrange(2**53), 2**63 - 1]),
        "score": None if chance.random() < 0.02 else chance.choice([chance.random() * 100, -0.5, 1e-9, 12345678.9]),
        "active": chance.random() < 0.5,
        "note": None if chance.random() < 0.05 else chance.choice(NOTES) + f" {row}",
    }


def nested(row: dict) -> dict:
    out: dict = {}
    for path, value in row.items():
        at = out
        *parents, name = path.split(".")
        for parent in parents:
            at = at.setdefault(parent, {})
        at[name] = value
    return out


def escaped(name: str) -> str:
    """A source attribute whose name is no identifier is written `${…}`."""
    return name if name.isidentifier() else "${" + name + "}"


def write_json(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
