import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../messages/common';
import { compact } from './format';

const svg = style({ color: 'blue-900', verticalAlign: 'middle' });

interface Props {
  readonly label: string;
  readonly values: readonly number[];
  readonly width?: number;
  readonly height?: number;
}

/** The course of one number, without axes. */
export function Spark({ label, values, width = 120, height = 24 }: Props) {
  const most = Math.max(1, ...values);
  const step = (width - 2) / Math.max(1, values.length - 1);
  const points = values.map((v, i) => `${(1 + i * step).toFixed(1)},${(height - 2 - (v / most) * (height - 4)).toFixed(1)}`).join(' ');
  const text = t('sparkLabel', { label, first: compact(values[0] ?? 0), last: compact(values.at(-1) ?? 0), max: compact(most) });
  return (
    <svg className={svg} width={width} height={height} viewBox={`0 0 ${String(width)} ${String(height)}`} role="img" aria-label={text}>
      <polyline points={points} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
