import { queryOptions } from '@tanstack/react-query';
import { call } from '../api/client';
import { keyOf } from '../api/query';

export interface Func {
  readonly category: string;
  readonly function: string;
  readonly description: string;
  readonly syntax: string;
  readonly example: string;
  readonly result: string;
  readonly available: boolean;
}

const PATH = '/data/foundation/conversion/languages/el/functions';

/** The functions of the language, for completion. They change with the server only. */
export function functions() {
  return queryOptions({
    queryKey: keyOf(PATH),
    queryFn: async ({ signal }) => (await call<readonly Func[]>(PATH, { signal })).filter((one) => one.available),
    staleTime: Infinity,
  });
}
