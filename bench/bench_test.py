"""The benchmark's own checks: the same rows in each format, and a wrong result is called wrong."""

import contextlib
import io
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import contacts
import data
import hubspot
import proc
import verify

ROWS = 1_000


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder, cls.facts = cls.make(cls.temporary.name)
        cls.rows = pa.concat_tables([pq.read_table(p) for p in data.objects(cls.folder, "parquet")])

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def make(cls, cache: str) -> tuple[pathlib.Path, dict]:
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": cache}), contextlib.redirect_stdout(io.StringIO()):
            return data.ensure(ROWS, list(data.SUFFIX))

    def test_the_same_seed_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as other:
            again, facts = self.make(other)
            self.assertEqual(facts, self.facts)
            for format in data.SUFFIX:
                one, two = ([p.read_bytes() for p in data.objects(f, format)] for f in (self.folder, again))
                self.assertEqual(one, two, format)

    def test_each_format_holds_the_same_rows(self):
        self.assertEqual(verify.problems([self.rows], self.facts), [])
        for format, read in (("csv", pl.read_csv), ("csv.gz", pl.read_csv), ("ndjson", pl.read_ndjson)):
            frame = pl.concat([read(p) for p in data.objects(self.folder, format)])
            moment = pl.col("createdAt", "updatedAt").str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="us", time_zone="UTC")
            self.assertEqual(verify.problems([frame.with_columns(moment).to_arrow()], self.facts), [], format)

    def test_a_lost_row_is_wrong(self):
        self.assertIn(f"rows: expected {ROWS}, found {ROWS - 1}", verify.problems([self.rows.slice(1)], self.facts))

    def test_no_rows_are_wrong(self):
        self.assertEqual(verify.problems([], self.facts), [f"no rows, {ROWS} expected"])

    def test_a_null_for_a_value_is_wrong(self):
        phones = pa.array([None, *self.rows["phone"].to_pylist()[1:]], pa.string())
        at = self.rows.column_names.index("phone")
        found = verify.problems([self.rows.set_column(at, "phone", phones)], self.facts)
        self.assertEqual(len(found), 1, found)

    def test_text_for_a_moment_is_wrong(self):
        at = self.rows.column_names.index("createdAt")
        text = self.rows["createdAt"].cast(pa.string())
        self.assertEqual(verify.problems([self.rows.set_column(at, "createdAt", text)], self.facts), ["not typed: createdAt is string"])


class ContactsTest(unittest.TestCase):
    def setUp(self):
        text = {"email": "a@b.test", "firstname": "Zoë", "lastname": "", "phone": None}
        one = {"id": "102364918", "createdAt": "2024-12-02T20:18:19Z", "updatedAt": "2025-10-12T02:33:11.734Z", "properties": text}
        other = one | {"id": "999999999999", "properties": text | {"firstname": "Ada"}}
        self.table = contacts.columns([one, other])
        self.facts = contacts.facts(self.table) | {"ids": 2}

    def check(self, table: pa.Table, *expected: str):
        self.assertEqual(contacts.problems([table], self.facts), list(expected))

    def test_what_is_there_once_is_right(self):
        self.assertEqual((self.facts["firstNameBytes"], self.facts["phoneBytes"]), (7, 0))
        self.check(self.table)

    def test_facts_of_parts_add_up(self):
        parts = [contacts.facts(self.table.slice(at, 1)) for at in (0, 1)]
        self.assertEqual(contacts.added(contacts.added({}, parts[0]), parts[1]) | {"ids": 2}, self.facts)

    def test_one_twice_and_one_lost_is_wrong(self):
        self.check(self.table.take([0, 0]), "idSum: expected 1000102364917, found 204729836", "firstNameBytes: expected 7, found 8", "ids: expected 2, found 1")

    def test_a_changed_text_is_wrong(self):
        at = self.table.column_names.index("email")
        self.check(self.table.set_column(at, "email", pa.array(["a@b.test", None])), "emailBytes: expected 16, found 8")

    def test_a_moment_as_text_is_wrong(self):
        at = self.table.column_names.index("createdAt")
        self.check(self.table.set_column(at, "createdAt", self.table["createdAt"].cast(pa.string())), "not typed: createdAt is string")

    def test_no_contacts_are_wrong(self):
        self.assertEqual(contacts.problems([], self.facts), ["no rows, 2 expected"])

    def test_rounds_are_compared_one_with_one(self):
        load = lambda wall, cpu, peak=100: hubspot.Measured(wall, cpu, peak, 0.0, 1)
        found = {"rows": 1_000, "dlt": [load(10, 8), load(30, 8), load(20, 8)], "forebay": [load(1, 1), load(2, 2), load(5, 4)]}
        out = hubspot.summary(found | {"append": [], "later": {"edited": load(1, 1, 200)}})
        self.assertEqual((out["times"], out["cpuTimes"], out["forebay"]["recordsPerSecond"], out["most"]), (10, 4, 500, 200))


class FamilyTest(unittest.TestCase):
    def test_a_family_has_children_and_theirs(self):
        # The outer shell starts a shell, which starts a reader and says so; all end with their input.
        script = "sh -c 'cat >/dev/null & echo $!; wait' & wait"
        held, given = os.pipe()
        with subprocess.Popen(["sh", "-c", f"exec 9<&0; {script.replace('cat', 'cat <&9')}"], stdin=held, stdout=subprocess.PIPE) as root:
            os.close(held)
            reader = int(root.stdout.readline())
            found = proc.family(root.pid)
            os.close(given)
        self.assertEqual((found[0], found[-1], len(found)), (root.pid, reader, 3))


if __name__ == "__main__":
    unittest.main()
