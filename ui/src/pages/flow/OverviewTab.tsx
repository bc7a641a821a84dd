import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { type FlowRow, own, type RunRow, type Runs } from '../../api/own';
import { to } from '../../app/links';
import { By } from '../../components/By';
import { Facts } from '../../components/Facts';
import { count, duration } from '../../components/format';
import { rowsOf } from '../../components/nouns';
import { RunBars } from '../../components/RunBars';
import { Query } from '../../components/States';
import { TimeChart } from '../../components/TimeChart';
import { Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { Needs } from '../../flows/Needs';
import { t } from '../../messages/flow';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });
const sentence = style({ font: 'body-lg', margin: 0 });
const card = style({ padding: 16, borderRadius: 'lg', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', minWidth: 0 });
const h2 = style({ font: 'title', margin: 0 });
const charts = style({ display: 'grid', gridTemplateColumns: { default: '[minmax(0, 1fr)]', xl: '[repeat(3, minmax(0, 1fr))]' }, gap: 24, minWidth: 0 });

/** Is it healthy, what happened last, what should I do. */
export function OverviewTab({ flow }: { readonly flow: FlowRow }) {
  const { source, target, schedule, freshness } = flow;
  const runs = useQuery(own<Runs>('/runs', { flow: flow.id, limit: 100 }));
  return (
    <div className={column}>
      <p className={sentence}>
        {freshness.text} {t('runsBy', { text: schedule.text })} <Verbatim>{flow.description}</Verbatim>
      </p>
      {flow.needs.length > 0 && (
        <section className={card} aria-labelledby="needs">
          <h2 id="needs" className={h2}>{t('needs')}</h2>
          <Needs needs={flow.needs} label={t('needs')} />
        </section>
      )}
      <Facts
        of={[
          [t('source'), <><Link key="account" href={to.account(source.connection.id)}><Verbatim>{source.connection.name}</Verbatim></Link> · {source.spec.title} · <Verbatim>{source.what}</Verbatim></>],
          [t('target'), <Link key="dataset" href={to.dataset(target.dataset.id)}><Verbatim>{target.dataset.name}</Verbatim></Link>],
          [t('lastSuccess'), <Time key="last" at={freshness.lastSuccessAt} />],
          [t('nextRun'), freshness.nextRunAt === undefined ? undefined : <Time key="next" at={freshness.nextRunAt} />],
          [t('owner'), <By key="owner" account={flow.createdBy} />],
          [t('created'), <Time key="created" at={flow.createdAt} />],
          [t('changed'), <Time key="changed" at={flow.updatedAt} />],
          [t('lastRuns'), <RunBars key="runs" runs={flow.last} />],
        ]}
      />
      <Query
        query={runs}
        isEmpty={({ items }) => items.length === 0}
        empty={{ title: t('noRunsTitle'), text: t('noRunsText') }}
      >
        {({ items }) => <Charts runs={items} />}
      </Query>
    </div>
  );
}

function Charts({ runs }: { readonly runs: readonly RunRow[] }) {
  const { times, rows, durations, failures, last } = useMemo(() => linesOf(runs), [runs]);
  const summary = t('chartSummary', {
    count: times.length, took: last?.durationMs === undefined ? '–' : duration(last.durationMs), rows: rowsOf(last?.ingested ?? 0), failed: count(last?.failed ?? 0),
  });
  return (
    <div className={charts}>
      <TimeChart group="flow" title={t('chartRows')} summary={summary} times={times} series={rows} />
      <TimeChart group="flow" title={t('chartDuration')} summary={summary} times={times} series={durations} />
      <TimeChart group="flow" title={t('chartFailed')} summary={summary} times={times} series={failures} />
    </div>
  );
}

function linesOf(runs: readonly RunRow[]) {
  const shown = runs.filter((run) => run.startedAt !== undefined).sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
  const times = shown.map((run) => run.startedAt ?? 0);
  return {
    times,
    rows: [{ label: t('ingested'), values: shown.map((run) => run.ingested) }],
    durations: [{ label: t('seconds'), values: shown.map((run) => run.durationMs ?? null), format: duration }],
    failures: [{ label: t('failed'), values: shown.map((run) => run.failed), tone: 'bad' as const }],
    last: shown.at(-1),
  };
}
