import { queryOptions } from '@tanstack/react-query';
import { call } from './client';
import { keyOf } from './query';
import type { components } from './schema';

/**
 * The answers under `/data/foundation/forebay`, which the service adds to Flow Service's contract. Times are epoch
 * milliseconds.
 */
export const OWN = '/data/foundation/forebay';

/** Query options of a GET: `useQuery(own<Flows>('/flows', { limit: 1000 }))`. */
export function own<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}) {
  return queryOptions({
    queryKey: keyOf(OWN + path, query),
    queryFn: ({ signal }) => call<T>(OWN + path, { query, signal }),
  });
}

type Schemas = components['schemas'];

/**
 * What arrives of a described shape: the document calls every optional member also nullable, and the server leaves out
 * what it does not know. The few members that do come as null are put back below.
 */
type Sent<T> = T extends readonly (infer One)[]
  ? readonly Sent<One>[]
  : T extends object
    ? { readonly [K in keyof T]: undefined extends T[K] ? Sent<Exclude<T[K], null>> : Sent<T[K]> }
    : T;
type Answer<Name extends keyof Schemas> = Sent<Schemas[Name]>;
type With<T, Narrow> = Omit<T, keyof Narrow> & Narrow;

/** Of time, in which a source has been read; null where it is open. */
interface Window {
  readonly from?: number | null;
  readonly to?: number | null;
}

export type Health = Answer<'FlowHealth'>;
export type RunStatus = Answer<'RunStatus'>;
export type Ref = Answer<'Named'>;
export type Need = Answer<'Need'>;

export interface Items<T> {
  readonly items: readonly T[];
}

/** received = ingested + failed + skipped */
export type Numbers = Pick<Answer<'RunRow'>, 'received' | 'ingested' | 'failed' | 'skipped'>;

export type RunRow = Answer<'RunRow'>;
export type Runs = Answer<'RunRows'>;
export type Overview = Answer<'Overview'>;
export type Bucket = Answer<'SeriesPoint'>;
export type FlowRow = Answer<'FlowRow'>;
export type Flows = Answer<'FlowRows'>;

export type Change = Answer<'Differs'>;
export type Timeline = With<Answer<'Timeline'>, Items<TimelineItem>>;
export type TimelineItem = With<Answer<'Happening'>, {
  readonly kind: 'run' | 'change';
  readonly run?: With<Answer<'RunFigures'>, { readonly status: RunStatus }>;
}>;

export type FlowSchema = With<Answer<'FlowColumns'>, { readonly history: readonly ColumnDecision[] }>;
export type SchemaPolicy = Answer<'ColumnPolicy'>;
/** As they are offered: the first asks least of people. */
export const policies = ['propagate', 'notify', 'ignore', 'pause'] as const satisfies readonly SchemaPolicy[];
export type PendingColumn = Answer<'PendingColumn'>;
export type ColumnDecision = With<Answer<'ColumnDecision'>, { readonly action: 'approve' | 'dismiss' | 'policy' }>;
export type ColumnsTaken = Answer<'ColumnsTaken'>;

export type SchedulePreview = With<Answer<'SchedulePreview'>, {
  readonly runs: readonly With<Answer<'PreviewedRun'>, { readonly window: Window }>[];
}>;

/** A failure in four parts: what, where, why, what to do. */
export type Problem = Answer<'Problem4'>;
export type Stage = With<Answer<'RunStage'>, { readonly state: 'done' | 'running' | 'failed' | 'waiting' | 'skipped' }>;
export type Progress = Answer<'RunProgress'>;
export type Attempt = Answer<'RunAttempt'>;
export type RunDetail = With<Answer<'RunDetail'>, {
  readonly stages: readonly Stage[];
  readonly window: Window;
  /** The flow as it was, null where its history is not whole. */
  readonly configuration: { readonly flow: unknown; readonly changedSince: boolean };
}>;

export type RunInput = Answer<'RunInput'>;
export type RunErrors = Answer<'RowErrors'>;
export type RunError = RunErrors['items'][number];
export type Log = With<Answer<'RunLog'>, Items<LogLine>>;
export type LogLine = With<Answer<'RunLogLine'>, { readonly fields?: Readonly<Record<string, unknown>> }>;

export type Datasets = Answer<'TableList'>;
export type DatasetRow = Answer<'TableRow'>;
export type DatasetDetail = Answer<'TableDetail'>;
export type DatasetHistory = Answer<'TableHistory'>;
export type DatasetVersion = Answer<'TableVersion'>;
export type DatasetPreview = With<Answer<'TablePreview'>, { readonly rows: readonly Readonly<Record<string, unknown>>[] }>;

/** `state` is what the wizard knows, never a secret. */
export type Draft = With<Answer<'Draft'>, { readonly state: Readonly<Record<string, unknown>> }>;

export type System = Answer<'SystemState'>;
export type Session = Answer<'Session'>;
export type Found = Answer<'Found'>;

export type Fault = Answer<'DemoFault'>;
export type Demo = With<Answer<'Demo'>, {
  readonly fault: Fault | null;
  readonly recipes: readonly With<Answer<'Recipe'>, { readonly id: 's3' | 'hubspot'; readonly source: Readonly<Record<string, unknown>> }>[];
}>;
