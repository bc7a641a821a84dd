"""The S3 endpoint that both sides read from and write to: upload, and how fast it is by itself."""

from __future__ import annotations

import dataclasses
import http.client
import pathlib
import threading
import time
import urllib.parse

import boto3
from botocore.config import Config


@dataclasses.dataclass(frozen=True)
class Endpoint:
    url: str
    key: str
    secret: str
    bucket: str
    region: str = "us-east-1"

    def client(self):
        config = Config(
            s3={"addressing_style": "path"}, proxies={}, read_timeout=300, retries={"max_attempts": 2},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )
        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=self.key, aws_secret_access_key=self.secret,
            region_name=self.region, config=config,
        )

    def ensure_bucket(self) -> None:
        client = self.client()
        if self.bucket not in [b["Name"] for b in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=self.bucket)

    def upload(self, files: list[pathlib.Path], prefix: str) -> int:
        """Puts what is not there yet with the same size; returns the bytes of all."""
        client, total = self.client(), 0
        there = {o["Key"]: o["Size"] for o in client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])}
        for file in files:
            size = file.stat().st_size
            total += size
            if there.get(prefix + file.name) != size:
                with open(file, "rb") as body:
                    client.put_object(Bucket=self.bucket, Key=prefix + file.name, Body=body, ContentLength=size)
        return total

    def clear(self, prefix: str) -> None:
        client = self.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                client.delete_object(Bucket=self.bucket, Key=found["Key"])

    def get_rate(self, prefix: str, threads: int = 2, seconds: float = 2.0) -> float:
        """MB/s of whole-object GETs, `threads` at once: what the endpoint can give at all."""
        client = self.client()
        keys = [o["Key"] for o in client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]]
        urls = [client.generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": key}) for key in keys]
        counts, started = [0] * threads, time.monotonic()

        def work(me: int) -> None:
            buffer, at = bytearray(1 << 20), me
            while time.monotonic() - started < seconds:
                counts[me] += get(urls[at % len(urls)], buffer)
                at += 1

        workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(counts) / (time.monotonic() - started) / 1e6


def get(url: str, buffer: bytearray) -> int:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request("GET", f"{parts.path}?{parts.query}")
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"GET {parts.path}: {reply.status} {reply.read(300)!r}")
    total = 0
    while got := reply.readinto(buffer):
        total += got
    connection.close()
    return total
