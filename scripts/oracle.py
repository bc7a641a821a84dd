"""Reads a Delta table with three programs that are not ours and compares it with what was expected.

    oracle.py rows    TABLE [--key id] [--reader deltalake]      canonical JSON lines, sorted by key
    oracle.py compare TABLE EXPECTED.jsonl --key id              each reader against the expected rows; 1 on a difference
    oracle.py schema  TABLE                                      the table's columns and types, one a line
    oracle.py count   TABLE                                      {"version": 3, "rows": 1200}; version -1: no table yet
    oracle.py watch   TABLE [--hz 20]                            count, again and again, until stdin ends; 1 when rows vanish

Shares no code with the program it judges. What always holds:

* Rows are compared as a multiset: a missing row, an extra row and a row twice are each a difference.
* A value is compared by the type of its column. Expected rows are plain JSON: numbers are numbers whatever their
  width, timestamps are ISO 8601 with any offset, dates are YYYY-MM-DD, maps are objects.
* Null, absent, and a struct of nothing but nulls are one and the same. An empty list is not null.

Ends with 0 when all is well, 1 on a difference, 2 when it could not look.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import importlib.util
import json
import math
import pathlib
import select
import sys
import time

import pyarrow as pa

SHOWN = 20  # Differences printed of each kind; the totals are always said.
UTC = datetime.timezone.utc


# Reading -------------------------------------------------------------------------------------------------------------


def read_deltalake(table: str) -> pa.Table:
    import deltalake

    return deltalake.DeltaTable(table).to_pyarrow_table()


def read_duckdb(table: str) -> pa.Table:
    with duckdb_with("delta") as connection:
        return connection.execute("SELECT * FROM delta_scan(?)", [table]).to_arrow_table()


def read_polars(table: str) -> pa.Table:
    import polars

    return polars.read_delta(table).to_arrow()


READERS = {"deltalake": read_deltalake, "duckdb": read_duckdb, "polars": read_polars}


def duckdb_with(*extensions: str):
    """A DuckDB connection in UTC with extensions from their wheels: nothing is downloaded."""
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for extension in extensions:
        package = importlib.util.find_spec(f"duckdb_extension_{extension}")
        if package is None or not package.submodule_search_locations:
            raise RuntimeError(f"the wheel duckdb-extension-{extension} is not installed: run make setup")
        folder = pathlib.Path(package.submodule_search_locations[0])
        file = next(folder.rglob(f"{extension}.duckdb_extension"))
        connection.execute(f"LOAD '{file}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def delta_schema(table: str) -> pa.Schema:
    import deltalake

    return pa.schema(deltalake.DeltaTable(table).schema().to_arrow())


# Canonical values ----------------------------------------------------------------------------------------------------


def canonical(value, ty: pa.DataType):
    """`value`, from a reader or from expected JSON, in the one form that stands for it; None for every kind of null."""
    if value is None:
        return None
    if pa.types.is_struct(ty):
        fields = {ty.field(i).name: ty.field(i).type for i in range(ty.num_fields)}
        return canonical_object(value, fields)
    if pa.types.is_map(ty):
        pairs = value.items() if isinstance(value, dict) else [as_pair(entry) for entry in value]
        entries = {str(key): canonical(item, ty.item_type) for key, item in pairs}
        return dict(sorted(entries.items()))
    if is_list(ty):
        return [canonical(item, ty.value_type) for item in value]
    if pa.types.is_timestamp(ty):
        return timestamp(value, ty.tz is not None)
    if pa.types.is_date(ty):
        day = value.date() if isinstance(value, datetime.datetime) else value
        return day.isoformat() if isinstance(day, datetime.date) else datetime.date.fromisoformat(day).isoformat()
    if pa.types.is_boolean(ty):
        return require(value, bool, ty)
    if pa.types.is_integer(ty) or pa.types.is_floating(ty) or pa.types.is_decimal(ty):
        return number(value, ty)
    if pa.types.is_binary(ty) or pa.types.is_large_binary(ty):
        return value.hex() if isinstance(value, bytes) else require(value, str, ty)
    return require(value, str, ty)


def canonical_object(value: dict, fields: dict[str, pa.DataType]) -> dict | None:
    unknown = [name for name, item in value.items() if name not in fields and item is not None]
    if unknown:
        raise ValueError(f"the table has no column {', '.join(sorted(unknown))}; it has {', '.join(fields)}")
    out = {}
    for name in sorted(fields):
        item = canonical(value.get(name), fields[name])
        if item is not None:
            out[name] = item
    return out or None


def is_list(ty: pa.DataType) -> bool:
    return pa.types.is_list(ty) or pa.types.is_large_list(ty) or pa.types.is_fixed_size_list(ty)


def as_pair(entry):
    return (entry["key"], entry["value"]) if isinstance(entry, dict) else entry


def timestamp(value, zoned: bool) -> str:
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise ValueError(f"{value!r} is no timestamp")
    if not zoned:
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def number(value, ty: pa.DataType):
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        raise ValueError(f"{value!r} is no {ty}")
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if pa.types.is_floating(ty):
        # Both sides through one double: 0.10 and 0.1 are the same number.
        return Plain(repr(float(value) + 0.0))
    exact = value if isinstance(value, decimal.Decimal) else decimal.Decimal(repr(value))
    text = format(exact.normalize(), "f")
    return Plain("0" if text in ("-0", "0") else text)


def require(value, kind: type, ty: pa.DataType):
    if not isinstance(value, kind):
        raise ValueError(f"{value!r} is no {ty}")
    return value


class Plain(str):
    """A number in its one text form; written to JSON without quotes."""


def line(row) -> str:
    if isinstance(row, Plain):
        return str(row)
    if isinstance(row, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {line(v)}" for k, v in row.items()) + "}"
    if isinstance(row, list):
        return "[" + ", ".join(line(item) for item in row) + "]"
    return json.dumps(row, ensure_ascii=False)


def table_rows(reader: str, table: str, normal: pa.Schema) -> list[dict]:
    data = READERS[reader](table)
    # The reader's own types judge its values; only maps need the table's, since Polars hands them out as lists.
    types = {f.name: merged(f.type, normal.field(f.name).type) if f.name in normal.names else f.type for f in data.schema}
    out = []
    for batch in data.to_batches(max_chunksize=20_000):
        out.extend(canonical_object(row, types) or {} for row in batch.to_pylist())
    return out


def merged(own: pa.DataType, table: pa.DataType) -> pa.DataType:
    """The reader's type, except where the table has a map."""
    if pa.types.is_map(table):
        return table
    if pa.types.is_struct(own) and pa.types.is_struct(table):
        at = {table.field(i).name: table.field(i).type for i in range(table.num_fields)}
        own_fields = [own.field(i) for i in range(own.num_fields)]
        return pa.struct([pa.field(f.name, merged(f.type, at.get(f.name, f.type))) for f in own_fields])
    if is_list(own) and is_list(table):
        return pa.list_(merged(own.value_type, table.value_type))
    return own


def expected_rows(file: str, normal: pa.Schema) -> list[dict]:
    fields = {field.name: field.type for field in normal}
    out = []
    with open(file, encoding="utf-8") as lines:
        for at, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                out.append(canonical_object(json.loads(text, parse_float=decimal.Decimal), fields) or {})
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{file}, line {at}: {error}") from error
    return out


# Comparing -----------------------------------------------------------------------------------------------------------


def key_of(row: dict, path: str):
    """The value at a dotted path. A name may itself hold no dot."""
    at = row
    for name in path.split("."):
        if not isinstance(at, dict):
            return None
        at = at.get(name)
    return at


def sort_key(row: dict, path: str):
    value = key_of(row, path)
    if isinstance(value, Plain):
        return (0, decimal.Decimal(value), line(row))
    return (1, "" if value is None else line(value), line(row))


def differences(expected: list[dict], found: list[dict], key: str) -> dict[str, list[str]]:
    """What is missing, extra, and different under the same key; empty lists when the multisets are equal."""
    want, have = (collections.Counter(line(row) for row in rows) for rows in (expected, found))
    by_text = {line(row): row for rows in (expected, found) for row in rows}
    missing, extra = (want - have), (have - want)
    lost, surplus = collections.defaultdict(list), collections.defaultdict(list)
    for texts, into in ((missing, lost), (extra, surplus)):
        for text in texts.elements():
            into[line(key_of(by_text[text], key))].append(text)
    out: dict[str, list[str]] = {"missing": [], "extra": [], "differing": []}
    for value in sorted(lost.keys() | surplus.keys()):
        pairs = list(zip(lost[value], surplus[value])) if value != "null" else []
        for before, after in pairs:
            changes = changed(by_text[before], by_text[after])
            out["differing"].append(f"{key} = {value}: " + "; ".join(changes))
        out["missing"].extend(lost[value][len(pairs):])
        out["extra"].extend(surplus[value][len(pairs):])
    return out


def changed(before, after, at: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        out = []
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                out.extend(changed(before.get(name), after.get(name), f"{at}.{name}" if at else name))
        return out
    return [f"{at}: expected {line(before)}, found {line(after)}"]


def compare(table: str, expected: str, key: str, readers: list[str]) -> int:
    normal = delta_schema(table)
    want = expected_rows(expected, normal)
    failed = False
    for reader in readers:
        try:
            found = table_rows(reader, table, normal)
        except Exception as error:  # A reader that cannot read our table is a finding, whatever it raises.
            print(f"{reader}: cannot read the table: {type(error).__name__}: {error}")
            failed = True
            continue
        result = differences(want, found, key)
        if not any(result.values()):
            print(f"{reader}: {len(found)} rows, as expected")
            continue
        failed = True
        totals = ", ".join(f"{len(rows)} {kind}" for kind, rows in result.items())
        print(f"{reader}: {len(found)} rows, {len(want)} expected: {totals}")
        for kind, rows in result.items():
            for text in rows[:SHOWN]:
                print(f"  {kind}: {text}")
            if len(rows) > SHOWN:
                print(f"  … and {len(rows) - SHOWN} more {kind}")
    return 1 if failed else 0


# Counting ------------------------------------------------------------------------------------------------------------


def count(table: str) -> dict:
    """Version and rows, the rows counted from the data files themselves: a commit that names a lost file fails here."""
    import deltalake
    from deltalake.exceptions import TableNotFoundError

    try:
        open_table = deltalake.DeltaTable(table)
    except TableNotFoundError:
        return {"version": -1, "rows": 0}
    return {"version": open_table.version(), "rows": open_table.to_pyarrow_dataset().count_rows()}


def version_of(table: str) -> int:
    import deltalake
    from deltalake.exceptions import TableNotFoundError

    try:
        return deltalake.DeltaTable(table).version()
    except TableNotFoundError:
        return -1


def watch(table: str, hz: float) -> int:
    """Prints each change. A reader that follows a growing table never sees a version or a row go away.

    Every file is opened for each new version, and once a second for an old one: a table of many files must not take the
    cores from the program under test.
    """
    last, counted = {"version": -2, "rows": 0}, 0.0
    while True:
        if version_of(table) != last["version"] or time.monotonic() - counted > 1:
            now, counted = count(table), time.monotonic()
            if now != last:
                print(json.dumps(now), flush=True)
            if trouble := broken(last, now):
                print(f"watch: {trouble}", file=sys.stderr)
                return 1
            last = now
        if stdin_ended(1 / hz):
            return 0


def broken(last: dict, now: dict) -> str | None:
    if now["rows"] < last["rows"] or now["version"] < last["version"]:
        return f"went back from {last} to {now}"
    if now["version"] == last["version"] and now["rows"] != last["rows"]:
        return f"version {now['version']} changed from {last['rows']} to {now['rows']} rows"
    return None


def stdin_ended(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([sys.stdin], [], [], left)
        if ready and not sys.stdin.readline():
            return True
    return False


# The program ---------------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="oracle.py", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("rows", "compare", "schema", "count", "watch"):
        command = commands.add_parser(name)
        command.add_argument("table")
        if name == "compare":
            command.add_argument("expected")
        if name in ("rows", "compare"):
            command.add_argument("--key", default="id", help="dotted path of the column that tells rows apart")
            command.add_argument("--reader", action="append", choices=sorted(READERS), help="only these readers")
        if name == "watch":
            command.add_argument("--hz", type=float, default=20)
    given = parser.parse_args(arguments)
    try:
        if given.command == "compare":
            return compare(given.table, given.expected, given.key, given.reader or list(READERS))
        if given.command == "watch":
            return watch(given.table, given.hz)
        if given.command == "count":
            print(json.dumps(count(given.table)))
        elif given.command == "schema":
            for field in delta_schema(given.table):
                print(f"{field.name}: {field.type}")
        else:
            rows = table_rows((given.reader or ["deltalake"])[0], given.table, delta_schema(given.table))
            for row in sorted(rows, key=lambda row: sort_key(row, given.key)):
                print(line(row))
        return 0
    except BrokenPipeError:
        return 0
    except Exception as error:  # Whoever called wants one line and a code, not a trace.
        print(f"oracle: {given.command} {given.table}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
