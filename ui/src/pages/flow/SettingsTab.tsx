import { Button, ButtonGroup, Content, Form, Heading, InlineAlert, NumberField, Picker, PickerItem, Radio, RadioGroup, Switch, TextArea, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, lazy, Suspense, useEffect, useState } from 'react';
import { call } from '../../api/client';
import { asApiError } from '../../api/errors';
import type { Flow } from '../../api/lists';
import type { FlowRow } from '../../api/own';
import { get, only, queryClient } from '../../api/query';
import { CopyAs } from '../../components/CopyAs';
import { ErrorBox } from '../../components/ErrorBox';
import { exactTime } from '../../components/format';
import { Plain } from '../../components/Plain';
import { Query } from '../../components/States';
import { toast } from '../../components/toast';
import { Pending } from '../../components/Pending';
import { refresh } from '../../flows/actions';
import { NextRuns } from '../../flows/NextRuns';
import { t } from '../../messages/flow';
import { type Clash, isSame, type Key, merge, nextOf, patchOf, type Settings, settingsOf } from './settings';

// Half of this page's script, for a date that is seldom set.
const Moment = lazy(() => import('../../flows/Moment'));

const columns = style({ display: 'grid', gridTemplateColumns: { default: '[minmax(0, 1fr)]', lg: '[minmax(0, 3fr) minmax(0, 2fr)]' }, gap: 32, minWidth: 0 });
const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body-sm', margin: 0 });
const quiet = style({ font: 'ui-sm', color: 'neutral-subdued' });
const full = style({ width: 'full' });
const WEEK = 7 * 86_400;

const labels: Readonly<Record<Key, () => string>> = {
  name: () => t('name'), description: () => t('description'), frequency: () => t('frequency'), interval: () => t('interval'), start: () => t('start'), end: () => t('end'),
  backfill: () => t('backfill'), partial: () => t('partial'), threshold: () => t('threshold'), diagnostics: () => t('diagnostics'),
};

function flowQuery(id: string) {
  return get('/data/foundation/flowservice/flows/{id}', { params: { path: { id } } });
}

export default function SettingsTab({ flow }: { readonly flow: FlowRow }) {
  const query = useQuery(flowQuery(flow.id));
  return <Query query={query}>{(page) => <Editor flow={only<Flow>(page)} />}</Query>;
}

interface Known {
  readonly settings: Settings;
  readonly etag: string;
}

function known(flow: Flow): Known {
  return { settings: settingsOf(flow), etag: flow.etag ?? '' };
}

/** What is typed is kept whatever the server says: a refused save changes nothing here. */
function Editor({ flow }: { readonly flow: Flow }) {
  const [base, setBase] = useState(() => known(flow));
  const [mine, setMine] = useState(base.settings);
  const [clashes, setClashes] = useState<readonly Clash[]>();
  const isClean = isSame(base.settings, mine);
  useEffect(() => {
    // Somebody's change is shown at once where nothing is typed; else it is met when saving.
    if (!isClean || flow.etag === base.etag) return;
    setBase(known(flow));
    setMine(settingsOf(flow));
  }, [flow, base.etag, isClean]);
  const path = `/data/foundation/flowservice/flows/${flow.id}`;
  const patch = patchOf(base.settings, mine);
  const save = useMutation({
    mutationFn: () => call<{ readonly etag: string }>(path, { method: 'PATCH', headers: { 'if-match': base.etag, 'content-type': 'application/json-patch+json' }, body: patch }),
    onSuccess: ({ etag }) => {
      setBase({ settings: mine, etag });
      setClashes(undefined);
      toast.done(t('saved'));
      refresh();
    },
    onError: async (error) => {
      if (asApiError(error).status !== 412) return;
      const now = known(only<Flow>(await queryClient.fetchQuery({ ...flowQuery(flow.id), staleTime: 0 })));
      const met = merge(base.settings, now.settings, mine);
      setBase(now);
      setMine(met.merged);
      setClashes(met.clashes);
    },
  });
  const set = (part: Partial<Settings>) => setMine({ ...mine, ...part });
  function submit(event: FormEvent): void {
    event.preventDefault();
    save.mutate();
  }
  return (
    <div className={columns}>
      <div className={column}>
        {clashes !== undefined && <Clashes clashes={clashes} mine={mine} onChoose={set} />}
        {save.error !== null && asApiError(save.error).status !== 412 && <ErrorBox error={save.error} />}
        <Form onSubmit={submit}>
          <h2 className={h2}>{t('details')}</h2>
          <TextField label={t('name')} value={mine.name} onChange={(name) => set({ name })} isRequired styles={full} />
          <TextArea label={t('description')} value={mine.description} onChange={(description) => set({ description })} styles={full} />
          <h2 className={h2}>{t('schedule')}</h2>
          <Schedule mine={mine} set={set} />
          <h2 className={h2}>{t('errors')}</h2>
          <Switch isSelected={mine.partial} onChange={(partial) => set({ partial })}>{t('partial')}</Switch>
          {mine.partial && <NumberField label={t('threshold')} value={mine.threshold} minValue={0} maxValue={100} onChange={(threshold) => set({ threshold })} />}
          <Switch isSelected={mine.diagnostics || mine.partial} isDisabled={mine.partial} onChange={(diagnostics) => set({ diagnostics })}>{t('diagnostics')}</Switch>
          <ButtonGroup>
            <Button type="submit" variant="accent" isPending={save.isPending} isDisabled={isClean}>{t('save')}</Button>
            <Button variant="secondary" isDisabled={isClean} onPress={() => { setMine(base.settings); setClashes(undefined); }}>{t('reset')}</Button>
          </ButtonGroup>
          {isClean
            ? <span className={quiet}>{t('noChanges')}</span>
            : <CopyAs of={t('settings')} call={{ method: 'PATCH', path, body: patch, headers: { 'if-match': base.etag } }} />}
        </Form>
      </div>
      <NextRuns schedule={nextOf(mine, Math.floor(Date.now() / 60_000) * 60)} isGoingOn={hasPassed(mine)} />
    </div>
  );
}

interface Fields {
  readonly mine: Settings;
  readonly set: (part: Partial<Settings>) => void;
}

function Schedule({ mine, set }: Fields) {
  const { frequency, interval, start, end } = mine;
  const isOnce = frequency === 'once';
  const soon = () => Math.ceil(Math.max(Date.now() / 1000, start ?? 0) / 3600) * 3600;
  return (
    <>
      <Picker label={t('frequency')} value={frequency} onChange={(key) => set({ frequency: String(key), ...(key === 'minute' && { interval: Math.max(15, interval) }) })}>
        {(['once', 'minute', 'hour', 'day', 'week'] as const).map((one) => <PickerItem key={one} id={one}>{t(one)}</PickerItem>)}
      </Picker>
      {!isOnce && (
        <NumberField label={t('interval')} value={interval} minValue={frequency === 'minute' ? 15 : 1} onChange={(next) => { if (!Number.isNaN(next)) set({ interval: Math.round(next) }); }} />
      )}
      {start !== undefined && hasPassed(mine)
        ? <TextField label={t('start')} value={exactTime(start * 1000)} isReadOnly description={t('startPassed')} styles={full} />
        : <Suspense fallback={<Pending />}><Moment label={t('start')} value={start ?? soon()} onChange={(next) => set({ start: next })} /></Suspense>}
      {!isOnce && (
        <RadioGroup label={t('end')} value={end === undefined ? 'never' : 'at'} onChange={(way) => set({ end: way === 'never' ? undefined : soon() + WEEK })}>
          <Radio value="never">{t('endNever')}</Radio>
          <Radio value="at">{t('endAt')}</Radio>
        </RadioGroup>
      )}
      {!isOnce && end !== undefined && <Suspense fallback={<Pending />}><Moment label={t('endTime')} value={end} onChange={(next) => set({ end: next })} /></Suspense>}
      <Switch isSelected={mine.backfill} isDisabled={isOnce} onChange={(backfill) => set({ backfill })}>{t('backfill')}</Switch>
    </>
  );
}

interface ClashesProps {
  readonly clashes: readonly Clash[];
  readonly mine: Settings;
  readonly onChoose: (part: Partial<Settings>) => void;
}

function Clashes({ clashes, mine, onChoose }: ClashesProps) {
  return (
    // What was refused takes the focus, as a summary of errors does.
    // eslint-disable-next-line jsx-a11y/no-autofocus
    <InlineAlert variant="notice" autoFocus>
      <Heading>{t('conflictTitle')}</Heading>
      <Content>
        <p className={text}>{clashes.some(({ isOpen }) => isOpen) ? t('conflictText') : t('conflictNone')}</p>
        <Plain
          label={t('conflictTitle')}
          columns={[t('name'), t('was'), t('theirs'), t('mine'), t('use')]}
          rows={clashes.map(({ key, was, theirs, mine: typed, isOpen }) => ({
            id: key,
            cells: [
              labels[key](), told(key, was), told(key, theirs), told(key, typed),
              isOpen ? (
                <RadioGroup key="use" aria-label={`${t('use')}: ${labels[key]()}`} value={mine[key] === theirs ? 'theirs' : 'mine'}
                  onChange={(whose) => onChoose({ [key]: whose === 'theirs' ? theirs : typed })}>
                  <Radio value="mine">{t('keepMine', { name: told(key, typed) })}</Radio>
                  <Radio value="theirs">{t('keepTheirs', { name: told(key, theirs) })}</Radio>
                </RadioGroup>
              ) : t('theirs'),
            ],
          }))}
        />
      </Content>
    </InlineAlert>
  );
}

function hasPassed({ start }: Settings): boolean {
  return start !== undefined && start * 1000 < Date.now();
}

/** A value as the form shows it. */
function told(key: Key, value: Settings[Key]): string {
  if (key === 'start' || key === 'end') return value === undefined ? t('endNever') : exactTime(Number(value) * 1000);
  if (typeof value === 'boolean') return value ? t('yes') : t('no');
  return String(value);
}
