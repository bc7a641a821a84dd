import { describe, expect, it } from 'vitest';
import { csv } from '../src/components/csv';

describe('CSV', () => {
  it('quotes what needs it and leaves the rest', () => {
    expect(csv([['a', 1, undefined], ['b,c', 'say "x"', 'two\nlines']])).toBe('a,1,\r\n"b,c","say ""x""","two\nlines"\r\n');
  });
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('takes the formula out of %j', (text) => {
    expect(csv([[text]]).replace(/^"/, '')).toMatch(/^'/);
  });
  it('keeps negative numbers', () => {
    expect(csv([[-5]])).toBe('-5\r\n');
  });
});
