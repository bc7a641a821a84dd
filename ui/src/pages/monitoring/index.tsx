import { Link, LinkButton, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo } from 'react';
import { useLive } from '../../api/live';
import { type FlowRow, type Flows, OWN, own, type Overview, type RunRow } from '../../api/own';
import { useNow } from '../../app/clock';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { type Range, useRange } from '../../app/range';
import { may, useSession } from '../../app/session';
import { useShortcut } from '../../app/shortcuts';
import { CopyAs } from '../../components/CopyAs';
import { count } from '../../components/format';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Verbatim } from '../../components/Verbatim';
import { Pending } from '../../components/Pending';
import { RangePicker } from '../../flows/RangePicker';
import { t } from '../../messages/monitoring';
import { Charts } from './Charts';
import { narrowed } from './narrowed';
import { buckets, MOST, runsIn } from './runs';

const Codes = lazy(() => import('./Codes'));
const Queue = lazy(() => import('./Queue'));
const Tables = lazy(() => import('./Tables'));
const Times = lazy(() => import('./Times'));

const HOUR = 3_600_000;
/** Hours that the server's series reaches back. */
const REACH = 744;
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 8, alignItems: 'center' });
const trail = style({ display: 'flex', flexWrap: 'wrap', columnGap: 8, rowGap: 4, font: 'ui', listStyleType: 'none', margin: 0, padding: 0 });
const current = style({ fontWeight: 'bold' });
const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });

export default function MonitoringPage() {
  const isHeld = useLive(['run', 'flow']) === 'paused';
  const range = useRange();
  const session = useSession();
  const [url] = useUrl();
  const flow = typeof url.flow === 'string' ? url.flow : undefined;
  useShortcut('[', t('earlier'), () => range.shift(-1));
  useShortcut(']', t('later'), () => range.shift(1), range.name === undefined);
  const flows = useQuery(own<Flows>('/flows', { limit: 1000 }));
  const runs = useQuery({ ...runsIn(range.from, range.to, flow), refetchInterval: isHeld ? false : 15_000 });
  return (
    <Page
      title={t('title')}
      actions={
        <>
          <RangePicker range={range} />
          <Suspense fallback={<Pending />}><Times range={range} /></Suspense>
          <CopyAs call={{ method: 'GET', path: `${OWN}/runs`, query: { from: range.from, to: range.to, limit: 1000, ...(flow !== undefined && { flow }) } }} />
        </>
      }
    >
      <Query
        query={flows}
        lines={8}
        isEmpty={({ items }) => items.length === 0}
        empty={{ title: t('noRuns'), text: t('noRunsText'), action: <LinkButton variant="accent" href={to.flows()}>{t('seeFlows')}</LinkButton> }}
      >
        {({ items }) => (
          <Query query={runs} lines={8} partial={({ isWhole }) => (isWhole ? undefined : t('tooMany', { count: count(MOST) }))}>
            {(data) => <Shown flows={items} runs={data.runs} isWhole={data.isWhole} range={range} />}
          </Query>
        )}
      </Query>
      {may(session, 'AuditLog', 'read') && <Suspense fallback={<Pending />}><Queue isHeld={isHeld} /></Suspense>}
      <span><Link href="/metrics">{t('readMetrics')}</Link></span>
    </Page>
  );
}

interface Props {
  readonly flows: readonly FlowRow[];
  readonly runs: readonly RunRow[];
  readonly isWhole: boolean;
  readonly range: Range;
}

/** Charts and table of what is narrowed down to: all sources, the flows of one, or the runs of a flow. */
function Shown({ flows, runs, isWhole, range }: Props) {
  const [url, setUrl] = useUrl();
  const flow = flows.find(({ id }) => id === url.flow);
  const source = flow?.source.spec ?? flows.find((one) => one.source.spec.id === url.source)?.source.spec;
  const members = useMemo(
    () => (flow !== undefined ? [flow] : source === undefined ? flows : flows.filter((one) => one.source.spec.id === source.id)),
    [flows, flow, source],
  );
  const theirs = useMemo(() => {
    const ids = new Set(members.map(({ id }) => id));
    return members.length === flows.length ? runs : runs.filter((run) => ids.has(run.flow.id));
  }, [members, flows.length, runs]);
  return (
    <div className={column}>
      <nav aria-label={t('path')}>
        <ol className={trail}>
          <li>{source === undefined ? <span className={current} aria-current="page">{t('all')}</span> : <Link href={narrowed(url, {})}>{t('all')}</Link>}</li>
          {source !== undefined && (
            <li>{'› '}{flow === undefined ? <span className={current} aria-current="page">{source.title}</span> : <Link href={narrowed(url, { source: source.id })}>{source.title}</Link>}</li>
          )}
          {flow !== undefined && <li>{'› '}<span className={current} aria-current="page"><Verbatim>{flow.name}</Verbatim></span></li>}
        </ol>
      </nav>
      {isWhole || source !== undefined ? <FromRuns runs={theirs} range={range} /> : <FromSeries range={range} />}
      <div className={bar}>
        <Picker label={t('view')} value={url.view === 'codes' ? 'codes' : 'place'} onChange={(key) => setUrl({ view: key === 'codes' ? 'codes' : undefined })}>
          <PickerItem id="place">{t('byPlace')}</PickerItem>
          <PickerItem id="codes">{t('byCode')}</PickerItem>
        </Picker>
      </div>
      <Suspense fallback={<Skeleton lines={6} />}>
        {url.view === 'codes' ? <Codes runs={theirs} /> : <Tables flows={members} runs={theirs} flow={flow} isSources={source === undefined} />}
      </Suspense>
    </div>
  );
}

function FromRuns({ runs, range }: { readonly runs: readonly RunRow[]; readonly range: Range }) {
  const { from, to: until } = range;
  const points = useMemo(() => buckets(runs, from, until), [runs, from, until]);
  return <Charts points={points} range={range} />;
}

/** When there are more runs than are read, the server's own sums are whole. */
function FromSeries({ range }: { readonly range: Range }) {
  const { from, to: until } = range;
  const back = useNow() - from;
  const query = useQuery(own<Overview>('/overview', { hours: Math.min(REACH, Math.ceil(back / HOUR)) }));
  const series = query.data?.series;
  const points = useMemo(() => (series ?? []).filter(({ at }) => at > from - HOUR && at <= until), [series, from, until]);
  return (
    <Query query={query} lines={5} {...(back > (REACH + 1) * HOUR && { partial: () => t('tooOld') })}>
      {() => <Charts points={points} range={range} />}
    </Query>
  );
}
