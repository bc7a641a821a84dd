import { useNow } from './clock';
import { useUrl } from './go';

const HOUR = 3_600_000;
/** The time ranges that end now, by their names in the URL. */
export const RANGES = { '24h': 24 * HOUR, '7d': 168 * HOUR, '30d': 720 * HOUR } as const;
export type RangeName = keyof typeof RANGES;

export interface Range {
  readonly from: number;
  readonly to: number;
  /** Of a range that ends now. */
  readonly name: RangeName | undefined;
  readonly choose: (name: RangeName) => void;
  readonly between: (from: number, to: number) => void;
  /** One width earlier (−1) or later (1); not beyond now. */
  readonly shift: (by: -1 | 1) => void;
}

/** The time range of a page, which is in its URL: `range=7d`, or `from=…&to=…` in epoch milliseconds. */
export function useRange(fallback: RangeName = '24h'): Range {
  const [url, setUrl] = useUrl();
  // By the minute: a range that moved with each tick would read the server without end.
  const now = Math.ceil(useNow() / 60_000) * 60_000;
  const named = typeof url.range === 'string' && url.range in RANGES ? (url.range as RangeName) : fallback;
  const [from, to] = [Number(url.from), Number(url.to)];
  const isFixed = from > 0 && to > from;
  const shown = isFixed ? { from, to } : { from: now - RANGES[named], to: now };
  const between = (start: number, end: number) => setUrl({ from: String(Math.round(start)), to: String(Math.round(end)), range: undefined });
  const choose = (name: RangeName) => setUrl({ range: name === fallback ? undefined : name, from: undefined, to: undefined });
  return {
    ...shown,
    name: isFixed ? undefined : named,
    choose,
    between,
    shift: (by) => {
      const width = shown.to - shown.from;
      const end = shown.to + by * width;
      if (end < now) between(end - width, end);
      else choose((Object.keys(RANGES) as RangeName[]).find((name) => RANGES[name] === width) ?? fallback);
    },
  };
}
