/** Reads one search parameter; undefined when it is absent or not of its kind. */
export type Reader<T> = (value: unknown) => T | undefined;

export const text: Reader<string> = (value) =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
export const int: Reader<number> = (value) => (Number.isInteger(value) ? (value as number) : undefined);
export const flag: Reader<boolean> = (value) => (typeof value === 'boolean' ? value : undefined);
export const texts: Reader<readonly string[]> = (value) =>
  Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : undefined;
export function oneOf<const V extends string>(...values: readonly V[]): Reader<V> {
  return (value) => values.find((v) => v === value);
}

/** Of every page: what is typed in the filter, the sorted column (`-name` descends), the tab, the time range. */
const common = { q: text, sort: text, tab: text, range: text, from: text, to: text };

type Read<S> = { -readonly [K in keyof S]?: S[K] extends Reader<infer T> ? T : never };

/** The typed search parameters of a route: the common ones and its own. Unknown ones are dropped. */
export function search<S extends Readonly<Record<string, Reader<unknown>>>>(shape: S) {
  const readers: Readonly<Record<string, Reader<unknown>>> = { ...common, ...shape };
  return (raw: Readonly<Record<string, unknown>>): Read<typeof common & S> => {
    const known: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(readers)) {
      const value = read(raw[name]);
      if (value !== undefined) known[name] = value;
    }
    return known as Read<typeof common & S>;
  };
}
