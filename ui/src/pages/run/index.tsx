import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useLive } from '../../api/live';
import { own, type RunDetail } from '../../api/own';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useShortcut } from '../../app/shortcuts';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { cancelRun, replayRun, retryRun, runCall } from '../../flows/actions';
import { t } from '../../messages/run';
import { Summary } from './Summary';

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
  const [dialog, ask] = useActions(detail);
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
          {detail.retriable && <Button variant="accent" onPress={() => ask('retry')}>{t('retry')}</Button>}
        </>
      }
      tabs={[
        { id: 'files', title: files.input > 0 ? t('filesCount', { count: files.input }) : t('files'), content: lazily(<FilesTab id={run.id} />) },
        { id: 'rows', title: run.failed > 0 ? t('rowsCount', { count: run.failed }) : t('rows'), content: lazily(<RowsTab id={run.id} />) },
        { id: 'log', title: t('log'), content: lazily(<LogTab id={run.id} isLive={isLive} />) },
        { id: 'config', title: t('config'), content: lazily(<ConfigTab detail={detail} />) },
        { id: 'metrics', title: t('metrics'), content: lazily(<MetricsTab detail={detail} />) },
      ]}
    >
      <div className={column}>
        {children}
        <Summary detail={detail} onRetry={() => ask('retry')} />
        {dialog}
      </div>
    </Page>
  );
}

function useActions({ run, flow }: RunDetail): readonly [ReactNode, (action: Action) => void] {
  const [dialog, ask] = useConfirm();
  const go = useGo();
  const { id, number } = run;
  const named = { number, flow: flow.name };
  const questions = {
    retry: {
      title: t('retryTitle', named), consequence: t('retryText'), action: t('retry'),
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
      title: t('cancelTitle', named), consequence: t('cancelText'), action: t('cancel'), isDestructive: true,
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
