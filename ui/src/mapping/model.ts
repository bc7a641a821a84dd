import type { Column } from '../sources/explore';

/** A rule of a mapping set, as the API has it. */
export interface Rule {
  readonly sourceType: 'ATTRIBUTE' | 'EXPRESSION';
  readonly source: string;
  readonly destination: string;
}

export type FieldType = 'string' | 'integer' | 'number' | 'boolean' | 'date' | 'date-time' | 'array' | 'object';
export const fieldTypes = ['string', 'integer', 'number', 'boolean', 'date', 'date-time'] as const;

/** A field that rules can fill. */
export interface TargetField {
  readonly path: string;
  readonly type: FieldType;
  readonly required?: boolean;
  /** The primary identity: one row for each of its values. */
  readonly key?: boolean;
}

/** A line of the editor: a column with or without its rule, a rule on its own, or a required field without one. */
export interface Line {
  readonly id: string;
  readonly column?: Column;
  /** Place of the rule in the set. */
  readonly at?: number;
  readonly rule?: Rule;
  /** A field that must be filled and is not. */
  readonly missing?: TargetField;
}

/** The lines, in the order of the source; then computed ones; required fields that nothing fills come first. */
export function lines(columns: readonly Column[], rules: readonly Rule[], fields: readonly TargetField[]): readonly Line[] {
  const filled = new Set(rules.map((rule) => rule.destination));
  const byColumn = new Map<string, number[]>();
  const names = new Set(columns.map((one) => one.name));
  const others: number[] = [];
  rules.forEach((rule, at) => {
    const name = columnOf(rule.source);
    if (rule.sourceType === 'ATTRIBUTE' && names.has(name)) byColumn.set(name, [...(byColumn.get(name) ?? []), at]);
    else others.push(at);
  });
  return [
    ...fields.filter((one) => one.required === true && !filled.has(one.path)).map((missing) => ({ id: `missing:${missing.path}`, missing })),
    ...columns.flatMap((column): Line[] => {
      const places = byColumn.get(column.name);
      return places === undefined
        ? [{ id: `column:${column.name}`, column }]
        : places.map((at) => ({ id: `rule:${String(at)}`, column, at, ...(rules[at] && { rule: rules[at] }) }));
    }),
    ...others.map((at) => ({ id: `rule:${String(at)}`, at, ...(rules[at] && { rule: rules[at] }) })),
  ];
}

/** The column that the source of an attribute names: `${First Name}` is `First Name`. */
export function columnOf(source: string): string {
  return /^\$\{(.*)\}$/.exec(source)?.[1] ?? source;
}

/** Whether the source has what an attribute names: a column, something in it, or the object around columns. */
export function isKnown(source: string, names: ReadonlySet<string>): boolean {
  const name = columnOf(source);
  const base = name.split(/[.[]/)[0] ?? name;
  return names.has(name) || names.has(base) || [...names].some((one) => one.startsWith(`${name}.`) || name.startsWith(`${one}.`) || name.startsWith(`${one}[`));
}

/** A column's name as it is written in rules and expressions. */
export function written(name: string): string {
  return /^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*$/.test(name) ? name : `\${${name}}`;
}

/** A name that a schema takes: `Order ID` is `order_id`, `properties.age` is `age`. */
export function fieldName(name: string): string {
  const plain = name
    .replace(/^Properties_(.*)_Value$|^properties\.(.*)$/, '$1$2')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
  return plain === '' ? 'field' : /^\d/.test(plain) ? `f_${plain}` : plain;
}

const types: Readonly<Record<string, FieldType>> = {
  string: 'string', integer: 'integer', int: 'integer', long: 'integer', short: 'integer', byte: 'integer', number: 'number', double: 'number',
  float: 'number', decimal: 'number', boolean: 'boolean', date: 'date', 'date-time': 'date-time', timestamp: 'date-time', array: 'array', object: 'object',
};

/** The type of a new field for a column: what the source says; of plain text, what all of its sample values look like. */
export function typeFor(column: Column, values: readonly unknown[] = []): FieldType {
  const said = types[column.type.toLowerCase()] ?? 'string';
  if (said !== 'string') return said === 'array' || said === 'object' ? 'string' : said;
  const texts = values.filter((one) => one !== null && one !== undefined && one !== '').map(String);
  if (texts.length === 0) return 'string';
  // A zero in front is part of an identifier, which a number would lose.
  if (texts.every((one) => /^-?(0|[1-9]\d{0,14})$/.test(one))) return 'integer';
  if (texts.every((one) => /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(one))) return 'number';
  if (texts.every((one) => /^(true|false)$/i.test(one))) return 'boolean';
  if (texts.every((one) => /^\d{4}-\d{2}-\d{2}$/.test(one))) return 'date';
  if (texts.every((one) => /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(one))) return 'date-time';
  return 'string';
}

/** A field for each column, under the organization's own namespace. `sample` gives the values of untyped columns. */
export function fieldsFor(columns: readonly Column[], sample: (name: string) => readonly unknown[], tenant: string): readonly TargetField[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    const base = fieldName(column.name);
    let name = base;
    for (let n = 2; taken.has(name); n += 1) name = `${base}_${String(n)}`;
    taken.add(name);
    return { path: `_${tenant}.${name}`, type: typeFor(column, sample(column.name)) };
  });
}

/** The part of a name that is compared: `_acme.orderId`, `Order-Id` and `Properties_Order_Id_Value` are the same. */
function essence(name: string): string {
  return name.replace(/^Properties_(.*)_Value$/, '$1').replace(/.*\./, '').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** Rules for the columns that have none, by name; what is mapped already stays. */
export function autoMap(columns: readonly Column[], rules: readonly Rule[], fields: readonly TargetField[]): readonly Rule[] {
  const used = new Set(rules.filter((rule) => rule.sourceType === 'ATTRIBUTE').map((rule) => columnOf(rule.source)));
  const filled = new Set(rules.map((rule) => rule.destination));
  const free = new Map<string, TargetField>();
  for (const field of fields) if (!filled.has(field.path) && !free.has(essence(field.path))) free.set(essence(field.path), field);
  const made: Rule[] = [];
  for (const column of columns) {
    const field = free.get(essence(column.name));
    if (used.has(column.name) || field === undefined) continue;
    free.delete(essence(column.name));
    made.push({ sourceType: 'ATTRIBUTE', source: written(column.name), destination: field.path });
  }
  return [...rules, ...made];
}

const HEAD = ['sourceType', 'source', 'destination'] as const;

export function toCsv(rules: readonly Rule[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [HEAD.join(','), ...rules.map((rule) => HEAD.map((name) => cell(rule[name])).join(','))].join('\r\n') + '\r\n';
}

/** Rules of a file: `sourceType,source,destination`, or two columns `source,destination`. Throws what is wrong with it. */
export function fromCsv(text: string, wrong: (line: number) => string): readonly Rule[] {
  const [head = [], ...rows] = records(text);
  const column = (name: string) => head.findIndex((one) => one.trim().toLowerCase() === name);
  const [type, source, destination] = [column('sourcetype'), column('source'), column('destination')];
  if (source < 0 || destination < 0) throw new Error(wrong(1));
  return rows.map((row, i) => {
    const rule = { source: row[source]?.trim() ?? '', destination: row[destination]?.trim() ?? '' };
    if (rule.source === '' || rule.destination === '') throw new Error(wrong(i + 2));
    const said = row[type]?.trim().toUpperCase();
    const isPlain = said === undefined || said === '' ? !/[()"'+*/]/.test(rule.source) : said === 'ATTRIBUTE';
    return { sourceType: isPlain ? 'ATTRIBUTE' : 'EXPRESSION', ...rule };
  });
}

function records(text: string): readonly (readonly string[])[] {
  const found: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  const end = () => {
    row.push(cell);
    cell = '';
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] ?? '';
    if (isQuoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[(i += 1)] ?? '';
      else isQuoted = false;
    } else if (c === '"') isQuoted = true;
    else if (c === ',') end();
    else if (c === '\n') {
      end();
      found.push(row);
      row = [];
    } else if (c !== '\r' && c !== '\uFEFF') cell += c;
  }
  if (cell !== '' || row.length > 0) {
    end();
    found.push(row);
  }
  return found.filter((one) => one.some((text) => text.trim() !== ''));
}
