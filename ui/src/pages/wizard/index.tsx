import { ActionButton, Button, Content, Heading, InlineAlert } from '@react-spectrum/s2';
import Check from '@react-spectrum/s2/icons/CheckmarkCircle';
import Circle from '@react-spectrum/s2/icons/Circle';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { call } from '../../api/client';
import { list } from '../../api/lists';
import { useGo, useUrl } from '../../app/go';
import { BASE, to } from '../../app/links';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { ErrorBox } from '../../components/ErrorBox';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { toast } from '../../components/toast';
import { t } from '../../messages/wizard';
import { type Source, sourcesOf } from '../../sources/specs';
import { useDraft } from '../../wizard/draft';
import { empty, lacks, type Step, steps, type WizardState } from '../../wizard/state';
import { Conflict } from './Conflict';
import { SourceStep } from './SourceStep';
import { stack } from './step';

const AccountStep = lazy(() => import('./AccountStep').then((m) => ({ default: m.AccountStep })));
const DataStep = lazy(() => import('./DataStep').then((m) => ({ default: m.DataStep })));
const MappingStep = lazy(() => import('./MappingStep').then((m) => ({ default: m.MappingStep })));
const ScheduleStep = lazy(() => import('./ScheduleStep').then((m) => ({ default: m.ScheduleStep })));
const DetailsStep = lazy(() => import('./DetailsStep').then((m) => ({ default: m.DetailsStep })));
const ReviewStep = lazy(() => import('./ReviewStep').then((m) => ({ default: m.ReviewStep })));

const nav = style({ display: 'flex', flexWrap: 'wrap', columnGap: 4, rowGap: 4, margin: 0, padding: 0, listStyleType: 'none' });
const item = style({
  font: 'ui', display: 'flex', alignItems: 'center', columnGap: 4, paddingX: 12, minHeight: 32, borderRadius: 'full', textDecoration: { default: 'none', ':hover': 'underline' },
  color: { default: 'neutral', isCurrent: 'white' }, backgroundColor: { default: 'gray-100', isCurrent: 'accent' }, fontWeight: { default: 'normal', isCurrent: 'bold' },
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: 2,
});
const h2 = style({ font: 'heading-sm', margin: 0, outlineStyle: 'none' });
const foot = style({
  display: 'flex', flexWrap: 'wrap', gap: 8, alignItems: 'center', borderTopWidth: 1, borderXWidth: 0, borderBottomWidth: 0, borderStyle: 'solid', borderColor: 'gray-200', paddingTop: 16,
});
const saved = style({ font: 'ui-sm', color: 'neutral-subdued' });
const push = style({ marginStart: 'auto', display: 'flex', gap: 8, flexWrap: 'wrap' });
const icon = iconStyle({ size: 'S' });
const iconOfCurrent = iconStyle({ size: 'S', color: 'white' });

/** A dataflow in seven steps. All that is put in is kept on the server: a reload, the back button and a shared link show the same. */
export default function WizardPage() {
  const { draft: id, spec, account } = useSearch({ from: '/$sandbox/flows/new' });
  const specs = useInfiniteQuery(list('connectionSpecs'));
  const initial = useMemo((): WizardState => ({ ...empty, ...(spec !== undefined && { specId: spec }), ...(account !== undefined && { connectionId: account }) }), [spec, account]);
  const { step: asked } = useSearch({ from: '/$sandbox/flows/new' });
  const [, setUrl] = useUrl();
  const step: Step = asked ?? (spec !== undefined ? 'account' : 'source');
  const draft = useDraft({ id, step, initial, onId: (made) => setUrl({ draft: made, spec: undefined, account: undefined, step }) });
  const above = [{ title: t('flows'), href: to.flows() }];
  if (draft.loadError !== undefined) {
    return <Page title={t('title')} breadcrumbs={above}><ErrorBox error={draft.loadError} onRetry={draft.reload} /></Page>;
  }
  const { state } = draft;
  return state === undefined
    ? <Page title={t('title')} breadcrumbs={above}><Skeleton /></Page>
    : <Query query={specs}>{(all) => <Wizard id={id} step={step} draft={draft} state={state} sources={sourcesOf(all)} above={above} />}</Query>;
}

interface Props {
  readonly id: string | undefined;
  readonly step: Step;
  readonly draft: ReturnType<typeof useDraft>;
  readonly state: WizardState;
  readonly sources: readonly Source[];
  readonly above: readonly { readonly title: string; readonly href: string }[];
}

function Wizard({ id, step, draft, state, sources, above }: Props) {
  const { change, save, saving, settle, close } = draft;
  const goTo = useGo();
  const [dialog, ask] = useConfirm();
  const [warned, setWarned] = useState<Step>();
  const heading = useRef<HTMLHeadingElement>(null);
  const at = steps.indexOf(step);
  const lacking = lacks(state);
  const source = sources.find((one) => one.id === state.specId);
  const address = (one: Step) => to.newFlow({ ...(id !== undefined && { draft: id }), step: one, ...(id === undefined && { spec: state.specId, account: state.connectionId }) });
  const wasAt = useRef(step);
  useEffect(() => {
    if (wasAt.current === step) return;
    wasAt.current = step;
    heading.current?.focus();
  }, [step]);

  async function go(one: Step): Promise<void> {
    // The draft's id must be in the address before another step is: the back button leads to it.
    const isFirst = id === undefined;
    if (isFirst) await save();
    setWarned(undefined);
    goTo(isFirst ? withDraft(one) : address(one));
  }
  function withDraft(one: Step): string {
    const made = new URLSearchParams(location.search).get('draft');
    return made === null ? address(one) : to.newFlow({ draft: made, step: one });
  }
  function next(): void {
    const following = steps[at + 1];
    if (lacking[step] !== undefined) setWarned(step);
    else if (following !== undefined) void go(following);
  }
  async function created(flow: string, runs: boolean): Promise<void> {
    await close();
    const run = runs ? await firstRun(flow) : undefined;
    goTo(run === undefined ? to.flow(flow) : to.run(run));
  }
  function saveDraft(): void {
    void save().then((isSaved) => {
      if (!isSaved) return;
      toast.done(t('draftToast'));
      goTo(to.flows());
    });
  }
  const props = { state, change, source, go: (one: Step) => void go(one) };
  return (
    <Page
      title={state.details.name === undefined || state.details.name === '' ? t('title') : state.details.name} breadcrumbs={above}
      actions={
        <>
          <CopyAs call={id === undefined ? { method: 'GET', path: '/data/foundation/forebay/drafts' } : { method: 'GET', path: `/data/foundation/forebay/drafts/${id}` }} />
          {id !== undefined && (
            <ActionButton onPress={() => ask({
              title: t('throwTitle'), consequence: t('throwText'), action: t('throwDo'), isDestructive: true,
              onConfirm: async () => {
                await close();
                goTo(to.flows());
              },
            })}>
              {t('throwAway')}
            </ActionButton>
          )}
        </>
      }
    >
      {dialog}
      <nav aria-label={t('steps')}>
        <ol className={nav}>
          {steps.map((one) => {
            const isDone = lacking[one] === undefined && (one !== 'review' || Object.keys(lacking).length === 0);
            return (
              <li key={one}>
                <a
                  href={BASE + address(one)} aria-current={one === step ? 'step' : undefined} className={item({ isCurrent: one === step })}
                  onClick={(event) => {
                    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                    event.preventDefault();
                    void go(one);
                  }}
                >
                  {isDone ? <Check styles={one === step ? iconOfCurrent : icon} aria-label={t('stepDone')} /> : <Circle styles={one === step ? iconOfCurrent : icon} aria-label={t('stepOpen')} />}
                  {t(one)}
                </a>
              </li>
            );
          })}
        </ol>
      </nav>
      {saving.is === 'conflict' && <Conflict mine={state} theirs={saving.theirs} onSettle={(takes) => settle(takes, saving.theirs)} />}
      <h2 ref={heading} tabIndex={-1} className={h2}>{t('stepOf', { at: at + 1, all: steps.length, name: step === 'account' && source !== undefined ? t('accountOf', { name: source.title }) : t(step) })}</h2>
      {warned === step && lacking[step] !== undefined && (
        // What keeps the step from being complete is what is to be heard now.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        <InlineAlert variant="negative" autoFocus>
          <Heading>{t('lacking')}</Heading>
          <Content>{t(lacking[step])}</Content>
        </InlineAlert>
      )}
      <div className={stack}>
        <Suspense fallback={<Skeleton />}>
          {step === 'source' && <SourceStep {...props} sources={sources} />}
          {step === 'account' && <AccountStep {...props} />}
          {step === 'data' && <DataStep {...props} />}
          {step === 'mapping' && <MappingStep {...props} />}
          {step === 'schedule' && <ScheduleStep {...props} />}
          {step === 'details' && <DetailsStep {...props} />}
          {step === 'review' && (
            <ReviewStep {...props} onSaveDraft={saveDraft} onCreated={created}
              onMade={async (made) => {
                change({ made });
                await save();
              }} />
          )}
        </Suspense>
      </div>
      <div className={foot}>
        <span role="status" className={saved}>
          {saving.is === 'none' ? t('draftNone') : saving.is === 'saving' ? t('draftSaving') : saving.is === 'saved' ? t('draftSaved')
            : saving.is === 'failed' ? t('draftFailed', { reason: saving.error.message }) : t('conflict')}
        </span>
        <div className={push}>
          {at > 0 && <Button variant="secondary" onPress={() => void go(steps[at - 1] ?? 'source')}>{t('back')}</Button>}
          {step !== 'review' && <Button variant="secondary" fillStyle="outline" onPress={saveDraft}>{t('saveDraft')}</Button>}
          {step !== 'review' && <Button variant="accent" onPress={next}>{t('next', { name: t(steps[at + 1] ?? 'review') })}</Button>}
        </div>
      </div>
    </Page>
  );
}

const PATIENCE = 10_000;

/** The run that the first tick of a new dataflow starts; undefined if it does not come soon. */
async function firstRun(flow: string): Promise<string | undefined> {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const { items: [run] } = await call<{ items: readonly { id: string }[] }>('/data/foundation/flowservice/runs', { query: { property: `flowId==${flow}` } });
    if (run !== undefined) return run.id;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return undefined;
}
