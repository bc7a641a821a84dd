import { queryOptions } from '@tanstack/react-query';
import { call } from '../api/client';
import { keyOf } from '../api/query';

const CONNECTIONS = '/data/foundation/flowservice/connections';

export interface Entry {
  readonly type: 'file' | 'folder' | 'table';
  readonly name: string;
  readonly path: string;
  readonly canPreview: boolean;
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly title?: string;
  /** The column that this one is under another name, for who came with that name. */
  readonly aliasOf?: string;
}

export type Row = Readonly<Record<string, unknown>>;

/** How a file is written: what was found out, or what was said instead. */
export interface Format {
  readonly fileType?: string;
  readonly columnDelimiter?: string;
  readonly compressionType?: string;
  readonly encoding?: string;
}

export interface Sample {
  readonly isNested: boolean;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** How the file was read. */
  readonly format: Format;
}

interface Explored {
  readonly format: string;
  readonly schema?: Readonly<Record<string, unknown>>;
  readonly properties?: Format;
  readonly data?: readonly Row[];
}

/** What is in a folder, or at the root. One level. */
export function entries(connection: string, folder: string) {
  const query = folder === '' ? { objectType: 'root' } : { objectType: 'folder', object: folder };
  return queryOptions({
    queryKey: keyOf(`${CONNECTIONS}/${connection}/explore`, query),
    queryFn: ({ signal }) => call<readonly Entry[]>(`${CONNECTIONS}/${connection}/explore`, { query, signal }),
    staleTime: 30_000,
  });
}

/** The first rows of a file or table. `format` overrides what the server would find out. */
export function sample(connection: string, entry: { readonly type: string; readonly path: string }, format?: Format) {
  const query =
    entry.type === 'table'
      ? { objectType: 'table', object: entry.path, preview: true }
      : { objectType: 'file', object: entry.path, preview: true, ...(format?.fileType === undefined ? { determineProperties: true } : format) };
  return queryOptions({
    queryKey: keyOf(`${CONNECTIONS}/${connection}/explore`, query),
    queryFn: async ({ signal }): Promise<Sample> => {
      const { schema = {}, data = [], properties, format: shape } = await call<Explored>(`${CONNECTIONS}/${connection}/explore`, { query, signal });
      return { isNested: shape === 'hierarchical', columns: columnsOf(schema, data), rows: data, format: properties ?? format ?? {} };
    },
    staleTime: 60_000,
  });
}

interface Nested {
  readonly type?: string;
  readonly format?: string;
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Nested>>;
}

function columnsOf(schema: Readonly<Record<string, unknown>>, rows: readonly Row[]): readonly Column[] {
  const { columns } = schema as { columns?: readonly { name: string; type: string; xdm?: Nested; aliasOf?: string }[] };
  if (columns === undefined) return guessed(rows);
  return columns.flatMap(({ name, type, xdm, aliasOf }) => leaves(name, type, xdm).map((one) => (aliasOf === undefined ? one : { ...one, aliasOf })));
}

/** A column, or the paths of what is in it: objects are mapped member by member. */
function leaves(name: string, type: string, { properties, title }: Nested = {}): readonly Column[] {
  return properties === undefined
    ? [{ name, type, ...(title !== undefined && { title }) }]
    : Object.entries(properties).flatMap(([member, one]) => leaves(`${name}.${member}`, one.format ?? one.type ?? 'string', one));
}

function guessed(rows: readonly Row[]): readonly Column[] {
  const found = new Map<string, string>();
  const look = (value: unknown, place: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, one] of Object.entries(value)) look(one, place === '' ? name : `${place}.${name}`);
    } else if (place !== '' && (value !== null || !found.has(place))) {
      found.set(place, Array.isArray(value) ? 'array' : value === null ? 'string' : typeof value);
    }
  };
  for (const row of rows) look(row, '');
  return [...found].map(([name, type]) => ({ name, type }));
}

/** The value of a column in a row of the sample. */
export function valueAt(row: Row | undefined, name: string): unknown {
  if (row === undefined) return undefined;
  if (name in row) return row[name];
  return name.split('.').reduce<unknown>((of, part) => (typeof of === 'object' && of !== null ? (of as Row)[part] : undefined), row);
}

export function shown(value: unknown): string {
  return value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export interface Matches {
  readonly files: readonly string[];
  /** Whether there may be more: the look was ended. */
  readonly isPart: boolean;
}

const MOST_FOLDERS = 60;

/** Which files a path means now: the file, all in the folder, or what a pattern matches. */
export function matches(connection: string, path: string, type: 'file' | 'folder', recursive: boolean) {
  return queryOptions({
    queryKey: keyOf(`${CONNECTIONS}/${connection}/explore`, 'matches', path, type, recursive),
    queryFn: async ({ client }): Promise<Matches> => {
      if (!isPattern(path) && type === 'file') return { files: [path], isPart: false };
      const folder = isPattern(path) ? path.slice(0, path.search(WILD)).replace(/[^/]*$/, '') : path;
      const wanted = isPattern(path) ? regex(path) : undefined;
      const depth = wanted === undefined ? (recursive ? Infinity : 0) : path.includes('**') ? Infinity : path.slice(folder.length).split('/').length - 1;
      const files: string[] = [];
      const folders = [{ path: folder === '/' ? '' : folder, depth }];
      let looked = 0;
      for (let next = folders.shift(); next !== undefined && looked < MOST_FOLDERS; next = folders.shift()) {
        looked += 1;
        for (const entry of await client.ensureQueryData(entries(connection, next.path))) {
          if (entry.type === 'folder' && next.depth > 0) folders.push({ path: entry.path, depth: next.depth - 1 });
          if (entry.type === 'file' && (wanted === undefined || wanted.test(entry.path))) files.push(entry.path);
        }
      }
      return { files, isPart: folders.length > 0 };
    },
    staleTime: 30_000,
  });
}

const WILD = /[*?[{]/;

export function isPattern(path: string): boolean {
  return WILD.test(path);
}

/** A pattern as the server reads it: `*` within a folder, `**` across folders, `?`, `[..]` and `{a,b}`. */
export function regex(pattern: string): RegExp {
  let depth = 0;
  const body = pattern.replace(/\*\*\/?|\*|\?|\[!?[^\]]*\]|[{},]|[.+^$()|\\\]]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.startsWith('[')) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    if (part === '{') return (depth += 1, '(?:');
    if (part === '}' && depth > 0) return (depth -= 1, ')');
    if (part === ',') return depth > 0 ? '|' : ',';
    return `\\${part}`;
  });
  return new RegExp(`^/?${body.replace(/^\//, '')}${')'.repeat(depth)}$`, 'u');
}
