"""Schemathesis on our own OpenAPI document: run.py [--examples N] [--seconds N] < SCENE

A scene is one JSON object: url, token, credentials, and ids: path of an operation to the id that its `{id}` may name. The
configuration beside this file says which checks are on. Prints the fuzzer's report and ends as it does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PHASES = "examples,coverage,fuzzing,stateful"


def quoted(text):
    return json.dumps(text)


def configuration(scene, examples):
    """The file beside this one, with headers and the ids of resources that exist."""
    who = scene["credentials"]
    headers = {"Authorization": f"Bearer {scene['token']}", "x-api-key": who["clientId"],
               "x-gw-ims-org-id": who["imsOrgId"], "x-sandbox-name": who["sandbox"]}
    base = (HERE / "schemathesis.toml").read_text()
    top, rest = base.split("\n[", 1)
    lines = [top, "[headers]"] + [f"{quoted(k)} = {quoted(v)}" for k, v in headers.items()] + ["", "[" + rest]
    lines += ["", "[phases.fuzzing.generation]", f"max-examples = {examples}",
              "[phases.stateful.generation]", f"max-examples = {max(2, examples // 5)}"]
    for path, ident in scene["ids"].items():
        # Whoever deletes makes what it deletes, in the stateful phase.
        lines += ["", "[[operations]]", f"include-path = {quoted(path)}", 'exclude-method = "DELETE"',
                  f"parameters = {{ \"path.{ident['name']}\" = {quoted(ident['id'])} }}"]
    for operation in scene.get("skip", []):
        lines += ["", "[[operations]]", f"include-operation-id = {quoted(operation)}", "enabled = false"]
    return "\n".join(lines) + "\n"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--examples", type=int, default=10)
    options.add_argument("--seconds", type=int, default=170)
    options = options.parse_args()
    scene = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(configuration(scene, options.examples))
        fuzzer = Path(sys.executable).with_name("schemathesis")
        command = [fuzzer, "--config-file", config, "run", scene["url"] + "/openapi.json", "--phases", PHASES]
        environment = {**os.environ, "PYTHONPATH": str(HERE), "NO_COLOR": "1", "COLUMNS": "200"}
        try:
            ended = subprocess.run(command, cwd=folder, env=environment, timeout=options.seconds)
        except subprocess.TimeoutExpired:
            print(f"the fuzzer took more than {options.seconds} s")
            sys.exit(3)
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
