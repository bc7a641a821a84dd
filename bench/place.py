"""The S3 endpoint of a measurement: the playground's, or one that is given.

Given by FOREBAY_TEST_S3_ENDPOINT (with _ACCESS_KEY and _SECRET_KEY) when `--s3 environment` asks for it: then the
reference can be measured with no Forebay at all.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import proc
import s3


@contextlib.contextmanager
def endpoint(binary: pathlib.Path, kind: str, folder: pathlib.Path) -> Iterator[s3.Endpoint]:
    if kind == "environment":
        variable = lambda name: os.environ[f"FOREBAY_TEST_S3_{name}"]
        place = s3.Endpoint(variable("ENDPOINT"), variable("ACCESS_KEY"), variable("SECRET_KEY"), "bench")
        place.ensure_bucket()
        yield place
        return
    command = [str(binary), "playground", "--s3", "127.0.0.1:0", "--data", str(folder / "playground")]
    with proc.Process(command, folder / "playground.log") as playground:
        given = playground.first_line(30)["s3"]
        place = s3.Endpoint(given["endpoint"], given["accessKeyId"], given["secretAccessKey"], given["bucket"])
        place.ensure_bucket()
        yield place
