import { Link, LinkButton } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { useLive } from '../../api/live';
import { type Bucket, type Overview, OWN, own } from '../../api/own';
import { to } from '../../app/links';
import { type Range, useRange } from '../../app/range';
import { useShortcut } from '../../app/shortcuts';
import { CopyAs } from '../../components/CopyAs';
import { count, exactTime } from '../../components/format';
import { rowsOf, runsOf } from '../../components/nouns';
import { Page } from '../../components/Page';
import { Empty, Query } from '../../components/States';
import { TimeChart } from '../../components/TimeChart';
import { Count, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { Pending } from '../../components/Pending';
import { Needs } from '../../flows/Needs';
import { RangePicker } from '../../flows/RangePicker';
import { RunList } from '../../flows/RunList';
import { t } from '../../messages/home';
import { drafts } from '../../wizard/drafts';

const Drafts = lazy(() => import('../../wizard/Drafts'));

const HOUR = 3_600_000;
const MOST_HOURS = 744;

const sections = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const card = style({
  display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0, padding: 16, borderRadius: 'lg', borderWidth: 1, borderStyle: 'solid',
  borderColor: { default: 'gray-300', isCalling: 'negative' },
});
const h2 = style({ font: 'title-lg', margin: 0 });
const quiet = style({ font: 'body', color: 'neutral-subdued', margin: 0 });
const tiles = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexWrap: 'wrap', gap: 8 });
const tile = style({
  display: 'flex', flexDirection: 'column', rowGap: 2, paddingX: 16, paddingY: 8, minWidth: 64, borderRadius: 'default', font: 'ui',
  borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300',
});
const big = style({ font: 'title-xl' });
const line = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 4, font: 'ui' });

export default function HomePage() {
  useLive(['run', 'flow', 'connection', 'draft', 'schema']);
  const range = useRange();
  const hours = Math.min(MOST_HOURS, Math.max(1, Math.ceil((Math.ceil(Date.now() / HOUR) * HOUR - range.from) / HOUR)));
  const query = useQuery({ ...own<Overview>('/overview', { hours }), placeholderData: keepPreviousData });
  // Without them the page still says how all the others are.
  const { data: begun = [] } = useQuery(drafts());
  useShortcut('[', t('earlier'), () => range.shift(-1));
  useShortcut(']', t('later'), () => range.shift(1));
  return (
    <Page
      title={t('title')}
      actions={
        <>
          <RangePicker range={range} />
          <CopyAs call={{ method: 'GET', path: `${OWN}/overview`, query: { hours }, cli: 'forebay flows list' }} />
        </>
      }
    >
      {begun.length > 0 && query.data !== undefined && isEmpty(query.data) && <Suspense fallback={<Pending />}><Drafts /></Suspense>}
      <Query
        query={query}
        isEmpty={isEmpty}
        empty={{
          title: t('emptyTitle'),
          text: t('emptyText'),
          action: <LinkButton variant="accent" href={to.sources()}>{t('emptyAction')}</LinkButton>,
          link: <Link href="/docs/concepts.html">{t('emptyLink')}</Link>,
        }}
      >
        {(overview) => <Content overview={overview} begun={begun.length} range={range} />}
      </Query>
    </Page>
  );
}

function isEmpty({ counts, recent }: Overview): boolean {
  return counts.total === 0 && recent.length === 0;
}

function Content({ overview, begun, range }: { readonly overview: Overview; readonly begun: number; readonly range: Range }) {
  const { needsAction, counts, next, recent } = overview;
  return (
    <div className={sections}>
      <section className={card({ isCalling: needsAction.some((need) => need.severity === 'error') })} aria-labelledby="needs">
        <h2 id="needs" className={h2}>{t('needs')} {needsAction.length > 0 && <Count value={needsAction.length} />}</h2>
        {needsAction.length === 0 ? <p className={quiet}>{t('nothingNeeded')}</p> : <Needs needs={needsAction} label={t('needs')} />}
      </section>
      <nav aria-label={t('counts')}>
        <ul className={tiles}>
          {(['failing', 'late', 'running', 'healthy', 'paused'] as const).map((health) => (
            <Tile key={health} value={counts[health]} href={to.flows({ health })}>{t(health)}</Tile>
          ))}
          <Tile value={counts.drafts + begun} href={to.flows({ health: 'draft' })}>{t('drafts')}</Tile>
          <Tile value={counts.total} href={to.flows()}>{t('total')}</Tile>
        </ul>
      </nav>
      {begun > 0 && <Suspense fallback={<Pending />}><Drafts /></Suspense>}
      {counts.drafts > 0 && <Link href={to.flows({ health: 'draft' })}>{t('unpublished', { count: counts.drafts })}</Link>}
      <section className={section} aria-label={t('rows')}><Rows series={overview.series} range={range} /></section>
      <section className={section} aria-labelledby="next">
        <h2 id="next" className={h2}>{t('next')}</h2>
        {next.length === 0 ? <p className={quiet}>{t('noNext')}</p> : (
          <ul className={line}>
            {next.map(({ flow, at }) => (
              <li key={flow.id}><Link href={to.flow(flow.id)}><Verbatim>{flow.name}</Verbatim></Link> <Time at={at} /></li>
            ))}
          </ul>
        )}
      </section>
      <section className={section} aria-labelledby="recent">
        <h2 id="recent" className={h2}>{t('recent')}</h2>
        {recent.length === 0
          ? <Empty title={t('noRecent')} text={t('noRecentText')} />
          : <RunList label={t('recent')} runs={recent} hasFlows />}
      </section>
    </div>
  );
}

function Tile({ value, href, children }: { readonly value: number; readonly href: string; readonly children: ReactNode }) {
  return (
    <li className={tile}>
      <span className={big}><Count value={value} /></span>
      <Link href={href}>{children}</Link>
    </li>
  );
}

function Rows({ series, range }: { readonly series: readonly Bucket[]; readonly range: Range }) {
  const { from, to: until } = range;
  const shown = useMemo(() => series.filter(({ at }) => at + HOUR > from && at < until), [series, from, until]);
  const times = useMemo(() => shown.map((one) => one.at), [shown]);
  const lines = useMemo(() => [
    { label: t('ingested'), values: shown.map((one) => one.ingested) },
    { label: t('failed'), values: shown.map((one) => one.failed), tone: 'bad' as const },
    { label: t('skipped'), values: shown.map((one) => one.skipped), tone: 'quiet' as const },
  ], [shown]);
  const sum = (member: 'ingested' | 'failed' | 'runs' | 'received') => shown.reduce((total, one) => total + one[member], 0);
  const [ingested, failed, received] = [sum('ingested'), sum('failed'), sum('received')];
  const peak = shown.reduce<Bucket | undefined>((most, one) => (most === undefined || one.ingested > most.ingested ? one : most), undefined);
  const summary = received === 0 || peak === undefined ? t('rowsNone') : t('rowsSummary', {
    ingested: rowsOf(ingested), failed: count(failed), runs: runsOf(sum('runs')), peak: exactTime(peak.at),
    share: `${((failed / received) * 100).toPrecision(2)} %`,
  });
  return (
    <TimeChart
      title={t('rows')}
      summary={summary}
      times={times}
      series={lines}
      onRange={range.between}
    />
  );
}
