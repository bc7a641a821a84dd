"""The generator's files hold what it says must be stored, and its bytes depend on its arguments alone."""

import contextlib
import csv
import gzip
import io
import json
import pathlib
import tempfile
import unittest

import gen


class GenTest(unittest.TestCase):
    def generate(self, *arguments: str) -> pathlib.Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(gen.main([*arguments, "--out", folder.name]), 0)
        return pathlib.Path(folder.name)

    def contents(self, folder: pathlib.Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def test_the_same_seed_gives_the_same_bytes(self):
        one, two, other = (self.contents(self.generate("--seed", seed, "--gzip")) for seed in ("3", "3", "4"))
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)

    def test_a_file_does_not_depend_on_how_many_are_made(self):
        few = self.contents(self.generate("--files", "1", "--first-file", "2"))
        many = self.contents(self.generate("--files", "4"))
        self.assertEqual(few["files/people-00002.csv"], many["files/people-00002.csv"])

    def test_the_files_hold_the_expected_rows(self):
        out = self.generate("--files", "3", "--rows", "50", "--ragged", "2", "--unconvertible", "3", "--tenant", "acme", "--gzip")
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual((manifest["records"], manifest["stored"], manifest["warned"]), (150, 144, 9))
        expected = [json.loads(text) for text in (out / "expected.jsonl").read_text().splitlines()]
        self.assertEqual(len({row["_id"] for row in expected}), 144)
        by_id = {row["_id"]: row for row in expected}
        seen = 0
        for file in sorted((out / "files").iterdir()):
            with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
                for row in csv.DictReader(text):
                    if None in row:
                        self.assertNotIn(row["id"], by_id)
                        continue
                    seen += 1
                    want = by_id[row["id"]]
                    self.assertEqual(row["note"] or None, want["_acme"]["note"])
                    self.assertEqual(int(row["visits"]), want["_acme"]["visits"])
                    self.assertEqual(row["last_name"], want["person"]["name"]["lastName"])
                    if row["birth_date"] == "the day before":
                        self.assertIsNone(want["person"]["birthDate"])
        self.assertEqual(seen, 144)


if __name__ == "__main__":
    unittest.main()
