import { ActionMenu, Button, MenuItem } from '@react-spectrum/s2';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useLive } from '../../api/live';
import { type FlowRow, own } from '../../api/own';
import { to } from '../../app/links';
import { useShortcut } from '../../app/shortcuts';
import { CopyAs } from '../../components/CopyAs';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Status } from '../../components/Status';
import { flowCall } from '../../flows/actions';
import { type FlowAction, useFlowActions } from '../../flows/useFlowActions';
import { t } from '../../messages/flow';
import { OverviewTab } from './OverviewTab';

const MappingTab = lazy(() => import('./MappingTab'));
const RunsTab = lazy(() => import('./RunsTab'));
const SchemaTab = lazy(() => import('./SchemaTab'));
const SettingsTab = lazy(() => import('./SettingsTab'));
const TimelineTab = lazy(() => import('./TimelineTab'));
const YamlTab = lazy(() => import('./YamlTab'));

const above = () => [{ title: t('flows'), href: to.flows() }];

export default function FlowPage() {
  const { id = '' } = useParams({ strict: false });
  useLive(['flow', 'run', 'connection', 'sourceConnection', 'targetConnection', 'mappingSet', 'schema']);
  const query = useQuery(own<FlowRow>(`/flows/${id}`));
  const flow = query.data;
  // No heading while nothing is known: it takes the focus when the page is there.
  if (query.isPending) return <Query query={query} lines={10}>{() => null}</Query>;
  if (flow !== undefined) return <Shown flow={flow} key={id}><Query query={query}>{() => null}</Query></Shown>;
  return <Page title={t('title')} breadcrumbs={above()}><Query query={query}>{() => null}</Query></Page>;
}

/** A dataflow that is known; `children` say when what is shown is old. */
function Shown({ flow, children }: { readonly flow: FlowRow; readonly children: ReactNode }) {
  const [dialog, act] = useFlowActions();
  const start = (action: FlowAction) => () => act(flow, action);
  const isDraft = flow.state === 'draft';
  const toggle = flow.state === 'enabled' ? 'disable' : 'enable';
  useShortcut('r', t('run'), start('run'), !isDraft);
  useShortcut('e', t('editShortcut'), start('edit'));
  useShortcut('l', t('logShortcut'), start('log'));
  return (
    <Page
      title={flow.name}
      breadcrumbs={above()}
      status={<Status state={flow.health} />}
      actions={
        <>
          <CopyAs call={flowCall(flow.id, flow.name)} />
          <ActionMenu aria-label={t('more')} onAction={(key) => act(flow, key as FlowAction)}>
            <MenuItem id="clone">{t('clone')}</MenuItem>
            <MenuItem id="export">{t('export')}</MenuItem>
            <MenuItem id="delete">{t('delete')}</MenuItem>
          </ActionMenu>
          {isDraft && <Button variant="accent" onPress={start('publish')}>{t('publish')}</Button>}
          {!isDraft && <Button variant="secondary" onPress={start(toggle)}>{t(toggle)}</Button>}
          {!isDraft && <Button variant="accent" isDisabled={flow.state === 'disabled'} onPress={start('run')}>{t('run')}</Button>}
        </>
      }
      tabs={[
        { id: 'overview', title: t('overview'), content: <OverviewTab flow={flow} /> },
        { id: 'runs', title: t('runs'), content: lazily(<RunsTab flow={flow} />) },
        { id: 'timeline', title: t('timeline'), content: lazily(<TimelineTab flow={flow} />) },
        { id: 'schema', title: t('schema'), content: lazily(<SchemaTab flow={flow} />) },
        { id: 'mapping', title: t('mapping'), content: lazily(<MappingTab flow={flow} />) },
        { id: 'settings', title: t('settings'), content: lazily(<SettingsTab flow={flow} />) },
        { id: 'yaml', title: t('yaml'), content: lazily(<YamlTab flow={flow} />) },
      ]}
    >
      {children}
      {dialog}
    </Page>
  );
}

function lazily(content: ReactNode): ReactNode {
  return <Suspense fallback={<Skeleton />}>{content}</Suspense>;
}
