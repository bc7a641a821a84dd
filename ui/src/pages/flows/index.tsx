import { ActionMenu, Link, LinkButton, MenuItem, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo } from 'react';
import { useLive } from '../../api/live';
import { type FlowRow, type Flows, OWN, own } from '../../api/own';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useShortcut } from '../../app/shortcuts';
import { By } from '../../components/By';
import { CopyAs } from '../../components/CopyAs';
import { type ColumnOf, focusedRow, List } from '../../components/List';
import { Page } from '../../components/Page';
import { RunBars } from '../../components/RunBars';
import { Query } from '../../components/States';
import { Status, stateWord } from '../../components/Status';
import { Count, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { Pending } from '../../components/Pending';
import { manifest } from '../../flows/actions';
import { type FlowAction, useFlowActions } from '../../flows/useFlowActions';
import { t } from '../../messages/flows';
import { ViewMenu } from './ViewMenu';

const Drafts = lazy(() => import('../../wizard/Drafts'));
const BulkBar = lazy(() => import('./BulkBar'));
const healths = ['failing', 'late', 'running', 'healthy', 'paused', 'new', 'done', 'draft'] as const;
const controls = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });

export default function FlowsPage() {
  useLive(['flow', 'run', 'connection']);
  const query = useQuery(own<Flows>('/flows', { limit: 1000 }));
  return (
    <Page
      title={t('title')}
      actions={
        <>
          <ViewMenu />
          <CopyAs call={{ method: 'GET', path: `${OWN}/flows`, query: { limit: 1000 }, cli: 'forebay flows list', yaml: () => manifest((query.data?.items ?? []).map(({ id }) => id)) }} />
          <LinkButton variant="accent" href={to.sources()}>{t('add')}</LinkButton>
        </>
      }
    >
      <Suspense fallback={<Pending />}><Drafts /></Suspense>
      <Query
        query={query}
        lines={12}
        isEmpty={({ items }) => items.length === 0}
        empty={{
          title: t('emptyTitle'), text: t('emptyText'),
          action: <LinkButton variant="accent" href={to.sources()}>{t('emptyAction')}</LinkButton>,
          link: <Link href="/docs/concepts.html">{t('emptyLink')}</Link>,
        }}
      >
        {({ items }) => <Table flows={items} />}
      </Query>
    </Page>
  );
}

function Table({ flows }: { readonly flows: readonly FlowRow[] }) {
  const [{ health, source }, setUrl] = useUrl();
  const [dialog, act] = useFlowActions();
  const sources = useMemo(() => [...new Map(flows.map((flow) => [flow.source.spec.name, flow.source.spec.title])).entries()], [flows]);
  const shown = useMemo(
    () => flows.filter((flow) => (health === undefined || flow.health === health || (health === 'healthy' && ['new', 'done'].includes(flow.health))) && (source === undefined || flow.source.spec.name === source)),
    [flows, health, source],
  );
  const columns = useMemo(() => columnsOf(act), [act]);
  const focused = (action: FlowAction) => () => {
    const flow = flows.find(({ id }) => id === focusedRow()?.dataset.key);
    if (flow !== undefined) act(flow, action);
  };
  useShortcut('r', t('run'), focused('run'));
  useShortcut('e', t('edit'), focused('edit'));
  useShortcut('l', t('log'), focused('log'));
  useShortcut('.', t('rowMenu'), () => focusedRow()?.querySelector<HTMLElement>('[aria-haspopup]')?.click());
  return (
    <>
      <List
        label={t('title')}
        items={shown}
        id={({ id }) => id}
        columns={columns}
        text={textOf}
        href={({ id }) => to.flow(id)}
        controls={
          <div className={controls}>
            <Picker label={t('healthFilter')} value={health === undefined ? 'any' : String(health)} onChange={(key) => setUrl({ health: key === 'any' ? undefined : String(key) })}>
              {[<PickerItem key="any" id="any">{t('any')}</PickerItem>, ...healths.map((one) => <PickerItem key={one} id={one}>{stateWord(one)}</PickerItem>)]}
            </Picker>
            <Picker label={t('sourceFilter')} value={source === undefined ? 'any' : String(source)} onChange={(key) => setUrl({ source: key === 'any' ? undefined : String(key) })}>
              {[<PickerItem key="any" id="any">{t('any')}</PickerItem>, ...sources.map(([name, title]) => <PickerItem key={name} id={name}>{title}</PickerItem>)]}
            </Picker>
          </div>
        }
        actionBar={(selected) => (selected.size === 0 ? <></> : <Suspense fallback={<Pending />}><BulkBar flows={flows} selected={selected} /></Suspense>)}
      />
      {dialog}
    </>
  );
}

function textOf({ name, source, target, createdBy, tags = [], health }: FlowRow): string {
  return [name, source.spec.title, source.connection.name, source.what, target.dataset.name, createdBy, stateWord(health), ...tags].join(' ');
}

function columnsOf(act: (flow: FlowRow, action: FlowAction) => void): readonly ColumnOf<FlowRow>[] {
  return [
    { id: 'name', title: t('name'), minWidth: 176, cell: ({ name }) => name, value: ({ name }) => name },
    { id: 'actions', title: t('actions'), width: 88, minWidth: 88, cell: (flow) => <Actions flow={flow} act={act} /> },
    // Sorted by how much it needs somebody.
    { id: 'health', title: t('health'), minWidth: 104, cell: (flow) => <Status state={flow.health} />, value: (flow) => healths.indexOf(flow.health) },
    { id: 'freshness', title: t('freshness'), minWidth: 208, isLong: true, cell: ({ freshness }) => <span title={freshness.text}>{freshness.text}</span>, value: ({ freshness }) => freshness.lastSuccessAt },
    { id: 'last', title: t('last'), minWidth: 216, cell: ({ last }) => <RunBars runs={last} /> },
    { id: 'rows', title: t('rows'), minWidth: 128, align: 'end', cell: ({ totals }) => <Count value={totals.rowsLastRun} />, value: ({ totals }) => totals.rowsLastRun },
    { id: 'failed', title: t('failed'), minWidth: 80, align: 'end', cell: ({ totals }) => <Count value={totals.failedLastRun} />, value: ({ totals }) => totals.failedLastRun },
    { id: 'path', title: t('path'), minWidth: 240, isLong: true, cell: (flow) => <span title={visible(pathOf(flow))}><Path of={flow} /></span>, value: pathOf },
    { id: 'next', title: t('next'), minWidth: 96, cell: ({ freshness: { nextRunAt } }) => (nextRunAt === undefined ? t('noNext') : <Time at={nextRunAt} isQuiet />), value: ({ freshness }) => freshness.nextRunAt },
    { id: 'owner', title: t('owner'), minWidth: 112, cell: ({ createdBy }) => <By account={createdBy} />, value: ({ createdBy }) => createdBy },
  ];
}

function pathOf({ source, target }: FlowRow): string {
  return `${source.connection.name} ${source.what} → ${target.dataset.name}`;
}

function Path({ of: { source, target } }: { readonly of: FlowRow }) {
  return <><Verbatim>{source.connection.name}</Verbatim> <Verbatim>{source.what}</Verbatim> → <Verbatim>{target.dataset.name}</Verbatim></>;
}

function Actions({ flow, act }: { readonly flow: FlowRow; readonly act: (flow: FlowRow, action: FlowAction) => void }) {
  return (
    <ActionMenu aria-label={t('actionsOf', { name: flow.name })} isQuiet onAction={(key) => act(flow, key as FlowAction)}>
      {([...(flow.state === 'draft' ? ['open', 'publish'] : ['open', 'run', flow.state === 'enabled' ? 'disable' : 'enable']), 'edit', 'log', 'clone', 'export', 'delete'] as FlowAction[])
        .map((action) => <MenuItem key={action} id={action}>{t(action)}</MenuItem>)}
    </ActionMenu>
  );
}
