import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { type DatasetHistory, OWN } from '../../api/own';
import { keyOf } from '../../api/query';

function pages(id: string) {
  const path = `${OWN}/datasets/${encodeURIComponent(id)}/history`;
  return infiniteQueryOptions({
    queryKey: keyOf(path, 'pages'),
    queryFn: ({ pageParam: before, signal }) => call<DatasetHistory>(path, { query: { limit: 200, before }, signal }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ next }) => next,
    select: (data) => data.pages.flatMap(({ items }) => items),
  });
}

/** The commits of a table, the newest first, as far as they have been read. */
export function useVersions(id: string) {
  return useInfiniteQuery(pages(id));
}
