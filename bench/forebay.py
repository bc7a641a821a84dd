"""Forebay as a user has it: the release program over HTTP, from connection to rows in the lake."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

import data
import proc
import s3

S3_SPEC = "ecadc60c-7455-4d87-84dc-2a0e293d997b"
LAKE_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
CLOUD_STORAGE = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
SCHEMA_TYPE = "application/vnd.adobe.xed-full+json;version=1"
FLOWSERVICE = "/data/foundation/flowservice"
REGISTRY = "/data/foundation/schemaregistry"

# The target's fields, typed; the product casts to them. XDM has no decimal: `amount` is a double.
FIELDS = {
    "id": {"type": "integer", "meta:xdmType": "long"},
    "createdAt": {"type": "string", "format": "date-time"},
    "updatedAt": {"type": "string", "format": "date-time"},
    "score": {"type": "number"},
    "amount": {"type": "number"},
    "active": {"type": "boolean"},
}

# How the source connection names each format.
DATA = {
    "csv": {"format": "delimited", "properties": {"columnDelimiter": ","}},
    "csv.gz": {"format": "delimited", "properties": {"columnDelimiter": ",", "compressionType": "gzip"}},
    "ndjson": {"format": "json"},
    "parquet": {"format": "parquet"},
}


class Refused(Exception):
    """The program answered an error status."""


class Server(proc.Process):
    """`forebay serve` on a free port, over a data folder of its own."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, env: dict[str, str] | None = None):
        self.folder, self.token = folder, ""
        with socket.create_server(("127.0.0.1", 0)) as held:
            address = f"127.0.0.1:{held.getsockname()[1]}"
        self.url = f"http://{address}"
        folder.mkdir(parents=True)
        command = [str(binary), "serve", "--data", str(folder), "--listen", address]
        own = {"FOREBAY_EGRESS_ALLOW": "127.0.0.0/8,::1/128"}
        super().__init__(command, folder.parent / f"{folder.name}.log", own | (env or {}))
        self.drain()

    def ready(self, seconds: float = 30) -> Server:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                self.died("ended")
            with contextlib.suppress(OSError, Refused):
                self.send("GET", "/health", None, {})
                break
            time.sleep(0.05)
        else:
            self.died(f"did not answer /health within {seconds} s")
        self.who = json.loads((self.folder / "credentials.json").read_text())
        form = {"grant_type": "client_credentials", "client_id": self.who["clientId"], "client_secret": self.who["clientSecret"]}
        body = urllib.parse.urlencode(form | {"scope": "openid,AdobeID"}).encode()
        reply = self.send("POST", "/ims/token/v3", body, {"content-type": "application/x-www-form-urlencoded"})
        self.token = reply["access_token"]
        return self

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> typing.Any:
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            # No proxy from the environment: everything here is loopback.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:2000]}") from error
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text.decode(errors="replace")

    def call(self, method: str, path: str, body=None, accept: str = "application/json") -> typing.Any:
        headers = {
            "authorization": f"Bearer {self.token}", "x-api-key": self.who.get("apiKey", self.who["clientId"]),
            "x-gw-ims-org-id": self.who["imsOrgId"], "x-sandbox-name": self.who["sandbox"], "accept": accept,
        }
        if body is not None:
            headers["content-type"] = "application/json"
        return self.send(method, path, None if body is None else json.dumps(body).encode(), headers)

    def post(self, path: str, body) -> typing.Any:
        return self.call("POST", path, body)

    def flow_service(self, resource: str, body) -> str:
        return self.post(f"{FLOWSERVICE}/{resource}", body)["id"]

    def tenant(self) -> str:
        return "_" + self.call("GET", f"{REGISTRY}/stats")["tenantId"].lstrip("_")

    def schema(self, title: str, part: str, fields: dict[str, dict]) -> str:
        """A schema of the profile class with these fields at `_tenant.PART`."""
        typed = {name: how | {"title": name} for name, how in fields.items()}
        own = {"type": "object", "properties": {part: {"type": "object", "properties": typed}}}
        group = self.post(
            f"{REGISTRY}/tenant/fieldgroups",
            {
                "type": "object", "title": f"{title} fields", "meta:intendedToExtend": [PROFILE],
                "definitions": {"customFields": {"type": "object", "properties": {self.tenant(): own}}},
                "allOf": [{"$ref": "#/definitions/customFields"}],
            },
        )
        schema = {"type": "object", "title": title, "allOf": [{"$ref": PROFILE}, {"$ref": group["$id"]}]}
        return self.post(f"{REGISTRY}/tenant/schemas", schema)["$id"]

    def mapping_set(self, schema: str, rules: dict[str, str]) -> str:
        """Destinations and the source fields that they take."""
        reference = {"id": schema, "contentType": SCHEMA_TYPE}
        listed = [{"source": taken, "sourceType": "ATTRIBUTE", "destination": to} for to, taken in rules.items()]
        return self.post("/data/foundation/conversion/mappingSets", {"outputSchema": {"schemaRef": reference}, "mappings": listed})["id"]

    def target(self, name: str, schema: str) -> tuple[str, str]:
        """A new dataset, and the target connection to it."""
        reference = {"id": schema, "contentType": SCHEMA_TYPE}
        answer = self.post("/data/foundation/catalog/dataSets", {"name": name, "schemaRef": reference})
        dataset = answer[0].rsplit("/", 1)[1]
        target = self.flow_service(
            "targetConnections",
            {
                "name": name, "connectionSpec": spec(LAKE_SPEC), "params": {"dataSetId": dataset},
                "data": {"format": "parquet_xdm", "schema": {"id": schema, "version": SCHEMA_TYPE}},
            },
        )
        return dataset, target

    def finished(self, flow: str, seconds: float, runs: int = 1) -> dict:
        """The flow's latest run, once so many of them have come to a good end."""
        query, deadline = urllib.parse.quote(f"flowId=={flow}", safe="="), time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.call("GET", f"{FLOWSERVICE}/runs?property={query}")["items"]
            status = [run["metrics"]["statusSummary"]["status"] for run in found]
            if "failed" in status:
                raise SystemExit(f"the run failed: {json.dumps(found[status.index('failed')], indent=1)}")
            if status.count("success") == runs:
                return max(found, key=lambda run: run["metrics"]["durationSummary"]["startedAtUTC"])
            if self.child.poll() is not None:
                self.died("ended in mid run")
            time.sleep(0.1)
        raise SystemExit(f"flow {flow}: no run came to an end in time")

    def table(self, dataset: str) -> pathlib.Path:
        """Where the dataset's table lies: DATA/lake/tables/SANDBOX/DATASET."""
        found = list((self.folder / "lake" / "tables").glob(f"*/{dataset}"))
        if len(found) != 1:
            raise SystemExit(f"dataset {dataset}: {len(found)} tables below {self.folder}/lake/tables")
        return found[0]


class Bench:
    """What all runs share: the connection, the schema, the mapping set."""

    def __init__(self, server: Server, endpoint: s3.Endpoint):
        self.server, self.endpoint, self.made = server, endpoint, 0
        params = {"s3AccessKey": endpoint.key, "s3SecretKey": endpoint.secret, "serviceUrl": endpoint.url}
        self.connection = server.flow_service(
            "connections",
            {"name": "bench bucket", "auth": {"specName": "Access Key", "params": params}, "connectionSpec": spec(S3_SPEC)},
        )
        tested = server.call("GET", f"{FLOWSERVICE}/connections/{self.connection}/test")
        if tested.get("result") is not True:
            raise SystemExit(f"the connection to the S3 endpoint does not test well: {tested}")
        self.tenant = server.tenant()
        self.schema = server.schema("Bench customers", "customer", {n: FIELDS.get(n, {"type": "string"}) for n in data.COLUMNS})
        self.mapping = server.mapping_set(self.schema, {f"{self.tenant}.customer.{n}": n for n in data.COLUMNS})

    def run(self, format: str, prefix: str, deadline: float = 1800) -> Run:
        """One flow over `prefix`, into a dataset of its own, from its creation to the end of its run."""
        self.made += 1
        name = f"bench {format} {self.made}"
        server = self.server
        source = server.flow_service(
            "sourceConnections",
            {
                "name": name, "baseConnectionId": self.connection, "connectionSpec": spec(S3_SPEC), "data": DATA[format],
                "params": {"path": f"/{self.endpoint.bucket}/{prefix}", "type": "folder", "recursive": True},
            },
        )
        dataset, target = server.target(name, self.schema)
        flow = {
            "name": name, "flowSpec": spec(CLOUD_STORAGE), "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": [{"name": "Mapping", "params": {"mappingId": self.mapping, "mappingVersion": 0}}],
            "scheduleParams": {"startTime": int(time.time()), "frequency": "once"},
            "options": {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 5},
        }
        with server.meter() as meter:
            started = time.monotonic()
            run = server.finished(server.flow_service("flows", flow), deadline)
            polled = time.monotonic() - started
        times = run["metrics"]["durationSummary"]
        return Run(
            dataset=dataset, polled=polled, wall=(times["completedAtUTC"] - times["startedAtUTC"]) / 1000, cpu=meter.cpu,
            peak=meter.peak, records=run["metrics"]["recordSummary"],
        )


class Run(typing.NamedTuple):
    """One run, measured: seconds by the run's own report and by asking, CPU seconds and peak bytes of the server."""

    dataset: str
    polled: float
    wall: float
    cpu: float
    peak: int
    records: dict


def spec(id: str) -> dict:
    return {"id": id, "version": "1.0"}
