import { Link, LinkButton } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect, useRef, useState } from 'react';
import type { Problem, RunDetail } from '../../api/own';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { Balance } from '../../components/Balance';
import { Facts } from '../../components/Facts';
import { bytes, count, duration, exactTime } from '../../components/format';
import { Count, Duration } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { t } from '../../messages/run';
import { ProblemBox } from './ProblemBox';
import { ProgressOf } from './ProgressOf';
import { Stages } from './Stages';
import { windowOf } from './window';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const line = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 4, font: 'ui', alignItems: 'center' });
const unseen = style({ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: '[inset(50%)]' });
const quiet = style({ font: 'body-sm', margin: 0 });

const ROWS_FAILED = 'INGEST-1212-400';

interface Props {
  readonly detail: RunDetail;
  readonly onRetry: () => void;
  /** Where the dataflow can be run by hand. */
  readonly onRun: (() => void) | undefined;
}

/** When, how it ended, why, what to do, and whether the numbers add up: before any tab is opened. */
export function Summary({ detail, onRetry, onRun }: Props) {
  const { run, balance, attempts, files, sizes, dataset, version, source, window, explain } = detail;
  const [url] = useUrl();
  const here = (tab: string) => to.run(run.id, { ...url, tab });
  const last = attempts.at(-1);
  const hasStored = run.status === 'success' || run.status === 'partial';
  const table = dataset === undefined || !hasStored ? undefined : to.dataset(dataset.id, { version });
  const isRunning = run.status === 'inProgress';
  // Where rows were stored, how many comes first; else why none were.
  const numbers = (
    <Balance
      {...balance}
      hrefs={{ received: here('files'), failed: here('rows'), ...(table !== undefined && { ingested: table }) }}
    />
  );
  return (
    <div className={column}>
      <div className={line}>
        <Times run={run} />
        {last !== undefined && <span>{t('attempt', { attempt: last.number })}</span>}
      </div>
      <Fell status={run.status} />
      {hasStored && numbers}
      {told(detail.problems).map((problem, i) => (
        <ProblemBox key={`${problem.code}/${String(i)}`} problem={problem} detail={detail} onRetry={onRetry} onRun={onRun} />
      ))}
      {run.status === 'failed' && !detail.retriable && explain.retry !== undefined && <p className={quiet}>{explain.retry}</p>}
      {isRunning && detail.progress !== undefined && <ProgressOf progress={detail.progress} />}
      {!hasStored && numbers}
      <Facts
        of={[
          [t('dataset'), dataset && <Link key="dataset" href={to.dataset(dataset.id)}><Verbatim>{dataset.name}</Verbatim></Link>],
          [t('account'), source && <Link key="account" href={to.account(source.connection.id)}><Verbatim>{source.connection.name}</Verbatim></Link>],
          [hasStored ? t('filesInOut') : t('filesTaken'), `${known(files.input, count)} / ${known(files.output, count)}`],
          [hasStored ? t('sizes') : t('sizesTaken'), `${known(sizes.input, bytes)} / ${known(sizes.output, bytes)}`],
          [t('window'), windowOf(window)],
          [t('warned'), balance.warned > 0 ? <Count key="warned" value={balance.warned} /> : undefined],
          [t('worker'), last?.worker],
          [t('batch'), detail.batch],
        ]}
      />
      {table !== undefined && (
        <div><LinkButton variant="secondary" href={table}>{version === undefined ? t('seeTable') : t('seeVersion', { version })}</LinkButton></div>
      )}
      <Stages detail={detail} />
    </div>
  );
}

/** The general one, that rows failed, only where none tells why: the balance has the number. */
function told(problems: readonly Problem[]): readonly Problem[] {
  const own = problems.filter(({ code }) => code !== ROWS_FAILED);
  return own.some(({ records = 0 }) => records > 0) ? own : problems;
}

/** Numbers that are not known are −1 in Flow Service. */
function known(value: number, format: (value: number) => string): string {
  return value < 0 ? '–' : format(value);
}

function Times({ run }: { readonly run: RunDetail['run'] }) {
  const { at, startedAt, completedAt, durationMs } = run;
  if (startedAt === undefined) return <span>{t('notStarted', { time: exactTime(at) })}</span>;
  if (completedAt === undefined) return <span>{t('timesOpen', { from: exactTime(startedAt) })} · <Duration since={startedAt} /></span>;
  return <span>{t('times', { from: exactTime(startedAt), to: exactTime(completedAt), took: duration(durationMs ?? completedAt - startedAt) })}</span>;
}

/** Says once, and at once, that the run that is watched has failed. */
function Fell({ status }: { readonly status: string }) {
  const before = useRef(status);
  const [hasFallen, setFallen] = useState(false);
  useEffect(() => {
    if (before.current !== status && status === 'failed') setFallen(true);
    before.current = status;
  }, [status]);
  return <div role="alert" className={unseen}>{hasFallen ? t('failedSaid') : ''}</div>;
}
