import { afterEach, expect, it } from 'vitest';
import { change } from '../src/app/settings';
import { axisTimes } from '../src/components/format';

const HOUR = 3_600_000;
const at = Date.UTC(2026, 10, 25, 18);

afterEach(() => change({ zone: 'local', locale: 'en-US' }));

it('says times by the language, and the day where one begins', () => {
  change({ zone: 'utc', locale: 'en-GB' });
  expect(axisTimes([at, at + 6 * HOUR, at + 12 * HOUR])).toEqual(['18:00\n25 Nov', '0:00\n26 Nov', '6:00']);
  change({ locale: 'en-US' });
  expect(axisTimes([at, at + 2 * HOUR]).map((one) => one.replaceAll(/\s/gu, ' '))).toEqual(['6:00 PM Nov 25', '8:00 PM']);
});

it('says days alone where ticks are days apart', () => {
  change({ zone: 'utc', locale: 'en-GB' });
  expect(axisTimes([at, at + 24 * HOUR])).toEqual(['25 Nov', '26 Nov']);
  expect(axisTimes([])).toEqual([]);
});
