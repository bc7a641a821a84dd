"""The peer, as a program of its own so that its time and memory are its own: dlt's REST source, one load of contacts.

    peer.py JSON      {"endpoint", "token", "properties": […], "folder"}

Runs in the environment of bench/requirements.txt. Prints one JSON line: wall and CPU seconds of `pipeline.run` alone (not
of starting Python and importing dlt), and where the rows are. dlt is set up as its documentation shows it: the generic
REST source, the cursor paginator, types by its own inference, Parquet files in a folder: its fastest destination here.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import sys
import time


def main() -> None:
    given = json.loads(sys.argv[1])
    folder = pathlib.Path(given["folder"])
    # Before the import, which reads them: nothing outside of the folder, no calls home.
    os.environ |= {
        "DLT_DATA_DIR": str(folder / "dlt"), "DLT_PROJECT_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR", "NO_PROXY": "*",
    }
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(contacts(given), name="hubspot")
    target = dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri())
    pipeline = dlt.pipeline("bench", destination=target, dataset_name="hubspot", pipelines_dir=str(folder / "pipelines"))
    before, started = spent(), time.monotonic()
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
    wall, cpu = time.monotonic() - started, spent() - before
    steps = {step.step: (step.finished_at - step.started_at).total_seconds() for step in pipeline.last_trace.steps}
    print(json.dumps({"wall": wall, "cpu": cpu, "steps": steps, "where": str(folder / "out" / "hubspot" / "contacts")}))


def contacts(given: dict) -> dict:
    """The configuration of the REST source."""
    paginator = {"type": "cursor", "cursor_path": "paging.next.after", "cursor_param": "after"}
    client = {"base_url": given["endpoint"], "auth": {"type": "bearer", "token": given["token"]}, "paginator": paginator}
    params = {"limit": 100, "properties": ",".join(given["properties"])}
    endpoint = {"path": "crm/v3/objects/contacts", "params": params, "data_selector": "results"}
    return {"client": client, "resources": [{"name": "contacts", "write_disposition": "append", "endpoint": endpoint}]}


def spent() -> float:
    """CPU seconds so far, of ended children too."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


if __name__ == "__main__":
    main()
