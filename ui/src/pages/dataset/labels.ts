import { queryOptions, useQuery } from '@tanstack/react-query';
import { call, send } from '../../api/client';
import { asApiError } from '../../api/errors';
import type { DatasetDetail } from '../../api/own';
import { keyOf, queryClient } from '../../api/query';
import { bare, fieldPath, schemaPath } from './paths';

const DATASETS = '/data/foundation/dataset/datasets';
const CORE = '/data/foundation/dulepolicy/labels/core';
const DESCRIPTORS = '/data/foundation/schemaregistry/tenant/descriptors';

interface Wire {
  readonly labels: readonly string[];
  readonly optionalLabels?: readonly { readonly option: { readonly schemaPath: string }; readonly labels: readonly string[] }[];
}

/** The labels of a dataset, without the prefix `core/`; those of fields by their paths. */
export interface Labels {
  readonly whole: readonly string[];
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** Absent while it has none: then the first ones are created, not replaced. */
  readonly etag: string | undefined;
}

export interface CoreLabel {
  readonly name: string;
  readonly category: string;
  readonly description: string;
}

const plain = (label: string) => label.replace(/^core\//, '');

const NONE: Labels = { whole: [], fields: {}, etag: undefined };

/** They are asked for only where the dataset's own document knows of some: those of the others are not there. */
export function labelsOf({ id, labels: known }: DatasetDetail) {
  const path = `${DATASETS}/${encodeURIComponent(id)}/labels`;
  const hasSome = known.length > 0;
  return queryOptions({
    queryKey: keyOf(path, hasSome ? 'some' : 'none'),
    queryFn: async ({ signal }): Promise<Labels> => {
      if (!hasSome) return NONE;
      try {
        const response = await send(path, { signal });
        const { labels, optionalLabels = [] } = (await response.json()) as Wire;
        const fields = optionalLabels.map(({ option, labels: of }) => [fieldPath(option.schemaPath) ?? option.schemaPath, of.map(plain)] as const);
        return { whole: labels.map(plain), fields: Object.fromEntries(fields), etag: response.headers.get('etag') ?? undefined };
      } catch (error) {
        // Somebody took the last one away meanwhile.
        if (asApiError(error).status === 404) return NONE;
        throw error;
      }
    },
  });
}

export const coreLabels = () =>
  queryOptions({
    queryKey: keyOf(CORE),
    queryFn: async ({ signal }) => (await call<{ children: readonly CoreLabel[] }>(CORE, { signal })).children,
    staleTime: Infinity,
  });

export async function saveLabels({ id, schema }: DatasetDetail, { whole, fields, etag }: Labels): Promise<void> {
  const path = `${DATASETS}/${encodeURIComponent(id)}/labels`;
  const prefixed = (labels: readonly string[]) => labels.map((label) => (label.includes('/') ? label : `core/${label}`));
  await call(path, {
    method: etag === undefined ? 'POST' : 'PUT',
    ...(etag !== undefined && { headers: { 'if-match': etag } }),
    body: {
      labels: prefixed(whole),
      optionalLabels: Object.entries(fields)
        .filter(([, labels]) => labels.length > 0)
        .map(([field, labels]) => ({
          option: {
            id: schema.id,
            contentType: 'application/vnd.adobe.xed-full+json;version=1',
            schemaPath: field.startsWith('/') ? field : schemaPath(field),
          },
          labels: prefixed(labels),
        })),
    },
  });
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: keyOf(path) }),
    queryClient.invalidateQueries({ predicate: ({ queryKey: [, one] }) => typeof one === 'string' && one.includes('/forebay/datasets') }),
  ]);
}

interface Descriptor {
  readonly 'xdm:sourceSchema': string;
  readonly 'xdm:sourceProperty': string;
  readonly 'xdm:isPrimary'?: boolean;
  readonly 'xdm:labels'?: readonly string[];
}

/** What descriptors say of a schema's fields, by their bare paths: the key, and labels. */
export function useMarks(schema: string) {
  return useQuery({
    queryKey: keyOf(DESCRIPTORS, 'by type'),
    queryFn: ({ signal }) =>
      call<Readonly<Record<string, readonly Descriptor[]>>>(DESCRIPTORS, { headers: { accept: 'application/vnd.adobe.xdm+json' }, signal }),
    select: (byType) => {
      const of = (type: string) => (byType[type] ?? []).filter((one) => one['xdm:sourceSchema'] === schema);
      return {
        keys: new Set(of('xdm:descriptorIdentity').filter((one) => one['xdm:isPrimary'] === true).map((one) => bare(one['xdm:sourceProperty']))),
        labels: new Map(of('xdm:descriptorLabel').map((one) => [bare(one['xdm:sourceProperty']), (one['xdm:labels'] ?? []).map(plain)])),
      };
    },
  });
}
