import { Switch } from '@react-spectrum/s2';
import { useMemo } from 'react';
import type { FlowRow, RunRow } from '../../api/own';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { stateWord } from '../../components/Status';
import { t } from '../../messages/monitoring';
import { runColumns, sumColumns } from './columns';
import { narrowed } from './narrowed';
import { isFailure, type Sum, sums } from './runs';
import { Table } from './Table';

interface Props {
  readonly flows: readonly FlowRow[];
  readonly runs: readonly RunRow[];
  /** Whose runs are shown, once it is narrowed down to one. */
  readonly flow: FlowRow | undefined;
  readonly isSources: boolean;
}

/** Sources, the dataflows of one, or the runs of a dataflow: after the charts, since the table is heavier than they are. */
export default function Tables({ flows, runs, flow, isSources }: Props) {
  return flow === undefined ? <Sums flows={flows} runs={runs} isSources={isSources} /> : <Runs flow={flow} runs={runs} />;
}

function FailuresOnly() {
  const [url, setUrl] = useUrl();
  return <Switch isSelected={url.failures === true} onChange={(on) => setUrl({ failures: on ? true : undefined })}>{t('failuresOnly')}</Switch>;
}

function Sums({ flows, runs, isSources }: { readonly flows: readonly FlowRow[]; readonly runs: readonly RunRow[]; readonly isSources: boolean }) {
  const [url] = useUrl();
  const all = useMemo(
    () => sums(flows, runs, ({ id, name, source: { spec } }) => (isSources ? { id: spec.id, name: spec.title } : { id, name })),
    [flows, runs, isSources],
  );
  const columns = useMemo(() => sumColumns(isSources ? t('source') : t('flow'), !isSources), [isSources]);
  const shown = url.failures === true ? all.filter(({ failed, runsFailed }) => failed > 0 || runsFailed > 0) : all;
  return (
    <Table<Sum>
      label={isSources ? t('all') : t('flows')}
      items={shown}
      columns={columns}
      id={({ id }) => id}
      text={({ name, flow }) => `${name} ${flow === undefined ? '' : stateWord(flow.health)}`}
      href={({ id }) => narrowed(url, isSources ? { source: id } : { flow: id })}
      file={isSources ? 'sources' : 'dataflows'}
      controls={<FailuresOnly />}
    />
  );
}

function Runs({ flow, runs }: { readonly flow: FlowRow; readonly runs: readonly RunRow[] }) {
  const [url] = useUrl();
  const isFailuresOnly = url.failures === true;
  const shown = useMemo(() => (isFailuresOnly ? runs.filter(isFailure) : runs), [runs, isFailuresOnly]);
  const columns = useMemo(() => runColumns(), []);
  return (
    <Table<RunRow>
      label={flow.name}
      items={shown}
      columns={columns}
      id={({ id }) => id}
      text={({ number, status, error }) => `${t('runNumber', { number })} ${stateWord(status)} ${error?.code ?? ''} ${error?.message ?? ''}`}
      href={({ id }) => to.run(id)}
      file={`runs of ${flow.name}`}
      controls={<FailuresOnly />}
    />
  );
}
