"""Fast and wrong is not fast: what a result must add up to, read by something other than what wrote it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import data
import s3


def problems(tables: Iterable[pa.Table], facts: dict) -> list[str]:
    """What does not add up over all tables; empty when all does."""
    found: list[dict] = []
    for table in tables:
        missing = [name for name in data.COLUMNS if name not in table.column_names]
        if missing:
            return [f"columns missing: {', '.join(missing)}; found: {', '.join(table.column_names)}"]
        untyped = [name for name, ok in TYPED.items() if not ok(table.schema.field(name).type)]
        if untyped:
            return [f"not typed: {name} is {table.schema.field(name).type}" for name in untyped]
        if table.num_rows:
            found.append(facts_of(table))
    if not found:
        return [f"no rows, {facts['rows']} expected"]
    out, total = [], data.added_up(found)
    for name, want in facts.items():
        same = math.isclose(total[name], want, rel_tol=1e-9) if name == "score" else total[name] == want
        if not same:
            out.append(f"{name}: expected {want}, found {total[name]}")
    return out


def facts_of(table: pa.Table) -> dict:
    """The same facts as the generator's, of columns by the generator's names."""
    at = lambda name, how: pc.cast(pc.cast(how(table[name]), pa.timestamp("ms", "UTC")), pa.int64()).as_py()
    size = lambda name: pc.sum(pc.binary_length(pc.cast(table[name], pa.binary())), min_count=0).as_py()
    total = lambda column: pc.sum(column, min_count=0).as_py()
    cents = pc.cast(pc.round(pc.multiply(pc.cast(table["amount"], pa.float64()), 100.0)), pa.int64())
    return {
        "rows": table.num_rows, "id": total(table["id"]), "score": total(table["score"]), "cents": total(cents),
        "active": total(table["active"]), "phones": pc.count(table["phone"]).as_py(), "notes": pc.count(table["notes"]).as_py(),
        "notesBytes": size("notes"), "emailBytes": size("email"),
        "createdMin": at("createdAt", pc.min), "createdMax": at("createdAt", pc.max),
        "updatedMin": at("updatedAt", pc.min), "updatedMax": at("updatedAt", pc.max),
    }


TYPED = {
    "id": pa.types.is_int64, "createdAt": pa.types.is_timestamp, "updatedAt": pa.types.is_timestamp,
    "score": pa.types.is_float64, "active": pa.types.is_boolean,
    # XDM has no decimal: ours is a double.
    "amount": lambda ty: pa.types.is_decimal(ty) or pa.types.is_float64(ty),
}


def duckdb_result(endpoint: s3.Endpoint, key: str) -> Iterable[pa.Table]:
    body = endpoint.client().get_object(Bucket=endpoint.bucket, Key=key)["Body"].read()
    return [pq.read_table(io.BytesIO(body))]


def delta_result(location: str, tenant: str) -> Iterable[pa.Table]:
    """Our table, some rows at a time, its nested columns brought to the top: `_tenant.customer.x` to `x`."""
    import deltalake

    for batch in deltalake.DeltaTable(location).to_pyarrow_dataset().to_batches(columns=[tenant]):
        customer = pc.struct_field(batch[tenant], "customer")
        yield pa.table({name: pc.struct_field(customer, name) for name in data.COLUMNS})
