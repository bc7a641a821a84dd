import { settings, zoneOf } from '../app/settings';

export type Instant = number | string | Date;

export function ms(at: Instant): number {
  return typeof at === 'number' ? at : at instanceof Date ? at.getTime() : Date.parse(at);
}

function isKnown(at: Instant | undefined | null): at is Instant {
  return at !== undefined && at !== null && Number.isFinite(ms(at));
}

/** In place of what is not known: the page stays, whatever the server left out. */
const UNKNOWN = '–';

/** `25 Nov 2026, 14:15:02 UTC`, in the zone of the settings. */
export function exactTime(at: Instant | undefined | null): string {
  if (!isKnown(at)) return UNKNOWN;
  const of = settings.get();
  const zone = zoneOf(of);
  return new Intl.DateTimeFormat(of.locale, {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
    ...(zone !== undefined && { timeZone: zone }),
  }).format(ms(at));
}

/** What stands below ticks of an axis, in the zone of the settings: times, with the day below where a day begins; days alone where ticks are days apart. */
export function axisTimes(ticks: readonly number[]): readonly string[] {
  const of = settings.get();
  const zone = zoneOf(of);
  const where = zone === undefined ? {} : { timeZone: zone };
  const day = new Intl.DateTimeFormat(of.locale, { month: 'short', day: 'numeric', ...where });
  const time = new Intl.DateTimeFormat(of.locale, { hour: 'numeric', minute: '2-digit', ...where });
  const areDays = ticks.length > 1 && (ticks[1] ?? 0) - (ticks[0] ?? 0) >= 86_000_000;
  return ticks.map((at, i) => {
    const date = day.format(at);
    if (areDays) return date;
    return i === 0 || date !== day.format(ticks[i - 1]) ? `${time.format(at)}\n${date}` : time.format(at);
  });
}

const units = [['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const;

/** `12 min ago`, `in 4 min`. */
export function relativeTime(at: Instant | undefined | null, now: number): string {
  if (!isKnown(at)) return UNKNOWN;
  const seconds = (ms(at) - now) / 1000;
  const format = new Intl.RelativeTimeFormat(settings.get().locale, { numeric: 'auto', style: 'short' });
  const [unit, size] = units.find(([, one]) => Math.abs(seconds) >= one) ?? (['second', 1] as const);
  return format.format(Math.trunc(seconds / size), unit);
}

/** `1 m 38 s`: the two greatest units. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return UNKNOWN;
  const { locale } = settings.get();
  const part = (value: number, unit: string, digits = 0) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'narrow', maximumFractionDigits: digits }).format(value);
  if (milliseconds < 1000) return part(Math.round(milliseconds), 'millisecond');
  const seconds = milliseconds / 1000;
  if (seconds < 10) return part(seconds, 'second', 1);
  const total = Math.round(seconds);
  const parts = ([['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const)
    .map(([unit, size], i, all) => [unit, Math.floor((i === 0 ? total : total % (all[i - 1]?.[1] ?? 1)) / size)] as const)
    .filter(([, value]) => value > 0);
  return parts.slice(0, 2).map(([unit, value]) => part(value, unit)).join(' ');
}

/** `382 MB`, in powers of a thousand. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const names = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
  const power = value < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return new Intl.NumberFormat(settings.get().locale, {
    style: 'unit', unit: names[power] ?? 'byte', unitDisplay: 'short', maximumFractionDigits: scaled < 10 && power > 0 ? 1 : 0,
  }).format(scaled);
}

export function count(value: number): string {
  return new Intl.NumberFormat(settings.get().locale).format(value);
}

/** `12.4M`, for places that are too small for all digits; the exact number belongs beside it or in its title. */
export function compact(value: number): string {
  return new Intl.NumberFormat(settings.get().locale, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}
