"""The benchmark's own checks: the same rows in each format, and a wrong result is called wrong."""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest
from unittest import mock

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import data
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


if __name__ == "__main__":
    unittest.main()
