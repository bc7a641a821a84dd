import type { Flow } from '../../api/lists';

/** What the settings page changes of a flow, flat. */
export interface Settings {
  readonly name: string;
  readonly description: string;
  readonly frequency: string;
  readonly interval: number;
  /** Epoch seconds; absent: the moment of creation. */
  readonly start: number | undefined;
  /** Epoch seconds; absent: it goes on. */
  readonly end: number | undefined;
  readonly backfill: boolean;
  readonly partial: boolean;
  readonly threshold: number;
  readonly diagnostics: boolean;
}

export type Key = keyof Settings;

interface Parts {
  readonly scheduleParams?: { readonly frequency?: string; readonly interval?: number | string; readonly startTime?: number | string; readonly endTime?: number | string; readonly backfill?: boolean | string } | null;
  readonly options?: { readonly partialIngestionPercent?: number; readonly errorDiagnosticsEnabled?: boolean } | null;
}

const DEFAULT_THRESHOLD = 5;

export function settingsOf(flow: Flow): Settings {
  const { scheduleParams, options } = flow as Parts;
  return {
    name: flow.name ?? '',
    description: flow.description ?? '',
    frequency: scheduleParams?.frequency ?? 'once',
    interval: Number(scheduleParams?.interval ?? 1),
    start: secondsOf(scheduleParams?.startTime),
    end: secondsOf(scheduleParams?.endTime),
    backfill: String(scheduleParams?.backfill ?? true) === 'true',
    partial: options?.partialIngestionPercent !== undefined,
    threshold: options?.partialIngestionPercent ?? DEFAULT_THRESHOLD,
    diagnostics: options?.errorDiagnosticsEnabled ?? false,
  };
}

/** Times of schedules are epoch seconds, as a number or its digits; some clients send ISO 8601. */
function secondsOf(time: number | string | undefined): number | undefined {
  if (time === undefined || time === '') return undefined;
  const number = Number(time);
  const seconds = Number.isFinite(number) ? number : Math.floor(Date.parse(String(time)) / 1000);
  return Number.isNaN(seconds) ? undefined : seconds;
}

interface Operation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** The JSON Patch from one to the other: only what differs, so that nothing else is touched. */
export function patchOf(before: Settings, after: Settings): readonly Operation[] {
  const differs = (key: Key) => before[key] !== after[key];
  const patch: Operation[] = [];
  const replace = (path: string, value: unknown) => patch.push({ op: 'replace', path, value });
  if (differs('name')) replace('/name', after.name);
  if (differs('description')) replace('/description', after.description);
  if (differs('frequency')) replace('/scheduleParams/frequency', after.frequency);
  // A schedule that was "once" has none.
  if (after.frequency !== 'once' && (differs('interval') || before.frequency === 'once')) replace('/scheduleParams/interval', after.interval);
  if (differs('start')) replace('/scheduleParams/startTime', String(after.start));
  if (differs('end')) {
    if (after.end === undefined) patch.push({ op: 'remove', path: '/scheduleParams/endTime' });
    else patch.push({ op: before.end === undefined ? 'add' : 'replace', path: '/scheduleParams/endTime', value: String(after.end) });
  }
  if (differs('backfill')) replace('/scheduleParams/backfill', after.backfill);
  if (differs('partial') || differs('threshold') || differs('diagnostics')) {
    // Without diagnostics nobody could see which rows were left out.
    const errorDiagnosticsEnabled = after.diagnostics || after.partial;
    replace('/options', { errorDiagnosticsEnabled, ...(after.partial && { partialIngestionPercent: after.threshold }) });
  }
  return patch;
}

export interface Clash {
  readonly key: Key;
  readonly was: Settings[Key];
  readonly theirs: Settings[Key];
  readonly mine: Settings[Key];
  /** Both changed it, and differently: somebody must choose. */
  readonly isOpen: boolean;
}

/** Three ways: what only they changed is taken over, what I changed stays mine until I choose otherwise. */
export function merge(base: Settings, theirs: Settings, mine: Settings): { readonly merged: Settings; readonly clashes: readonly Clash[] } {
  const keys = Object.keys(base) as Key[];
  const clashes = keys
    .filter((key) => theirs[key] !== base[key])
    .map((key): Clash => ({
      key, was: base[key], theirs: theirs[key], mine: mine[key], isOpen: mine[key] !== base[key] && mine[key] !== theirs[key],
    }));
  const taken = clashes.filter(({ isOpen }) => !isOpen).map(({ key, theirs: value }) => [key, value]);
  return { merged: { ...mine, ...(Object.fromEntries(taken) as Partial<Settings>) }, clashes };
}

export function isSame(a: Settings, b: Settings): boolean {
  return (Object.keys(a) as Key[]).every((key) => a[key] === b[key]);
}

function scheduleOf({ frequency, interval, start, end, backfill }: Settings) {
  return {
    frequency, ...(frequency !== 'once' && { interval, ...(end !== undefined && { endTime: String(end) }) }), backfill,
    ...(start !== undefined && { startTime: String(start) }),
  };
}

const SECONDS: Readonly<Record<string, number>> = { minute: 60, hour: 3600, day: 86_400, week: 7 * 86_400 };

/** The schedule from its next tick on: to the server, a start that has passed would mean now. `now` in epoch seconds. */
export function nextOf(settings: Settings, now: number) {
  const { frequency, interval, start } = settings;
  const every = (SECONDS[frequency] ?? 0) * interval;
  return scheduleOf(start === undefined || start >= now || every <= 0 ? settings : { ...settings, start: start + Math.ceil((now - start) / every) * every });
}
