import { QueryClient, queryOptions } from '@tanstack/react-query';
import type { FetchOptions } from 'openapi-fetch';
import type { PathsWithMethod } from 'openapi-typescript-helpers';
import { api } from './client';
import { caller } from './context';
import { asApiError, passing } from './errors';
import type { paths } from './schema';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 3 && passing(error),
      retryDelay: (count, error) => (asApiError(error).retryAfter ?? Math.min(2 ** count * 0.5, 8)) * 1000,
    },
    // A change is never sent twice by itself: the server may have done it before the answer was lost.
    mutations: { retry: false },
  },
});

type GetPath = PathsWithMethod<paths, 'get'>;
type GetOptions<P extends GetPath> = FetchOptions<paths[P] extends { get: infer Operation } ? Operation : never>;
type Body<P extends GetPath> = paths[P] extends {
  get: { responses: { 200: { content: { 'application/json': infer B } } } };
} ? B : unknown;

/** The key of a GET: the sandbox first, so that nothing of one is ever shown in another. */
export function keyOf(path: string, ...rest: readonly unknown[]): readonly unknown[] {
  return [caller.get().sandbox ?? '', path, ...rest];
}

/**
 * Query options of a GET, for `useQuery`, `ensureQueryData` and invalidation:
 * `useQuery(get('/data/foundation/flowservice/flows/{id}', { params: { path: { id } } }))`.
 */
export function get<P extends GetPath>(path: P, options?: GetOptions<P>) {
  return queryOptions({
    queryKey: keyOf(path, (options as { params?: unknown } | undefined)?.params ?? {}),
    queryFn: async ({ signal }): Promise<Body<P>> => {
      // The path and its options fit together by the signature above; the client's own overloads cannot see that.
      const loose = api.GET as unknown as (path: string, options: object) => Promise<{ data: Body<P> }>;
      return (await loose(path, { ...options, signal })).data;
    },
  });
}

/** The members of a list's answer, which the document describes as "a page, or its number". */
export function items<T>(page: { items: T[] } | { count: number } | T | undefined): T[] {
  return typeof page === 'object' && page !== null && 'items' in page ? page.items : [];
}

/** The one resource of an answer in Flow Service's way: a list of one. */
export function only<T>(page: { items: T[] }): T {
  const [first] = page.items;
  if (first === undefined) throw new Error('the server answered with no resource');
  return first;
}
