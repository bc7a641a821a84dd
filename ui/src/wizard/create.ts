import { call } from '../api/client';
import { queryClient } from '../api/query';
import type { TargetField } from '../mapping/model';
import type { Source } from '../sources/specs';
import type { Made, WizardState } from './state';

const FLOW = '/data/foundation/flowservice';
const REGISTRY = '/data/foundation/schemaregistry';
const LAKE = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c';
export const FULL = 'application/vnd.adobe.xed-full+json;version=1';

/** The parts of a dataflow, in the order of the public tutorials. */
export const parts = ['sourceConnection', 'fieldGroup', 'schema', 'identity', 'dataset', 'targetConnection', 'mappingSet', 'flow', 'newColumns', 'webhook'] as const;
export type Part = (typeof parts)[number];

/** One call of the public API. */
export interface Ask {
  readonly part: Part;
  /** `PUT` where it belongs to the dataflow and has no id of its own. */
  readonly method?: 'PUT';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Known {
  readonly source: Source;
  readonly tenant: string;
  /** The flow spec that takes this source. */
  readonly flowSpec: string;
  /** Of a dataset that is there. */
  readonly schemaId?: string;
}

/** What is asked for one part, given the ids of those before it; undefined where the dataflow needs no such part. */
export function ask(part: Part, state: WizardState, known: Known, id: (of: Part) => string): Ask | undefined {
  const { data, target, mapping, details } = state;
  const name = details.name?.trim() ?? '';
  const { schema } = target;
  const isNew = target.datasetId === undefined;
  const schemaId = () => (isNew ? id('schema') : (known.schemaId ?? ''));
  switch (part) {
    case 'sourceConnection': {
      const { path, type, recursive, ...more } = data.params;
      return {
        part, path: `${FLOW}/sourceConnections`,
        body: {
          name: `${name}: source`, baseConnectionId: state.connectionId, connectionSpec: { id: known.source.id, version: known.source.version },
          data: { format: data.format ?? (known.source.kind === 'table' ? 'tabular' : 'delimited'), ...(Object.keys(data.properties).length > 0 && { properties: data.properties }) },
          params: { path, ...(known.source.kind === 'files' && { type: type ?? 'file', recursive: recursive ?? false }), ...more },
        },
      };
    }
    case 'fieldGroup':
      return !isNew || schema === undefined ? undefined : {
        part, path: `${REGISTRY}/tenant/fieldgroups`,
        body: {
          type: 'object', title: `${schema.title} fields`, description: `Fields of ${schema.title}`, 'meta:intendedToExtend': [schema.class],
          definitions: { fields: { properties: tree(schema.fields.filter((one) => one.path.startsWith(`_${known.tenant}.`))) } },
          allOf: [{ $ref: '#/definitions/fields' }],
        },
      };
    case 'schema':
      return !isNew || schema === undefined ? undefined : {
        part, path: `${REGISTRY}/tenant/schemas`,
        body: { type: 'object', title: schema.title, description: `Made with the dataflow ${name}`, allOf: [{ $ref: schema.class }, { $ref: id('fieldGroup') }] },
      };
    case 'identity': {
      const key = isNew ? schema?.fields.find((one) => one.key === true) : undefined;
      return key === undefined ? undefined : {
        part, path: `${REGISTRY}/tenant/descriptors`,
        body: {
          '@type': 'xdm:descriptorIdentity', 'xdm:sourceSchema': id('schema'), 'xdm:sourceVersion': 1, 'xdm:sourceProperty': `/${key.path.replaceAll('.', '/')}`,
          'xdm:namespace': known.source.kind === 'table' ? known.source.title.replace(/\W/g, '') : 'CRMID', 'xdm:property': 'xdm:code', 'xdm:isPrimary': true,
        },
      };
    }
    case 'dataset':
      return !isNew ? undefined : {
        part, path: '/data/foundation/catalog/dataSets', query: { requestDataSource: 'true' },
        body: { name: target.datasetName?.trim(), schemaRef: { id: id('schema'), contentType: FULL } },
      };
    case 'targetConnection':
      return {
        part, path: `${FLOW}/targetConnections`,
        body: {
          name: `${name}: target`, connectionSpec: { id: LAKE, version: '1.0' },
          data: { format: 'parquet_xdm', schema: { id: schemaId(), version: FULL } }, params: { dataSetId: target.datasetId ?? id('dataset') },
        },
      };
    case 'mappingSet':
      return { part, path: '/data/foundation/conversion/mappingSets', body: { outputSchema: { schemaRef: { id: schemaId(), contentType: FULL } }, mappings: mapping } };
    case 'flow':
      return {
        part, path: `${FLOW}/flows`,
        body: {
          name, ...(details.description !== undefined && details.description !== '' && { description: details.description }),
          flowSpec: { id: known.flowSpec, version: '1.0' },
          sourceConnectionIds: [id('sourceConnection')], targetConnectionIds: [id('targetConnection')],
          transformations: [
            ...(data.deltaColumn === undefined ? [] : [{ name: 'Copy', params: { deltaColumn: data.deltaColumn } }]),
            { name: 'Mapping', params: { mappingId: id('mappingSet'), mappingVersion: 0 } },
          ],
          scheduleParams: scheduleParams(state),
          options: {
            errorDiagnosticsEnabled: details.errorDiagnosticsEnabled ?? false,
            ...(details.partialIngestionPercent !== undefined && { partialIngestionPercent: details.partialIngestionPercent }),
          },
        },
      };
    case 'newColumns':
      return details.newColumns === undefined || details.newColumns === 'notify' ? undefined : {
        part, method: 'PUT', path: `/data/foundation/forebay/flows/${id('flow')}/schema/policy`, body: { policy: details.newColumns },
      };
    case 'webhook':
      return details.webhook === undefined || details.webhook.url.trim() === '' ? undefined : {
        part, path: '/data/foundation/forebay/webhooks',
        body: { name: `${name}: alerts`, url: details.webhook.url.trim(), events: details.webhook.events, flowIds: [id('flow')] },
      };
  }
}

export function scheduleParams({ schedule }: WizardState, now = Date.now()): Readonly<Record<string, unknown>> {
  const { frequency, interval, startTime, endTime, backfill } = schedule;
  return {
    startTime: String(startTime ?? Math.floor(now / 1000)),
    frequency,
    ...(frequency !== 'once' && { interval: interval ?? (frequency === 'minute' ? 15 : 1), ...(endTime !== undefined && { endTime: String(endTime) }), backfill: backfill ?? true }),
  };
}

/** The properties of a JSON Schema for fields that are named by path. */
function tree(fields: readonly TargetField[]): Record<string, unknown> {
  const root: Record<string, Nested> = {};
  for (const { path, type } of fields) {
    const names = path.split('.');
    let into = root;
    for (const name of names.slice(0, -1)) {
      const one = (into[name] ??= { type: 'object', properties: {} });
      into = one.properties ??= {};
    }
    into[names.at(-1) ?? ''] = shape(type);
  }
  return root;
}

interface Nested {
  type: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Nested>;
}

function shape(type: TargetField['type']): Nested {
  switch (type) {
    case 'integer': return { type: 'integer', minimum: -9_007_199_254_740_991, maximum: 9_007_199_254_740_991 };
    case 'date':
    case 'date-time': return { type: 'string', format: type };
    default: return { type };
  }
}

export interface Progress {
  /** All parts that this dataflow needs. */
  readonly of: readonly Part[];
  readonly done: readonly Part[];
}

/**
 * Makes the parts one after the other. What `state.made` names, made from the same request, is not made again: after a
 * failure the next try goes on. `note` keeps each id before the next call.
 */
export async function create(
  state: WizardState, known: Known, note: (made: Readonly<Record<string, Made>>) => Promise<void>, tell: (progress: Progress) => void,
): Promise<string> {
  const made: Record<string, Made> = { ...state.made };
  const id = (of: Part) => made[of]?.id ?? '';
  const of = parts.filter((part) => ask(part, state, known, id) !== undefined);
  const done: Part[] = [];
  for (const part of parts) {
    const asked = ask(part, state, known, id);
    if (asked === undefined) continue;
    const from = digest(comparable(asked.body));
    if (made[part]?.of !== from) {
      const { method = 'POST' } = asked;
      const answer = await call<unknown>(asked.path, { method, body: asked.body, ...(asked.query && { query: asked.query }) });
      made[part] = { id: method === 'PUT' ? id('flow') : idOf(answer), of: from };
      await note({ ...made });
    }
    done.push(part);
    tell({ of, done: [...done] });
  }
  void queryClient.invalidateQueries();
  return id('flow');
}

/** A start that is "now" differs at each try, and is the same wish. */
function comparable(body: unknown): unknown {
  const { scheduleParams: params, ...rest } = body as { scheduleParams?: { startTime?: string } };
  return params === undefined ? body : { ...rest, scheduleParams: { ...params, startTime: undefined } };
}

/** FNV-1a: tells requests apart, and does not need a secure context as the browser's own hashes do. */
function digest(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16);
}

function idOf(answer: unknown): string {
  if (Array.isArray(answer)) return String(answer[0]).replace(/^@\/dataSets\//, '');
  const { id, $id, '@id': at } = answer as { id?: string; $id?: string; '@id'?: string };
  return id ?? $id ?? at ?? '';
}

/** The flow spec that takes a source's connection spec. */
export async function flowSpecOf(source: Source): Promise<string> {
  const { items } = await call<{ items: readonly { id: string; sourceConnectionSpecIds?: readonly string[] }[] }>(`${FLOW}/flowSpecs`, { query: { limit: 100 } });
  const found = items.find((one) => one.sourceConnectionSpecIds?.includes(source.id) === true);
  if (found === undefined) throw new Error(`no flow spec takes ${source.name}`);
  return found.id;
}
