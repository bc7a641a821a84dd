import { describe, expect, it } from 'vitest';
import type { FlowRow, RunRow } from '../src/api/own';
import { buckets, byCode, sums } from '../src/pages/monitoring/runs';

const run = (flow: string, startedAt: number, failed: number, code?: string) => ({
  id: `${flow}${String(startedAt)}`, flow: { id: flow, name: flow }, startedAt, status: code === undefined ? 'success' : 'failed',
  received: 10, ingested: 10 - failed, failed, skipped: 0, bytes: 1, ...(code !== undefined && { error: { code, message: 'no' } }),
}) as unknown as RunRow;
const flow = (id: string, source: string) => ({ id, name: id, source: { spec: { id: source, title: source } }, freshness: {} }) as unknown as FlowRow;

describe('numbers of a range', () => {
  const runs = [run('a', 0, 1), run('a', 60_000, 10, 'X'), run('b', 120_000, 0)];
  it('are added up by source, with flows that did not run', () => {
    const all = sums([flow('a', 's'), flow('b', 's'), flow('c', 'h')], runs, ({ source: { spec } }) => ({ id: spec.id, name: spec.title }));
    expect(all.map(({ id, flows, runs: count, failed, ingested, runsFailed }) => [id, flows, count, failed, ingested, runsFailed]))
      .toEqual([['s', 2, 3, 11, 19, 1], ['h', 1, 0, 0, 0, 0]]);
  });
  it('lose no row between buckets', () => {
    const points = buckets(runs, 0, 7 * 86_400_000);
    expect(points.reduce((sum, { ingested, failed }) => sum + ingested + failed, 0)).toBe(30);
  });
  it('are grouped by code', () => {
    expect(byCode(runs)).toMatchObject([{ code: 'X', runs: 1, lastAt: 60_000, flows: [{ id: 'a' }] }]);
  });
});
