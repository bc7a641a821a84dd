import { queryOptions } from '@tanstack/react-query';
import { call } from '../api/client';
import type { ConnectionSpec, Flow, SourceConnection } from '../api/lists';
import { type FlowRow, OWN } from '../api/own';
import { keyOf, only } from '../api/query';
import type { Rule } from '../mapping/model';
import { type Source, sourceOf } from '../sources/specs';
import { complete, type WizardState } from '../wizard/state';

const SERVICE = '/data/foundation/flowservice';

interface Page<T> {
  items: T[];
}

interface Parts {
  readonly data?: { readonly format?: string; readonly properties?: Readonly<Record<string, unknown>> | null } | null;
  readonly params?: WizardState['data']['params'] | null;
  readonly transformations?: readonly { readonly name: string; readonly params?: { readonly deltaColumn?: WizardState['data']['deltaColumn'] } }[] | null;
  readonly scheduleParams?: { readonly frequency?: string; readonly interval?: number | string; readonly backfill?: boolean | string } | null;
  readonly options?: { readonly errorDiagnosticsEnabled?: boolean; readonly partialIngestionPercent?: number } | null;
}

/** A dataflow as the wizard would hold it, with what its parts are in Flow Service. */
export interface Setup {
  readonly state: WizardState;
  readonly source: Source | undefined;
  readonly flow: Flow;
}

/** Reads what a dataflow is made of, for its mapping editor and for clones. */
export function setup(row: FlowRow) {
  return queryOptions({
    queryKey: keyOf(`${SERVICE}/flows/${row.id}`, 'setup', row.etag),
    queryFn: async ({ signal }): Promise<Setup> => {
      const one = <T>(path: string) => call<Page<T>>(SERVICE + path, { signal }).then(only);
      const [flow, from, spec, set] = await Promise.all([
        one<Flow>(`/flows/${row.id}`),
        one<SourceConnection>(`/sourceConnections/${row.source.sourceConnection}`),
        one<ConnectionSpec>(`/connectionSpecs/${row.source.spec.id}`),
        row.mappingSet === undefined
          ? { mappings: [] }
          : call<{ mappings: readonly Partial<Rule>[] }>(`/data/foundation/conversion/mappingSets/${row.mappingSet.id}`, { signal }),
      ]);
      return { state: stateOf(row, flow as Parts, from as Parts, set.mappings.map(ruleOf)), source: sourceOf(spec), flow };
    },
  });
}

function ruleOf({ sourceType, source = '', destination = '' }: Partial<Rule>): Rule {
  return { sourceType: sourceType?.toUpperCase() === 'EXPRESSION' ? 'EXPRESSION' : 'ATTRIBUTE', source, destination };
}

function stateOf(row: FlowRow, flow: Parts, from: Parts, mapping: readonly Rule[]): WizardState {
  const { frequency = 'once', interval, backfill = true } = flow.scheduleParams ?? {};
  const deltaColumn = flow.transformations?.find(({ name }) => name === 'Copy')?.params?.deltaColumn;
  const percent = flow.options?.partialIngestionPercent;
  return complete({
    specId: row.source.spec.id,
    connectionId: row.source.connection.id,
    data: {
      params: from.params ?? {}, properties: from.data?.properties ?? {},
      ...(from.data?.format !== undefined && row.source.kind === 'files' && { format: from.data.format }),
      ...(deltaColumn !== undefined && { deltaColumn }),
    },
    target: { datasetId: row.target.dataset.id, isExisting: true },
    mapping,
    schedule: { frequency, backfill: String(backfill) === 'true', ...(interval !== undefined && frequency !== 'once' && { interval: Number(interval) }) },
    details: {
      description: row.description, errorDiagnosticsEnabled: flow.options?.errorDiagnosticsEnabled ?? false, partialIngestionPercent: percent,
    },
  });
}

/** A draft of the wizard that holds the same as a dataflow, under another name. */
export async function cloneDraft({ state }: Setup, name: string): Promise<string> {
  const draft = { ...state, details: { ...state.details, name } };
  const made = await call<{ readonly id: string }>(`${OWN}/drafts`, { method: 'POST', body: { kind: 'flow', name, step: 'details', state: draft } });
  return made.id;
}
