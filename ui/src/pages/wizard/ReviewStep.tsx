import { ActionButton, Button, ButtonGroup, Content, Heading, InlineAlert, Link } from '@react-spectrum/s2';
import Check from '@react-spectrum/s2/icons/CheckmarkCircle';
import Circle from '@react-spectrum/s2/icons/Circle';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { list } from '../../api/lists';
import { useSession } from '../../app/session';
import { DataGrid } from '../../components/DataGrid';
import { ErrorBox } from '../../components/ErrorBox';
import { exactTime } from '../../components/format';
import { Pending } from '../../components/Pending';
import { Query } from '../../components/States';
import { toast } from '../../components/toast';
import { Verbatim, verbatim } from '../../components/Verbatim';
import { NextRuns } from '../../flows/NextRuns';
import { t as common } from '../../messages/common';
import { t as sources } from '../../messages/sources';
import { t as ofFlow } from '../../messages/flow';
import { t } from '../../messages/wizard';
import { useCheck } from '../../mapping/check';
import { datasets } from '../../mapping/datasets';
import { type Sample, valueAt } from '../../sources/explore';
import { create, flowSpecOf, FULL, type Part, parts, type Progress, scheduleParams } from '../../wizard/create';
import { plan } from '../../wizard/plan';
import { lacks, type Made, type ScheduleState, type Step, without, type WizardState } from '../../wizard/state';
import { useSample } from '../../wizard/useSample';
import { h3, note, stack, type StepProps } from './step';

const groups = style({ display: 'grid', gap: 16, gridTemplateColumns: { default: '[repeat(auto-fill, minmax(min(100%, 300px), 1fr))]' } });
const group = style({ display: 'flex', flexDirection: 'column', rowGap: 8, padding: 16, borderRadius: 'lg', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', minWidth: 0 });
const head = style({ display: 'flex', alignItems: 'center', justifyContent: 'space-between', columnGap: 8 });
const facts = style({ display: 'grid', gridTemplateColumns: ['fit-content(50%)', 'minmax(0,1fr)'], columnGap: 16, rowGap: 4, font: 'ui', margin: 0 });
const term = style({ color: 'neutral-subdued' });
const value = style({ margin: 0, overflowWrap: 'anywhere' });
const code = style({ font: 'code-sm', margin: 0, padding: 16, overflow: 'auto', maxHeight: 400, backgroundColor: 'layer-1', borderRadius: 'default' });
const progress = style({ margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexDirection: 'column', rowGap: 4, font: 'ui' });
const step = style({ display: 'flex', columnGap: 8, alignItems: 'center' });
const done = iconStyle({ size: 'S', color: 'positive' });
const open = iconStyle({ size: 'S', color: 'gray' });

interface Props extends StepProps {
  /** Keeps what has been made with the draft, at once. */
  readonly onMade: (made: Readonly<Record<string, Made>>) => Promise<void>;
  readonly onCreated: (flow: string, runs: boolean) => Promise<void>;
  readonly onSaveDraft: () => void;
}

/** Everything at a glance, what lands, the plan; then the dataflow is made. */
export function ReviewStep({ state, source, go, onMade, onCreated, onSaveDraft }: Props) {
  const { tenant } = useSession();
  const connections = useInfiniteQuery(list('connections'));
  const existing = useQuery({ ...datasets(), enabled: state.target.datasetId !== undefined });
  const chosen = existing.data?.find((one) => one.id === state.target.datasetId);
  const connection = connections.data?.find((one) => one.id === state.connectionId)?.name ?? state.connectionId ?? '';
  const dataset = state.target.datasetId === undefined ? (state.target.datasetName ?? '') : (chosen?.name ?? state.target.datasetId);
  const [busy, setBusy] = useState<'run' | 'create'>();
  const [error, setError] = useState<unknown>();
  const [lastWay, setLastWay] = useState(true);
  const [told, setTold] = useState<Progress>();
  const missing = Object.keys(lacks(state)) as Step[];
  const text = plan(state, { connection, dataset, tenant }, source?.kind === 'table');

  async function make(runs: boolean): Promise<void> {
    if (source === undefined) return;
    setBusy(runs ? 'run' : 'create');
    setLastWay(runs);
    setError(undefined);
    try {
      // "Run now" is a first tick at the moment of creation.
      const wanted: WizardState = runs ? { ...state, schedule: without(state.schedule, 'startTime') } : state;
      const known = { source, tenant, flowSpec: await flowSpecOf(source), ...(chosen !== undefined && { schemaId: chosen.schema }) };
      const flow = await create(wanted, known, onMade, setTold);
      toast.done(t('created'));
      await onCreated(flow, runs);
    } catch (failure) {
      setError(failure);
      setBusy(undefined);
    }
  }
  return (
    <div className={stack}>
      {missing.length > 0 && (
        <InlineAlert variant="notice">
          <Heading>{t('incomplete', { count: missing.length })}</Heading>
          <Content>
            {missing.map((one) => <div key={one}>{t(lacks(state)[one] ?? 'lackName')} <Link onPress={() => go(one)}>{t('go', { name: t(one) })}</Link></div>)}
          </Content>
        </InlineAlert>
      )}
      <ButtonGroup>
        <Button variant="accent" isDisabled={missing.length > 0 || busy === 'create'} isPending={busy === 'run'} onPress={() => void make(true)}>{t('createRun')}</Button>
        <Button variant="secondary" isDisabled={missing.length > 0 || busy === 'run'} isPending={busy === 'create'} onPress={() => void make(false)}>{t('create')}</Button>
        <Button variant="secondary" fillStyle="outline" isDisabled={busy !== undefined} onPress={onSaveDraft}>{t('saveDraft')}</Button>
      </ButtonGroup>
      {told !== undefined && (busy !== undefined || error !== undefined) && <Parts of={told} />}
      {error !== undefined && <ErrorBox error={error} advice={t('failedAt')} onRetry={() => void make(lastWay)} />}
      <div className={groups}>
        <Group step="account" go={go}>
          {fact(t('source'), source?.title)}
          {fact(t('factAccount'), connection)}
        </Group>
        <Group step="data" go={go}>
          {fact(t('factPath'), state.data.params.path)}
          {fact(t('factFormat'), [state.data.format, ...Object.values(state.data.properties)].filter((one) => one !== undefined).map((one) => delimiters[String(one)]?.() ?? String(one)).join(' · '))}
          {state.data.deltaColumn !== undefined && fact(t('factChange'), state.data.deltaColumn.name)}
        </Group>
        <Group step="mapping" go={go}>
          {fact(t('factTarget'), state.target.datasetId === undefined && dataset !== '' ? t('factNew', { name: dataset }) : dataset)}
          {fact(t('mapping'), t('factMapped', { count: state.mapping.length }))}
          {state.target.datasetId === undefined && fact(t('factKey'), state.target.schema?.fields.find((one) => one.key === true)?.path ?? t('factNoKey'))}
        </Group>
        <Group step="schedule" go={go}>
          {fact(t('frequency'), often(state.schedule))}
          {fact(t('factStart'), state.schedule.startTime === undefined ? t('startNow') : exactTime(state.schedule.startTime * 1000))}
          {state.schedule.frequency !== 'once' && fact(t('factExisting'), state.schedule.backfill === false ? t('existingLeft') : t('existingTaken'))}
        </Group>
        <Group step="details" go={go}>
          {fact(t('name'), state.details.name)}
          {fact(t('factBad'), state.details.partialIngestionPercent === undefined ? t('noneAllowed') : t('upTo', { count: state.details.partialIngestionPercent }))}
          {fact(t('factAlerts'), state.details.webhook?.url ?? t('factNoAlerts'))}
        </Group>
      </div>
      <Lands state={state} source={source} schemaId={chosen?.schema} />
      {state.schedule.frequency !== 'once' && <NextRuns schedule={scheduleParams(state, Math.floor(Date.now() / 60_000) * 60_000)} />}
      <section className={stack} aria-labelledby="plan">
        <div className={head}>
          <h3 id="plan" className={h3}>{t('plan')}</h3>
          <ActionButton onPress={() => void navigator.clipboard.writeText(text).then(() => toast.done(common('copied')))}>{t('copyPlan')}</ActionButton>
        </div>
        <p className={note}>{t('planHelp')}</p>
        {/* It scrolls, so it can be focused. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className={code} tabIndex={0} role="group" aria-labelledby="plan"><Verbatim>{text}</Verbatim></pre>
      </section>
    </div>
  );
}

/** A lone comma between two dots is not read as one. */
const delimiters: Readonly<Record<string, () => string>> = {
  ',': () => sources('comma'), ';': () => sources('semicolon'), '|': () => sources('pipe'), '\t': () => sources('tab'), '\\t': () => sources('tab'),
};

function fact(name: string, content: ReactNode) {
  return <><dt className={term}>{name}</dt><dd className={value}>{content === '' || content === undefined ? t('nothingThere') : verbatim(content)}</dd></>;
}

function Group({ step: at, go, children }: { readonly step: Step; readonly go: (step: Step) => void; readonly children: ReactNode }) {
  return (
    <section className={group} aria-label={t(at)}>
      <div className={head}>
        <h3 className={h3}>{t(at)}</h3>
        <ActionButton size="S" aria-label={t('edit', { name: t(at) })} onPress={() => go(at)}>{t('editShort')}</ActionButton>
      </div>
      <dl className={facts}>{children}</dl>
    </section>
  );
}

function Parts({ of: { of, done: made } }: { readonly of: Progress }) {
  return (
    <ul className={progress} role="status">
      {parts.filter((one) => of.includes(one)).map((one) => {
        const isDone = made.includes(one);
        return (
          <li key={one} className={step}>
            {isDone ? <Check styles={done} aria-hidden /> : <Circle styles={open} aria-hidden />}
            {titleOf(one)} · {isDone ? t('partDone') : t('partNext')}
          </li>
        );
      })}
    </ul>
  );
}

function titleOf(part: Part): string {
  return part === 'webhook' ? t('alerts') : part === 'dataset' ? t('dataset') : part === 'newColumns' ? ofFlow('policy') : t(part);
}

export function often({ frequency, interval = frequency === 'minute' ? 15 : 1 }: ScheduleState): string {
  switch (frequency) {
    case 'once': return t('once');
    case 'minute': return t('everyMinutes', { count: interval });
    case 'hour': return t('everyHours', { count: interval });
    case 'day': return t('everyDays', { count: interval });
    case 'week': return t('everyWeeks', { count: interval });
  }
}

/** The first rows as they will be in the dataset. */
function Lands({ state, source, schemaId }: Pick<StepProps, 'state' | 'source'> & { readonly schemaId: string | undefined }) {
  const { query, previewed, found } = useSample(state, source);
  if (previewed === undefined) return found.isLoading ? <Pending /> : null;
  return (
    <section className={stack} aria-labelledby="lands">
      <h3 id="lands" className={h3}>{t('preview')}</h3>
      <Query query={query}>{(sample) => <Rows state={state} sample={sample} schemaId={schemaId} />}</Query>
    </section>
  );
}

const NO_FIELDS: readonly [] = [];

function Rows({ state, sample, schemaId }: { readonly state: WizardState; readonly sample: Sample; readonly schemaId: string | undefined }) {
  const schema = useMemo(() => (schemaId === undefined ? undefined : { id: schemaId, contentType: FULL }), [schemaId]);
  const check = useCheck(state.mapping, sample.rows, state.target.schema?.fields ?? NO_FIELDS, schema);
  const columns = useMemo(() => state.mapping.map((rule) => ({ id: rule.destination, title: rule.destination.replace(/^_\w+\./, '') })), [state.mapping]);
  const rows = useMemo(
    () => (check.data?.results ?? []).map((row) => Object.fromEntries(columns.map(({ id }) => [id, valueAt(row ?? undefined, id)]))),
    [check.data, columns],
  );
  return (
    <Query query={check} lines={3}>
      {() => <DataGrid label={t('previewRows')} columns={columns} rows={rows} height={Math.min(260, 64 + Math.max(1, rows.length) * 32)} />}
    </Query>
  );
}

