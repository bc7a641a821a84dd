import { queryOptions } from '@tanstack/react-query';
import { call } from './client';
import { keyOf } from './query';

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

export type Health = 'healthy' | 'late' | 'failing' | 'running' | 'paused' | 'draft' | 'new' | 'done';
export type RunStatus = 'pending' | 'inProgress' | 'success' | 'failed' | 'cancelled' | 'partial';

export interface Ref {
  readonly id: string;
  readonly name: string;
  /** It was deleted. */
  readonly gone?: boolean;
}

export interface Items<T> {
  readonly items: readonly T[];
}

export interface Need {
  readonly severity: 'error' | 'warning';
  readonly kind: 'runFailed' | 'connectionFailed' | 'schemaChange' | 'late' | 'autoDisabled';
  readonly flow?: Ref;
  readonly connection?: Ref;
  readonly run?: string;
  readonly code?: string;
  readonly title: string;
  readonly message: string;
  readonly advice?: string;
  readonly since: number;
  readonly action: 'reauthorise' | 'reviewSchema' | 'retry' | 'open';
}

/** received = ingested + failed + skipped */
export interface Numbers {
  readonly received: number;
  readonly ingested: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface RunRow extends Numbers {
  readonly id: string;
  /** Of its flow, from 1. */
  readonly number: number;
  readonly flow: Ref;
  readonly status: RunStatus;
  /** When it was put into the queue, or when it started. */
  readonly at: number;
  readonly startedAt?: number;
  readonly completedAt?: number;
  readonly durationMs?: number;
  readonly warned: number;
  readonly bytes: number;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface Runs extends Items<RunRow> {
  readonly next?: string | number;
}

export interface Bucket extends Numbers {
  readonly at: number;
  readonly bytes: number;
  readonly runs: number;
}

export interface Overview {
  readonly asOf: number;
  readonly needsAction: readonly Need[];
  readonly counts: Readonly<Record<'running' | 'healthy' | 'late' | 'failing' | 'paused' | 'drafts' | 'total', number>>;
  /** By the hour. */
  readonly series: readonly Bucket[];
  readonly totals: Omit<Bucket, 'at'>;
  readonly next: readonly { readonly flow: Ref; readonly at: number }[];
  readonly recent: readonly RunRow[];
}

export interface Schedule {
  readonly frequency: string;
  readonly interval?: number;
  readonly startTime?: number;
  readonly backfill: boolean;
  /** `every 15 minutes` */
  readonly text: string;
}

export interface Freshness {
  readonly lastSuccessAt?: number;
  readonly dueAt?: number;
  readonly nextRunAt?: number;
  readonly intervalMs?: number;
  readonly lateByMs?: number;
  readonly text: string;
}

export interface FlowRow {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly state: 'enabled' | 'disabled' | 'draft';
  readonly etag: string;
  readonly source: {
    readonly kind: string;
    readonly spec: Ref & { readonly title: string };
    readonly connection: Ref & { readonly state: string };
    readonly sourceConnection: string;
    /** The path or the table. */
    readonly what: string;
  };
  readonly target: { readonly targetConnection: string; readonly dataset: Ref; readonly schema: string };
  readonly mappingSet?: { readonly id: string; readonly version: number };
  readonly schedule: Schedule;
  readonly health: Health;
  readonly freshness: Freshness;
  /** At most eight, the oldest first. */
  readonly last: readonly RunRow[];
  readonly totals: { readonly rowsLastRun: number; readonly failedLastRun: number };
  readonly needs: readonly Need[];
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags?: readonly string[];
}

export interface Flows extends Items<FlowRow> {
  readonly total: number;
}

export interface Change {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface TimelineItem {
  readonly at: number;
  readonly kind: 'run' | 'change';
  readonly action?: string;
  readonly by?: string;
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string };
  readonly summary: string;
  readonly diff?: readonly Change[];
  readonly run?: Numbers & { readonly id: string; readonly status: RunStatus; readonly durationMs?: number };
}

export interface Timeline extends Items<TimelineItem> {
  /** The `before` of the next, older page. */
  readonly next?: number;
}

export const policies = ['propagate', 'notify', 'ignore', 'pause'] as const;
export type SchemaPolicy = (typeof policies)[number];

export interface PendingColumn {
  readonly name: string;
  readonly type?: string;
  readonly sample?: string;
  readonly firstSeenAt?: number;
  readonly run?: string;
  /** With the policy `propagate`: why no run takes it over. */
  readonly reason?: string;
}

export interface FlowSchema {
  readonly policy: SchemaPolicy;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly mapped: boolean; readonly targets: readonly string[] }[];
  readonly pending: readonly PendingColumn[];
  readonly fields: readonly { readonly path: string; readonly type: string; readonly required: boolean; readonly key?: boolean }[];
  /** Decisions, the newest first. */
  readonly history: readonly ColumnDecision[];
}

export interface ColumnDecision {
  readonly at: number;
  readonly by: string;
  readonly action: 'approve' | 'dismiss' | 'policy';
  readonly columns?: readonly string[];
}

export interface SchedulePreview {
  readonly runs: readonly { readonly dueAt: number; readonly window: { readonly from?: number | null; readonly to?: number | null } }[];
  readonly text: string;
  readonly overlap: string;
}

/** A failure in four parts: what, where, why, what to do. */
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly what: string;
  readonly where: { readonly file?: string; readonly line?: number; readonly column?: string; readonly field?: string; readonly object?: string };
  readonly why: string;
  readonly do: string;
  readonly since?: number;
  readonly seenBefore?: { readonly times: number; readonly lastAt?: number };
  readonly docUrl: string;
  readonly records?: number;
}

export interface Stage {
  readonly name: string;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly state: 'done' | 'running' | 'failed' | 'waiting' | 'skipped';
  readonly note?: string;
}

export interface Progress {
  readonly bytes: number;
  readonly bytesTotal?: number;
  readonly files: number;
  readonly filesTotal?: number;
  readonly records: number;
  readonly bytesPerSecond?: number;
  readonly etaMs?: number;
}

export interface Attempt {
  readonly number: number;
  readonly epoch: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly worker?: string;
  readonly outcome: string;
  /** When it is tried again. */
  readonly retryAt?: number;
}

export interface RunDetail {
  readonly run: RunRow;
  readonly attempts: readonly Attempt[];
  readonly attemptsMax?: number;
  readonly balance: Numbers & { readonly warned: number };
  readonly stages: readonly Stage[];
  readonly progress?: Progress;
  readonly problems: readonly Problem[];
  readonly window?: { readonly from?: number | null; readonly to?: number | null };
  readonly files: { readonly input: number; readonly output: number };
  readonly sizes: { readonly input: number; readonly output: number };
  readonly batch?: string;
  readonly dataset?: Ref;
  /** Of the table, that the run committed. */
  readonly version?: number;
  readonly flow: Ref & { readonly state: string; readonly etag: string };
  readonly source?: { readonly spec: Ref & { readonly title?: string }; readonly connection: Ref };
  readonly configuration: { readonly flow?: unknown; readonly changedSince: boolean };
  readonly cancellable: boolean;
  readonly retriable: boolean;
  readonly replayable: boolean;
  /** Why something is not possible. */
  readonly explain: Readonly<Partial<Record<'cancel' | 'retry' | 'replay', string>>>;
}

export interface RunInput {
  readonly path: string;
  readonly bucket?: string;
  readonly size: number;
  readonly etag: string;
}

export interface RunError {
  readonly file: string;
  /** From 1; 0 where the source has no lines. */
  readonly line: number;
  /** Of the source. */
  readonly column?: string;
  /** Of the target. */
  readonly field?: string;
  readonly code: string;
  readonly message: string;
  readonly value?: string;
  /** Whether the row was left out; else a value of it was. */
  readonly rejected: boolean;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface RunErrors extends Items<RunError> {
  readonly total: number;
  readonly groups: readonly { readonly code: string; readonly count: number; readonly message: string }[];
}

export interface LogLine {
  readonly seq: number;
  readonly at: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface Log extends Items<LogLine> {
  readonly total: number;
}

export interface DatasetRow {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly schema: { readonly id: string; readonly title: string };
  readonly state: string;
  /** Absent where a file has no statistics. */
  readonly rows?: number;
  readonly bytes: number;
  readonly files: number;
  /** Absent before the first commit. */
  readonly version?: number;
  /** Of the last commit. */
  readonly updatedAt?: number;
  readonly labels: readonly string[];
  readonly flows: readonly Ref[];
  /** A folder or a URI. */
  readonly path: string;
  readonly keyed: boolean;
  /** Why the table could not be looked at. */
  readonly error?: string;
}

export interface Datasets extends Items<DatasetRow> {
  readonly total: number;
}

export interface DatasetDetail extends DatasetRow {
  readonly fields: readonly { readonly path: string; readonly type: string; readonly required: boolean; readonly description?: string }[];
  readonly duckdb: string;
  readonly polars: string;
  readonly spark: string;
}

export interface DatasetVersion {
  readonly version: number;
  readonly at: number;
  readonly operation: string;
  readonly run?: { readonly id: string; readonly number?: number; readonly flow?: Ref };
  readonly batch?: string;
  readonly addedRows?: number;
  readonly removedFiles: number;
  readonly addedFiles: number;
  readonly bytes: number;
}

export interface DatasetHistory extends Items<DatasetVersion> {
  /** The `before` of the next, older page. */
  readonly next?: number;
}

export interface DatasetPreview {
  readonly version?: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface Draft {
  readonly id: string;
  readonly kind: 'flow';
  readonly name: string;
  readonly step: string;
  /** What the wizard knows; never a secret. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly updatedBy: string;
  readonly etag: string;
}

export interface System {
  readonly version: string;
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly level: 'ok' | 'warn' | 'error';
    readonly message: string;
    readonly advice?: string;
    readonly ms?: number;
  }[];
  readonly queue: { readonly queued: number; readonly running: number; readonly waiting: number; readonly oldestQueuedAt?: number };
  readonly workers: readonly { readonly name: string; readonly heldUntil: number; readonly alive: boolean; readonly running: number }[];
  readonly database: { readonly kind: string; readonly bytes?: number; readonly pingMs: number };
  readonly disk: { readonly free?: number; readonly total?: number; readonly path: string };
  readonly lake: { readonly address?: string; readonly bytes?: number };
  readonly lastBackupAt?: number;
}

export interface CodeText {
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly text: string;
  readonly advice?: string;
}

export interface Demo {
  readonly active: true;
  readonly recipes: readonly {
    readonly id: 's3' | 'hubspot';
    readonly title: string;
    readonly text: string;
    readonly connection: Ref & { readonly specId: string };
    /** What the wizard starts from. */
    readonly source: Readonly<Record<string, unknown>>;
    readonly flowName: string;
  }[];
  readonly fault: null | 's3-403' | 's3-slow' | 'hubspot-401';
}
