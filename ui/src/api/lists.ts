import { infiniteQueryOptions } from '@tanstack/react-query';
import { call } from './client';
import { keyOf } from './query';
import type { components } from './schema';

type Schemas = components['schemas'];
export type Flow = Schemas['Flow'];
export type Run = Schemas['Run'];
export type Connection = Schemas['Connection'];
export type ConnectionSpec = Schemas['ConnectionSpec'];
export type FlowSpec = Schemas['FlowSpec'];
export type SourceConnection = Schemas['SourceConnection'];
export type TargetConnection = Schemas['TargetConnection'];

interface Members {
  readonly flows: Flow;
  readonly runs: Run;
  readonly connections: Connection;
  readonly sourceConnections: SourceConnection;
  readonly targetConnections: TargetConnection;
  readonly connectionSpecs: ConnectionSpec;
  readonly flowSpecs: FlowSpec;
}

export interface Asked {
  /** `property=` filters: `state==enabled`. */
  readonly property?: readonly string[];
  readonly orderby?: string;
  readonly limit?: number;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly _links?: { readonly next?: { readonly href: string } };
}

const SERVICE = '/data/foundation/flowservice/';

/**
 * A Flow Service list, page by page (`useInfiniteQuery(list('flows', {…}))`): `data` is the flat array of what has
 * been read. Ask for `limit: 1000` and no list of this size needs a second page.
 */
export function list<K extends keyof Members>(kind: K, asked: Asked = {}) {
  return infiniteQueryOptions({
    queryKey: keyOf(`${SERVICE}${kind}`, 'list', asked),
    queryFn: ({ pageParam, signal }) => call<Page<Members[K]>>(pageParam ?? first(kind, asked), { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => next(page),
    select: (data) => data.pages.flatMap((page) => page.items),
  });
}

function first(kind: string, { property = [], orderby, limit = 1000 }: Asked): string {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const one of property) query.append('property', one);
  if (orderby) query.set('orderby', orderby);
  return `${SERVICE}${kind}?${query.toString()}`;
}

function next(page: Page<unknown>): string | undefined {
  const href = page._links?.next?.href;
  // The service's links are relative to itself, though they begin with a slash.
  return href === undefined ? undefined : SERVICE + href.replace(/^\//, '');
}
