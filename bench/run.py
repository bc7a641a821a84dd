"""Forebay beside DuckDB: the same rows, from the same S3 endpoint, in turn. `make bench` calls it.

    run.py --bin target/release/forebay [--format csv,csv.gz,ndjson,parquet] [--rows 1000000] [--rounds 3]

The reference is DuckDB's COPY of the CSV objects to zstd Parquet on the same endpoint. It runs just before and just after
each of ours; a ratio is ours over the mean of those two, and the median over the rounds is printed. Below 1 is better.
Ours goes through the whole product: API, signed reads, decoding with line numbers, mapping, Delta commit. Each result
is read back and added up; a wrong one ends the command with 1. Absolute seconds drift with the machine: compare ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import data
import forebay
import place
import s3
import verify

# Where we want to be, against the reference.
GOALS = {"csv": 0.6, "csv.gz": 0.6, "ndjson": 0.8, "parquet": 0.45}
MEMORY = 512 << 20
FAST_ENOUGH = 500.0


def main(arguments: list[str]) -> int:
    given = parse(arguments)
    folder, facts = data.ensure(given.rows, sorted({"csv", *given.format}))
    work = pathlib.Path(tempfile.mkdtemp(prefix="forebay-bench-"))
    report = {"at": now(), "rows": given.rows, "rounds": given.rounds, "cpus": os.cpu_count(), "threads": given.threads}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        endpoint = stack.enter_context(place.endpoint(given.bin, given.s3, work))
        sizes = {f: endpoint.upload(data.objects(folder, f), f"customers/{f}/") for f in sorted({"csv", *given.format})}
        report["getMBps"] = endpoint.get_rate("customers/csv/")
        verdict = "no bottleneck" if report["getMBps"] > FAST_ENOUGH else f"a bottleneck: below {FAST_ENOUGH:.0f} MB/s, times below say little"
        print(f"S3 endpoint: {report['getMBps']:.0f} MB/s of plain GETs, {verdict}", flush=True)
        bench = None
        if not given.reference_only:
            server = stack.enter_context(forebay.Server(given.bin, work / "serve")).ready()
            bench = forebay.Bench(server, endpoint)
        results = Results(given, endpoint, bench, facts, sizes)
        report["formats"] = results.measure()
    report["wrong"] = results.wrong
    print_table(report)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {given.out}")
    for text in results.wrong:
        print(f"WRONG RESULT: {text}", file=sys.stderr)
    return 1 if results.wrong else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/release/forebay"))
    parser.add_argument("--format", type=lambda text: text.split(","), default=list(data.SUFFIX))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB")
    parser.add_argument("--s3", choices=("playground", "environment"), default="playground")
    parser.add_argument("--reference-only", action="store_true", help="DuckDB alone; needs no Forebay with --s3 environment")
    parser.add_argument("--out", type=pathlib.Path, default=data.cache_folder() / "results" / f"{now()}.json")
    given = parser.parse_args(arguments)
    if unknown := set(given.format) - set(data.SUFFIX):
        parser.error(f"unknown format {', '.join(unknown)}; known: {', '.join(data.SUFFIX)}")
    return given


class Results:
    def __init__(self, given, endpoint: s3.Endpoint, bench: forebay.Bench | None, facts: dict, sizes: dict[str, int]):
        self.given, self.endpoint, self.bench, self.facts, self.sizes = given, endpoint, bench, facts, sizes
        self.wrong: list[str] = []

    def measure(self) -> dict:
        out = {f: {"bytes": self.sizes[f], "reference": [], "duckdb": [], "forebay": []} for f in self.given.format}
        # Once each, not counted: file caches, and the table of a first run.
        self.duckdb("csv")
        before = self.duckdb("csv")
        for round in range(1, self.given.rounds + 1):
            for format, found in out.items():
                if format != "csv":
                    found["duckdb"].append(self.duckdb(format))
                if self.bench:
                    found["forebay"].append(self.ours(format))
                after = self.duckdb("csv")
                found["reference"].append({name: (before[name] + after[name]) / 2 for name in ("wall", "cpu", "peak")})
                before = after
                print(f"round {round}, {format}: {said(found)}", flush=True)
        for format, found in out.items():
            found["summary"] = summary(found, self.given.rows, self.sizes[format])
        return out

    def duckdb(self, format: str) -> dict:
        host = self.endpoint.url.split("://", 1)[1].rstrip("/")
        key = f"out/duckdb-{format}.parquet"
        order = {
            "endpoint": host, "key": self.endpoint.key, "secret": self.endpoint.secret, "format": format, "threads": self.given.threads,
            "source": f"s3://{self.endpoint.bucket}/customers/{format}/*.{data.SUFFIX[format]}", "target": f"s3://{self.endpoint.bucket}/{key}",
        }
        program = pathlib.Path(__file__).with_name("duck.py")
        done = subprocess.run([sys.executable, program, json.dumps(order)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"DuckDB could not copy {format}:\n{done.stderr}")
        self.judge(f"DuckDB {format}", verify.duckdb_result(self.endpoint, key))
        return json.loads(done.stdout)

    def ours(self, format: str) -> dict:
        run = self.bench.run(format, f"customers/{format}/")
        table = self.bench.server.table(run.dataset)
        self.judge(f"Forebay {format}", verify.delta_result(str(table), self.bench.tenant))
        if run.records.get("outputRecordCount") != self.given.rows:
            self.wrong.append(f"Forebay {format} reports {run.records}")
        return {"wall": run.wall, "polled": run.polled, "cpu": run.cpu, "peak": run.peak}

    def judge(self, what: str, table) -> None:
        self.wrong.extend(f"{what}: {text}" for text in verify.problems(table, self.facts))


def summary(found: dict, rows: int, size: int) -> dict:
    out: dict = {}
    for who in ("reference", "duckdb", "forebay"):
        runs = found[who]
        if not runs:
            continue
        middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        middle |= {"rowsPerSecond": rows / middle["wall"], "MBps": size / middle["wall"] / 1e6}
        if who == "reference":
            middle |= {"rowsPerSecond": None, "MBps": None}
        else:
            for name in ("cpu", "wall"):
                ratios = [run[name] / ref[name] for run, ref in zip(runs, found["reference"])]
                middle[f"{name}Ratio"] = statistics.median(ratios)
        out[who] = middle
    return out


def said(found: dict) -> str:
    parts = []
    for who in ("reference", "duckdb", "forebay"):
        if found[who]:
            last = found[who][-1]
            parts.append(f"{who} {last['wall']:.2f} s wall, {last['cpu']:.2f} s CPU, {last['peak'] / 2**20:.0f} MiB")
    return "; ".join(parts)


def print_table(report: dict) -> None:
    heads = ("format", "who", "wall s", "CPU s", "rows/s", "MB/s", "peak MiB", "CPU ratio", "wall ratio", "goal")
    lines = [heads]
    for format, found in report["formats"].items():
        for who, middle in found["summary"].items():
            goal = ""
            if who == "forebay":
                met = middle["cpuRatio"] <= GOALS[format] and middle["peak"] <= MEMORY
                goal = f"{GOALS[format]} CPU, {MEMORY >> 20} MiB: {'met' if met else 'missed'}"
            figure = lambda name, digits: "" if middle.get(name) is None else f"{middle[name]:,.{digits}f}"
            lines.append(
                (
                    format, {"reference": "reference (DuckDB, csv)", "duckdb": f"DuckDB {format}", "forebay": "Forebay"}[who],
                    figure("wall", 2), figure("cpu", 2), figure("rowsPerSecond", 0), figure("MBps", 0),
                    f"{middle['peak'] / 2**20:,.0f}", figure("cpuRatio", 2), figure("wallRatio", 2), goal,
                )
            )
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    print(f"\n{report['rows']:,} rows, medians of {report['rounds']}, {report['cpus']} cores; ratios against the reference around each run")
    for line in lines:
        print("  ".join(cell.ljust(w) if i in (0, 1, 9) else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))).rstrip())


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
