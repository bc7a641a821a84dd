import { queryOptions } from '@tanstack/react-query';
import { call } from '../api/client';
import { keyOf } from '../api/query';
import type { FieldType, TargetField } from './model';

const REGISTRY = '/data/foundation/schemaregistry';
const FULL = 'application/vnd.adobe.xed-full+json;version=1';

interface Nested {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Nested>>;
  readonly required?: readonly string[];
}

interface Descriptor {
  readonly '@type': string;
  readonly 'xdm:sourceSchema': string;
  readonly 'xdm:sourceProperty': string;
  readonly 'xdm:isPrimary'?: boolean;
}

/** The fields of a schema that is there, with what is required and what is the key. */
export function schemaFields(id: string) {
  return queryOptions({
    queryKey: keyOf(`${REGISTRY}/tenant/schemas/${id}`, 'fields'),
    queryFn: async ({ signal }): Promise<readonly TargetField[]> => {
      const [schema, key] = await Promise.all([
        call<Nested>(`${REGISTRY}/tenant/schemas/${encodeURIComponent(id)}`, { headers: { accept: FULL }, signal }),
        primary(id, signal),
      ]);
      return leaves(schema, '', true).map((field) => (`/${field.path.replaceAll('.', '/')}` === key ? { ...field, key: true } : field));
    },
    enabled: id !== '',
    staleTime: 30_000,
  });
}

async function primary(id: string, signal: AbortSignal): Promise<string | undefined> {
  const all = await call<Readonly<Record<string, readonly Descriptor[]>>>(`${REGISTRY}/tenant/descriptors`, {
    query: { property: `xdm:sourceSchema==${id}` }, headers: { accept: 'application/vnd.adobe.xdm+json' }, signal,
  });
  return Object.values(all).flat().find((one) => one['xdm:sourceSchema'] === id && one['xdm:isPrimary'] === true)?.['xdm:sourceProperty'];
}

function leaves({ properties = {}, required = [] }: Nested, before: string, isNeeded: boolean): readonly TargetField[] {
  return Object.entries(properties).flatMap(([name, one]): readonly TargetField[] => {
    const isRequired = isNeeded && required.includes(name);
    return one.properties !== undefined
      ? leaves(one, `${before}${name}.`, isRequired)
      : [{ path: before + name, type: typeOf(one), ...(isRequired && { required: true }) }];
  });
}

function typeOf({ type, format }: Nested): FieldType {
  if (format === 'date' || format === 'date-time') return format;
  return ((Array.isArray(type) ? type[0] : type) ?? 'string') as FieldType;
}
