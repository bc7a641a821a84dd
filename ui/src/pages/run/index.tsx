import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useLive } from '../../api/live';
import { type FlowRow, own, type RunDetail } from '../../api/own';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useShortcut } from '../../app/shortcuts';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { exactTime } from '../../components/format';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { cancelRun, replayRun, retryRun, runCall } from '../../flows/actions';
import { useFlowActions } from '../../flows/useFlowActions';
import { t } from '../../messages/run';
import { Summary } from './Summary';
import { windowOf } from './window';

const ConfigTab = lazy(() => import('./ConfigTab'));
const FilesTab = lazy(() => import('./FilesTab'));
const LogTab = lazy(() => import('./LogTab'));
const MetricsTab = lazy(() => import('./MetricsTab'));
const RowsTab = lazy(() => import('./RowsTab'));
const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });

export default function RunPage() {
  const { id = '' } = useParams({ strict: false });
  useLive(['run', 'flow']);
  const query = useQuery(own<RunDetail>(`/runs/${id}`));
  const detail = query.data;
  // No heading while nothing is known: it takes the focus when the page is there.
  if (query.isPending) return <Query query={query} lines={10}>{() => null}</Query>;
  if (detail !== undefined) return <Shown detail={detail} key={id}><Query query={query}>{() => null}</Query></Shown>;
  return (
    <Page title={t('title')} breadcrumbs={[{ title: t('flows'), href: to.flows() }]}>
      <Query query={query}>{() => null}</Query>
    </Page>
  );
}

type Action = 'retry' | 'replay' | 'cancel';

/** A run that is known; `children` say when what is shown is old. */
function Shown({ detail, children }: { readonly detail: RunDetail; readonly children: ReactNode }) {
  const { run, flow, files } = detail;
  const hasFailed = run.status === 'failed' || run.status === 'cancelled';
  // Only a run that failed needs to know what else would take its data.
  const { data: now } = useQuery({ ...own<FlowRow>(`/flows/${flow.id}`), enabled: hasFailed });
  const [runDialog, act] = useFlowActions();
  const runNow = now?.state === 'enabled' && now.schedule.frequency === 'once' ? () => act(now, 'run') : undefined;
  const [dialog, ask] = useActions(detail, now, runNow);
  const go = useGo();
  const [, setUrl] = useUrl();
  const isLive = run.status === 'inProgress' || run.status === 'pending';
  useShortcut('r', t('retry'), () => ask('retry'), detail.retriable);
  useShortcut('l', t('logShortcut'), () => setUrl({ tab: 'log' }));
  useShortcut('e', t('editShortcut'), () => go(to.flow(flow.id, { tab: 'settings' })));
  return (
    <Page
      title={t('titleOf', { number: run.number, flow: flow.name })}
      breadcrumbs={[{ title: t('flows'), href: to.flows() }, { title: flow.name, href: to.flow(flow.id) }]}
      status={<Status state={run.status} />}
      actions={
        <>
          <CopyAs call={runCall(run.id)} />
          {detail.replayable && <Button variant="secondary" onPress={() => ask('replay')}>{t('replay')}</Button>}
          {detail.cancellable && <Button variant="secondary" onPress={() => ask('cancel')}>{t('cancel')}</Button>}
          {runNow !== undefined && <Button variant="secondary" onPress={runNow}>{t('runNow')}</Button>}
          {detail.retriable && <Button variant="accent" onPress={() => ask('retry')}>{t('retry')}</Button>}
        </>
      }
      tabs={[
        { id: 'files', title: files.input > 0 ? t('filesCount', { count: files.input }) : t('files'), content: lazily(<FilesTab detail={detail} />) },
        { id: 'rows', title: run.failed > 0 ? t('rowsCount', { count: run.failed }) : t('rows'), content: lazily(<RowsTab run={run} />) },
        { id: 'log', title: t('log'), content: lazily(<LogTab id={run.id} isLive={isLive} />) },
        { id: 'config', title: t('config'), content: lazily(<ConfigTab detail={detail} />) },
        { id: 'metrics', title: t('metrics'), content: lazily(<MetricsTab detail={detail} />) },
      ]}
    >
      <div className={column}>
        {children}
        <Summary detail={detail} onRetry={() => ask('retry')} onRun={runNow} />
        {dialog}
        {runDialog}
      </div>
    </Page>
  );
}

function useActions({ run, flow, files, window }: RunDetail, now: FlowRow | undefined, runNow: (() => void) | undefined): readonly [ReactNode, (action: Action) => void] {
  const [dialog, ask] = useConfirm();
  const go = useGo();
  const { id, number } = run;
  const named = { number, flow: flow.name };
  const questions = {
    retry: {
      title: t('retryTitle', named),
      consequence: (
        <>
          <span>{window.to == null ? t('retryText') : t('retryWindow', { window: windowOf(window) ?? '' })}</span>
          {files.input > 0 && <span>{t('retryFiles')}</span>}
          {files.input > 0 && now !== undefined && <span>{runNow !== undefined ? t('mendedNow') : t('mendedNext', { when: exactTime(now.freshness.nextRunAt) })}</span>}
        </>
      ),
      action: t('retry'), other: files.input > 0 && runNow !== undefined ? { action: t('runNow'), onPress: runNow } : undefined,
      onConfirm: async () => {
        await retryRun(id);
        toast.done(t('retried'));
      },
    },
    replay: {
      title: t('replayTitle', named), consequence: t('replayText'), action: t('replay'),
      onConfirm: async () => {
        const replay = await replayRun(id);
        toast.done(t('replayed'));
        go(to.run(replay.id));
      },
    },
    cancel: {
      title: t('cancelTitle', named), consequence: t('cancelText'), action: t('cancel'), isDestructive: true, dismiss: t('keepRunning'),
      onConfirm: async () => {
        await cancelRun(id);
        toast.done(t('cancelled'));
      },
    },
  } as const;
  return [dialog, (action) => ask(questions[action])];
}

function lazily(content: ReactNode): ReactNode {
  return <Suspense fallback={<Skeleton />}>{content}</Suspense>;
}
