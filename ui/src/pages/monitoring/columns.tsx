import type { RunRow } from '../../api/own';
import { duration } from '../../components/format';
import type { ColumnOf } from '../../components/List';
import { Status, stateWord } from '../../components/Status';
import { Bytes, Count, Duration, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { t } from '../../messages/monitoring';
import type { Sum } from './runs';

/** A column, and what of it goes into a file. */
export interface Shown<T> extends ColumnOf<T> {
  readonly raw: (item: T) => string | number | undefined;
  /** Not shown until it is chosen. */
  readonly isExtra?: boolean;
}

const iso = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());

function number<T>(id: string, title: string, of: (item: T) => number | undefined, more: Partial<Shown<T>> = {}): Shown<T> {
  return { id, title, align: 'end', minWidth: 104, value: of, raw: of, cell: (item) => <Count value={of(item)} />, ...more };
}

/** Of sources or flows: both are sums of runs. */
export function sumColumns(title: string, isFlow: boolean): readonly Shown<Sum>[] {
  const health: Shown<Sum> = {
    id: 'health', title: t('health'), minWidth: 112, value: ({ flow }) => flow?.health, raw: ({ flow }) => flow?.health,
    cell: ({ flow }) => flow && <Status state={flow.health} />,
  };
  return [
    { id: 'name', title, minWidth: 176, value: ({ name }) => name, raw: ({ name }) => name, cell: ({ name }) => name },
    ...(isFlow ? [health] : [number<Sum>('flows', t('flows'), (sum) => sum.flows)]),
    number<Sum>('runs', t('runs'), (sum) => sum.runs),
    number<Sum>('runsFailed', t('runsFailed'), (sum) => sum.runsFailed),
    number<Sum>('received', t('received'), (sum) => sum.received),
    number<Sum>('ingested', t('ingested'), (sum) => sum.ingested),
    number<Sum>('failed', t('failed'), (sum) => sum.failed),
    number<Sum>('skipped', t('skipped'), (sum) => sum.skipped, { isExtra: true }),
    number<Sum>('size', t('size'), (sum) => sum.bytes, { cell: ({ bytes }) => <Bytes value={bytes} /> }),
    {
      id: 'lag', title: t('lag'), minWidth: 144, value: ({ lateByMs }) => lateByMs, raw: ({ lateByMs }) => lateByMs / 1000,
      cell: ({ lateByMs }) => (lateByMs === 0 ? t('onTime') : duration(lateByMs)),
    },
    {
      id: 'last', title: t('lastSuccess'), minWidth: 112, isExtra: true, value: ({ lastSuccessAt }) => lastSuccessAt, raw: ({ lastSuccessAt }) => iso(lastSuccessAt),
      cell: ({ lastSuccessAt }) => <Time at={lastSuccessAt} isQuiet />,
    },
  ];
}

export function runColumns(): readonly Shown<RunRow>[] {
  return [
    { id: 'run', title: t('run'), minWidth: 112, value: (run) => run.number, raw: (run) => run.number, cell: (run) => t('runNumber', { number: run.number }) },
    { id: 'status', title: t('status'), minWidth: 184, value: ({ status }) => stateWord(status), raw: ({ status }) => status, cell: ({ status }) => <Status state={status} /> },
    { id: 'started', title: t('started'), minWidth: 112, value: ({ startedAt }) => startedAt, raw: ({ startedAt }) => iso(startedAt), cell: ({ startedAt }) => <Time at={startedAt} isQuiet /> },
    {
      id: 'took', title: t('took'), align: 'end', value: ({ durationMs }) => durationMs, raw: ({ durationMs }) => (durationMs === undefined ? undefined : durationMs / 1000),
      cell: ({ durationMs }) => <Duration ms={durationMs} />,
    },
    number<RunRow>('received', t('received'), (run) => run.received),
    number<RunRow>('ingested', t('ingested'), (run) => run.ingested),
    number<RunRow>('failed', t('failed'), (run) => run.failed),
    number<RunRow>('skipped', t('skipped'), (run) => run.skipped, { isExtra: true }),
    number<RunRow>('size', t('size'), (run) => run.bytes, { cell: ({ bytes }) => <Bytes value={bytes} /> }),
    {
      id: 'error', title: t('error'), minWidth: 240, isLong: true, value: ({ error }) => error?.code, raw: ({ error }) => error && `${error.code} ${error.message}`,
      cell: ({ error }) => error && <span title={visible(error.message)}><Verbatim>{error.message}</Verbatim></span>,
    },
  ];
}
