"""Writes the same rows in every format and compression: formats.py DIR

`expected.json` beside the files holds the rows that each must land. The standard library and pyarrow; nothing of the
product.
"""

import bz2
import csv
import gzip
import io
import json
import pathlib
import sys
import tarfile
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ["Ada", "Grace, Rear Admiral", 'Anne "Annie"', "two\nlines", "王芳", "José", "", "O'Neil"]
ROWS = [{"id": f"p-{i}", "name": NAMES[i % len(NAMES)], "visits": i * 1_000_003 if i % 5 else None} for i in range(40)]


def delimited(rows, delimiter=",", end="\n"):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(["id", "name", "visits"])
    for row in rows:
        writer.writerow([row["id"], row["name"], "" if row["visits"] is None else row["visits"]])
    return out.getvalue()


def tar(mode, parts):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in parts:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def archive_zip(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        for name, data in parts:
            archive.writestr(name, data)
    return out.getvalue()


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def expected(rows):
    # An empty field of a delimited file is null; so is an empty name here, to compare all formats with one list.
    return [{"_id": row["id"], "visits": row["visits"], "name": row["name"] or None} for row in rows]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    text = delimited(ROWS)
    plain = text.encode()
    halves = [("a.csv", delimited(ROWS[:20]).encode()), ("b/b.csv", delimited(ROWS[20:]).encode())]
    documents = [dict(row, name=row["name"] or None) for row in ROWS]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in documents)
    deep = [{"id": r["id"], "who": {"names": [r["name"]]}, "visits": r["visits"]} for r in documents]
    latin = [dict(r, name=r["name"].replace("王芳", "Wang")) for r in ROWS]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(documents), parquet, row_group_size=7)
    files = {
        "plain.csv": plain,
        "crlf.csv": delimited(ROWS, end="\r\n").encode(),
        "bom.csv": b"\xef\xbb\xbf" + plain,
        "tabs.tsv": delimited(ROWS, delimiter="\t").encode(),
        "pipes.txt": delimited(ROWS, delimiter="|").encode(),
        "utf16.csv": text.encode("utf-16"),
        "latin.csv": delimited(latin).encode("iso-8859-1"),
        "one.csv.gz": gzip.compress(plain),
        # Members end in the middle of rows.
        "members.csv.gz": b"".join(gzip.compress(plain[i : i + 333]) for i in range(0, len(plain), 333)),
        "one.csv.bz2": bz2.compress(plain),
        "zlib.deflate": zlib.compress(plain),
        "raw.deflate": raw_deflate(plain),
        "two.zip": archive_zip(halves),
        "two.tar": tar("w", halves),
        "two.tar.gz": tar("w:gz", halves),
        "lines.json": lines.encode(),
        "array.json": json.dumps(documents, indent=2).encode(),
        "lines.json.gz": gzip.compress(lines.encode()),
        "deep.json": "".join(json.dumps(row) + "\n" for row in deep).encode(),
        "typed.parquet": parquet.getvalue(),
    }
    for name, data in files.items():
        (out / name).write_bytes(data)
    (out / "expected.json").write_text(json.dumps({"rows": expected(ROWS), "latin": expected(latin)}))


main()
