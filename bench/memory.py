"""Memory must not grow with the data: 200 MB and 2 GB of CSV through one run each, each in a fresh server.

    memory.py --bin target/release/forebay [--sizes 200,2000] [--limit 512]

Prints the peak resident size of `forebay serve` during each run. Ends with 1 when one passes the limit or a result is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shutil
import sys
import tempfile

import data
import forebay
import place
import verify

BYTES_A_ROW = 212


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/memory.py", description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/release/forebay"))
    parser.add_argument("--sizes", type=lambda text: [int(s) for s in text.split(",")], default=[200, 2000], help="MB of CSV")
    parser.add_argument("--limit", type=int, default=512, help="MiB")
    parser.add_argument("--s3", choices=("playground", "environment"), default="playground")
    given = parser.parse_args(arguments)
    failed = False
    for size in given.sizes:
        failed |= not measure(given, size)
    return 1 if failed else 0


def measure(given: argparse.Namespace, megabytes: int) -> bool:
    rows = megabytes * 1_000_000 // BYTES_A_ROW
    folder, facts = data.ensure(rows, ["csv"])
    work = pathlib.Path(tempfile.mkdtemp(prefix="forebay-memory-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        endpoint = stack.enter_context(place.endpoint(given.bin, given.s3, work))
        endpoint.clear("memory/")
        size = endpoint.upload(data.objects(folder, "csv"), "memory/csv/")
        server = stack.enter_context(forebay.Server(given.bin, work / "serve")).ready()
        bench = forebay.Bench(server, endpoint)
        idle = server.meter().resident_now()
        run = bench.run("csv", "memory/csv/")
        wrong = verify.problems(verify.delta_result(str(bench.server.table(run.dataset)), bench.tenant), facts)
    good = run.peak <= given.limit << 20 and not wrong
    print(
        f"{size / 1e6:,.0f} MB, {rows:,} rows: peak {run.peak / 2**20:,.0f} MiB (idle {idle / 2**20:,.0f}), "
        f"{run.wall:.1f} s, {size / run.wall / 1e6:,.0f} MB/s: {'within' if run.peak <= given.limit << 20 else 'OVER'} {given.limit} MiB",
        flush=True,
    )
    for text in wrong:
        print(f"WRONG RESULT: {text}", file=sys.stderr)
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
