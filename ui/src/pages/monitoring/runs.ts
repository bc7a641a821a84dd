import { queryOptions } from '@tanstack/react-query';
import { call } from '../../api/client';
import { type FlowRow, OWN, type RunRow, type Runs } from '../../api/own';
import { keyOf } from '../../api/query';

/** Runs that are read at most: more would keep the page and the server busy for numbers that nobody can look through. */
export const MOST = 5000;
const PAGE = 1000;

/** All runs of a range, of one flow or of all. */
export function runsIn(from: number, to: number, flow?: string) {
  return queryOptions({
    // Not the path of the runs: each event of a busy server would have all of them read again.
    queryKey: keyOf('monitoring', { from, to, flow }),
    queryFn: async ({ signal }) => {
      const runs: RunRow[] = [];
      let before: string | number | undefined;
      do {
        const page: Runs = await call<Runs>(`${OWN}/runs`, { query: { limit: PAGE, from, to, flow, before }, signal });
        runs.push(...page.items);
        before = page.next;
      } while (before !== undefined && runs.length < MOST);
      return { runs, isWhole: before === undefined };
    },
    placeholderData: (old) => old,
  });
}

export interface Sum {
  readonly id: string;
  readonly name: string;
  /** Of a source: how many; of a flow: itself. */
  readonly flows: number;
  readonly flow?: FlowRow;
  readonly runs: number;
  readonly runsFailed: number;
  readonly received: number;
  readonly ingested: number;
  readonly failed: number;
  readonly skipped: number;
  readonly bytes: number;
  readonly lateByMs: number;
  readonly lastSuccessAt: number | undefined;
}

export const isFailure = ({ status, failed }: RunRow) => status === 'failed' || status === 'partial' || failed > 0;

/** Adds up runs by something of their flows; flows without a run in the range count as well. */
export function sums(flows: readonly FlowRow[], runs: readonly RunRow[], by: (flow: FlowRow) => { readonly id: string; readonly name: string }): readonly Sum[] {
  const runsOf = grouped(runs, ({ flow }) => flow.id);
  const groups = grouped(flows, (flow) => by(flow).id);
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const theirs = members.flatMap(({ id }) => runsOf.get(id) ?? []);
    const total = (of: (run: RunRow) => number) => theirs.reduce((sum, run) => sum + of(run), 0);
    const successes = members.flatMap(({ freshness }) => freshness.lastSuccessAt ?? []);
    return {
      ...by(first),
      flows: members.length,
      ...(members.length === 1 && { flow: first }),
      runs: theirs.length,
      runsFailed: theirs.filter(({ status }) => status === 'failed').length,
      received: total((run) => run.received),
      ingested: total((run) => run.ingested),
      failed: total((run) => run.failed),
      skipped: total((run) => run.skipped),
      bytes: total((run) => run.bytes),
      lateByMs: Math.max(0, ...members.map(({ freshness }) => freshness.lateByMs ?? 0)),
      lastSuccessAt: successes.length === 0 ? undefined : Math.max(...successes),
    };
  });
}

export interface CodeSum {
  readonly code: string;
  readonly message: string;
  readonly runs: number;
  readonly lastAt: number | undefined;
  readonly flows: readonly { readonly id: string; readonly name: string }[];
}

export function byCode(runs: readonly RunRow[]): readonly CodeSum[] {
  return [...grouped(runs.filter(({ error }) => error !== undefined), ({ error }) => error?.code ?? '')].map(([code, theirs]) => ({
    code,
    message: theirs[0]?.error?.message ?? '',
    runs: theirs.length,
    lastAt: Math.max(...theirs.map(({ startedAt = 0 }) => startedAt)) || undefined,
    flows: [...new Map(theirs.map(({ flow }) => [flow.id, flow])).values()],
  }));
}

export interface Point {
  readonly at: number;
  readonly received: number;
  readonly ingested: number;
  readonly failed: number;
  readonly bytes: number;
  readonly runs: number;
}

/** Runs as points in time, as many as a chart can show. */
export function buckets(runs: readonly RunRow[], from: number, to: number): readonly Point[] {
  const width = Math.max(60_000, Math.ceil((to - from) / 96 / 60_000) * 60_000);
  const start = Math.floor(from / width) * width;
  const points = Array.from({ length: Math.max(1, Math.ceil((to - start) / width)) }, (_, i) => (
    { at: start + i * width, received: 0, ingested: 0, failed: 0, bytes: 0, runs: 0 }
  ));
  for (const run of runs) {
    const point = run.startedAt === undefined ? undefined : points[Math.floor((run.startedAt - start) / width)];
    if (point === undefined) continue;
    point.received += run.received;
    point.ingested += run.ingested;
    point.failed += run.failed;
    point.bytes += run.bytes;
    point.runs += 1;
  }
  return points;
}

function grouped<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = by(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
