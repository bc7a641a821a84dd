import type { RunDetail } from '../../api/own';
import { exactTime } from '../../components/format';
import { t } from '../../messages/run';

/** The time whose data a run reads, in words. */
export function windowOf({ from, to: until }: RunDetail['window']): string | undefined {
  if (until == null) return undefined;
  return from == null || from <= 0 ? t('windowUntil', { to: exactTime(until) }) : t('windowOf', { from: exactTime(from), to: exactTime(until) });
}
