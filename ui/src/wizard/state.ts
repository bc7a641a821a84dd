import type { SchemaPolicy } from '../api/own';
import type { Rule, TargetField } from '../mapping/model';

/** All that a dataflow is made of, as drafts keep it. No secrets. */
export interface WizardState {
  readonly specId?: string;
  readonly connectionId?: string | undefined;
  /** What was typed for a new account, without its secrets. */
  readonly account?: { readonly name?: string; readonly description?: string; readonly auth?: string; readonly params?: Readonly<Record<string, unknown>> };
  readonly data: DataState;
  readonly target: TargetState;
  readonly mapping: readonly Rule[];
  readonly schedule: ScheduleState;
  readonly details: DetailsState;
  /** What has been made already, so that a second try goes on where the first ended. */
  readonly made?: Readonly<Record<string, Made>>;
}

export interface Made {
  readonly id: string;
  /** What it was made from: if that has changed since, it is made anew. */
  readonly of: string;
}

export interface DataState {
  readonly params: { readonly path?: string; readonly type?: 'file' | 'folder'; readonly recursive?: boolean; readonly [name: string]: unknown };
  readonly format?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Whether the format is what the server found out, rather than what somebody set. */
  readonly isDetected?: boolean;
  readonly deltaColumn?: { readonly name: string; readonly dateFormat?: string; readonly timezone?: string };
  /** The whole table is read each time, by choice. */
  readonly isWhole?: boolean;
  /** The file that the preview shows, where the path means several. */
  readonly sample?: string;
}

export interface TargetState {
  /** A new dataset with this schema … */
  readonly datasetName?: string;
  readonly schema?: NewSchema;
  /** … or one that is there. */
  readonly datasetId?: string;
  /** The mapping of the other choice, so that going back to it loses nothing. */
  readonly aside?: { readonly datasetId?: string; readonly mapping: readonly Rule[] };
  readonly isExisting?: boolean;
}

export interface NewSchema {
  readonly title: string;
  readonly class: string;
  readonly fields: readonly TargetField[];
}

export type Frequency = 'once' | 'minute' | 'hour' | 'day' | 'week';

export interface ScheduleState {
  readonly frequency: Frequency;
  readonly interval?: number;
  /** Epoch seconds; without it, the moment of creation. */
  readonly startTime?: number;
  readonly endTime?: number;
  readonly backfill?: boolean;
}

export interface DetailsState {
  readonly name?: string;
  readonly description?: string;
  readonly errorDiagnosticsEnabled?: boolean;
  /** Absent: any bad row fails the run. */
  readonly partialIngestionPercent?: number;
  /** What is done with columns that the source has anew; `notify` unless said. */
  readonly newColumns?: SchemaPolicy;
  readonly webhook?: { readonly url: string; readonly events: readonly string[] };
}

export const PROFILE = 'https://ns.adobe.com/xdm/context/profile';

export const empty: WizardState = {
  data: { params: {}, properties: {} },
  target: {},
  mapping: [],
  schedule: { frequency: 'once', backfill: true },
  details: { errorDiagnosticsEnabled: true, partialIngestionPercent: 5 },
};

/** A state from the server, with whatever an older version or another program left out. */
export function complete(raw: unknown): WizardState {
  const some = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<WizardState>;
  return {
    ...empty,
    ...some,
    data: { ...empty.data, ...some.data },
    target: some.target ?? {},
    mapping: some.mapping ?? [],
    schedule: { ...empty.schedule, ...some.schedule },
    details: { ...empty.details, ...some.details },
  };
}

export const steps = ['source', 'account', 'data', 'mapping', 'schedule', 'details', 'review'] as const;
export type Step = (typeof steps)[number];

/** What a step still lacks, by the key of its message. */
export function lacks(state: WizardState): Readonly<Partial<Record<Step, Lack>>> {
  const { specId, connectionId, data, target, mapping, schedule, details } = state;
  const isTargetless = target.isExisting === true ? target.datasetId === undefined : target.datasetId === undefined && (target.datasetName ?? '').trim() === '';
  return {
    ...(specId === undefined && { source: 'lackSource' as const }),
    ...(connectionId === undefined && { account: 'lackAccount' as const }),
    ...((data.params.path ?? '') === '' && { data: 'lackData' as const }),
    ...(isTargetless ? { mapping: 'lackTarget' as const } : mapping.length === 0 && { mapping: 'lackMapping' as const }),
    ...(schedule.frequency !== 'once' && tooOften(schedule) && { schedule: 'lackInterval' as const }),
    ...((details.name ?? '').trim() === '' && { details: 'lackName' as const }),
  };
}

export type Lack = 'lackSource' | 'lackAccount' | 'lackData' | 'lackTarget' | 'lackMapping' | 'lackInterval' | 'lackName';

function tooOften({ frequency, interval = 0 }: ScheduleState): boolean {
  return !Number.isInteger(interval) || interval < (frequency === 'minute' ? 15 : 1);
}

/** An object without one of its members. */
export function without<T extends object, K extends keyof T>(of: T, name: K): Omit<T, K> {
  return Object.fromEntries(Object.entries(of).filter(([one]) => one !== name)) as Omit<T, K>;
}
