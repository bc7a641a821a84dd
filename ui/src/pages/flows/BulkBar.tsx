import { ActionBar, ActionButton, Text } from '@react-spectrum/s2';
import Enable from '@react-spectrum/s2/icons/CheckmarkCircle';
import Export from '@react-spectrum/s2/icons/Export';
import Pause from '@react-spectrum/s2/icons/PauseCircle';
import Play from '@react-spectrum/s2/icons/Play';
import type { FlowRow } from '../../api/own';
import { useConfirm } from '../../components/Confirm';
import type { Selected } from '../../components/List';
import { toast } from '../../components/toast';
import { download, each, manifest, runNow, setEnabled } from '../../flows/actions';
import { t } from '../../messages/flows';

type Bulk = 'enable' | 'disable' | 'run' | 'export';
const consequences = { enable: () => t('bulkEnable'), disable: () => t('bulkDisable'), run: () => t('bulkRun') } as const;

/** What can be done with all the dataflows that are chosen. */
export default function BulkBar({ flows, selected }: { readonly flows: readonly FlowRow[]; readonly selected: Selected }) {
  const [dialog, ask] = useConfirm();
  function bulk(action: Bulk): void {
    const all = flows.filter(({ id }) => selected.has(id));
    // The service starts by hand only what has no schedule.
    const chosen = action === 'run' ? all.filter(({ schedule, state }) => schedule.frequency === 'once' && state === 'enabled') : all;
    const done = () => toast.done(t('bulkDone', { action: t(action), count: chosen.length }));
    if (action === 'export') {
      manifest(chosen.map(({ id }) => id)).then((yaml) => {
        download('dataflows.yaml', yaml, 'application/yaml');
        done();
      }, (error: unknown) => toast.failed(error));
      return;
    }
    if (chosen.length === 0) {
      toast.info(t('bulkRunNone'));
      return;
    }
    ask({
      title: t('bulkTitle', { action: t(action), count: chosen.length }),
      consequence: chosen.length === all.length ? consequences[action]() : <><span>{consequences[action]()}</span><span>{t('bulkRunLeft', { count: all.length - chosen.length })}</span></>,
      action: t(action),
      onConfirm: async () => {
        await each(chosen, ({ name }) => name, ({ id }) => (action === 'run' ? runNow(id) : setEnabled(id, action === 'enable')),
          (failed, of, reasons) => t('bulkFailed', { failed, of, reasons }));
        done();
      },
    });
  }
  return (
    <>
      <ActionBar>
        <ActionButton onPress={() => bulk('enable')}><Enable /><Text>{t('enable')}</Text></ActionButton>
        <ActionButton onPress={() => bulk('disable')}><Pause /><Text>{t('disable')}</Text></ActionButton>
        <ActionButton onPress={() => bulk('run')}><Play /><Text>{t('run')}</Text></ActionButton>
        <ActionButton onPress={() => bulk('export')}><Export /><Text>{t('export')}</Text></ActionButton>
      </ActionBar>
      {dialog}
    </>
  );
}
