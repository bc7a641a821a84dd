import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo } from 'react';
import type { Range } from '../../app/range';
import { bytes } from '../../components/format';
import { rowsOf, runsOf } from '../../components/nouns';
import { TimeChart } from '../../components/TimeChart';
import { settings } from '../../app/settings';
import { t } from '../../messages/monitoring';
import type { Point } from './runs';

const grid = style({ display: 'grid', gridTemplateColumns: { default: 'minmax(0, 1fr)', lg: ['minmax(0, 1fr)', 'minmax(0, 1fr)'] }, gap: 24, minWidth: 0 });

interface Props {
  readonly points: readonly Point[];
  readonly range: Range;
}

/** How much came in and how much failed; dragging over either chooses the range. */
export function Charts({ points, range }: Props) {
  const times = useMemo(() => points.map(({ at }) => at), [points]);
  const rate = useMemo(() => [{ label: t('ingested'), values: points.map(({ ingested }) => ingested), tone: 'main' as const }], [points]);
  const failures = useMemo(() => [{ label: t('failed'), values: points.map(({ failed }) => failed), tone: 'bad' as const }], [points]);
  const sum = (of: (point: Point) => number) => points.reduce((total, point) => total + of(point), 0);
  const [failed, received] = [sum((point) => point.failed), sum((point) => point.received)];
  const share = new Intl.NumberFormat(settings.get().locale, { style: 'percent', maximumSignificantDigits: 2 }).format(received === 0 ? 0 : failed / received);
  return (
    <div className={grid}>
      <TimeChart
        title={t('rate')}
        summary={t('rateSummary', { rows: rowsOf(sum((point) => point.ingested)), runs: runsOf(sum((point) => point.runs)), size: bytes(sum((point) => point.bytes)) })}
        times={times} series={rate} onRange={range.between} group="monitoring"
      />
      <TimeChart
        title={t('failures')}
        summary={t('failuresSummary', { failed: rowsOf(failed), share })}
        times={times} series={failures} onRange={range.between} group="monitoring"
      />
    </div>
  );
}
