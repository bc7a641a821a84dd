"""Forebay beside dlt's REST source: the contacts of one simulated HubSpot account, in turn. `make bench` calls it.

    hubspot.py --bin target/release/forebay [--contacts 100000,1000000] [--peer dlt|none] [--rounds 3]

The account is the playground's, on loopback and without limits, so that what is measured is the readers. The first size is
read by both, `--rounds` times in turn; every other size by Forebay alone, once, in a fresh server. A record a second is a
contact of the account over the seconds from the request that creates the flow to the answer that says it succeeded; dlt's
seconds are those of `pipeline.run` alone. Then the flow runs twice more: with nothing changed, and after one contact in a
hundred was edited. Each result is read back by a program that is not ours; a wrong one ends the command with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import account
import contacts
import data
import forebay
import proc
import run as objects

HUBSPOT = "cc6a4487-9e91-433e-a3a3-9cf6626c1806"
PATIENCE = 3600.0
# Where we want to be: records a second over the peer's, and peak memory for a million contacts.
TIMES = 10.0
MEMORY = 300 << 20
MILLION = 1_000_000


def main(arguments: list[str]) -> int:
    given = parse(arguments)
    report: dict = {"at": objects.now(), "cpus": os.cpu_count(), "contacts": {}}
    wrong: list[str] = []
    for at, size in enumerate(given.contacts):
        work = pathlib.Path(tempfile.mkdtemp(prefix="forebay-hubspot-"))
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            office = stack.enter_context(account.Account(given.bin, size, work / "account")).ready()
            beside = given.peer == "dlt" and at == 0
            measured = Size(given, office, work)
            report["contacts"][size] = measured.measure(given.rounds if at == 0 else 1, beside)
            wrong += measured.wrong
    report["wrong"] = wrong
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, default=dataclasses.asdict) + "\n")
    print(f"\nwritten to {given.out}")
    for text in wrong:
        print(f"WRONG RESULT: {text}", file=sys.stderr)
    return 1 if wrong else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/hubspot.py", description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/release/forebay"))
    parser.add_argument("--contacts", type=lambda text: [int(n) for n in text.split(",")], default=[100_000, 1_000_000])
    parser.add_argument("--peer", choices=("dlt", "none"), default="dlt")
    parser.add_argument("--peer-python", type=pathlib.Path, help="of the environment of bench/requirements.txt")
    parser.add_argument("--properties", choices=("mapped", "all"), default="mapped", help="that both ask for; the account has 300")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=data.cache_folder() / "results" / f"hubspot-{objects.now()}.json")
    given = parser.parse_args(arguments)
    if given.peer == "dlt" and given.peer_python is None:
        parser.error("--peer dlt needs --peer-python; make bench knows it")
    return given


@dataclasses.dataclass(frozen=True)
class Measured:
    """One load: seconds from outside, CPU seconds and peak bytes of the reader, CPU seconds of the account."""

    wall: float
    cpu: float
    peak: int
    account: float
    requests: int
    # For ours: the seconds by the run's own report, and what was resident before it.
    run: float = 0.0
    before: int = 0


class Size:
    """All measurements with one account."""

    def __init__(self, given: argparse.Namespace, office: account.Account, work: pathlib.Path):
        self.given, self.office, self.work, self.made = given, office, work, 0
        self.wrong: list[str] = []

    def measure(self, rounds: int, beside: bool) -> dict:
        self.truth = contacts.truth(self.office)
        rows = self.truth["rows"]
        # The same properties of both; none named is all of them.
        self.properties = self.office.properties() if self.given.properties == "all" else list(contacts.PROPERTIES.values())
        self.columns = [] if self.given.properties == "all" else list(contacts.TAKEN.values())
        load = os.getloadavg()[0]
        print(f"\n{rows:,} contacts, {len(self.properties)} properties; load of the machine: {load:.1f}", flush=True)
        out: dict = {"rows": rows, "load": load, "forebay": [], "append": [], "dlt": [], "later": {}}
        for _ in range(rounds):
            if beside:
                out["dlt"].append(self.say("dlt", self.dlt(), rows))
            with self.server() as desk:
                out["forebay"].append(self.say("Forebay", desk.load(self.truth, self.columns), rows))
        with self.server(keyed=False) as desk:
            out["append"].append(self.say("Forebay without an identity", desk.load(self.truth, self.columns), rows))
        with self.server() as desk:
            desk.load(self.truth, self.columns)
            out["later"]["unchanged"] = self.say("nothing changed", desk.again(self.truth, 0), 0)
            self.office.edit(rows // 100)
            self.truth = contacts.truth(self.office)
            out["later"]["edited"] = self.say("1 % edited", desk.again(self.truth, rows // 100), rows // 100)
        out["summary"] = summary(out)
        print(told(out["summary"]), flush=True)
        return out

    @contextlib.contextmanager
    def server(self, keyed: bool = True):
        """A fresh one each time: its peak is that of one load."""
        self.made += 1
        folder = self.work / f"serve-{self.made}"
        with forebay.Server(self.given.bin, folder, {"FOREBAY_HUBSPOT_BASE_URL": self.office.url}) as server:
            yield Desk(server.ready(), self.office, keyed, self.wrong)
        shutil.rmtree(folder)

    def dlt(self) -> Measured:
        self.made += 1
        folder = self.work / f"dlt-{self.made}"
        folder.mkdir()
        order = {"endpoint": self.office.url, "token": self.office.token, "properties": self.properties, "folder": str(folder)}
        self.office.forget_requests()
        command = [str(self.given.peer_python), str(pathlib.Path(__file__).with_name("peer.py")), json.dumps(order)]
        with self.office.meter() as busy, proc.Process(command, self.work / f"dlt-{self.made}.log") as peer, proc.Tree(peer.child.pid) as tree:
            done = peer.first_line(PATIENCE)
        rows = contacts.parquet(pathlib.Path(done["where"]))
        self.wrong += [f"dlt: {text}" for text in contacts.problems(rows, self.truth)]
        shutil.rmtree(folder)
        return Measured(done["wall"], done["cpu"], tree.peak, busy.cpu, self.office.requests())

    def say(self, who: str, found: Measured, rows: int) -> Measured:
        print(f"{who}: {said(found, rows)}", flush=True)
        return found


class Desk:
    """A server, and one flow of contacts in it."""

    def __init__(self, server: forebay.Server, office: account.Account, keyed: bool, wrong: list[str]):
        self.server, self.office, self.keyed, self.wrong, self.runs = server, office, keyed, wrong, 0
        names = ("clientId", "clientSecret", "accessToken", "refreshToken")
        auth = {"specName": "Basic Authentication", "params": {name: office.given[name] for name in names}}
        self.base = server.flow_service("connections", {"name": "account", "auth": auth, "connectionSpec": forebay.spec(HUBSPOT)})
        self.tenant = server.tenant()
        self.schema = server.schema("Bench contacts", "contact", contacts.FIELDS)
        if keyed:
            self.identity()
        rules = {"_id": "id"} | {f"{self.tenant}.contact.{name}": taken for name, taken in contacts.TAKEN.items()}
        self.mapping = server.mapping_set(self.schema, rules)

    def identity(self) -> None:
        """One row for each contact: later runs change and delete rows."""
        descriptor = {
            "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": self.schema, "xdm:sourceVersion": 1, "xdm:sourceProperty": "/_id",
            "xdm:namespace": "HubSpot", "xdm:property": "xdm:code", "xdm:isPrimary": True,
        }
        self.server.post(f"{forebay.REGISTRY}/tenant/descriptors", descriptor)

    def load(self, truth: dict, columns: list[str]) -> Measured:
        """The first run, which is the flow's creation. Without columns, every property of the account is read and kept."""
        named = {"columns": [{"name": name} for name in columns]} if columns else {}
        source = {
            "name": "contacts", "baseConnectionId": self.base, "connectionSpec": forebay.spec(HUBSPOT),
            "data": {"format": "tabular"}, "params": {"path": "Hubspot.Contacts"} | named,
        }
        source = self.server.flow_service("sourceConnections", source)
        self.dataset, target = self.server.target("contacts", self.schema)
        changed = {"name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC"}
        kind = self.server.call("GET", f"{forebay.FLOWSERVICE}/flowSpecs?property=name==CRMToAEP")["items"][0]["id"]
        flow = {
            "name": "contacts", "flowSpec": forebay.spec(kind), "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": [
                {"name": "Copy", "params": {"deltaColumn": changed}},
                {"name": "Mapping", "params": {"mappingId": self.mapping, "mappingVersion": 0}},
            ],
            "scheduleParams": {"startTime": int(time.time()), "frequency": "once", "interval": "15"},
        }

        def start() -> None:
            self.flow = self.server.flow_service("flows", flow)

        return self.measured(start, truth, truth["rows"])

    def again(self, truth: dict, changed: int) -> Measured:
        """One more run, which is to bring what was changed and nothing else."""
        return self.measured(lambda: self.server.flow_service("runs", {"flowId": self.flow}), truth, changed)

    def measured(self, start, truth: dict, records: int) -> Measured:
        self.runs += 1
        self.office.forget_requests()
        before = self.server.meter().resident_now()
        with self.server.meter() as meter, self.office.meter() as busy:
            started = time.monotonic()
            start()
            run = self.server.finished(self.flow, PATIENCE, self.runs)
            wall = time.monotonic() - started
        times, brought = run["metrics"]["durationSummary"], run["metrics"]["recordSummary"]
        self.judge(brought, records, truth)
        return Measured(
            wall, meter.cpu, meter.peak, busy.cpu, self.office.requests(), (times["completedAtUTC"] - times["startedAtUTC"]) / 1000,
            before,
        )

    def judge(self, brought: dict, records: int, truth: dict) -> None:
        which = f"Forebay, run {self.runs}{'' if self.keyed else ', without an identity'}"
        if brought.get("outputRecordCount") != records:
            self.wrong.append(f"{which}: {records} records expected, {brought}")
        rows = contacts.delta(self.server.table(self.dataset), self.tenant)
        self.wrong += [f"{which}: {text}" for text in contacts.problems(rows, truth)]


def summary(found: dict) -> dict:
    """Medians, and ours over the peer's: records a second of each round, and peak memory."""
    out: dict = {}
    for who in ("dlt", "forebay", "append"):
        if found[who]:
            middle = lambda name: statistics.median(getattr(m, name) for m in found[who])
            out[who] = {"recordsPerSecond": found["rows"] / middle("wall"), "cpu": middle("cpu"), "peak": middle("peak")}
    if found["dlt"]:
        out["times"] = statistics.median(theirs.wall / ours.wall for ours, theirs in zip(found["forebay"], found["dlt"]))
        out["cpuTimes"] = statistics.median(theirs.cpu / ours.cpu for ours, theirs in zip(found["forebay"], found["dlt"]))
    ours = [*found["forebay"], *found["append"], *found["later"].values()]
    return out | {"rows": found["rows"], "most": max(m.peak for m in ours)}


def told(found: dict) -> str:
    """The medians in words, with what was aimed at."""
    verdict = lambda met: "met" if met else "missed"
    lines = []
    if "times" in found:
        text = f"{found['times']:.1f} times dlt's records/s (aim: {TIMES:.0f}, {verdict(found['times'] >= TIMES)})"
        lines.append(f"{text}; records per CPU second: {found['cpuTimes']:.1f} times")
        memory = found["forebay"]["peak"] / found["dlt"]["peak"]
        lines.append(f"peak memory: {memory:.2f} of dlt's")
    aim = f" (aim: {MEMORY >> 20}, {verdict(found['most'] <= MEMORY)})" if found["rows"] >= MILLION else ""
    lines.append(f"peak memory of all our runs: {found['most'] / 2**20:,.0f} MiB{aim}")
    return "\n".join(lines)


def said(found: Measured, rows: int) -> str:
    parts = [f"{found.wall:.2f} s" + (f" ({found.run:.2f} s by its own report)" if found.run else "")]
    if rows:
        parts.append(f"{rows / found.wall:,.0f} records/s")
    before = f" ({found.before / 2**20:,.0f} before)" if found.before else ""
    parts.append(f"{found.cpu:.2f} s CPU, peak {found.peak / 2**20:,.0f} MiB{before}")
    parts.append(f"the account {found.account:.2f} s CPU, {100 * found.account / found.wall:.0f} % of a core")
    return "; ".join(parts + [f"{found.requests:,} requests"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
