import type { DatasetPreview } from '../../api/own';

type Column = { readonly id: string; readonly title: string; readonly type: string };
type Row = Readonly<Record<string, unknown>>;

/**
 * Rows for a grid: each field of a document becomes a column named by its path, and columns that are empty in all of these
 * rows are left out, for a schema has many fields that nobody fills. `types` are those of the schema's paths.
 */
export function flat(preview: Pick<DatasetPreview, 'columns' | 'rows'>, types: ReadonlyMap<string, string>): { readonly columns: readonly Column[]; readonly rows: readonly Row[]; readonly leftOut: number } {
  const rows = preview.rows.map((row) => Object.fromEntries(leaves(row, '')));
  const filled = new Set(rows.flatMap((row) => Object.keys(row)));
  const top = new Map(preview.columns.map(({ name, type }) => [name, type]));
  const order = [...top.keys()];
  const place = (path: string) => order.findIndex((name) => path === name || path.startsWith(`${name}.`));
  const ids = [...filled].sort((a, b) => place(a) - place(b));
  const leftOut = order.filter((name) => !ids.some((id) => id === name || id.startsWith(`${name}.`))).length;
  return { columns: ids.map((id) => ({ id, title: id, type: types.get(id) ?? top.get(id) ?? '' })), rows, leftOut };
}

function leaves(value: object, prefix: string): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const path = prefix + key;
    if (inner === null || inner === undefined) return [];
    return typeof inner === 'object' && !Array.isArray(inner) ? leaves(inner as object, `${path}.`) : [[path, inner]];
  });
}
