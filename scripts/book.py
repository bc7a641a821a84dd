"""Runs the examples of the documentation: book.py run --bin FOREBAY [PAGE…], book.py list, book.py keys [--write]

A page is README.md or one below docs/book. Its fenced blocks that are marked `sh` run in order, in one bash with
`set -eu -o pipefail`, in a folder of the page's own beside a running `forebay demo`. Marks that change that:

    sh              is run
    sh server       goes on until the page ends; the page's own server, in place of the demo
    sh exit=N       ends with this code, in a shell of its own
    sh norun        is not run: it needs what a test has not (a bucket of Amazon's, a server of PostgreSQL); kept few
    output          what the block above it printed on stdout: `…` is any text in a line, and alone in a line any lines

The ports 8787, 9797 and 9798 of 127.0.0.1 stand for whatever ports are free. A server has started once it listens on those
that its block names, the platform once it is healthy, the demo once it has said what it made. Blanks at the ends of lines and their number between words do not count.

`keys` holds the table of docs/book/configuration.md against crates/server/default.toml.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs/book"
# Their examples are run by crates/server/tests/it/cli.rs.
ELSEWHERE = {"command-line.md"}
# The platform's; what stands in for S3 and HubSpot.
PORTS = ("127.0.0.1:8787", "127.0.0.1:9797", "127.0.0.1:9798")
PATIENCE = 180


@dataclass
class Block:
    """A fenced block that is marked `sh`, and what it is said to print."""

    line: int
    marks: list[str]
    text: str
    output: str | None = None

    @property
    def runs(self):
        return "norun" not in self.marks

    @property
    def serves(self):
        return "server" in self.marks

    @property
    def exit(self):
        return next((int(mark[5:]) for mark in self.marks if mark.startswith("exit=")), 0)


@dataclass
class Fences:
    """What is read of a page so far."""

    blocks: list[Block] = field(default_factory=list)
    fence: str | None = None
    marks: list[str] = field(default_factory=list)
    start: int = 0
    lines: list[str] = field(default_factory=list)


KNOWN = {"server", "norun"}


def blocks(text):
    """The blocks of a page. A mark that is not known, or output that belongs to nothing, is an error."""
    at = Fences()
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(`{3,})\s*(.*)$", line)
        if at.fence is None and mark:
            at.fence, at.marks, at.start, at.lines = mark[1], mark[2].split(), number, []
        elif at.fence is not None and line.strip() == at.fence:
            close(at)
            at.fence = None
        elif at.fence is not None:
            at.lines.append(line)
    if at.fence is not None:
        raise ValueError(f"line {at.start}: the block is not closed")
    return at.blocks


def close(at):
    """Takes a block that has ended."""
    body = "\n".join(at.lines) + "\n"
    match at.marks:
        case ["sh", *marks]:
            wrong = [mark for mark in marks if mark not in KNOWN and not re.fullmatch(r"exit=\d+", mark)]
            if wrong:
                raise ValueError(f"line {at.start}: {wrong[0]} is not known")
            at.blocks.append(Block(at.start, marks, body))
        case ["output"]:
            if not at.blocks or at.blocks[-1].output is not None:
                raise ValueError(f"line {at.start}: no block has this output")
            at.blocks[-1].output = body


def pattern(expected):
    """The output of a block as an expression that what was printed must match."""
    parts = []
    for line in tidy(expected):
        if line == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*".join(re.escape(part) for part in re.split(r" ?… ?", line)) + r"\n")
    return re.compile("".join(parts))


def tidy(text):
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines()]
    return [line for line in lines if line]


def agrees(expected, printed):
    return pattern(expected).fullmatch("".join(line + "\n" for line in tidy(printed))) is not None


def moved(text, places):
    """The text with the addresses that are free."""
    for written, free in places.items():
        text = text.replace(written, free)
    return text


def script(page, folder, places):
    """The page as one script: each block's output in files of its own, then a mark that it went well."""
    lines = ["set -eu -o pipefail"]
    for number, block in enumerate(page):
        if not block.runs:
            continue
        lines.append(f"exec >{folder}/{number}.out 2>{folder}/{number}.err </dev/null")
        if block.serves:
            lines += serving(block.text, places, f"{folder}/{number}.out")
        elif block.exit:
            # Not after `||`, where `set -e` would mean nothing.
            lines.append(f"set +e; (set -e\n{moved(block.text, places)}); book_exit=$?; set -e; [ $book_exit = {block.exit} ]")
        else:
            lines.append(moved(block.text, places))
        lines.append(f"touch {folder}/{number}.done")
    return "\n".join(lines) + "\n"


def serving(text, places, out):
    """A server in the background, until it is ready."""
    text = text.replace("make demo", "forebay demo").strip()
    if text.startswith("forebay demo"):
        text += f" --listen {PORTS[0]}"
    # The platform listens before it has written its credentials; the others are ready when they listen.
    asked = [f"(: </dev/tcp/{places[at].replace(':', '/')})" for at in PORTS[1:] if at in text]
    if "forebay serve" in text:
        asked = [f"curl -sf http://{places[PORTS[0]]}/health >&2"]
    if "forebay demo" in text:
        asked = [f"grep -qs ^Try {out}"]
    waits = [f"until {ready} 2>/dev/null; do kill -0 $!; sleep 0.1; done" for ready in asked]
    return [f"{moved(text, places)} &", *waits]


def free(count):
    """Addresses that differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in held]
    for one in held:
        one.close()
    return addresses


def environment(home, binary, address):
    """Nothing of the caller's configuration, and the program in the path."""
    folder = home / "bin"
    folder.mkdir()
    (folder / "forebay").symlink_to(binary)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FOREBAY_", "XDG_"))}
    # The Python of the tests goes first: it has what reads tables.
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), env["PATH"]])
    env |= {"PATH": path, "HOME": str(home), "COLUMNS": "160", "NO_COLOR": "1"}
    env |= {"FOREBAY_SERVER_LISTEN": address, "FOREBAY_RUN_TICK_MS": "50", "FOREBAY_LOG_FILTER": "warn"}
    return env


def end(process):
    """Ends what a page started, and what that started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def demo(folder, env, address):
    """Starts the demo in a page's folder, and answers once it has its connections."""
    log = (folder.parent / "demo.log").open("w")
    command = ["forebay", "demo", "--listen", address]
    server = subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    began = time.monotonic()
    while "Try " not in (folder.parent / "demo.log").read_text():
        if server.poll() is not None or time.monotonic() - began > 120:
            end(server)
            raise RuntimeError("the demo does not come up:\n" + (folder.parent / "demo.log").read_text())
        time.sleep(0.1)
    return server


def run(name, binary):
    """Runs a page. Answers what was wrong, and how many blocks ran."""
    page = blocks((ROOT / name).read_text())
    count = sum(block.runs for block in page)
    if not count:
        return None, 0
    # Short: sockets and SQLite have their limits, and people read these paths in failures.
    with tempfile.TemporaryDirectory(prefix="book.") as home:
        home = Path(home)
        folder, said = home / "work", home / "said"
        folder.mkdir()
        said.mkdir()
        places = dict(zip(PORTS, free(len(PORTS)), strict=True))
        address = places[PORTS[0]]
        env = environment(home, binary, address)
        server = None if any(block.serves for block in page) else demo(folder, env, address)
        try:
            shell = subprocess.Popen(
                ["bash", "-c", script(page, said, places)], cwd=folder, env=env, start_new_session=True
            )
            try:
                shell.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            finally:
                end(shell)
        finally:
            if server:
                end(server)
        return judge(name, page, said, places), count


def judge(name, page, said, places):
    """What was wrong with the first block that did not do what the page says."""
    for number, block in enumerate(page):
        if not block.runs:
            continue
        read = lambda kind: (said / f"{number}.{kind}").read_text() if (said / f"{number}.{kind}").exists() else ""
        printed = f"{block.text}\n--- printed\n{read('out')}\n--- said\n{read('err')}"
        if not (said / f"{number}.done").exists():
            return f"{name}:{block.line} did not end well\n{printed}"
        if block.output is not None and not agrees(moved(block.output, places), read("out")):
            return f"{name}:{block.line} printed something else\n{printed}\n--- expected\n{block.output}"
    return None


def pages():
    named = sorted(str(path.relative_to(ROOT)) for path in BOOK.rglob("*.md") if path.name not in ELSEWHERE)
    return ["README.md", *named]


# The configuration's page.

START, END = "<!-- keys: scripts/book.py keys --write -->", "<!-- end of keys -->"


def table(text):
    """The keys of default.toml as tables: key, default, what it does, each section with its heading."""
    lines, about, values = [], [], tomllib.loads(text)
    section = None
    for line in text.splitlines():
        if head := re.fullmatch(r"\[(\w+)\]", line):
            section, about = head[1], []
            lines += ["", f"### {section}", "", "| key | default | |", "|---|---|---|"]
        elif line.startswith("#"):
            about.append(line[1:].strip())
        elif key := re.match(r"(\w+) = (.*)$", line):
            if section is None or key[1] not in values[section]:
                raise ValueError(f"{key[1]} belongs to no section")
            words = " ".join(about).replace("|", "\\|")
            lines.append(f"| `{section}.{key[1]}` | `{key[2]}` | {words} |")
            about = []
    return "\n".join(lines).strip() + "\n"


def keys(write):
    """Whether the page has the table; writes it there if asked."""
    path = BOOK / "configuration.md"
    page = path.read_text()
    before, rest = page.split(START)
    after = rest.split(END)[1]
    made = f"{before}{START}\n\n{table((ROOT / 'crates/server/default.toml').read_text())}\n{END}{after}"
    if write:
        path.write_text(made)
    return made == page or write


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--bin", required=True)
    running.add_argument("pages", nargs="*")
    commands.add_parser("list", help="the pages that have something to run")
    keeping = commands.add_parser("keys")
    keeping.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.command == "keys":
        if not keys(args.write):
            sys.exit("docs/book/configuration.md is not as crates/server/default.toml: scripts/book.py keys --write")
        return
    if args.command == "list":
        print("\n".join(name for name in pages() if any(one.runs for one in blocks((ROOT / name).read_text()))))
        return
    failed = 0
    for name in args.pages or pages():
        began = time.monotonic()
        wrong, count = run(name, Path(args.bin).resolve())
        if wrong:
            failed += 1
            print(wrong)
        elif count:
            print(f"{name}: {count} blocks, {time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
