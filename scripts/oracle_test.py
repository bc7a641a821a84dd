"""The oracle must say no: each kind of difference, by each reader, on a table with every type we write."""

import contextlib
import datetime
import decimal
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import deltalake
import pyarrow as pa

import oracle

UTC = datetime.timezone.utc
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.struct([("first", pa.string()), ("last", pa.string())])),
        ("at", pa.timestamp("us", tz="UTC")),
        ("day", pa.date32()),
        ("score", pa.float64()),
        ("amount", pa.decimal128(12, 2)),
        ("active", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("extra", pa.map_(pa.string(), pa.int64())),
    ]
)
ROWS = [
    {
        "id": 1,
        "name": {"first": "Zoë", "last": 'a "b", c\nd'},
        "at": datetime.datetime(2024, 2, 29, 23, 59, 59, 123000, UTC),
        "day": datetime.date(1969, 12, 31),
        "score": 0.1,
        "amount": decimal.Decimal("12.50"),
        "active": False,
        "tags": ["x", None, ""],
        "extra": [("k", 7), ("none", None)],
    },
    {"id": 2, "name": {"first": None, "last": None}, "tags": []},
    {"id": 3},
]
EXPECTED = [
    {
        "id": 1,
        "name": {"first": "Zoë", "last": 'a "b", c\nd'},
        "at": "2024-03-01T01:59:59.123+02:00",
        "day": "1969-12-31",
        "score": 0.10,
        "amount": 12.5,
        "active": False,
        "tags": ["x", None, ""],
        "extra": {"none": None, "k": 7},
    },
    {"id": 2, "name": None, "tags": []},
    {"id": 3, "score": None},
]


class OracleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.table = str(pathlib.Path(cls.folder.name) / "table")
        deltalake.write_deltalake(cls.table, pa.Table.from_pylist(ROWS, SCHEMA))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def compare(self, expected: list[dict]) -> tuple[int, str]:
        file = pathlib.Path(self.folder.name) / "expected.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in expected), encoding="utf-8")
        return self.run_oracle("compare", self.table, str(file))

    def run_oracle(self, *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = oracle.main(list(arguments))
        return code, out.getvalue()

    def assert_all_readers_say(self, expected: list[dict], *texts: str):
        code, said = self.compare(expected)
        self.assertEqual(code, 1, said)
        for reader in oracle.READERS:
            self.assertIn(f"{reader}: 3 rows, {len(expected)} expected", said)
        for text in texts:
            self.assertEqual(said.count(text), len(oracle.READERS), said)

    def test_equal_rows_are_equal_for_each_reader(self):
        code, said = self.compare(EXPECTED[::-1])
        self.assertEqual((code, said.count("3 rows, as expected")), (0, 3), said)

    def test_a_missing_row_is_seen(self):
        self.assert_all_readers_say(EXPECTED + [{"id": 4}], 'missing: {"id": 4}')

    def test_an_extra_row_is_seen(self):
        self.assert_all_readers_say(EXPECTED[:2], 'extra: {"id": 3}')

    def test_a_row_expected_twice_is_seen(self):
        self.assert_all_readers_say(EXPECTED + [{"id": 3}], 'missing: {"id": 3}')

    def test_a_value_that_differs_is_named(self):
        changed = EXPECTED[:2] + [{"id": 3, "name": {"first": "x"}}]
        self.assert_all_readers_say(changed, 'differing: id = 3: name: expected {"first": "x"}, found null')

    def test_a_microsecond_is_a_difference(self):
        changed = [{**EXPECTED[0], "at": "2024-02-29T23:59:59.123001Z"}] + EXPECTED[1:]
        self.assert_all_readers_say(changed, 'at: expected "2024-02-29T23:59:59.123001Z"')

    def test_an_empty_list_is_not_null(self):
        self.assert_all_readers_say([EXPECTED[0], {"id": 2}, EXPECTED[2]], "tags: expected null, found []")

    def test_an_expected_column_that_the_table_lacks_is_an_error(self):
        code, said = self.compare([{"id": 1, "nope": 1}])
        self.assertEqual(code, 2)
        self.assertIn("line 1: the table has no column nope", said)

    def test_rows_are_sorted_by_number(self):
        code, said = self.run_oracle("rows", self.table)
        self.assertEqual(code, 0)
        self.assertEqual([json.loads(text)["id"] for text in said.splitlines()], [1, 2, 3])

    def test_count_reads_the_files(self):
        self.assertEqual(self.run_oracle("count", self.table), (0, '{"version": 0, "rows": 3}\n'))

    def test_count_of_no_table_is_none_yet(self):
        self.assertEqual(self.run_oracle("count", self.table + "-not"), (0, '{"version": -1, "rows": 0}\n'))

    def test_watch_sees_a_table_grow_and_refuses_one_that_shrinks(self):
        table = str(pathlib.Path(self.folder.name) / "watched")
        program = [sys.executable, oracle.__file__, "watch", table, "--hz", "50"]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            for mode, said in (
                (None, {"version": -1, "rows": 0}),
                ("append", {"version": 0, "rows": 3}),
                ("append", {"version": 1, "rows": 6}),
                ("overwrite", {"version": 2, "rows": 3}),
            ):
                if mode:
                    deltalake.write_deltalake(table, pa.Table.from_pylist(ROWS, SCHEMA), mode=mode)
                self.assertEqual(json.loads(watching.stdout.readline()), said)
            self.assertEqual(watching.wait(30), 1)
            self.assertIn("went back", watching.stderr.read())

    def test_watch_ends_well_when_it_is_told_to(self):
        program = [sys.executable, oracle.__file__, "watch", self.table]
        done = subprocess.run(program, input="", capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, '{"version": 0, "rows": 3}\n'))


if __name__ == "__main__":
    unittest.main()
