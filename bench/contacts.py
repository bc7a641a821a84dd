"""What is read of each contact, and what a result must hold: every contact once, every text to the byte.

The account itself is walked by neither of the two that are measured: from that walk are the facts that results are held to.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import account

# Columns of a result, and the property that each takes. `id`, `createdAt` and `updatedAt` are members of the record.
PROPERTIES = {
    "email": "email", "firstName": "firstname", "lastName": "lastname", "phone": "phone", "company": "company",
    "stage": "lifecyclestage", "owner": "hubspot_owner_id", "keyAccount": "is_key_account", "rating": "rating",
    "renewal": "renewal_date",
}
MOMENTS = {"createdAt": "createdAt", "updatedAt": "updatedAt"}
# The target's fields. Properties stay text, as the account hands them out: some hold what no type does.
FIELDS = {name: {"type": "string"} for name in ("id", *PROPERTIES)} | {
    name: {"type": "string", "format": "date-time"} for name in MOMENTS
}
# The source's name of each.
TAKEN = {"id": "id"} | MOMENTS | {name: f"properties.{own}" for name, own in PROPERTIES.items()}
# dlt's name of each.
DLT = {"id": "id", "createdAt": "created_at", "updatedAt": "updated_at"} | {
    name: f"properties__{own}" for name, own in PROPERTIES.items()
}


def truth(of: account.Account) -> dict:
    """The facts about the account, as it is now."""
    found: dict = {}
    batch: list[dict] = []
    for page in of.pages(list(PROPERTIES.values())):
        batch.extend(page)
        if len(batch) >= 50_000:
            found, batch = added(found, facts(columns(batch))), []
    found = added(found, facts(columns(batch))) if batch else found
    ids = of.ids()
    if (found["rows"], found["idSum"]) != (len(ids), sum(ids)):
        raise SystemExit(f"the account lists {found['rows']} contacts and has {len(ids)}")
    return found | {"ids": len(ids)}


def columns(records: list[dict]) -> pa.Table:
    """Records as the API has them, as a result has them."""
    text = {"id": [record["id"] for record in records]}
    text |= {name: [record["properties"].get(own) for record in records] for name, own in PROPERTIES.items()}
    moment = lambda own: pc.cast(pa.array([record[own] for record in records], pa.string()), pa.timestamp("ms", "UTC"))
    times = {name: moment(own) for name, own in MOMENTS.items()}
    return pa.table({name: pa.array(values, pa.string()) for name, values in text.items()} | times)


def facts(table: pa.Table) -> dict:
    """Sums that can be added up. An empty text and none are one and the same here."""
    total = lambda column: pc.sum(column, min_count=0).as_py()
    ms = lambda name: pc.cast(pc.cast(table[name], pa.timestamp("ms", "UTC")), pa.int64())
    out = {"rows": table.num_rows, "idSum": total(pc.cast(table["id"], pa.int64()))}
    out |= {f"{name}Bytes": total(pc.binary_length(pc.cast(table[name], pa.binary()))) for name in PROPERTIES}
    return out | {f"{name}Sum": total(ms(name)) for name in MOMENTS}


def added(one: dict, other: dict) -> dict:
    return {name: one.get(name, 0) + value for name, value in other.items()}


def problems(tables: Iterable[pa.Table], want: dict) -> list[str]:
    """What does not add up over all tables; empty when all does."""
    found: dict = {}
    ids: list[pa.ChunkedArray] = []
    for table in tables:
        if wrong := [name for name in FIELDS if not right(name, table.schema.field(name).type)]:
            return [f"not typed: {name} is {table.schema.field(name).type}" for name in wrong]
        found = added(found, facts(table))
        ids.append(pc.cast(table["id"], pa.int64()).combine_chunks())
    if not found:
        return [f"no rows, {want['rows']} expected"]
    found["ids"] = pc.count_distinct(pa.concat_arrays(ids)).as_py()
    return [f"{name}: expected {value}, found {found[name]}" for name, value in want.items() if found[name] != value]


def right(name: str, ty: pa.DataType) -> bool:
    return pa.types.is_timestamp(ty) if name in MOMENTS else pa.types.is_string(ty) or pa.types.is_large_string(ty)


def delta(location: pathlib.Path, tenant: str) -> Iterable[pa.Table]:
    """Our table by a reader that is not ours, its nested columns brought to the top: `_tenant.contact.x` to `x`."""
    import deltalake

    for batch in deltalake.DeltaTable(str(location)).to_pyarrow_dataset().to_batches(columns=[tenant]):
        if batch.num_rows:
            contact = pc.struct_field(batch[tenant], "contact")
            yield pa.table({name: pc.struct_field(contact, name) for name in FIELDS})


def parquet(folder: pathlib.Path) -> Iterable[pa.Table]:
    """dlt's Parquet files."""
    for file in sorted(folder.glob("*.parquet")):
        table = pq.read_table(file, columns=list(DLT.values()))
        yield table.select(list(DLT.values())).rename_columns(list(DLT))
