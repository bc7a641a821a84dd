import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { call } from '../api/client';
import { type Items, OWN } from '../api/own';
import { keyOf } from '../api/query';

interface Counted<T> extends Items<T> {
  readonly total: number;
}

const LIMIT = 1000;

function pages<T, P extends Counted<T>>(path: string, query: Readonly<Record<string, string | undefined>>) {
  return infiniteQueryOptions({
    queryKey: keyOf(OWN + path, 'pages', query),
    queryFn: ({ pageParam: start, signal }) => call<P>(OWN + path, { query: { ...query, start, limit: LIMIT }, signal }),
    initialPageParam: 0,
    getNextPageParam: ({ total, items }, _, start) => (items.length > 0 && start + items.length < total ? start + items.length : undefined),
  });
}

/** A list that is read by `start` and `limit`: what has been read of it, and the first page for what stands beside the items. */
export function usePages<T, P extends Counted<T> = Counted<T>>(path: string, query: Readonly<Record<string, string | undefined>> = {}) {
  return useInfiniteQuery({
    ...pages<T, P>(path, query),
    select: ({ pages: all }) => ({ items: all.flatMap((page) => page.items), first: all[0] as P }),
  });
}
