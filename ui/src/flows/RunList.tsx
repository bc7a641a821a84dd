import type { RunRow } from '../api/own';
import { to } from '../app/links';
import { type ColumnOf, List } from '../components/List';
import { Status, stateWord } from '../components/Status';
import { Bytes, Count, Duration, Time } from '../components/Values';
import { Verbatim } from '../components/Verbatim';
import { visible } from '../components/visible';
import { t } from '../messages/flow-parts';

const numbers: readonly ColumnOf<RunRow>[] = [
  { id: 'status', title: t('status'), minWidth: 184, value: (run) => stateWord(run.status), cell: (run) => <Status state={run.status} /> },
  { id: 'started', title: t('started'), minWidth: 112, value: (run) => run.startedAt ?? run.at, cell: (run) => <Time at={run.startedAt ?? run.at} isQuiet /> },
  { id: 'took', title: t('took'), align: 'end', value: (run) => run.durationMs, cell: (run) => <Took run={run} /> },
  { id: 'ingested', title: t('ingested'), align: 'end', minWidth: 112, value: (run) => run.ingested, cell: (run) => <Count value={run.ingested} /> },
  { id: 'failed', title: t('failed'), align: 'end', value: (run) => run.failed, cell: (run) => <Count value={run.failed} /> },
  { id: 'size', title: t('size'), align: 'end', value: (run) => run.bytes, cell: (run) => <Bytes value={run.bytes} /> },
  { id: 'error', title: t('error_'), minWidth: 240, isLong: true, cell: (run) => run.error && <span title={visible(run.error.message)}><Verbatim>{run.error.message}</Verbatim></span> },
];

const withFlow: readonly ColumnOf<RunRow>[] = [
  { id: 'run', title: t('run'), minWidth: 208, cell: nameOf, value: nameOf },
  ...numbers,
];
const ofOne: readonly ColumnOf<RunRow>[] = [
  { id: 'run', title: t('run'), minWidth: 96, cell: (run) => t('runNumber', { number: run.number }), value: (run) => run.number },
  ...numbers,
];

function nameOf({ flow, number }: RunRow): string {
  return t('runOf', { flow: flow.name, number });
}

function textOf(run: RunRow): string {
  return `${nameOf(run)} ${stateWord(run.status)} ${run.error?.code ?? ''} ${run.error?.message ?? ''}`;
}

interface Props {
  readonly label: string;
  readonly runs: readonly RunRow[];
  /** Of many flows: the row names the flow too. */
  readonly hasFlows?: boolean;
  readonly height?: number;
}

/** Runs as a table; Enter opens one. */
export function RunList({ label, runs, hasFlows = false, height }: Props) {
  const columns = hasFlows ? withFlow : ofOne;
  return (
    <List
      label={label}
      items={runs}
      id={(run) => run.id}
      columns={columns}
      text={textOf}
      href={(run) => to.run(run.id)}
      {...(height !== undefined && { height })}
    />
  );
}

function Took({ run }: { readonly run: RunRow }) {
  return run.durationMs === undefined && run.startedAt !== undefined && run.completedAt === undefined
    ? <Duration since={run.startedAt} />
    : <Duration ms={run.durationMs} />;
}
