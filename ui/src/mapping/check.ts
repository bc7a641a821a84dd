import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call } from '../api/client';
import { keyOf } from '../api/query';
import type { Row } from '../sources/explore';
import type { Rule, TargetField } from './model';

const CONVERSION = '/data/foundation/conversion';

export interface SchemaRef {
  readonly id: string;
  readonly contentType: string;
}

export interface Fault {
  readonly message: string;
  /** Which characters of the expression. */
  readonly span?: { readonly start: number; readonly end: number };
  /** In how many rows of the sample; absent: the rule itself is wrong. */
  readonly rows?: number;
}

export interface Checked {
  /** By the place of the rule. */
  readonly faults: ReadonlyMap<number, Fault>;
  /** What the rules make of the sample, row by row. */
  readonly results: readonly (Row | null)[];
  /** How many rows were tried. */
  readonly tried: number;
}

interface Validation {
  readonly validationResponse: readonly { readonly status: string; readonly errors: readonly { readonly message: string; readonly span?: Fault['span'] }[] }[];
}

interface Shown {
  readonly data: unknown;
  readonly errors: readonly { readonly record: number; readonly message: string; readonly destination?: string }[];
}

/** The server takes a body of 1 MiB, of which the rules need some, too. */
const MOST_TEXT = 600_000;

/** As many rows as keep a preview small: a thousand columns are tried on few, and so are rows of many kilobytes. */
export function tried(rows: readonly Row[], rules: readonly Rule[]): readonly Row[] {
  const some = rows.slice(0, Math.max(5, Math.min(100, Math.floor(20_000 / Math.max(1, rules.length)))));
  let left = MOST_TEXT;
  const end = some.findIndex((row) => (left -= bytes(row)) < 0);
  return end < 0 ? some : some.slice(0, end);
}

function bytes(row: Row): number {
  return new TextEncoder().encode(JSON.stringify(row)).length + 1;
}

/** What is wrong with each rule, and what all of them make of the sample. */
export async function check(rules: readonly Rule[], rows: readonly Row[], fields: readonly TargetField[], schema: SchemaRef | undefined, signal?: AbortSignal): Promise<Checked> {
  if (rules.length === 0) return { faults: new Map(), results: [], tried: 0 };
  const outputSchema = schema === undefined ? {} : { outputSchema: { schemaRef: schema } };
  const post = <T>(path: string, body: unknown) => call<T>(`${CONVERSION}/${path}`, { method: 'POST', body, ...(signal && { signal }) });
  const { validationResponse } = await post<Validation>('mappingSets/validate', { ...outputSchema, mappings: rules });
  const faults = new Map<number, Fault>();
  validationResponse.forEach(({ status, errors: [error] }, at) => {
    if (status !== 'FAILED') return;
    const message = (error?.message ?? '').replace(/^mapping \d+( \([^)]*\))?: /, '');
    faults.set(at, { message, ...(error?.span !== undefined && { span: error.span }) });
  });
  const good = rules.filter((_, at) => !faults.has(at));
  const sample = tried(rows, rules);
  if (good.length === 0 || sample.length === 0) return { faults, results: [], tried: 0 };
  const types = new Map(fields.map((one) => [one.path, one.type]));
  const mappings = schema === undefined ? good.map((rule) => converted(rule, types.get(rule.destination))) : good;
  const shown = await post<Shown>('mappingSets/preview', { data: sample.length === 1 ? sample[0] : sample, mappingSet: { ...outputSchema, mappings } });
  const by = new Map<string, { rows: Set<number>; message: string }>();
  for (const { record, message, destination } of shown.errors) {
    if (destination === undefined) continue;
    const one = by.get(destination) ?? { rows: new Set<number>(), message: message.replace(/^\S+ is null: (\w+\(\):? )?/, '') };
    one.rows.add(record);
    by.set(destination, one);
  }
  rules.forEach(({ destination }, at) => {
    const one = by.get(destination);
    if (one !== undefined && !faults.has(at)) faults.set(at, { message: one.message, rows: one.rows.size });
  });
  return { faults, results: (Array.isArray(shown.data) ? shown.data : [shown.data]) as readonly (Row | null)[], tried: sample.length };
}

const conversions: Readonly<Partial<Record<TargetField['type'], string>>> = {
  integer: 'to_bigint', number: 'to_decimal', date: 'date', 'date-time': 'date',
};

/** A schema that is not made yet converts nothing: the conversion to its field's type stands in the expression. */
function converted(rule: Rule, type: TargetField['type'] | undefined): Rule {
  const by = type === undefined ? undefined : conversions[type];
  return by === undefined ? rule : { ...rule, sourceType: 'EXPRESSION', source: `${by}(${rule.source})` };
}

/** Checks while rules are edited, a moment after the last change; the older answer stays until the newer is there. */
export function useCheck(rules: readonly Rule[], rows: readonly Row[], fields: readonly TargetField[], schema: SchemaRef | undefined) {
  const asked = useLate(JSON.stringify([rules, fields.map((one) => [one.path, one.type]), schema?.id, rows.length]), 400);
  const [latest, setLatest] = useState({ asked, rules, rows, fields, schema });
  if (latest.asked !== asked) setLatest({ asked, rules, rows, fields, schema });
  return useQuery({
    queryKey: keyOf(`${CONVERSION}/mappingSets/check`, asked),
    queryFn: ({ signal }) => check(latest.rules, latest.rows, latest.fields, latest.schema, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    gcTime: 60_000,
  });
}

export function useLate<T>(value: T, milliseconds: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return late;
}
