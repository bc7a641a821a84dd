"""The simulated HubSpot account that both sides read: started by the program, without limits, changed by its control port."""

from __future__ import annotations

import http.client
import json
import pathlib
import typing
import urllib.parse
from collections.abc import Iterator

import proc

CONTACTS = "/crm/v3/objects/contacts"
PAGE = 100


class Account(proc.Process):
    """`forebay playground` with so many contacts, on free ports."""

    def __init__(self, binary: pathlib.Path, contacts: int, folder: pathlib.Path):
        folder.mkdir(parents=True)
        free = "127.0.0.1:0"
        command = [str(binary), "playground", "--s3", free, "--data", str(folder / "s3"), "--hubspot", free]
        super().__init__(command + ["--hubspot-control", free, "--contacts", str(contacts)], folder / "account.log")

    def ready(self, seconds: float = 120) -> Account:
        self.given = self.first_line(seconds)["hubspot"]
        self.url, self.token = self.given["endpoint"], self.given["privateAppToken"]
        return self

    def control(self, method: str, path: str, body=None) -> bytes:
        with Line(self.given["control"]) as line:
            return line.ask(method, f"/__sim/{path}", {}, None if body is None else json.dumps(body).encode())

    def ids(self) -> list[int]:
        """Of the contacts that live."""
        return json.loads(self.control("GET", "ids/contacts"))["live"]

    def properties(self) -> list[str]:
        """Of contacts, those that need no further scope."""
        with Line(self.url) as line:
            reply = line.ask("GET", "/crm/v3/properties/contacts", {"authorization": f"Bearer {self.token}"})
        return [found["name"] for found in json.loads(reply)["results"]]

    def edit(self, contacts: int) -> None:
        """So many contacts get new values, an hour later by the account's clock."""
        self.control("POST", "clock", {"advanceMs": 3_600_000})
        self.control("POST", "mutate", {"edit": {"object": "contacts", "which": {"random": contacts}}})

    def forget_requests(self) -> None:
        self.control("DELETE", "requests")

    def requests(self) -> int:
        """How many calls the API was asked since they were forgotten."""
        return self.control("GET", "requests").count(b"\n")

    def pages(self, properties: list[str]) -> Iterator[list[dict]]:
        """The plain walk over the list: what the account holds, read by nothing that is measured."""
        query: dict[str, typing.Any] = {"limit": PAGE, "properties": ",".join(properties)}
        with Line(self.url) as line:
            while True:
                target = f"{CONTACTS}?{urllib.parse.urlencode(query)}"
                page = json.loads(line.ask("GET", target, {"authorization": f"Bearer {self.token}"}))
                yield page["results"]
                if "paging" not in page:
                    return
                query["after"] = page["paging"]["next"]["after"]


class Line:
    """One connection that is kept."""

    def __init__(self, url: str):
        at = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(at.hostname, at.port, timeout=300)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        self.connection.request(method, target, body, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{method} {target.split('?')[0]}: {reply.status} {text[:300]!r}")
        return text
