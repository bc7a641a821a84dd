import { describe, expect, it } from 'vitest';
import { nextOf, patchOf, type Settings } from '../src/pages/flow/settings';

const base: Settings = {
  name: 'orders', description: '', frequency: 'day', interval: 1, start: 1_000_000, end: undefined, backfill: true, partial: false, threshold: 5, diagnostics: false,
};

describe('the settings of a dataflow', () => {
  it('set an end, move it and take it away', () => {
    expect(patchOf(base, { ...base, end: 2_000_000 })).toEqual([{ op: 'add', path: '/scheduleParams/endTime', value: '2000000' }]);
    expect(patchOf({ ...base, end: 1 }, { ...base, end: 2 })).toEqual([{ op: 'replace', path: '/scheduleParams/endTime', value: '2' }]);
    expect(patchOf({ ...base, end: 1 }, base)).toEqual([{ op: 'remove', path: '/scheduleParams/endTime' }]);
  });
  it('say how often when they begin to repeat', () => {
    expect(patchOf({ ...base, frequency: 'once' }, base)).toEqual([
      { op: 'replace', path: '/scheduleParams/frequency', value: 'day' }, { op: 'replace', path: '/scheduleParams/interval', value: 1 },
    ]);
  });
  it('look ahead from the next tick, not from now', () => {
    expect(nextOf(base, 1_100_000)).toMatchObject({ startTime: String(1_000_000 + 2 * 86_400) });
    expect(nextOf({ ...base, frequency: 'minute', interval: 15 }, 1_000_001)).toMatchObject({ startTime: '1000900' });
    expect(nextOf(base, 900_000)).toMatchObject({ startTime: '1000000' });
  });
});
