import { lazy, Suspense } from 'react';
import type { ChartProps } from './chart/Chart';
import { Skeleton } from './States';

const Chart = lazy(() => import('./chart/Chart'));

/**
 * Numbers over time: a canvas with a cursor for mouse and keyboard, one sentence that says what it shows, and the
 * same numbers as a table. Loaded when it is first needed.
 */
export function TimeChart(props: ChartProps) {
  return <Suspense fallback={<Skeleton lines={5} />}><Chart {...props} /></Suspense>;
}
