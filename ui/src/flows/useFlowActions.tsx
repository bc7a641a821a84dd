import { type ReactNode, useCallback } from 'react';
import type { FlowRow } from '../api/own';
import { queryClient } from '../api/query';
import { useGo } from '../app/go';
import { to } from '../app/links';
import { useConfirm } from '../components/Confirm';
import { relativeTime } from '../components/format';
import { toast } from '../components/toast';
import { t } from '../messages/flows';
import { deleteFlow, download, manifest, publish, runNow, setEnabled } from './actions';

export type FlowAction = 'open' | 'run' | 'publish' | 'enable' | 'disable' | 'edit' | 'log' | 'clone' | 'export' | 'delete';

/** What can be done with one dataflow; `act` asks first where something would stop, start or go. */
export function useFlowActions(): readonly [dialog: ReactNode, act: (flow: FlowRow, action: FlowAction) => void] {
  const [dialog, ask] = useConfirm();
  const go = useGo();
  // Stable, since the columns of long lists are made of it.
  const act = useCallback((flow: FlowRow, action: FlowAction): void => {
    const { id, name } = flow;
    const last = flow.last.at(-1);
    switch (action) {
      case 'open': return go(to.flow(id));
      case 'edit': return go(to.flow(id, { tab: 'settings' }));
      case 'clone':
        clone(flow).then((draft) => go(to.newFlow({ draft, step: 'details' })), (error: unknown) => toast.failed(error));
        return;
      case 'log': return go(last === undefined ? to.flow(id, { tab: 'runs' }) : to.run(last.id, { tab: 'log' }));
      case 'export':
        manifest([id]).then((yaml) => download(`${name}.yaml`, yaml, 'application/yaml'), (error: unknown) => toast.failed(error));
        return;
      case 'publish':
        return ask({
          title: t('publishTitle', { name }), consequence: t('publishText', { text: flow.schedule.text }), action: t('publish'),
          onConfirm: async () => {
            await publish(id);
            toast.done(t('published', { name }));
          },
        });
      case 'enable':
        setEnabled(id, true).then(() => toast.done(t('enabled', { name })), (error: unknown) => toast.failed(error));
        return;
      case 'disable':
        return ask({
          title: t('disableTitle', { name }), consequence: t('disableText'), action: t('disable'),
          onConfirm: async () => {
            await setEnabled(id, false);
            toast.done(t('disabled', { name }));
          },
        });
      case 'run':
        if (flow.schedule.frequency !== 'once') {
          return ask({
            title: t('scheduledTitle', { name }), consequence: <><span>{scheduled(flow)}</span><span>{t('scheduledHow')}</span></>, action: t('openSchedule'),
            onConfirm: async () => go(to.flow(id, { tab: 'settings' })),
          });
        }
        return ask({
          title: t('runTitle', { name }), consequence: t('runText'),
          action: t('run'),
          onConfirm: async () => {
            const run = await runNow(id);
            toast.done(t('runStarted'));
            go(to.run(run.id));
          },
        });
      case 'delete':
        return ask({
          title: t('deleteTitle', { name }), consequence: t('deleteText', { dataset: flow.target.dataset.name }),
          action: t('deleteAction'), isDestructive: true,
          onConfirm: async () => {
            await deleteFlow(id, flow.etag);
            toast.done(t('deleted', { name }));
            go(to.flows());
          },
        });
    }
  }, [ask, go]);
  return [dialog, act];
}

/** What a clone needs is loaded when somebody clones. */
async function clone(flow: FlowRow): Promise<string> {
  const { cloneDraft, setup } = await import('./setup');
  return cloneDraft(await queryClient.fetchQuery(setup(flow)), t('copyOf', { name: flow.name }));
}

function scheduled({ schedule, freshness: { nextRunAt } }: FlowRow): string {
  const next = nextRunAt === undefined ? '' : t('runNext', { when: relativeTime(nextRunAt, Date.now()) });
  return t('runScheduled', { text: schedule.text, next });
}
