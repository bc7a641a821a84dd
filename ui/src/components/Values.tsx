import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import { useNow } from '../app/clock';
import { useSettings } from '../app/settings';
import { t } from '../messages/common';
import { bytes, compact, count, duration, exactTime, type Instant, ms, relativeTime } from './format';

const time = style({
  borderRadius: 'sm', outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
});

interface TimeProps {
  readonly at: Instant | undefined | null;
  /** Both, where there is room: `12 min ago (25 Nov …)`. */
  readonly exact?: boolean;
  /** In lists: no tab stop of its own, since the row is one; the exact time is on hover only. */
  readonly isQuiet?: boolean;
}

/** A point in time: relative, and exact on hover and focus, in UTC or the local zone by the global switch. */
export function Time({ at, exact = false, isQuiet = false }: TimeProps) {
  const now = useNow();
  useSettings();
  const [isFocused, setFocused] = useState(false);
  if (at === undefined || at === null || !Number.isFinite(ms(at))) return <span>{t('agoNever')}</span>;
  const full = exactTime(at);
  // The page's clock goes in steps: what has just happened is not to come.
  const short = relativeTime(at, Math.abs(ms(at) - now) <= 5_000 ? ms(at) : now);
  return (
    // What a mouse gets by hovering, the keyboard gets by focus: nothing is done by either.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <time
      className={time}
      dateTime={new Date(ms(at)).toISOString()}
      title={full}
      tabIndex={exact || isQuiet ? undefined : 0}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      {exact ? `${short} (${full})` : isFocused ? full : short}
    </time>
  );
}

/** How long something took, or has taken since `since`. */
export function Duration({ ms: fixed, since }: { readonly ms?: number | undefined; readonly since?: Instant | undefined }) {
  const now = useNow();
  const value = fixed ?? (since === undefined ? undefined : Math.max(0, now - ms(since)));
  return <span>{value === undefined ? '–' : duration(value)}</span>;
}

export function Bytes({ value }: { readonly value: number | undefined }) {
  return value === undefined ? <span>–</span> : <span title={count(value)}>{bytes(value)}</span>;
}

/** A number with its thousands marked; `isCompact` for tight places, with the exact one on hover. */
export function Count({ value, isCompact = false }: { readonly value: number | undefined; readonly isCompact?: boolean }) {
  if (value === undefined) return <span>–</span>;
  return isCompact ? <span title={count(value)}>{compact(value)}</span> : <span>{count(value)}</span>;
}
