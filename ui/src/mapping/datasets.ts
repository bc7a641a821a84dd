import { queryOptions } from '@tanstack/react-query';
import { call } from '../api/client';
import { keyOf } from '../api/query';

export interface DatasetRef {
  readonly id: string;
  readonly name: string;
  readonly schema: string;
}

const PATH = '/data/foundation/catalog/dataSets';

/** Datasets that can be filled: those that have a schema. */
export function datasets() {
  return queryOptions({
    queryKey: keyOf(PATH, 'names'),
    queryFn: async ({ signal }): Promise<readonly DatasetRef[]> => {
      const found: DatasetRef[] = [];
      const limit = 100;
      for (let start = 0; ; start += limit) {
        const page = Object.entries(await call<Readonly<Record<string, { name?: string; schemaRef?: { id?: string } }>>>(PATH, { query: { limit, start }, signal }));
        for (const [id, { name = id, schemaRef }] of page) if (schemaRef?.id !== undefined) found.push({ id, name, schema: schemaRef.id });
        if (page.length < limit) return found.sort((a, b) => a.name.localeCompare(b.name));
      }
    },
    staleTime: 10_000,
  });
}
