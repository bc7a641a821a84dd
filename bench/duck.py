"""The reference, as a program of its own so that its time and memory are its own: one DuckDB COPY from S3 to S3.

    duck.py JSON      {"endpoint", "key", "secret", "source": "s3://…", "format", "target": "s3://…/out.parquet", "threads"}

Prints one JSON line: wall and CPU seconds of the COPY alone (not of starting Python), and peak resident bytes.
The types are declared, as ours are by the target schema; nothing is sniffed.
"""

from __future__ import annotations

import json
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
import oracle  # noqa: E402  (for the extension wheels)

TYPES = {
    "id": "BIGINT", "email": "VARCHAR", "firstName": "VARCHAR", "lastName": "VARCHAR", "phone": "VARCHAR",
    "country": "VARCHAR", "createdAt": "TIMESTAMPTZ", "updatedAt": "TIMESTAMPTZ", "score": "DOUBLE",
    "amount": "DECIMAL(12,2)", "tags": "VARCHAR", "active": "BOOLEAN", "notes": "VARCHAR",
}


def source(given: dict) -> str:
    columns = "{" + ", ".join(f"'{name}': '{ty}'" for name, ty in TYPES.items()) + "}"
    where = given["source"]
    if given["format"] in ("csv", "csv.gz"):
        kind = "gzip" if given["format"] == "csv.gz" else "none"
        return f"read_csv('{where}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', compression = '{kind}', columns = {columns})"
    if given["format"] == "ndjson":
        return f"read_json('{where}', format = 'newline_delimited', columns = {columns})"
    return f"read_parquet('{where}')"


def main() -> None:
    given = json.loads(sys.argv[1])
    connection = oracle.duckdb_with("httpfs")
    connection.execute(f"SET threads = {given['threads']}")
    secret = f"TYPE s3, KEY_ID '{given['key']}', SECRET '{given['secret']}', ENDPOINT '{given['endpoint']}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1'"
    connection.execute(f"CREATE SECRET ({secret})")
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    connection.execute(f"COPY (SELECT * FROM {source(given)}) TO '{given['target']}' (FORMAT parquet, COMPRESSION zstd)")
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak()}))


def peak() -> int:
    """Not `ru_maxrss`: that one remembers the program from which this one was started."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
